//! Decides from the schema whether an interrupted statement took effect.
//!
//! Before a statement that commits on its own, what its objects look like is recorded with the
//! intent. A single DDL statement is atomic on both families (MySQL 8.0 "Atomic Data Definition Statement
//! Support", MariaDB 10.6 "Atomic DDL"): objects that look as before say that it did not happen, objects
//! that look as it would leave them say that it did, and anything else is left to a person.

use sha2::{Digest, Sha256};

use super::history::get;
use crate::db::{DbError, Row, Session, quote_name};
use crate::migrations::hex;
use crate::sql::{Class, Classification, Effect, Name, ObjectKind};

/// Whether an interrupted statement took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It did.
    Applied,
    /// It did not, or running it again is harmless.
    NotApplied,
    /// It cannot be told; why.
    Unclear(&'static str),
}

/// What a statement's objects look like: a fingerprint each, `-` for one that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    prints: Vec<String>,
}

const ABSENT: &str = "-";

impl Snapshot {
    /// As recorded by an earlier run.
    pub fn parse(text: &str) -> Snapshot {
        Snapshot {
            prints: text
                .split(',')
                .filter(|print| !print.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }

    /// As recorded.
    pub fn to_text(&self) -> String {
        self.prints.join(",")
    }

    /// Looks at the objects a statement touches, in the order [`slots`] gives them.
    ///
    /// # Errors
    /// The connection failed; an object that is not there, or may not be seen, is no error.
    pub async fn take(session: &mut Session, found: &Classification) -> Result<Snapshot, DbError> {
        let mut prints = Vec::new();
        for (kind, name) in slots(found) {
            prints.push(fingerprint(session, kind, name).await?);
        }
        Ok(Snapshot { prints })
    }

    fn present(&self, slot: usize) -> bool {
        self.prints.get(slot).is_some_and(|print| print != ABSENT)
    }

    fn print(&self, slot: usize) -> Option<&String> {
        self.prints.get(slot)
    }
}

/// The objects to look at: each one touched, and behind a renamed one its new name.
fn slots(found: &Classification) -> Vec<(ObjectKind, &Name)> {
    let mut slots = Vec::new();
    for object in &found.objects {
        slots.push((object.kind, &object.name));
        if let Effect::Rename(to) = &object.effect {
            slots.push((object.kind, to));
        }
    }
    slots
}

/// Decides whether a statement took effect between `before` and `now`.
pub fn decide(statement: &str, found: &Classification, before: &Snapshot, now: &Snapshot) -> Verdict {
    if found.opaque {
        return Verdict::Unclear("what it did cannot be seen from outside");
    }
    match found.class {
        Class::Ddl => {}
        Class::Admin if repeatable(&found.verb) || found.idempotent => return Verdict::NotApplied,
        Class::Admin => return Verdict::Unclear("accounts and privileges are not part of the schema"),
        Class::Dml => {
            return Verdict::Unclear("its table has no transactions, so part of its rows may be changed");
        }
        _ => return Verdict::NotApplied,
    }
    if found.objects.is_empty() && !found.idempotent {
        return Verdict::Unclear("which objects it changes is not known");
    }
    if before == now {
        return Verdict::NotApplied;
    }
    // One statement renames all or none, and names may be swapped in a ring.
    if found.verb == "RENAME TABLE" {
        return Verdict::Applied;
    }
    if found.verb == "CREATE TABLE" && now.present(0) && fills_table(statement) {
        return Verdict::Unclear("the table is there, but whether all of its rows are cannot be told");
    }
    let mut slot = 0;
    let mut all = true;
    for object in &found.objects {
        let changed = before.print(slot) != now.print(slot);
        all &= match &object.effect {
            Effect::Create => now.present(slot),
            Effect::Drop => !now.present(slot),
            Effect::Alter => changed && now.present(slot),
            Effect::Rename(_) => !now.present(slot) && now.present(slot + 1),
            Effect::Truncate | Effect::Write => return Verdict::NotApplied,
        };
        slot += if matches!(object.effect, Effect::Rename(_)) {
            2
        } else {
            1
        };
    }
    if all {
        Verdict::Applied
    } else {
        Verdict::Unclear("some of its objects look as before it and some as after it")
    }
}

/// Maintenance and privileges that may be repeated: the second time changes nothing.
fn repeatable(verb: &str) -> bool {
    let first = verb.split(' ').next().unwrap_or_default();
    matches!(
        first,
        "GRANT"
            | "ANALYZE"
            | "CACHE"
            | "CHECK"
            | "FLUSH"
            | "OPTIMIZE"
            | "REPAIR"
            | "RESET"
            | "SET"
            | "LOAD"
            | "START"
            | "STOP"
    )
}

/// Whether a CREATE TABLE takes its rows from a query.
fn fills_table(statement: &str) -> bool {
    statement
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| word.eq_ignore_ascii_case("SELECT") || word.eq_ignore_ascii_case("WITH"))
}

async fn fingerprint(session: &mut Session, kind: ObjectKind, name: &Name) -> Result<String, DbError> {
    let quoted = match &name.schema {
        Some(schema) => format!("{}.{}", quote_name(schema), quote_name(&name.name)),
        None => quote_name(&name.name),
    };
    let definition = session
        .first::<Row>(format!("SHOW CREATE {} {quoted}", kind.keyword()))
        .await;
    match definition {
        Ok(Some(row)) => {
            // Triggers, routines and events have their sql_mode before the definition.
            let column = match kind {
                ObjectKind::Table | ObjectKind::View | ObjectKind::Database => 1,
                ObjectKind::Trigger | ObjectKind::Procedure | ObjectKind::Function => 2,
                ObjectKind::Event => 3,
            };
            let text: String = get(&row, column).unwrap_or_else(|| "hidden".to_owned());
            let hash = Sha256::digest(without_counter(&text).as_bytes());
            Ok(hex(&hash[..8]))
        }
        Ok(None) => Ok(ABSENT.to_owned()),
        // No such table, database, routine, trigger, event, view.
        Err(error) if matches!(error.code(), Some(1146 | 1049 | 1305 | 1360 | 1539 | 1347 | 4092)) => {
            Ok(ABSENT.to_owned())
        }
        Err(error) if error.code().is_some() => Ok("hidden".to_owned()),
        Err(error) => Err(error),
    }
}

/// A table's definition without its next AUTO_INCREMENT value, which every insert changes.
fn without_counter(definition: &str) -> String {
    const OPTION: &str = " AUTO_INCREMENT=";
    match definition.rfind(OPTION) {
        Some(at) => {
            let tail = definition[at + OPTION.len()..].trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{}{tail}", &definition[..at])
        }
        None => definition.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Snapshot, Verdict, decide, without_counter};
    use crate::sql::classify;

    #[test]
    fn the_schema_says_whether_a_statement_happened() {
        use Verdict::{Applied, NotApplied};
        let cases = [
            ("CREATE TABLE t (a INT)", "-", "-", Some(NotApplied)),
            ("CREATE TABLE t (a INT)", "-", "x", Some(Applied)),
            ("CREATE TABLE t AS SELECT 1", "-", "x", None),
            ("CREATE TABLE t AS SELECT 1", "-", "-", Some(NotApplied)),
            ("CREATE TABLE IF NOT EXISTS t (a INT)", "x", "x", Some(NotApplied)),
            ("DROP TABLE t", "x", "-", Some(Applied)),
            ("DROP TABLE t", "x", "x", Some(NotApplied)),
            ("DROP TABLE t, u", "x,y", "-,y", None),
            ("DROP TABLE t, u", "x,y", "-,-", Some(Applied)),
            ("ALTER TABLE t ADD a INT", "x", "x", Some(NotApplied)),
            ("ALTER TABLE t ADD a INT", "x", "y", Some(Applied)),
            ("ALTER TABLE t ADD a INT", "x", "-", None),
            ("ALTER TABLE t RENAME TO u", "x,-", "-,y", Some(Applied)),
            ("ALTER TABLE t RENAME TO u", "x,-", "x,-", Some(NotApplied)),
            ("CREATE INDEX i ON t (a)", "x", "y", Some(Applied)),
            (
                "RENAME TABLE a TO tmp, b TO a, tmp TO b",
                "x,-,y,x,-,y",
                "y,-,x,y,-,x",
                Some(Applied),
            ),
            ("RENAME TABLE a TO b", "x,-", "x,-", Some(NotApplied)),
            ("TRUNCATE TABLE t", "x", "x", Some(NotApplied)),
            ("CREATE OR REPLACE VIEW v AS SELECT 2", "x", "y", Some(Applied)),
            (
                "CREATE TRIGGER t BEFORE INSERT ON u FOR EACH ROW SET @a = 1",
                "-",
                "x",
                Some(Applied),
            ),
            ("DROP PROCEDURE p", "x", "-", Some(Applied)),
            ("ANALYZE TABLE t", "", "", Some(NotApplied)),
            ("GRANT SELECT ON t TO u", "", "", Some(NotApplied)),
            ("CREATE USER IF NOT EXISTS u", "", "", Some(NotApplied)),
            ("CREATE USER u", "", "", None),
            ("CALL p()", "", "", None),
            ("INSERT INTO t VALUES (1)", "", "", None),
        ];
        for (statement, before, now, expected) in cases {
            let verdict = decide(
                statement,
                &classify(statement),
                &Snapshot::parse(before),
                &Snapshot::parse(now),
            );
            match expected {
                Some(expected) => assert_eq!(verdict, expected, "{statement}"),
                None => assert!(matches!(verdict, Verdict::Unclear(_)), "{statement}: {verdict:?}"),
            }
        }
    }

    #[test]
    fn the_counter_is_no_part_of_a_definition() {
        let table = |counter: &str| {
            format!(
                "CREATE TABLE `t` (`id` int AUTO_INCREMENT) ENGINE=InnoDB{counter} DEFAULT CHARSET=utf8mb4"
            )
        };
        assert_eq!(without_counter(&table(" AUTO_INCREMENT=17")), table(""));
        assert_eq!(without_counter(&table("")), table(""));
    }
}
