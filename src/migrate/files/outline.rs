//! The outline of a script, found in one pass before any of it runs.

use super::Directives;
use super::FileFailure;
use super::PrefixHash;
use super::includes::Files;
use super::reader::{MigrationScript, ScriptStatement};
use crate::cancel::Cancel;
use crate::migrate::asking_programs::{AskingPrograms, in_a_string};
use crate::sql::session::{
    asks_first, creates_program, prepares, reads_diagnostics, reads_last_insert_id, user_variables,
};
use crate::sql::{
    Classification, ObjectEffect, ObjectKind, StatementClass, assigned_variables, classify, mentions,
};

/// The outline of a script's statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptOutline {
    /// Number of statements.
    pub statements: u32,
    /// Whether any of them changes the schema, or may do so unseen.
    pub changes_schema: bool,
    /// Session variables they assign, each once, in lower case.
    pub variables: Vec<String>,
    /// Whether they choose another database.
    pub uses_database: bool,
    /// User variables they mention, each once, in lower case.
    pub user_variables: Vec<String>,
    /// Whether any of them asks for LAST_INSERT_ID().
    pub reads_last_insert_id: bool,
    /// Programs they create, and statements they prepare, that ask about the statement before.
    pub asking_programs: AskingPrograms,
    /// Databases and tables that they drop, rename or empty, with their places.
    pub taken_away: Vec<TakenAway>,
    /// The directives in its comments.
    pub directives: Directives,
    /// The one with the longest text.
    pub largest: LargestStatement,
    /// Numbers of those that ask about the one before them, ascending.
    pub asking: Vec<u32>,
    /// SHA-256 of all of them.
    pub hash: String,
    /// The files that were read, and which content of them.
    pub files: Files,
}

impl MigrationScript {
    /// Reads the script once, so that all of it is checked before anything runs.
    ///
    /// # Errors
    /// As [`super::StatementReader::next`]; a transaction left open, or a statement that would remove the record
    /// of progress; the run was cancelled.
    pub fn outline(&self, cancel: &Cancel) -> anyhow::Result<ScriptOutline> {
        let mut reader = self.open()?;
        let mut checks = Checks::default();
        let mut hash = PrefixHash::default();
        let mut outline = ScriptOutline {
            statements: 0,
            ..ScriptOutline::default()
        };
        while let Some(statement) = reader.next()? {
            cancel.check()?;
            let found = classify(&statement.text);
            checks.next(&statement, &found)?;
            outline.statements = statement.number;
            outline.directives.take(&statement.markers);
            outline.changes_schema |=
                found.class == StatementClass::Ddl || found.opaque || !found.maintained.is_empty();
            outline.note(&statement, &found);
            if found.class == StatementClass::Session {
                outline.uses_database |= found.verb == "USE";
                for name in assigned_variables(&statement.text) {
                    if !outline.variables.contains(&name) {
                        outline.variables.push(name);
                    }
                }
            }
            hash = statement.after;
        }
        checks.end()?;
        outline.hash = hash.hex();
        outline.files = reader.files().clone();
        outline.variables.sort();
        outline.user_variables.sort();
        Ok(outline)
    }
}

/// The statement of a script with the longest text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LargestStatement {
    /// Its length in bytes; 0 where there is no statement.
    pub bytes: usize,
    /// Its number.
    pub number: u32,
    /// Where it is: `path:line:column`.
    pub place: String,
}

/// A database, or a table of dbtool's own name, that a statement drops, renames or empties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenAway {
    /// The database, or that of the table where the statement names one.
    pub database: Option<String>,
    /// The table; `None` when the whole database is dropped.
    pub table: Option<String>,
    /// Where the statement is: `path:line:column`.
    pub place: String,
}

/// Prefix of dbtool's own tables.
const OWN_TABLES: &str = "dbtool_";

impl ScriptOutline {
    fn note_asking(&mut self, text: &str, found: &Classification) {
        let names = &mut self.asking_programs;
        if found.class == StatementClass::Ddl {
            if let Some(name) = creates_program(text).filter(|_| asks_first(text) || names.run_by(text)) {
                names.add(&name);
            }
        } else if (found.class == StatementClass::Session || found.session_state) && in_a_string(text) {
            names.add_prepared(prepares(text).map(|(name, _)| name));
        }
    }

    fn note(&mut self, statement: &ScriptStatement, found: &Classification) {
        let text = statement.text.as_str();
        if text.len() > self.largest.bytes {
            self.largest = LargestStatement {
                bytes: text.len(),
                number: statement.number,
                place: statement.place(),
            };
        }
        if reads_diagnostics(text) {
            self.asking.push(statement.number);
        }
        self.reads_last_insert_id = self.reads_last_insert_id
            || reads_last_insert_id(text)
            || found.class == StatementClass::Session && mentions(text, "LAST_INSERT_ID");
        self.note_asking(text, found);
        for name in user_variables(text) {
            if !self.user_variables.contains(&name) {
                self.user_variables.push(name);
            }
        }
        for object in &found.objects {
            let stays = matches!(
                object.effect,
                ObjectEffect::Create | ObjectEffect::Alter | ObjectEffect::Write
            );
            if stays || found.temporary {
                continue;
            }
            let name = object.name.name.clone();
            let (database, table) = match object.kind {
                ObjectKind::Database => (Some(name), None),
                ObjectKind::Table if name.to_lowercase().starts_with(OWN_TABLES) => {
                    (object.name.schema.clone(), Some(name))
                }
                _ => continue,
            };
            self.taken_away.push(TakenAway {
                database,
                table,
                place: statement.place(),
            });
        }
    }
}

/// Refuses statements that would end the progress record's transaction or remove its tables.
#[derive(Debug, Default)]
struct Checks {
    /// Where the file's own transaction that is open began.
    open: Option<String>,
}

impl Checks {
    fn next(&mut self, statement: &ScriptStatement, found: &Classification) -> Result<(), FileFailure> {
        let place = || statement.place();
        match (found.class, found.verb.as_str()) {
            (StatementClass::Transaction, "SET") => {
                return Err(FileFailure::Autocommit { place: place() });
            }
            (StatementClass::Transaction, "XA") => {
                return Err(FileFailure::XaTransaction { place: place() });
            }
            (StatementClass::Transaction, "BEGIN" | "START TRANSACTION") => self.open = Some(place()),
            (StatementClass::Transaction, "COMMIT") => self.open = None,
            (StatementClass::Transaction, "ROLLBACK") if !to_savepoint(&statement.text) => self.open = None,
            _ if found.implicit_commit => self.open = None,
            _ => {}
        }
        Ok(())
    }

    fn end(&self) -> Result<(), FileFailure> {
        match &self.open {
            Some(place) => Err(FileFailure::OpenTransaction { place: place.clone() }),
            None => Ok(()),
        }
    }
}

/// Whether a ROLLBACK goes back to a savepoint only.
pub fn to_savepoint(statement: &str) -> bool {
    statement
        .split_whitespace()
        .any(|word| word.eq_ignore_ascii_case("TO"))
}
