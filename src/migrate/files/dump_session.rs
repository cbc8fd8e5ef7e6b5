//! Replaces the session statements of a dump, because each statement is committed together with its record.

use crate::sql::{StatementClass, classify};

/// Whether a file has switched autocommit off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Autocommit {
    off: bool,
    open: bool,
}

/// The decision about a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DumpStatement {
    /// It runs, perhaps in another form.
    Runs(String),
    /// It is left out.
    Dropped,
    /// It cannot be run as intended: it follows a COMMIT while autocommit is off.
    OutsideTransaction,
}

impl Autocommit {
    /// Decides about the next statement of a file.
    ///
    /// Dumps lock the tables they fill to be quick; dbtool's own lock keeps other runs away. `SET autocommit = 0`
    /// begins a transaction as far as the file can tell, and `= 1` commits it (manual, "autocommit, Commit, and
    /// Rollback").
    pub(super) fn decide(&mut self, text: String) -> DumpStatement {
        let first = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        let begins = |word: &str| {
            first
                .get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word))
        };
        if !self.off && !["LOCK", "UNLOCK", "SET"].iter().any(|word| begins(word)) {
            return DumpStatement::Runs(text);
        }
        let found = classify(&text);
        match (found.class, found.verb.as_str()) {
            (StatementClass::Transaction, "LOCK" | "UNLOCK") => DumpStatement::Dropped,
            (StatementClass::Transaction, "SET") => match switched(&text) {
                Some(on) => {
                    let was_open = std::mem::replace(&mut self.open, !on);
                    self.off = !on;
                    match (on, was_open) {
                        (false, false) => DumpStatement::Runs("START TRANSACTION".to_owned()),
                        (true, true) => DumpStatement::Runs("COMMIT".to_owned()),
                        _ => DumpStatement::Dropped,
                    }
                }
                None => DumpStatement::Runs(text),
            },
            _ if !self.off => DumpStatement::Runs(text),
            (StatementClass::Transaction, "COMMIT") => {
                self.open = false;
                DumpStatement::Runs(text)
            }
            (StatementClass::Transaction, "BEGIN" | "START TRANSACTION") => {
                self.open = true;
                DumpStatement::Runs(text)
            }
            (StatementClass::Transaction, "ROLLBACK") | (StatementClass::Dml, _) if !self.open => {
                DumpStatement::OutsideTransaction
            }
            (StatementClass::Transaction, "ROLLBACK") => {
                self.open = super::to_savepoint(&text);
                DumpStatement::Runs(text)
            }
            _ => {
                self.open &= !found.implicit_commit;
                DumpStatement::Runs(text)
            }
        }
    }
}

/// What a SET of autocommit alone sets it to.
fn switched(text: &str) -> Option<bool> {
    let plain: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '`')
        .collect::<String>()
        .to_ascii_lowercase()
        .replace(":=", "=");
    let rest = plain.strip_prefix("set")?;
    let rest = ["@@session.", "@@local.", "@@", "session", "local"]
        .iter()
        .find_map(|scope| rest.strip_prefix(scope))
        .unwrap_or(rest);
    match rest.strip_prefix("autocommit=")? {
        "0" | "off" | "false" => Some(false),
        "1" | "on" | "true" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decisions(statements: &[&str]) -> Vec<String> {
        let mut autocommit = Autocommit::default();
        statements
            .iter()
            .map(|text| match autocommit.decide((*text).to_owned()) {
                DumpStatement::Runs(text) => text,
                DumpStatement::Dropped => "-".to_owned(),
                DumpStatement::OutsideTransaction => "refused".to_owned(),
            })
            .collect()
    }

    #[test]
    fn the_session_statements_of_dumps_become_what_they_mean() {
        let same = [
            "BEGIN",
            "DO 1",
            "é",
            "SET @a = 1",
            "SET autocommit = @old",
            "LOCK_x",
            "COMMIT",
        ];
        assert_eq!(decisions(&same), same);
        assert_eq!(
            decisions(&[
                "LOCK TABLES `t` WRITE",
                "INSERT INTO t VALUES (1)",
                "UNLOCK TABLES"
            ]),
            ["-", "INSERT INTO t VALUES (1)", "-"]
        );
        assert_eq!(
            decisions(&[
                "set autocommit=0",
                "INSERT INTO t VALUES (1)",
                "commit",
                "SET @@SESSION.autocommit = OFF",
                "INSERT INTO t VALUES (2)",
                "SET autocommit = 1",
                "INSERT INTO t VALUES (3)",
            ]),
            [
                "START TRANSACTION",
                "INSERT INTO t VALUES (1)",
                "commit",
                "START TRANSACTION",
                "INSERT INTO t VALUES (2)",
                "COMMIT",
                "INSERT INTO t VALUES (3)",
            ]
        );
        assert_eq!(
            decisions(&["SET autocommit=0", "DELETE FROM t", "ROLLBACK", "DELETE FROM t"]),
            ["START TRANSACTION", "DELETE FROM t", "ROLLBACK", "refused"]
        );
    }
}
