//! The actions an ALTER TABLE consists of.

use super::classify::{Classification, Effect, Name};
use super::words::Words;

/// Kinds of indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// An ordinary secondary index.
    Plain,
    /// A unique index.
    Unique,
    /// A full-text index.
    Fulltext,
    /// A spatial index.
    Spatial,
    /// The primary key.
    Primary,
}

/// One thing an ALTER TABLE (or CREATE INDEX, DROP INDEX) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// ADD COLUMN; several in parentheses become several actions.
    AddColumn {
        /// The column.
        name: String,
        /// Its definition as written, white space collapsed.
        definition: String,
    },
    /// DROP COLUMN.
    DropColumn(String),
    /// MODIFY COLUMN, or CHANGE COLUMN with the name it gets.
    ModifyColumn {
        /// The column.
        name: String,
        /// The new name, if it changes.
        to: Option<String>,
        /// Its new definition as written, white space collapsed.
        definition: String,
    },
    /// RENAME COLUMN.
    RenameColumn(String, String),
    /// ALTER COLUMN … SET DEFAULT, DROP DEFAULT, SET VISIBLE.
    ColumnDefault(String),
    /// ADD INDEX, ADD UNIQUE, ADD PRIMARY KEY.
    AddIndex {
        /// Its kind.
        kind: IndexKind,
        /// Its name, if it is given one.
        name: Option<String>,
    },
    /// DROP INDEX; `PRIMARY` is the primary key.
    DropIndex(String),
    /// RENAME INDEX.
    RenameIndex(String, String),
    /// ALTER INDEX: visibility.
    AlterIndex(String),
    /// ADD FOREIGN KEY.
    AddForeignKey(Option<String>),
    /// DROP FOREIGN KEY.
    DropForeignKey(String),
    /// ADD CHECK.
    AddCheck(Option<String>),
    /// DROP CHECK, DROP CONSTRAINT.
    DropConstraint(String),
    /// RENAME TO.
    RenameTable(Name),
    /// CONVERT TO CHARACTER SET.
    ConvertCharset,
    /// A table option such as ENGINE, by its name in upper case.
    Option(String),
    /// Something with partitions, in the words of the statement.
    Partition(String),
    /// Anything else, its first words.
    Other(String),
}

/// Reads the actions of an ALTER TABLE, from behind the table's name.
pub(super) fn alter_table(words: &mut Words<'_>, found: &mut Classification) {
    // MariaDB: WAIT n and NOWAIT stand between the name and the first action.
    if words.eat("WAIT") {
        words.next();
    }
    words.eat("NOWAIT");
    while !words.at_end() {
        let before = words.pos();
        action(words, found);
        words.rest_of_action();
        words.eat_char(',');
        if words.pos() == before {
            words.next();
        }
    }
    let renamed = found.actions.iter().find_map(|action| match action {
        Action::RenameTable(to) => Some(to.clone()),
        _ => None,
    });
    if let (Some(to), Some(object)) = (renamed, found.objects.first_mut()) {
        object.effect = Effect::Rename(to);
    }
}

fn action(words: &mut Words<'_>, found: &mut Classification) {
    let start = words.pos();
    let first = words.word().unwrap_or_default();
    let action = match first.as_str() {
        "ADD" => return add(words, found),
        "DROP" => drop_action(words, found),
        "MODIFY" | "CHANGE" => {
            words.eat("COLUMN");
            found.idempotent |= words.if_exists();
            let name = words.identifier().unwrap_or_default();
            let to = (first == "CHANGE").then(|| words.identifier()).flatten();
            let to = to.filter(|to| !to.eq_ignore_ascii_case(&name));
            Action::ModifyColumn {
                name,
                to,
                definition: words.rest_of_action(),
            }
        }
        "ALTER" if words.eat("INDEX") || words.eat("KEY") => {
            Action::AlterIndex(words.identifier().unwrap_or_default())
        }
        "ALTER" if words.eat("CHECK") || words.eat("CONSTRAINT") => {
            Action::Other("ALTER CONSTRAINT".to_owned())
        }
        "ALTER" => {
            words.eat("COLUMN");
            Action::ColumnDefault(words.identifier().unwrap_or_default())
        }
        "RENAME" => rename_action(words),
        "CONVERT" if words.eat("TO") => Action::ConvertCharset,
        "CONVERT" | "PARTITION" | "REMOVE" | "COALESCE" | "REORGANIZE" | "EXCHANGE" | "TRUNCATE"
        | "ANALYZE" | "CHECK" | "OPTIMIZE" | "REBUILD" | "REPAIR" => {
            words.rest_of_statement();
            Action::Partition(words.since(start))
        }
        "ALGORITHM" | "LOCK" => {
            words.eat_char('=');
            let value = words.word();
            if first == "LOCK" {
                found.lock = value;
            } else {
                found.algorithm = value;
            }
            return;
        }
        "ENABLE" | "DISABLE" | "DISCARD" | "IMPORT" | "ORDER" | "FORCE" | "WITH" | "WITHOUT" => {
            words.rest_of_action();
            Action::Other(words.since(start))
        }
        "DEFAULT" | "CHARACTER" | "CHARSET" | "COLLATE" => Action::Option("CHARACTER SET".to_owned()),
        "" => return,
        _ => {
            // Options may follow one another without a comma.
            found.actions.push(Action::Option(first));
            words.eat_char('=');
            words.next();
            if words.at_word() {
                action(words, found);
            }
            return;
        }
    };
    found.actions.push(action);
}

fn add(words: &mut Words<'_>, found: &mut Classification) {
    let explicit = words.eat("COLUMN");
    found.idempotent |= words.if_exists();
    if !explicit && let Some(action) = add_key(words, found) {
        found.actions.push(action);
        return;
    }
    let several = words.eat_char('(');
    loop {
        let Some(name) = words.identifier() else { return };
        found.actions.push(Action::AddColumn {
            name,
            definition: words.rest_of_action(),
        });
        if !several || !words.eat_char(',') {
            break;
        }
    }
    if several {
        words.eat_char(')');
    }
}

/// An index, key, constraint or partition after ADD; `None` for a column.
fn add_key(words: &mut Words<'_>, found: &mut Classification) -> Option<Action> {
    if words.eat("PARTITION") {
        return Some(Action::Partition("ADD PARTITION".to_owned()));
    }
    for option in ["SYSTEM", "PERIOD"] {
        let saved = words.clone();
        if words.eat(option) && (words.eat("VERSIONING") || words.eat("FOR")) {
            return Some(Action::Other(format!("ADD {option}")));
        }
        *words = saved;
    }
    let constraint = words.eat("CONSTRAINT");
    if constraint {
        found.idempotent |= words.if_exists();
    }
    let keyword = |words: &Words<'_>| words.at_any(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]);
    let name = if constraint && !keyword(words) {
        words.identifier()
    } else {
        None
    };
    let kind = if words.eat("PRIMARY") {
        IndexKind::Primary
    } else if words.eat("UNIQUE") {
        IndexKind::Unique
    } else if words.eat("FULLTEXT") {
        IndexKind::Fulltext
    } else if words.eat("SPATIAL") {
        IndexKind::Spatial
    } else if words.eat("FOREIGN") {
        words.eat("KEY");
        found.idempotent |= words.if_exists();
        let inline = if words.at('(') { None } else { words.identifier() };
        return Some(Action::AddForeignKey(name.or(inline)));
    } else if words.eat("CHECK") {
        return Some(Action::AddCheck(name));
    } else if words.at_any(&["INDEX", "KEY"]) {
        IndexKind::Plain
    } else {
        return None;
    };
    if !words.eat("INDEX") {
        words.eat("KEY");
    }
    found.idempotent |= words.if_exists();
    let inline = if words.at('(') || words.at_any(&["USING"]) {
        None
    } else {
        words.identifier()
    };
    let name = match kind {
        IndexKind::Primary => Some("PRIMARY".to_owned()),
        _ => inline.or(name),
    };
    Some(Action::AddIndex { kind, name })
}

fn drop_action(words: &mut Words<'_>, found: &mut Classification) -> Action {
    let target = [
        "COLUMN",
        "INDEX",
        "KEY",
        "PRIMARY",
        "FOREIGN",
        "CHECK",
        "CONSTRAINT",
        "PARTITION",
        "SYSTEM",
        "PERIOD",
    ]
    .into_iter()
    .find(|word| words.eat(word))
    .unwrap_or("COLUMN");
    if matches!(target, "PRIMARY" | "FOREIGN") {
        words.eat("KEY");
    }
    found.idempotent |= words.if_exists();
    let mut name = || words.identifier().unwrap_or_default();
    match target {
        "INDEX" | "KEY" => Action::DropIndex(name()),
        "PRIMARY" => Action::DropIndex("PRIMARY".to_owned()),
        "FOREIGN" => Action::DropForeignKey(name()),
        "CHECK" | "CONSTRAINT" => Action::DropConstraint(name()),
        "PARTITION" => {
            words.rest_of_statement();
            Action::Partition("DROP PARTITION".to_owned())
        }
        "SYSTEM" | "PERIOD" => Action::Other(format!("DROP {target}")),
        _ => Action::DropColumn(name()),
    }
}

fn rename_action(words: &mut Words<'_>) -> Action {
    let pair = |words: &mut Words<'_>| {
        let from = words.identifier().unwrap_or_default();
        words.eat("TO");
        (from, words.identifier().unwrap_or_default())
    };
    if words.eat("COLUMN") {
        let (from, to) = pair(words);
        return Action::RenameColumn(from, to);
    }
    if words.eat("INDEX") || words.eat("KEY") {
        let (from, to) = pair(words);
        return Action::RenameIndex(from, to);
    }
    if !words.eat("TO") && !words.eat("AS") {
        words.eat_char('=');
    }
    match words.name() {
        Some(name) => Action::RenameTable(name),
        None => Action::Other("RENAME".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::Action::{self, *};
    use super::IndexKind;
    use crate::sql::{Name, classify};

    fn s(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn actions_are_read_one_by_one() {
        let cases: Vec<(&str, Vec<Action>)> = vec![
            (
                "ADD a INT, ADD COLUMN `b c` DECIMAL(10,2)  DEFAULT\n0 AFTER a",
                vec![
                    AddColumn {
                        name: s("a"),
                        definition: s("INT"),
                    },
                    AddColumn {
                        name: s("b c"),
                        definition: s("DECIMAL(10,2) DEFAULT 0 AFTER a"),
                    },
                ],
            ),
            (
                "ADD COLUMN (a INT, b ENUM('x,y',')'))",
                vec![
                    AddColumn {
                        name: s("a"),
                        definition: s("INT"),
                    },
                    AddColumn {
                        name: s("b"),
                        definition: s("ENUM('x,y',')')"),
                    },
                ],
            ),
            (
                "DROP a, DROP COLUMN IF EXISTS b, DROP PRIMARY KEY",
                vec![DropColumn(s("a")), DropColumn(s("b")), DropIndex(s("PRIMARY"))],
            ),
            (
                "MODIFY COLUMN c MEDIUMTEXT NULL COMMENT 'a, b'",
                vec![ModifyColumn {
                    name: s("c"),
                    to: None,
                    definition: s("MEDIUMTEXT NULL COMMENT 'a, b'"),
                }],
            ),
            (
                "CHANGE a b INT, CHANGE `c` c INT",
                vec![
                    ModifyColumn {
                        name: s("a"),
                        to: Some(s("b")),
                        definition: s("INT"),
                    },
                    ModifyColumn {
                        name: s("c"),
                        to: None,
                        definition: s("INT"),
                    },
                ],
            ),
            (
                "RENAME COLUMN a TO b, RENAME INDEX i TO j",
                vec![RenameColumn(s("a"), s("b")), RenameIndex(s("i"), s("j"))],
            ),
            (
                "ALTER COLUMN a SET DEFAULT 5, ALTER b DROP DEFAULT, ALTER INDEX i INVISIBLE",
                vec![ColumnDefault(s("a")), ColumnDefault(s("b")), AlterIndex(s("i"))],
            ),
            (
                "ADD INDEX i (a, b), ADD KEY (c), ADD UNIQUE KEY u USING BTREE (d), ADD FULLTEXT f (e)",
                vec![
                    AddIndex {
                        kind: IndexKind::Plain,
                        name: Some(s("i")),
                    },
                    AddIndex {
                        kind: IndexKind::Plain,
                        name: None,
                    },
                    AddIndex {
                        kind: IndexKind::Unique,
                        name: Some(s("u")),
                    },
                    AddIndex {
                        kind: IndexKind::Fulltext,
                        name: Some(s("f")),
                    },
                ],
            ),
            (
                "ADD PRIMARY KEY (a), ADD CONSTRAINT u UNIQUE (b), ADD CONSTRAINT FOREIGN KEY (c) REFERENCES t (d), ADD CONSTRAINT f FOREIGN KEY (c) REFERENCES t (d) ON DELETE SET NULL, ADD CHECK (a > 1)",
                vec![
                    AddIndex {
                        kind: IndexKind::Primary,
                        name: Some(s("PRIMARY")),
                    },
                    AddIndex {
                        kind: IndexKind::Unique,
                        name: Some(s("u")),
                    },
                    AddForeignKey(None),
                    AddForeignKey(Some(s("f"))),
                    AddCheck(None),
                ],
            ),
            (
                "DROP FOREIGN KEY f, DROP KEY k, DROP CONSTRAINT IF EXISTS c",
                vec![DropForeignKey(s("f")), DropIndex(s("k")), DropConstraint(s("c"))],
            ),
            (
                "RENAME TO db.x, ENGINE = InnoDB ROW_FORMAT=DYNAMIC COMMENT 'x', AUTO_INCREMENT 5",
                vec![
                    RenameTable(Name {
                        schema: Some(s("db")),
                        name: s("x"),
                    }),
                    Option(s("ENGINE")),
                    Option(s("ROW_FORMAT")),
                    Option(s("COMMENT")),
                    Option(s("AUTO_INCREMENT")),
                ],
            ),
            (
                "CONVERT TO CHARACTER SET utf8mb4, DEFAULT CHARSET = utf8mb4, FORCE, ORDER BY a",
                vec![
                    ConvertCharset,
                    Option(s("CHARACTER SET")),
                    Other(s("FORCE")),
                    Other(s("ORDER BY a")),
                ],
            ),
            (
                "PARTITION BY HASH(a) PARTITIONS 4",
                vec![Partition(s("PARTITION BY HASH(a) PARTITIONS 4"))],
            ),
            ("DROP PARTITION p1, p2", vec![Partition(s("DROP PARTITION"))]),
            ("ADD SYSTEM VERSIONING", vec![Other(s("ADD SYSTEM"))]),
            ("", vec![]),
        ];
        for (actions, expected) in cases {
            let found = classify(&format!("ALTER TABLE t {actions}"));
            assert_eq!(found.actions, expected, "{actions}");
        }
        let online =
            classify("ALTER ONLINE TABLE IF EXISTS t WAIT 5 ADD a INT, ALGORITHM=inplace, LOCK = NONE");
        assert_eq!(
            (online.algorithm.as_deref(), online.lock.as_deref()),
            (Some("INPLACE"), Some("NONE"))
        );
        assert_eq!((online.idempotent, online.actions.len()), (true, 1));
    }
}
