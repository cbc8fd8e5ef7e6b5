//! The rule `redundant-index`.

use std::collections::BTreeSet;

use crate::schema::lint::Finding;
use crate::schema::lint::indexes::{drop_index, duplicates, plain_parts};
use crate::schema::lint::rule::rule;
use crate::schema::model::{Index, IndexKind, Schema, Symbol};

rule! {
    /// # What it does
        /// Finds indexes whose columns are the first ones of a longer index. A unique index is a constraint and never
        /// redundant; hash indexes of MEMORY tables serve whole keys only and are ignored.
    ///
    /// # Why it matters
    /// The longer index serves the same queries; the shorter one costs space and time on every write.
    ///
    /// # Example
    /// ```sql
    /// CREATE TABLE orders (
    ///   id INT PRIMARY KEY, customer INT, placed DATE,
    ///   KEY by_customer (customer), KEY by_customer_and_day (customer, placed)
    /// );
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// ALTER TABLE orders DROP INDEX by_customer;
    /// ```
    id: "redundant-index",
    severity: Performance,
    summary: "indexes that are a prefix of another",
    why: "a longer index starts with the same columns and serves the same queries",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    // Hash indexes of MEMORY tables serve whole keys only.
    let tables = schema
        .tables
        .iter()
        .filter(|(_, table)| !table.engine.eq_ignore_ascii_case("memory"));
    for (table_name, table) in tables {
        let copies: BTreeSet<Symbol> = duplicates(table).into_iter().map(|(copy, _)| copy).collect();
        for (index_name, index) in table.indexes.iter().filter(|(name, _)| !copies.contains(*name)) {
            // A unique index is also a constraint.
            if index.kind != IndexKind::Plain || !plain_parts(index) {
                continue;
            }
            let longer = table.indexes.iter().find(|(_, other)| {
                plain_parts(other) && serves(other, index) && (index.invisible || !other.invisible)
            });
            if let Some((other, _)) = longer {
                let finding = RULE.finding(
                    format!("{table_name}.{index_name}"),
                    format!("is a prefix of {other}"),
                    drop_index(table_name, index_name),
                );
                out.push(finding.relying_on(*table_name, *other));
            }
        }
    }
}

/// Whether `long` serves all queries of `short`: its parts start with those of `short`, of which the
/// last may be a shorter prefix of its column.
fn serves(long: &Index, short: &Index) -> bool {
    let Some((last, first)) = short.parts.split_last() else {
        return false;
    };
    let Some(other) = long.parts.get(first.len()) else {
        return false;
    };
    let same = (last.key, last.descending) == (other.key, other.descending);
    let longer = last
        .prefix
        .is_some_and(|short| other.prefix.is_none_or(|long| long > short));
    let more = long.parts.len() > short.parts.len();
    long.parts.starts_with(first) && same && (longer || (more && last.prefix == other.prefix))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::schema::lint::fixture::{add_index, found, index, key};

    #[test]
    fn the_beginning_of_a_longer_one_is_found() {
        let prefix = found(|table| {
            add_index(table, "a", &["other"]);
            add_index(table, "b", &["other", "id"]);
        });
        assert_eq!(prefix, [("redundant-index", "t.a".to_owned())]);
    }

    #[test]
    fn a_unique_index_is_never_redundant() {
        let unique = found(|table| {
            table
                .indexes
                .insert(key("a"), index(IndexKind::Unique, &["other"]));
            add_index(table, "b", &["other", "id"]);
        });
        assert_eq!(unique, [], "a unique index is never redundant");
    }

    #[test]
    fn indexes_that_serve_no_query_replace_none() {
        let longer = found(|table| {
            add_index(table, "a", &["other"]);
            let invisible = Index {
                invisible: true,
                ..index(IndexKind::Plain, &["other", "code"])
            };
            table.indexes.insert(key("b"), invisible);
        });
        assert_eq!(longer, []);
        let hashed = found(|table| {
            table.engine = key("MEMORY");
            add_index(table, "a", &["other"]);
            add_index(table, "b", &["other", "code"]);
        });
        assert_eq!(hashed, [("memory-engine", "t".to_owned())]);
    }

    #[test]
    fn a_shorter_prefix_is_redundant() {
        let prefixed = |prefix: Option<u32>| {
            let mut index = index(IndexKind::Plain, &["code"]);
            index.parts[0].prefix = prefix.and_then(NonZeroU32::new);
            index
        };
        for (long, expected) in [(None, true), (Some(5), true), (Some(4), false), (Some(3), false)] {
            let short = found(|table| {
                table.indexes.insert(key("long"), prefixed(long));
                table.indexes.insert(key("short"), prefixed(Some(4)));
            });
            let redundant = short.contains(&("redundant-index", "t.short".to_owned()));
            assert_eq!(redundant, expected, "{long:?}: {short:?}");
        }
    }
}
