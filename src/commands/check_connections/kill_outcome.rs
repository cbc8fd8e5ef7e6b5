//! What was ended, left alone, or could not be.

use serde_json::{Value, json};

use super::kill_target::{Target, connection_parts, process_json};
use crate::connections::{Connection, Facts, Fate, HeldBack, Holder, Plan, What};
use crate::exit::Exit;
use crate::report::{Json, Outcome, Page, Reporter, count, plural};

/// What a kill is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Connections,
    Queries,
    Processes,
}

impl Kind {
    fn nouns(self) -> (&'static str, &'static str) {
        match self {
            Kind::Connections => ("connection", "connections"),
            Kind::Queries => ("query", "queries"),
            Kind::Processes => ("process", "processes"),
        }
    }
}

/// How many lines of a plan are shown of each kind.
const SHOWN: usize = 30;

/// The first lines, and how many more there are.
fn first(lines: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = lines.len().saturating_sub(SHOWN);
    let mut shown: Vec<String> = lines.take(SHOWN).collect();
    if more > 0 {
        shown.push(format!("  and {} more", count(more as u64)));
    }
    shown
}

/// What `check-connections --kill` did.
#[derive(Debug, Clone)]
pub struct KillOutcome {
    dry_run: bool,
    kind: Kind,
    /// What was to be ended.
    pub targets: Vec<Target>,
    held_back: Vec<(String, Value, HeldBack)>,
    remarks: Vec<String>,
    in_use_before: Option<u64>,
    /// Connections open afterwards, as the server counts them.
    pub in_use_after: Option<u64>,
}

impl KillOutcome {
    /// A plan to end connections or statements.
    pub fn of_connections(dry_run: bool, what: What, plan: &Plan<Connection>, facts: &Facts) -> KillOutcome {
        let held = plan.held_back.iter().map(|(one, why)| {
            let (line, json) = connection_parts(one);
            (line, json, why.clone())
        });
        let target = |one: &Connection| Target::of_connection(one.clone(), Fate::Planned);
        KillOutcome {
            dry_run,
            kind: match what {
                What::Connection => Kind::Connections,
                What::Query => Kind::Queries,
            },
            targets: plan.targets.iter().map(target).collect(),
            held_back: held.collect(),
            remarks: Vec::new(),
            in_use_before: Some(facts.in_use),
            in_use_after: None,
        }
    }

    /// A plan to end processes; `facts` if the server could be asked.
    pub fn of_processes(dry_run: bool, plan: &Plan<Holder>, facts: Option<&Facts>) -> KillOutcome {
        let held = plan
            .held_back
            .iter()
            .map(|(one, why)| (one.line(), process_json(one), why.clone()));
        let target = |one: &Holder| Target::of_process(one.clone(), Fate::Planned);
        KillOutcome {
            dry_run,
            kind: Kind::Processes,
            targets: plan.targets.iter().map(target).collect(),
            held_back: held.collect(),
            remarks: Vec::new(),
            in_use_before: facts.map(|facts| facts.in_use),
            in_use_after: None,
        }
    }

    /// Adds why something named is not in the plan.
    pub fn explain(&mut self, remarks: Vec<String>) {
        self.remarks.extend(remarks);
    }

    /// `11 connections`.
    pub fn sum(&self) -> String {
        let (one, many) = self.kind.nouns();
        let number = self.targets.len() as u64;
        format!("{} {}", count(number), if number == 1 { one } else { many })
    }

    /// Shows the plan before it is carried out.
    pub fn announce(&self, report: &Reporter) {
        for line in self.plan_lines() {
            report.status(line);
        }
    }

    fn plan_lines(&self) -> Vec<String> {
        let left = match self.held_back.len() as u64 {
            0 => String::new(),
            held => format!(", {} left alone", count(held)),
        };
        let mut lines = vec![format!("to end: {}{left}", self.sum())];
        lines.extend(first(
            self.targets.iter().map(|target| format!("  {}", target.line)),
        ));
        let held = self.held_back.iter();
        lines.extend(first(
            held.map(|(line, _, why)| format!("  left alone, {why}: {line}")),
        ));
        lines
    }

    fn numbers(&self) -> String {
        let of = |id: &str| {
            self.targets
                .iter()
                .filter(|target| target.fate.id() == id)
                .count() as u64
        };
        let mut parts = vec![format!("{} ended", count(of("ended")))];
        for (id, words) in [
            ("ending", "told to end and not gone yet"),
            ("ended_meanwhile", "had ended meanwhile"),
            ("changed", "changed meanwhile and not ended"),
            ("refused", "refused"),
        ] {
            if of(id) > 0 {
                parts.push(format!("{} {words}", count(of(id))));
            }
        }
        format!("of {}: {}", self.sum(), parts.join(", "))
    }
}

impl Outcome for KillOutcome {
    fn name(&self) -> &'static str {
        "check-connections-kill"
    }

    fn exit(&self) -> Exit {
        let failed = |target: &Target| matches!(target.fate, Fate::Refused(_) | Fate::Ending);
        match self.targets.iter().any(failed) {
            true => Exit::Statement,
            false => Exit::Done,
        }
    }

    fn text(&self, page: &mut Page) {
        for remark in &self.remarks {
            page.line(remark);
        }
        if self.targets.is_empty() && self.held_back.is_empty() {
            page.line("the filters match nothing: nothing to end");
            return;
        }
        if self.dry_run || self.targets.is_empty() {
            for line in self.plan_lines() {
                page.line(line);
            }
            if self.dry_run {
                page.line("nothing was ended (--dry-run)");
            }
            return;
        }
        for target in &self.targets {
            page.line(target.sentence());
        }
        page.line(self.numbers());
        match (self.in_use_before, self.in_use_after) {
            (Some(before), Some(after)) => page.line(format_args!(
                "the server has {} in use, {} before",
                plural(after, "connection"),
                count(before)
            )),
            (None, Some(after)) => page.line(format_args!(
                "the server has room again: {} in use",
                plural(after, "connection")
            )),
            (_, None) => page.line("the server could not be asked what is free now"),
        }
    }

    fn json(&self) -> Json<'_> {
        let held: Vec<Value> = self
            .held_back
            .iter()
            .map(|(_, json, why)| {
                let mut json = json.clone();
                if let Some(members) = json.as_object_mut() {
                    members.insert("reason".into(), why.to_string().into());
                }
                json
            })
            .collect();
        Box::new(json!({
            "dry_run": self.dry_run,
            "kind": self.kind.nouns().1,
            "targets": self.targets.iter().map(Target::json).collect::<Vec<_>>(),
            "held_back": held,
            "remarks": self.remarks,
            "in_use_before": self.in_use_before,
            "in_use_after": self.in_use_after,
        }))
    }
}
