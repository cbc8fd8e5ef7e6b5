//! System-versioned tables of MariaDB (manual: "System-Versioned Tables").

use crate::schema::ddl::SYSTEM_VERSIONING;
use crate::schema::model::{IndexKind, Symbol, Table};

/// Removes redundant information: the end column of the row period after the columns of each unique
/// index, and versioning attributes of columns in a table without versioning.
pub fn normalise_versioning(table: &mut Table) {
    let versioned = table.options.contains_key(&Symbol::new(SYSTEM_VERSIONING));
    for at in 0..table.columns.len() {
        if table.columns[at].unversioned && !versioned {
            table.columns[at].change(|column| column.unversioned = false);
        }
    }
    let Some(end) = table.row_times().map(|(_, end)| end.name) else {
        return;
    };
    for (_, index) in table.indexes.iter_mut() {
        let unique = matches!(index.kind, IndexKind::Primary | IndexKind::Unique);
        let added = index.parts.last().and_then(|part| part.column_name()) == Some(end);
        if unique && added && index.parts.len() > 1 {
            index.parts.pop();
        }
    }
}
