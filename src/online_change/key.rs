//! The key by which rows are found, copied in ranges and compared.

use std::fmt::Write;

use crate::db::row::text;
use crate::db::{Row, quote_name};
use crate::sql::{ColumnDef, IndexType, TableDef, integer_bits};

/// How a value of a key is written as a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LiteralForm {
    /// Digits.
    Number,
    /// A quoted text of digits and punctuation.
    Quoted,
    /// Hexadecimal, in the column's character set.
    Text,
    /// Hexadecimal.
    Bytes,
}

/// A column of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// Its name in the table.
    pub name: String,
    /// Its name in the shadow.
    pub new_name: String,
    /// Its type as the server writes it, for the log.
    pub definition: String,
    form: LiteralForm,
    charset: Option<String>,
}

/// A unique key without NULL that both tables have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyKey {
    /// The name of its index in the table.
    pub index: String,
    /// The name of its index in the shadow.
    pub new_index: String,
    /// Its columns, in order.
    pub columns: Vec<KeyColumn>,
}

/// Which of the two tables a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The table in use.
    Table,
    /// The one with the new definition.
    Shadow,
    /// The log of changed keys.
    Log,
}

/// Values of a key as SQL literals, one per column.
pub type KeyValue = Vec<String>;

/// The keys after one value and up to another, in the key's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRange {
    /// Exclusive; none is from the beginning.
    pub after: Option<KeyValue>,
    /// Inclusive; none is to the end.
    pub upto: Option<KeyValue>,
}

impl CopyKey {
    /// The best key: the primary key, else the shortest unique one without NULL, of which the shadow has the same
    /// columns as a unique key. `renamed` gives the new name of a column that stays.
    ///
    /// # Errors
    /// The reasons why no key serves.
    pub fn choose(
        old: &TableDef,
        new: &TableDef,
        renamed: impl Fn(&str) -> Option<String>,
    ) -> Result<CopyKey, String> {
        let mut candidates: Vec<_> = old
            .indexes
            .iter()
            .filter(|index| matches!(index.kind, IndexType::Primary | IndexType::Unique))
            .collect();
        candidates.sort_by_key(|index| (index.kind != IndexType::Primary, index.parts.len()));
        let mut reasons = Vec::new();
        for index in candidates {
            let name = index.name.clone().unwrap_or_else(|| "PRIMARY".to_owned());
            let names: Option<Vec<&str>> = index
                .parts
                .iter()
                .map(|part| part.column.as_deref().filter(|_| part.prefix.is_none()))
                .collect();
            let Some(names) = names else {
                reasons.push(format!("{name} has a prefix or an expression"));
                continue;
            };
            match key_columns(old, new, &names, &renamed) {
                Ok(columns) => match unique_index(new, &columns) {
                    Some(new_index) => {
                        return Ok(CopyKey {
                            index: name,
                            new_index,
                            columns,
                        });
                    }
                    None => reasons.push(format!("{name} is not a unique key afterwards")),
                },
                Err(why) => reasons.push(format!("{name}: {why}")),
            }
        }
        if reasons.is_empty() {
            reasons.push("it has neither a primary key nor a unique key".to_owned());
        }
        Err(reasons.join("; "))
    }

    /// The key's columns in one of the tables, quoted.
    pub fn names(&self, side: Side) -> Vec<String> {
        (1..)
            .zip(&self.columns)
            .map(|(number, column)| match side {
                Side::Table => quote_name(&column.name),
                Side::Shadow => quote_name(&column.new_name),
                Side::Log => format!("k{number}"),
            })
            .collect()
    }

    /// The key's columns in one of the tables, quoted, with commas.
    pub fn list(&self, side: Side) -> String {
        self.names(side).join(", ")
    }

    /// The name of the key's index in one of the tables, quoted.
    pub fn index(&self, side: Side) -> String {
        match side {
            Side::Table => quote_name(&self.index),
            Side::Shadow => quote_name(&self.new_index),
            Side::Log => quote_name("PRIMARY"),
        }
    }

    /// Expressions that select the key's values in the form that [`CopyKey::value_at`] reads.
    pub fn selected(&self, side: Side) -> String {
        let expressions: Vec<String> = self
            .columns
            .iter()
            .zip(self.names(side))
            .map(|(column, name)| column.selected(&name))
            .collect();
        expressions.join(", ")
    }

    /// The literals of values that were selected by [`CopyKey::selected`], of which the first is at `first` in the row.
    pub fn value_at(&self, row: &Row, first: usize) -> KeyValue {
        let cells = (first..).map(|index| text(row, index).unwrap_or_default());
        self.value(cells)
    }

    fn value(&self, texts: impl Iterator<Item = impl AsRef<str>>) -> KeyValue {
        self.columns
            .iter()
            .zip(texts)
            .map(|(column, text)| column.literal(text.as_ref()))
            .collect()
    }

    /// The condition that a row's key is in the range.
    pub fn within(&self, side: Side, range: &KeyRange) -> String {
        let names = self.names(side);
        let mut conditions = Vec::new();
        if let Some(after) = &range.after {
            conditions.push(bound(&names, after, '>', false));
        }
        if let Some(upto) = &range.upto {
            conditions.push(bound(&names, upto, '<', true));
        }
        if conditions.is_empty() {
            "TRUE".to_owned()
        } else {
            conditions.join(" AND ")
        }
    }

    /// The condition that a row's key is one of these.
    pub fn one_of(&self, side: Side, values: &[KeyValue]) -> String {
        let names = self.names(side);
        if let [name] = names.as_slice() {
            let values: Vec<&str> = values.iter().map(|value| value[0].as_str()).collect();
            return format!("{name} IN ({})", values.join(", "));
        }
        let equal = |value: &KeyValue| {
            let pairs: Vec<String> = names
                .iter()
                .zip(value)
                .map(|(name, value)| format!("{name} = {value}"))
                .collect();
            format!("({})", pairs.join(" AND "))
        };
        let values: Vec<String> = values.iter().map(equal).collect();
        format!("({})", values.join(" OR "))
    }

    /// A value of the key for people: `id 5`.
    pub fn describe(&self, value: &KeyValue) -> String {
        let pairs: Vec<String> = self
            .columns
            .iter()
            .zip(value)
            .map(|(column, value)| format!("{} {value}", column.name))
            .collect();
        pairs.join(", ")
    }
}

impl KeyColumn {
    fn new(name: &str, new_name: String, def: &ColumnDef) -> Option<KeyColumn> {
        let form = match def.data_type.name.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "year" => {
                LiteralForm::Number
            }
            "date" | "datetime" | "time" | "uuid" | "inet4" | "inet6" => LiteralForm::Quoted,
            "char" | "varchar" => LiteralForm::Text,
            "binary" | "varbinary" => LiteralForm::Bytes,
            // Order and equality of the others differ from those of their literals.
            _ => return None,
        };
        Some(KeyColumn {
            name: name.to_owned(),
            new_name,
            definition: String::new(),
            form,
            charset: def.charset.clone(),
        })
    }

    fn selected(&self, name: &str) -> String {
        match self.form {
            LiteralForm::Number | LiteralForm::Quoted => format!("CAST({name} AS CHAR)"),
            LiteralForm::Text | LiteralForm::Bytes => format!("HEX({name})"),
        }
    }

    fn literal(&self, text: &str) -> String {
        match self.form {
            LiteralForm::Number => text.to_owned(),
            LiteralForm::Quoted => format!("'{text}'"),
            LiteralForm::Text => match &self.charset {
                Some(charset) => format!("_{charset} X'{text}'"),
                None => format!("X'{text}'"),
            },
            LiteralForm::Bytes => format!("X'{text}'"),
        }
    }
}

fn key_columns(
    old: &TableDef,
    new: &TableDef,
    names: &[&str],
    renamed: impl Fn(&str) -> Option<String>,
) -> Result<Vec<KeyColumn>, String> {
    names
        .iter()
        .map(|name| {
            let (_, def) = old.column(name).ok_or_else(|| format!("{name} is unknown"))?;
            if !def.not_null {
                return Err(format!("{name} may be NULL"));
            }
            let new_name = renamed(name).ok_or_else(|| format!("{name} is dropped"))?;
            let (_, after) = new
                .column(&new_name)
                .ok_or_else(|| format!("{new_name} is not there afterwards"))?;
            let mut column = KeyColumn::new(name, new_name, def)
                .ok_or_else(|| format!("{name} is a {}", def.data_type.name))?;
            if column.form == LiteralForm::Text {
                column.charset = effective_charset(old, def);
                let same = effective_charset(new, after) == column.charset
                    && effective_collation(new, after) == effective_collation(old, def);
                if !same || !matches!(after.data_type.name.as_str(), "char" | "varchar") {
                    return Err(format!("{name} compares in another way afterwards"));
                }
            } else if !keeps_order(&def.data_type.name, &after.data_type.name) {
                return Err(format!(
                    "{name} becomes a {}, which compares in another way",
                    after.data_type.name
                ));
            }
            Ok(column)
        })
        .collect()
}

/// Whether values of a type keep their order and their differences when they become another type.
fn keeps_order(old: &str, new: &str) -> bool {
    let whole = |name| integer_bits(name).is_some();
    old == new
        || whole(old) && (whole(new) || new == "decimal")
        || matches!(
            (old, new),
            ("binary", "varbinary") | ("varbinary", "binary") | ("date", "datetime")
        )
}

/// A column's character set, its own or the table's.
pub(super) fn effective_charset(table: &TableDef, def: &ColumnDef) -> Option<String> {
    let of_collation = |collation: &Option<String>| {
        collation
            .as_deref()
            .map(|collation| collation.split('_').next().unwrap_or(collation).to_owned())
    };
    def.charset
        .clone()
        .or_else(|| of_collation(&def.collation))
        .or_else(|| table.charset.clone())
        .or_else(|| of_collation(&table.collation))
}

/// A column's collation, its own or the table's; none is the default of the character set.
pub(super) fn effective_collation(table: &TableDef, def: &ColumnDef) -> Option<String> {
    if def.collation.is_some() || def.charset.is_some() && def.charset != table.charset {
        return def.collation.clone();
    }
    table.collation.clone()
}

/// The unique index of a table that has exactly these columns, in any order.
fn unique_index(table: &TableDef, columns: &[KeyColumn]) -> Option<String> {
    let index = table.indexes.iter().find(|index| {
        matches!(index.kind, IndexType::Primary | IndexType::Unique)
            && index.parts.len() == columns.len()
            && index.parts.iter().zip(columns).all(|(part, column)| {
                part.prefix.is_none()
                    && part
                        .column
                        .as_deref()
                        .is_some_and(|name| name.eq_ignore_ascii_case(&column.new_name))
            })
    })?;
    Some(index.name.clone().unwrap_or_else(|| "PRIMARY".to_owned()))
}

/// `(a, b) > (x, y)` in the form that both families search an index with.
fn bound(names: &[String], value: &KeyValue, sign: char, inclusive: bool) -> String {
    let (Some((name, names)), Some((first, rest))) = (names.split_first(), value.split_first()) else {
        return if inclusive { "TRUE" } else { "FALSE" }.to_owned();
    };
    if names.is_empty() {
        let equal = if inclusive { "=" } else { "" };
        return format!("{name} {sign}{equal} {first}");
    }
    let mut text = String::new();
    let inner = bound(names, &rest.to_vec(), sign, inclusive);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "({name} {sign}= {first} AND ({name} {sign} {first} OR {inner}))"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> TableDef {
        TableDef::parse(text).expect("a table")
    }

    fn same(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn the_primary_key_comes_first_and_its_columns_may_widen() {
        let old =
            table("CREATE TABLE t (a int NOT NULL, u int NOT NULL, UNIQUE KEY u (u), PRIMARY KEY (a, u))");
        let new =
            table("CREATE TABLE t (a bigint NOT NULL, u int NOT NULL, UNIQUE KEY u (u), PRIMARY KEY (a, u))");
        let key = CopyKey::choose(&old, &new, same).unwrap();
        assert_eq!((key.index.as_str(), key.columns.len()), ("PRIMARY", 2));
        // Without the primary key the unique one serves.
        let new = table("CREATE TABLE t (a int NOT NULL, u int NOT NULL, UNIQUE KEY v (u))");
        let key = CopyKey::choose(&old, &new, same).unwrap();
        assert_eq!((key.index.as_str(), key.new_index.as_str()), ("u", "v"));
    }

    #[test]
    fn a_table_without_a_usable_key_is_refused_with_the_reasons() {
        for (old, new, reason) in [
            ("(a int)", "(a int)", "neither a primary key nor a unique key"),
            (
                "(a int, UNIQUE KEY u (a))",
                "(a int, UNIQUE KEY u (a))",
                "u: a may be NULL",
            ),
            (
                "(a varchar(9) NOT NULL, UNIQUE KEY u (a(3)))",
                "(a varchar(9) NOT NULL, UNIQUE KEY u (a(3)))",
                "prefix",
            ),
            (
                "(a int NOT NULL PRIMARY KEY, PRIMARY KEY (a))",
                "(a int NOT NULL)",
                "not a unique key afterwards",
            ),
            (
                "(a float NOT NULL, PRIMARY KEY (a))",
                "(a float NOT NULL, PRIMARY KEY (a))",
                "a is a float",
            ),
            (
                "(a varchar(9) NOT NULL, PRIMARY KEY (a)) CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
                "(a varchar(9) NOT NULL, PRIMARY KEY (a)) CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
                "compares in another way",
            ),
            (
                "(a varchar(9) NOT NULL, PRIMARY KEY (a)) CHARSET=latin1",
                "(a varchar(9) NOT NULL, PRIMARY KEY (a)) CHARSET=utf8mb4",
                "compares in another way",
            ),
            (
                "(a int NOT NULL, PRIMARY KEY (a))",
                "(a varchar(20) NOT NULL, PRIMARY KEY (a))",
                "compares in another way",
            ),
        ] {
            let why = CopyKey::choose(
                &table(&format!("CREATE TABLE t {old}")),
                &table(&format!("CREATE TABLE t {new}")),
                same,
            )
            .unwrap_err();
            assert!(why.contains(reason), "{old}: {why}");
        }
    }

    #[test]
    fn ranges_are_conditions_that_an_index_answers() {
        let text =
            "CREATE TABLE t (a int NOT NULL, b varchar(9) NOT NULL, PRIMARY KEY (a, b)) CHARSET=utf8mb4";
        let key = CopyKey::choose(&table(text), &table(text), same).unwrap();
        let from = key.value(["5", "61"].iter());
        assert_eq!(from, ["5", "_utf8mb4 X'61'"]);
        let range = KeyRange {
            after: Some(from.clone()),
            upto: None,
        };
        assert_eq!(
            key.within(Side::Table, &range),
            "(`a` >= 5 AND (`a` > 5 OR `b` > _utf8mb4 X'61'))"
        );
        let range = KeyRange {
            after: None,
            upto: Some(from.clone()),
        };
        assert_eq!(
            key.within(Side::Shadow, &range),
            "(`a` <= 5 AND (`a` < 5 OR `b` <= _utf8mb4 X'61'))"
        );
        assert_eq!(key.within(Side::Table, &KeyRange::default()), "TRUE");
        assert_eq!(
            key.one_of(Side::Table, &[from]),
            "((`a` = 5 AND `b` = _utf8mb4 X'61'))"
        );
        assert_eq!(key.selected(Side::Table), "CAST(`a` AS CHAR), HEX(`b`)");
    }
}
