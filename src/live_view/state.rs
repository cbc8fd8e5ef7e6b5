//! What the view knows and shows.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::lists::{Grouping, List, Within};
use super::question::Question;
use crate::connections::{Explained, Facts};

/// How many samples the history keeps: more than the widest terminal shows.
const HISTORY: usize = 512;

/// A list that the view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// The processes of this host that hold connections.
    Processes,
    /// The connections by user, program or what else.
    Groups,
    /// Each connection.
    Connections,
    /// Who waits for whose locks.
    Locks,
}

impl Tab {
    /// In the order of their keys.
    pub const ALL: [Tab; 4] = [Tab::Processes, Tab::Groups, Tab::Connections, Tab::Locks];

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// What is known of one connection beyond its row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detail {
    /// The connection.
    pub id: u64,
    /// Its statement in full.
    pub statement: Option<String>,
    /// The plan of that, once asked for.
    pub plan: Option<Explained>,
    /// How far the text was moved up.
    pub scroll: u16,
}

/// One sample: what was seen, or why nothing was.
#[derive(Debug)]
pub enum Look {
    /// The server answered.
    Seen(Facts),
    /// It did not, for this reason; what this host knows without asking it.
    Failed(String, Facts),
}

/// How a list is shown; each tab has its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrangement {
    /// Which column it is sorted by.
    pub sort: usize,
    /// The other way round.
    pub reverse: bool,
    /// The row with the cursor, by its name, so that it stays with its row while others come and go.
    pub selected: Option<u64>,
    /// Where that row is, or was.
    pub position: usize,
    /// The first row that is on the screen.
    pub top: usize,
}

/// The state of the view.
#[derive(Debug)]
pub struct View {
    /// The time between two samples.
    pub interval: Duration,
    pub(super) color: bool,
    pub(super) tab: Tab,
    pub(super) arrangements: [Arrangement; 4],
    pub(super) grouping: Grouping,
    /// Only connections of this group or process.
    pub(super) within: Option<Within>,
    /// Only what contains this.
    pub(super) filter: String,
    /// A filter that is being typed.
    pub(super) typing: Option<String>,
    pub(super) hide_idle: bool,
    pub(super) paused: bool,
    pub(super) help: bool,
    pub(super) detail: Option<Detail>,
    pub(super) question: Option<Question>,
    /// The last sample of the server.
    pub(super) facts: Option<Rc<Facts>>,
    /// Why the last look failed.
    pub(super) failure: Option<String>,
    pub(super) sampled: Option<SystemTime>,
    /// Connections in use, one for each sample; a look that failed is none.
    pub(super) history: VecDeque<Option<u64>>,
    /// What was done last.
    pub(super) message: Option<String>,
    pub(super) lists: [List; 4],
    /// How many rows of a list the screen has, as drawn last.
    pub(super) page: usize,
}

impl View {
    /// A view without a sample yet.
    pub fn new(interval: Duration, color: bool) -> View {
        View {
            interval,
            color,
            tab: Tab::Processes,
            arrangements: Default::default(),
            grouping: Grouping::User,
            within: None,
            filter: String::new(),
            typing: None,
            hide_idle: false,
            paused: false,
            help: false,
            detail: None,
            question: None,
            facts: None,
            failure: None,
            sampled: None,
            history: VecDeque::new(),
            message: None,
            lists: Default::default(),
            page: 10,
        }
    }

    /// The last sample.
    pub fn facts(&self) -> Option<Rc<Facts>> {
        self.facts.clone()
    }

    /// Whether no further sample is wanted for now.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Takes up a sample.
    pub fn sample(&mut self, look: Look, now: SystemTime) {
        match look {
            Look::Seen(facts) => {
                if self.failure.take().is_some() {
                    self.message = Some("connected again".into());
                }
                self.remember(Some(facts.in_use));
                self.facts = Some(Rc::new(facts));
            }
            Look::Failed(why, outside) => {
                self.remember(None);
                self.failure = Some(why);
                // What the server said last is not true any more; what this host sees is.
                self.facts = Some(Rc::new(outside));
            }
        }
        self.sampled = Some(now);
        self.arrange();
    }

    fn remember(&mut self, in_use: Option<u64>) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(in_use);
    }

    /// The connection whose pane is open.
    pub fn detail_id(&self) -> Option<u64> {
        self.detail.as_ref().map(|detail| detail.id)
    }

    /// Takes up what was asked about a connection, if its pane is still open.
    pub fn show_detail(&mut self, detail: Detail) {
        if let Some(open) = self.detail.as_mut().filter(|open| open.id == detail.id) {
            match detail.plan {
                Some(plan) => open.plan = Some(plan),
                None => open.statement = detail.statement,
            }
        }
    }

    /// Says what was done, or why not.
    pub fn say(&mut self, message: impl Into<String>) {
        self.message = Some(message.into());
    }

    /// Makes the lists anew, and keeps the cursor on its row.
    pub(super) fn arrange(&mut self) {
        for tab in Tab::ALL {
            let list = match &self.facts {
                Some(facts) => List::of(tab, facts, self),
                None => List::default(),
            };
            let arrangement = &mut self.arrangements[tab.index()];
            let found = arrangement.selected.and_then(|key| list.position(key));
            let last = list.len().saturating_sub(1);
            arrangement.position = found.unwrap_or(arrangement.position).min(last);
            arrangement.selected = list.key(arrangement.position);
            self.lists[tab.index()] = list;
        }
    }

    pub(super) fn arrangement(&mut self) -> &mut Arrangement {
        &mut self.arrangements[self.tab.index()]
    }

    /// The row with the cursor.
    pub(super) fn selected(&self) -> Option<u64> {
        self.arrangements[self.tab.index()].selected
    }

    pub(super) fn list(&self) -> &List {
        &self.lists[self.tab.index()]
    }
}
