//! Copies the rows again that were changed since: those whose keys are in the log.

use super::copy::UNEXPLAINED_ATTEMPTS;
use super::key::{KeyRange, KeyValue, Side};
use super::{Change, Owner, Route};
use crate::batch::Backoff;
use crate::db::row::get;
use crate::db::{DbError, Query, Row};

/// Entries of the log that one transaction takes.
pub(super) const MAX_ENTRIES: u32 = 500;
/// The most entries of one transaction, where fewer meet a conflict that others explain.
const MOST_ENTRIES: u32 = 64_000;

/// Entries of the log.
#[derive(Debug, Default)]
pub(super) struct Entries {
    ids: Vec<u64>,
    /// The keys, each once.
    pub(super) keys: Vec<KeyValue>,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

impl<O: Owner> Change<'_, O> {
    /// Applies entries of the log, if there are any, so that it does not grow while rows are copied. `reached` is
    /// the range that was copied so far: rows beyond it will be copied in any case.
    pub(super) async fn apply_some(
        &mut self,
        route: &Route,
        reached: &Option<KeyRange>,
    ) -> anyhow::Result<bool> {
        let entries = self.entries(route, MAX_ENTRIES).await?;
        if entries.is_empty() {
            return Ok(false);
        }
        self.apply(route, entries, reached).await?;
        Ok(true)
    }

    /// Applies the entries that the log has now, and those that come meanwhile, until few are left.
    pub(super) async fn apply_all(
        &mut self,
        route: &Route,
        reached: &Option<KeyRange>,
    ) -> anyhow::Result<()> {
        loop {
            self.ctx.cancel.check()?;
            let entries = self.entries(route, MAX_ENTRIES).await?;
            let last = entries.len() < MAX_ENTRIES as usize;
            if !entries.is_empty() {
                self.apply(route, entries, reached).await?;
            }
            if last {
                return Ok(());
            }
        }
    }

    /// The oldest entries of the log that are committed.
    pub(super) async fn entries(&mut self, route: &Route, limit: u32) -> Result<Entries, DbError> {
        let sql = format!(
            "SELECT id, {} FROM {} ORDER BY id LIMIT {limit}",
            route.key.selected(Side::Log),
            route.log
        );
        let rows: Vec<Row> = self.worker.rows(Query::new(sql).timeout(None)).await?;
        let mut entries = Entries::default();
        for row in &rows {
            entries.ids.push(get(row, 0).unwrap_or_default());
            entries.keys.push(route.key.value_at(row, 1));
        }
        entries.keys.sort();
        entries.keys.dedup();
        Ok(entries)
    }

    /// Copies the rows of these entries again and removes the entries, in one transaction.
    async fn apply(
        &mut self,
        route: &Route,
        mut entries: Entries,
        reached: &Option<KeyRange>,
    ) -> anyhow::Result<()> {
        let mut backoff = Backoff::default();
        let mut limit = MAX_ENTRIES;
        let mut unexplained = 0;
        loop {
            self.worker.execute("START TRANSACTION").await?;
            let error = match self.replace_rows(route, &entries, reached).await {
                Ok(()) => {
                    self.worker.execute(Query::new("COMMIT").shielded()).await?;
                    self.report.changed += entries.keys.len() as u64;
                    return Ok(());
                }
                Err(error) => error,
            };
            self.worker.execute("ROLLBACK").await?;
            if error.is_lock_conflict() || error.is_missing_parent() {
                let Some(pause) = backoff.pause() else {
                    return Err(error.into());
                };
                self.ctx.cancel.sleep(pause).await?;
            } else if error.is_duplicate_row() && unexplained < UNEXPLAINED_ATTEMPTS {
                // A value that moved from one row to another: the other row's entry is in the log by now.
                unexplained += 1;
                limit = limit.saturating_mul(4).min(MOST_ENTRIES);
                entries = self.entries(route, limit).await?;
            } else {
                return Err(self.unfit(error.into()));
            }
        }
    }

    /// Replaces the rows of these entries in the shadow by what they are now, then removes the entries. The order
    /// makes it safe without a transaction too, under LOCK TABLES.
    pub(super) async fn replace_rows(
        &mut self,
        route: &Route,
        entries: &Entries,
        reached: &Option<KeyRange>,
    ) -> Result<(), DbError> {
        let key = &route.key;
        if let Some(reached) = reached {
            let delete = format!(
                "DELETE FROM {} WHERE {}",
                route.shadow,
                key.one_of(Side::Shadow, &entries.keys)
            );
            self.worker.execute(Query::new(delete).timeout(None)).await?;
            let insert = format!(
                "INSERT INTO {} ({}) SELECT {} FROM {} FORCE INDEX ({}) WHERE {} AND {}{}",
                route.shadow,
                route.mapping.targets(),
                route.mapping.values(),
                route.table,
                key.index(Side::Table),
                key.one_of(Side::Table, &entries.keys),
                key.within(Side::Table, reached),
                route.lock_clause()
            );
            self.worker.execute(Query::new(insert).timeout(None)).await?;
        }
        let ids: Vec<String> = entries.ids.iter().map(u64::to_string).collect();
        let remove = format!("DELETE FROM {} WHERE id IN ({})", route.log, ids.join(", "));
        self.worker.execute(Query::new(remove).timeout(None)).await?;
        Ok(())
    }

    /// Puts keys into the log, so that their rows are copied again.
    pub(super) async fn mark_changed(&mut self, route: &Route, keys: &[KeyValue]) -> Result<(), DbError> {
        let values: Vec<String> = keys.iter().map(|key| format!("({})", key.join(", "))).collect();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES {}",
            route.log,
            route.key.list(Side::Log),
            values.join(", ")
        );
        self.worker.execute(Query::new(sql).timeout(None)).await.map(drop)
    }
}
