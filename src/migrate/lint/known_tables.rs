//! The tables that the statements read so far leave behind.

use std::collections::{HashMap, HashSet};

use crate::sql::{Classification, ObjectEffect, ObjectKind, ObjectName, TableDef};

/// The tables that migrations create, as far as their text tells.
#[derive(Debug, Default)]
pub struct KnownTables {
    tables: HashMap<String, TableDef>,
    /// Tables that the migration at hand creates: nothing uses them yet.
    new: HashSet<String>,
    temporary: HashSet<String>,
}

fn key(name: &ObjectName) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}.{}", name.name).to_lowercase(),
        None => name.name.to_lowercase(),
    }
}

impl KnownTables {
    /// Starts the next migration.
    pub fn begin_migration(&mut self) {
        self.new.clear();
        self.temporary.clear();
    }

    /// Whether the migration at hand creates it, or it is temporary: no application uses it.
    pub fn is_new(&self, name: &ObjectName) -> bool {
        let key = key(name);
        self.new.contains(&key) || self.temporary.contains(&key)
    }

    /// The table, if a migration creates it in its text.
    pub fn get(&self, name: &ObjectName) -> Option<&TableDef> {
        self.tables.get(&key(name))
    }

    /// All tables, with their names in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TableDef)> {
        self.tables.iter().map(|(name, table)| (name.as_str(), table))
    }

    /// The tables after a statement.
    pub fn follow(&mut self, statement: &str, found: &Classification) {
        for object in found
            .objects
            .iter()
            .filter(|object| object.kind == ObjectKind::Table)
        {
            let key = key(&object.name);
            match &object.effect {
                ObjectEffect::Create if found.temporary => drop(self.temporary.insert(key)),
                ObjectEffect::Create if found.idempotent && self.tables.contains_key(&key) => {}
                ObjectEffect::Create => {
                    self.tables
                        .insert(key.clone(), TableDef::parse(statement).unwrap_or_default());
                    self.new.insert(key);
                }
                ObjectEffect::Drop => {
                    if !self.temporary.remove(&key) {
                        self.tables.remove(&key);
                        self.new.remove(&key);
                    }
                }
                ObjectEffect::Rename(to) => self.rename(&key, to),
                ObjectEffect::Alter | ObjectEffect::Truncate | ObjectEffect::Write => {}
            }
        }
        let Some(object) = found.objects.first() else {
            return;
        };
        let name = match &object.effect {
            ObjectEffect::Rename(to) => to,
            _ => &object.name,
        };
        if let Some(table) = self.tables.get_mut(&key(name)) {
            found.actions.iter().for_each(|action| table.apply(action));
        }
    }

    fn rename(&mut self, from: &str, to: &ObjectName) {
        let to = key(to);
        if let Some(table) = self.tables.remove(from) {
            self.tables.insert(to.clone(), table);
        }
        if self.new.remove(from) {
            self.new.insert(to);
        }
    }
}
