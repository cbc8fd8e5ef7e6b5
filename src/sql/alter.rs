//! Parses the actions of an ALTER TABLE.

use super::column_def::{charset_name, column_def, name_of};
use super::cursor::{SqlToken, TokenCursor};
use super::statement::{AlterAction, Classification, ObjectEffect, PartitionChange};
use super::table_def::{Constraint, constraint};

/// Parses the actions of an ALTER TABLE after the table's name.
pub(super) fn alter_table(cursor: &mut TokenCursor<'_>, found: &mut Classification) {
    // MariaDB: WAIT n and NOWAIT come between the name and the first action.
    if cursor.eat("WAIT") {
        cursor.next();
    }
    cursor.eat("NOWAIT");
    while !cursor.at_end() {
        let before = cursor.pos();
        action(cursor, found);
        cursor.rest_of_action();
        cursor.eat_char(',');
        if cursor.pos() == before {
            cursor.next();
        }
    }
    let renamed = found.actions.iter().find_map(|action| match action {
        AlterAction::RenameTable(to) => Some(to.clone()),
        _ => None,
    });
    if let (Some(to), Some(object)) = (renamed, found.objects.first_mut()) {
        object.effect = ObjectEffect::Rename(to);
    }
}

/// Parses one action, and the next ones where no comma is required between them.
fn action(cursor: &mut TokenCursor<'_>, found: &mut Classification) {
    let begin = cursor.clone();
    let start = cursor.pos();
    let first = cursor.word().unwrap_or_default();
    let action = match first.as_str() {
        "ADD" => return add(cursor, found),
        "DROP" => drop_action(cursor, found),
        "MODIFY" | "CHANGE" => modify(cursor, &first, found),
        "ALTER" => alter_part(cursor, found),
        "RENAME" => rename_action(cursor, found),
        "CONVERT" if cursor.eat("TO") => convert(cursor),
        "CONVERT" | "PARTITION" | "REMOVE" | "COALESCE" | "REORGANIZE" | "EXCHANGE" | "TRUNCATE"
        | "ANALYZE" | "OPTIMIZE" | "REBUILD" | "REPAIR" => partition(cursor, &first),
        "CHECK" if cursor.eat("PARTITION") => partition(cursor, &first),
        "DISCARD" | "IMPORT" if cursor.eat("PARTITION") => partition(cursor, &first),
        "DISCARD" | "IMPORT" if cursor.eat("TABLESPACE") => AlterAction::Tablespace,
        "ALGORITHM" | "LOCK" => {
            cursor.eat_char('=');
            let value = cursor.word();
            if first == "LOCK" {
                found.lock = value;
            } else {
                found.algorithm = value;
            }
            return next_without_comma(cursor, found);
        }
        "ENABLE" | "DISABLE" if cursor.eat("KEYS") => AlterAction::Keys {
            enable: first == "ENABLE",
        },
        "FORCE" => AlterAction::Force,
        "ORDER" if cursor.eat("BY") => {
            cursor.rest_of_statement();
            AlterAction::OrderBy
        }
        "WITH" | "WITHOUT" if cursor.eat("VALIDATION") => AlterAction::Validation {
            with: first == "WITH",
        },
        "WITH" if cursor.eat("SYSTEM") => {
            cursor.eat("VERSIONING");
            AlterAction::Versioning { add: true }
        }
        "" => return,
        _ => {
            *cursor = begin;
            option(cursor, found);
            return next_without_comma(cursor, found);
        }
    };
    let action = match action {
        AlterAction::Unknown(_) => {
            cursor.rest_of_action();
            AlterAction::Unknown(cursor.since(start))
        }
        known => known,
    };
    found.actions.push(action);
    if matches!(
        found.actions.last(),
        Some(AlterAction::Convert { .. } | AlterAction::Force)
    ) {
        next_without_comma(cursor, found);
    }
}

fn next_without_comma(cursor: &mut TokenCursor<'_>, found: &mut Classification) {
    if cursor.at_word() {
        action(cursor, found);
    }
}

/// A table option and its value.
fn option(cursor: &mut TokenCursor<'_>, found: &mut Classification) {
    let mut push = |name: &str, value: String| {
        found.actions.push(AlterAction::Option {
            name: name.to_owned(),
            value,
        });
    };
    cursor.eat("DEFAULT");
    let name = cursor.word().unwrap_or_default();
    let known = match name.as_str() {
        "CHARACTER" => {
            cursor.eat("SET");
            "CHARSET"
        }
        "DATA" | "INDEX" => {
            cursor.eat("DIRECTORY");
            "DIRECTORY"
        }
        name => name,
    };
    let equals = cursor.eat_char('=');
    if cursor.at('(') {
        cursor.rest_of_action();
        return push(known, String::new());
    }
    let value = match cursor.peek() {
        Some(SqlToken::Char('-' | '+')) => {
            cursor.next();
            cursor.next();
            String::new()
        }
        None | Some(SqlToken::Char(_)) if !equals => String::new(),
        _ => name_of(cursor).unwrap_or_default(),
    };
    let value = match known {
        "CHARSET" => charset_name(&value),
        _ => value,
    };
    push(known, value);
    if known == "TABLESPACE" && cursor.eat("STORAGE") {
        cursor.next();
    }
}

fn modify(cursor: &mut TokenCursor<'_>, verb: &str, found: &mut Classification) -> AlterAction {
    cursor.eat("COLUMN");
    found.idempotent |= cursor.if_exists();
    let name = cursor.identifier().unwrap_or_default();
    let to = (verb == "CHANGE").then(|| cursor.identifier()).flatten();
    let to = to.filter(|to| *to != name);
    AlterAction::ModifyColumn {
        name,
        to,
        def: column_def(cursor),
    }
}

fn alter_part(cursor: &mut TokenCursor<'_>, found: &mut Classification) -> AlterAction {
    if cursor.eat("INDEX") || cursor.eat("KEY") {
        found.idempotent |= cursor.if_exists();
        return AlterAction::IndexVisibility(cursor.identifier().unwrap_or_default());
    }
    if cursor.eat("CHECK") || cursor.eat("CONSTRAINT") {
        cursor.identifier();
        let enforced = !cursor.eat("NOT");
        return AlterAction::AlterCheck { enforced };
    }
    cursor.eat("COLUMN");
    found.idempotent |= cursor.if_exists();
    let name = cursor.identifier().unwrap_or_default();
    if cursor.eat("DROP") {
        return AlterAction::ColumnDefault(name);
    }
    if !cursor.eat("SET") {
        return AlterAction::Unknown(String::new());
    }
    if cursor.eat("VISIBLE") || cursor.eat("INVISIBLE") {
        return AlterAction::ColumnVisibility(name);
    }
    AlterAction::ColumnDefault(name)
}

fn convert(cursor: &mut TokenCursor<'_>) -> AlterAction {
    if cursor.eat("CHARACTER") {
        cursor.eat("SET");
    } else {
        cursor.eat("CHARSET");
    }
    cursor.eat_char('=');
    let charset = name_of(cursor).filter(|name| name != "default");
    let mut collation = None;
    if cursor.eat("COLLATE") {
        cursor.eat_char('=');
        collation = name_of(cursor);
    }
    AlterAction::Convert {
        charset: charset.map(|name| charset_name(&name)),
        collation,
    }
}

/// Parses the rest of a partition clause after its first word.
fn partition(cursor: &mut TokenCursor<'_>, first: &str) -> AlterAction {
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
            while let Some(tok) = cursor.next() {
                without |= tok.is("WITHOUT");
            }
            PartitionChange::Exchange { validated: !without }
        }
        _ => PartitionChange::Other,
    };
    cursor.rest_of_statement();
    AlterAction::Partition(change)
}

/// The partitions that ALTER TABLE … TRUNCATE PARTITION names, none for ALL; `None` for any other statement.
pub fn truncated_partitions(statement: &str) -> Option<Vec<String>> {
    let mut cursor = TokenCursor::new(statement);
    while !cursor.eat("TRUNCATE") {
        cursor.next()?;
    }
    cursor.eat("PARTITION").then_some(())?;
    let mut names = Vec::new();
    if cursor.eat("ALL") {
        return Some(names);
    }
    while let Some(name) = cursor.identifier() {
        names.push(name);
        if !cursor.eat_char(',') {
            break;
        }
    }
    Some(names)
}

fn add(cursor: &mut TokenCursor<'_>, found: &mut Classification) {
    let explicit = cursor.eat("COLUMN");
    found.idempotent |= cursor.if_exists();
    if !explicit && let Some(action) = add_other(cursor, found) {
        found.actions.push(action);
        return;
    }
    let several = cursor.eat_char('(');
    loop {
        let Some(name) = cursor.identifier() else {
            return found.actions.push(AlterAction::Unknown("ADD".to_owned()));
        };
        let def = column_def(cursor);
        found.actions.push(AlterAction::AddColumn { name, def });
        if !several || !cursor.eat_char(',') {
            break;
        }
    }
    if several {
        cursor.eat_char(')');
    }
}

/// An index, key, constraint, partition or period after ADD; `None` for a column.
fn add_other(cursor: &mut TokenCursor<'_>, found: &mut Classification) -> Option<AlterAction> {
    let begin = cursor.clone();
    if cursor.eat("PARTITION") && !cursor.at_end() {
        let mut values = false;
        while let Some(tok) = cursor.next() {
            values |= tok.is("VALUES");
        }
        return Some(AlterAction::Partition(match values {
            true => PartitionChange::AddRange,
            false => PartitionChange::AddHash,
        }));
    }
    *cursor = begin.clone();
    if cursor.eat("SYSTEM") && cursor.eat("VERSIONING") {
        return Some(AlterAction::Versioning { add: true });
    }
    *cursor = begin.clone();
    if cursor.eat("PERIOD") && cursor.eat("FOR") {
        cursor.rest_of_action();
        return Some(AlterAction::Period);
    }
    *cursor = begin;
    found.idempotent |= has_if_exists(cursor.clone());
    constraint(cursor).map(|constraint| match constraint {
        Constraint::Index(index) => AlterAction::AddIndex(index),
        Constraint::ForeignKey(key) => AlterAction::AddForeignKey(key),
        Constraint::Check { name, enforced } => AlterAction::AddCheck { name, enforced },
    })
}

/// Whether IF NOT EXISTS occurs among the few words before an index's or constraint's name.
fn has_if_exists(mut cursor: TokenCursor<'_>) -> bool {
    for _ in 0..4 {
        if cursor.if_exists() {
            return true;
        }
        if cursor.at('(') || cursor.next().is_none() {
            return false;
        }
    }
    false
}

fn drop_action(cursor: &mut TokenCursor<'_>, found: &mut Classification) -> AlterAction {
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
    .find(|word| cursor.eat(word))
    .unwrap_or("COLUMN");
    if matches!(target, "PRIMARY" | "FOREIGN") {
        cursor.eat("KEY");
    }
    found.idempotent |= cursor.if_exists();
    let mut name = || cursor.identifier().unwrap_or_default();
    match target {
        "INDEX" | "KEY" => AlterAction::DropIndex(name()),
        "PRIMARY" => AlterAction::DropIndex("PRIMARY".to_owned()),
        "FOREIGN" => AlterAction::DropForeignKey(name()),
        "CHECK" | "CONSTRAINT" => AlterAction::DropConstraint(name()),
        "PARTITION" => {
            cursor.rest_of_statement();
            AlterAction::Partition(PartitionChange::Drop)
        }
        "SYSTEM" => AlterAction::Versioning { add: false },
        "PERIOD" => AlterAction::Period,
        _ => AlterAction::DropColumn(name()),
    }
}

fn rename_action(cursor: &mut TokenCursor<'_>, found: &mut Classification) -> AlterAction {
    let mut pair = |cursor: &mut TokenCursor<'_>| {
        found.idempotent |= cursor.if_exists();
        let from = cursor.identifier().unwrap_or_default();
        cursor.eat("TO");
        (from, cursor.identifier().unwrap_or_default())
    };
    if cursor.eat("COLUMN") {
        let (from, to) = pair(cursor);
        return AlterAction::RenameColumn(from, to);
    }
    if cursor.eat("INDEX") || cursor.eat("KEY") {
        let (from, to) = pair(cursor);
        return AlterAction::RenameIndex(from, to);
    }
    if !cursor.eat("TO") && !cursor.eat("AS") {
        cursor.eat_char('=');
    }
    match cursor.name() {
        Some(name) => AlterAction::RenameTable(name),
        None => AlterAction::Unknown(String::new()),
    }
}

#[cfg(test)]
mod tests;
