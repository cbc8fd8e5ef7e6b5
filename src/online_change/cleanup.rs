//! After the swap: the table's own triggers and foreign keys get their names back, and what was needed is removed.
//!
//! A trigger's name is taken by the former table's until that is dropped. The shadow's has the same body behind a
//! question whether the table has its own trigger yet: so the body runs once for each row at every moment, also if
//! the run dies here.

use super::names::ObjectNames;
use super::prepare::foreign_keys_to_rename;
use super::record::ChangeRecord;
use super::table::{OwnTrigger, TriggerText};
use super::{Change, Owner, table};
use crate::db::{Query, quote_name};
use crate::sql::{foreign_key_texts, trigger_body};

/// The trigger of the shadow that stands for one of the table's own.
pub(super) fn guarded_trigger(
    database: &str,
    table: &str,
    names: &ObjectNames,
    trigger: &OwnTrigger,
    create: &str,
) -> String {
    let definer = definer(&trigger.definer);
    format!(
        "CREATE DEFINER={definer} TRIGGER {db}.{name} {timing} {event} ON {db}.{shadow} FOR EACH ROW BEGIN IF NOT \
         EXISTS (SELECT 1 FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {schema} AND TRIGGER_NAME = {own} \
         AND EVENT_OBJECT_TABLE = {on}) THEN {body}; END IF; END",
        db = quote_name(database),
        name = quote_name(&names.own_trigger(&trigger.name)),
        timing = trigger.timing,
        event = trigger.event,
        shadow = quote_name(&names.shadow),
        schema = literal(database),
        own = literal(&trigger.name),
        on = literal(table),
        body = trigger_body(create).unwrap_or_default(),
    )
}

/// `user@host` as the server shows it, quoted.
fn definer(account: &str) -> String {
    match account.rsplit_once('@') {
        Some((user, host)) => format!("{}@{}", quote_name(user), quote_name(host)),
        None => quote_name(account),
    }
}

/// A text as a literal that no sql_mode reads in another way.
fn literal(text: &str) -> String {
    format!("_utf8mb4 X'{}'", crate::hex::encode(text.as_bytes()))
}

impl<O: Owner> Change<'_, O> {
    /// Everything after the swap. Each step may have been done by an earlier run.
    pub(super) async fn clean_up(&mut self, record: &ChangeRecord) -> anyhow::Result<()> {
        self.restore_triggers(&record.triggers).await?;
        self.restore_foreign_keys(&record.definition).await?;
        let old = self.names.old.clone();
        if self.settings.keep_old {
            for trigger in self.names.triggers.clone() {
                let name = self.qualified(&trigger);
                self.worker
                    .execute(format!("DROP TRIGGER IF EXISTS {name}"))
                    .await?;
            }
            self.report.old = Some(old);
        } else {
            let old = self.qualified(&old);
            self.worker
                .execute(Query::new(format!("DROP TABLE IF EXISTS {old}")).timeout(None))
                .await?;
        }
        for name in [self.names.log.clone(), self.names.probe.clone()] {
            let name = self.qualified(&name);
            self.worker
                .execute(format!("DROP TABLE IF EXISTS {name}"))
                .await?;
        }
        Ok(())
    }

    /// Runs a statement of the worker in the modes that a trigger was created in.
    pub(super) async fn in_mode_of(&mut self, trigger: &OwnTrigger, sql: &str) -> anyhow::Result<()> {
        let mode: Option<String> = self.worker.first("SELECT @@SESSION.sql_mode").await?;
        let set = Query::new("SET SESSION sql_mode = ?").bind(&trigger.sql_mode);
        self.worker.execute(set).await?;
        let charsets = format!(
            "SET NAMES {} COLLATE {}",
            word(&trigger.charset),
            word(&trigger.collation)
        );
        let known = self.worker.execute(charsets).await;
        let ran = match known {
            Ok(_) => self.under_table_lock(sql).await,
            Err(error) => Err(error.into()),
        };
        self.worker.execute("SET NAMES utf8mb4").await?;
        let back = Query::new("SET SESSION sql_mode = ?").bind(mode.unwrap_or_default());
        self.worker.execute(back).await?;
        ran
    }

    /// Gives the table its own triggers under their own names.
    async fn restore_triggers(&mut self, own: &[TriggerText]) -> anyhow::Result<()> {
        if own.is_empty() {
            return Ok(());
        }
        let (database, table, old) = (
            self.request.database.clone(),
            self.request.table.clone(),
            self.names.old.clone(),
        );
        let former = table::triggers(&mut self.worker, &database, &old, &self.names.triggers).await?;
        let here = table::triggers(&mut self.worker, &database, &table, &[]).await?;
        for (name, create) in own {
            let named = |triggers: &[OwnTrigger], name: &str| {
                triggers.iter().find(|trigger| trigger.name == name).cloned()
            };
            let before = named(&former, name);
            let stand_in = named(&here, &self.names.own_trigger(name));
            if before.is_some() {
                // Nobody uses the former table.
                let qualified = self.qualified(name);
                self.worker.execute(format!("DROP TRIGGER {qualified}")).await?;
            }
            if let (None, Some(modes)) = (named(&here, name), stand_in.or(before)) {
                self.in_mode_of(&modes, create).await?;
            }
            let stand_in = self.qualified(&self.names.own_trigger(name));
            self.under_table_lock(&format!("DROP TRIGGER IF EXISTS {stand_in}"))
                .await?;
        }
        Ok(())
    }

    /// Gives foreign keys their names back. No row is checked again: each was when it was copied.
    async fn restore_foreign_keys(&mut self, definition: &str) -> anyhow::Result<()> {
        let (database, table) = (self.request.database.clone(), self.request.table.clone());
        let renames = foreign_keys_to_rename(&self.names, definition);
        let now = table::definition(&mut self.worker, &database, &table)
            .await?
            .unwrap_or_default();
        let keys = foreign_key_texts(&now);
        let mut clauses = Vec::new();
        let mut taken = Vec::new();
        for (made, own) in &renames {
            if let Some(key) = keys.iter().find(|key| key.name == *made) {
                clauses.push(format!("DROP FOREIGN KEY {}", quote_name(made)));
                clauses.push(format!("ADD CONSTRAINT {} {}", quote_name(own), key.definition));
                taken.push(own.clone());
            }
        }
        if clauses.is_empty() {
            return Ok(());
        }
        self.free_foreign_key_names(&taken).await?;
        self.worker.execute("SET SESSION foreign_key_checks = 0").await?;
        let sql = format!("ALTER TABLE {} {}", self.qualified(&table), clauses.join(", "));
        let renamed = self.under_table_lock(&sql).await;
        self.worker.execute("SET SESSION foreign_key_checks = 1").await?;
        renamed
    }

    /// Takes names from the former table.
    async fn free_foreign_key_names(&mut self, taken: &[String]) -> anyhow::Result<()> {
        let old = self.names.old.clone();
        let definition = table::definition(&mut self.worker, &self.request.database, &old).await?;
        let drops: Vec<String> = foreign_key_texts(&definition.unwrap_or_default())
            .iter()
            .filter(|key| taken.contains(&key.name))
            .map(|key| format!("DROP FOREIGN KEY {}", quote_name(&key.name)))
            .collect();
        if !drops.is_empty() {
            let sql = format!("ALTER TABLE {} {}", self.qualified(&old), drops.join(", "));
            self.worker.execute(sql).await?;
        }
        Ok(())
    }
}

/// A name of a character set or collation; anything else would be no name.
fn word(text: &str) -> &str {
    if text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        text
    } else {
        "utf8mb4"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_asks_for_the_trigger_it_stands_for() {
        let trigger = OwnTrigger {
            name: "o'd`d".to_owned(),
            timing: "BEFORE".to_owned(),
            event: "INSERT".to_owned(),
            definer: "a@b@%".to_owned(),
            sql_mode: String::new(),
            charset: "utf8mb4".to_owned(),
            collation: "utf8mb4_bin".to_owned(),
        };
        let names = ObjectNames::new("d", "t");
        let body = "BEGIN IF (NEW.a = 'x') THEN SET NEW.a = 1; END IF; END";
        let create = format!("CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW {body}");
        let sql = guarded_trigger("d", "t", &names, &trigger, &create);
        assert!(sql.starts_with("CREATE DEFINER=`a@b`@`%` TRIGGER `d`."), "{sql}");
        assert!(sql.contains("TRIGGER_NAME = _utf8mb4 X'6f2764"), "{sql}");
        assert!(sql.ends_with(&format!("THEN {body}; END IF; END")), "{sql}");
    }
}
