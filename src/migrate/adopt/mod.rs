//! `dbtool migrate adopt`: records as applied what another tool has applied, by that tool's own table. The table is
//! only read. All records are written in one transaction: after an interruption either all are there or none, and
//! what is recorded already is left alone.

mod matching;
mod outcome;

use super::Migrator;
use super::failure::MigrateFailure;
use super::history::RecordState;
use super::options::AdoptOptions;
use super::other_history::{OtherHistory, find};
use crate::migrate::files::{Direction, Folder};
use matching::{Claim, Matched, match_rows};
pub(crate) use outcome::AdoptOutcome;

impl Migrator<'_> {
    /// Takes over what another tool has applied.
    pub(crate) async fn adopt(
        &mut self,
        folder: &Folder,
        options: &AdoptOptions,
    ) -> anyhow::Result<AdoptOutcome> {
        if !options.dry_run {
            self.lock().await?;
        }
        let records = self.history.load(&mut self.session).await?;
        let other = self.choose(options).await?;
        let matched = match_rows(folder, &other)?;
        refuse(&other, &matched)?;
        let (known, new): (Vec<&Claim<'_>>, Vec<&Claim<'_>>) = matched.claims.values().partition(|claim| {
            records
                .iter()
                .any(|record| record.version == claim.migration.version)
        });
        let unfinished = |claim: &&&Claim<'_>| {
            records
                .iter()
                .any(|record| record.version == claim.migration.version && !record.state.complete())
        };
        if let Some(claim) = known.iter().find(unfinished) {
            let name = claim.migration.name.clone();
            return Err(MigrateFailure::BaselineUnfinished { name }.into());
        }
        if !options.dry_run && !new.is_empty() {
            self.create_history().await?;
            self.record(&new).await?;
        }
        let pending = folder.migrations.iter().filter(|migration| {
            !matched.claims.contains_key(&migration.version)
                && !records.iter().any(|record| record.version == migration.version)
        });
        Ok(AdoptOutcome::new(
            &self.database,
            &other,
            options.dry_run,
            &new,
            known.len(),
            pending,
        ))
    }

    /// The one history that is meant.
    async fn choose(&mut self, options: &AdoptOptions) -> anyhow::Result<OtherHistory> {
        if let Some(tool) = options.from.filter(|tool| tool.history().is_none()) {
            return Err(MigrateFailure::NoHistoryOfTool { tool: tool.name }.into());
        }
        let database = self.database.clone();
        let mut found = find(
            &mut self.session,
            &database,
            options.from,
            options.table.as_deref(),
        )
        .await?;
        match (found.pop(), found.as_slice()) {
            (Some(one), []) => Ok(one),
            (None, _) => {
                let tool = options.from.map(|tool| tool.name);
                Err(MigrateFailure::NoOtherHistory { database, tool }.into())
            }
            (Some(one), others) => {
                let all = others.iter().chain([&one]);
                let found = all
                    .map(|one| format!("{} ({})", one.tool.id, one.table))
                    .collect();
                Err(MigrateFailure::SeveralHistories { database, found }.into())
            }
        }
    }

    async fn record(&mut self, claims: &[&Claim<'_>]) -> anyhow::Result<()> {
        let mut counted = Vec::new();
        for claim in claims {
            // A file that was applied need not be one that dbtool would run.
            let outline = claim
                .migration
                .script(Direction::Up, self.options)
                .outline(&self.ctx.cancel);
            self.ctx.cancel.check()?;
            counted.push((claim, outline.map_or(0, |outline| outline.statements)));
        }
        self.session.execute("START TRANSACTION").await?;
        for (claim, statements) in counted {
            let state = match claim.assumed {
                true => RecordState::Baseline,
                false => RecordState::Applied,
            };
            self.history
                .adopted(&mut self.session, claim.migration, state, statements)
                .await?;
        }
        self.session.execute("COMMIT").await?;
        Ok(())
    }
}

/// Refuses a history that does not fit the files, or that says that something is half done.
fn refuse(other: &OtherHistory, matched: &Matched<'_>) -> Result<(), MigrateFailure> {
    let (tool, table) = (other.tool.name, other.table.clone());
    if !matched.unfinished.is_empty() {
        return Err(MigrateFailure::AdoptUnfinished {
            tool,
            table,
            names: matched.unfinished.clone(),
            settle: other.history.settle,
        });
    }
    if !matched.missing.is_empty() {
        let names = matched.missing.clone();
        return Err(MigrateFailure::AdoptMissing { tool, table, names });
    }
    if !matched.changed.is_empty() {
        let names = matched.changed.clone();
        return Err(MigrateFailure::AdoptChanged { tool, table, names });
    }
    Ok(())
}
