//! Finds rows that the new definition does not accept before the first row is copied.

use super::key::Side;
use super::{Change, Owner, Refusal, Route};
use crate::db::row::text;
use crate::db::{Query, Row, quote_name};
use crate::sql::{ColumnDef, IndexDef, IndexType, integer_bits};

/// Rows named as examples.
const EXAMPLES: usize = 3;

/// A search for rows that do not fit.
struct Search {
    what: String,
    sql: String,
}

impl<O: Owner> Change<'_, O> {
    /// Refuses if the table has rows that the change would lose or change.
    pub(super) async fn refuse_rows(&mut self, route: &Route) -> anyhow::Result<()> {
        let mut searches = route.unfit_values();
        searches.extend(route.duplicates());
        for search in searches {
            let rows: Vec<Row> = self.worker.rows(Query::new(search.sql).timeout(None)).await?;
            if rows.is_empty() {
                continue;
            }
            let keys = rows
                .iter()
                .map(|row| {
                    let cells: Vec<String> = (0..row.len())
                        .map(|index| text(row, index).unwrap_or_else(|| "NULL".to_owned()))
                        .collect();
                    cells.join(", ")
                })
                .collect();
            let refusal = Refusal::Rows {
                what: search.what,
                keys,
            };
            return Err(refusal.failure(&self.request.table).into());
        }
        Ok(())
    }
}

impl Route {
    /// Searches for values of single columns: NULL, too long, out of range.
    fn unfit_values(&self) -> Vec<Search> {
        let mut searches = Vec::new();
        for (old, new) in self.mapping.copied() {
            let (Some((_, before)), Some((_, after))) = (self.old_def.column(old), self.new_def.column(new))
            else {
                continue;
            };
            for (what, condition) in unfit(&quote_name(old), before, after) {
                searches.push(Search {
                    what: format!("column {old} {what}; examples by {}", self.key_names()),
                    sql: format!(
                        "SELECT {} FROM {} WHERE {condition} LIMIT {EXAMPLES}",
                        self.key.list(Side::Table),
                        self.table
                    ),
                });
            }
        }
        searches
    }

    fn key_names(&self) -> String {
        let names: Vec<&str> = self
            .key
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        names.join(", ")
    }

    /// Searches for values that a new unique key has twice. Where a column changes its type or collation too, the
    /// copy itself finds them.
    fn duplicates(&self) -> Vec<Search> {
        let unique = |index: &&IndexDef| matches!(index.kind, IndexType::Unique | IndexType::Primary);
        let mut searches = Vec::new();
        for index in self.new_def.indexes.iter().filter(unique) {
            let Some(columns) = self.old_columns(index) else {
                continue;
            };
            let known = self.old_def.indexes.iter().filter(unique).any(|old| {
                let parts: Vec<_> = old.parts.iter().map(|part| part.column.as_deref()).collect();
                old.parts.iter().all(|part| part.prefix.is_none())
                    && parts == columns.iter().map(|name| Some(*name)).collect::<Vec<_>>()
            });
            if known {
                continue;
            }
            let list: Vec<String> = columns.iter().map(|name| quote_name(name)).collect();
            let filled: Vec<String> = list.iter().map(|name| format!("{name} IS NOT NULL")).collect();
            let list = list.join(", ");
            searches.push(Search {
                what: format!(
                    "the unique key {} would have values twice; examples by {}, and how often",
                    index.name.as_deref().unwrap_or("PRIMARY"),
                    columns.join(", ")
                ),
                sql: format!(
                    "SELECT {list}, COUNT(*) FROM {} WHERE {} GROUP BY {list} HAVING COUNT(*) > 1 LIMIT {EXAMPLES}",
                    self.table,
                    filled.join(" AND ")
                ),
            });
        }
        searches
    }

    /// The table's columns under an index of the shadow, if all of them have kept their values as they were.
    fn old_columns(&self, index: &IndexDef) -> Option<Vec<&str>> {
        index
            .parts
            .iter()
            .map(|part| {
                let name = part.column.as_deref().filter(|_| part.prefix.is_none())?;
                let (old, new) = self
                    .mapping
                    .copied()
                    .find(|(_, new)| new.eq_ignore_ascii_case(name))?;
                let (_, before) = self.old_def.column(old)?;
                let (_, after) = self.new_def.column(new)?;
                (before.data_type == after.data_type && before.collation == after.collation).then_some(old)
            })
            .collect()
    }
}

/// What of a column's values may not fit, and the condition that finds it.
fn unfit(name: &str, before: &ColumnDef, after: &ColumnDef) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if after.not_null && !before.not_null {
        found.push((
            "is NULL where the change forbids it".to_owned(),
            format!("{name} IS NULL"),
        ));
    }
    let (from, to) = (&before.data_type, &after.data_type);
    let text = ["char", "varchar"];
    if text.contains(&to.name.as_str())
        && (text.contains(&from.name.as_str()) || from.name.ends_with("text"))
        && let Some(length) = to.args.first()
        && from.args.first().is_none_or(|before| before > length)
    {
        found.push((
            format!("has values of more than {length} characters"),
            format!("CHAR_LENGTH({name}) > {length}"),
        ));
    }
    if let (Some(old), Some(new)) = (bounds(&from.name, from.unsigned), bounds(&to.name, to.unsigned))
        && (old.0 < new.0 || old.1 > new.1)
    {
        found.push((
            format!("has values outside of {} to {}", new.0, new.1),
            format!("({name} < {} OR {name} > {})", new.0, new.1),
        ));
    }
    found
}

/// The smallest and the largest value of a type of whole numbers.
fn bounds(name: &str, unsigned: bool) -> Option<(i128, i128)> {
    let bits = integer_bits(name)?;
    Some(if unsigned {
        (0, (1 << bits) - 1)
    } else {
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    })
}

#[cfg(test)]
mod tests {
    use super::unfit;
    use crate::sql::TableDef;

    #[test]
    fn only_changes_that_take_room_away_are_searched_for() {
        let column = |def: &str| {
            let table = TableDef::parse(&format!("CREATE TABLE t (a {def})")).expect("a table");
            table.columns[0].1.clone()
        };
        for (before, after, expected) in [
            ("int", "bigint", vec![]),
            ("int", "int NOT NULL", vec!["`a` IS NULL"]),
            ("int", "smallint", vec!["(`a` < -32768 OR `a` > 32767)"]),
            ("int", "int unsigned", vec!["(`a` < 0 OR `a` > 4294967295)"]),
            ("varchar(10)", "varchar(20)", vec![]),
            ("varchar(10)", "varchar(5)", vec!["CHAR_LENGTH(`a`) > 5"]),
            (
                "text",
                "varchar(5) NOT NULL",
                vec!["`a` IS NULL", "CHAR_LENGTH(`a`) > 5"],
            ),
        ] {
            let found = unfit("`a`", &column(before), &column(after));
            let conditions: Vec<&str> = found.iter().map(|(_, condition)| condition.as_str()).collect();
            assert_eq!(conditions, expected, "{before} to {after}");
        }
    }
}
