//! A statement that runs as an online schema change ([`crate::online_change`]).
//!
//! It needs no intent: how far the change is, and whether the tables have changed places, is in its own record and in
//! the tables. The change is settled after the statement is recorded as done, so that a run that dies in between finds
//! its record and ends it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::StepStatement;
use crate::context::Context;
use crate::db::Session;
use crate::migrate::apply::{MigrationStop, Progress, Runner};
use crate::migrate::failure::MigrateFailure;
use crate::migrate::files::{Direction, Migration, Version};
use crate::migrate::lock;
use crate::migrate::options::ChangeTool;
use crate::online_change::{self, OnlineRequest, OnlineSettings, Owner};
use crate::report::{duration, plural};
use crate::run_lease::RunLease;
use crate::sql::summary;

/// The statements of a run that are online changes.
#[derive(Debug, Clone)]
pub(in crate::migrate) struct OnlineStatements {
    /// The versions and numbers of those to run so.
    pub wanted: BTreeSet<(Version, u32)>,
    /// What earlier runs have begun and not settled ([`owner`]).
    pub begun: Vec<String>,
    /// The program that does them, instead of dbtool itself.
    pub tool: Option<ChangeTool>,
    /// How they go about.
    pub settings: OnlineSettings,
}

impl OnlineStatements {
    /// No statement.
    pub fn none(settings: &OnlineSettings) -> OnlineStatements {
        OnlineStatements {
            wanted: BTreeSet::new(),
            begun: Vec::new(),
            tool: None,
            settings: settings.clone(),
        }
    }

    /// Whether an earlier run has begun this statement as an online change.
    pub fn has_begun(&self, migration: &Migration, number: u32) -> bool {
        self.begun.contains(&owner(migration, number))
    }
}

/// The name of a statement in the record of its change.
pub(in crate::migrate) fn owner(migration: &Migration, number: u32) -> String {
    format!("{}, statement {number}", migration.name)
}

/// The run, as the online change sees it.
struct RunOwner<'a> {
    ctx: &'a Context,
    session: &'a mut Session,
    database: &'a str,
    lease: Option<Arc<RunLease>>,
}

impl Owner for RunOwner<'_> {
    fn session(&mut self) -> &mut Session {
        self.session
    }

    async fn check(&mut self) -> anyhow::Result<()> {
        match lock::keep(self.ctx, self.session, self.database, self.lease.as_deref()).await? {
            None => Ok(()),
            Some(holder) => Err(MigrateFailure::LockLost { holder }.into()),
        }
    }
}

impl Runner<'_> {
    /// The online change that the step is, if it is one.
    pub(super) fn online_request(
        &self,
        progress: &Progress<'_>,
        parts: &[StepStatement],
    ) -> Option<OnlineRequest> {
        let number = progress.script.number();
        let migration = progress.migration;
        let wanted = self.online.wanted.contains(&(migration.version, number));
        if progress.direction == Direction::Down || !wanted && !self.online.has_begun(migration, number) {
            return None;
        }
        let part = &parts[0];
        let object = part.found.objects.first()?;
        let database = object
            .name
            .schema
            .clone()
            .or_else(|| progress.state.database.clone())
            .unwrap_or_else(|| self.database.to_owned());
        Some(OnlineRequest {
            database,
            table: object.name.name.clone(),
            statement: part.executed.clone().unwrap_or_else(|| part.text().to_owned()),
            owner: owner(migration, number),
        })
    }

    /// Runs a statement as an online change and records it.
    pub(super) async fn online(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        request: &OnlineRequest,
    ) -> Result<(), MigrationStop> {
        let started = Instant::now();
        let part = &parts[0];
        self.spot(progress, 0, part);
        if request.database != self.database {
            let (place, database) = (part.statement.place(), request.database.clone());
            return Err(MigrationStop::Other(
                MigrateFailure::OnlineElsewhere { place, database }.into(),
            ));
        }
        if parts.len() > 1 {
            let place = part.statement.place();
            return Err(MigrationStop::Other(
                MigrateFailure::ReadsOnlineResult { place }.into(),
            ));
        }
        if let Some(tool) = self
            .online
            .tool
            .filter(|_| !self.online.begun.contains(&request.owner))
        {
            return self.by_tool(progress, parts, request, tool).await;
        }
        let mark = progress.script.mark_after(1);
        let mut owner = RunOwner {
            ctx: self.ctx,
            session: &mut *self.session,
            database: self.database,
            lease: self.opening.lease.clone(),
        };
        let report = online_change::run(self.ctx, self.server, &self.online.settings, request, &mut owner)
            .await
            .map_err(MigrationStop::Other)?;
        progress.tables.forget();
        self.learn(progress, parts).await?;
        self.record(progress, &mark, started).await?;
        self.committed(progress);
        online_change::settle(self.session, request).await?;
        let number = format!("{}.{}", progress.migration.label, progress.script.number());
        let kept = report
            .old
            .map_or(String::new(), |old| format!("; the former table is {old}"));
        self.ctx.report.status(format!(
            "  {number:<7} {:<60}  {:>10}  {:>8}  locked for {}{kept}",
            summary(part.text(), 60),
            plural(report.rows, "row"),
            duration(started.elapsed()),
            duration(report.locked),
        ));
        progress.rows += report.rows;
        progress.ran += 1;
        progress.script.go_to(mark);
        Ok(())
    }
}
