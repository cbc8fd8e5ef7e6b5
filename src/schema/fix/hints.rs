//! What to know before a statement of a fix is run: names that may only have changed, and what
//! the rows that are there get in a new column.

use crate::report::visible;
use crate::schema::ddl::name;
use crate::schema::diff::{Change, Difference, Kind};
use crate::schema::model::{Column, Text};

/// What to know before a missing column is added.
pub(super) fn on_column(table: Text, column: &Column, difference: &Difference) -> Vec<String> {
    let mut hints = Vec::new();
    if let Some(old) = difference.renamed {
        let rename = format!(
            "ALTER TABLE {} RENAME COLUMN {} TO {}",
            name(&table),
            name(&old),
            name(&column.name)
        );
        hints.push(format!(
            "{} may be {} under another name: {} then keeps what it holds, in the place of adding it",
            visible(&column.name),
            visible(&old),
            visible(&rename)
        ));
    }
    let given = column.default.is_some() || column.generated.is_some() || column.auto_increment;
    if !column.nullable && !given {
        hints.push(format!(
            "the rows that are there get {} in {}",
            implicit_default(&column.ty),
            visible(&column.name)
        ));
    }
    hints
}

/// What to know before a missing table is made.
pub(super) fn on_table(differences: &[Difference]) -> Option<String> {
    let missing = differences
        .iter()
        .find(|one| one.kind == Kind::Table && matches!(one.change, Change::Missing { .. }))?;
    let old = missing.renamed?;
    let rename = format!("RENAME TABLE {} TO {}", name(&old), name(&missing.name));
    Some(format!(
        "{} may be {} under another name: {} then keeps its rows, in the place of making it",
        visible(&missing.name),
        visible(&old),
        visible(&rename)
    ))
}

/// What a NOT NULL column without a default gets (manual, "Data Type Default Values").
fn implicit_default(ty: &str) -> String {
    let head = ty.split(['(', ' ']).next().unwrap_or(ty);
    match head {
        "enum" => {
            let first = ty.split('\'').nth(1).unwrap_or_default();
            format!("the first value ('{}')", visible(first))
        }
        "date" | "datetime" | "timestamp" => "a zero date, which a strict server refuses".to_owned(),
        "time" => "'00:00:00'".to_owned(),
        "json" | "geometry" | "point" | "linestring" | "polygon" | "uuid" | "inet4" | "inet6" => {
            "an empty value, where the server has one".to_owned()
        }
        _ if head.ends_with("char")
            || head.ends_with("text")
            || head.ends_with("blob")
            || head.ends_with("binary")
            || head == "set" =>
        {
            "''".to_owned()
        }
        _ => "0".to_owned(),
    }
}
