//! Recommendations: each follows from numbers seen, and names them.

use std::collections::BTreeMap;

use super::model::{Connection, Facts, IDLE};
use crate::report::{count, duration, plural};

/// Something to do, and the numbers that say so.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Advice {
    /// The numbers.
    pub because: String,
    /// What to do.
    pub advice: String,
}

/// A share from which a limit counts as nearly reached, in percent.
const NEARLY: u64 = 85;

/// Below this many events a share says nothing.
const ENOUGH: u64 = 10;

/// How long a transaction may be open before it is worth a word, in seconds.
const LONG_TRANSACTION: u64 = 60;

/// What the numbers suggest, the most pressing first.
pub fn advise(facts: &Facts) -> Vec<Advice> {
    let mut advice = Vec::new();
    advice.extend(full(facts));
    advice.extend(limit(facts));
    advice.extend(account(facts));
    advice.extend(idle_transactions(facts));
    advice.extend(sleepers(facts));
    advice.extend(hog(facts));
    advice.extend(aborted(facts));
    advice
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

/// The most frequent value and how often it occurs.
fn most<K: Ord>(values: impl Iterator<Item = K>) -> Option<(K, u64)> {
    let mut counts: BTreeMap<K, u64> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count)
}

/// What makes room at once, when none is left.
fn full(facts: &Facts) -> Option<Advice> {
    if facts.free() > 0 || facts.max_connections == 0 {
        return None;
    }
    let asleep = facts
        .others()
        .filter(|connection| connection.sleeps())
        .max_by_key(|connection| (connection.transaction.is_none(), connection.time))?;
    let program = asleep
        .program_name()
        .map_or(String::new(), |program| format!(" ({program})"));
    Some(Advice {
        because: format!(
            "no connection is left; connection {} of {} from {}{program} has slept for {}",
            asleep.id,
            asleep.user,
            asleep.host,
            duration(asleep.time)
        ),
        advice: format!(
            "if its program does not need it, make room at once: dbtool check-connections --kill --id {}{}",
            asleep.id,
            ending_all(facts, asleep)
        ),
    })
}

/// The command that ends everything that the process of a connection holds, where it holds more than that.
fn ending_all(facts: &Facts, connection: &Connection) -> String {
    let holders = facts.holders();
    let holder = holders.iter().find(|holder| connection.is_of(holder.process.pid));
    holder
        .filter(|holder| holder.connections > 1)
        .map_or(String::new(), |holder| {
            let process = &holder.process;
            format!(
                "; all {} of {} {}: {}",
                holder.connections,
                process.pid,
                process.name(),
                process.ending()
            )
        })
}

/// Whose pool to make smaller, and the command that says by how much.
fn lower_the_largest(facts: &Facts) -> String {
    let holders = facts.holders();
    let largest = match (holders.first(), facts.groups().first()) {
        (Some(holder), _) => format!(
            "lower the pool of {} {}, which holds {} now",
            holder.process.pid,
            holder.process.name(),
            plural(holder.connections, "connection")
        ),
        (None, Some(group)) => format!(
            "lower the pool of {} from {}, which holds {} now",
            group.user,
            group.host,
            plural(group.count, "connection")
        ),
        (None, None) => "lower the pools of the applications".to_owned(),
    };
    format!(
        "{largest}; if the server has memory to spare, raise max_connections; sizes that fit: dbtool check-connections \
         --plan"
    )
}

fn limit(facts: &Facts) -> Option<Advice> {
    let share = percent(facts.peak, facts.max_connections);
    let raise = lower_the_largest(facts);
    // A count that is known to be too low says less than the peak.
    if facts.refused > 0 && !facts.refused_unknown() {
        return Some(Advice {
            because: format!(
                "{} refused in {} (Connection_errors_max_connections), the peak was {} of {}",
                plural(facts.refused, "connection"),
                duration(facts.uptime),
                count(facts.peak),
                count(facts.max_connections)
            ),
            advice: raise,
        });
    }
    if facts.was_full() {
        return Some(Advice {
            because: format!(
                "the peak was {} of {}: the server was full, and whoever came then was refused",
                count(facts.peak),
                plural(facts.max_connections, "connection")
            ),
            advice: raise,
        });
    }
    (share >= NEARLY).then(|| Advice {
        because: format!(
            "the peak was {} of {} ({share} %)",
            count(facts.peak),
            plural(facts.max_connections, "connection")
        ),
        advice: format!("before the next peak is refused, {raise}"),
    })
}

fn account(facts: &Facts) -> Option<Advice> {
    let limit = facts.account_limit?;
    let used = facts.account_in_use();
    (percent(used, limit) >= NEARLY).then(|| Advice {
        because: format!(
            "{} holds {used} of the {} it may have (max_user_connections)",
            facts.account,
            plural(limit, "connection")
        ),
        advice: format!(
            "have its MAX_USER_CONNECTIONS raised with ALTER USER, or lower the pools of its applications; sizes that \
             fit: dbtool check-connections --plan{}",
            end_now(facts, None, user_of(facts))
        ),
    })
}

fn idle_transactions(facts: &Facts) -> Option<Advice> {
    let open = |connection: &&Connection| {
        connection.sleeps()
            && connection
                .transaction
                .is_some_and(|age| age.as_secs() >= LONG_TRANSACTION)
    };
    let worst = facts
        .others()
        .filter(open)
        .max_by_key(|connection| connection.transaction)?;
    let number = facts.others().filter(open).count() as u64;
    Some(Advice {
        because: format!(
            "{} asleep inside a transaction for over {LONG_TRANSACTION} s, the longest is connection {} of {} with {}",
            plural(number, "connection"),
            worst.id,
            worst.user,
            duration(worst.transaction.unwrap_or_default())
        ),
        advice: "let the application commit or roll back before it waits: its locks and its undo history are held \
                 that long"
            .into(),
    })
}

fn sleepers(facts: &Facts) -> Option<Advice> {
    let idle = facts.idle().count() as u64;
    if idle < 3 || percent(idle, facts.others().count() as u64) < 50 {
        return None;
    }
    let (holder, held) = most(
        facts
            .idle()
            .map(|connection| (connection.user, connection.host, connection.program_name())),
    )?;
    let (user, host, program) = holder;
    // The process, if all of them are of one.
    let of_holder = |one: &&Connection| one.user == user && one.host == host && one.program_name() == program;
    let mut pids = facts
        .idle()
        .filter(of_holder)
        .map(|one| one.process.as_ref().map(|process| process.pid));
    let first = pids.next().flatten();
    let process = first.filter(|_| pids.all(|pid| pid == first));
    let named = match (process, &program) {
        (Some(pid), Some(program)) => format!(" ({pid} {program})"),
        (_, Some(program)) => format!(" ({program})"),
        (_, None) => String::new(),
    };
    Some(Advice {
        because: format!(
            "{idle} of the {} connections seen have slept for over {}, {held} of them {user} from {host}{named}",
            facts.others().count(),
            duration(IDLE)
        ),
        advice: format!(
            "lower that pool's idle size or its idle timeout; the server itself closes them after wait_timeout, {} \
             now{}",
            duration(std::time::Duration::from_secs(facts.wait_timeout)),
            end_now(facts, process, &user)
        ),
    })
}

/// The name of this run's own user.
fn user_of(facts: &Facts) -> &str {
    let name = facts.account.rsplit_once('@');
    name.map_or(facts.account.as_str(), |(user, _)| user)
}

/// Whether a shell takes a name as it is.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    !name.is_empty() && name.chars().all(plain)
}

/// The command that ends the sleepers of a process of this host, or of a user whose name a shell takes as it is.
fn end_now(facts: &Facts, process: Option<u32>, user: &str) -> String {
    let filter = match process {
        Some(pid) => format!("--process {pid}"),
        None if is_plain(user) => format!("--user {user}"),
        None => return String::new(),
    };
    // What cannot be seen to have changed rows is ended only when that is said.
    let writers = if facts.sees_transactions {
        ""
    } else {
        " --including-writers"
    };
    format!(
        "; to end those asleep: dbtool check-connections --kill {filter} --idle {}s{writers}",
        IDLE.as_secs()
    )
}

fn hog(facts: &Facts) -> Option<Advice> {
    if percent(facts.in_use, facts.max_connections) < 50 || facts.user_limit.is_some() {
        return None;
    }
    let (user, held) = most(facts.others().map(|connection| connection.user))?;
    (percent(held, facts.max_connections) >= 50).then(|| Advice {
        because: format!(
            "{user} holds {held} of the server's {}",
            plural(facts.max_connections, "connection")
        ),
        advice: {
            let account = match facts.account.rsplit_once('@') {
                Some((own, host)) if user == own && is_plain(own) => format!("'{own}'@'{host}'"),
                _ => "…".to_owned(),
            };
            let limit = (facts.max_connections.saturating_mul(4) / 5).max(1);
            let limited = format!("ALTER USER {account} WITH MAX_USER_CONNECTIONS {limit}");
            // Whoever does not see what others do cannot alter them either.
            if facts.sees_transactions {
                format!("so that one user cannot lock out all others, limit it: {limited}")
            } else {
                format!(
                    "so that one user cannot lock out all others, have an administrator limit it ({limited}); pools \
                     that leave room for others: dbtool check-connections --plan"
                )
            }
        },
    })
}

fn aborted(facts: &Facts) -> Vec<Advice> {
    let mut advice = Vec::new();
    let of_all = |part| percent(part, facts.attempts);
    if facts.aborted_clients >= ENOUGH && of_all(facts.aborted_clients) >= 5 {
        advice.push(Advice {
            because: format!(
                "{} of {} connections ended without a goodbye (Aborted_clients)",
                count(facts.aborted_clients),
                count(facts.attempts)
            ),
            advice: "have the application close its pool when it ends; sleeping past wait_timeout and packets over \
                     max_allowed_packet end connections this way too"
                .into(),
        });
    }
    // A refusal for want of room counts as a failed attempt too, and no password is to blame for it.
    let failed = facts.aborted_connects.saturating_sub(facts.refused);
    if failed >= ENOUGH && of_all(failed) >= 10 && !facts.refused_unknown() {
        advice.push(Advice {
            because: format!(
                "{} of {} attempts to connect failed (Aborted_connects)",
                count(failed),
                count(facts.attempts)
            ),
            advice: "look for a wrong password in a service, or a health check that opens the port and says nothing; \
                     the server's error log names the hosts"
                .into(),
        });
    }
    advice
}

#[cfg(test)]
mod tests;
