//! What a kill would end, asked before it is done.

use super::cells::clean;
use super::lists::{Grouping, name_key};
use super::state::{Tab, View};
use crate::connections::{Connection, Facts, Filter, HeldBack, Holder, Plan, What};

/// What is to be ended.
#[derive(Debug, Clone)]
pub enum Target {
    /// Connections, or their statements.
    Connections {
        /// Which.
        what: What,
        /// What they have in common.
        filter: Box<Filter>,
        /// Those of them that nothing protects.
        targets: Vec<Connection>,
    },
    /// A process of this host.
    Processes(Vec<Holder>),
}

/// A kill that waits for an answer.
#[derive(Debug, Clone)]
pub struct Question {
    /// What is to be ended, once the answer is yes.
    pub target: Target,
    /// Whether transactions that changed rows are meant, too.
    pub including_writers: bool,
    /// What is asked, line by line.
    pub(super) lines: Vec<String>,
    /// Whether there is anything to end.
    pub(super) possible: bool,
    /// Whether writers are left alone that a second question would include.
    pub(super) writers: bool,
}

/// How many rows a question names.
const NAMED: usize = 6;

impl Question {
    /// What the row with the cursor means; none for a row that is not there.
    pub(super) fn of(view: &View, what: What, including_writers: bool) -> Option<Question> {
        let facts = view.facts.as_deref()?;
        let selected = view.selected()?;
        if let Tab::Processes = view.tab {
            return (what == What::Connection).then(|| of_process(facts, selected, including_writers));
        }
        let filter = match view.tab {
            Tab::Groups => group_filter(view, facts, selected)?,
            _ => Filter {
                ids: vec![selected],
                ..Filter::default()
            },
        };
        let plan = facts.plan_kill(what, &filter, including_writers);
        Some(of_connections(what, filter, plan, including_writers))
    }
}

fn group_filter(view: &View, facts: &Facts, selected: u64) -> Option<Filter> {
    let mut names = facts.others().map(|one| view.grouping.of(one));
    let name = names.find(|name| name_key(name) == selected)?;
    let list = vec![name];
    let mut filter = Filter::default();
    match view.grouping {
        Grouping::User => filter.users = list,
        Grouping::Host => filter.hosts = list,
        Grouping::Program => filter.programs = list,
        Grouping::Database => filter.databases = list,
        Grouping::Command => filter.commands = list,
    }
    Some(filter)
}

fn of_process(facts: &Facts, pid: u64, including_writers: bool) -> Question {
    let filter = Filter {
        processes: vec![pid.to_string()],
        ..Filter::default()
    };
    let plan = facts.plan_processes(&filter, including_writers);
    let lines = lines(
        &plan,
        "ask this process to end (SIGTERM)",
        "ask these processes to end (SIGTERM)",
        Holder::line,
    );
    Question {
        possible: !plan.targets.is_empty(),
        writers: has_writers(&plan),
        target: Target::Processes(plan.targets),
        including_writers,
        lines,
    }
}

fn of_connections(what: What, filter: Filter, plan: Plan<Connection>, including_writers: bool) -> Question {
    let (one, many) = match what {
        What::Connection => ("end this connection", "end these connections"),
        What::Query => (
            "end the statement of this connection",
            "end the statements of these connections",
        ),
    };
    let lines = lines(&plan, one, many, |one| {
        let program = one
            .program_name()
            .map_or(String::new(), |name| format!(" ({name})"));
        format!("{} {}@{}{program}, {}", one.id, one.user, one.host, one.command)
    });
    Question {
        possible: !plan.targets.is_empty(),
        writers: has_writers(&plan),
        target: Target::Connections {
            what,
            filter: Box::new(filter),
            targets: plan.targets,
        },
        including_writers,
        lines,
    }
}

fn has_writers<T>(plan: &Plan<T>) -> bool {
    let writer = |why: &HeldBack| matches!(why, HeldBack::Writer(_) | HeldBack::PerhapsWriter);
    plan.held_back.iter().any(|(_, why)| writer(why))
}

fn lines<T>(plan: &Plan<T>, one: &str, many: &str, line: impl Fn(&T) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    match plan.targets.len() {
        0 => lines.push("nothing to end here".to_owned()),
        1 => lines.push(format!("{one}?")),
        number => lines.push(format!("{many}? ({number})")),
    }
    let more = |number: usize| (number > NAMED).then(|| format!("  and {} more", number - NAMED));
    lines.extend(
        plan.targets
            .iter()
            .take(NAMED)
            .map(|target| format!("  {}", line(target))),
    );
    lines.extend(more(plan.targets.len()));
    for (target, why) in plan.held_back.iter().take(NAMED) {
        // The flag is a key here.
        let why = why.to_string().replace(" (--including-writers)", "");
        lines.push(format!("  left alone, {why}: {}", line(target)));
    }
    lines.extend(more(plan.held_back.len()));
    lines.iter().map(|line| clean(line)).collect()
}
