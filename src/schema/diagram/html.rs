//! The scene as a page: the drawing with search, zoom and the details of a table. Everything
//! is in the one file; it loads nothing.

use serde_json::json;

use super::scene::Scene;
use super::{place, svg};
use crate::schema::ddl::{self, Writer};
use crate::schema::model::Schema;

const PAGE: &str = include_str!("page.html");

/// Draws the page.
pub(super) fn draw(scene: &Scene, live: &Schema, expected: Option<&Schema>) -> String {
    let drawing = svg::draw(scene, &place::place(scene), true);
    // Within a script element only `</` could end it early.
    let details = details(live, expected).to_string().replace("</", "<\\/");
    PAGE.replacen("{{title}}", &svg::escape(&scene.title), 2)
        .replacen("{{details}}", &details, 1)
        .replacen("{{drawing}}", &drawing, 1)
}

/// What is shown of each table when it is chosen.
fn details(live: &Schema, expected: Option<&Schema>) -> serde_json::Value {
    let mut out = serde_json::Map::new();
    let missing = expected.into_iter().flat_map(|schema| {
        schema
            .tables
            .iter()
            .map(move |(name, table)| (schema, name, table))
    });
    for (schema, name, table) in live
        .tables
        .iter()
        .map(|(name, table)| (live, name, table))
        .chain(missing)
    {
        if out.contains_key(name.as_str()) {
            continue;
        }
        let writer = Writer::own(schema);
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|column| {
                let comment = column.comment.map_or("", |text| text.as_str());
                let mut bare = *column;
                bare.change(|attributes| attributes.comment = None);
                json!([
                    column.name,
                    writer.column(&bare, Some(table.collation), None),
                    comment
                ])
            })
            .collect();
        let indexes: Vec<_> = table
            .indexes
            .iter()
            .map(|(name, index)| writer.index(name, index))
            .collect();
        let keys: Vec<_> = table
            .foreign_keys
            .iter()
            .map(|(key, one)| ddl::foreign_key(name, key, one))
            .collect();
        let checks: Vec<_> = table
            .checks
            .iter()
            .map(|(check, one)| ddl::check(name, check, one))
            .collect();
        let triggers: Vec<_> = table
            .triggers
            .iter()
            .map(|(trigger, one)| format!("{trigger} ({})", one.when))
            .collect();
        out.insert(
            name.to_string(),
            json!({
                "comment": table.comment, "engine": table.engine, "collation": table.collation,
                "columns": columns, "indexes": indexes, "foreign keys": keys, "checks": checks, "triggers": triggers,
            }),
        );
    }
    out.into()
}
