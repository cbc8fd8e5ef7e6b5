//! What a rule sees of a statement and of a file.

use super::known_tables::KnownTables;
use super::since::ChangedFiles;
use crate::migrate::files::{Folder, Migration, ScriptStatement};
use crate::migrate::online_ddl::SessionSettings;
use crate::sql::{AlterAction, Classification, ColumnDef, ObjectKind, ObjectName, TableDef};

/// A statement, and the schema before it.
pub(super) struct StatementView<'a> {
    pub(super) statement: &'a ScriptStatement,
    pub(super) found: &'a Classification,
    pub(super) tables: &'a KnownTables,
    /// The session's settings.
    pub(super) settings: &'a SessionSettings,
    /// Whether a transaction of the file is open.
    pub(super) in_transaction: bool,
}

impl StatementView<'_> {
    pub(super) fn text(&self) -> &str {
        &self.statement.text
    }

    /// The changes of a table that exists before the migration, with its definition if that is known.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&ObjectName, Option<&TableDef>, &AlterAction)> {
        let altered = self.found.objects.first().filter(|object| {
            object.kind == ObjectKind::Table && !self.found.temporary && !self.tables.is_new(&object.name)
        });
        altered.into_iter().flat_map(move |object| {
            let table = self.tables.get(&object.name);
            let actions = self.found.actions.iter();
            actions.map(move |action| (&object.name, table, action))
        })
    }

    /// Columns that get a new definition: the table, the column, the definition before it if that is known, and the
    /// new one.
    pub(super) fn modified(
        &self,
    ) -> impl Iterator<Item = (&ObjectName, &str, Option<&ColumnDef>, &ColumnDef)> {
        self.changes().filter_map(|(name, table, action)| match action {
            AlterAction::ModifyColumn {
                name: column, def, ..
            } => {
                let old = table.and_then(|table| table.column(column)).map(|(_, old)| old);
                Some((name, column.as_str(), old, def))
            }
            _ => None,
        })
    }

    /// Columns that an existing table gets.
    pub(super) fn added(&self) -> impl Iterator<Item = (&ObjectName, &str, &ColumnDef)> {
        self.changes().filter_map(|(name, _, action)| match action {
            AlterAction::AddColumn { name: column, def } => Some((name, column.as_str(), def)),
            _ => None,
        })
    }

    /// The table that the statement creates, with its definition.
    pub(super) fn created(&self) -> Option<(&ObjectName, TableDef)> {
        let object = self.found.objects.first()?;
        let creates = self.found.verb == "CREATE TABLE" && !self.found.temporary;
        let table = creates.then(|| TableDef::parse(self.text())).flatten()?;
        Some((&object.name, table))
    }
}

/// A migration's file among the others.
pub(super) struct FileView<'a> {
    pub(super) folder: &'a Folder,
    pub(super) migration: &'a Migration,
    /// Whether its text has a part that takes it back.
    pub(super) has_down: bool,
    /// Whether any migration of the folder can be taken back.
    pub(super) downs_are_usual: bool,
    /// Ids in `-- dbtool:lint-ignore` that are no rules.
    pub(super) unknown_rules: &'a [String],
    /// What git says, with `--since`.
    pub(super) changed: Option<&'a ChangedFiles>,
}

impl FileView<'_> {
    /// The file's name.
    pub(super) fn file(&self) -> String {
        let name = self.migration.up.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}
