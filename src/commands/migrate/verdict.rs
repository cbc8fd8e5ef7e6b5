//! What a statement does to a table's other users: pure rules, on the safe side.
//!
//! From the MySQL 8.4 manual, "Online DDL Operations", and MariaDB's "InnoDB Online DDL Operations". Where the two
//! or their versions differ, the worse answer is given unless the server has the named capability.

use crate::db::Server;
use crate::sql::{Action, Class, Classification, IndexKind};

/// How a statement works, from harmless to harmful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// Touches no table.
    Nothing,
    /// Only a definition changes, in an instant.
    Metadata,
    /// Works on rows under row locks.
    Rows,
    /// Builds an index or the table anew while others read and write.
    Online,
    /// Writers wait while it works.
    BlocksWrites,
    /// Copies the table while writers wait.
    Copy,
    /// Cannot be told from the statement.
    Unknown,
}

impl How {
    /// The verdict in one word.
    pub fn word(self) -> &'static str {
        match self {
            How::Nothing => "none",
            How::Metadata => "instant",
            How::Rows => "rows",
            How::Online => "online",
            How::BlocksWrites => "blocks-writes",
            How::Copy => "copy",
            How::Unknown => "unknown",
        }
    }

    /// Whether writers of the table wait as long as it takes.
    pub fn blocks(self) -> bool {
        matches!(self, How::BlocksWrites | How::Copy)
    }
}

/// A column as it is now, for a comparison with what it is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// `varchar(500)`, as information_schema writes it.
    pub column_type: String,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// Bytes the longest value may take, for character types.
    pub octets: Option<u64>,
}

/// The verdict on a statement; `column` looks up a column of its table.
pub fn verdict(
    found: &Classification,
    server: &Server,
    column: impl Fn(&str) -> Option<Column>,
) -> (How, String) {
    match found.class {
        Class::Query | Class::Transaction | Class::Session => return (How::Nothing, String::new()),
        _ if found.opaque => return (How::Unknown, "what it runs is not in the file".to_owned()),
        Class::Dml => return (How::Rows, String::new()),
        Class::Admin | Class::Other => return (How::Unknown, String::new()),
        Class::Ddl => {}
    }
    if found.algorithm.as_deref() == Some("COPY") {
        return (How::Copy, "ALGORITHM=COPY".to_owned());
    }
    let asserted = matches!(found.algorithm.as_deref(), Some("INPLACE" | "NOCOPY" | "INSTANT"))
        || matches!(found.lock.as_deref(), Some("NONE"));
    let worst = found
        .actions
        .iter()
        .map(|action| of_action(action, server, &column))
        .max_by_key(|(how, _)| *how)
        .unwrap_or((How::Metadata, String::new()));
    if asserted && worst.0.blocks() {
        return (
            How::Online,
            "the server refuses it if it cannot be done as demanded".to_owned(),
        );
    }
    worst
}

fn of_action(action: &Action, server: &Server, column: &impl Fn(&str) -> Option<Column>) -> (How, String) {
    let said = |how, why: &str| (how, why.to_owned());
    match action {
        Action::AddColumn { definition, .. } => add_column(definition, server),
        Action::DropColumn(_) if server.has_instant_drop_column() => said(How::Metadata, ""),
        Action::DropColumn(_) => said(How::Online, "dropping a column rebuilds the table"),
        Action::ModifyColumn { name, definition, .. } => match column(name) {
            Some(now) => modify(&now, definition),
            None => said(How::Copy, "a change of a column's type copies the table"),
        },
        Action::AddIndex {
            kind: IndexKind::Plain | IndexKind::Unique,
            ..
        } => said(How::Online, "builds the index"),
        Action::AddIndex {
            kind: IndexKind::Fulltext | IndexKind::Spatial,
            ..
        } => said(
            How::BlocksWrites,
            "a full-text or spatial index is built while writers wait",
        ),
        Action::AddIndex {
            kind: IndexKind::Primary,
            ..
        } => said(How::Online, "a primary key rebuilds the table"),
        Action::DropIndex(name) if name == "PRIMARY" => {
            said(How::Copy, "dropping the primary key copies the table")
        }
        Action::AddForeignKey(_) => said(
            How::Copy,
            "a foreign key is checked by copying the table, unless foreign_key_checks is 0",
        ),
        Action::AddCheck(_) => said(How::Copy, "a check is verified by copying the table"),
        Action::ConvertCharset => said(How::Copy, "another character set copies the table"),
        Action::Partition(_) => said(How::Copy, "partitioning copies rows"),
        Action::Option(name) => of_option(name),
        Action::Other(what) if what.starts_with("FORCE") => said(How::Online, "rebuilds the table"),
        Action::Other(what) if what.starts_with("ENABLE") || what.starts_with("DISABLE") => {
            said(How::Metadata, "")
        }
        Action::Other(what) => (How::Copy, format!("{what} may copy the table")),
        Action::DropIndex(_)
        | Action::RenameColumn(..)
        | Action::ColumnDefault(_)
        | Action::RenameIndex(..)
        | Action::AlterIndex(_)
        | Action::DropForeignKey(_)
        | Action::DropConstraint(_)
        | Action::RenameTable(_) => said(How::Metadata, ""),
    }
}

fn of_option(name: &str) -> (How, String) {
    match name {
        "AUTO_INCREMENT" | "COMMENT" | "CHARACTER SET" | "STATS_PERSISTENT" | "STATS_AUTO_RECALC"
        | "STATS_SAMPLE_PAGES" | "MAX_ROWS" | "MIN_ROWS" => (How::Metadata, String::new()),
        "ROW_FORMAT" | "KEY_BLOCK_SIZE" => (How::Online, format!("{name} rebuilds the table")),
        _ => (How::Copy, format!("{name} may copy the table")),
    }
}

fn add_column(definition: &str, server: &Server) -> (How, String) {
    let words: Vec<String> = definition
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .map(str::to_ascii_uppercase)
        .collect();
    let has = |word: &str| words.iter().any(|w| w == word);
    if has("AUTO_INCREMENT") {
        return (
            How::BlocksWrites,
            "an AUTO_INCREMENT column rebuilds the table while writers wait".to_owned(),
        );
    }
    if has("STORED") || has("PERSISTENT") {
        return (How::Copy, "a stored generated column copies the table".to_owned());
    }
    if has("REFERENCES") {
        return (
            How::Copy,
            "a foreign key is checked by copying the table".to_owned(),
        );
    }
    let at_end = !has("FIRST") && !has("AFTER");
    let plain = !has("UNIQUE") && !has("PRIMARY") && !has("KEY");
    let instant = if at_end {
        server.has_instant_add_column()
    } else {
        server.has_instant_drop_column()
    };
    if instant && plain {
        (How::Metadata, String::new())
    } else {
        (How::Online, "adding the column rebuilds the table".to_owned())
    }
}

/// Compares a column with its new definition.
fn modify(now: &Column, definition: &str) -> (How, String) {
    let new = type_of(definition);
    let upper = definition.to_ascii_uppercase();
    let rest = upper.get(new.len()..).unwrap_or_default();
    let copy = || {
        (
            How::Copy,
            format!("{} to {new} copies the table", now.column_type),
        )
    };
    if rest.contains("CHARACTER SET")
        || rest.contains("CHARSET")
        || rest.contains("COLLATE")
        || rest.contains("GENERATED")
        || rest.contains(" AS (")
    {
        return copy();
    }
    if rest.contains("FIRST") || rest.contains("AFTER ") {
        return (How::Online, "moving a column rebuilds the table".to_owned());
    }
    if rest.contains("NOT NULL") == now.nullable {
        return (How::Online, "a change of NULL rebuilds the table".to_owned());
    }
    if same_type(&now.column_type, &new) || longer_varchar(now, &new) || longer_enum(&now.column_type, &new) {
        return (How::Metadata, String::new());
    }
    copy()
}

/// The type at the start of a column's definition: name, parentheses, attributes.
fn type_of(definition: &str) -> String {
    let name_end = definition
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(definition.len());
    let tail = &definition[name_end..];
    let mut end = name_end;
    if tail.trim_start().starts_with('(') {
        let mut quoted = false;
        for (index, c) in tail.char_indices() {
            match c {
                '\'' => quoted = !quoted,
                ')' if !quoted => {
                    end = name_end + index + 1;
                    break;
                }
                _ => {}
            }
        }
    }
    let mut found = definition[..end].to_ascii_lowercase();
    if let Some(open) = found.find('(') {
        // The case of an ENUM's members counts.
        found.replace_range(open.., &definition[open..end]);
    }
    if definition[end..]
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("unsigned")
    {
        found.push_str(" unsigned");
    }
    found
}

fn same_type(now: &str, new: &str) -> bool {
    // The display width of integers is gone in MySQL 8.0.19 and means nothing elsewhere.
    let integer = |name: &str| {
        let unsigned = name.ends_with("unsigned");
        let base = name.split(['(', ' ']).next().unwrap_or_default();
        let base = if base == "integer" { "int" } else { base };
        let known = ["tinyint", "smallint", "mediumint", "int", "bigint"].contains(&base);
        known.then(|| format!("{base}{unsigned}"))
    };
    let spaceless = |name: &str| name.replace(", ", ",").replace(" (", "(");
    match (integer(now), integer(new)) {
        (Some(now), Some(new)) => now == new,
        _ => spaceless(now) == spaceless(new),
    }
}

/// A VARCHAR grows in place as long as its length takes as many bytes as before: one up to 255 bytes, two above.
fn longer_varchar(now: &Column, new: &str) -> bool {
    let length = |name: &str| {
        name.strip_prefix("varchar(")?
            .strip_suffix(')')?
            .trim()
            .parse::<u64>()
            .ok()
    };
    let (Some(old), Some(new), Some(octets)) = (length(&now.column_type), length(new), now.octets) else {
        return false;
    };
    let per_character = octets / old.max(1);
    new >= old && (octets > 255) == (new * per_character > 255)
}

/// Members appended to an ENUM or SET change nothing in the rows, while their number takes as many bytes as before.
fn longer_enum(now: &str, new: &str) -> bool {
    let members = |name: &str| -> Option<(bool, Vec<String>)> {
        let set = name.starts_with("set(");
        let list = name
            .strip_prefix("enum(")
            .or_else(|| name.strip_prefix("set("))?
            .strip_suffix(')')?;
        Some((
            set,
            list.split(',').map(|member| member.trim().to_owned()).collect(),
        ))
    };
    let (Some((old_set, old)), Some((new_set, new))) = (members(now), members(new)) else {
        return false;
    };
    let bytes = |count: usize| {
        if old_set {
            count.div_ceil(8)
        } else {
            usize::from(count > 255)
        }
    };
    old_set == new_set && new.starts_with(&old) && bytes(old.len()) == bytes(new.len())
}

#[cfg(test)]
mod tests {
    use super::{Column, How, verdict};
    use crate::db::{Flavor, Server};
    use crate::sql::classify;

    fn server(flavor: Flavor, version: (u16, u16, u16)) -> Server {
        Server {
            flavor,
            version,
            ..Server::default()
        }
    }

    fn column(name: &str) -> Option<Column> {
        let (column_type, nullable, octets) = match name {
            "url" => ("varchar(500)", true, Some(2000)),
            "short" => ("varchar(20)", true, Some(80)),
            "n" => ("int(11)", false, None),
            "role" => ("enum('guest','host')", true, Some(20)),
            _ => return None,
        };
        Some(Column {
            column_type: column_type.to_owned(),
            nullable,
            octets,
        })
    }

    #[test]
    fn verdicts_are_on_the_safe_side() {
        let new = [
            server(Flavor::MariaDb, (10, 11, 6)),
            server(Flavor::MySql, (8, 4, 0)),
        ];
        let old = [
            server(Flavor::MariaDb, (10, 2, 0)),
            server(Flavor::MySql, (5, 7, 40)),
        ];
        // Statement, verdict on new servers, verdict on old ones.
        let cases = [
            ("SELECT 1", How::Nothing, How::Nothing),
            ("SET @a = 1", How::Nothing, How::Nothing),
            ("UPDATE t SET a = 1", How::Rows, How::Rows),
            ("CALL p()", How::Unknown, How::Unknown),
            ("CREATE TABLE t (a INT)", How::Metadata, How::Metadata),
            ("RENAME TABLE a TO b", How::Metadata, How::Metadata),
            ("ALTER TABLE t ADD a INT", How::Metadata, How::Online),
            ("ALTER TABLE t ADD a INT AFTER b", How::Metadata, How::Online),
            ("ALTER TABLE t ADD a INT UNIQUE", How::Online, How::Online),
            (
                "ALTER TABLE t ADD a INT AUTO_INCREMENT PRIMARY KEY",
                How::BlocksWrites,
                How::BlocksWrites,
            ),
            ("ALTER TABLE t ADD a INT AS (b + 1) STORED", How::Copy, How::Copy),
            ("ALTER TABLE t DROP a", How::Metadata, How::Online),
            ("ALTER TABLE t ADD INDEX (a)", How::Online, How::Online),
            (
                "CREATE FULLTEXT INDEX f ON t (a)",
                How::BlocksWrites,
                How::BlocksWrites,
            ),
            ("ALTER TABLE t DROP PRIMARY KEY", How::Copy, How::Copy),
            (
                "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES b (c)",
                How::Copy,
                How::Copy,
            ),
            (
                "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES b (c), ALGORITHM=INPLACE",
                How::Online,
                How::Online,
            ),
            ("ALTER TABLE t ADD a INT, ALGORITHM=COPY", How::Copy, How::Copy),
            (
                "ALTER TABLE t RENAME COLUMN a TO b, ALTER c SET DEFAULT 1",
                How::Metadata,
                How::Metadata,
            ),
            (
                "ALTER TABLE t MODIFY COLUMN url MEDIUMTEXT NULL COMMENT 'x'",
                How::Copy,
                How::Copy,
            ),
            (
                "ALTER TABLE t MODIFY url VARCHAR(600)",
                How::Metadata,
                How::Metadata,
            ),
            ("ALTER TABLE t MODIFY url VARCHAR(400)", How::Copy, How::Copy),
            (
                "ALTER TABLE t MODIFY short VARCHAR(60) NULL",
                How::Metadata,
                How::Metadata,
            ),
            (
                "ALTER TABLE t MODIFY short VARCHAR(64) NULL",
                How::Copy,
                How::Copy,
            ),
            (
                "ALTER TABLE t MODIFY short VARCHAR(20) NOT NULL",
                How::Online,
                How::Online,
            ),
            (
                "ALTER TABLE t MODIFY n INT NOT NULL DEFAULT 5",
                How::Metadata,
                How::Metadata,
            ),
            ("ALTER TABLE t MODIFY n BIGINT NOT NULL", How::Copy, How::Copy),
            (
                "ALTER TABLE t MODIFY n INT UNSIGNED NOT NULL",
                How::Copy,
                How::Copy,
            ),
            (
                "ALTER TABLE t MODIFY role ENUM('guest','host','admin')",
                How::Metadata,
                How::Metadata,
            ),
            (
                "ALTER TABLE t MODIFY role ENUM('host','guest')",
                How::Copy,
                How::Copy,
            ),
            ("ALTER TABLE t MODIFY unknown INT", How::Copy, How::Copy),
            (
                "ALTER TABLE t CHANGE n m INT NOT NULL",
                How::Metadata,
                How::Metadata,
            ),
            (
                "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
                How::Copy,
                How::Copy,
            ),
            ("ALTER TABLE t COMMENT = 'x'", How::Metadata, How::Metadata),
            ("ALTER TABLE t ENGINE = InnoDB", How::Copy, How::Copy),
            ("ALTER TABLE t DISCARD TABLESPACE", How::Copy, How::Copy),
        ];
        for (statement, on_new, on_old) in cases {
            let found = classify(statement);
            for server in &new {
                assert_eq!(
                    verdict(&found, server, column).0,
                    on_new,
                    "{statement} on {}",
                    server.name()
                );
            }
            for server in &old {
                assert_eq!(
                    verdict(&found, server, column).0,
                    on_old,
                    "{statement} on {}",
                    server.name()
                );
            }
        }
    }
}
