//! What one statement is: its class, what it touches, and whether it commits on its own.
//!
//! Implicit commits follow the MySQL 8.4 manual, "Statements That Cause an Implicit Commit", and MariaDB's
//! "SQL statements That Cause an Implicit Commit". The parser reads only as much as these answers need and
//! takes what it does not know for [`Class::Other`].

use super::alter::alter_table;
pub use super::alter::{Action, PartitionChange};
use super::mention::may_fill_variables;
use super::table_def::{IndexDef, IndexKind, parts};
use super::words::{Tok, Words};

/// Families of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Changes the definition of an object.
    Ddl,
    /// Changes rows.
    Dml,
    /// Returns rows.
    Query,
    /// Begins, ends or marks a transaction, or locks tables.
    Transaction,
    /// Changes only the session: SET, USE, PREPARE.
    Session,
    /// Accounts, privileges, maintenance, replication.
    Admin,
    /// Anything else.
    Other,
}

impl Class {
    /// The class in one word.
    pub fn word(self) -> &'static str {
        match self {
            Class::Ddl => "ddl",
            Class::Dml => "dml",
            Class::Query => "query",
            Class::Transaction => "transaction",
            Class::Session => "session",
            Class::Admin => "admin",
            Class::Other => "other",
        }
    }
}

/// Kinds of objects that DDL works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A base table; MariaDB's sequences are tables to every catalogue.
    Table,
    /// A view.
    View,
    /// A trigger.
    Trigger,
    /// A stored procedure.
    Procedure,
    /// A stored function.
    Function,
    /// A scheduled event.
    Event,
    /// A database.
    Database,
}

impl ObjectKind {
    /// The SQL keyword of the kind.
    pub fn keyword(self) -> &'static str {
        match self {
            ObjectKind::Table => "TABLE",
            ObjectKind::View => "VIEW",
            ObjectKind::Trigger => "TRIGGER",
            ObjectKind::Procedure => "PROCEDURE",
            ObjectKind::Function => "FUNCTION",
            ObjectKind::Event => "EVENT",
            ObjectKind::Database => "DATABASE",
        }
    }

    fn of(word: &str) -> Option<ObjectKind> {
        Some(match word {
            "TABLE" | "TABLES" | "SEQUENCE" => ObjectKind::Table,
            "VIEW" => ObjectKind::View,
            "TRIGGER" => ObjectKind::Trigger,
            "PROCEDURE" => ObjectKind::Procedure,
            "FUNCTION" => ObjectKind::Function,
            "EVENT" => ObjectKind::Event,
            "DATABASE" | "SCHEMA" => ObjectKind::Database,
            _ => return None,
        })
    }
}

/// A name, perhaps with its database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// The database, where the statement names one.
    pub schema: Option<String>,
    /// The object's name, without quotes.
    pub name: String,
}

/// What a statement does to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It is there afterwards.
    Create,
    /// It is gone afterwards.
    Drop,
    /// Its definition changes.
    Alter,
    /// It has another name afterwards.
    Rename(Name),
    /// It is empty afterwards.
    Truncate,
    /// Its rows change.
    Write,
}

/// An object a statement touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: Name,
    /// What happens to it.
    pub effect: Effect,
}

/// What is known about a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// Its family.
    pub class: Class,
    /// Its leading keywords, upper case: `ALTER TABLE`.
    pub verb: String,
    /// Whether the server commits the open transaction before or after it.
    pub implicit_commit: bool,
    /// Objects it touches, as far as they are named.
    pub objects: Vec<Object>,
    /// What an ALTER TABLE consists of.
    pub actions: Vec<Action>,
    /// Tables that ANALYZE, CHECK, OPTIMIZE or REPAIR works on.
    pub maintained: Vec<Name>,
    /// Whether it says IF EXISTS, IF NOT EXISTS or OR REPLACE: running it again is harmless.
    pub idempotent: bool,
    /// Whether it works on a temporary table.
    pub temporary: bool,
    /// An explicit ALGORITHM, upper case.
    pub algorithm: Option<String>,
    /// An explicit LOCK, upper case.
    pub lock: Option<String>,
    /// Whether its effects cannot be told from its text: CALL, EXECUTE, anonymous blocks.
    pub opaque: bool,
    /// Whether it leaves something in the session that a new connection would lack and that
    /// cannot simply be set again: a temporary table, a user variable filled from data.
    pub session_state: bool,
}

impl Classification {
    fn new(class: Class, verb: impl Into<String>) -> Self {
        Classification {
            class,
            verb: verb.into(),
            implicit_commit: false,
            objects: Vec::new(),
            actions: Vec::new(),
            maintained: Vec::new(),
            idempotent: false,
            temporary: false,
            algorithm: None,
            lock: None,
            opaque: false,
            session_state: false,
        }
    }

    fn committing(mut self) -> Self {
        self.implicit_commit = true;
        self
    }

    fn object(&mut self, kind: ObjectKind, name: Option<Name>, effect: Effect) {
        if let Some(name) = name {
            self.objects.push(Object { kind, name, effect });
        }
    }
}

/// Says what `statement` is. `statement` is one statement as [`super::split()`] returns it.
pub fn classify(statement: &str) -> Classification {
    if let Some(analyzed) = analyzed(statement) {
        return classify(analyzed);
    }
    let mut words = Words::new(statement);
    let first = words.word().unwrap_or_default();
    let mut found = match first.as_str() {
        "CREATE" => create(&mut words),
        "ALTER" => alter(&mut words),
        "DROP" => drop_object(&mut words),
        "RENAME" => rename(&mut words),
        "TRUNCATE" => {
            words.eat("TABLE");
            let mut found = Classification::new(Class::Ddl, "TRUNCATE TABLE").committing();
            found.object(ObjectKind::Table, words.name(), Effect::Truncate);
            found
        }
        "INSERT" | "REPLACE" | "UPDATE" | "DELETE" | "LOAD" => write(&mut words, &first),
        "WITH" => with(&mut words),
        "" | "SELECT" | "TABLE" | "VALUES" | "SHOW" | "DESCRIBE" | "DESC" | "EXPLAIN" | "HELP"
        | "CHECKSUM" => {
            let verb = if first.is_empty() { "SELECT" } else { &first };
            let class = if first.is_empty() && !words.at('(') {
                Class::Other
            } else {
                Class::Query
            };
            Classification::new(class, verb)
        }
        _ => administer(&mut words, &first),
    };
    if matches!(found.class, Class::Query | Class::Dml) {
        found.session_state |= fills_variables(statement);
    }
    found
}

/// The statement that MariaDB's `ANALYZE [FORMAT = …] statement` runs, rows and all (manual, "ANALYZE Statement").
fn analyzed(statement: &str) -> Option<&str> {
    let mut words = Words::new(statement);
    if !words.eat("ANALYZE") {
        return None;
    }
    if words.eat("FORMAT") && words.eat_char('=') {
        words.next();
    }
    words
        .at_any(&["SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"])
        .then(|| &statement[words.pos()..])
}

/// The database that a USE statement chooses.
pub fn used_database(statement: &str) -> Option<String> {
    let mut words = Words::new(statement);
    words.eat("USE").then(|| words.identifier()).flatten()
}

fn administer(words: &mut Words<'_>, first: &str) -> Classification {
    let new = |class, verb: &str| Classification::new(class, verb);
    match first {
        "CALL" => opaque(new(Class::Dml, first)),
        "DO" => new(Class::Dml, first),
        "EXECUTE" | "IF" | "CASE" | "LOOP" | "WHILE" | "REPEAT" | "FOR" => opaque(new(Class::Other, first)),
        "BEGIN" if words.eat("NOT") => opaque(new(Class::Other, "BEGIN NOT ATOMIC")),
        "START" if words.eat("TRANSACTION") => new(Class::Transaction, "START TRANSACTION").committing(),
        "BEGIN" | "LOCK" | "UNLOCK" => new(Class::Transaction, first).committing(),
        "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "XA" => new(Class::Transaction, first),
        "SET" => set(words),
        "USE" | "PREPARE" | "DEALLOCATE" => new(Class::Session, first),
        "ANALYZE" | "CHECK" | "OPTIMIZE" | "REPAIR" => maintain(words, first),
        "GRANT" | "REVOKE" | "CACHE" | "FLUSH" | "RESET" | "INSTALL" | "UNINSTALL" | "START" | "STOP"
        | "CHANGE" => new(Class::Admin, first).committing(),
        "KILL" | "PURGE" | "BINLOG" | "CLONE" | "SHUTDOWN" | "RESTART" => new(Class::Admin, first),
        _ => new(Class::Other, first),
    }
}

/// ANALYZE, CHECK, OPTIMIZE, REPAIR TABLE.
fn maintain(words: &mut Words<'_>, first: &str) -> Classification {
    let mut found = Classification::new(Class::Admin, first).committing();
    let _ = words.eat("NO_WRITE_TO_BINLOG") || words.eat("LOCAL");
    if !words.eat("TABLE") && !words.eat("TABLES") {
        return found;
    }
    found.actions.push(match first {
        "OPTIMIZE" => Action::Optimize,
        "REPAIR" => Action::Repair,
        "CHECK" => Action::Check,
        _ => Action::Analyze,
    });
    while let Some(name) = words.name() {
        found.maintained.push(name);
        if !words.eat_char(',') {
            break;
        }
    }
    found
}

fn opaque(mut found: Classification) -> Classification {
    found.opaque = true;
    found
}

fn set(words: &mut Words<'_>) -> Classification {
    if words.eat("PASSWORD") || words.eat("ROLE") || words.eat("DEFAULT") {
        return Classification::new(Class::Admin, "SET").committing();
    }
    // MariaDB: SET STATEMENT variable = value FOR statement.
    if words.eat("STATEMENT") {
        return opaque(Classification::new(Class::Other, "SET STATEMENT"));
    }
    let mut found = Classification::new(Class::Session, "SET");
    let mut global = false;
    let mut reads = false;
    while let Some(tok) = words.next() {
        if let Tok::Word(word) = tok {
            let word = word.to_ascii_uppercase();
            global |= matches!(word.as_str(), "GLOBAL" | "PERSIST" | "PERSIST_ONLY");
            reads |= word == "SELECT";
            if word == "AUTOCOMMIT" {
                found.class = Class::Transaction;
                found.implicit_commit = true;
            }
        }
    }
    if global {
        found.class = Class::Admin;
    }
    found.session_state = reads;
    found
}

fn write(words: &mut Words<'_>, verb: &str) -> Classification {
    let mut found = Classification::new(Class::Dml, verb);
    if verb == "LOAD" {
        if words.eat("INDEX") {
            return Classification::new(Class::Admin, "LOAD INDEX").committing();
        }
        while let Some(tok) = words.next() {
            if tok.is("INTO") && words.eat("TABLE") {
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
        .any(|word| words.eat(word))
        {}
    }
    found.object(ObjectKind::Table, words.name(), Effect::Write);
    found
}

fn with(words: &mut Words<'_>) -> Classification {
    let mut depth = 0_usize;
    while let Some(tok) = words.next() {
        match tok {
            Tok::Char('(') => depth += 1,
            Tok::Char(')') => depth = depth.saturating_sub(1),
            Tok::Word(word) if depth == 0 => {
                let word = word.to_ascii_uppercase();
                match word.as_str() {
                    "UPDATE" | "DELETE" | "INSERT" | "REPLACE" => return write(words, &word),
                    "SELECT" | "TABLE" | "VALUES" => break,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Classification::new(Class::Query, "SELECT")
}

/// Whether a statement puts data into user variables: `INTO @x`, `@x := …`.
fn fills_variables(statement: &str) -> bool {
    if !may_fill_variables(statement) {
        return false;
    }
    let mut words = Words::new(statement);
    let mut into = false;
    while let Some(tok) = words.next() {
        if tok == Tok::Char('@') && into {
            return true;
        }
        if tok == Tok::Char(':') && words.at('=') {
            return true;
        }
        into = tok.is("INTO");
    }
    false
}

fn create(words: &mut Words<'_>) -> Classification {
    let mut found = Classification::new(Class::Ddl, "CREATE").committing();
    let mut index = IndexKind::Plain;
    while let Some(tok) = words.next() {
        let word = match tok {
            Tok::Word(word) => word.to_ascii_uppercase(),
            // The value of DEFINER = user@host or ALGORITHM = x may be any word.
            Tok::Char('=' | '@') => {
                words.next();
                continue;
            }
            _ => continue,
        };
        match word.as_str() {
            "OR" => found.idempotent = true,
            "TEMPORARY" => found.temporary = true,
            "UNIQUE" => index = IndexKind::Unique,
            "FULLTEXT" => index = IndexKind::Fulltext,
            "SPATIAL" if !words.eat("REFERENCE") => index = IndexKind::Spatial,
            "VECTOR" => index = IndexKind::Vector,
            "INDEX" => return create_index(words, found, index),
            "USER" | "ROLE" | "SERVER" | "TABLESPACE" | "LOGFILE" | "RESOURCE" | "REFERENCE" => {
                found.class = Class::Admin;
                found.verb = format!("CREATE {word}");
                found.idempotent |= words.if_exists();
                return found;
            }
            _ => {
                if let Some(kind) = ObjectKind::of(&word) {
                    found.verb = format!("CREATE {word}");
                    found.idempotent |= words.if_exists();
                    found.object(kind, words.name(), Effect::Create);
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

fn create_index(words: &mut Words<'_>, mut found: Classification, kind: IndexKind) -> Classification {
    found.verb = "CREATE INDEX".to_owned();
    found.idempotent |= words.if_exists();
    let name = words.identifier();
    while let Some(tok) = words.next() {
        if tok.is("ON") {
            found.object(ObjectKind::Table, words.name(), Effect::Alter);
            break;
        }
    }
    // MariaDB: WAIT n and NOWAIT.
    while !(words.at('(') || words.at_end()) {
        words.next();
    }
    let parts = parts(words);
    found
        .actions
        .push(Action::AddIndex(IndexDef { kind, name, parts }));
    algorithm_and_lock(words, &mut found);
    found
}

/// Picks up `ALGORITHM = x` and `LOCK = x` from the rest of the statement.
fn algorithm_and_lock(words: &mut Words<'_>, found: &mut Classification) {
    while let Some(tok) = words.next() {
        let algorithm = tok.is("ALGORITHM");
        if algorithm || tok.is("LOCK") {
            words.eat_char('=');
            let value = words.word();
            if algorithm {
                found.algorithm = value;
            } else {
                found.lock = value;
            }
        }
    }
}

fn drop_object(words: &mut Words<'_>) -> Classification {
    let mut found = Classification::new(Class::Ddl, "DROP").committing();
    found.temporary = words.eat("TEMPORARY");
    let word = words.word().unwrap_or_default();
    found.verb = format!("DROP {word}");
    found.idempotent = words.if_exists();
    match word.as_str() {
        "INDEX" => {
            let name = words.identifier().unwrap_or_default();
            words.eat("ON");
            found.object(ObjectKind::Table, words.name(), Effect::Alter);
            found.actions.push(Action::DropIndex(name));
            algorithm_and_lock(words, &mut found);
        }
        "PREPARE" => return Classification::new(Class::Session, "DROP PREPARE"),
        _ => match ObjectKind::of(&word) {
            Some(kind) => loop {
                found.object(kind, words.name(), Effect::Drop);
                if !words.eat_char(',') {
                    break;
                }
            },
            None => found.class = Class::Admin,
        },
    }
    found.implicit_commit = !found.temporary;
    found
}

fn rename(words: &mut Words<'_>) -> Classification {
    if !words.eat("TABLE") && !words.eat("TABLES") {
        return Classification::new(Class::Admin, "RENAME USER").committing();
    }
    let mut found = Classification::new(Class::Ddl, "RENAME TABLE").committing();
    found.idempotent = words.if_exists();
    while let Some(from) = words.name() {
        while !words.eat("TO") {
            if words.next().is_none() {
                return found;
            }
        }
        if let Some(to) = words.name() {
            found.object(ObjectKind::Table, Some(from), Effect::Rename(to));
        }
        if !words.eat_char(',') {
            break;
        }
    }
    found
}

fn alter(words: &mut Words<'_>) -> Classification {
    let mut found = Classification::new(Class::Ddl, "ALTER").committing();
    while let Some(tok) = words.next() {
        let word = match tok {
            Tok::Word(word) => word.to_ascii_uppercase(),
            Tok::Char('=' | '@') => {
                words.next();
                continue;
            }
            _ => continue,
        };
        match word.as_str() {
            "USER" | "ROLE" | "SERVER" | "TABLESPACE" | "LOGFILE" | "RESOURCE" | "INSTANCE" => {
                found.class = Class::Admin;
                found.verb = format!("ALTER {word}");
                return found;
            }
            _ => {
                let Some(kind) = ObjectKind::of(&word) else {
                    continue;
                };
                found.verb = format!("ALTER {word}");
                found.idempotent = words.if_exists();
                found.object(kind, words.name(), Effect::Alter);
                if word == "TABLE" {
                    alter_table(words, &mut found);
                } else if kind == ObjectKind::Event {
                    event_rename(words, &mut found);
                }
                return found;
            }
        }
    }
    found
}

fn event_rename(words: &mut Words<'_>, found: &mut Classification) {
    while let Some(tok) = words.next() {
        if tok.is("DO") {
            return;
        }
        if tok.is("RENAME") && words.eat("TO") {
            if let (Some(to), Some(object)) = (words.name(), found.objects.first_mut()) {
                object.effect = Effect::Rename(to);
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests;
