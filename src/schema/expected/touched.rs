//! What pending migrations touch: a snapshot, which is of all migrations, says nothing about that.

use std::collections::BTreeSet;

use crate::exit::Failure;
use crate::migrate::files::{Direction, Folder};
use crate::schema::diff::{Difference, Kind};
use crate::schema::model::{Schema, Text};
use crate::sql::{self, ObjectEffect, SplitOptions};

/// Objects that migrations touch.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// In lower case.
    names: BTreeSet<String>,
    /// Whether some statement hides what it touches.
    all: bool,
}

impl Touched {
    /// What the migrations of the folder touch.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn by(folder: &Folder, options: SplitOptions) -> Result<Touched, Failure> {
        let mut touched = Touched::default();
        for migration in &folder.migrations {
            let mut statements = migration.script(Direction::Up, options).open()?;
            while let Some(statement) = statements.next()? {
                let found = sql::classify(&statement.text);
                touched.all |= found.opaque;
                for object in found.objects {
                    touched.names.insert(object.name.name.to_lowercase());
                    if let ObjectEffect::Rename(to) = object.effect {
                        touched.names.insert(to.name.to_lowercase());
                    }
                }
            }
        }
        Ok(touched)
    }

    /// Whether a difference may be what the migrations will change. Foreign keys follow the tables they
    /// refer to.
    pub(crate) fn covers(&self, one: &Difference, expected: &Schema, live: &Schema) -> bool {
        let named = |name: Text| self.names.contains(&name.to_lowercase());
        let parent = |schema: &Schema, key: Text| {
            let table = schema.tables.get(&one.table?)?;
            Some(named(table.foreign_keys.get(&key)?.table))
        };
        let refers = one.kind == Kind::ForeignKey
            && [parent(expected, one.name), parent(live, one.name_there())].contains(&Some(true));
        self.all
            || named(one.name) && one.table.is_none_or(|table| table == one.name)
            || one.table.is_some_and(named)
            || (one.kind == Kind::Trigger && named(one.name))
            || refers
    }
}
