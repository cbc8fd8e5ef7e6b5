//! Copies the table into the shadow, range by range.

use std::time::Instant;

use super::key::{KeyRange, KeyValue, Side};
use super::record::Phase;
use super::{Change, Interruption, Owner, Route};
use crate::batch::Backoff;
use crate::db::{DbError, Query, Row};
use crate::report::Progress;

/// Attempts at a range that meets rows which the log has not explained yet.
pub(super) const UNEXPLAINED_ATTEMPTS: u32 = 8;

impl<O: Owner> Change<'_, O> {
    /// Copies every row after `position`.
    pub(super) async fn copy_all(
        &mut self,
        route: &Route,
        mut position: Option<KeyValue>,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let mut sizer = self.sizer();
        let mut throttle = self.throttle();
        loop {
            self.pace(&mut throttle).await?;
            self.apply_some(route, &reached(position.as_ref())).await?;
            let upto = self.key_at(route, position.as_ref(), sizer.rows()).await?;
            let range = KeyRange {
                after: position.clone(),
                upto: upto.clone(),
            };
            let (rows, elapsed) = self.copy_range(route, &range).await?;
            sizer.observe(rows, elapsed);
            self.report.rows += rows;
            self.show(progress, Phase::Copying);
            if upto.is_none() {
                return Ok(());
            }
            position = upto;
        }
    }

    /// The key of the row that is `rows` rows after a key; none if there are fewer.
    pub(super) async fn key_at(
        &mut self,
        route: &Route,
        after: Option<&KeyValue>,
        rows: u64,
    ) -> Result<Option<KeyValue>, DbError> {
        let key = &route.key;
        let range = KeyRange {
            after: after.cloned(),
            upto: None,
        };
        let sql = format!(
            "SELECT {} FROM {} FORCE INDEX ({}) WHERE {} ORDER BY {} LIMIT 1 OFFSET {}",
            key.selected(Side::Table),
            route.table,
            key.index(Side::Table),
            key.within(Side::Table, &range),
            key.list(Side::Table),
            rows.saturating_sub(1)
        );
        let row: Option<Row> = self.worker.first(Query::new(sql).timeout(None)).await?;
        Ok(row.map(|row| key.value_at(&row, 0)))
    }

    /// Copies a range in one transaction with its position, again after a conflict.
    async fn copy_range(
        &mut self,
        route: &Route,
        range: &KeyRange,
    ) -> anyhow::Result<(u64, std::time::Duration)> {
        let mut backoff = Backoff::default();
        let mut unexplained = 0;
        loop {
            let started = Instant::now();
            let error = match self.try_range(route, range).await {
                Ok(rows) => return Ok((rows, started.elapsed())),
                Err(error) => error,
            };
            self.worker.execute("ROLLBACK").await?;
            let Some(server) = error.downcast_ref::<DbError>() else {
                return Err(error);
            };
            if server.is_lock_conflict() || server.is_missing_parent() {
                let Some(pause) = backoff.pause() else {
                    return Err(error);
                };
                self.ctx.cancel.sleep(pause).await?;
            } else if server.is_duplicate_row() && unexplained < UNEXPLAINED_ATTEMPTS {
                // A value that has moved from one row to another: the log knows both.
                unexplained += 1;
                self.apply_all(route, &reached(range.after.as_ref())).await?;
            } else {
                return Err(self.unfit(error));
            }
        }
    }

    async fn try_range(&mut self, route: &Route, range: &KeyRange) -> anyhow::Result<u64> {
        let key = &route.key;
        self.worker.execute("START TRANSACTION").await?;
        let delete = format!(
            "DELETE FROM {} WHERE {}",
            route.shadow,
            key.within(Side::Shadow, range)
        );
        self.worker.execute(Query::new(delete).timeout(None)).await?;
        let insert = format!(
            "INSERT INTO {} ({}) SELECT {} FROM {} FORCE INDEX ({}) WHERE {}{}",
            route.shadow,
            route.mapping.targets(),
            route.mapping.values(),
            route.table,
            key.index(Side::Table),
            key.within(Side::Table, range),
            route.lock_clause()
        );
        let rows = self
            .worker
            .execute(Query::new(insert).timeout(None))
            .await?
            .affected;
        self.advance(range.upto.as_ref(), rows).await?;
        self.worker.execute(Query::new("COMMIT").shielded()).await?;
        Ok(rows)
    }

    /// The failure for rows that the new definition does not accept; another error as it is.
    pub(super) fn unfit(&self, error: anyhow::Error) -> anyhow::Error {
        let rows = error
            .downcast_ref::<DbError>()
            .filter(|error| error.is_duplicate_row() || error.is_unfit_row() || error.is_missing_parent())
            .map(|error| Interruption::Rows(error.to_string()));
        match rows {
            Some(rows) => self.failure(&rows).into(),
            None => error,
        }
    }
}

/// The range that was copied so far; none before the first row was.
pub(super) fn reached(position: Option<&KeyValue>) -> Option<KeyRange> {
    position.map(|position| KeyRange {
        after: None,
        upto: Some(position.clone()),
    })
}

impl Route {
    /// What makes a SELECT lock the rows that it reads, where that is needed.
    pub(super) fn lock_clause(&self) -> &'static str {
        if self.locks { " LOCK IN SHARE MODE" } else { "" }
    }
}
