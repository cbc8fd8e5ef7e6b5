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
            "if its program does not need it, KILL {} makes room at once",
            asleep.id
        ),
    })
}

fn limit(facts: &Facts) -> Option<Advice> {
    let share = percent(facts.peak, facts.max_connections);
    let raise = "find the largest group above and lower its pool's size; if the server has memory to spare, raise \
                 max_connections";
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
            advice: raise.into(),
        });
    }
    if facts.was_full() {
        return Some(Advice {
            because: format!(
                "the peak was {} of {} connections: the server was full, and whoever came then was refused",
                count(facts.peak),
                count(facts.max_connections)
            ),
            advice: raise.into(),
        });
    }
    (share >= NEARLY).then(|| Advice {
        because: format!(
            "the peak was {} of {} connections ({share} %)",
            count(facts.peak),
            count(facts.max_connections)
        ),
        advice: format!("before the next peak is refused, {raise}"),
    })
}

fn account(facts: &Facts) -> Option<Advice> {
    let limit = facts.account_limit?;
    let used = facts.account_in_use();
    (percent(used, limit) >= NEARLY).then(|| Advice {
        because: format!(
            "{} holds {used} of the {limit} connections it may have (max_user_connections)",
            facts.account
        ),
        advice:
            "close what this user no longer needs, or have its MAX_USER_CONNECTIONS raised with ALTER USER"
                .into(),
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
    let program = program.map_or(String::new(), |program| format!(" ({program})"));
    Some(Advice {
        because: format!(
            "{idle} of the {} connections seen have slept for over {}, {held} of them {user} from {host}{program}",
            facts.others().count(),
            duration(IDLE)
        ),
        advice: format!(
            "lower that pool's idle size or its idle timeout; the server itself closes them after wait_timeout, {} \
             now{}",
            duration(std::time::Duration::from_secs(facts.wait_timeout)),
            end_now(facts, &user)
        ),
    })
}

/// The command that ends the sleepers of a user, for a name that a shell takes as it is.
fn end_now(facts: &Facts, user: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    if user.is_empty() || !user.chars().all(plain) {
        return String::new();
    }
    // What cannot be seen to have changed rows is ended only when that is said.
    let writers = if facts.sees_transactions {
        ""
    } else {
        " --including-writers"
    };
    format!(
        "; to end them: dbtool check-connections --kill --user {user} --idle {}s{writers}",
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
            "{user} holds {held} of the server's {} connections",
            count(facts.max_connections)
        ),
        advice: format!(
            "so that one user cannot lock out all others, {}: ALTER USER … WITH MAX_USER_CONNECTIONS {}",
            // Whoever does not see what others do cannot alter them either.
            if facts.sees_transactions {
                "limit it"
            } else {
                "have an administrator limit it"
            },
            (facts.max_connections.saturating_mul(4) / 5).max(1)
        ),
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
mod tests {
    use super::*;
    use std::time::Duration;

    fn client(user: &str, seconds: u64) -> Connection {
        Connection {
            user: user.into(),
            host: "web1".into(),
            command: "Sleep".into(),
            time: Duration::from_secs(seconds),
            ..Connection::default()
        }
    }

    fn calm() -> Facts {
        Facts {
            account: "app@%".into(),
            max_connections: 30,
            in_use: 3,
            peak: 10,
            attempts: 1_000,
            wait_timeout: 28_800,
            connections: vec![client("app", 1), client("app", 2)],
            ..Facts::default()
        }
    }

    #[test]
    fn a_calm_server_needs_no_advice() {
        assert_eq!(advise(&calm()), []);
        assert_eq!(advise(&Facts::default()), []);
    }

    #[test]
    fn each_advice_names_its_numbers() {
        let cases: Vec<(Facts, &[&str])> = vec![
            (
                Facts {
                    refused: 7,
                    counts_refusals: true,
                    peak: 30,
                    ..calm()
                },
                &["7 connections refused", "30 of 30"],
            ),
            (
                Facts {
                    in_use: 30,
                    max_connections: 30,
                    connections: vec![Connection {
                        id: 17,
                        ..client("job", 40)
                    }],
                    user_limit: Some(9),
                    ..calm()
                },
                &["no connection is left; connection 17 of job from web1", "KILL 17"],
            ),
            (
                Facts { peak: 26, ..calm() },
                &["26 of 30 connections (86 %)", "before the next peak"],
            ),
            (
                Facts {
                    account_limit: Some(2),
                    ..calm()
                },
                &["app@% holds 2 of the 2"],
            ),
            (
                Facts {
                    connections: vec![client("app", 90), client("app", 61), client("job", 600)],
                    ..calm()
                },
                &[
                    "3 of the 3 connections seen",
                    "2 of them app from web1",
                    "8 h 0 min",
                    "dbtool check-connections --kill --user app --idle 60s --including-writers",
                ],
            ),
            (
                Facts {
                    connections: vec![Connection {
                        id: 17,
                        transaction: Some(Duration::from_secs(65)),
                        ..client("app", 1)
                    }],
                    ..calm()
                },
                &["1 connection asleep", "connection 17 of app", "1 min 5 s"],
            ),
            (
                Facts {
                    in_use: 20,
                    connections: vec![client("app", 1); 20],
                    ..calm()
                },
                &["app holds 20 of the server's 30", "MAX_USER_CONNECTIONS 24"],
            ),
            (
                Facts {
                    aborted_clients: 60,
                    ..calm()
                },
                &["60 of 1,000", "Aborted_clients"],
            ),
            (
                Facts {
                    aborted_connects: 160,
                    ..calm()
                },
                &["160 of 1,000", "Aborted_connects"],
            ),
        ];
        for (facts, parts) in cases {
            let advice = advise(&facts);
            assert_eq!(advice.len(), 1, "{advice:?}");
            let text = format!("{} {}", advice[0].because, advice[0].advice);
            for part in parts {
                assert!(text.contains(part), "{part:?} not in {text:?}");
            }
        }
    }

    #[test]
    fn few_events_say_nothing() {
        assert_eq!(
            advise(&Facts {
                aborted_clients: 9,
                attempts: 10,
                ..calm()
            }),
            []
        );
    }
}
