//! Puts the shadow in the table's place: the rest of the log is copied while nobody writes, and one RENAME gives both
//! tables their new names.
//!
//! A server that can rename under LOCK TABLES does it on one connection. On others (MariaDB: error 1192) the worker
//! locks the tables, the run's own connection waits with its RENAME behind that lock, and the worker lets it go: a
//! waiting RENAME comes before every waiting read or write (an exclusive metadata lock goes first; manual, "Metadata
//! Locking"). Should the worker die before all is copied, the RENAME fails, since a table of the former table's new
//! name is in its way until then.

use std::time::{Duration, Instant, SystemTime};

use super::cleanup::guarded_trigger;
use super::names::ObjectNames;
use super::prepare::everything;
use super::record::{ChangeRecord, Flag};
use super::table::{OwnTrigger, TriggerText};
use super::{Change, Interruption, Owner, Route, table};
use crate::batch::Backoff;
use crate::db::{DbError, Query, Session};
use crate::report::clock;

/// The most entries of the log that are applied while the table is locked.
const MAX_LOCKED_ENTRIES: u32 = 200;
/// The longest wait for the RENAME to stand in the queue.
const QUEUE_WAIT: Duration = Duration::from_secs(2);
/// The interval at which a swap that is held back looks whether it may go on.
const HOLD_INTERVAL: Duration = Duration::from_millis(500);
/// The comment of the table that stands in the way of a RENAME.
const BARRIER: &str = "dbtool: keeps a rename from happening too early";

/// Whether a connection waits for a table's metadata lock.
const WAITS: &str = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ? AND STATE LIKE 'Waiting for table metadata lock%'";

/// Whether the tables have changed places: the shadow is gone although its record is there, and the triggers have
/// gone with the former table.
pub(super) async fn has_happened(
    session: &mut Session,
    database: &str,
    table: &str,
    names: &ObjectNames,
) -> Result<bool, DbError> {
    let shadow = table::definition(session, database, &names.shadow).await?;
    if shadow.is_some() {
        return Ok(false);
    }
    let here = table::triggers(session, database, table, &[]).await?;
    Ok(!here.iter().any(|trigger| names.triggers.contains(&trigger.name)))
}

/// Why an attempt did not swap.
enum Missed {
    /// A lock was in the way.
    Lock,
    /// More entries than can be applied under a lock.
    Busy,
}

impl<O: Owner> Change<'_, O> {
    /// Swaps the tables, waiting briefly for their locks and again.
    pub(super) async fn swap(&mut self, route: &Route, record: &ChangeRecord) -> anyhow::Result<()> {
        self.wait_for_release(route).await?;
        let mut backoff = Backoff::default();
        let mut attempts = 0;
        loop {
            self.owner.check().await?;
            self.apply_all(route, &everything()).await?;
            attempts += 1;
            let missed = match self.try_swap(route, record).await? {
                None => return Ok(()),
                Some(missed) => missed,
            };
            if attempts >= self.settings.attempts.max(1) {
                let blockers = match missed {
                    Missed::Lock => "a lock was held longer than --ddl-lock-wait".to_owned(),
                    Missed::Busy => "rows change faster than they are copied".to_owned(),
                };
                return Err(self.failure(&Interruption::NoSwap { attempts, blockers }).into());
            }
            let pause = backoff.pause().unwrap_or(Duration::from_secs(1));
            self.ctx.cancel.sleep(pause).await?;
        }
    }

    /// Waits while a person holds the swap back; meanwhile changes are copied.
    async fn wait_for_release(&mut self, route: &Route) -> anyhow::Result<()> {
        let mut told = false;
        loop {
            self.heed_signals().await?;
            let record = self.own_record().await?;
            if !record.hold && !record.pause {
                return Ok(());
            }
            let table = &self.request.table;
            let at = self.settings.swap_at.filter(|_| record.hold);
            if at.is_some_and(|at| at <= SystemTime::now()) {
                self.records
                    .set(&mut self.worker, table, Flag::Hold, false)
                    .await?;
                continue;
            }
            if !std::mem::replace(&mut told, true) {
                let at = at.map_or(String::new(), |at| format!("at {}, or ", clock(at)));
                self.ctx.report.status(format!(
                    "the copy of {table} is complete; it takes the table's place {at}after `dbtool migrate swap`"
                ));
            }
            self.apply_all(route, &everything()).await?;
            self.owner.check().await?;
            self.ctx.cancel.sleep(HOLD_INTERVAL).await?;
        }
    }

    async fn try_swap(&mut self, route: &Route, record: &ChangeRecord) -> anyhow::Result<Option<Missed>> {
        let barrier = !self.server.has_rename_under_lock();
        let old = self.qualified(&self.names.old);
        if barrier {
            self.worker
                .execute(format!(
                    "CREATE TABLE IF NOT EXISTS {old} (id INT) ENGINE=InnoDB COMMENT='{BARRIER}'"
                ))
                .await?;
        }
        let mut lock = format!(
            "LOCK TABLES {} WRITE, {} WRITE, {} WRITE",
            route.table, route.shadow, route.log
        );
        if barrier {
            lock += &format!(", {old} WRITE");
        }
        match self.worker.execute(Query::new(lock).timeout(None)).await {
            Ok(_) => {}
            Err(error) if error.is_lock_conflict() => return Ok(Some(Missed::Lock)),
            Err(error) => return Err(error.into()),
        }
        let locked = Instant::now();
        let result = self.swap_locked(route, record, barrier).await;
        let unlocked = self.worker.execute(Query::new("UNLOCK TABLES").shielded()).await;
        self.report.locked = self.report.locked.max(locked.elapsed());
        let missed = result?;
        unlocked?;
        if missed.is_none() {
            self.refuse_late_changes(route).await?;
        }
        Ok(missed)
    }

    /// Under the locks: the last changes, the counter, the triggers, and the rename.
    async fn swap_locked(
        &mut self,
        route: &Route,
        record: &ChangeRecord,
        barrier: bool,
    ) -> anyhow::Result<Option<Missed>> {
        let (database, name) = (self.request.database.clone(), self.request.table.clone());
        let now = table::definition(&mut self.worker, &database, &name)
            .await?
            .unwrap_or_default();
        if let Some(changed) = Interruption::of_definition(&now, &record.definition) {
            return Err(self.failure(&changed).into());
        }
        let own = self.own_triggers().await?;
        if own.iter().map(|(_, text)| text).ne(&record.triggers) {
            return Err(self.failure(&Interruption::DefinitionChanged).into());
        }
        let entries = self.entries(route, MAX_LOCKED_ENTRIES + 1).await?;
        if entries.len() > MAX_LOCKED_ENTRIES as usize {
            return Ok(Some(Missed::Busy));
        }
        if !entries.is_empty() {
            match self.replace_rows(route, &entries, &everything()).await {
                Ok(()) => self.report.changed += entries.keys.len() as u64,
                // The shadow's foreign keys meet rows that are locked by others.
                Err(error) if error.is_lock_conflict() => return Ok(Some(Missed::Lock)),
                Err(error) => return Err(self.unfit(error.into())),
            }
        }
        self.set_counter(route, &now).await?;
        self.tighten_foreign_keys(route, &record.definition).await?;
        self.create_guarded_triggers(&own).await?;
        let rename = format!(
            "RENAME TABLE {table} TO {old}, {shadow} TO {table}",
            table = route.table,
            shadow = route.shadow,
            old = self.qualified(&self.names.old)
        );
        let renamed = if barrier {
            self.rename_behind(&rename).await?
        } else {
            self.worker.execute(Query::new(rename).timeout(None)).await?;
            true
        };
        if renamed {
            return Ok(None);
        }
        self.drop_guarded_triggers().await?;
        self.loosen_foreign_keys().await?;
        Ok(Some(Missed::Lock))
    }

    /// Has the run's own connection wait with the RENAME, then lets it go. False if it did not happen.
    async fn rename_behind(&mut self, rename: &str) -> anyhow::Result<bool> {
        let old = self.qualified(&self.names.old);
        let session = self.owner.session();
        let id = session.id();
        let worker = &mut self.worker;
        let cancel = &self.ctx.cancel;
        let renames = session.execute(Query::new(rename).timeout(None).shielded());
        let lets_go = async {
            let deadline = Instant::now() + QUEUE_WAIT;
            loop {
                let waits: Option<u64> = worker.first(Query::new(WAITS).bind(id)).await?;
                if waits == Some(1) {
                    break;
                }
                if Instant::now() >= deadline {
                    worker.execute("UNLOCK TABLES").await?;
                    return Ok(());
                }
                cancel.sleep(Duration::from_millis(2)).await?;
            }
            worker
                .execute(Query::new(format!("DROP TABLE {old}")).shielded())
                .await?;
            worker.execute(Query::new("UNLOCK TABLES").shielded()).await?;
            Ok::<(), anyhow::Error>(())
        };
        tokio::pin!(renames);
        tokio::pin!(lets_go);
        let renamed = tokio::select! {
            // It came back before it was let go: it failed.
            renamed = &mut renames => renamed,
            let_go = &mut lets_go => {
                // If the worker has failed, its lock ends with its connection or with the caller's UNLOCK.
                let_go?;
                renames.await
            }
        };
        match renamed {
            Ok(_) => Ok(true),
            Err(error) if error.is_lock_conflict() || error.is_existing_object() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the shadow the table's counter of AUTO_INCREMENT, which may be beyond its largest value.
    async fn set_counter(&mut self, route: &Route, definition: &str) -> anyhow::Result<()> {
        let Some(counter) = table::counter(definition) else {
            return Ok(());
        };
        let shadow = table::definition(&mut self.worker, &self.request.database, &self.names.shadow)
            .await?
            .unwrap_or_default();
        let has = route.new_def.columns.iter().any(|(_, def)| def.auto_increment);
        if has && table::counter(&shadow).unwrap_or(1) < counter {
            let sql = format!("ALTER TABLE {} AUTO_INCREMENT = {counter}", route.shadow);
            self.worker.execute(sql).await?;
        }
        Ok(())
    }

    /// Creates the stand-ins of the table's own triggers on the shadow.
    pub(super) async fn create_guarded_triggers(
        &mut self,
        own: &[(OwnTrigger, TriggerText)],
    ) -> anyhow::Result<()> {
        let (database, table) = (&self.request.database, &self.request.table);
        for (trigger, (_, create)) in own {
            let sql = guarded_trigger(database, table, &self.names, trigger, create);
            self.in_mode_of(trigger, &sql).await?;
        }
        Ok(())
    }

    pub(super) async fn drop_guarded_triggers(&mut self) -> Result<(), DbError> {
        let (database, shadow) = (self.request.database.clone(), self.names.shadow.clone());
        let made = table::triggers(&mut self.worker, &database, &shadow, &[]).await?;
        for trigger in &made {
            let name = self.qualified(&trigger.name);
            self.worker
                .execute(format!("DROP TRIGGER IF EXISTS {name}"))
                .await?;
        }
        Ok(())
    }

    /// Removes what an interrupted attempt to swap has left.
    pub(super) async fn remove_swap_preparations(&mut self) -> anyhow::Result<()> {
        self.drop_guarded_triggers().await?;
        self.loosen_foreign_keys().await?;
        let old = self.qualified(&self.names.old);
        let definition = table::definition(&mut self.worker, &self.request.database, &self.names.old).await?;
        if definition.is_some_and(|definition| definition.contains(BARRIER)) {
            self.worker.execute(format!("DROP TABLE {old}")).await?;
        }
        Ok(())
    }

    /// Ensures that no change of a row came between the last copy and the rename. The triggers have gone with the
    /// former table, so the log would have its key.
    async fn refuse_late_changes(&mut self, route: &Route) -> anyhow::Result<()> {
        if self.entries(route, 1).await?.is_empty() {
            return Ok(());
        }
        let old = self.names.old.clone();
        Err(self.failure(&Interruption::ChangesLeft { old }).into())
    }
}
