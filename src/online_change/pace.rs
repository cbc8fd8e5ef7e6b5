//! Between two ranges: pauses, and what is told meanwhile.

use std::time::{Duration, Instant};

use serde_json::json;

use super::record::{ChangeRecord, Flag, Phase};
use super::{Change, Owner};
use crate::batch::Throttle;
use crate::cancel::PauseWish;
use crate::db::DbError;
use crate::report::{Progress, count};

/// The interval at which the owner is asked whether the run may go on.
const OWNER_INTERVAL: Duration = Duration::from_secs(2);
/// The interval at which a paused change looks whether it may go on.
const PAUSE_INTERVAL: Duration = Duration::from_millis(500);
/// The interval of events about rows.
const EVENT_INTERVAL: Duration = Duration::from_secs(10);

impl<O: Owner> Change<'_, O> {
    /// Whether the run may go on, is to pause, or a server is busy.
    pub(super) async fn pace(&mut self, throttle: &mut Throttle) -> anyhow::Result<()> {
        self.ctx.cancel.check()?;
        throttle.wait(self.ctx, &mut self.worker).await?;
        self.replicas.wait(self.ctx).await?;
        if !self.heed_signals().await? && self.asked.elapsed() < OWNER_INTERVAL {
            return Ok(());
        }
        let mut told = false;
        loop {
            self.owner.check().await?;
            self.asked = Instant::now();
            if !self.own_record().await?.pause {
                return Ok(());
            }
            if !std::mem::replace(&mut told, true) {
                self.ctx
                    .report
                    .status("paused; `dbtool migrate resume` or SIGUSR2 goes on");
            }
            self.ctx.cancel.sleep(PAUSE_INTERVAL).await?;
            self.heed_signals().await?;
        }
    }

    /// Records what a signal asked for. True if one did.
    pub(super) async fn heed_signals(&mut self) -> Result<bool, DbError> {
        let Some(wish) = self.ctx.cancel.take_wish() else {
            return Ok(false);
        };
        let pause = wish == PauseWish::Pause;
        let table = &self.request.table;
        self.records
            .set(&mut self.worker, table, Flag::Pause, pause)
            .await?;
        Ok(true)
    }

    pub(super) fn progress(&self, total: u64, label: &str) -> Progress {
        let label = format!("{label} {}", self.request.table);
        self.ctx.report.progress(Some(total), &label)
    }

    /// Shows how far the copy or the comparison is.
    pub(super) fn show(&mut self, progress: &Progress, phase: Phase) {
        let (position, doing) = match phase {
            Phase::Verifying => (self.compared, "comparing"),
            _ => (self.report.rows, "copying"),
        };
        progress.set(position);
        progress.message(format!(
            "{doing}, {} changed meanwhile",
            count(self.report.changed)
        ));
        if self.told.is_none_or(|told| told.elapsed() >= EVENT_INTERVAL) {
            self.write_event(phase, None);
        }
    }

    /// Tells that a phase begins.
    pub(super) fn event(&mut self, phase: Phase, record: &ChangeRecord) {
        self.write_event(phase, Some(record.rows_estimated));
    }

    fn write_event(&mut self, phase: Phase, estimated: Option<u64>) {
        self.told = Some(Instant::now());
        let mut event = json!({
            "schema": "dbtool.online-change-event/1", "table": self.request.table, "for": self.request.owner,
            "phase": phase.as_str(), "rows_copied": self.report.rows, "rows_compared": self.compared,
            "rows_changed_meanwhile": self.report.changed,
        });
        if let Some(estimated) = estimated {
            event["rows_estimated"] = estimated.into();
        }
        self.ctx.report.event(&event);
    }
}
