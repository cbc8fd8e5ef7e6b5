//! Hints for statements of a fix: objects that may only have been renamed, and the values that existing
//! rows get in a new column.

use crate::report::visible;
use crate::schema::ddl::name;
use crate::schema::diff::{Change, Difference, SchemaObjectKind};
use crate::schema::model::{Column, Symbol};

/// Hints for adding a missing column.
pub(super) fn on_column(table: Symbol, column: &Column, difference: &Difference) -> Vec<String> {
    let mut hints = Vec::new();
    if let Some(old) = difference.renamed {
        let rename = format!(
            "ALTER TABLE {} RENAME COLUMN {} TO {}",
            name(&table),
            name(&old),
            name(&column.name)
        );
        hints.push(format!(
            "{} may be {} renamed: {} keeps its values, instead of adding it",
            visible(&column.name),
            visible(&old),
            visible(&rename)
        ));
    }
    let given = column.default.is_some() || column.generated.is_some() || column.auto_increment;
    if !column.nullable && !given {
        hints.push(format!(
            "existing rows get {} in {}",
            implicit_default(&column.ty),
            visible(&column.name)
        ));
    }
    hints
}

/// A hint for creating a missing table.
pub(super) fn on_table(differences: &[Difference]) -> Option<String> {
    let missing = differences.iter().find(|difference| {
        difference.kind == SchemaObjectKind::Table && matches!(difference.change, Change::Missing { .. })
    })?;
    let old = missing.renamed?;
    let rename = format!("RENAME TABLE {} TO {}", name(&old), name(&missing.name));
    Some(format!(
        "{} may be {} renamed: {} keeps its rows, instead of creating it",
        visible(&missing.name),
        visible(&old),
        visible(&rename)
    ))
}

/// The implicit default of a NOT NULL column (manual, "Data Type Default Values").
fn implicit_default(ty: &str) -> String {
    let head = ty.split(['(', ' ']).next().unwrap_or(ty);
    match head {
        "enum" => {
            let first = ty.split('\'').nth(1).unwrap_or_default();
            format!("the first value ('{}')", visible(first))
        }
        "date" | "datetime" | "timestamp" => "a zero date, which a strict server rejects".to_owned(),
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
