//! Decides from the schema whether an interrupted statement took effect.
//!
//! A single DDL statement is atomic on both families (MySQL 8.0 "Atomic Data Definition Statement Support",
//! MariaDB 10.6 "Atomic DDL"): objects that look as before say that it did not happen, objects that look as
//! it would leave them say that it did. Where a statement may leave its tables as they looked, a witness of
//! their identity decides ([`super::witness`]). A statement is run again only where that cannot undo what the
//! application has written since; anything else is left to a person.

use std::collections::BTreeMap;

use super::resume::{Look, Snapshot, qualified, slots};
use super::server_life::Trust;
use super::witness::file_name;
use crate::db::Server;
use crate::sql::{
    AlterAction, Classification, ObjectEffect, ObjectKind, PartitionChange, StatementClass,
    truncated_partitions,
};

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
const RESTARTED: &str = "the server was restarted since, and its recovery gives files another time of creation, which \
  is all that would tell";
const ELSEWHERE: &str =
    "this is not the server that it ran on, and only what one server knows of its tables would tell";
const IN_PART: &str = "some of its partitions look as before it and some as after it";
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
        let effect =
            |wanted: fn(&ObjectEffect) -> bool| found.objects.iter().any(|object| wanted(&object.effect));
        let partitions = |change: &PartitionChange| found.actions.contains(&AlterAction::Partition(*change));
        let exchanged = |validated| PartitionChange::Exchange { validated };
        let emptied = [PartitionChange::Truncate, exchanged(true), exchanged(false)];
        if effect(|effect| *effect == ObjectEffect::Truncate) {
            Care::Rows
        } else if effect(|effect| matches!(effect, ObjectEffect::Rename(_) | ObjectEffect::Drop))
            || found.verb == "CREATE TABLE" && replaces(statement)
        {
            Care::Identity
        } else if found.actions.contains(&AlterAction::Tablespace) || partitions(&PartitionChange::Other) {
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

/// What a decision stands on besides the looks.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    /// Whether the server's DDL is atomic.
    pub atomic: bool,
    /// What the server's restart, or another server, leaves of what was recorded.
    pub trust: Trust,
}

/// Decides whether a statement took effect between `before` and `now`.
pub fn decide(
    statement: &str,
    found: &Classification,
    before: &Snapshot,
    now: &Snapshot,
    ground: Ground,
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
        StatementClass::Ddl => {}
        StatementClass::Admin if found.verb == "SET" && sets_from_variables(statement) => {
            return unclear("it sets a variable from another one, or from itself");
        }
        StatementClass::Admin if repeatable(&found.verb) || found.idempotent => return Verdict::NotApplied,
        StatementClass::Admin => return unclear("accounts and privileges are not part of the schema"),
        StatementClass::Dml => {
            return unclear("its table has no transactions, so part of its rows may be changed");
        }
        _ => return Verdict::NotApplied,
    }
    if !ground.atomic {
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
        .any(|object| matches!(object.effect, ObjectEffect::Rename(_)))
    {
        return renamed(found, before, now, ground.trust);
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
            trust: ground.trust,
        };
        verdicts.extend(match &object.effect {
            ObjectEffect::Create => Some(seen.created()),
            ObjectEffect::Drop => seen.dropped(),
            ObjectEffect::Alter => Some(seen.altered()),
            ObjectEffect::Truncate => Some(seen.truncated()),
            ObjectEffect::Rename(_) | ObjectEffect::Write => None,
        });
    }
    // To drop the rest would drop it, too.
    let reappeared = |(was, is): (&Look, &Look)| !was.present() && is.present();
    let reappeared = found.verb.starts_with("DROP") && before.looks.iter().zip(&now.looks).any(reappeared);
    united(verdicts, found.idempotent, reappeared)
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
fn united(verdicts: Vec<Verdict>, idempotent: bool, reappeared: bool) -> Verdict {
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
        _ if idempotent && !reappeared => Verdict::NotApplied,
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
    trust: Trust,
}

impl Seen<'_> {
    fn created(&self) -> Verdict {
        if self.was.present() {
            return self.replaced();
        }
        if !self.is.present() {
            return if self.kind == ObjectKind::Event && has_word(self.statement, &["AT", "ENDS"]) {
                unclear("an event that ends is removed once it has run")
            } else {
                Verdict::NotApplied
            };
        }
        // What a crash left of a table cannot be shown.
        if self.kind == ObjectKind::Table && self.is.hidden() {
            return unclear("a table of that name is there, but its definition cannot be seen");
        }
        self.filled()
    }

    /// An object that was there before a CREATE.
    fn replaced(&self) -> Verdict {
        match (replaces(self.statement), self.kind) {
            (true, ObjectKind::Table) if self.is.present() => match self.identity() {
                Verdict::Applied => self.filled(),
                other => other,
            },
            // What runs at once ran when it was replaced.
            (true, ObjectKind::Event) if !self.is.present() => {
                unclear("an event that ends is removed once it has run")
            }
            (true, ObjectKind::Event) if self.was.print != self.is.print => Verdict::Applied,
            // A definition without data: replaced once more it is the same.
            (true, _) => Verdict::NotApplied,
            // IF NOT EXISTS had nothing to do.
            (false, _) if self.found.idempotent => Verdict::Applied,
            (false, _) => Verdict::NotApplied,
        }
    }

    /// A table that was made. InnoDB keeps the rows that a query fills it with, together with the table or not
    /// at all.
    fn filled(&self) -> Verdict {
        let filled =
            self.kind == ObjectKind::Table && has_word(self.statement, &["SELECT", "WITH", "VALUES"]);
        if filled && !self.is.innodb {
            unclear("the table is there, but whether all of its rows are cannot be told")
        } else {
            Verdict::Applied
        }
    }

    /// `None` where there was nothing to drop, and still is not.
    fn dropped(&self) -> Option<Verdict> {
        match (self.was.present(), self.is.present()) {
            (false, false) => None,
            // IF EXISTS had nothing to do; what is there now was made by somebody else.
            (false, true) if self.found.idempotent => Some(Verdict::Applied),
            (false, true) => Some(Verdict::NotApplied),
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
        match (&was.ids, &is.ids, was.created, is.created) {
            (Some(_), Some(_), _, _) if !self.trust.numbers => unclear(ELSEWHERE),
            (Some(was), Some(is), _, _) if was == is => Verdict::NotApplied,
            (Some(_), Some(_), _, _) => Verdict::Applied,
            (_, _, Some(was), Some(is)) => self.times(was, is),
            _ => unclear(NO_WITNESS),
        }
    }

    /// Whether it is another table than before, by its time of creation.
    fn times(&self, was: u64, is: u64) -> Verdict {
        match was == is {
            _ if !self.trust.same_times => unclear(ELSEWHERE),
            true => Verdict::NotApplied,
            false if self.trust.other_times => Verdict::Applied,
            false => unclear(RESTARTED),
        }
    }

    fn truncated(&self) -> Verdict {
        if !self.is.present() || self.is.empty {
            // Nothing is lost by emptying it again.
            return Verdict::NotApplied;
        }
        self.partitions()
    }

    /// TRUNCATE and EXCHANGE PARTITION give a partition, or the table, another number and leave the table's
    /// time of creation. MariaDB truncates partition by partition, and not all of them if it crashes.
    fn partitions(&self) -> Verdict {
        let (Some(was), Some(is)) = (&self.was.witness, &self.is.witness) else {
            return unclear(NO_WITNESS);
        };
        let (Some(first), Some(second)) = (&was.ids, &is.ids) else {
            return unclear(NO_WITNESS);
        };
        if !self.trust.numbers {
            return unclear(ELSEWHERE);
        }
        if first == second {
            return Verdict::NotApplied;
        }
        let (first, second): (Vec<_>, Vec<_>) = (first.split('.').collect(), second.split('.').collect());
        if was.created != is.created || first.len() != second.len() {
            return unclear("the table was rebuilt by something else meanwhile");
        }
        let named = truncated_partitions(self.statement);
        let all = self.care == Care::Rows || named.as_ref().is_some_and(Vec::is_empty);
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
            return unclear(IN_PART);
        }
        Verdict::Applied
    }

    /// An ALTER gives the table another time of creation, whether it rebuilds it or not.
    fn columns(&self) -> Verdict {
        let (Some(was), Some(is)) = (&self.was.witness, &self.is.witness) else {
            return unclear(NO_WITNESS);
        };
        match (was.created, is.created) {
            // Built anew: no crash and no recovery does that.
            _ if self.trust.numbers && was.ids.is_some() && is.ids.is_some() && was.ids != is.ids => {
                Verdict::Applied
            }
            (Some(first), Some(second)) => self.times(first, second),
            _ => unclear(NO_WITNESS),
        }
    }
}

/// Tables by their names.
type Tables<'a> = BTreeMap<(String, String), Option<&'a Look>>;

/// Renames are simulated: what is there is compared with what was, and with what would be.
fn renamed(found: &Classification, before: &Snapshot, now: &Snapshot, trust: Trust) -> Verdict {
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
    in_a_ring(&was, &would, &is, trust)
}

fn by_name<'a>(names: &[(String, String)], looks: &'a [Look]) -> Tables<'a> {
    let present = |look: &'a Look| look.present().then_some(look);
    names.iter().cloned().zip(looks.iter().map(present)).collect()
}

/// The names are the same before and after: what tells the tables apart decides.
fn in_a_ring(was: &Tables<'_>, would: &Tables<'_>, is: &Tables<'_>, trust: Trust) -> Verdict {
    if !trust.numbers {
        return unclear(ELSEWHERE);
    }
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
            return match trust.other_times {
                true => Verdict::Applied,
                false => unclear(RESTARTED),
            };
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
