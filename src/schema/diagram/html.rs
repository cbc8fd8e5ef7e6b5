//! Writes a graph as one HTML page: the drawing with search, zoom and the details of a table. The
//! page loads no other resources.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::graph::Graph;
use super::xml::{XmlText, script};
use super::{layout, svg};
use crate::schema::ddl::{self, Writer};
use crate::schema::diff::{Change, Difference, SchemaObjectKind, with_definition};
use crate::schema::model::{Column, Schema, Symbol, Table};

const PAGE: &str = include_str!("page.html");

/// Writes the page.
pub(super) fn draw(
    graph: &Graph,
    live: &Schema,
    expected: Option<&Schema>,
    drift: &[Difference],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut parts = PAGE.split("{{");
    write!(out, "{}", parts.next().unwrap_or_default())?;
    for part in parts {
        let (hole, rest) = part.split_once("}}").unwrap_or_default();
        match hole {
            "title" => write!(out, "{}", XmlText(graph.title))?,
            "legend" => svg::draw_legend(graph, out)?,
            "drawing" => svg::draw_within_page(graph, &layout::lay_out(graph), out)?,
            _ => details(graph, live, expected, drift, out)?,
        }
        write!(out, "{rest}")?;
    }
    Ok(())
}

/// The details shown for a selected table.
#[derive(Serialize)]
struct Details {
    comment: Option<Symbol>,
    engine: Symbol,
    collation: Symbol,
    columns: Vec<(Symbol, String, Option<Symbol>)>,
    indexes: Vec<String>,
    #[serde(rename = "foreign keys")]
    foreign_keys: Vec<String>,
    checks: Vec<String>,
    triggers: Vec<String>,
    differences: Vec<(&'static str, String)>,
}

/// Writes a JSON object with the details of each table of the graph.
fn details(
    graph: &Graph,
    live: &Schema,
    expected: Option<&Schema>,
    drift: &[Difference],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut differences: BTreeMap<Symbol, Vec<&Difference>> = BTreeMap::new();
    for difference in drift {
        if let Some(table) = difference.table {
            differences.entry(table).or_default().push(difference);
        }
    }
    write!(out, "{{")?;
    for (at, table_box) in graph.boxes.iter().enumerate() {
        let source = [Some(live), expected]
            .into_iter()
            .flatten()
            .find_map(|schema| Some((schema, schema.tables.get(&table_box.name)?)));
        let Some((schema, table)) = source else { continue };
        let differences = differences.get(&table_box.name).map_or(&[][..], |list| list);
        let with_definition = |difference: &&'_ Difference| {
            with_definition(difference, expected.unwrap_or(live), live).into_owned()
        };
        let differences: Vec<Difference> = differences.iter().map(with_definition).collect();
        let details = Details::new(schema, &table_box.name, table, &differences);
        write!(out, "{}", if at == 0 { "\n" } else { ",\n" })?;
        script(&table_box.name, out)?;
        write!(out, ":")?;
        script(&details, out)?;
    }
    writeln!(out, "\n}}")
}

impl Details {
    fn new(schema: &Schema, name: &str, table: &Table, differences: &[Difference]) -> Details {
        let writer = Writer::own(schema);
        let column = |column: &Column| {
            let mut bare = *column;
            bare.change(|attributes| attributes.comment = None);
            let definition = writer.column(&bare, Some(table.collation), None);
            (column.name, definition, column.comment)
        };
        Details {
            comment: table.comment,
            engine: table.engine,
            collation: table.collation,
            columns: table.columns.iter().map(column).collect(),
            indexes: table
                .indexes
                .iter()
                .map(|(name, index)| writer.index(name, index))
                .collect(),
            foreign_keys: table
                .foreign_keys
                .iter()
                .map(|(key_name, key)| ddl::foreign_key(name, key_name, key))
                .collect(),
            checks: table
                .checks
                .iter()
                .map(|(check_name, check)| ddl::check(name, check_name, check))
                .collect(),
            triggers: table
                .triggers
                .iter()
                .map(|(trigger_name, trigger)| format!("{trigger_name} ({})", trigger.when))
                .collect(),
            differences: differences.iter().map(describe).collect(),
        }
    }
}

/// The kind of a change and its description.
fn describe(difference: &Difference) -> (&'static str, String) {
    let mut text = match difference.kind {
        SchemaObjectKind::Table => difference.kind.as_str().to_owned(),
        kind => format!("{} {}", kind.as_str(), difference.name),
    };
    match &difference.change {
        // The details show the whole table anyway.
        Change::Missing { .. } | Change::Extra { .. } if difference.kind == SchemaObjectKind::Table => {}
        Change::Missing { expected: definition } | Change::Extra { live: definition } => {
            text.push_str(&format!("\n{definition}"));
        }
        Change::Different { fields } => {
            for field in fields {
                text.push_str(&format!(
                    "\n{}: {} expected, {} there",
                    field.property, field.expected, field.live
                ));
            }
        }
    }
    (difference.change.as_str(), text)
}
