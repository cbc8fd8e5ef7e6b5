//! How a statement affects the other users of a table; the verdict is never milder than the server's.
//!
//! [`table_changes`] lists the kinds of changes that a statement makes to the table, [`rules`] has the cost of each
//! kind on each family of servers; the most expensive one decides. An unknown change counts as a copy.

mod charsets;
mod column;
mod rules;
mod table_changes;

use serde::{Deserialize, Serialize};

pub use self::charsets::Charsets;
use self::rules::{ChangeKind, Cost};
use crate::db::Server;
use crate::sql::{AlterAction, Classification, StatementClass, TableDef};

/// How a statement works, from harmless to harmful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DdlImpact {
    /// Touches no table.
    Nothing,
    /// Only a definition changes, in an instant.
    Metadata,
    /// Works on rows under row locks.
    Rows,
    /// Builds an index or rebuilds the table while others read and write.
    Online,
    /// Writers wait while it works.
    BlocksWrites,
    /// Copies the table; writers wait, except on MariaDB 11.2 and later.
    Copy,
    /// Unknown: the statement does not tell.
    Unknown,
}

impl DdlImpact {
    /// The verdict in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            DdlImpact::Nothing => "none",
            DdlImpact::Metadata => "instant",
            DdlImpact::Rows => "rows",
            DdlImpact::Online => "online",
            DdlImpact::BlocksWrites => "blocks-writes",
            DdlImpact::Copy => "copy",
            DdlImpact::Unknown => "unknown",
        }
    }

    /// Whether writers of the table wait until the statement ends.
    pub fn blocks(self) -> bool {
        matches!(self, DdlImpact::BlocksWrites | DdlImpact::Copy)
    }
}

/// A table as it is, as far as the cost of a change depends on it.
#[derive(Debug, Clone, Default)]
pub struct LiveTable {
    /// Its definition.
    pub def: TableDef,
    /// Columns that foreign keys of any table refer to, lower case.
    pub referenced: Vec<String>,
    /// Whether the table has reached MySQL's limit of row versions (manual, "Column Operations").
    pub versions_are_used_up: bool,
}

impl LiveTable {
    fn is_referenced(&self, column: &str) -> bool {
        self.referenced.contains(&column.to_lowercase())
    }
}

/// The session variables that the cost of a change depends on.
#[derive(Debug, Clone, Default)]
pub struct SessionSettings {
    /// foreign_key_checks.
    pub checks_foreign_keys: bool,
    /// Whether sql_mode is strict.
    pub strict: bool,
    /// REAL_AS_FLOAT.
    pub real_is_float: bool,
    /// old_alter_table, or MariaDB's alter_algorithm=COPY.
    pub copies: bool,
    /// Character sets.
    pub charsets: Charsets,
}

impl SessionSettings {
    /// Sets the modes from a value of sql_mode; an unknown value counts as the more expensive case.
    pub fn set_mode(&mut self, mode: Option<&str>) {
        let has = |wanted: &str| {
            mode.is_some_and(|mode| {
                mode.split(',')
                    .any(|word| word.trim().eq_ignore_ascii_case(wanted))
            })
        };
        self.strict = has("STRICT_TRANS_TABLES") || has("STRICT_ALL_TABLES") || has("TRADITIONAL");
        self.real_is_float = has("REAL_AS_FLOAT") || has("ANSI");
    }

    /// Applies a SET statement of the file.
    pub fn follow(&mut self, statement: &str) {
        for (name, value) in crate::sql::assigned_values(statement) {
            let value = value.map(|value| value.to_ascii_uppercase());
            let off = matches!(value.as_deref(), Some("0" | "OFF" | "FALSE"));
            match name.as_str() {
                "foreign_key_checks" => self.checks_foreign_keys = !off,
                "sql_mode" => self.set_mode(value.as_deref()),
                "old_alter_table" | "alter_algorithm" => {
                    let harmless = ["DEFAULT", "NOCOPY", "INPLACE", "INSTANT"];
                    self.copies = !off && !value.as_deref().is_some_and(|value| harmless.contains(&value));
                }
                _ => {}
            }
        }
    }
}

/// The impact of a statement, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DdlVerdict {
    /// How it works.
    pub how: DdlImpact,
    /// Why, where that is not obvious.
    pub why: String,
    /// The section in the manual's chapter on online DDL.
    pub manual: &'static str,
}

impl DdlVerdict {
    fn new(how: DdlImpact, why: impl Into<String>) -> DdlVerdict {
        DdlVerdict {
            how,
            why: why.into(),
            manual: "",
        }
    }
}

/// The verdict on a statement whose table, if it is there, is `table`.
pub fn verdict(
    found: &Classification,
    server: &Server,
    settings: &SessionSettings,
    table: Option<&LiveTable>,
) -> DdlVerdict {
    if !found.maintained.is_empty() {
        return maintenance(found, server, settings, table);
    }
    match found.class {
        StatementClass::Query | StatementClass::Transaction | StatementClass::Session => {
            return DdlVerdict::new(DdlImpact::Nothing, "");
        }
        _ if found.opaque => {
            return DdlVerdict::new(
                DdlImpact::Unknown,
                "the statements that it runs are not in the file",
            );
        }
        StatementClass::Dml => return DdlVerdict::new(DdlImpact::Rows, ""),
        StatementClass::Admin | StatementClass::Other => return DdlVerdict::new(DdlImpact::Unknown, ""),
        StatementClass::Ddl => {}
    }
    if found.actions.is_empty() {
        return DdlVerdict::new(DdlImpact::Metadata, "");
    }
    match table {
        Some(table) => demanded(found, server, of_actions(found, server, settings, table)),
        // A missing table cannot be copied; its definition is not known either.
        None => demanded(
            found,
            server,
            of_actions(found, server, settings, &LiveTable::default()),
        ),
    }
}

fn of_actions(
    found: &Classification,
    server: &Server,
    settings: &SessionSettings,
    table: &LiveTable,
) -> DdlVerdict {
    let of = |cost: Cost, change: ChangeKind, detail: &str| {
        let rule = change.rule();
        let why = match (rule.reason, detail) {
            ("", _) => String::new(),
            (reason, "") => reason.to_owned(),
            (reason, detail) => format!("{detail}: {reason}"),
        };
        DdlVerdict {
            how: cost.how(),
            why,
            manual: rule.section,
        }
    };
    if found.algorithm.as_deref() == Some("COPY") {
        return of(Cost::Copy, ChangeKind::CopyDemanded, "");
    }
    if settings.copies && matches!(found.algorithm.as_deref(), None | Some("DEFAULT")) {
        return of(Cost::Copy, ChangeKind::CopyByDefault, "");
    }
    let engine = table.def.engine.as_deref().unwrap_or("innodb");
    if engine != "innodb" {
        return of(
            table_changes::other_engine(&found.actions, table, server),
            ChangeKind::OtherEngine,
            engine,
        );
    }
    let mut worst: Option<(Cost, ChangeKind, String)> = None;
    for (change, detail) in table_changes::changes(&found.actions, table, server, settings) {
        let cost = change.rule().cost(server);
        if worst.as_ref().is_none_or(|(most, _, _)| cost > *most) {
            worst = Some((cost, change, detail));
        }
    }
    match worst {
        Some((cost, change, detail)) => of(cost, change, &detail),
        None => DdlVerdict::new(DdlImpact::Metadata, ""),
    }
}

/// The verdict under the statement's ALGORITHM and LOCK: the server refuses a change that it cannot make as demanded.
fn demanded(found: &Classification, server: &Server, verdict: DdlVerdict) -> DdlVerdict {
    let refused = "the server refuses it if it cannot be done as demanded";
    let unlocked = found.lock.as_deref() == Some("NONE");
    let at_most = match found.algorithm.as_deref() {
        Some("INSTANT") => DdlImpact::Metadata,
        Some("INPLACE" | "NOCOPY") if unlocked => DdlImpact::Online,
        Some("INPLACE" | "NOCOPY") => DdlImpact::BlocksWrites,
        // MariaDB copies without a lock too.
        _ if unlocked && !server.has_online_copy() => DdlImpact::Online,
        _ => DdlImpact::Unknown,
    };
    if verdict.how > at_most {
        return DdlVerdict {
            how: at_most,
            why: refused.to_owned(),
            ..verdict
        };
    }
    let locked = matches!(found.lock.as_deref(), Some("SHARED" | "EXCLUSIVE"));
    let works = verdict.how == DdlImpact::Online
        || verdict.how == DdlImpact::Metadata && !server.has_instant_change_under_lock();
    if locked && works {
        return DdlVerdict {
            how: DdlImpact::BlocksWrites,
            why: "its LOCK keeps writers waiting".to_owned(),
            ..verdict
        };
    }
    verdict
}

/// ANALYZE, CHECK, OPTIMIZE and REPAIR TABLE.
fn maintenance(
    found: &Classification,
    server: &Server,
    settings: &SessionSettings,
    table: Option<&LiveTable>,
) -> DdlVerdict {
    let innodb = table.is_none_or(|table| table.def.engine.as_deref().unwrap_or("innodb") == "innodb");
    match found.actions.first() {
        Some(AlterAction::Analyze) => DdlVerdict::new(DdlImpact::Nothing, ""),
        Some(AlterAction::Check) => DdlVerdict::new(DdlImpact::BlocksWrites, "every row is read"),
        Some(AlterAction::Optimize) if innodb => {
            let unknown = LiveTable::default();
            of_actions(found, server, settings, table.unwrap_or(&unknown))
        }
        _ => DdlVerdict::new(DdlImpact::Copy, "the table is rewritten while writers wait"),
    }
}

#[cfg(test)]
mod tests;
