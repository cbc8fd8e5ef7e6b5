//! What several rules ask about indexes.

use crate::schema::ddl::name;
use crate::schema::model::{Index, IndexKind, Table, Text};

/// Whether the index orders its columns as they are, so that the beginning of it serves too.
pub(super) fn plain_parts(index: &Index) -> bool {
    !matches!(index.kind, IndexKind::Fulltext | IndexKind::Spatial) && !index.hash
}

/// The statement that drops an index.
pub(super) fn drop_index(table: &str, index: &str) -> String {
    format!("ALTER TABLE {} DROP INDEX {};", name(table), name(index))
}

/// The indexes of a table that have the same columns as another, with that other's name. What
/// is invisible serves no query, so it goes first.
pub(super) fn duplicates(table: &Table) -> Vec<(Text, Text)> {
    let family = |one: &Index| match one.kind {
        IndexKind::Fulltext | IndexKind::Spatial => one.kind,
        _ => IndexKind::Plain,
    };
    let promises = |one: &Index| matches!(one.kind, IndexKind::Primary | IndexKind::Unique);
    let mut indexes: Vec<_> = table.indexes.iter().collect();
    indexes.sort_by_key(|(name, index)| (!promises(index), index.invisible, index.kind, **name));
    let mut seen: Vec<(Text, &Index)> = Vec::new();
    let mut out = Vec::new();
    for (name, index) in indexes {
        let same = seen.iter().find(|(_, other)| {
            let served = index.invisible || !other.invisible;
            other.parts == index.parts && family(other) == family(index) && served
        });
        match same {
            Some((other, _)) => out.push((*name, *other)),
            None => seen.push((*name, index)),
        }
    }
    out.sort();
    out
}
