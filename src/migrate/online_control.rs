//! What a person does to an online change: pause, resume, swap, give up.

use serde_json::json;

use super::Migrator;
use super::failure::MigrateFailure;
use super::options::OnlineControl;
use super::outcome::MessageOutcome;
use crate::online_change;
use crate::online_change::record::{ChangeSummary, Flag, Records};

impl Migrator<'_> {
    /// Sets the flag of a running change that it looks at every two seconds.
    pub(crate) async fn control(
        &mut self,
        control: OnlineControl,
        table: Option<&str>,
    ) -> anyhow::Result<MessageOutcome> {
        let records = Records::new(&self.database);
        let changes = records.all(&mut self.session).await?;
        let table = self.chosen(&changes, table)?;
        let (flag, value, name, line) = match control {
            OnlineControl::Pause => (
                Flag::Pause,
                true,
                "migrate-pause",
                format!("{table}: pauses within two seconds; `dbtool migrate resume` lets it go on"),
            ),
            OnlineControl::Resume => (
                Flag::Pause,
                false,
                "migrate-resume",
                format!("{table}: goes on within a second"),
            ),
            OnlineControl::Swap => (
                Flag::Hold,
                false,
                "migrate-swap",
                format!("{table}: the copy takes its place as soon as it is complete"),
            ),
        };
        records.set(&mut self.session, &table, flag, value).await?;
        Ok(MessageOutcome {
            name,
            json: json!({ "database": self.database, "table": table, "message": line }),
            line,
        })
    }

    /// Gives up the online change of a migration. Its table is as it was.
    pub(super) async fn abandon(&mut self, migration: &str) -> anyhow::Result<String> {
        let changes = Records::new(&self.database).all(&mut self.session).await?;
        let owned = format!("{migration}, ");
        let Some(change) = changes.iter().find(|change| change.owner.starts_with(&owned)) else {
            let name = migration.to_owned();
            return Err(MigrateFailure::NoOnlineChange { name }.into());
        };
        let table = &change.table;
        if online_change::abandon(&mut self.session, &self.database, table).await? {
            return Ok(format!(
                "{migration}: the copy of {table} and its triggers are removed; the table is as it was"
            ));
        }
        Err(MigrateFailure::OnlineChangeIsDone { table: table.clone() }.into())
    }

    /// The table whose change is meant.
    fn chosen(&self, changes: &[ChangeSummary], table: Option<&str>) -> Result<String, MigrateFailure> {
        let running: Vec<String> = changes.iter().map(|change| change.table.clone()).collect();
        let found = match (table, running.as_slice()) {
            (Some(table), _) => running.iter().find(|running| *running == table),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        found.cloned().ok_or_else(|| MigrateFailure::WhichOnlineChange {
            database: self.database.clone(),
            running,
        })
    }
}
