//! Classifies one statement: its class, the objects it touches, and whether it commits implicitly.
//!
//! Implicit commits follow the MySQL 8.4 manual, "Statements That Cause an Implicit Commit", and MariaDB's
//! "SQL statements That Cause an Implicit Commit". The parser reads only as much as this needs;
//! unknown statements are [`StatementClass::Other`].

use super::alter::alter_table;
use super::cursor::{SqlToken, TokenCursor};
use super::mention::may_fill_variables;
use super::statement::{AlterAction, Classification, ObjectEffect, ObjectKind, StatementClass};
use super::table_def::{IndexDef, IndexType, parts, using_hash};

/// Classifies `statement`, one statement as [`super::split()`] returns it.
pub fn classify(statement: &str) -> Classification {
    if let Some(analyzed) = analyzed(statement) {
        return classify(analyzed);
    }
    let mut cursor = TokenCursor::new(statement);
    let first = cursor.word().unwrap_or_default();
    let mut found = match first.as_str() {
        "CREATE" => create(&mut cursor),
        "ALTER" => alter(&mut cursor),
        "DROP" => drop_object(&mut cursor),
        "RENAME" => rename(&mut cursor),
        "TRUNCATE" => {
            cursor.eat("TABLE");
            let mut found = Classification::new(StatementClass::Ddl, "TRUNCATE TABLE").committing();
            found.object(ObjectKind::Table, cursor.name(), ObjectEffect::Truncate);
            found
        }
        "INSERT" | "REPLACE" | "UPDATE" | "DELETE" | "LOAD" => write(&mut cursor, &first),
        "WITH" => with(&mut cursor),
        "" | "SELECT" | "TABLE" | "VALUES" | "SHOW" | "DESCRIBE" | "DESC" | "EXPLAIN" | "HELP"
        | "CHECKSUM" => {
            let verb = if first.is_empty() { "SELECT" } else { &first };
            let class = if first.is_empty() && !cursor.at('(') {
                StatementClass::Other
            } else {
                StatementClass::Query
            };
            Classification::new(class, verb)
        }
        _ => administer(&mut cursor, &first),
    };
    if matches!(found.class, StatementClass::Query | StatementClass::Dml) {
        found.session_state |= fills_variables(statement);
    }
    found
}

/// The statement that MariaDB's `ANALYZE [FORMAT = …] statement` runs, rows and all (manual, "ANALYZE Statement").
fn analyzed(statement: &str) -> Option<&str> {
    let mut cursor = TokenCursor::new(statement);
    if !cursor.eat("ANALYZE") {
        return None;
    }
    if cursor.eat("FORMAT") && cursor.eat_char('=') {
        cursor.next();
    }
    cursor
        .at_any(&["SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"])
        .then(|| &statement[cursor.pos()..])
}

/// The database that a USE statement chooses.
pub fn used_database(statement: &str) -> Option<String> {
    let mut cursor = TokenCursor::new(statement);
    cursor.eat("USE").then(|| cursor.identifier()).flatten()
}

fn administer(cursor: &mut TokenCursor<'_>, first: &str) -> Classification {
    let new = |class, verb: &str| Classification::new(class, verb);
    match first {
        "CALL" => opaque(new(StatementClass::Dml, first)),
        "DO" => new(StatementClass::Dml, first),
        "EXECUTE" | "IF" | "CASE" | "LOOP" | "WHILE" | "REPEAT" | "FOR" => {
            opaque(new(StatementClass::Other, first))
        }
        "BEGIN" if cursor.eat("NOT") => opaque(new(StatementClass::Other, "BEGIN NOT ATOMIC")),
        "START" if cursor.eat("TRANSACTION") => {
            new(StatementClass::Transaction, "START TRANSACTION").committing()
        }
        "BEGIN" | "LOCK" | "UNLOCK" => new(StatementClass::Transaction, first).committing(),
        "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "XA" => new(StatementClass::Transaction, first),
        "SET" => set(cursor),
        "USE" | "PREPARE" | "DEALLOCATE" => new(StatementClass::Session, first),
        "ANALYZE" | "CHECK" | "OPTIMIZE" | "REPAIR" => maintain(cursor, first),
        "GRANT" | "REVOKE" | "CACHE" | "FLUSH" | "RESET" | "INSTALL" | "UNINSTALL" | "START" | "STOP"
        | "CHANGE" => new(StatementClass::Admin, first).committing(),
        "KILL" | "PURGE" | "BINLOG" | "CLONE" | "SHUTDOWN" | "RESTART" => new(StatementClass::Admin, first),
        _ => new(StatementClass::Other, first),
    }
}

/// ANALYZE, CHECK, OPTIMIZE, REPAIR TABLE.
fn maintain(cursor: &mut TokenCursor<'_>, first: &str) -> Classification {
    let mut found = Classification::new(StatementClass::Admin, first).committing();
    let _ = cursor.eat("NO_WRITE_TO_BINLOG") || cursor.eat("LOCAL");
    if !cursor.eat("TABLE") && !cursor.eat("TABLES") {
        return found;
    }
    found.actions.push(match first {
        "OPTIMIZE" => AlterAction::Optimize,
        "REPAIR" => AlterAction::Repair,
        "CHECK" => AlterAction::Check,
        _ => AlterAction::Analyze,
    });
    while let Some(name) = cursor.name() {
        found.maintained.push(name);
        if !cursor.eat_char(',') {
            break;
        }
    }
    found
}

fn opaque(mut found: Classification) -> Classification {
    found.opaque = true;
    found
}

fn set(cursor: &mut TokenCursor<'_>) -> Classification {
    if cursor.eat("PASSWORD") || cursor.eat("ROLE") || cursor.eat("DEFAULT") {
        return Classification::new(StatementClass::Admin, "SET").committing();
    }
    // MariaDB: SET STATEMENT variable = value FOR statement.
    if cursor.eat("STATEMENT") {
        return opaque(Classification::new(StatementClass::Other, "SET STATEMENT"));
    }
    let mut found = Classification::new(StatementClass::Session, "SET");
    let mut global = false;
    let mut reads = false;
    while let Some(tok) = cursor.next() {
        if let SqlToken::Word(word) = tok {
            let word = word.to_ascii_uppercase();
            global |= matches!(word.as_str(), "GLOBAL" | "PERSIST" | "PERSIST_ONLY");
            reads |= word == "SELECT";
            if word == "AUTOCOMMIT" {
                found.class = StatementClass::Transaction;
                found.implicit_commit = true;
            }
        }
    }
    if global {
        found.class = StatementClass::Admin;
    }
    found.session_state = reads;
    found
}

fn write(cursor: &mut TokenCursor<'_>, verb: &str) -> Classification {
    let mut found = Classification::new(StatementClass::Dml, verb);
    if verb == "LOAD" {
        if cursor.eat("INDEX") {
            return Classification::new(StatementClass::Admin, "LOAD INDEX").committing();
        }
        while let Some(tok) = cursor.next() {
            if tok.is("INTO") && cursor.eat("TABLE") {
                break;
            }
        }
    } else {
        while [
            "LOW_PRIORITY",
            "DELAYED",
            "HIGH_PRIORITY",
            "QUICK",
            "IGNORE",
            "INTO",
            "FROM",
        ]
        .iter()
        .any(|word| cursor.eat(word))
        {}
    }
    found.object(ObjectKind::Table, cursor.name(), ObjectEffect::Write);
    found
}

fn with(cursor: &mut TokenCursor<'_>) -> Classification {
    let mut depth = 0_usize;
    while let Some(tok) = cursor.next() {
        match tok {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => depth = depth.saturating_sub(1),
            SqlToken::Word(word) if depth == 0 => {
                let word = word.to_ascii_uppercase();
                match word.as_str() {
                    "UPDATE" | "DELETE" | "INSERT" | "REPLACE" => return write(cursor, &word),
                    "SELECT" | "TABLE" | "VALUES" => break,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Classification::new(StatementClass::Query, "SELECT")
}

/// Whether a statement puts data into user variables: `INTO @x`, `@x := …`.
fn fills_variables(statement: &str) -> bool {
    if !may_fill_variables(statement) {
        return false;
    }
    let mut cursor = TokenCursor::new(statement);
    let mut into = false;
    while let Some(tok) = cursor.next() {
        if tok == SqlToken::Char('@') && into {
            return true;
        }
        if tok == SqlToken::Char(':') && cursor.at('=') {
            return true;
        }
        into = tok.is("INTO");
    }
    false
}

/// The token as a word in upper case. The value of `DEFINER = user@host` or `ALGORITHM = x`, which may be any word, is
/// passed over.
fn keyword(cursor: &mut TokenCursor<'_>, tok: SqlToken<'_>) -> Option<String> {
    match tok {
        SqlToken::Word(word) => Some(word.to_ascii_uppercase()),
        SqlToken::Char('=' | '@') => {
            cursor.next();
            None
        }
        _ => None,
    }
}

fn create(cursor: &mut TokenCursor<'_>) -> Classification {
    let mut found = Classification::new(StatementClass::Ddl, "CREATE").committing();
    let mut index = IndexType::Plain;
    while let Some(tok) = cursor.next() {
        let Some(word) = keyword(cursor, tok) else {
            continue;
        };
        match word.as_str() {
            "OR" => found.idempotent = true,
            "TEMPORARY" => found.temporary = true,
            "UNIQUE" => index = IndexType::Unique,
            "FULLTEXT" => index = IndexType::Fulltext,
            "SPATIAL" if !cursor.eat("REFERENCE") => index = IndexType::Spatial,
            "VECTOR" => index = IndexType::Vector,
            "INDEX" => return create_index(cursor, found, index),
            "USER" | "ROLE" | "SERVER" | "TABLESPACE" | "LOGFILE" | "RESOURCE" | "REFERENCE" => {
                found.class = StatementClass::Admin;
                found.verb = format!("CREATE {word}");
                found.idempotent |= cursor.if_exists();
                return found;
            }
            _ => {
                if let Some(kind) = ObjectKind::from_keyword(&word) {
                    found.verb = format!("CREATE {word}");
                    found.idempotent |= cursor.if_exists();
                    found.object(kind, cursor.name(), ObjectEffect::Create);
                    break;
                }
            }
        }
    }
    if found.temporary {
        found.implicit_commit = false;
        found.session_state = true;
    }
    found
}

fn create_index(cursor: &mut TokenCursor<'_>, mut found: Classification, kind: IndexType) -> Classification {
    found.verb = "CREATE INDEX".to_owned();
    found.idempotent |= cursor.if_exists();
    let name = cursor.identifier();
    let mut hash = using_hash(cursor);
    while let Some(tok) = cursor.next() {
        if tok.is("ON") {
            found.object(ObjectKind::Table, cursor.name(), ObjectEffect::Alter);
            break;
        }
    }
    // MariaDB: WAIT n and NOWAIT.
    while !(cursor.at('(') || cursor.at_end()) {
        cursor.next();
    }
    let parts = parts(cursor);
    hash |= using_hash(cursor);
    found.actions.push(AlterAction::AddIndex(IndexDef {
        kind,
        name,
        parts,
        hash,
    }));
    algorithm_and_lock(cursor, &mut found);
    found
}

/// Picks up `ALGORITHM = x` and `LOCK = x` from the rest of the statement.
fn algorithm_and_lock(cursor: &mut TokenCursor<'_>, found: &mut Classification) {
    while let Some(tok) = cursor.next() {
        let algorithm = tok.is("ALGORITHM");
        if algorithm || tok.is("LOCK") {
            cursor.eat_char('=');
            let value = cursor.word();
            if algorithm {
                found.algorithm = value;
            } else {
                found.lock = value;
            }
        }
    }
}

fn drop_object(cursor: &mut TokenCursor<'_>) -> Classification {
    let mut found = Classification::new(StatementClass::Ddl, "DROP").committing();
    found.temporary = cursor.eat("TEMPORARY");
    let word = cursor.word().unwrap_or_default();
    found.verb = format!("DROP {word}");
    found.idempotent = cursor.if_exists();
    match word.as_str() {
        "INDEX" => {
            let name = cursor.identifier().unwrap_or_default();
            cursor.eat("ON");
            found.object(ObjectKind::Table, cursor.name(), ObjectEffect::Alter);
            found.actions.push(AlterAction::DropIndex(name));
            algorithm_and_lock(cursor, &mut found);
        }
        "PREPARE" => return Classification::new(StatementClass::Session, "DROP PREPARE"),
        _ => match ObjectKind::from_keyword(&word) {
            Some(kind) => loop {
                found.object(kind, cursor.name(), ObjectEffect::Drop);
                if !cursor.eat_char(',') {
                    break;
                }
            },
            None => found.class = StatementClass::Admin,
        },
    }
    found.implicit_commit = !found.temporary;
    found
}

fn rename(cursor: &mut TokenCursor<'_>) -> Classification {
    if !cursor.eat("TABLE") && !cursor.eat("TABLES") {
        return Classification::new(StatementClass::Admin, "RENAME USER").committing();
    }
    let mut found = Classification::new(StatementClass::Ddl, "RENAME TABLE").committing();
    found.idempotent = cursor.if_exists();
    while let Some(from) = cursor.name() {
        while !cursor.eat("TO") {
            if cursor.next().is_none() {
                return found;
            }
        }
        if let Some(to) = cursor.name() {
            found.object(ObjectKind::Table, Some(from), ObjectEffect::Rename(to));
        }
        if !cursor.eat_char(',') {
            break;
        }
    }
    found
}

fn alter(cursor: &mut TokenCursor<'_>) -> Classification {
    let mut found = Classification::new(StatementClass::Ddl, "ALTER").committing();
    while let Some(tok) = cursor.next() {
        let Some(word) = keyword(cursor, tok) else {
            continue;
        };
        match word.as_str() {
            "USER" | "ROLE" | "SERVER" | "TABLESPACE" | "LOGFILE" | "RESOURCE" | "INSTANCE" => {
                found.class = StatementClass::Admin;
                found.verb = format!("ALTER {word}");
                return found;
            }
            _ => {
                let Some(kind) = ObjectKind::from_keyword(&word) else {
                    continue;
                };
                found.verb = format!("ALTER {word}");
                found.idempotent = cursor.if_exists();
                found.object(kind, cursor.name(), ObjectEffect::Alter);
                if word == "TABLE" {
                    alter_table(cursor, &mut found);
                } else if kind == ObjectKind::Event {
                    event_rename(cursor, &mut found);
                }
                return found;
            }
        }
    }
    found
}

fn event_rename(cursor: &mut TokenCursor<'_>, found: &mut Classification) {
    while let Some(tok) = cursor.next() {
        if tok.is("DO") {
            return;
        }
        if tok.is("RENAME") && cursor.eat("TO") {
            if let (Some(to), Some(object)) = (cursor.name(), found.objects.first_mut()) {
                object.effect = ObjectEffect::Rename(to);
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests;
