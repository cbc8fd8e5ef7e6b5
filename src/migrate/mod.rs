//! The migration engine: files and layouts, the history, the plan, online DDL, running each statement
//! exactly once, and resuming where a run stopped.

mod adopt;
mod apply;
mod asking_programs;
mod effects_cache;
mod failure;
pub mod files;
mod forecast;
mod history;
pub mod lint;
mod lock;
pub(crate) mod new_migration;
mod object_snapshot;
mod online_control;
mod online_ddl;
pub(crate) mod options;
mod other_history;
pub(crate) mod outcome;
mod plan;
mod plan_outcome;
mod recovery;
mod repair;
mod requirements;
mod result_set_printer;
mod resume;
mod saved_session;
mod script_cursor;
mod server_instance;
mod session_vars;
mod statement_watch;
mod status;
mod step;
mod stop_report;
mod table_identity;
mod time_left;
mod trial;
pub(crate) mod whole_database;
mod write_effects;

pub(crate) use session_vars::correct_defaults;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::apply::{AppliedMigration, Runner};
pub(crate) use self::failure::MigrateFailure;
use self::forecast::SchemaForecast;
use self::history::{History, Record};
use self::options::{ApplyOptions, RunOptions};
use self::outcome::{ApplyOutcome, MigrationRow, StatusOutcome};
use self::plan::{PlanRequest, refuse_blocking};
use self::plan_outcome::PlanOutcome;
use self::statement_watch::{Watched, watched};
use self::status::{MigrationStatus, Status, compare, refuse_problems};
use self::step::online::OnlineStatements;
use self::trial::Trial;
use crate::context::Context;
use crate::db::cluster::{Cluster, ClusterKind};
use crate::db::node_state::NodeState;
use crate::db::{DbError, Server, Session};
use crate::migrate::files::{Direction, Folder, Migration, Version};
use crate::online_change::OnlineSettings;
use crate::online_change::record::Records;
use crate::run_lease::RunLease;
use crate::sql::SplitOptions;

/// A migration recorded in the history of a database.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The migration's version.
    pub version: Version,
    /// The file's name without extension.
    pub name: String,
    /// Whether it is applied completely.
    pub complete: bool,
}

/// The recorded migrations of `database`, if it has a history.
///
/// # Errors
/// The history exists and cannot be read.
pub async fn recorded(session: &mut Session, database: &str) -> Result<Option<Vec<Recorded>>, DbError> {
    let history = History::new(database, "");
    if !history.is_there(session).await? {
        return Ok(None);
    }
    let records = history.load(session).await?.into_iter();
    let recorded = records.map(|record| Recorded {
        version: record.version,
        name: record.name,
        complete: record.state.complete(),
    });
    Ok(Some(recorded.collect()))
}

/// The versions that are applied completely.
fn complete(records: &[Record]) -> impl Iterator<Item = Version> + '_ {
    let numbered = |record: &&Record| record.state.complete() && !record.version.is_repeatable();
    let complete = records.iter().filter(numbered);
    complete.map(|record| record.version)
}

/// The options with which this server reads strings in a migration.
///
/// # Errors
/// The query failed.
pub async fn options(ctx: &Context) -> Result<SplitOptions, DbError> {
    let server = ctx.db.server().await?;
    Ok(SplitOptions {
        backslash_escapes: !server.no_backslash_escapes(),
    })
}

/// The state that the migrate commands share: the one connection, the server, the history.
pub(crate) struct Migrator<'a> {
    ctx: &'a Context,
    session: Session,
    server: Arc<Server>,
    database: String,
    history: History,
    options: SplitOptions,
    run: RunOptions,
    /// The run's row in a cluster whose servers all accept writes.
    lease: Option<Arc<RunLease>>,
}

impl<'a> Migrator<'a> {
    pub(crate) async fn open(
        ctx: &'a Context,
        run: RunOptions,
        folder: &mut Folder,
    ) -> anyhow::Result<Migrator<'a>> {
        let Some(database) = ctx.config.database.as_ref().map(|setting| setting.value.clone()) else {
            return Err(MigrateFailure::NoDatabase.into());
        };
        let mut session = match run {
            RunOptions { brief: true, .. } => ctx.db.brief_session().await?,
            RunOptions { read_only: true, .. } => ctx.db.session().await?,
            _ => ctx.db.writable_session().await?,
        };
        let server = ctx.db.server().await?;
        let options = options(ctx).await?;
        let applied_by = format!("{} ({})", server.account, local_user());
        let history = History::new(&database, &applied_by);
        let cluster = Cluster::of(&mut session).await?;
        if let Some(cluster) = &cluster {
            cluster.prepare(&mut session).await?;
        }
        let lease = cluster
            .filter(|cluster| cluster.kind != ClusterKind::SinglePrimary)
            .map(|cluster| Arc::new(RunLease::new(cluster, &database, "migrate", &applied_by)));
        let records = history.load(&mut session).await?;
        folder.read(options, &ctx.cancel, |version| {
            if run.adopting {
                return Some(String::new());
            }
            let record = records.iter().find(|record| record.version == version)?;
            record.state.complete().then(|| record.checksum.clone())
        })?;
        session_vars::prepare(&mut session, run.ddl_lock_wait).await?;
        Ok(Migrator {
            ctx,
            session,
            server,
            database,
            history,
            options,
            run,
            lease,
        })
    }

    async fn lock(&mut self) -> anyhow::Result<()> {
        lock::acquire(
            self.ctx,
            &mut self.session,
            &self.database,
            Duration::from_secs(self.run.lock_wait),
            self.lease.as_deref(),
        )
        .await
    }

    /// Ends the run: in a cluster the next one need not find out that this one is over.
    pub(crate) async fn release(&mut self) {
        if let Some(lease) = &self.lease {
            lease.release(&mut self.session).await;
        }
    }

    /// Warns if an interrupted DDL statement cannot be resumed on this server.
    fn warn_of_ddl(&self) {
        if let Some(warning) = recovery::warning(&self.server) {
            self.ctx.report.warn(warning);
        }
    }

    async fn create_history(&mut self) -> anyhow::Result<()> {
        self.history.create(&mut self.session).await.map_err(|error| {
            anyhow::Error::new(error).context(format!(
                "cannot create table {} in {}; nothing was run",
                history::TABLE,
                self.database
            ))
        })
    }

    pub(crate) async fn status(
        &mut self,
        folder: &Folder,
        name: &'static str,
        check: bool,
        problems_only: bool,
    ) -> anyhow::Result<StatusOutcome> {
        let node = NodeState::of_replica(&mut self.session, self.server.flavor).await?;
        if let Some(node) = node.filter(|node| node.unusable.is_some() || node.lag != Some(0)) {
            self.ctx.report.warn(format!(
                "this server is behind its source, where more may be applied: {}",
                crate::escape::visible(&node.text)
            ));
        }
        let records = self.history.load(&mut self.session).await?;
        let rows = compare(folder, &records)
            .iter()
            .map(MigrationRow::from_status)
            .collect();
        let other = self.other_history(&records).await?;
        // Only an unfinished migration has one.
        let online = match records.iter().all(|record| record.state.complete()) {
            true => Vec::new(),
            false => Records::new(&self.database).all(&mut self.session).await?,
        };
        Ok(StatusOutcome {
            name,
            database: self.database.clone(),
            rows,
            check,
            problems_only,
            online,
            layout: folder.layout,
            evidence: folder.evidence.clone(),
            other,
        })
    }

    pub(crate) async fn plan(&mut self, folder: &Folder, args: &ApplyOptions) -> anyhow::Result<PlanOutcome> {
        let records = self.history.load(&mut self.session).await?;
        self.refuse_other_history(&records).await?;
        let items = compare(folder, &records);
        let targets = select(folder, &items, args)?;
        let unmet = requirements::unmet(&mut self.session, &targets).await?;
        let begun = self.online_begun(&targets).await?;
        let tried = match args.on_copy {
            true => Some(self.try_on_copy(&targets).await?),
            false => None,
        };
        let request = PlanRequest {
            options: self.options,
            data_too: true,
            ask_rows: true,
            tried: tried.as_ref(),
            online: args.online,
            begun: &begun,
        };
        let mut plan = PlanOutcome::new(
            &self.database,
            self.server.name(),
            unmet.iter().map(ToString::to_string).collect(),
        );
        plan.not_tried = tried.as_ref().and_then(|trial| trial.left_out.clone());
        let mut forecast =
            SchemaForecast::new(&self.ctx.cancel, &mut self.session, &self.server, &self.database).await?;
        for (migration, record) in targets {
            let keep = |planned: plan::Planned| plan.add(&planned);
            plan::plan(&mut forecast, &self.server, migration, record, &request, keep).await?;
        }
        Ok(plan)
    }

    pub(crate) async fn apply(
        &mut self,
        folder: &Folder,
        args: &ApplyOptions,
    ) -> anyhow::Result<ApplyOutcome> {
        self.lock().await?;
        // Read under the lock: another run may have done the work while this one waited.
        let records = self.history.load(&mut self.session).await?;
        self.refuse_other_history(&records).await?;
        let items = compare(folder, &records);
        let targets = select(folder, &items, args)?;
        let started = Instant::now();
        let mut newest = newest(&items).map(str::to_owned);
        let mut applied = Vec::new();
        let mut online = OnlineStatements::none(&args.online_settings);
        if !targets.is_empty() {
            requirements::refuse(requirements::unmet(&mut self.session, &targets).await?)?;
            let ctx = self.ctx;
            let watch = Watched {
                label: "reading the schema",
                id: self.session.id(),
                shown: None,
                lease: None,
            };
            // Some servers let even a look at a table wait for who changes it.
            let looking = self.refuse(folder, &targets, args);
            online = watched(ctx, watch, looking).await.0?;
            self.warn_of_ddl();
            self.create_history().await?;
        }
        let newest_version = complete(&records).max();
        for (number, (migration, record)) in targets.into_iter().enumerate() {
            if number > 0 && !self.renew(migration, record).await? {
                continue;
            }
            let record = self.begin_anew(migration, record).await?;
            let late = newest_version.is_some_and(|newest| migration.version < newest)
                || args.only
                    && items
                        .iter()
                        .any(|item| item.version < migration.version && item.standing.is_pending());
            let mut runner = self.runner(&online);
            runner.first_ever = records.iter().all(|record| !record.state.complete()) && applied.is_empty();
            applied.push(runner.run(migration, Direction::Up, record, late).await?);
            if !migration.version.is_repeatable()
                && newest_version.is_none_or(|newest| migration.version > newest)
            {
                newest = Some(migration.label.clone());
            }
        }
        Ok(ApplyOutcome {
            name: "migrate",
            database: self.database.clone(),
            applied,
            version: newest,
            took: started.elapsed(),
        })
    }

    /// Removes the record of a repeatable migration that is to run once more. Between that and its next record it
    /// counts as never run, and would run.
    async fn begin_anew<'r>(
        &mut self,
        migration: &Migration,
        record: Option<&'r Record>,
    ) -> anyhow::Result<Option<&'r Record>> {
        match record {
            Some(done) if migration.version.is_repeatable() && done.state.complete() => {
                self.history.undo(&mut self.session, done).await?;
                Ok(None)
            }
            record => Ok(record),
        }
    }

    /// Tries the statements on an empty copy of their tables, then goes on with a new connection.
    async fn try_on_copy(&mut self, targets: &[(&Migration, Option<&Record>)]) -> anyhow::Result<Trial> {
        let session = &mut self.session;
        let trial = trial::run(self.ctx, session, &self.database, self.options, targets).await?;
        // Two connections for a moment would be one too many for a limit of one.
        self.session.end();
        self.session = self.ctx.db.session().await?;
        session_vars::prepare(&mut self.session, self.run.ddl_lock_wait).await?;
        Ok(trial)
    }

    /// The online changes that earlier runs have begun and not settled.
    async fn online_begun(
        &mut self,
        targets: &[(&Migration, Option<&Record>)],
    ) -> Result<Vec<String>, DbError> {
        if targets.iter().all(|(_, record)| record.is_none()) {
            return Ok(Vec::new());
        }
        let changes = Records::new(&self.database).all(&mut self.session).await?;
        Ok(changes.into_iter().map(|change| change.owner).collect())
    }

    /// Refuses statements that will fail and, unless allowed, statements that block writers of a large table.
    /// Returns those that are to run as online changes.
    async fn refuse(
        &mut self,
        folder: &Folder,
        targets: &[(&Migration, Option<&Record>)],
        args: &ApplyOptions,
    ) -> anyhow::Result<OnlineStatements> {
        let mut online = OnlineStatements::none(&args.online_settings);
        online.tool = args.online_tool;
        online.begun = self.online_begun(targets).await?;
        let request = PlanRequest {
            options: self.options,
            data_too: false,
            ask_rows: false,
            tried: None,
            online: args.online,
            begun: &online.begun,
        };
        let mut failing = None;
        let mut forecast =
            SchemaForecast::new(&self.ctx.cancel, &mut self.session, &self.server, &self.database).await?;
        for (migration, record) in targets {
            let visit = |planned: plan::Planned| {
                if planned.fails.is_some() && failing.is_none() {
                    failing = Some(planned);
                    return Ok(());
                }
                if planned.online {
                    online.wanted.insert((migration.version, planned.number));
                }
                refuse_blocking(&planned, args.allow_blocking)
            };
            plan::plan(&mut forecast, &self.server, migration, *record, &request, visit).await?;
        }
        match failing {
            Some(planned) => {
                // Advise a baseline only if no migration was started.
                let untouched = targets
                    .first()
                    .is_none_or(|(_, record)| record.is_none_or(Record::is_untouched));
                let first = targets.first().map(|(migration, _)| migration.version);
                let had = match untouched {
                    true => self.newest_present(folder).await?,
                    false => None,
                };
                let had = had.filter(|migration| first.is_none_or(|first| migration.version >= first));
                Err(plan::will_fail(&planned, had.map(|migration| migration.label.clone())).into())
            }
            None => Ok(online),
        }
    }

    /// The newest migration such that the database has every object that it and the earlier ones create. One
    /// after which nothing is left says nothing about the database.
    async fn newest_present<'f>(&mut self, folder: &'f Folder) -> anyhow::Result<Option<&'f Migration>> {
        let (server, options) = (self.server.clone(), self.options);
        let mut forecast = self.forecast_on_empty_server().await?;
        let mut newest = None;
        for migration in &folder.migrations {
            follow(&mut forecast, &server, options, migration).await?;
            if forecast.leaves_something() && forecast.lacking().await?.is_empty() {
                newest = Some(migration);
            }
        }
        Ok(newest)
    }

    /// Objects that these migrations would create on an empty database and that this one lacks.
    async fn lacking(&mut self, migrations: &[Migration]) -> anyhow::Result<Vec<String>> {
        let (server, options) = (self.server.clone(), self.options);
        let mut forecast = self.forecast_on_empty_server().await?;
        for migration in migrations {
            follow(&mut forecast, &server, options, migration).await?;
        }
        Ok(forecast.lacking().await?)
    }

    async fn forecast_on_empty_server(&mut self) -> Result<SchemaForecast<'_>, DbError> {
        let forecast =
            SchemaForecast::new(&self.ctx.cancel, &mut self.session, &self.server, &self.database).await?;
        Ok(forecast.on_empty_server())
    }

    fn runner<'s>(&'s mut self, online: &'s OnlineStatements) -> Runner<'s> {
        Runner {
            ctx: self.ctx,
            session: &mut self.session,
            server: &self.server,
            history: &self.history,
            database: &self.database,
            options: self.options,
            timeout: self.run.timeout.map(Duration::from_secs),
            attempts: self.run.lock_attempts,
            opening: opener(self.run, self.lease.clone()),
            first_ever: false,
            online,
        }
    }

    /// Opens a new session for the next migration. Returns whether it is still pending: while the lock
    /// was released for a moment, another run may have applied it.
    async fn renew(&mut self, migration: &Migration, record: Option<&Record>) -> anyhow::Result<bool> {
        opener(self.run, self.lease.clone())
            .renew(self.ctx, &mut self.session, &self.database)
            .await?;
        let records = self.history.load(&mut self.session).await?;
        let now = records.iter().find(|now| now.version == migration.version);
        if now == record {
            return Ok(true);
        }
        match (now, record) {
            (Some(now), None) if now.state == history::RecordState::Applied => {}
            (Some(now), Some(before)) if now.state.complete() && !before.state.complete() => {}
            (None, Some(_)) => {}
            _ => return Err(MigrateFailure::Overtaken.into()),
        }
        self.ctx
            .report
            .status(format!("{}: applied by another run meanwhile", migration.name));
        Ok(false)
    }

    pub(crate) async fn down(
        &mut self,
        folder: &Folder,
        version: Option<&str>,
        yes: bool,
    ) -> anyhow::Result<ApplyOutcome> {
        self.lock().await?;
        let records = self.history.load(&mut self.session).await?;
        let items = compare(folder, &records);
        let targets = repair::to_roll_back(folder, &items, version, self.options, &self.ctx.cancel)?;
        if !yes && !targets.is_empty() {
            let names: Vec<&str> = targets
                .iter()
                .map(|(migration, _)| migration.name.as_str())
                .collect();
            let question = format!("Roll back {} of {}?", names.join(", "), self.database);
            if !self.ctx.report.confirm(&self.ctx.cancel, &question).await? {
                return Err(MigrateFailure::RollBackDeclined.into());
            }
        }
        if !targets.is_empty() {
            self.warn_of_ddl();
            self.create_history().await?;
        }
        let started = Instant::now();
        let mut applied: Vec<AppliedMigration> = Vec::new();
        let online = OnlineStatements::none(&OnlineSettings::default());
        let rolled_back: Vec<Version> = targets.iter().map(|(migration, _)| migration.version).collect();
        for (number, (migration, record)) in targets.into_iter().enumerate() {
            if number > 0 && !self.renew(migration, Some(record)).await? {
                continue;
            }
            applied.push(
                self.runner(&online)
                    .run(migration, Direction::Down, Some(record), record.out_of_order)
                    .await?,
            );
        }
        let left: Vec<MigrationStatus<'_>> = items
            .into_iter()
            .filter(|item| !rolled_back.contains(&item.version))
            .collect();
        let version = newest(&left).map(str::to_owned);
        Ok(ApplyOutcome {
            name: "migrate-down",
            database: self.database.clone(),
            applied,
            version,
            took: started.elapsed(),
        })
    }
}

fn opener(run: RunOptions, lease: Option<Arc<RunLease>>) -> session_vars::SessionOpener {
    session_vars::SessionOpener {
        ddl_lock_wait: run.ddl_lock_wait,
        lock_wait: run.lock_wait,
        lease,
    }
}

/// The migrations to apply: all pending ones up to the requested version.
fn select<'i>(
    folder: &Folder,
    items: &[MigrationStatus<'i>],
    args: &ApplyOptions,
) -> anyhow::Result<Vec<(&'i Migration, Option<&'i Record>)>> {
    let target = match &args.version {
        Some(version) => Some(folder.find(version)?.version),
        None => None,
    };
    refuse_problems(items, target.filter(|_| args.only))?;
    let is_selected = |item: &&MigrationStatus<'_>| match (target, args.only) {
        (Some(target), true) => item.version == target,
        (Some(target), false) => item.version <= target,
        (None, _) => true,
    };
    Ok(items
        .iter()
        .filter(is_selected)
        .filter(|item| item.standing.is_pending() || item.standing == Status::OutOfOrder)
        .filter_map(|item| Some((item.migration?, item.record)))
        .collect())
}

/// The newest version in the database, as its file writes it.
fn newest<'i>(items: &'i [MigrationStatus<'_>]) -> Option<&'i str> {
    items
        .iter()
        .rev()
        .filter(|item| !item.version.is_repeatable())
        .find(|item| item.record.is_some_and(|record| record.state.complete()))
        .map(MigrationStatus::label)
}

/// `user@machine`, for the record of who applied a migration.
fn local_user() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    // Linux only; elsewhere only the user.
    match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(host) => format!("{user}@{}", host.trim()),
        Err(_) => user,
    }
}

/// Lets the forecast follow a migration's statements.
async fn follow(
    forecast: &mut SchemaForecast<'_>,
    server: &Server,
    options: SplitOptions,
    migration: &Migration,
) -> anyhow::Result<()> {
    let request = PlanRequest {
        options,
        data_too: false,
        ask_rows: false,
        tried: None,
        online: false,
        begun: &[],
    };
    plan::plan(forecast, server, migration, None, &request, |_| Ok(())).await?;
    Ok(())
}
