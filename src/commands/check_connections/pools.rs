//! `--plan`: whether the pools of all processes fit, in each format.

use serde_json::json;

use crate::connections::{Facts, Pools};
use crate::exit::Exit;
use crate::report::{Json, Outcome, Page, Table, count, plural};

/// What `check-connections --plan` found.
#[derive(Debug, Clone)]
pub struct PoolsOutcome {
    server: String,
    peak: u64,
    pools: Pools,
    hidden: Vec<String>,
}

impl PoolsOutcome {
    /// Adds up what `facts` show.
    pub fn new(facts: &Facts, budget: u64) -> PoolsOutcome {
        PoolsOutcome {
            server: facts.server.clone(),
            peak: facts.peak,
            pools: Pools::of(facts, budget),
            hidden: facts.hidden.clone(),
        }
    }

    fn verdict(&self) -> String {
        let pools = &self.pools;
        let of = match pools.of_account {
            true => "that the account may have",
            false => "of max_connections",
        };
        format!(
            "{} may be wanted at the same time, {} {of}",
            count(pools.sum()),
            count(pools.limit)
        )
    }

    /// What to set the pools to.
    fn advice(&self) -> Option<String> {
        let processes = self.pools.processes();
        let (pool, twice) = (
            self.pools.pool_for(processes)?,
            self.pools.pool_for(2 * processes)?,
        );
        Some(format!(
            "a pool of at most {pool} fits in each of {}; {twice} while a deployment runs each twice",
            plural(processes, "process")
        ))
    }
}

impl Outcome for PoolsOutcome {
    fn name(&self) -> &'static str {
        "check-connections-plan"
    }

    fn exit(&self) -> Exit {
        if self.pools.fits() {
            Exit::Done
        } else {
            Exit::Findings
        }
    }

    fn text(&self, page: &mut Page) {
        page.heading(&format!("Pools on {}", self.server));
        let mut table = Table::new(["", "processes", "connections now", "most of one", "may want"])
            .right(&[1, 2, 3, 4])
            .indent(2);
        for one in &self.pools.applications {
            table.row([
                one.name.clone(),
                count(one.processes),
                count(one.connections),
                count(one.pool),
                count(one.needs()),
            ]);
        }
        let of_others = [
            ("not visible to this user", self.pools.not_visible),
            ("budget of dbtool", self.pools.budget),
            ("administrator and monitoring", self.pools.kept_free),
        ];
        for (name, number) in of_others.iter().filter(|(_, number)| *number > 0) {
            table.row([
                (*name).to_owned(),
                String::new(),
                String::new(),
                String::new(),
                count(*number),
            ]);
        }
        page.table(table);
        page.line(format_args!(
            "  the most so far was {}; a pool may be set larger than what a process holds now",
            plural(self.peak, "connection")
        ));
        for hidden in &self.hidden {
            page.line(format_args!("  not seen: {hidden}"));
        }
        page.blank();
        let style = page.style();
        let verdict = self.verdict();
        page.line(match self.pools.fits() {
            true => format!("{} {verdict}", style.ok("ok")),
            false => format!("{} {verdict}", style.bad("FAILED")),
        });
        if let Some(advice) = self.advice() {
            page.line(format_args!("  {advice}"));
        }
    }

    fn json(&self) -> Json<'_> {
        let pools = &self.pools;
        let application = |one: &crate::connections::Application| {
            json!({
                "name": one.name,
                "processes": one.processes,
                "connections": one.connections,
                "pool": one.pool,
                "needs": one.needs(),
            })
        };
        let processes = pools.processes();
        Box::new(json!({
            "server": self.server,
            "ok": pools.fits(),
            "limit": pools.limit,
            "limit_of_account": pools.of_account,
            "sum": pools.sum(),
            "applications": pools.applications.iter().map(application).collect::<Vec<_>>(),
            "not_visible": pools.not_visible,
            "budget": pools.budget,
            "kept_free": pools.kept_free,
            "peak": self.peak,
            "pool_at_most": pools.pool_for(processes),
            "pool_at_most_in_deployment": pools.pool_for(2 * processes),
        }))
    }
}
