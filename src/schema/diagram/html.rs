//! The scene as a page: the drawing with search, zoom and the details of a table. Everything
//! is in the one file; it loads nothing.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::scene::Scene;
use super::xml::{Xml, script};
use super::{place, svg};
use crate::schema::ddl::{self, Writer};
use crate::schema::diff::{Change, Difference, Kind, defined};
use crate::schema::model::{Column, Schema, Table, Text};

const PAGE: &str = include_str!("page.html");

/// Draws the page.
pub(super) fn draw(
    scene: &Scene,
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
            "title" => write!(out, "{}", Xml(scene.title))?,
            "legend" => svg::draw_legend(scene, out)?,
            "drawing" => svg::draw_within_page(scene, &place::place(scene), out)?,
            _ => details(scene, live, expected, drift, out)?,
        }
        write!(out, "{rest}")?;
    }
    Ok(())
}

/// What is shown of each table when it is chosen.
#[derive(Serialize)]
struct Details {
    comment: Option<Text>,
    engine: Text,
    collation: Text,
    columns: Vec<(Text, String, Option<Text>)>,
    indexes: Vec<String>,
    #[serde(rename = "foreign keys")]
    foreign_keys: Vec<String>,
    checks: Vec<String>,
    triggers: Vec<String>,
    differences: Vec<(&'static str, String)>,
}

/// Writes an object with the details of each table of the scene.
fn details(
    scene: &Scene,
    live: &Schema,
    expected: Option<&Schema>,
    drift: &[Difference],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut differences: BTreeMap<Text, Vec<&Difference>> = BTreeMap::new();
    for one in drift {
        if let Some(table) = one.table {
            differences.entry(table).or_default().push(one);
        }
    }
    write!(out, "{{")?;
    for (at, one) in scene.boxes.iter().enumerate() {
        let found = [Some(live), expected]
            .into_iter()
            .flatten()
            .find_map(|schema| Some((schema, schema.tables.get(&one.name)?)));
        let Some((schema, table)) = found else { continue };
        let differences = differences.get(&one.name).map_or(&[][..], |list| list);
        let whole = |one: &&'_ Difference| defined(one, expected.unwrap_or(live), live).into_owned();
        let differences: Vec<Difference> = differences.iter().map(whole).collect();
        let details = Details::new(schema, &one.name, table, &differences);
        write!(out, "{}", if at == 0 { "\n" } else { ",\n" })?;
        script(&one.name, out)?;
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
                .map(|(key, one)| ddl::foreign_key(name, key, one))
                .collect(),
            checks: table
                .checks
                .iter()
                .map(|(check, one)| ddl::check(name, check, one))
                .collect(),
            triggers: table
                .triggers
                .iter()
                .map(|(trigger, one)| format!("{trigger} ({})", one.when))
                .collect(),
            differences: differences.iter().map(difference).collect(),
        }
    }
}

/// A difference as its word and in words.
fn difference(one: &Difference) -> (&'static str, String) {
    let mut text = match one.kind {
        Kind::Table => one.kind.words().to_owned(),
        kind => format!("{} {}", kind.words(), one.name),
    };
    match &one.change {
        // The whole table is there to be read anyway.
        Change::Missing { .. } | Change::Extra { .. } if one.kind == Kind::Table => {}
        Change::Missing { expected: definition } | Change::Extra { live: definition } => {
            text.push_str(&format!("\n{definition}"));
        }
        Change::Different { fields } => {
            for field in fields {
                text.push_str(&format!(
                    "\n{}: {} expected, {} there",
                    field.name, field.expected, field.live
                ));
            }
        }
    }
    (one.change.word(), text)
}
