//! What `migrate adopt` took over.

use serde_json::json;

use super::matching::{Claim, Verdict};
use crate::migrate::files::Migration;
use crate::migrate::other_history::OtherHistory;
use crate::report::{Json, Outcome, Page, Table, plural, visible};

/// The migrations that were, or would be, recorded.
#[derive(Debug)]
pub(crate) struct AdoptOutcome {
    database: String,
    tool: &'static str,
    tool_id: &'static str,
    table: String,
    dry_run: bool,
    adopted: Vec<Adopted>,
    already: usize,
    pending: Vec<String>,
}

#[derive(Debug)]
struct Adopted {
    label: String,
    name: String,
    checksum: Verdict,
}

impl AdoptOutcome {
    pub(super) fn new<'f>(
        database: &str,
        other: &OtherHistory,
        dry_run: bool,
        claims: &[&Claim<'_>],
        already: usize,
        pending: impl Iterator<Item = &'f Migration>,
    ) -> AdoptOutcome {
        let adopted = claims.iter().map(|claim| Adopted {
            label: claim.migration.label.clone(),
            name: claim.migration.name.clone(),
            checksum: claim.checksum,
        });
        AdoptOutcome {
            database: database.to_owned(),
            tool: other.tool.name,
            tool_id: other.tool.id,
            table: other.table.clone(),
            dry_run,
            adopted: adopted.collect(),
            already,
            pending: pending.map(|migration| migration.name.clone()).collect(),
        }
    }
}

impl Outcome for AdoptOutcome {
    fn name(&self) -> &'static str {
        "migrate-adopt"
    }

    fn text(&self, page: &mut Page) {
        let mut table = Table::new(["VERSION", "NAME", "CHECKSUM"]);
        for adopted in &self.adopted {
            table.row([
                adopted.label.clone(),
                adopted.name.clone(),
                adopted.checksum.as_str().to_owned(),
            ]);
        }
        if !table.is_empty() {
            page.table(table);
            page.blank();
        }
        if self
            .adopted
            .iter()
            .any(|adopted| adopted.checksum == Verdict::NotVerifiable)
        {
            page.line(format!(
                "only {} itself can tell whether a file has its checksum",
                self.tool
            ));
        }
        let verb = match self.dry_run {
            true => "would be recorded as applied",
            false => "recorded as applied",
        };
        let already = match self.already {
            0 => String::new(),
            already => format!(", {already} recorded already"),
        };
        page.line(format!(
            "{}: {} of {} ({}) {verb}{already}, {} pending",
            self.database,
            plural(self.adopted.len() as u64, "migration"),
            self.tool,
            visible(&self.table),
            self.pending.len()
        ));
    }

    fn json(&self) -> Json<'_> {
        let adopted = self.adopted.iter().map(|adopted| {
            json!({ "version": adopted.label, "name": adopted.name, "checksum": adopted.checksum.as_str() })
        });
        Box::new(json!({
            "database": self.database, "from": self.tool_id, "table": self.table, "dry_run": self.dry_run,
            "adopted": adopted.collect::<Vec<_>>(), "already_recorded": self.already, "pending": self.pending,
        }))
    }
}
