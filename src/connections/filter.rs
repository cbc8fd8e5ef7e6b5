//! Which connections are meant.

use std::time::Duration;

use super::model::Connection;
use crate::host_processes::Process;

/// What a connection must be to be meant: of each list one, and all else that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Asleep for at least this long.
    pub idle: Option<Duration>,
    /// In its state, whatever that is, for at least this long.
    pub longer_than: Option<Duration>,
    /// Users.
    pub users: Vec<String>,
    /// Clients' hosts, as the server names them, without port.
    pub hosts: Vec<String>,
    /// Programs, as they call themselves or as the process is called.
    pub programs: Vec<String>,
    /// Processes of this host, by id or name.
    pub processes: Vec<String>,
    /// Default databases.
    pub databases: Vec<String>,
    /// Commands in the server's words, such as `Sleep`.
    pub commands: Vec<String>,
    /// Parts of the server's remark on a statement's stage.
    pub states: Vec<String>,
    /// The server's numbers.
    pub ids: Vec<u64>,
    /// Whether others must wait for its locks, and it for nobody's.
    pub blocking: bool,
}

/// Whether the list asks for nothing, or for this.
fn allows(list: &[String], value: Option<&str>) -> bool {
    list.is_empty() || value.is_some_and(|value| list.iter().any(|one| one == value))
}

impl Filter {
    /// Whether it would mean every connection.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    /// Whether it can be judged of a process without asking the server.
    pub fn is_of_processes(&self) -> bool {
        let without = Filter {
            processes: Vec::new(),
            ..self.clone()
        };
        !self.processes.is_empty() && without.is_empty()
    }

    /// Whether this connection is meant.
    pub fn matches(&self, connection: &Connection) -> bool {
        let named = |list: &[String], value: &str| {
            list.is_empty() || list.iter().any(|one| one.eq_ignore_ascii_case(value))
        };
        let state = connection.state.to_lowercase();
        self.idle
            .is_none_or(|least| connection.sleeps() && connection.time >= least)
            && self.longer_than.is_none_or(|least| connection.time >= least)
            && allows(&self.users, Some(&connection.user))
            && allows(&self.hosts, Some(&connection.host))
            && allows(&self.programs, connection.program_name().as_deref())
            && allows(&self.databases, connection.database.as_deref())
            && named(&self.commands, &connection.command)
            && (self.states.is_empty() || self.states.iter().any(|one| state.contains(&one.to_lowercase())))
            && (!self.blocking || connection.blocks)
            && (self.ids.is_empty() || self.ids.contains(&connection.id))
            && (self.processes.is_empty()
                || connection
                    .process
                    .as_ref()
                    .is_some_and(|process| self.names(process)))
    }

    /// Whether this process is meant by its id or name: that of its program, or of the script it runs.
    pub fn names(&self, process: &Process) -> bool {
        let last = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
        let words: Vec<String> = process.command.split(' ').take(2).map(last).collect();
        self.processes.iter().any(|wanted| {
            if let Ok(pid) = wanted.parse::<u32>() {
                return pid == process.pid;
            }
            words.contains(wanted)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_counts() {
        let connection = Connection {
            id: 7,
            user: "app".into(),
            host: "10.0.0.7".into(),
            database: Some("shop".into()),
            command: "Sleep".into(),
            state: "Waiting for table metadata lock".into(),
            time: Duration::from_secs(70),
            program: Some("batch".into()),
            process: Some(std::sync::Arc::new(Process {
                pid: 4_711,
                command: "/usr/bin/node /srv/app/server.js --x".into(),
                ..Process::default()
            })),
            ..Connection::default()
        };
        let text = |values: &[&str]| values.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let cases: [(Filter, bool); 20] = [
            (
                Filter {
                    idle: Some(Duration::from_secs(70)),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    idle: Some(Duration::from_secs(71)),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    longer_than: Some(Duration::from_secs(71)),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    users: text(&["x", "app"]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    users: text(&["App"]),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    hosts: text(&["10.0.0.7"]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    hosts: text(&["10.0.0.70"]),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    programs: text(&["batch"]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    programs: text(&["bat"]),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    databases: text(&["shop"]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    databases: text(&["sho"]),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    commands: text(&["sleep"]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    commands: text(&["Query"]),
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    states: text(&["METADATA lock"]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    ids: vec![8, 7],
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    ids: vec![8],
                    ..Filter::default()
                },
                false,
            ),
            (
                Filter {
                    processes: text(&["4711"]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    processes: text(&["node"]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    processes: text(&["server.js"]),
                    ..Filter::default()
                },
                true,
            ),
            (
                Filter {
                    processes: text(&["server", "471"]),
                    ..Filter::default()
                },
                false,
            ),
        ];
        for (filter, expected) in cases {
            assert_eq!(filter.matches(&connection), expected, "{filter:?}");
        }
    }
}
