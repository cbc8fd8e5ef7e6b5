//! The objects that pending migrations change: a snapshot, which covers all migrations, cannot be
//! compared for these.

use std::collections::BTreeSet;

use crate::exit::Failure;
use crate::migrate::files::{Direction, Folder};
use crate::schema::diff::{Difference, SchemaObjectKind};
use crate::schema::model::{Schema, Symbol};
use crate::sql::{self, ObjectEffect, SplitOptions};

/// Objects that migrations change.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Names in lower case.
    names: BTreeSet<String>,
    /// Whether the objects of some statement are unknown, so that all count.
    all: bool,
}

impl Touched {
    /// The objects that the migrations of the folder change.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn from_folder(folder: &Folder, options: SplitOptions) -> Result<Touched, Failure> {
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

    /// Whether a difference may result from these migrations. A foreign key is covered if its parent table
    /// is.
    pub(crate) fn covers(&self, difference: &Difference, expected: &Schema, live: &Schema) -> bool {
        let named = |name: Symbol| self.names.contains(&name.to_lowercase());
        let parent = |schema: &Schema, key: Symbol| {
            let table = schema.tables.get(&difference.table?)?;
            Some(named(table.foreign_keys.get(&key)?.table))
        };
        let refers = difference.kind == SchemaObjectKind::ForeignKey
            && [
                parent(expected, difference.name),
                parent(live, difference.name_on_server()),
            ]
            .contains(&Some(true));
        self.all
            || named(difference.name) && difference.table.is_none_or(|table| table == difference.name)
            || difference.table.is_some_and(named)
            || (difference.kind == SchemaObjectKind::Trigger && named(difference.name))
            || refers
    }
}
