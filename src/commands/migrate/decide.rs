//! Decides from the schema whether an interrupted statement took effect.
//!
//! A single DDL statement is atomic on both families (MySQL 8.0 "Atomic Data Definition Statement Support",
//! MariaDB 10.6 "Atomic DDL"): objects that look as before say that it did not happen, objects that look as
//! it would leave them say that it did. Where a statement may leave its tables as they looked, a witness of
//! their identity decides ([`super::witness`]). A statement is run again only where that cannot undo what the
//! application has written since; anything else is left to a person.

use std::collections::BTreeMap;

use super::resume::{Look, Snapshot, qualified, slots};
use crate::db::Server;
use crate::sql::{Action, Class, Classification, Effect, ObjectKind, PartitionChange};

/// Whether an interrupted statement took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It did.
    Applied,
    /// It did not, or running it again is harmless.
    NotApplied,
    /// It cannot be told; why.
    Unclear(String),
}

fn unclear(why: &str) -> Verdict {
    Verdict::Unclear(why.to_owned())
}

const NO_WITNESS: &str = "the table looks the same before and after it, and the server's number for it, which would \
  tell, cannot be seen (the account lacks PROCESS, or the engine has none)";
const OTHER_VERSION: &str = "what its objects looked like before was recorded by another version of dbtool";
const NOT_ATOMIC: &str = "this server's DDL is not atomic (it is from MySQL 8.0 and MariaDB 10.6 on), so part of it \
  may be done";

/// What a run is told before it begins on a server whose DDL is not atomic.
pub fn warning(server: &Server) -> Option<String> {
    (!server.has_atomic_ddl()).then(|| {
        format!(
            "DDL is not atomic on {} (it is from MySQL 8.0 and MariaDB 10.6 on): if a run dies in the middle of a \
             statement, part of it may be done, and the next run stops and asks for `dbtool migrate repair`",
            server.name()
        )
    })
}

/// What of a statement's tables their definition does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Nothing: the definition tells it all, or running it again is harmless.
    Definition,
    /// Which table is which: RENAME, DROP, CREATE OR REPLACE.
    Identity,
    /// Whether the rows are gone: TRUNCATE.
    Rows,
    /// Whether partitions were emptied or exchanged.
    Partitions,
    /// Whether columns were made anew, or changed places, under their old names.
    Columns,
    /// Nothing that could be looked at: tablespaces that come and go.
    Files,
}

impl Care {
    /// What a statement takes.
    pub fn of(statement: &str, found: &Classification) -> Care {
        let effect = |wanted: fn(&Effect) -> bool| found.objects.iter().any(|object| wanted(&object.effect));
        let partitions = |change: &PartitionChange| found.actions.contains(&Action::Partition(*change));
        let exchanged = |validated| PartitionChange::Exchange { validated };
        let emptied = [PartitionChange::Truncate, exchanged(true), exchanged(false)];
        if effect(|effect| *effect == Effect::Truncate) {
            Care::Rows
        } else if effect(|effect| matches!(effect, Effect::Rename(_) | Effect::Drop))
            || found.verb == "CREATE TABLE" && replaces(statement)
        {
            Care::Identity
        } else if found.actions.contains(&Action::Tablespace) || partitions(&PartitionChange::Other) {
            Care::Files
        } else if emptied.iter().any(partitions) {
            Care::Partitions
        } else if reuses_column_names(&found.actions) {
            Care::Columns
        } else {
            Care::Definition
        }
    }

    /// Whether a table's identity has to be recorded.
    pub fn asks_witness(self) -> bool {
        !matches!(self, Care::Definition | Care::Files)
    }
}

/// Whether an ALTER gives a column a name that another one loses by it.
fn reuses_column_names(actions: &[Action]) -> bool {
    let mut lost: Vec<String> = Vec::new();
    let mut gained: Vec<String> = Vec::new();
    for action in actions {
        match action {
            Action::DropColumn(name) => lost.push(name.to_lowercase()),
            Action::AddColumn { name, .. } => gained.push(name.to_lowercase()),
            Action::RenameColumn(from, to)
            | Action::ModifyColumn {
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

/// Decides whether a statement took effect between `before` and `now`. `atomic` says whether the server's DDL is.
pub fn decide(
    statement: &str,
    found: &Classification,
    before: &Snapshot,
    now: &Snapshot,
    atomic: bool,
) -> Verdict {
    if let Some(why) = &before.why {
        return unclear(why);
    }
    if before.watched.is_some() {
        return watched(before, now);
    }
    if found.opaque {
        return unclear("what it did cannot be seen from outside");
    }
    match found.class {
        Class::Ddl => {}
        Class::Admin if repeatable(&found.verb) || found.idempotent => return Verdict::NotApplied,
        Class::Admin => return unclear("accounts and privileges are not part of the schema"),
        Class::Dml => return unclear("its table has no transactions, so part of its rows may be changed"),
        _ => return Verdict::NotApplied,
    }
    if !atomic {
        return unclear(NOT_ATOMIC);
    }
    if found.objects.is_empty() && !found.idempotent {
        return unclear("which objects it changes is not known");
    }
    let slots = slots(found).len();
    if slots != before.looks.len() || slots != now.looks.len() {
        return unclear(OTHER_VERSION);
    }
    if found
        .objects
        .iter()
        .any(|object| matches!(object.effect, Effect::Rename(_)))
    {
        return renamed(found, before, now);
    }
    let care = Care::of(statement, found);
    let mut verdicts = Vec::new();
    for ((object, was), is) in found.objects.iter().zip(&before.looks).zip(&now.looks) {
        let seen = Seen {
            statement,
            found,
            kind: object.kind,
            care,
            was,
            is,
            presence_only: before.presence_only,
        };
        verdicts.extend(match &object.effect {
            Effect::Create => Some(seen.created()),
            Effect::Drop => seen.dropped(),
            Effect::Alter => Some(seen.altered()),
            Effect::Truncate => Some(seen.truncated()),
            Effect::Rename(_) | Effect::Write => None,
        });
    }
    united(verdicts, found.idempotent)
}

/// A procedure of which nothing lasts but what one text made at run time does.
fn watched(before: &Snapshot, now: &Snapshot) -> Verdict {
    if !before.committed {
        // Whatever it did was rolled back with the transaction.
        return Verdict::NotApplied;
    }
    if before.looks.len() != now.looks.len() {
        return unclear(OTHER_VERSION);
    }
    let changed = |(was, is): (&Look, &Look)| was.print != is.print && !was.hidden() && !is.hidden();
    if before.looks.iter().zip(&now.looks).any(changed) {
        Verdict::Applied
    } else {
        unclear("it ran a text made at run time, and no table that it names looks different")
    }
}

/// One verdict from those over the objects of a statement.
fn united(verdicts: Vec<Verdict>, idempotent: bool) -> Verdict {
    if let Some(unclear) = verdicts
        .iter()
        .find(|verdict| matches!(verdict, Verdict::Unclear(_)))
    {
        return unclear.clone();
    }
    let applied = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::Applied)
        .count();
    match applied {
        0 => Verdict::NotApplied,
        applied if applied == verdicts.len() => Verdict::Applied,
        // DROP … IF EXISTS drops the rest.
        _ if idempotent => Verdict::NotApplied,
        _ => unclear("some of its objects look as before it and some as after it"),
    }
}

/// One object of a statement, before and now.
struct Seen<'a> {
    statement: &'a str,
    found: &'a Classification,
    kind: ObjectKind,
    care: Care,
    was: &'a Look,
    is: &'a Look,
    presence_only: bool,
}

impl Seen<'_> {
    fn created(&self) -> Verdict {
        if self.was.present() {
            return match (replaces(self.statement), self.kind) {
                (true, ObjectKind::Table) if self.is.present() => self.identity(),
                // A definition without data: replaced once more it is the same.
                _ => Verdict::NotApplied,
            };
        }
        if !self.is.present() {
            return if self.kind == ObjectKind::Event && has_word(self.statement, &["AT", "ENDS"]) {
                unclear("an event that ends is removed once it has run")
            } else {
                Verdict::NotApplied
            };
        }
        // InnoDB keeps the rows that a query fills a new table with, together with the table or not at all.
        let filled =
            self.kind == ObjectKind::Table && has_word(self.statement, &["SELECT", "WITH", "VALUES"]);
        if filled && !self.is.innodb {
            unclear("the table is there, but whether all of its rows are cannot be told")
        } else {
            Verdict::Applied
        }
    }

    /// `None` where there was nothing to drop.
    fn dropped(&self) -> Option<Verdict> {
        match (self.was.present(), self.is.present()) {
            (false, _) => None,
            (true, false) => Some(Verdict::Applied),
            // What is left of a database is dropped by the next attempt.
            (true, true) if self.kind != ObjectKind::Table => Some(Verdict::NotApplied),
            (true, true) => Some(match self.identity() {
                Verdict::Applied => {
                    unclear("a table of that name is there which is not the one that was to be dropped")
                }
                other => other,
            }),
        }
    }

    fn altered(&self) -> Verdict {
        if !self.is.present() {
            return match self.was.present() {
                true => unclear("the object to be altered is gone"),
                false => Verdict::NotApplied,
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
        match self.care {
            Care::Files => unclear("what became of the table's files cannot be seen from outside"),
            _ if self.was.print != self.is.print => Verdict::Applied,
            Care::Partitions => self.partitions(),
            Care::Columns => self.columns(),
            // Running it again changes nothing more.
            _ => Verdict::NotApplied,
        }
    }

    fn sequence(&self) -> Verdict {
        let definition = |look: &Look| look.print.split(':').next().map(str::to_owned);
        let value = |look: &Look| look.print.split(':').nth(1).map(str::to_owned);
        let restart = restarts_at(self.statement);
        if self.was.print == self.is.print {
            Verdict::NotApplied
        } else if definition(self.was) != definition(self.is)
            || restart.is_some() && restart == value(self.is)
        {
            Verdict::Applied
        } else {
            unclear("the sequence has moved on, by this statement or by the application")
        }
    }

    /// Whether it is another table than before.
    fn identity(&self) -> Verdict {
        let (Some(was), Some(is)) = (&self.was.witness, &self.is.witness) else {
            return unclear(NO_WITNESS);
        };
        let same = match (&was.ids, &is.ids, was.created, is.created) {
            (Some(was), Some(is), _, _) => was == is,
            (_, _, Some(was), Some(is)) => was == is,
            _ => return unclear(NO_WITNESS),
        };
        if same {
            Verdict::NotApplied
        } else {
            Verdict::Applied
        }
    }

    fn truncated(&self) -> Verdict {
        if !self.is.present() || self.is.empty {
            // Nothing is lost by emptying it again.
            return Verdict::NotApplied;
        }
        self.partitions()
    }

    /// TRUNCATE and EXCHANGE PARTITION give the table other numbers and leave its time of creation.
    fn partitions(&self) -> Verdict {
        let (Some(was), Some(is)) = (&self.was.witness, &self.is.witness) else {
            return unclear(NO_WITNESS);
        };
        match (&was.ids, &is.ids) {
            (Some(first), Some(second)) if first == second => Verdict::NotApplied,
            (Some(_), Some(_)) if was.created == is.created => Verdict::Applied,
            (Some(_), Some(_)) => unclear("the table was rebuilt by something else meanwhile"),
            _ => unclear(NO_WITNESS),
        }
    }

    /// An ALTER gives the table another time of creation, whether it rebuilds it or not.
    fn columns(&self) -> Verdict {
        let (Some(was), Some(is)) = (&self.was.witness, &self.is.witness) else {
            return unclear(NO_WITNESS);
        };
        match (was.created, is.created) {
            (Some(first), Some(second)) if first == second && was.ids == is.ids => Verdict::NotApplied,
            (Some(_), Some(_)) => Verdict::Applied,
            _ => unclear(NO_WITNESS),
        }
    }
}

/// Tables by their names.
type Tables<'a> = BTreeMap<(String, String), Option<&'a Look>>;

/// Renames are simulated: what is there is compared with what was, and with what would be.
fn renamed(found: &Classification, before: &Snapshot, now: &Snapshot) -> Verdict {
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
        if matches!(object.effect, Effect::Rename(_)) {
            let moved = would.get_mut(&names[slot - 1]).and_then(Option::take);
            // IF EXISTS passes over a table that is not there.
            if moved.is_some() {
                would.insert(names[slot].clone(), moved);
            }
            slot += 1;
        }
    }
    let presence = |tables: &Tables<'_>| tables.values().map(Option::is_some).collect::<Vec<_>>();
    let (before_it, after_it, at_present) = (presence(&was), presence(&would), presence(&is));
    if before_it != after_it {
        return match at_present {
            at_present if at_present == before_it => Verdict::NotApplied,
            at_present if at_present == after_it => Verdict::Applied,
            _ => unclear("some of the names are as before it and some as after it"),
        };
    }
    if before.presence_only {
        return unclear(OTHER_VERSION);
    }
    in_a_ring(&was, &would, &is)
}

fn by_name<'a>(names: &[(String, String)], looks: &'a [Look]) -> Tables<'a> {
    let present = |look: &'a Look| look.present().then_some(look);
    names.iter().cloned().zip(looks.iter().map(present)).collect()
}

/// The names are the same before and after: what tells the tables apart decides.
fn in_a_ring(was: &Tables<'_>, would: &Tables<'_>, is: &Tables<'_>) -> Verdict {
    // Where a rename renews the time of creation, that alone tells.
    let numbered = |tables: &Tables<'_>| {
        tables
            .values()
            .flatten()
            .all(|look| look.witness.as_ref().is_some_and(|witness| witness.ids.is_some()))
    };
    let numbered = numbered(was) && numbered(is);
    let renewed = |look: &Look| {
        look.witness
            .as_ref()
            .filter(|witness| witness.renaming_renews)
            .and_then(|witness| witness.created)
    };
    let identity = |tables: &Tables<'_>| -> Vec<Option<String>> {
        let identity = |look: &Look| match &look.witness {
            Some(witness) if numbered => witness.ids.clone().unwrap_or_default(),
            Some(witness) => format!("{} {:?}", look.print, witness.created),
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
            return Verdict::NotApplied;
        }
        if pairs.iter().all(|(_, is)| *is > last) {
            return Verdict::Applied;
        }
        return unclear("some of the tables were renamed or altered by something else meanwhile");
    }
    let (was, would, is) = (identity(was), identity(would), identity(is));
    if was == would {
        unclear(NO_WITNESS)
    } else if is == would {
        Verdict::Applied
    } else if is == was {
        Verdict::NotApplied
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
