//! The shadow's foreign keys while rows are copied.
//!
//! A change of another table's row reaches rows of the shadow by them alone (CASCADE, SET NULL), as it reaches those of
//! the table. But the shadow also has rows for a moment that the application has deleted, and a key that restricts
//! would refuse it to delete, then, the row that they refer to. So a key that restricts cascades until the swap: the
//! table's own key allows the deletion only if the table has no such row, and then the shadow must not have one either.
//! Under the swap's lock, when both have the same rows, each key gets its own definition, without a look at the rows.
//!
//! Where no key of the table changes rows by itself, the shadow may do without keys until then, and does so where it must:
//! if the table refers to itself, and where the server's SQL layer follows foreign keys (MySQL since 9.6, unless
//! innodb_native_foreign_keys is on): there, changes of the referenced table were measured to do nothing, without an
//! error, while rows of the shadow were locked (9.7).

use super::{Change, Owner, Route, table};
use crate::db::{Query, quote_name};
use crate::sql::{ForeignKeyText, foreign_key_texts, key_with_columns};

/// Ends of a definition, with what they become.
const ACTIONS: [&str; 2] = ["ON DELETE", "ON UPDATE"];

impl<O: Owner> Change<'_, O> {
    /// Lets every foreign key of the shadow cascade that would restrict.
    pub(super) async fn loosen_foreign_keys(&mut self) -> anyhow::Result<()> {
        let keys = self.shadow_keys().await?;
        if self.detaches {
            let drop = |key: &ForeignKeyText| format!("DROP FOREIGN KEY {}", quote_name(&key.name));
            let clauses: Vec<String> = keys.iter().map(drop).collect();
            return self.alter_shadow_keys(&clauses).await;
        }
        let clauses: Vec<String> = keys
            .iter()
            .filter(|key| !self.names.is_loose(&key.name))
            .flat_map(|key| {
                let loose = self.names.loose(&key.name);
                replace(&key.name, &loose, &loosened(&key.definition))
            })
            .collect();
        self.alter_shadow_keys(&clauses).await
    }

    /// Gives every foreign key of the shadow its own definition: the table's, under the columns' new names.
    pub(super) async fn tighten_foreign_keys(
        &mut self,
        route: &Route,
        definition: &str,
    ) -> anyhow::Result<()> {
        let own = foreign_key_texts(definition);
        if own.is_empty() {
            // Nothing is asked of the server while the tables are locked.
            return Ok(());
        }
        if self.detaches {
            let clauses = self.detached_keys(route, &own);
            return self.alter_shadow_keys(&clauses).await;
        }
        let keys = self.shadow_keys().await?;
        let clauses: Vec<String> = own
            .iter()
            .filter_map(|own| {
                let name = self.names.constraint(&own.name);
                let loose = self.names.loose(&name);
                let key = keys.iter().find(|key| key.name == loose)?;
                Some(replace(
                    &loose,
                    &name,
                    &with_actions(&key.definition, &own.definition),
                ))
            })
            .flatten()
            .collect();
        self.alter_shadow_keys(&clauses).await
    }

    /// The clauses that add the keys which the statement leaves.
    fn detached_keys(&self, route: &Route, own: &[ForeignKeyText]) -> Vec<String> {
        let mut after = route.old_def.clone();
        for action in &self.found.actions {
            after.apply(action);
        }
        let stays = |key: &&ForeignKeyText| {
            after.foreign_keys.iter().any(|left| {
                left.name
                    .as_ref()
                    .is_some_and(|name| name.eq_ignore_ascii_case(&key.name))
            })
        };
        own.iter()
            .filter(stays)
            .map(|key| {
                let to_itself = refers_to(&key.definition, &self.request.table);
                let text = key_with_columns(&key.definition, to_itself, &|name| route.mapping.new_name(name));
                format!(
                    "ADD CONSTRAINT {} {}",
                    quote_name(&self.names.constraint(&key.name)),
                    self.to_shadow(&text)
                )
            })
            .collect()
    }

    /// A part of the table's definition, in which what refers to the table refers to the shadow.
    pub(super) fn to_shadow(&self, text: &str) -> String {
        let (from, to) = (reference(&self.request.table), reference(&self.names.shadow));
        let lines: Vec<String> = text
            .split('\n')
            .map(|line| {
                let start = line.trim_start();
                let is_key = start.starts_with("CONSTRAINT ") || start.starts_with("FOREIGN KEY ");
                if is_key {
                    line.replace(&from, &to)
                } else {
                    line.to_owned()
                }
            })
            .collect();
        lines.join("\n")
    }

    async fn shadow_keys(&mut self) -> anyhow::Result<Vec<ForeignKeyText>> {
        let (database, shadow) = (&self.request.database, &self.names.shadow);
        let shadow = table::definition(&mut self.worker, database, shadow).await?;
        Ok(foreign_key_texts(&shadow.unwrap_or_default()))
    }

    async fn alter_shadow_keys(&mut self, clauses: &[String]) -> anyhow::Result<()> {
        if clauses.is_empty() {
            return Ok(());
        }
        let shadow = self.qualified(&self.names.shadow);
        self.worker.execute("SET SESSION foreign_key_checks = 0").await?;
        let sql = format!("ALTER TABLE {shadow} {}", clauses.join(", "));
        let altered = self.worker.execute(Query::new(sql).timeout(None)).await;
        self.worker.execute("SET SESSION foreign_key_checks = 1").await?;
        altered?;
        Ok(())
    }
}

/// The words by which a foreign key refers to a table of its database.
fn reference(table: &str) -> String {
    format!("REFERENCES {} (", quote_name(table))
}

fn refers_to(definition: &str, table: &str) -> bool {
    definition.contains(&reference(table))
}

/// Whether a table has a foreign key to itself.
pub(super) fn refers_to_itself(definition: &str, table: &str) -> bool {
    let keys = foreign_key_texts(definition);
    keys.iter().any(|key| refers_to(&key.definition, table))
}

fn replace(name: &str, by: &str, definition: &str) -> [String; 2] {
    [
        format!("DROP FOREIGN KEY {}", quote_name(name)),
        format!("ADD CONSTRAINT {} {definition}", quote_name(by)),
    ]
}

/// What of a definition comes before its actions, and the actions, each empty where the server's default holds.
fn parts(definition: &str) -> (&str, [&str; 2]) {
    // After the referenced columns: a name may have any words.
    let end = definition.rfind(')').map_or(definition.len(), |at| at + 1);
    let (head, tail) = definition.split_at(end);
    let action = |name: &str| {
        let Some(start) = tail.find(name) else { return "" };
        let rest = &tail[start + name.len()..];
        let length = ACTIONS.iter().filter_map(|other| rest.find(other)).min();
        rest[..length.unwrap_or(rest.len())].trim()
    };
    (head, ACTIONS.map(action))
}

/// A definition that refuses nothing.
fn loosened(definition: &str) -> String {
    let (head, actions) = parts(definition);
    let mut text = head.to_owned();
    for (name, action) in ACTIONS.iter().zip(actions) {
        let kept = action.starts_with("CASCADE") || action.starts_with("SET ");
        text += &format!(" {name} {}", if kept { action } else { "CASCADE" });
    }
    text
}

/// A definition with the actions of another.
fn with_actions(definition: &str, own: &str) -> String {
    let (head, _) = parts(definition);
    let (_, actions) = parts(own);
    let mut text = head.to_owned();
    for (name, action) in ACTIONS.iter().zip(actions) {
        if !action.is_empty() {
            text += &format!(" {name} {action}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_restricts_cascades_for_a_while() {
        let key = |actions: &str| format!("FOREIGN KEY (`a`) REFERENCES `p ON DELETE` (`id`){actions}");
        for (own, loose) in [
            ("", " ON DELETE CASCADE ON UPDATE CASCADE"),
            (" ON DELETE NO ACTION", " ON DELETE CASCADE ON UPDATE CASCADE"),
            (
                " ON DELETE SET NULL ON UPDATE RESTRICT",
                " ON DELETE SET NULL ON UPDATE CASCADE",
            ),
            (" ON UPDATE CASCADE", " ON DELETE CASCADE ON UPDATE CASCADE"),
            (
                " ON DELETE SET DEFAULT",
                " ON DELETE SET DEFAULT ON UPDATE CASCADE",
            ),
        ] {
            assert_eq!(loosened(&key(own)), key(loose), "{own}");
            assert_eq!(with_actions(&key(loose), &key(own)), key(own), "{own}");
        }
    }
}
