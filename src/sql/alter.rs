//! The actions an ALTER TABLE consists of.

use super::classify::{Classification, Effect, Name};
use super::column_def::{ColumnDef, charset_name, column_def, name_of};
use super::table_def::{Constraint, ForeignKeyDef, IndexDef, constraint};
use super::words::{Tok, Words};

/// One thing an ALTER TABLE (or CREATE INDEX, DROP INDEX) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// ADD COLUMN; several in parentheses become several actions.
    AddColumn {
        /// The column.
        name: String,
        /// Its definition.
        def: ColumnDef,
    },
    /// DROP COLUMN.
    DropColumn(String),
    /// MODIFY COLUMN, or CHANGE COLUMN with the name it gets.
    ModifyColumn {
        /// The column.
        name: String,
        /// The new name, if it changes.
        to: Option<String>,
        /// Its new definition.
        def: ColumnDef,
    },
    /// RENAME COLUMN.
    RenameColumn(String, String),
    /// ALTER COLUMN … SET DEFAULT, DROP DEFAULT.
    ColumnDefault(String),
    /// ALTER COLUMN … SET VISIBLE, SET INVISIBLE.
    ColumnVisibility(String),
    /// ADD INDEX, ADD UNIQUE, ADD PRIMARY KEY, ADD FULLTEXT, ADD SPATIAL.
    AddIndex(IndexDef),
    /// DROP INDEX; `PRIMARY` is the primary key.
    DropIndex(String),
    /// RENAME INDEX.
    RenameIndex(String, String),
    /// ALTER INDEX … VISIBLE, INVISIBLE, IGNORED, NOT IGNORED.
    IndexVisibility(String),
    /// ADD FOREIGN KEY.
    AddForeignKey(ForeignKeyDef),
    /// DROP FOREIGN KEY.
    DropForeignKey(String),
    /// ADD CHECK.
    AddCheck {
        /// Its name, if it is given one.
        name: Option<String>,
        /// Whether rows are held to it.
        enforced: bool,
    },
    /// ALTER CHECK, ALTER CONSTRAINT.
    AlterCheck {
        /// Whether rows are held to it from now on.
        enforced: bool,
    },
    /// DROP CHECK, DROP CONSTRAINT: a check, or a key of any kind.
    DropConstraint(String),
    /// RENAME TO.
    RenameTable(Name),
    /// CONVERT TO CHARACTER SET.
    Convert {
        /// The character set, lower case; none for DEFAULT.
        charset: Option<String>,
        /// COLLATE, lower case.
        collation: Option<String>,
    },
    /// A table option: `CHARSET`, `COLLATE`, `ENGINE` and so on.
    Option {
        /// Its name in upper case.
        name: String,
        /// Its value in lower case.
        value: String,
    },
    /// Something with partitions.
    Partition(PartitionChange),
    /// FORCE.
    Force,
    /// ENABLE KEYS, DISABLE KEYS.
    Keys {
        /// ENABLE, which builds them.
        enable: bool,
    },
    /// DISCARD TABLESPACE, IMPORT TABLESPACE.
    Tablespace,
    /// ORDER BY.
    OrderBy,
    /// MariaDB's ADD or DROP SYSTEM VERSIONING.
    Versioning {
        /// ADD.
        add: bool,
    },
    /// ADD or DROP PERIOD FOR.
    Period,
    /// WITH VALIDATION, WITHOUT VALIDATION.
    Validation,
    /// OPTIMIZE TABLE.
    Optimize,
    /// REPAIR TABLE.
    Repair,
    /// CHECK TABLE.
    Check,
    /// ANALYZE TABLE.
    Analyze,
    /// Something this does not know, its first words.
    Unknown(String),
}

/// What an ALTER TABLE does with partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionChange {
    /// PARTITION BY.
    By,
    /// REMOVE PARTITIONING.
    Remove,
    /// ADD PARTITION with VALUES: nothing moves.
    AddRange,
    /// ADD PARTITION of a table partitioned by HASH or KEY.
    AddHash,
    /// DROP PARTITION.
    Drop,
    /// TRUNCATE PARTITION.
    Truncate,
    /// COALESCE PARTITION.
    Coalesce,
    /// REORGANIZE PARTITION.
    Reorganize,
    /// EXCHANGE PARTITION … WITH TABLE.
    Exchange {
        /// Whether every row of the table is looked at.
        validated: bool,
    },
    /// REBUILD PARTITION.
    Rebuild,
    /// OPTIMIZE PARTITION.
    Optimize,
    /// REPAIR PARTITION.
    Repair,
    /// CHECK PARTITION.
    Check,
    /// ANALYZE PARTITION.
    Analyze,
    /// Anything else: DISCARD, IMPORT, CONVERT.
    Other,
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

/// The clauses of an ALTER TABLE that are not followed by a comma: another may follow.
fn action(words: &mut Words<'_>, found: &mut Classification) {
    let begin = words.clone();
    let start = words.pos();
    let first = words.word().unwrap_or_default();
    let action = match first.as_str() {
        "ADD" => return add(words, found),
        "DROP" => drop_action(words, found),
        "MODIFY" | "CHANGE" => modify(words, &first, found),
        "ALTER" => alter_part(words),
        "RENAME" => rename_action(words),
        "CONVERT" if words.eat("TO") => convert(words),
        "CONVERT" | "PARTITION" | "REMOVE" | "COALESCE" | "REORGANIZE" | "EXCHANGE" | "TRUNCATE"
        | "ANALYZE" | "OPTIMIZE" | "REBUILD" | "REPAIR" => partition(words, &first),
        "CHECK" if words.eat("PARTITION") => partition(words, &first),
        "DISCARD" | "IMPORT" if words.eat("PARTITION") => partition(words, &first),
        "DISCARD" | "IMPORT" if words.eat("TABLESPACE") => Action::Tablespace,
        "ALGORITHM" | "LOCK" => {
            words.eat_char('=');
            let value = words.word();
            if first == "LOCK" {
                found.lock = value;
            } else {
                found.algorithm = value;
            }
            return next_without_comma(words, found);
        }
        "ENABLE" | "DISABLE" if words.eat("KEYS") => Action::Keys {
            enable: first == "ENABLE",
        },
        "FORCE" => Action::Force,
        "ORDER" if words.eat("BY") => {
            words.rest_of_statement();
            Action::OrderBy
        }
        "WITH" | "WITHOUT" if words.eat("VALIDATION") => Action::Validation,
        "WITH" if words.eat("SYSTEM") => {
            words.eat("VERSIONING");
            Action::Versioning { add: true }
        }
        "" => return,
        _ => {
            *words = begin;
            option(words, found);
            return next_without_comma(words, found);
        }
    };
    let action = match action {
        Action::Unknown(_) => {
            words.rest_of_action();
            Action::Unknown(words.since(start))
        }
        known => known,
    };
    found.actions.push(action);
    if matches!(found.actions.last(), Some(Action::Convert { .. } | Action::Force)) {
        next_without_comma(words, found);
    }
}

fn next_without_comma(words: &mut Words<'_>, found: &mut Classification) {
    if words.at_word() {
        action(words, found);
    }
}

/// A table option and its value.
fn option(words: &mut Words<'_>, found: &mut Classification) {
    let mut push = |name: &str, value: String| {
        found.actions.push(Action::Option {
            name: name.to_owned(),
            value,
        });
    };
    words.eat("DEFAULT");
    let name = words.word().unwrap_or_default();
    let known = match name.as_str() {
        "CHARACTER" => {
            words.eat("SET");
            "CHARSET"
        }
        "DATA" | "INDEX" => {
            words.eat("DIRECTORY");
            "DIRECTORY"
        }
        name => name,
    };
    let equals = words.eat_char('=');
    if words.at('(') {
        words.rest_of_action();
        return push(known, String::new());
    }
    let value = match words.peek() {
        Some(Tok::Char('-' | '+')) => {
            words.next();
            words.next();
            String::new()
        }
        None | Some(Tok::Char(_)) if !equals => String::new(),
        _ => name_of(words).unwrap_or_default(),
    };
    let value = match known {
        "CHARSET" => charset_name(&value),
        _ => value,
    };
    push(known, value);
    if known == "TABLESPACE" && words.eat("STORAGE") {
        words.next();
    }
}

fn modify(words: &mut Words<'_>, verb: &str, found: &mut Classification) -> Action {
    words.eat("COLUMN");
    found.idempotent |= words.if_exists();
    let name = words.identifier().unwrap_or_default();
    let to = (verb == "CHANGE").then(|| words.identifier()).flatten();
    let to = to.filter(|to| *to != name);
    Action::ModifyColumn {
        name,
        to,
        def: column_def(words),
    }
}

fn alter_part(words: &mut Words<'_>) -> Action {
    if words.eat("INDEX") || words.eat("KEY") {
        words.if_exists();
        return Action::IndexVisibility(words.identifier().unwrap_or_default());
    }
    if words.eat("CHECK") || words.eat("CONSTRAINT") {
        words.identifier();
        let enforced = !words.eat("NOT");
        return Action::AlterCheck { enforced };
    }
    words.eat("COLUMN");
    words.if_exists();
    let name = words.identifier().unwrap_or_default();
    if words.eat("DROP") {
        return Action::ColumnDefault(name);
    }
    if !words.eat("SET") {
        return Action::Unknown(String::new());
    }
    if words.eat("VISIBLE") || words.eat("INVISIBLE") {
        return Action::ColumnVisibility(name);
    }
    Action::ColumnDefault(name)
}

fn convert(words: &mut Words<'_>) -> Action {
    if words.eat("CHARACTER") {
        words.eat("SET");
    } else {
        words.eat("CHARSET");
    }
    words.eat_char('=');
    let charset = name_of(words).filter(|name| name != "default");
    let mut collation = None;
    if words.eat("COLLATE") {
        words.eat_char('=');
        collation = name_of(words);
    }
    Action::Convert {
        charset: charset.map(|name| charset_name(&name)),
        collation,
    }
}

/// What follows the first word of a clause about partitions.
fn partition(words: &mut Words<'_>, first: &str) -> Action {
    let change = match first {
        "PARTITION" => PartitionChange::By,
        "REMOVE" => PartitionChange::Remove,
        "COALESCE" => PartitionChange::Coalesce,
        "REORGANIZE" => PartitionChange::Reorganize,
        "TRUNCATE" => PartitionChange::Truncate,
        "REBUILD" => PartitionChange::Rebuild,
        "OPTIMIZE" => PartitionChange::Optimize,
        "REPAIR" => PartitionChange::Repair,
        "CHECK" => PartitionChange::Check,
        "ANALYZE" => PartitionChange::Analyze,
        "EXCHANGE" => {
            let mut without = false;
            while let Some(tok) = words.next() {
                without |= tok.is("WITHOUT");
            }
            PartitionChange::Exchange { validated: !without }
        }
        _ => PartitionChange::Other,
    };
    words.rest_of_statement();
    Action::Partition(change)
}

/// The partitions that ALTER TABLE … TRUNCATE PARTITION names, none for ALL; `None` for any other statement.
pub fn truncated_partitions(statement: &str) -> Option<Vec<String>> {
    let mut words = Words::new(statement);
    while !words.eat("TRUNCATE") {
        words.next()?;
    }
    words.eat("PARTITION").then_some(())?;
    let mut names = Vec::new();
    if words.eat("ALL") {
        return Some(names);
    }
    while let Some(name) = words.identifier() {
        names.push(name);
        if !words.eat_char(',') {
            break;
        }
    }
    Some(names)
}

fn add(words: &mut Words<'_>, found: &mut Classification) {
    let explicit = words.eat("COLUMN");
    found.idempotent |= words.if_exists();
    if !explicit && let Some(action) = add_other(words, found) {
        found.actions.push(action);
        return;
    }
    let several = words.eat_char('(');
    loop {
        let Some(name) = words.identifier() else {
            return found.actions.push(Action::Unknown("ADD".to_owned()));
        };
        let def = column_def(words);
        found.actions.push(Action::AddColumn { name, def });
        if !several || !words.eat_char(',') {
            break;
        }
    }
    if several {
        words.eat_char(')');
    }
}

/// An index, key, constraint, partition or period after ADD; `None` for a column.
fn add_other(words: &mut Words<'_>, found: &mut Classification) -> Option<Action> {
    let begin = words.clone();
    if words.eat("PARTITION") && !words.at_end() {
        let mut values = false;
        while let Some(tok) = words.next() {
            values |= tok.is("VALUES");
        }
        return Some(Action::Partition(match values {
            true => PartitionChange::AddRange,
            false => PartitionChange::AddHash,
        }));
    }
    *words = begin.clone();
    if words.eat("SYSTEM") && words.eat("VERSIONING") {
        return Some(Action::Versioning { add: true });
    }
    *words = begin.clone();
    if words.eat("PERIOD") && words.eat("FOR") {
        words.rest_of_action();
        return Some(Action::Period);
    }
    *words = begin;
    found.idempotent |= says_if(words.clone());
    constraint(words).map(|constraint| match constraint {
        Constraint::Index(index) => Action::AddIndex(index),
        Constraint::ForeignKey(key) => Action::AddForeignKey(key),
        Constraint::Check { name, enforced } => Action::AddCheck { name, enforced },
    })
}

/// Whether IF NOT EXISTS stands within the few words before an index's or constraint's name.
fn says_if(mut words: Words<'_>) -> bool {
    for _ in 0..4 {
        if words.if_exists() {
            return true;
        }
        if words.at('(') || words.next().is_none() {
            return false;
        }
    }
    false
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
            Action::Partition(PartitionChange::Drop)
        }
        "SYSTEM" => Action::Versioning { add: false },
        "PERIOD" => Action::Period,
        _ => Action::DropColumn(name()),
    }
}

fn rename_action(words: &mut Words<'_>) -> Action {
    let pair = |words: &mut Words<'_>| {
        words.if_exists();
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
        None => Action::Unknown(String::new()),
    }
}

#[cfg(test)]
mod tests;
