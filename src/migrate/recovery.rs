//! Decides from the schema whether an interrupted statement took effect.
//!
//! A single DDL statement is atomic on both families (MySQL 8.0 "Atomic Data Definition Statement Support",
//! MariaDB 10.6 "Atomic DDL"): unchanged objects mean that it did not take effect, changed objects that it
//! did. If a statement may leave the definitions unchanged, the identity of its tables decides
//! ([`super::table_identity`]). A statement is run again only if that cannot undo later writes of the
//! application; any other case is left to a person.

use std::collections::BTreeMap;

use super::object_snapshot::{ObjectSnapshot, ObjectState, qualified, slots};
use super::server_instance::IdentityTrust;
use super::table_identity::file_name;
use crate::db::Server;
use crate::sql::{
    AlterAction, Classification, ObjectEffect, ObjectKind, PartitionChange, StatementClass,
    truncated_partitions,
};

/// Whether an interrupted statement took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecoveryVerdict {
    /// It did.
    Applied,
    /// It did not, or running it again is harmless.
    NotApplied,
    /// It is unknown; the reason.
    Unclear(String),
}

fn unclear(why: &str) -> RecoveryVerdict {
    RecoveryVerdict::Unclear(why.to_owned())
}

const NO_IDENTITY: &str = "the table looks the same before and after it, and the server's id of the table, which would \
  show it, is not visible (the account lacks PROCESS, or the engine has none)";
const OTHER_VERSION: &str = "the state of its objects before it was recorded by another version of dbtool";
const RESTARTED: &str = "the server was restarted since, and its recovery changes the files' time of creation, the only \
  evidence";
const OTHER_SERVER: &str = "this is not the server that it ran on, and only that server's information about its tables would show it";
const PARTLY_DONE: &str = "only some of its partitions changed";
const NOT_ATOMIC: &str = "this server's DDL is not atomic (it is since MySQL 8.0 and MariaDB 10.6), so part of it \
  may be done";

/// The warning at the start of a run on a server whose DDL is not atomic.
pub fn warning(server: &Server) -> Option<String> {
    (!server.has_atomic_ddl()).then(|| {
        format!(
            "DDL is not atomic on {} (it is since MySQL 8.0 and MariaDB 10.6): if a run dies in the middle of a \
             statement, part of it may be done, and the next run stops and asks for `dbtool migrate repair`",
            server.name()
        )
    })
}

/// The evidence, besides the definitions, that shows whether a statement took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// None: the definition shows it, or running it again is harmless.
    Definition,
    /// Which table is which: RENAME, DROP, CREATE OR REPLACE.
    Identity,
    /// Whether the rows are gone: TRUNCATE.
    Rows,
    /// Whether partitions were emptied or exchanged.
    Partitions,
    /// Whether columns were created again, or swapped, under their old names.
    Columns,
    /// None that could be read: tablespaces are discarded and imported.
    Files,
}

impl Evidence {
    /// The evidence that a statement needs.
    pub fn from_statement(statement: &str, found: &Classification) -> Evidence {
        let effect =
            |wanted: fn(&ObjectEffect) -> bool| found.objects.iter().any(|object| wanted(&object.effect));
        let partitions = |change: &PartitionChange| found.actions.contains(&AlterAction::Partition(*change));
        let exchanged = |validated| PartitionChange::Exchange { validated };
        let emptied = [PartitionChange::Truncate, exchanged(true), exchanged(false)];
        if effect(|effect| *effect == ObjectEffect::Truncate) {
            Evidence::Rows
        } else if effect(|effect| matches!(effect, ObjectEffect::Rename(_) | ObjectEffect::Drop))
            || found.verb == "CREATE TABLE" && replaces(statement)
        {
            Evidence::Identity
        } else if found.actions.contains(&AlterAction::Tablespace) || partitions(&PartitionChange::Other) {
            Evidence::Files
        } else if emptied.iter().any(partitions) {
            Evidence::Partitions
        } else if reuses_column_names(&found.actions) {
            Evidence::Columns
        } else {
            Evidence::Definition
        }
    }

    /// Whether a table's identity has to be recorded.
    pub fn needs_table_identity(self) -> bool {
        !matches!(self, Evidence::Definition | Evidence::Files)
    }
}

/// Whether an ALTER gives a column a name that another one loses by it.
fn reuses_column_names(actions: &[AlterAction]) -> bool {
    let mut lost: Vec<String> = Vec::new();
    let mut gained: Vec<String> = Vec::new();
    for action in actions {
        match action {
            AlterAction::DropColumn(name) => lost.push(name.to_lowercase()),
            AlterAction::AddColumn { name, .. } => gained.push(name.to_lowercase()),
            AlterAction::RenameColumn(from, to)
            | AlterAction::ModifyColumn {
                name: from,
                to: Some(to),
                ..
            } => {
                lost.push(from.to_lowercase());
                gained.push(to.to_lowercase());
            }
            _ => {}
        }
    }
    lost.iter().any(|name| gained.contains(name))
}

/// Facts about the server that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct ServerFacts {
    /// Whether the server's DDL is atomic.
    pub atomic: bool,
    /// The recorded properties that are still comparable.
    pub trust: IdentityTrust,
}

/// Decides whether a statement took effect between `before` and `now`.
pub fn took_effect(
    statement: &str,
    found: &Classification,
    before: &ObjectSnapshot,
    now: &ObjectSnapshot,
    facts: ServerFacts,
) -> RecoveryVerdict {
    if let Some(why) = &before.why {
        return unclear(why);
    }
    if before.watched.is_some() {
        return watched(before, now);
    }
    if found.opaque {
        return unclear("its effects cannot be determined from the schema");
    }
    match found.class {
        StatementClass::Ddl => {}
        StatementClass::Admin if found.verb == "SET" && sets_from_variables(statement) => {
            return unclear("it sets a variable from another one, or from itself");
        }
        StatementClass::Admin if repeatable(&found.verb) || found.idempotent => {
            return RecoveryVerdict::NotApplied;
        }
        StatementClass::Admin => return unclear("accounts and privileges are not part of the schema"),
        StatementClass::Dml => {
            return unclear("its table has no transactions, so part of its rows may be changed");
        }
        _ => return RecoveryVerdict::NotApplied,
    }
    if !facts.atomic {
        return unclear(NOT_ATOMIC);
    }
    if found.objects.is_empty() && !found.idempotent {
        return unclear("the objects it changes are not known");
    }
    let slots = slots(found).len();
    if slots != before.looks.len() || slots != now.looks.len() {
        return unclear(OTHER_VERSION);
    }
    if found
        .objects
        .iter()
        .any(|object| matches!(object.effect, ObjectEffect::Rename(_)))
    {
        return renamed(found, before, now, facts.trust);
    }
    let evidence = Evidence::from_statement(statement, found);
    let mut verdicts = Vec::new();
    for ((object, was), is) in found.objects.iter().zip(&before.looks).zip(&now.looks) {
        let seen = ObjectChange {
            statement,
            found,
            kind: object.kind,
            evidence,
            was,
            is,
            presence_only: before.presence_only,
            trust: facts.trust,
        };
        verdicts.extend(match &object.effect {
            ObjectEffect::Create => Some(seen.created()),
            ObjectEffect::Drop => seen.dropped(),
            ObjectEffect::Alter => Some(seen.altered()),
            ObjectEffect::Truncate => Some(seen.truncated()),
            ObjectEffect::Rename(_) | ObjectEffect::Write => None,
        });
    }
    // Dropping the rest would drop the new object too.
    let reappeared = |(was, is): (&ObjectState, &ObjectState)| !was.present() && is.present();
    let reappeared = found.verb.starts_with("DROP") && before.looks.iter().zip(&now.looks).any(reappeared);
    united(verdicts, found.idempotent, reappeared)
}

/// Judges a procedure whose only lasting effect is one dynamic statement.
fn watched(before: &ObjectSnapshot, now: &ObjectSnapshot) -> RecoveryVerdict {
    if !before.committed {
        // Whatever it did was rolled back with the transaction.
        return RecoveryVerdict::NotApplied;
    }
    if before.looks.len() != now.looks.len() {
        return unclear(OTHER_VERSION);
    }
    let changed =
        |(was, is): (&ObjectState, &ObjectState)| was.print != is.print && !was.hidden() && !is.hidden();
    if before.looks.iter().zip(&now.looks).any(changed) {
        RecoveryVerdict::Applied
    } else {
        unclear("it ran dynamic SQL, and no table that it names has changed")
    }
}

/// One verdict from those over the objects of a statement.
fn united(verdicts: Vec<RecoveryVerdict>, idempotent: bool, reappeared: bool) -> RecoveryVerdict {
    if let Some(unclear) = verdicts
        .iter()
        .find(|verdict| matches!(verdict, RecoveryVerdict::Unclear(_)))
    {
        return unclear.clone();
    }
    let applied = verdicts
        .iter()
        .filter(|verdict| **verdict == RecoveryVerdict::Applied)
        .count();
    match applied {
        0 => RecoveryVerdict::NotApplied,
        applied if applied == verdicts.len() => RecoveryVerdict::Applied,
        // DROP … IF EXISTS drops the rest.
        _ if idempotent && !reappeared => RecoveryVerdict::NotApplied,
        _ => unclear("only some of its objects changed"),
    }
}

/// One object of a statement, before and now.
struct ObjectChange<'a> {
    statement: &'a str,
    found: &'a Classification,
    kind: ObjectKind,
    evidence: Evidence,
    was: &'a ObjectState,
    is: &'a ObjectState,
    presence_only: bool,
    trust: IdentityTrust,
}

impl ObjectChange<'_> {
    fn created(&self) -> RecoveryVerdict {
        if self.was.present() {
            return self.replaced();
        }
        if !self.is.present() {
            return if self.kind == ObjectKind::Event && has_word(self.statement, &["AT", "ENDS"]) {
                unclear("an event that ends is removed once it has run")
            } else {
                RecoveryVerdict::NotApplied
            };
        }
        // SHOW CREATE fails for a table damaged by a crash.
        if self.kind == ObjectKind::Table && self.is.hidden() {
            return unclear("a table of that name exists, but its definition is not visible");
        }
        self.filled()
    }

    /// Judges the CREATE of an object that existed before.
    fn replaced(&self) -> RecoveryVerdict {
        match (replaces(self.statement), self.kind) {
            (true, ObjectKind::Table) if self.is.present() => match self.identity() {
                RecoveryVerdict::Applied => self.filled(),
                other => other,
            },
            // An event that is due at once ran when it was replaced.
            (true, ObjectKind::Event) if !self.is.present() => {
                unclear("an event that ends is removed once it has run")
            }
            (true, ObjectKind::Event) if self.was.print != self.is.print => RecoveryVerdict::Applied,
            (true, ObjectKind::Database) => unclear("it drops whatever the database holds by then"),
            // A definition without data: replaced once more it is the same.
            (true, _) => RecoveryVerdict::NotApplied,
            // IF NOT EXISTS had nothing to do.
            (false, _) if self.found.idempotent => RecoveryVerdict::Applied,
            (false, _) => RecoveryVerdict::NotApplied,
        }
    }

    /// Judges a created table. InnoDB keeps the table together with the rows from its query, or neither.
    fn filled(&self) -> RecoveryVerdict {
        let filled =
            self.kind == ObjectKind::Table && has_word(self.statement, &["SELECT", "WITH", "VALUES"]);
        if filled && !self.is.innodb {
            unclear("the table exists, but its contents may be incomplete")
        } else {
            RecoveryVerdict::Applied
        }
    }

    /// Judges a DROP; `None` if the object existed neither before nor now.
    fn dropped(&self) -> Option<RecoveryVerdict> {
        match (self.was.present(), self.is.present()) {
            (false, false) => None,
            // IF EXISTS had nothing to do; the object was created by something else.
            (false, true) if self.found.idempotent => Some(RecoveryVerdict::Applied),
            (false, true) => Some(RecoveryVerdict::NotApplied),
            (true, false) => Some(RecoveryVerdict::Applied),
            // What is left of a database is dropped by the next attempt.
            (true, true) if self.kind != ObjectKind::Table => Some(RecoveryVerdict::NotApplied),
            (true, true) => Some(match self.identity() {
                RecoveryVerdict::Applied => {
                    unclear("a table of that name exists that is not the one to be dropped")
                }
                other => other,
            }),
        }
    }

    fn altered(&self) -> RecoveryVerdict {
        if !self.is.present() {
            return match self.was.present() {
                true => unclear("the object to be altered no longer exists"),
                false => RecoveryVerdict::NotApplied,
            };
        }
        if self.was.hidden() || self.is.hidden() {
            return unclear("this account may not see the object's definition");
        }
        if self.presence_only {
            return unclear(OTHER_VERSION);
        }
        if self.found.verb.ends_with("SEQUENCE") {
            return self.sequence();
        }
        match self.evidence {
            Evidence::Files => unclear("the state of the table's files is not visible"),
            _ if self.was.print != self.is.print => RecoveryVerdict::Applied,
            Evidence::Partitions => self.partitions(),
            Evidence::Columns => self.columns(),
            // Running it again changes nothing more.
            _ => RecoveryVerdict::NotApplied,
        }
    }

    fn sequence(&self) -> RecoveryVerdict {
        let definition = |look: &ObjectState| look.print.split(':').next().map(str::to_owned);
        let value = |look: &ObjectState| look.print.split(':').nth(1).map(str::to_owned);
        let restart = restarts_at(self.statement);
        if self.was.print == self.is.print {
            RecoveryVerdict::NotApplied
        } else if definition(self.was) != definition(self.is)
            || restart.is_some() && restart == value(self.is)
        {
            RecoveryVerdict::Applied
        } else {
            unclear("the sequence has advanced, by this statement or by the application")
        }
    }

    /// Whether the table is a different one than before.
    fn identity(&self) -> RecoveryVerdict {
        let (Some(was), Some(is)) = (&self.was.identity, &self.is.identity) else {
            return unclear(NO_IDENTITY);
        };
        match (&was.ids, &is.ids, was.created, is.created) {
            (Some(_), Some(_), _, _) if !self.trust.numbers => unclear(OTHER_SERVER),
            (Some(was), Some(is), _, _) if was == is => RecoveryVerdict::NotApplied,
            (Some(_), Some(_), _, _) => RecoveryVerdict::Applied,
            (_, _, Some(was), Some(is)) => self.times(was, is),
            _ => unclear(NO_IDENTITY),
        }
    }

    /// Whether the table is a different one than before, by its time of creation.
    fn times(&self, was: u64, is: u64) -> RecoveryVerdict {
        match was == is {
            _ if !self.trust.same_times => unclear(OTHER_SERVER),
            true => RecoveryVerdict::NotApplied,
            false if self.trust.other_times => RecoveryVerdict::Applied,
            false => unclear(RESTARTED),
        }
    }

    fn truncated(&self) -> RecoveryVerdict {
        if !self.is.present() || self.is.empty {
            // Nothing is lost by emptying it again.
            return RecoveryVerdict::NotApplied;
        }
        self.partitions()
    }

    /// TRUNCATE and EXCHANGE PARTITION give a partition, or the table, another number and leave the table's
    /// time of creation. MariaDB truncates partition by partition, and not all of them if it crashes.
    fn partitions(&self) -> RecoveryVerdict {
        let (Some(was), Some(is)) = (&self.was.identity, &self.is.identity) else {
            return unclear(NO_IDENTITY);
        };
        let (Some(first), Some(second)) = (&was.ids, &is.ids) else {
            return unclear(NO_IDENTITY);
        };
        if !self.trust.numbers {
            return unclear(OTHER_SERVER);
        }
        if first == second {
            return RecoveryVerdict::NotApplied;
        }
        let (first, second): (Vec<_>, Vec<_>) = (first.split('.').collect(), second.split('.').collect());
        if was.created != is.created || first.len() != second.len() {
            return unclear("the table was rebuilt by something else meanwhile");
        }
        let named = truncated_partitions(self.statement);
        let all = self.evidence == Evidence::Rows || named.as_ref().is_some_and(Vec::is_empty);
        let named: Vec<_> = named
            .unwrap_or_default()
            .iter()
            .map(|name| file_name(name))
            .collect();
        let wanted = |partition: &String| {
            let is_it = |name: &Option<String>| {
                name.as_ref()
                    .is_none_or(|name| name.eq_ignore_ascii_case(partition))
            };
            all || named.iter().any(is_it)
        };
        let kept = |(index, (first, second)): (usize, (&&str, &&str))| {
            first == second && is.partitions.get(index).map_or(all, wanted)
        };
        if first.iter().zip(&second).enumerate().any(kept) {
            return unclear(PARTLY_DONE);
        }
        RecoveryVerdict::Applied
    }

    /// An ALTER gives the table another time of creation, whether it rebuilds it or not.
    fn columns(&self) -> RecoveryVerdict {
        let (Some(was), Some(is)) = (&self.was.identity, &self.is.identity) else {
            return unclear(NO_IDENTITY);
        };
        match (was.created, is.created) {
            // Rebuilt: no crash and no recovery does that.
            _ if self.trust.numbers && was.ids.is_some() && is.ids.is_some() && was.ids != is.ids => {
                RecoveryVerdict::Applied
            }
            (Some(first), Some(second)) => self.times(first, second),
            _ => unclear(NO_IDENTITY),
        }
    }
}

/// Tables by their names.
type TablesByName<'a> = BTreeMap<(String, String), Option<&'a ObjectState>>;

/// Judges renames by simulation: compares the present tables with those before and those expected after.
fn renamed(
    found: &Classification,
    before: &ObjectSnapshot,
    now: &ObjectSnapshot,
    trust: IdentityTrust,
) -> RecoveryVerdict {
    let names: Vec<(String, String)> = slots(found)
        .iter()
        .map(|(_, name)| {
            let name = qualified(name, &before.database);
            (name.schema.unwrap_or_default(), name.name)
        })
        .collect();
    let (was, is) = (by_name(&names, &before.looks), by_name(&names, &now.looks));
    let mut would = was.clone();
    let mut slot = 0;
    for object in &found.objects {
        slot += 1;
        if matches!(object.effect, ObjectEffect::Rename(_)) {
            let moved = would.get_mut(&names[slot - 1]).and_then(Option::take);
            // IF EXISTS passes over a table that is not there.
            if moved.is_some() {
                would.insert(names[slot].clone(), moved);
            }
            slot += 1;
        }
    }
    let presence = |tables: &TablesByName<'_>| tables.values().map(Option::is_some).collect::<Vec<_>>();
    let (before_it, after_it, at_present) = (presence(&was), presence(&would), presence(&is));
    if before_it != after_it {
        return match at_present {
            at_present if at_present == before_it => RecoveryVerdict::NotApplied,
            at_present if at_present == after_it => RecoveryVerdict::Applied,
            _ => unclear("only some of the names changed"),
        };
    }
    if before.presence_only {
        return unclear(OTHER_VERSION);
    }
    renamed_in_a_ring(&was, &would, &is, trust)
}

fn by_name<'a>(names: &[(String, String)], looks: &'a [ObjectState]) -> TablesByName<'a> {
    let present = |look: &'a ObjectState| look.present().then_some(look);
    names.iter().cloned().zip(looks.iter().map(present)).collect()
}

/// Judges renames in a ring, which leave the same names: the identity of the tables decides.
fn renamed_in_a_ring(
    was: &TablesByName<'_>,
    would: &TablesByName<'_>,
    is: &TablesByName<'_>,
    trust: IdentityTrust,
) -> RecoveryVerdict {
    if !trust.numbers {
        return unclear(OTHER_SERVER);
    }
    // Where a rename renews the time of creation, that alone tells.
    let numbered = |tables: &TablesByName<'_>| {
        tables.values().flatten().all(|look| {
            look.identity
                .as_ref()
                .is_some_and(|identity| identity.ids.is_some())
        })
    };
    let numbered = numbered(was) && numbered(is);
    let renewed = |look: &ObjectState| {
        look.identity
            .as_ref()
            .filter(|identity| identity.renaming_renews)
            .and_then(|identity| identity.created)
    };
    let identity = |tables: &TablesByName<'_>| -> Vec<Option<String>> {
        let identity = |look: &ObjectState| match &look.identity {
            Some(identity) if numbered => identity.ids.clone().unwrap_or_default(),
            Some(identity) => format!("{} {:?}", look.print, identity.created),
            None => look.print.clone(),
        };
        tables.values().map(|look| look.map(identity)).collect()
    };
    if !numbered && was.values().flatten().all(|look| renewed(look).is_some()) {
        let pairs: Vec<_> = was
            .values()
            .zip(is.values())
            .filter_map(|(was, is)| Some((renewed((*was)?), renewed((*is)?))))
            .collect();
        let last = pairs.iter().map(|(was, _)| *was).max().flatten();
        if pairs.iter().all(|(was, is)| was == is) {
            return RecoveryVerdict::NotApplied;
        }
        if pairs.iter().all(|(_, is)| *is > last) {
            return match trust.other_times {
                true => RecoveryVerdict::Applied,
                false => unclear(RESTARTED),
            };
        }
        return unclear("some of the tables were renamed or altered by something else meanwhile");
    }
    let (was, would, is) = (identity(was), identity(would), identity(is));
    if was == would {
        unclear(NO_IDENTITY)
    } else if is == would {
        RecoveryVerdict::Applied
    } else if is == was {
        RecoveryVerdict::NotApplied
    } else {
        unclear("some of the tables were altered by something else meanwhile")
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
            | "SET"
            | "LOAD"
            | "START"
            | "STOP"
    )
}

/// Whether a SET takes a value from a variable, as in `SET GLOBAL a = @@a + 1`: run twice, it may set another
/// value. A value in a string counts too, which only makes it asked about.
fn sets_from_variables(statement: &str) -> bool {
    let mut values = statement.split('=').skip(1).peekable();
    while let Some(value) = values.next() {
        // What follows the last comma is the next variable's name.
        let value = match (values.peek(), value.rsplit_once(',')) {
            (Some(_), Some((value, _))) => value,
            _ => value,
        };
        if value.contains('@') {
            return true;
        }
    }
    false
}

fn words(statement: &str) -> impl Iterator<Item = &str> {
    statement
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// Whether a word stands anywhere in the statement; in a name or a string too, which only makes it asked about.
fn has_word(statement: &str, wanted: &[&str]) -> bool {
    words(statement).any(|word| wanted.iter().any(|wanted| word.eq_ignore_ascii_case(wanted)))
}

/// CREATE OR REPLACE.
fn replaces(statement: &str) -> bool {
    let mut words = words(statement).skip_while(|word| !word.eq_ignore_ascii_case("CREATE"));
    ["CREATE", "OR", "REPLACE"]
        .iter()
        .all(|wanted| words.next().is_some_and(|word| word.eq_ignore_ascii_case(wanted)))
}

/// Where ALTER SEQUENCE … RESTART begins anew.
fn restarts_at(statement: &str) -> Option<String> {
    let mut words = words(statement)
        .skip_while(|word| !word.eq_ignore_ascii_case("RESTART"))
        .skip(1);
    let next = words.next()?;
    let next = if next.eq_ignore_ascii_case("WITH") {
        words.next()?
    } else {
        next
    };
    next.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| next.to_owned())
}

#[cfg(test)]
mod tests;
