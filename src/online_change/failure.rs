//! Why a table is not changed, and what to do instead.

use crate::db::DbError;
use crate::exit::Failure;
use crate::report::{bytes, visible};

use super::room::Room;

/// A reason not to begin a change. Nothing was created, and the table is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not an ALTER TABLE, CREATE INDEX or DROP INDEX of one table.
    NotOneTable,
    /// It does something that a copy of the rows cannot do.
    Action(&'static str),
    /// The table is not there.
    NoTable,
    /// Not InnoDB.
    Engine(String),
    /// WITH SYSTEM VERSIONING.
    Versioned,
    /// The table lies where the statement says: DATA DIRECTORY, TABLESPACE.
    Placed(String),
    /// No key serves for copying.
    NoKey(String),
    /// What new columns would hold cannot be known.
    NewColumn(String),
    /// These tables refer to it by foreign keys.
    Referenced(Vec<String>),
    /// Foreign keys of it change its rows by themselves, in a way that cannot be followed.
    Cascades {
        /// They refer to the table itself; otherwise the server is one whose SQL layer does it.
        to_itself: bool,
    },
    /// The server's disk has too little room for a second table.
    NoRoom {
        /// The bytes that the copy needs.
        needed: u64,
        /// What is there.
        room: Room,
    },
    /// The server writes a part of the definition in other words with each ALTER, and this takes more than one.
    Reworded(String),
    /// A check's name is taken by the table's own until the swap, and cannot be given back after it.
    NamedCheck(String),
    /// An object of this name exists and is not dbtool's.
    NameTaken(String),
    /// Names beside the table's cannot be found that come after it in order.
    NameTooLong,
    /// The account may not create triggers.
    NoTriggers(DbErrorText),
    /// The account may not lock tables.
    NoLocks(DbErrorText),
    /// One of the table's triggers cannot be created on the new definition.
    BrokenTrigger(DbErrorText),
    /// One of the table's triggers runs as another account.
    Definer {
        /// The trigger.
        trigger: String,
        /// The account that it runs as.
        definer: String,
    },
    /// Another change of the table is under way.
    OtherChange(String),
    /// No further connection is free.
    NoConnection,
    /// Rows that the new definition does not accept.
    Rows {
        /// What is wrong with them.
        what: String,
        /// The keys of some.
        keys: Vec<String>,
    },
}

/// A server's error as text.
pub type DbErrorText = String;

/// What went wrong with a change that had begun. The table is as it was; the change can go on or be given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interruption {
    /// Rows that the new definition does not accept were found, or came, meanwhile.
    Rows(DbErrorText),
    /// Rows of both tables stay different.
    Different {
        /// The keys of some.
        keys: Vec<String>,
    },
    /// Somebody else has changed the table's definition or its triggers.
    DefinitionChanged,
    /// The record was removed, or is another run's.
    RecordLost,
    /// The swap did not get its locks.
    NoSwap {
        /// How often it was tried.
        attempts: u32,
        /// Who holds them.
        blockers: String,
    },
    /// The server renamed a table while changes were left, which must not be.
    ChangesLeft {
        /// The table that has them.
        old: String,
    },
}

const BY_HAND: &str = "use a form that the server can do online, hand the change to gh-ost or pt-online-schema-change, or run \
                       it in a quiet hour with --allow-blocking";

impl Refusal {
    /// What to tell the user about a change of `table`.
    pub fn failure(&self, table: &str) -> Failure {
        let table = visible(table);
        let what = |why: String| format!("nothing was run: {table} cannot be changed online: {why}");
        match self {
            Refusal::NotOneTable => Failure::usage(
                what(
                    "the statement is not an ALTER TABLE, CREATE INDEX or DROP INDEX of one table".to_owned(),
                ),
                "take the comment dbtool:online away from it",
            ),
            Refusal::Action(action) => Failure::usage(
                what(format!("the statement has {action}")),
                "write that in a statement of its own, without the comment dbtool:online",
            ),
            Refusal::NoTable => Failure::usage(
                what("there is no such table".to_owned()),
                "see `dbtool migrate status` for the state of the database",
            ),
            Refusal::Engine(engine) => Failure::usage(
                what(format!(
                    "its engine is {}, which has no transactions",
                    visible(engine)
                )),
                BY_HAND,
            ),
            Refusal::Versioned => Failure::usage(
                what("a copy would lose the history of its rows".to_owned()),
                BY_HAND,
            ),
            Refusal::Placed(option) => Failure::usage(
                what(format!(
                    "it has {}, which a second table cannot share",
                    visible(option)
                )),
                BY_HAND,
            ),
            Refusal::NoKey(why) => Failure::usage(
                what(format!("no key finds each row in both tables ({})", visible(why))),
                "give the table a primary key, which the change keeps, first",
            ),
            Refusal::NewColumn(why) => Failure::usage(what(visible(why)), BY_HAND),
            Refusal::Referenced(tables) => Failure::usage(
                what(format!(
                    "foreign keys of {} refer to it, and would refer to the former table after the swap",
                    visible(&tables.join(", "))
                )),
                BY_HAND,
            ),
            Refusal::Cascades { to_itself: true } => Failure::usage(
                what(
                    "it refers to itself, and a foreign key of it has CASCADE or SET NULL, for which no trigger runs"
                        .to_owned(),
                ),
                BY_HAND,
            ),
            Refusal::Cascades { to_itself: false } => Failure::usage(
                what(
                    "a foreign key of it has CASCADE or SET NULL, and with innodb_native_foreign_keys=OFF this server \
                     may drop changes of the referenced table without an error while a copy follows them"
                        .to_owned(),
                ),
                "start the server with innodb_native_foreign_keys=ON for it, or run the change in a quiet hour with \
                 --allow-blocking",
            ),
            Refusal::NoRoom { needed, room } => Failure::usage(
                what(format!(
                    "a second table needs about {}, and {} has {} free",
                    bytes(*needed),
                    visible(&room.folder.display().to_string()),
                    bytes(room.free)
                )),
                "make room on the server's disk",
            ),
            Refusal::Reworded(line) => Failure::usage(
                what(format!(
                    "its foreign keys take a second ALTER of the copy, with which this server writes in other words: {}",
                    visible(line)
                )),
                "write the expression in another way (0 - 1 for -1), or run the statement as it is with --allow-blocking",
            ),
            Refusal::NamedCheck(name) => Failure::usage(
                what(format!(
                    "this server has one check of a name in a database, and the check {} could not get its name back",
                    visible(name)
                )),
                BY_HAND,
            ),
            Refusal::NameTaken(name) => Failure::usage(
                what(format!(
                    "{} exists and was not made by a change that dbtool knows",
                    visible(name)
                )),
                "look at it, and drop or rename it",
            ),
            Refusal::NameTooLong => Failure::usage(
                what("its name is too long for the names of the tables beside it".to_owned()),
                BY_HAND,
            ),
            Refusal::NoTriggers(error) => Failure::usage(
                what(format!("the account cannot create triggers: {}", visible(error))),
                "grant it TRIGGER (with binary logging also log_bin_trust_function_creators=1), or use another account",
            ),
            Refusal::NoLocks(error) => Failure::usage(
                what(format!("the account cannot lock tables: {}", visible(error))),
                "grant it LOCK TABLES on the database, or use another account",
            ),
            Refusal::BrokenTrigger(error) => Failure::usage(
                what(format!(
                    "one of its triggers does not fit the new definition: {}",
                    visible(error)
                )),
                "drop or change the trigger first",
            ),
            Refusal::Definer { trigger, definer } => Failure::usage(
                what(format!(
                    "its trigger {} runs as {}, which this account cannot create again",
                    visible(trigger),
                    visible(definer)
                )),
                "run the migration as that account, or as one that may name another definer",
            ),
            Refusal::OtherChange(owner) => Failure::usage(
                what(format!("a change of it for {} is not finished", visible(owner))),
                "finish it with `dbtool migrate`, or give it up with `dbtool migrate repair VERSION --abandon`",
            ),
            Refusal::NoConnection => Failure::connect(
                what("it takes two connections, and no second one is free".to_owned()),
                "raise DB_CONNECTION_LIMIT, or wait for other dbtool processes",
            ),
            Refusal::Rows { what: wrong, keys } => Failure::usage(
                what(format!("{wrong}: {}", visible(&keys.join("; ")))),
                "correct these rows, then run the command again",
            ),
        }
    }

    /// The failure for an account that cannot create triggers, or the error itself.
    pub fn of_trigger(error: &DbError) -> Option<Refusal> {
        (error.is_denied() || error.needs_trusted_creators()).then(|| Refusal::NoTriggers(error.to_string()))
    }
}

impl Interruption {
    /// What to tell the user about the change of `table`.
    pub fn failure(&self, table: &str) -> Failure {
        let table = visible(table);
        let again = "run `dbtool migrate` again, which goes on where it stopped, or give the change up with `dbtool \
                     migrate repair VERSION --abandon`; the table itself is as it was";
        match self {
            Interruption::Rows(error) => Failure::statement(
                format!(
                    "{table} has rows that its new definition does not accept: {}",
                    visible(error)
                ),
                format!("correct them, then {again}"),
            ),
            Interruption::Different { keys } => Failure::statement(
                format!(
                    "rows of {table} differ from their copies, also after they were copied again: {}",
                    visible(&keys.join("; "))
                ),
                format!("find out what else writes to the copy, then {again}"),
            ),
            Interruption::DefinitionChanged => Failure::statement(
                format!("the definition or the triggers of {table} were changed while it was copied"),
                again,
            ),
            Interruption::RecordLost => Failure::statement(
                format!("the record of the change of {table} was removed or taken over while it ran"),
                again,
            ),
            Interruption::NoSwap { attempts, blockers } => Failure::statement(
                format!(
                    "the copy of {table} is complete, and the tables could not change places in {attempts} attempts, \
                     since others use the table: {}",
                    visible(blockers)
                ),
                format!("end these transactions (`dbtool check-connections` shows them), then {again}"),
            ),
            Interruption::ChangesLeft { old } => Failure::statement(
                format!(
                    "{table} has its new definition, and changes of rows came into {} at the same moment",
                    visible(old)
                ),
                format!(
                    "compare both tables: {} is kept, and so is the list of changed keys",
                    visible(old)
                ),
            ),
        }
    }
}
