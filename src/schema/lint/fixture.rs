//! Schemas for the tests of the rules.

use super::lint;
use crate::schema::model::{Column, Index, IndexKind, KeyPart, PRIMARY, Schema, Symbol, Table};

pub(super) fn key(name: &str) -> Symbol {
    Symbol::new(name)
}

pub(super) fn index(kind: IndexKind, columns: &[&str]) -> Index {
    Index {
        kind,
        parts: columns.iter().map(|column| KeyPart::column(column)).collect(),
        ..Index::default()
    }
}

/// Adds a plain index over `columns`.
pub(super) fn add_index(table: &mut Table, name: &str, columns: &[&str]) {
    table.indexes.insert(key(name), index(IndexKind::Plain, columns));
}

/// A table without findings: `id` (the key, a counter), `code` and `other`.
pub(super) fn sound() -> Table {
    let mut table = Table::new(Symbol::new("utf8mb4_general_ci"));
    let id = Column::with("id", "int", |id| id.auto_increment = true);
    let code = Column::with("code", "varchar(10)", |code| {
        code.collation = Some(Symbol::new("utf8mb4_general_ci"));
    });
    table.columns = vec![id, code, Column::new("other", "int")].into();
    table
        .indexes
        .insert(Symbol::new(PRIMARY), index(IndexKind::Primary, &["id"]));
    table
}

/// All findings (rule and object) in a schema of the table `t`, sound except for `change`, and a sound
/// table `peer` with an index on `code`.
pub(super) fn found(change: impl FnOnce(&mut Table)) -> Vec<(&'static str, String)> {
    let mut schema = Schema::default();
    let mut other = sound();
    add_index(&mut other, "code", &["code"]);
    schema.tables.insert(Symbol::new("peer"), other);
    let mut table = sound();
    change(&mut table);
    schema.tables.insert(Symbol::new("t"), table);
    lint(&schema)
        .into_iter()
        .map(|finding| (finding.rule, finding.object))
        .collect()
}

/// The fixes of one rule's findings.
pub(super) fn fixes(schema: &Schema, rule: &str) -> Vec<String> {
    let findings = lint(schema).into_iter();
    findings
        .filter(|finding| finding.rule == rule)
        .map(|finding| finding.fix)
        .collect()
}
