//! Functions on indexes shared by several rules.

use crate::schema::ddl::name;
use crate::schema::model::{Index, IndexKind, Symbol, Table};

/// Whether the index is ordered by its columns, so that its prefixes are usable.
pub(super) fn plain_parts(index: &Index) -> bool {
    !matches!(index.kind, IndexKind::Fulltext | IndexKind::Spatial) && !index.hash
}

/// The statement that drops an index.
pub(super) fn drop_index(table: &str, index: &str) -> String {
    format!("ALTER TABLE {} DROP INDEX {};", name(table), name(index))
}

/// The indexes of a table with the same columns as another, and that other's name. Invisible indexes
/// serve no query and are reported first.
pub(super) fn duplicates(table: &Table) -> Vec<(Symbol, Symbol)> {
    let family = |index: &Index| match index.kind {
        IndexKind::Fulltext | IndexKind::Spatial => index.kind,
        _ => IndexKind::Plain,
    };
    let promises = |index: &Index| matches!(index.kind, IndexKind::Primary | IndexKind::Unique);
    let mut indexes: Vec<_> = table.indexes.iter().collect();
    indexes.sort_by_key(|(name, index)| (!promises(index), index.invisible, index.kind, **name));
    let mut seen: Vec<(Symbol, &Index)> = Vec::new();
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
