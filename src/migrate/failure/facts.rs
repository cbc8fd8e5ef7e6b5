//! Facts that several failures name.

use std::fmt;
use std::path::PathBuf;

use super::Direction;
use crate::exit::{visible, visible_path};
use crate::report::plural;

/// Where a migration stopped, and what of it is done.
#[derive(Debug, Clone)]
pub struct StoppedAt {
    /// Version of the migration, as its file writes it.
    pub label: String,
    /// Whether it was applied or rolled back.
    pub direction: Direction,
    /// Where the statement is.
    pub place: String,
    /// Number of the statement, from 1.
    pub number: u32,
    /// Number of statements.
    pub total: u32,
    /// The statement in one line.
    pub statement: String,
    /// Number of statements that are done and recorded.
    pub done: u32,
    /// Why the statement may have taken effect in part, if it may.
    pub doubt: Option<&'static str>,
}

impl StoppedAt {
    pub(super) fn statement(&self) -> String {
        let (place, statement) = (visible(&self.place), visible(&self.statement));
        format!(
            "{place}: statement {} of {} ({statement})",
            self.number, self.total
        )
    }

    pub(super) fn kept(&self) -> String {
        match (self.done, self.doubt) {
            (0, None) => "nothing of it is done".to_owned(),
            (0, Some(_)) => "no statement before it is done".to_owned(),
            (done, _) => format!("{done} of {} statements are done and recorded", self.total),
        }
    }

    pub(super) fn command(&self) -> String {
        match self.direction {
            Direction::Up => format!("dbtool migrate {}", self.label),
            Direction::Down => "dbtool migrate down".to_owned(),
        }
    }

    pub(super) fn again(&self) -> String {
        let (command, next) = (self.command(), self.done + 1);
        format!("run `{command}` again: it continues with statement {next}")
    }
}

/// The statements of which an interrupted run does not know whether they took effect.
#[derive(Debug, Clone)]
pub struct InterruptedStatements {
    /// Version of the migration, as its file writes it.
    pub label: String,
    /// Number of the first, from 1.
    pub first: u32,
    /// Number of the last.
    pub last: u32,
    /// The command that was interrupted.
    pub command: &'static str,
}

impl InterruptedStatements {
    /// How a person settles what they did.
    pub(super) fn by_hand(&self) -> String {
        let (label, command) = (&self.label, self.command);
        format!(
            "check the database: if {self} took effect, `dbtool migrate repair {label} --applied`; if not, `dbtool \
             migrate repair {label} --not-applied`; then `{command}` again"
        )
    }
}

impl fmt::Display for InterruptedStatements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first < self.last {
            true => write!(f, "statements {} to {}", self.first, self.last),
            false => write!(f, "statement {}", self.last),
        }
    }
}

/// A requirement of a migration that the database does not meet.
#[derive(Debug, Clone)]
pub struct Unmet {
    /// Name of the migration.
    pub migration: String,
    /// What is not as required.
    pub fault: UnmetFault,
}

/// What is not as a migration requires it.
#[derive(Debug, Clone)]
pub enum UnmetFault {
    /// The migration was started with an earlier form of its file.
    EarlierForm { path: PathBuf, done: u32, total: u32 },
    /// It makes a table whose name an object of this kind has.
    NameTaken { name: String, kind: &'static str },
    /// It replaces a table, and the name is that of another kind of object.
    NotATable { name: String, kind: String },
    /// It replaces a table with this many rows; `None` for more than are counted.
    NotEmpty {
        name: String,
        rows: Option<u64>,
        counted: u64,
    },
    /// It replaces a table that a foreign key references.
    Referenced {
        name: String,
        key: String,
        table: String,
    },
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let migration = visible(&self.migration);
        match &self.fault {
            UnmetFault::EarlierForm { path, done, total } => write!(
                f,
                "{migration} was started with an earlier form of its file ({done} of {total} statements done), which \
                 this one cannot go on with: take the database back to where it was as the comments at the head of \
                 {} say",
                visible_path(path)
            ),
            UnmetFault::NameTaken { name, kind } => write!(
                f,
                "{migration} makes {}, and there is a {kind} of this name already: rename it, or drop it if it is not \
                 needed",
                visible(name)
            ),
            UnmetFault::NotATable { name, kind } => write!(
                f,
                "{migration} replaces {}, which is no table but a {}: rename it, or drop it if it is not needed",
                visible(name),
                visible(&kind.to_lowercase())
            ),
            UnmetFault::NotEmpty { name, rows, counted } => {
                let rows = match rows {
                    Some(rows) => plural(*rows, "row"),
                    None => format!("more than {counted} rows"),
                };
                write!(
                    f,
                    "{migration} replaces {}, which holds {rows} and has to be empty: move them to another table, or \
                     delete them if they are not needed",
                    visible(name)
                )
            }
            UnmetFault::Referenced { name, key, table } => write!(
                f,
                "{migration} replaces {}, to which the foreign key {} of {} leads: drop the key, and add it again \
                 afterwards",
                visible(name),
                visible(key),
                visible(table)
            ),
        }
    }
}
