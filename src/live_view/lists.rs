//! The rows of each tab: which there are, in which order, and what stands in their cells.
//!
//! A list holds an entry for each row and no text: of thousands of rows only those on the screen are written.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use super::cells::{clean, holds};
use super::state::{Tab, View};
use crate::connections::{Connection, Facts, Holder, duration_of, process_text, short};
use crate::report::{count, duration};

/// What groups of connections have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// The user.
    User,
    /// The client's host.
    Host,
    /// The program.
    Program,
    /// The default database.
    Database,
    /// What they do.
    Command,
}

impl Grouping {
    /// The next one, in a circle.
    pub(super) fn next(self) -> Grouping {
        match self {
            Grouping::User => Grouping::Host,
            Grouping::Host => Grouping::Program,
            Grouping::Program => Grouping::Database,
            Grouping::Database => Grouping::Command,
            Grouping::Command => Grouping::User,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Grouping::User => "user",
            Grouping::Host => "host",
            Grouping::Program => "program",
            Grouping::Database => "database",
            Grouping::Command => "command",
        }
    }

    /// What this connection is counted under.
    pub(super) fn of(self, one: &Connection) -> String {
        match self {
            Grouping::User => one.user.to_string(),
            Grouping::Host => one.host.to_string(),
            Grouping::Program => one.program_name().unwrap_or_else(|| "-".into()),
            Grouping::Database => one
                .database
                .map_or_else(|| "-".to_owned(), |name| name.to_string()),
            Grouping::Command => one.command.to_string(),
        }
    }
}

/// What was opened: the list of connections holds no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Within {
    /// A process of this host.
    Process(u32),
    /// A group.
    Group(Grouping, String),
}

impl Within {
    fn holds(&self, one: &Connection) -> bool {
        match self {
            Within::Process(pid) => one.is_of(*pid),
            Within::Group(grouping, name) => grouping.of(one) == *name,
        }
    }

    /// `user shop`.
    pub(super) fn words(&self) -> String {
        match self {
            Within::Process(pid) => format!("process {pid}"),
            Within::Group(grouping, name) => format!("{} {}", grouping.word(), clean(name)),
        }
    }
}

/// Connections that are alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub name: String,
    pub count: u64,
    pub idle: u64,
    pub transactions: u64,
    pub longest: Duration,
}

/// A column: its heading, and whether numbers stand in it.
pub(super) type Column = (&'static str, bool);

/// One list.
#[derive(Debug, Default)]
pub(super) struct List {
    /// Places of rows in the sample, in the order of the screen.
    rows: Vec<u32>,
    /// The name of each row that stays the same from sample to sample.
    keys: Vec<u64>,
    pub holders: Vec<Holder>,
    pub groups: Vec<Group>,
    locks: Vec<(u64, String)>,
}

/// The columns of a tab; the first is what it is sorted by at the beginning.
pub(super) fn columns(tab: Tab, grouping: Grouping) -> Vec<Column> {
    match tab {
        Tab::Processes => vec![
            ("connections", true),
            ("idle", true),
            ("longest idle", true),
            ("pid", true),
            ("user", false),
            ("runs for", true),
            ("process", false),
        ],
        Tab::Groups => vec![
            ("connections", true),
            ("idle", true),
            ("in transaction", true),
            ("longest idle", true),
            (grouping.word(), false),
        ],
        Tab::Connections => vec![
            ("id", true),
            ("time", true),
            ("command", false),
            ("transaction", true),
            ("user", false),
            ("host", false),
            ("database", false),
            ("process", false),
            ("statement", false),
        ],
        Tab::Locks => vec![("who blocks whom", false)],
    }
}

/// How many orders a tab has: one for each column, and for connections first by how much they matter.
pub(super) fn orders(tab: Tab) -> usize {
    match tab {
        Tab::Connections => columns(tab, Grouping::User).len() + 1,
        Tab::Locks => 1,
        _ => columns(tab, Grouping::User).len(),
    }
}

/// The column that an order is by; none for connections by how much they matter.
pub(super) fn sorted_column(tab: Tab, order: usize) -> Option<usize> {
    match tab {
        Tab::Connections => order.checked_sub(1),
        Tab::Locks => None,
        _ => Some(order),
    }
}

impl List {
    /// The rows of a tab that the view's filter leaves, in its order.
    pub(super) fn of(tab: Tab, facts: &Facts, view: &View) -> List {
        let mut list = List::default();
        let filter = view.typing.as_deref().unwrap_or(&view.filter).to_lowercase();
        let arrangement = &view.arrangements[tab.index()];
        let column = sorted_column(tab, arrangement.sort);
        match tab {
            Tab::Processes => {
                list.holders = facts.holders();
                list.holders.retain(|holder| match filter.parse::<u32>() {
                    Ok(pid) => holder.process.pid == pid,
                    Err(_) => filter.is_empty() || holds(&holder.line(), &filter),
                });
                list.holders.sort_by(|a, b| by_holder(column, a, b));
                list.keys = list
                    .holders
                    .iter()
                    .map(|one| u64::from(one.process.pid))
                    .collect();
            }
            Tab::Groups => {
                list.groups = groups(facts, view.grouping, &filter);
                list.groups.sort_by(|a, b| by_group(column, a, b));
                list.keys = list.groups.iter().map(|group| name_key(&group.name)).collect();
            }
            Tab::Connections => {
                let wanted = |one: &Connection| {
                    let hidden = view.hide_idle && one.sleeps() && one.transaction.is_none();
                    let inside = view.within.as_ref().is_none_or(|within| within.holds(one));
                    let found = filter.is_empty() || matches(one, &filter);
                    !one.own && !one.is_system() && !hidden && inside && found
                };
                let all = facts.connections.iter().enumerate();
                let mut rows: Vec<u32> = all
                    .filter(|(_, one)| wanted(one))
                    .map(|(place, _)| u32::try_from(place).unwrap_or_default())
                    .collect();
                let of = |place: &u32| &facts.connections[*place as usize];
                rows.sort_by(|a, b| by_connection(column, of(a), of(b)));
                list.keys = rows.iter().map(|place| of(place).id).collect();
                list.rows = rows;
            }
            Tab::Locks => {
                list.locks = facts.lock_tree();
                list.locks
                    .retain(|(_, line)| filter.is_empty() || holds(line, &filter));
                list.keys = list.locks.iter().map(|(id, _)| *id).collect();
            }
        }
        if arrangement.reverse {
            list.rows.reverse();
            list.holders.reverse();
            list.groups.reverse();
            list.keys.reverse();
        }
        list
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The name of the row at this place.
    pub(super) fn key(&self, position: usize) -> Option<u64> {
        self.keys.get(position).copied()
    }

    pub(super) fn position(&self, key: u64) -> Option<usize> {
        self.keys.iter().position(|one| *one == key)
    }

    /// What stands in the row at this place.
    pub(super) fn cells(&self, tab: Tab, facts: &Facts, position: usize) -> Vec<String> {
        let cells = match tab {
            Tab::Processes => self.holders.get(position).map(holder_cells),
            Tab::Groups => self.groups.get(position).map(group_cells),
            Tab::Connections => {
                let place = self.rows.get(position).map(|place| *place as usize);
                place
                    .and_then(|place| facts.connections.get(place))
                    .map(connection_cells)
            }
            Tab::Locks => self.locks.get(position).map(|(_, line)| vec![line.clone()]),
        };
        let cells = cells.unwrap_or_default();
        cells.iter().map(|cell| clean(cell)).collect()
    }
}

/// A number for a group that stays the same while its name does (FNV-1a).
pub(super) fn name_key(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn groups(facts: &Facts, grouping: Grouping, filter: &str) -> Vec<Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for one in facts.others() {
        let name = grouping.of(one);
        if !filter.is_empty() && !holds(&name, filter) {
            continue;
        }
        let group = groups.entry(name).or_default();
        group.count += 1;
        group.transactions += u64::from(one.transaction.is_some());
        if one.sleeps() {
            group.idle += 1;
            group.longest = group.longest.max(one.time);
        }
    }
    groups
        .into_iter()
        .map(|(name, group)| Group { name, ..group })
        .collect()
}

/// Whether a filter, in lower case, stands anywhere in a connection; a number is the id of a connection or a process.
fn matches(one: &Connection, filter: &str) -> bool {
    if let Ok(number) = filter.parse::<u64>() {
        let pid = one.process.as_ref().map(|process| u64::from(process.pid));
        return one.id == number || pid.or(one.client_pid.map(u64::from)) == Some(number);
    }
    let texts = [
        Some(one.user.as_str()),
        Some(one.host.as_str()),
        one.database.as_deref(),
        Some(one.command.as_str()),
        Some(one.state.as_str()),
        one.program.as_deref(),
        one.process.as_ref().map(|process| process.command.as_str()),
        one.statement.as_deref(),
    ];
    texts.iter().flatten().any(|text| holds(text, filter))
}

/// Numbers: the largest first. Names: by the alphabet.
fn by_holder(column: Option<usize>, a: &Holder, b: &Holder) -> Ordering {
    match column {
        Some(1) => b.idle.cmp(&a.idle),
        Some(2) => b.longest.cmp(&a.longest),
        Some(3) => b.process.pid.cmp(&a.process.pid),
        Some(4) => a.process.user.cmp(&b.process.user),
        Some(5) => a.process.started.cmp(&b.process.started),
        Some(6) => a.process.command.cmp(&b.process.command),
        _ => b.connections.cmp(&a.connections),
    }
}

fn by_group(column: Option<usize>, a: &Group, b: &Group) -> Ordering {
    match column {
        Some(1) => b.idle.cmp(&a.idle),
        Some(2) => b.transactions.cmp(&a.transactions),
        Some(3) => b.longest.cmp(&a.longest),
        Some(4) => a.name.cmp(&b.name),
        _ => b.count.cmp(&a.count),
    }
}

fn by_connection(column: Option<usize>, a: &Connection, b: &Connection) -> Ordering {
    match column {
        Some(0) => a.id.cmp(&b.id),
        Some(1) => b.time.cmp(&a.time),
        Some(2) => a.command.cmp(&b.command),
        Some(3) => b.transaction.cmp(&a.transaction),
        Some(4) => a.user.cmp(&b.user),
        Some(5) => (&a.host, a.port).cmp(&(&b.host, b.port)),
        Some(6) => a.database.cmp(&b.database),
        Some(7) => a.program_name().cmp(&b.program_name()),
        Some(8) => a.statement.cmp(&b.statement),
        _ => b.weight().cmp(&a.weight()),
    }
}

/// `24002 node server.js`: the id, and the program and what it runs without their folders.
fn process_words(one: &Connection) -> String {
    let Some(process) = &one.process else {
        return process_text(one);
    };
    let last = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let mut words = process.command.split(' ');
    let mut text = format!("{} {}", process.pid, words.next().map(last).unwrap_or_default());
    if let Some(script) = words.next().filter(|word| !word.starts_with('-')) {
        text.push_str(&format!(" {}", last(script)));
    }
    text
}

fn holder_cells(holder: &Holder) -> Vec<String> {
    let process = &holder.process;
    let age = process.started.and_then(|started| started.elapsed().ok());
    vec![
        count(holder.connections),
        count(holder.idle),
        duration_of(holder.longest),
        process.pid.to_string(),
        process.user.clone().unwrap_or_else(|| "-".into()),
        age.map_or("-".into(), |age| duration(Duration::from_secs(age.as_secs()))),
        short(&process.command, 200),
    ]
}

fn group_cells(group: &Group) -> Vec<String> {
    vec![
        count(group.count),
        count(group.idle),
        count(group.transactions),
        duration_of(group.longest),
        group.name.clone(),
    ]
}

fn connection_cells(one: &Connection) -> Vec<String> {
    vec![
        one.id.to_string(),
        duration_of(one.time),
        one.command.to_string(),
        one.transaction.map_or("-".into(), duration_of),
        one.user.to_string(),
        one.host.to_string(),
        one.database
            .map_or_else(|| "-".to_owned(), |name| name.to_string()),
        process_words(one),
        short(one.statement.as_deref().unwrap_or(&one.state), 200),
    ]
}
