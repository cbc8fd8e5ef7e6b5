//! Creates the shadow, the log and the triggers, or takes over those of an earlier run.

use super::foreign_keys::refers_to_itself;
use super::key::{CopyKey, KeyRange};
use super::mapping::Mapping;
use super::names::ObjectNames;
use super::record::{ChangeRecord, Phase};
use super::table::{OwnTrigger, TriggerText};
use super::{Change, Interruption, Owner, Refusal, Route, room, table};
use crate::batch::Backoff;
use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, Session, quote_name, quote_qualified};
use crate::sql::{
    AlterAction, Classification, ConstraintKind, ObjectEffect, ObjectKind, PartitionChange, StatementClass,
    TableDef, alter_of_copy, create_of_copy, foreign_key_texts,
};

/// Settings of the connection that copies. Values are stored as ALTER TABLE stores them: one that does not fit is an
/// error, and what the table has already (a zero date, a number 0 under AUTO_INCREMENT) is kept.
const WORKER_SETTINGS: [&str; 9] = [
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION autocommit = 1",
    "SET SESSION completion_type = 0",
    "SET SESSION sql_safe_updates = 0",
    "SET SESSION foreign_key_checks = 1",
    "SET SESSION unique_checks = 1",
    "SET SESSION sql_quote_show_create = 1",
    "SET SESSION innodb_lock_wait_timeout = 5",
];

/// Limits of the server's own that would end long statements, each of one family.
const NO_LIMITS: [&str; 3] = [
    "SET SESSION max_statement_time = 0",
    "SET SESSION max_execution_time = 0",
    "SET SESSION information_schema_stats_expiry = 0",
];

/// Whether InnoDB does what foreign keys do by themselves; a server without the variable knows no other way.
const NATIVE_KEYS: &str = "SELECT @@innodb_native_foreign_keys";

const COLUMN_TYPES: &str = "SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME \
  FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
const EXISTING: &str = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?, ?, ?, ?) \
  UNION ALL SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? AND TRIGGER_NAME IN (?, ?, ?)";

/// Refuses a statement that a copy of the rows cannot do.
pub(super) fn refuse_statement(found: &Classification) -> Result<(), Refusal> {
    // It has a second name.
    if found
        .actions
        .iter()
        .any(|action| matches!(action, AlterAction::RenameTable(_)))
    {
        return Err(Refusal::Action("RENAME"));
    }
    let [object] = found.objects.as_slice() else {
        return Err(Refusal::NotOneTable);
    };
    let alters = found.class == StatementClass::Ddl
        && object.kind == ObjectKind::Table
        && object.effect == ObjectEffect::Alter
        && !found.actions.is_empty()
        && !found.temporary;
    if !alters {
        return Err(Refusal::NotOneTable);
    }
    for action in &found.actions {
        if let Some(what) = refused_action(action) {
            return Err(Refusal::Action(what));
        }
    }
    Ok(())
}

fn refused_action(action: &AlterAction) -> Option<&'static str> {
    Some(match action {
        // Until the swap it would hold for the copy alone, and cascades would take rows from that.
        AlterAction::AddForeignKey(_) => "a new foreign key",
        AlterAction::Tablespace => "DISCARD or IMPORT TABLESPACE",
        AlterAction::Versioning { .. } | AlterAction::Period => "SYSTEM VERSIONING or PERIOD",
        AlterAction::OrderBy => "ORDER BY",
        AlterAction::Keys { .. } => "ENABLE or DISABLE KEYS",
        AlterAction::Unknown(_) => "a clause that dbtool does not know",
        AlterAction::Optimize | AlterAction::Repair | AlterAction::Check | AlterAction::Analyze => {
            "no change of the definition"
        }
        AlterAction::Partition(
            PartitionChange::Drop
            | PartitionChange::Truncate
            | PartitionChange::Exchange { .. }
            | PartitionChange::Rebuild
            | PartitionChange::Optimize
            | PartitionChange::Repair
            | PartitionChange::Check
            | PartitionChange::Analyze
            | PartitionChange::Other,
        ) => "an operation on single partitions",
        AlterAction::Option { name, .. }
            if name == "ENGINE" || name == "TYPE" || name == "AUTO_INCREMENT" =>
        {
            "ENGINE or AUTO_INCREMENT"
        }
        AlterAction::Option { name, .. } if name == "DIRECTORY" || name == "TABLESPACE" => {
            "a place for its data"
        }
        _ => return None,
    })
}

/// Removes everything that a change has created beside the table, and its triggers on it.
///
/// # Errors
/// A statement fails.
pub(super) async fn remove_objects(
    session: &mut Session,
    database: &str,
    names: &ObjectNames,
) -> Result<(), DbError> {
    let qualified = |name: &str| quote_qualified(database, name);
    for trigger in &names.triggers {
        session
            .execute(format!("DROP TRIGGER IF EXISTS {}", qualified(trigger)))
            .await?;
    }
    for table in [&names.probe, &names.log, &names.shadow, &names.old] {
        session
            .execute(Query::new(format!("DROP TABLE IF EXISTS {}", qualified(table))).timeout(None))
            .await?;
    }
    Ok(())
}

impl<O: Owner> Change<'_, O> {
    pub(super) async fn set_up_worker(&mut self) -> Result<(), DbError> {
        for setting in WORKER_SETTINGS {
            self.worker.execute(setting).await?;
        }
        for setting in NO_LIMITS {
            match self.worker.execute(setting).await {
                Err(error) if error.is_unknown_variable() => {}
                other => drop(other?),
            }
        }
        self.worker
            .execute(format!("USE {}", quote_name(&self.request.database)))
            .await?;
        let wait = format!(
            "SET SESSION lock_wait_timeout = {}",
            self.settings.lock_wait.max(1)
        );
        self.worker.execute(wait).await?;
        match self.worker.first::<u8>(NATIVE_KEYS).await {
            Err(error) if error.is_unknown_variable() => {}
            other => self.sql_cascades = other? == Some(0),
        }
        // A time stamp's text depends on it.
        let zone: Option<String> = self.owner.session().first("SELECT @@SESSION.time_zone").await?;
        let zone = Query::new("SET SESSION time_zone = ?").bind(zone.unwrap_or_default());
        self.worker.execute(zone).await.map(drop)
    }

    /// Looks at the table, refuses what cannot be done, and records that the change begins.
    pub(super) async fn begin(&mut self) -> anyhow::Result<ChangeRecord> {
        let (database, table) = (&self.request.database, &self.request.table);
        let refuse = |refusal: Refusal| refusal.failure(table);
        let definition = table::definition(&mut self.worker, database, table)
            .await?
            .ok_or_else(|| refuse(Refusal::NoTable))?;
        self.refuse_table(&definition).await?;
        self.refuse_taken_names().await?;
        let triggers = self.own_trigger_texts().await?;
        let (rows_estimated, bytes) = table::estimated_size(&mut self.worker, database, table).await?;
        let needed = room::needed(bytes);
        if let Some(room) = room::free(&mut self.worker)
            .await?
            .filter(|room| room.free < needed)
        {
            return Err(refuse(Refusal::NoRoom { needed, room }).into());
        }
        let record = ChangeRecord {
            owner: self.request.owner.clone(),
            statement: self.request.statement.clone(),
            phase: Phase::Preparing,
            position: None,
            rows_copied: 0,
            rows_estimated,
            definition,
            triggers,
            pause: false,
            hold: self.settings.hold || self.settings.swap_at.is_some(),
        };
        self.records.create(&mut self.worker).await?;
        self.records.begin(&mut self.worker, table, &record).await?;
        Ok(record)
    }

    /// The table's own triggers, with the statements that create them.
    pub(super) async fn own_triggers(&mut self) -> Result<Vec<(OwnTrigger, TriggerText)>, DbError> {
        let (database, table) = (&self.request.database, &self.request.table);
        let own = table::triggers(&mut self.worker, database, table, &self.names.triggers).await?;
        table::with_texts(&mut self.worker, database, own).await
    }

    /// The statements alone, for the record.
    async fn own_trigger_texts(&mut self) -> Result<Vec<TriggerText>, DbError> {
        let own = self.own_triggers().await?;
        Ok(own.into_iter().map(|(_, text)| text).collect())
    }

    /// Refuses a table that cannot be changed in this way.
    async fn refuse_table(&mut self, definition: &str) -> anyhow::Result<()> {
        let (database, table) = (&self.request.database, &self.request.table);
        let refuse = |refusal: Refusal| Err(refusal.failure(table).into());
        let Some(def) = TableDef::parse(definition) else {
            return refuse(Refusal::NotOneTable);
        };
        if let Some(engine) = def.engine.as_deref().filter(|engine| *engine != "innodb") {
            return refuse(Refusal::Engine(engine.to_owned()));
        }
        if def.versioned {
            return refuse(Refusal::Versioned);
        }
        if let Some(option) = table::place_of_its_own(&def) {
            return refuse(Refusal::Placed(option));
        }
        if !self.names.are_in_order() {
            return refuse(Refusal::NameTooLong);
        }
        if self.server.has_checks_by_database() {
            let named = def
                .checks
                .iter()
                .flatten()
                .find(|check| !self.names.follows_rename(&self.names.constraint(check)));
            if let Some(check) = named {
                return refuse(Refusal::NamedCheck(check.clone()));
            }
        }
        let to_itself = refers_to_itself(definition, table);
        if (to_itself || self.sql_cascades) && table::is_changed_by_others(definition) {
            return refuse(Refusal::Cascades { to_itself });
        }
        let mut referencing = table::referencing(&mut self.worker, database, table).await?;
        referencing.retain(|other| !(to_itself && other == table));
        if !referencing.is_empty() {
            return refuse(Refusal::Referenced(referencing));
        }
        self.refuse_definers().await
    }

    /// Refuses triggers that run as an account which this one may not name.
    async fn refuse_definers(&mut self) -> anyhow::Result<()> {
        let (database, table) = (&self.request.database, &self.request.table);
        let triggers = table::triggers(&mut self.worker, database, table, &self.names.triggers).await?;
        if triggers.is_empty() {
            return Ok(());
        }
        let account: Option<String> = self.worker.first("SELECT CURRENT_USER()").await?;
        let account = account.unwrap_or_default();
        let other = triggers.iter().find(|trigger| trigger.definer != account);
        let Some(trigger) = other else { return Ok(()) };
        let grants: Vec<String> = self.worker.rows("SHOW GRANTS").await?;
        let words = [
            "SUPER",
            "SET USER",
            "SET_USER_ID",
            "SET_ANY_DEFINER",
            "ALL PRIVILEGES ON *.*",
        ];
        if grants
            .iter()
            .any(|grant| words.iter().any(|word| grant.contains(word)))
        {
            return Ok(());
        }
        let refusal = Refusal::Definer {
            trigger: trigger.name.clone(),
            definer: trigger.definer.clone(),
        };
        Err(refusal.failure(table).into())
    }

    /// Refuses where somebody else's object has one of the names.
    async fn refuse_taken_names(&mut self) -> anyhow::Result<()> {
        let names = &self.names;
        let [insert, update, delete] = &names.triggers;
        let query = Query::new(EXISTING)
            .bind(&self.request.database)
            .bind(&names.shadow)
            .bind(&names.log)
            .bind(&names.old)
            .bind(&names.probe)
            .bind(&self.request.database)
            .bind(insert)
            .bind(update)
            .bind(delete);
        let taken: Option<String> = self.worker.first(query).await?;
        match taken {
            Some(name) => Err(Refusal::NameTaken(name).failure(&self.request.table).into()),
            None => Ok(()),
        }
    }

    /// The shadow, the log and the triggers: those of an earlier run if they are whole, else new ones.
    pub(super) async fn ready(&mut self, mut record: ChangeRecord) -> anyhow::Result<(ChangeRecord, Route)> {
        let (database, table) = (&self.request.database, &self.request.table);
        let definition = table::definition(&mut self.worker, database, table)
            .await?
            .ok_or_else(|| Refusal::NoTable.failure(table))?;
        let same = table::without_counter(&definition) == table::without_counter(&record.definition);
        if record.phase != Phase::Preparing {
            if same && self.is_whole().await? {
                self.detaches = self.detaches_keys_of(&definition);
                self.remove_swap_preparations().await?;
                let route = self.route(&definition).await?;
                return Ok((record, route));
            }
            self.ctx.report.status(format!(
                "the copy of {table} is not whole any more: starting again"
            ));
        }
        remove_objects(&mut self.worker, database, &self.names).await?;
        if !same || record.phase != Phase::Preparing {
            self.refuse_table(&definition).await?;
            record = ChangeRecord {
                phase: Phase::Preparing,
                position: None,
                rows_copied: 0,
                definition: definition.clone(),
                triggers: self.own_trigger_texts().await?,
                ..record
            };
            self.records.restart(&mut self.worker, table, &record).await?;
        }
        let route = match self.create_objects(&definition).await {
            Ok(route) => route,
            Err(error) => {
                // Nothing counts yet: leave nothing, as far as that is possible.
                let removed = remove_objects(&mut self.worker, database, &self.names).await;
                if removed.is_ok() {
                    let _ = self.records.forget(&mut self.worker, table).await;
                }
                return Err(error);
            }
        };
        self.enter(Phase::Copying).await?;
        record.phase = Phase::Copying;
        Ok((record, route))
    }

    fn detaches_keys_of(&self, definition: &str) -> bool {
        self.sql_cascades || refers_to_itself(definition, &self.request.table)
    }

    /// Whether the objects of an earlier run are all there. A server that crashed may have lost the last of them.
    async fn is_whole(&mut self) -> Result<bool, DbError> {
        let (database, table) = (&self.request.database, &self.request.table);
        for name in [&self.names.shadow, &self.names.log] {
            if table::definition(&mut self.worker, database, name)
                .await?
                .is_none()
            {
                return Ok(false);
            }
        }
        let triggers = table::triggers(&mut self.worker, database, table, &[]).await?;
        let has = |name: &String| triggers.iter().any(|trigger| trigger.name == *name);
        Ok(self.names.triggers.iter().all(has))
    }

    async fn create_objects(&mut self, definition: &str) -> anyhow::Result<Route> {
        let keys = foreign_key_names(definition);
        let rename = |kind: ConstraintKind, name: &str| self.constraint_name(kind, name, &keys);
        let shadow = self.qualified(&self.names.shadow);
        let create = create_of_copy(&self.to_shadow(definition), &shadow, &rename);
        let alter = alter_of_copy(&self.request.statement, &shadow, &rename);
        let (Some(create), Some(alter)) = (create, alter) else {
            return Err(Refusal::NotOneTable.failure(&self.request.table).into());
        };
        self.worker.execute(create).await?;
        self.detaches = self.detaches_keys_of(definition);
        // In the run's own session: its sql_mode and its character sets count.
        self.owner.session().execute(alter).await?;
        self.loosen_and_compare().await?;
        let route = self.route(definition).await?;
        self.refuse_rows(&route).await?;
        self.refuse_broken_triggers().await?;
        self.create_log(&route).await?;
        self.refuse_without_locks(&route).await?;
        self.create_triggers(&route).await?;
        Ok(route)
    }

    /// Lets the foreign keys of the shadow cascade. Refuses if the server writes something else in other words then:
    /// MySQL does so with some expressions, and the result would not be what the statement alone makes.
    async fn loosen_and_compare(&mut self) -> anyhow::Result<()> {
        let before = self.shadow_definition().await?;
        if foreign_key_texts(&before).is_empty() {
            return Ok(());
        }
        self.loosen_foreign_keys().await?;
        let after = self.shadow_definition().await?;
        match first_difference(&before, &after) {
            Some(line) => Err(Refusal::Reworded(line).failure(&self.request.table).into()),
            None => Ok(()),
        }
    }

    async fn shadow_definition(&mut self) -> Result<String, DbError> {
        let definition =
            table::definition(&mut self.worker, &self.request.database, &self.names.shadow).await?;
        Ok(definition.unwrap_or_default())
    }

    /// Refuses a change after which one of the table's own triggers could not be created: it uses a column that goes.
    async fn refuse_broken_triggers(&mut self) -> anyhow::Result<()> {
        let own = self.own_triggers().await?;
        let created = self.create_guarded_triggers(&own).await;
        self.drop_guarded_triggers().await?;
        let Err(error) = created else { return Ok(()) };
        match error
            .downcast_ref::<DbError>()
            .filter(|error| error.code().is_some())
        {
            Some(error) => Err(Refusal::BrokenTrigger(error.to_string())
                .failure(&self.request.table)
                .into()),
            None => Err(error),
        }
    }

    /// The name of a constraint in the shadow.
    fn constraint_name(&self, kind: ConstraintKind, name: &str, keys: &[String]) -> Option<String> {
        match kind {
            ConstraintKind::ForeignKey => keys
                .iter()
                .any(|key| key.eq_ignore_ascii_case(name))
                .then(|| self.names.constraint(name)),
            // Those that the statement adds have their names already.
            ConstraintKind::Check => {
                let made = self.names.constraint(name);
                (self.server.has_checks_by_database() && self.names.follows_rename(&made)).then_some(made)
            }
        }
    }

    /// How rows get from the table to the shadow that is there.
    pub(super) async fn route(&mut self, definition: &str) -> anyhow::Result<Route> {
        let (database, table) = (&self.request.database, &self.request.table);
        let shadow = table::definition(&mut self.worker, database, &self.names.shadow)
            .await?
            .unwrap_or_default();
        let (Some(old_def), Some(new_def)) = (TableDef::parse(definition), TableDef::parse(&shadow)) else {
            return Err(Refusal::NotOneTable.failure(table).into());
        };
        let mapping = Mapping::new(&old_def, &self.found.actions, &new_def)
            .map_err(|why| Refusal::NewColumn(why).failure(table))?;
        let mut key = CopyKey::choose(&old_def, &new_def, |name| mapping.new_name(name))
            .map_err(|why| Refusal::NoKey(why).failure(table))?;
        self.read_types(&mut key).await?;
        Ok(Route {
            key,
            mapping,
            locks: table::is_changed_by_others(definition),
            table: self.qualified(table),
            shadow: self.qualified(&self.names.shadow),
            log: self.qualified(&self.names.log),
            probe: self.qualified(&self.names.probe),
            old_def,
            new_def,
        })
    }

    async fn read_types(&mut self, key: &mut CopyKey) -> Result<(), DbError> {
        let query = Query::new(COLUMN_TYPES)
            .bind(&self.request.database)
            .bind(&self.request.table);
        let rows: Vec<Row> = self.worker.rows(query).await?;
        for column in &mut key.columns {
            let row = rows
                .iter()
                .find(|row| text(row, 0).is_some_and(|name| name.eq_ignore_ascii_case(&column.name)));
            let Some(row) = row else { continue };
            column.definition = text(row, 1).unwrap_or_default();
            if let (Some(charset), Some(collation)) = (get::<String>(row, 2), get::<String>(row, 3)) {
                column.definition += &format!(" CHARACTER SET {charset} COLLATE {collation}");
            }
        }
        Ok(())
    }

    async fn create_log(&mut self, route: &Route) -> Result<(), DbError> {
        let columns: Vec<String> = (1..)
            .zip(&route.key.columns)
            .map(|(number, column)| format!("k{number} {} NOT NULL", column.definition))
            .collect();
        let sql = format!(
            "CREATE TABLE {} (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, {}) ENGINE=InnoDB \
             COMMENT='keys of rows changed while dbtool copies their table'",
            route.log,
            columns.join(", ")
        );
        self.worker.execute(sql).await.map(drop)
    }

    /// Refuses where the account may not lock tables, which the swap needs, before any row is copied.
    async fn refuse_without_locks(&mut self, route: &Route) -> anyhow::Result<()> {
        let lock = format!("LOCK TABLES {} WRITE, {} WRITE", route.shadow, route.log);
        let locked = self.worker.execute(lock).await;
        self.worker.execute("UNLOCK TABLES").await?;
        match locked {
            Err(error) if error.is_denied() => Err(Refusal::NoLocks(error.to_string())
                .failure(&self.request.table)
                .into()),
            other => other.map(drop).map_err(Into::into),
        }
    }

    /// Creates the triggers. Each needs the table's lock for a moment.
    async fn create_triggers(&mut self, route: &Route) -> anyhow::Result<()> {
        for (name, event) in self
            .names
            .triggers
            .clone()
            .iter()
            .zip(["INSERT", "UPDATE", "DELETE"])
        {
            let sql = format!(
                "CREATE TRIGGER {} AFTER {event} ON {} FOR EACH ROW {}",
                self.qualified(name),
                route.table,
                trigger_body(&route.key, &route.log, event)
            );
            self.under_table_lock(&sql).await?;
        }
        Ok(())
    }

    /// Runs a statement of the worker that needs the table's lock; waits briefly and tries again, since everybody
    /// else who wants the table waits behind it.
    pub(super) async fn under_table_lock(&mut self, sql: &str) -> anyhow::Result<()> {
        let mut attempts = 0;
        let mut backoff = Backoff::default();
        loop {
            attempts += 1;
            let error = match self.worker.execute(Query::new(sql).timeout(None)).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if let Some(refusal) = Refusal::of_trigger(&error) {
                return Err(refusal.failure(&self.request.table).into());
            }
            if !error.is_lock_conflict() || attempts >= self.settings.attempts {
                return Err(error.into());
            }
            self.owner.check().await?;
            let pause = backoff.pause().unwrap_or(std::time::Duration::from_secs(1));
            self.ctx.cancel.sleep(pause).await?;
        }
    }
}

/// What a trigger does: it writes the row's key to the log, and the former one if it differs.
fn trigger_body(key: &CopyKey, log: &str, event: &str) -> String {
    let columns = key.list(super::key::Side::Log);
    let of = |row: &str| {
        let values: Vec<String> = key
            .columns
            .iter()
            .map(|column| format!("{row}.{}", quote_name(&column.name)))
            .collect();
        format!("INSERT INTO {log} ({columns}) VALUES ({})", values.join(", "))
    };
    match event {
        "INSERT" => of("NEW"),
        "DELETE" => of("OLD"),
        _ => {
            let same: Vec<String> = key
                .columns
                .iter()
                .map(|column| format!("OLD.{0} <=> NEW.{0}", quote_name(&column.name)))
                .collect();
            format!(
                "BEGIN {}; IF NOT ({}) THEN {}; END IF; END",
                of("NEW"),
                same.join(" AND "),
                of("OLD")
            )
        }
    }
}

/// The first line of a definition that another one does not have, foreign keys apart.
fn first_difference(before: &str, after: &str) -> Option<String> {
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| !(line.starts_with("  CONSTRAINT ") && line.contains("` FOREIGN KEY (")))
            .map(|line| line.trim().trim_end_matches(',').to_owned())
            .collect()
    };
    let after = lines(after);
    lines(before).into_iter().find(|line| !after.contains(line))
}

/// The whole table.
pub(super) fn everything() -> Option<KeyRange> {
    Some(KeyRange::default())
}

/// The names of the foreign keys that the table has.
fn foreign_key_names(definition: &str) -> Vec<String> {
    foreign_key_texts(definition)
        .into_iter()
        .map(|key| key.name)
        .collect()
}

/// The names that foreign keys of the shadow have until the swap, and those that they get back.
pub(super) fn foreign_keys_to_rename(names: &ObjectNames, definition: &str) -> Vec<(String, String)> {
    foreign_key_names(definition)
        .into_iter()
        .map(|name| (names.constraint(&name), name))
        .filter(|(made, _)| !names.follows_rename(made))
        .collect()
}

impl Interruption {
    /// Whether a definition is another one than it was as the change began.
    pub(super) fn of_definition(now: &str, then: &str) -> Option<Interruption> {
        (table::without_counter(now) != table::without_counter(then))
            .then_some(Interruption::DefinitionChanged)
    }
}
