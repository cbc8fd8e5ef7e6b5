//! Whether the pools of all processes fit into the server's limit: processes × pool ≤ limit, from what is seen.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Connection, Facts};

/// What is kept for an administrator and for monitoring (docs/connection-management.md).
pub const KEPT_FREE: u64 = 3;

/// One program, with all of its processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Application {
    /// Its program, and what that runs.
    pub name: String,
    /// How many processes of it hold connections; of other hosts those that can be told apart.
    pub processes: u64,
    /// How many connections they hold now.
    pub connections: u64,
    /// How many the largest holder among them has: its pool is at least as large.
    pub pool: u64,
}

impl Application {
    /// What it may take: each of its processes may fill a pool as large as the largest one seen.
    pub fn needs(&self) -> u64 {
        self.processes * self.pool
    }
}

/// The sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pools {
    /// The limit: that of the account where it is lower than the server's.
    pub limit: u64,
    /// Whether it is the account's.
    pub of_account: bool,
    /// The applications, the one that needs most first.
    pub applications: Vec<Application>,
    /// Connections of other users that cannot be seen; none where the limit is the account's.
    pub not_visible: u64,
    /// The budget of dbtool.
    pub budget: u64,
    /// What is kept free.
    pub kept_free: u64,
}

impl Pools {
    /// Adds up what `facts` show, for a budget of dbtool of `budget`.
    pub fn of(facts: &Facts, budget: u64) -> Pools {
        let account_limit = facts.account_limit.filter(|limit| *limit < facts.max_connections);
        let user = facts.account.rsplit_once('@').map_or("", |(user, _)| user);
        let counts = |one: &&Connection| account_limit.is_none() || one.user == user;
        let mut holders: BTreeMap<String, BTreeMap<(String, Option<u32>), u64>> = BTreeMap::new();
        for one in facts.others().filter(counts) {
            // Processes of another host that do not say who they are count as one.
            let process = match &one.process {
                Some(process) => (String::new(), Some(process.pid)),
                None => (one.host.to_string(), one.client_pid),
            };
            let of_application = holders.entry(application(one)).or_default();
            *of_application.entry(process).or_default() += 1;
        }
        let mut applications: Vec<Application> = holders
            .into_iter()
            .map(|(name, held)| Application {
                name,
                processes: held.keys().collect::<BTreeSet<_>>().len() as u64,
                connections: held.values().sum(),
                pool: held.values().copied().max().unwrap_or(0),
            })
            .collect();
        applications.sort_by_key(|one| std::cmp::Reverse(one.needs()));
        Pools {
            limit: account_limit.unwrap_or(facts.max_connections),
            of_account: account_limit.is_some(),
            applications,
            not_visible: if account_limit.is_some() {
                0
            } else {
                facts.unseen()
            },
            budget,
            kept_free: if account_limit.is_some() { 0 } else { KEPT_FREE },
        }
    }

    /// What all of them may take at the same time.
    pub fn sum(&self) -> u64 {
        let applications: u64 = self.applications.iter().map(Application::needs).sum();
        applications + self.not_visible + self.budget + self.kept_free
    }

    /// Whether that fits.
    pub fn fits(&self) -> bool {
        self.sum() <= self.limit
    }

    /// How many processes there are.
    pub fn processes(&self) -> u64 {
        self.applications.iter().map(|one| one.processes).sum()
    }

    /// The largest pool that each of `processes` may have; none without a process.
    pub fn pool_for(&self, processes: u64) -> Option<u64> {
        let others = self.not_visible + self.budget + self.kept_free;
        self.limit.saturating_sub(others).checked_div(processes)
    }
}

/// `node server.js`: the program and what it runs, without folders; else the name that the client gives, else its
/// user.
fn application(one: &Connection) -> String {
    let Some(process) = &one.process else {
        return one
            .program
            .map_or_else(|| format!("user {}", one.user), |program| program.to_string());
    };
    let last = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let mut words = process.command.split(' ');
    let program = words.next().map(last).unwrap_or_default();
    match words.next().filter(|word| !word.starts_with('-')) {
        Some(script) => format!("{program} {}", last(script)),
        None => program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host_processes::Process;

    fn held(pid: u32, number: usize) -> Vec<Connection> {
        let one = Connection {
            user: "shop".into(),
            host: "127.0.0.1".into(),
            process: Some(std::sync::Arc::new(Process {
                pid,
                command: "/usr/bin/node /srv/server.js --x".into(),
                ..Process::default()
            })),
            ..Connection::default()
        };
        vec![one; number]
    }

    #[test]
    fn processes_times_pool() {
        let far = |pid| Connection {
            user: "shop".into(),
            host: "10.0.0.9".into(),
            program: Some("php-fpm".into()),
            client_pid: pid,
            ..Connection::default()
        };
        let connections = [
            held(7, 6),
            held(8, 2),
            held(9, 1),
            vec![far(Some(7)), far(Some(8)), far(None)],
        ];
        let mut facts = Facts {
            account: "root@localhost".into(),
            max_connections: 30,
            in_use: 13,
            connections: connections.concat(),
            ..Facts::default()
        };
        let pools = Pools::of(&facts, 3);
        let seen: Vec<(&str, u64, u64, u64, u64)> = pools
            .applications
            .iter()
            .map(|one| {
                (
                    one.name.as_str(),
                    one.processes,
                    one.connections,
                    one.pool,
                    one.needs(),
                )
            })
            .collect();
        assert_eq!(seen, [("node server.js", 3, 9, 6, 18), ("php-fpm", 3, 3, 1, 3)]);
        assert_eq!(
            (pools.not_visible, pools.sum(), pools.fits()),
            (1, 18 + 3 + 1 + 3 + 3, true)
        );
        assert_eq!(pools.processes(), 6);
        assert_eq!(
            (pools.pool_for(6), pools.pool_for(12), pools.pool_for(0)),
            (Some(3), Some(1), None)
        );
        facts.max_connections = 27;
        assert!(!Pools::of(&facts, 3).fits());
    }

    #[test]
    fn the_accounts_limit_counts_what_is_the_accounts() {
        let other = Connection {
            user: "other".into(),
            ..Connection::default()
        };
        let facts = Facts {
            account: "shop@%".into(),
            max_connections: 100,
            in_use: 50,
            account_limit: Some(5),
            connections: [held(7, 4), vec![other]].concat(),
            ..Facts::default()
        };
        let pools = Pools::of(&facts, 3);
        assert!(pools.of_account);
        assert_eq!((pools.limit, pools.sum(), pools.fits()), (5, 7, false));
        assert_eq!(pools.pool_for(1), Some(2));
    }
}
