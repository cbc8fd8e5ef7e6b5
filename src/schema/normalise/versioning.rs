//! Tables of MariaDB that keep their old rows (manual: "System-Versioned Tables").

use crate::schema::ddl::SYSTEM_VERSIONING;
use crate::schema::model::{IndexKind, Table, Text};

/// Takes away what follows from the rest: the end of a row's time behind the columns of each unique
/// index, and what columns say of versions in a table that has none.
pub fn settle_versioning(table: &mut Table) {
    let versioned = table.options.contains_key(&Text::new(SYSTEM_VERSIONING));
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
