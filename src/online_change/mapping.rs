//! Which column of the shadow gets its values from where.

use super::key::effective_charset;
use crate::db::quote_name;
use crate::sql::{AlterAction, ColumnDef, TableDef, integer_bits};

/// A column of the shadow that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedColumn {
    /// Its name in the shadow.
    pub new_name: String,
    /// The expression over the table's columns that gives its value.
    pub value: String,
    /// The column of the table it comes from; none for one that the change adds.
    pub from: Option<String>,
    /// Whether values of both have the same text.
    pub same_text: bool,
}

/// How rows of the table become rows of the shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Columns that are written. Generated ones are not, and added ones that have a default.
    pub columns: Vec<MappedColumn>,
    /// Old and new names of columns that stay.
    renames: Vec<(String, String)>,
}

impl Mapping {
    /// From the table, the actions of the change, and the shadow that they made.
    ///
    /// # Errors
    /// What a new column would be filled with cannot be known.
    pub fn new(old: &TableDef, actions: &[AlterAction], new: &TableDef) -> Result<Mapping, String> {
        let renames = renames(old, actions);
        let mut columns = Vec::new();
        for (name, def) in &new.columns {
            if def.generated.is_some() || def.row_period {
                continue;
            }
            let from = renames.iter().find(|(_, to)| to.eq_ignore_ascii_case(name));
            if let Some((from, _)) = from {
                let (_, before) = old.column(from).ok_or_else(|| format!("{from} is unknown"))?;
                columns.push(MappedColumn {
                    new_name: name.clone(),
                    value: quote_name(from),
                    from: Some(from.clone()),
                    same_text: has_same_text(old, before, new, def),
                });
            } else if def.auto_increment {
                return Err(format!(
                    "it adds {name} with AUTO_INCREMENT, and which row gets which number depends on the order of \
                     the copy"
                ));
            } else if let Some(value) = implicit_default(name, def)? {
                columns.push(MappedColumn {
                    new_name: name.clone(),
                    value,
                    from: None,
                    same_text: true,
                });
            }
        }
        Ok(Mapping { columns, renames })
    }

    /// The name in the shadow of a column that stays.
    pub fn new_name(&self, old: &str) -> Option<String> {
        self.renames
            .iter()
            .find(|(from, _)| from.eq_ignore_ascii_case(old))
            .map(|(_, to)| to.clone())
    }

    /// Whether all values have the same text in both tables, so that they can be compared as they are.
    pub fn keeps_text(&self) -> bool {
        self.columns.iter().all(|column| column.same_text)
    }

    /// The written columns of the shadow, quoted, with commas.
    pub fn targets(&self) -> String {
        join(self.columns.iter().map(|column| quote_name(&column.new_name)))
    }

    /// The values to write, as expressions over the table.
    pub fn values(&self) -> String {
        join(self.columns.iter().map(|column| column.value.clone()))
    }

    /// The written columns that come from the table: as named there, and as named in the shadow.
    pub fn copied(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns
            .iter()
            .filter_map(|column| Some((column.from.as_deref()?, column.new_name.as_str())))
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// Old and new names of the columns that stay. All actions of a statement name columns as they were before it.
fn renames(old: &TableDef, actions: &[AlterAction]) -> Vec<(String, String)> {
    let mut renames: Vec<(String, String)> = old
        .columns
        .iter()
        .map(|(name, _)| (name.clone(), name.clone()))
        .collect();
    for action in actions {
        match action {
            AlterAction::DropColumn(name) => {
                renames.retain(|(from, _)| !from.eq_ignore_ascii_case(name));
            }
            AlterAction::RenameColumn(name, to)
            | AlterAction::ModifyColumn {
                name, to: Some(to), ..
            } => {
                for (from, new) in &mut renames {
                    if from.eq_ignore_ascii_case(name) {
                        new.clone_from(to);
                    }
                }
            }
            _ => {}
        }
    }
    renames
}

/// The value that ALTER TABLE gives existing rows in a new column without DEFAULT that must not be NULL (MySQL
/// manual, "Data Type Default Values"); `None` where an INSERT that omits the column does the same.
fn implicit_default(name: &str, def: &ColumnDef) -> Result<Option<String>, String> {
    if !def.not_null || def.default.is_some() {
        return Ok(None);
    }
    let value = match def.data_type.name.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" | "bit"
        | "year" => "0",
        // The first member.
        "enum" => "1",
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "binary" | "varbinary"
        | "tinyblob" | "blob" | "mediumblob" | "longblob" | "set" => "''",
        other => {
            return Err(format!(
                "it adds {name}, a {other} without DEFAULT that must not be NULL; give it a DEFAULT"
            ));
        }
    };
    Ok(Some(value.to_owned()))
}

/// Whether every value of a column has the same text after the change, if the change does not refuse it.
fn has_same_text(old: &TableDef, before: &ColumnDef, new: &TableDef, after: &ColumnDef) -> bool {
    let (from, to) = (&before.data_type, &after.data_type);
    if from == to {
        return effective_charset(old, before) == effective_charset(new, after);
    }
    if from.zerofill || to.zerofill {
        return false;
    }
    if integer_bits(&from.name).is_some() && integer_bits(&to.name).is_some() {
        return true;
    }
    let text = ["varchar", "tinytext", "text", "mediumtext", "longtext"];
    let bytes = ["varbinary", "tinyblob", "blob", "mediumblob", "longblob"];
    let both = |names: &[&str]| names.contains(&from.name.as_str()) && names.contains(&to.name.as_str());
    // A SET is written in the order of its members.
    let in_order = from.name != "set" || to.members.starts_with(&from.members);
    let kinds = ["char", "enum", "set"];
    if both(&text) || from.name == to.name && kinds.contains(&from.name.as_str()) && in_order {
        return effective_charset(old, before) == effective_charset(new, after);
    }
    both(&bytes) || from.name == "decimal" && to.name == "decimal" && from.args.get(1) == to.args.get(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::classify;

    fn mapping(create: &str, alter: &str) -> Result<Mapping, String> {
        let old = TableDef::parse(create).expect("a table");
        let found = classify(alter);
        let mut new = old.clone();
        found.actions.iter().for_each(|action| new.apply(action));
        Mapping::new(&old, &found.actions, &new)
    }

    fn pairs(mapping: &Mapping) -> Vec<(&str, &str)> {
        mapping
            .columns
            .iter()
            .map(|column| (column.value.as_str(), column.new_name.as_str()))
            .collect()
    }

    const TABLE: &str = "CREATE TABLE t (id int NOT NULL, a varchar(20), b int, e enum('x','y'), s set('x','y'), g int AS (b + 1) STORED, \
                         PRIMARY KEY (id)) CHARSET=utf8mb4";

    #[test]
    fn columns_keep_their_values_under_new_names() {
        for (alter, expected) in [
            (
                "ALTER TABLE t ADD x INT",
                vec![("`id`", "id"), ("`a`", "a"), ("`b`", "b")],
            ),
            (
                "ALTER TABLE t RENAME COLUMN a TO b2, CHANGE b a INT",
                vec![("`id`", "id"), ("`a`", "b2"), ("`b`", "a")],
            ),
            (
                "ALTER TABLE t DROP COLUMN a, ADD COLUMN a INT NOT NULL",
                vec![("`id`", "id"), ("`b`", "b"), ("0", "a")],
            ),
            (
                "ALTER TABLE t ADD f ENUM('x','y') NOT NULL FIRST, ADD d DATE NOT NULL DEFAULT '2020-01-01'",
                vec![("1", "f"), ("`id`", "id"), ("`a`", "a"), ("`b`", "b")],
            ),
        ] {
            let mut found = mapping(TABLE, alter).unwrap();
            let names: Vec<&str> = expected.iter().map(|(_, name)| *name).collect();
            found
                .columns
                .sort_by_key(|column| names.iter().position(|name| *name == column.new_name));
            let mut pairs = pairs(&found);
            pairs.retain(|(value, name)| *name != "x" && !["`e`", "`s`"].contains(value));
            assert_eq!(pairs, expected, "{alter}");
        }
        let found = mapping(TABLE, "ALTER TABLE t CHANGE a z VARCHAR(30)").unwrap();
        assert_eq!(found.new_name("A").as_deref(), Some("z"));
    }

    #[test]
    fn what_a_row_would_get_must_be_known() {
        for alter in [
            "ALTER TABLE t ADD n INT NOT NULL AUTO_INCREMENT UNIQUE",
            "ALTER TABLE t ADD d DATE NOT NULL",
            "ALTER TABLE t ADD j JSON NOT NULL",
        ] {
            assert!(mapping(TABLE, alter).is_err(), "{alter}");
        }
    }

    #[test]
    fn texts_are_compared_only_where_they_stay_the_same() {
        for (alter, same) in [
            ("ALTER TABLE t ADD KEY (b)", true),
            ("ALTER TABLE t MODIFY b BIGINT UNSIGNED", true),
            ("ALTER TABLE t MODIFY a TEXT", true),
            ("ALTER TABLE t MODIFY a VARCHAR(20) CHARACTER SET latin1", false),
            (
                "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                true,
            ),
            ("ALTER TABLE t CONVERT TO CHARACTER SET latin1", false),
            ("ALTER TABLE t MODIFY b DECIMAL(12,2)", false),
            ("ALTER TABLE t MODIFY a CHAR(20)", false),
            ("ALTER TABLE t MODIFY b INT ZEROFILL", false),
            (
                "ALTER TABLE t MODIFY e ENUM('z','x','y'), MODIFY s SET('x','y','z')",
                true,
            ),
            ("ALTER TABLE t MODIFY s SET('y','x')", false),
        ] {
            assert_eq!(mapping(TABLE, alter).unwrap().keeps_text(), same, "{alter}");
        }
    }
}
