//! Schemas for the tests of the rules.

use super::lint;
use crate::schema::model::{Column, Index, IndexKind, PRIMARY, Part, Schema, Table, Text};

pub(super) fn key(name: &str) -> Text {
    Text::new(name)
}

pub(super) fn index(kind: IndexKind, columns: &[&str]) -> Index {
    Index {
        kind,
        parts: columns.iter().map(|column| Part::column(column)).collect(),
        ..Index::default()
    }
}

/// Adds a plain index over `columns`.
pub(super) fn add_index(table: &mut Table, name: &str, columns: &[&str]) {
    table.indexes.insert(key(name), index(IndexKind::Plain, columns));
}

/// A table in which no rule finds anything: `id` (the key, a counter), `code` and `other`.
pub(super) fn sound() -> Table {
    let mut table = Table::new(Text::new("utf8mb4_general_ci"));
    let id = Column::with("id", "int", |id| id.auto_increment = true);
    let code = Column::with("code", "varchar(10)", |code| {
        code.collation = Some(Text::new("utf8mb4_general_ci"));
    });
    table.columns = vec![id, code, Column::new("other", "int")].into();
    table
        .indexes
        .insert(Text::new(PRIMARY), index(IndexKind::Primary, &["id"]));
    table
}

/// What all rules find in a schema of the table `t`, sound but for `change`, and a sound table `peer`
/// with an index on `code`: rule and object.
pub(super) fn found(change: impl FnOnce(&mut Table)) -> Vec<(&'static str, String)> {
    let mut schema = Schema::default();
    let mut other = sound();
    add_index(&mut other, "code", &["code"]);
    schema.tables.insert(Text::new("peer"), other);
    let mut table = sound();
    change(&mut table);
    schema.tables.insert(Text::new("t"), table);
    lint(&schema)
        .into_iter()
        .map(|one| (one.rule, one.object))
        .collect()
}

/// The fixes of one rule's findings.
pub(super) fn fixes(schema: &Schema, rule: &str) -> Vec<String> {
    let findings = lint(schema).into_iter();
    findings
        .filter(|one| one.rule == rule)
        .map(|one| one.fix)
        .collect()
}
