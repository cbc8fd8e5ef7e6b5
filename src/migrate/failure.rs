//! Why a migration is not applied, rolled back or recorded: of each failure what happened, what to do next, and its
//! exit code. What can be wrong with the files is in `files/failure.rs`.

mod facts;

use std::io;
use std::path::PathBuf;

pub use facts::{InterruptedStatements, StoppedAt, Unmet, UnmetFault};

use super::files::Direction;
use super::history::TABLE;
use super::other_history::OtherHistory;
use super::status::Status;
use crate::cancel::Signal;
use crate::db::DbError;
use crate::exit::{Exit, Failure, visible, visible_path};
use crate::report::{bytes, plural};

/// A failure of `dbtool migrate`. A `name` is that of a migration, a `label` its version as its file writes it, a
/// `place` is `path:line:column`.
#[derive(Debug)]
pub enum MigrateFailure {
    /// No database is configured.
    NoDatabase,
    /// A new migration's name has no usable character.
    NameWithoutLetters,
    /// A file of a new migration, or its folder, cannot be created.
    CannotCreate { path: PathBuf, error: io::Error },
    /// A plan is too long for memory, and cannot be written to a temporary file in this folder.
    CannotSpool { folder: PathBuf, error: io::Error },
    /// Another run holds the lock.
    AnotherRun { database: String, holder: String },
    /// The lock was lost, and another run holds it.
    LockLost { holder: String },
    /// The record of progress is not as this run left it.
    Overtaken,
    /// Migrations are in a state that has to be settled first: their names, versions and states.
    Problems { items: Vec<(String, String, Status)> },
    /// What migrations require is not so.
    Unmet { requirements: Vec<Unmet> },
    /// A statement would keep writers of a large table waiting.
    BlocksWriters {
        statement: String,
        rows: u64,
        bytes: u64,
        why: String,
    },
    /// A statement will fail. `present` is the newest version whose objects all exist.
    WillFail {
        statement: String,
        what: String,
        code: u16,
        present: Option<String>,
    },
    /// An online change is of a table of another database than the history's.
    OnlineElsewhere { place: String, database: String },
    /// A tool for online changes cannot run a statement.
    NotForTool { place: String, program: &'static str },
    /// An earlier run of a tool has left objects.
    ToolLeft {
        program: &'static str,
        left: Vec<String>,
    },
    /// A tool failed.
    ToolFailed {
        program: &'static str,
        code: u8,
        left: Vec<String>,
    },
    /// The statement after an online change reads its result.
    ReadsOnlineResult { place: String },
    /// A migration has no online change to give up.
    NoOnlineChange { name: String },
    /// The tables of an online change have changed places.
    OnlineChangeIsDone { table: String },
    /// No online change runs, or it is not clear which one is meant.
    WhichOnlineChange { database: String, running: Vec<String> },
    /// A statement is larger than the server accepts.
    TooLarge { place: String, error: DbError },
    /// A statement would remove the record of progress.
    RemovesHistory { place: String, database: String },
    /// The run was interrupted.
    Interrupted { stop: Box<StoppedAt>, signal: Signal },
    /// The connection was lost.
    ConnectionLost { stop: Box<StoppedAt>, error: DbError },
    /// A statement failed.
    StatementFailed {
        stop: Box<StoppedAt>,
        error: DbError,
        /// Who may hold the lock that it waited for.
        blockers: Option<String>,
        /// Whether it made an object that exists, as the first statement that dbtool ran here.
        may_need_baseline: bool,
    },
    /// A connection of an earlier run still works on the migration.
    EarlierRunWorks { id: u64, statement: String },
    /// The interrupted statement ran on another member of a group, and may run there still.
    InterruptedElsewhere {
        server: String,
        label: String,
        command: &'static str,
    },
    /// A migration was started with an earlier form of its file.
    EarlierForm {
        name: String,
        path: String,
        done: u32,
        total: u32,
        command: &'static str,
    },
    /// The statements that are done have changed in the file.
    DoneStatementsChanged { label: String, path: String, done: u32 },
    /// The interrupted statement has changed in the file.
    InterruptedChanged {
        path: String,
        interrupted: InterruptedStatements,
    },
    /// Whether the interrupted statement took effect is unknown.
    InterruptedUnclear {
        place: String,
        statement: String,
        interrupted: InterruptedStatements,
        why: String,
    },
    /// The rest of a migration needs what only the lost connection had.
    SessionLost {
        place: String,
        lost: &'static str,
        label: String,
        done: u32,
    },
    /// git cannot be run.
    NoGit { error: io::Error },
    /// git says no about a folder.
    GitFailed { dir: PathBuf, message: String },
    /// git knows no such revision.
    NoSuchRevision { revision: String, dir: PathBuf },
    /// There is no such lint rule.
    NoSuchRule { flag: &'static str, rule: String },
    /// The user did not confirm the rollback.
    RollBackDeclined,
    /// A migration to roll back is not fully applied.
    NotFullyApplied { name: String, state: &'static str },
    /// A migration to roll back has no down script.
    NoDownScript { name: String, file: String },
    /// The file of a recorded migration is missing.
    FileMissing { name: String },
    /// The file of a record to forget exists.
    FileIsThere { name: String, path: PathBuf },
    /// The user did not confirm that the database is dropped.
    DropDeclined { database: String },
    /// The database is the server's own.
    SystemDatabase { database: String },
    /// A collation's name has other characters than letters, digits and underscores.
    BadCollation { name: String },
    /// A migration to repair was never started.
    NeverStarted { name: String },
    /// A migration to repair is applied.
    NothingToSettle { name: String },
    /// A migration to repair has no interrupted statement.
    NoInterruptedStatement {
        name: String,
        label: String,
        done: u32,
        total: u32,
        command: &'static str,
    },
    /// A migration that a baseline covers is started and not finished.
    BaselineUnfinished { name: String },
    /// The database has the history of another tool, and none of dbtool.
    OtherHistory { what: String },
    /// The database has no history of another tool, or not of the one that was named.
    NoOtherHistory {
        database: String,
        tool: Option<&'static str>,
    },
    /// The database has the histories of several tools: the tools and their tables.
    SeveralHistories { database: String, found: Vec<String> },
    /// Of a tool dbtool cannot read what is applied.
    NoHistoryOfTool { tool: &'static str },
    /// Migrations of another tool failed or are done in part.
    AdoptUnfinished {
        tool: &'static str,
        table: String,
        names: Vec<String>,
        settle: &'static str,
    },
    /// Another tool has applied what has no file.
    AdoptMissing {
        tool: &'static str,
        table: String,
        names: Vec<String>,
    },
    /// Files are not those that another tool has applied.
    AdoptChanged {
        tool: &'static str,
        table: String,
        names: Vec<String>,
    },
    /// The database lacks objects of the migrations that a baseline covers.
    BaselineLacks {
        database: String,
        label: String,
        lacking: Vec<String>,
    },
}

crate::exit::raised_as_failure!(MigrateFailure);

impl From<MigrateFailure> for Failure {
    fn from(failure: MigrateFailure) -> Failure {
        use MigrateFailure as F;
        match failure {
            F::NoDatabase => Failure::usage(
                "no database is chosen",
                "set DB_NAME, or add the database to DATABASE_URL",
            ),
            F::NameWithoutLetters => Failure::usage(
                "a migration's name needs a letter or a digit",
                "describe the change: `dbtool migrate new add_phone_to_users`",
            ),
            F::CannotSpool { folder, error } => Failure::usage(
                format!(
                    "cannot write the plan to a temporary file in {}: {error}",
                    visible_path(&folder)
                ),
                "make room there, or name another folder in TMPDIR",
            ),
            F::CannotCreate { path, error } => Failure::usage(
                format!("cannot create {}: {error}", visible_path(&path)),
                "make the folder writable for this user, or name another with --dir",
            ),
            F::AnotherRun { database, holder } => Failure::locked(
                format!(
                    "another run is migrating {}: {}",
                    visible(&database),
                    visible(&holder)
                ),
                "wait for it to end and run the command again, or wait longer with --lock-wait SECONDS",
            ),
            F::LockLost { holder } => Failure::locked(
                format!(
                    "the lock of this run was lost (by RELEASE_ALL_LOCKS, a proxy or a cluster) and is now held by {}",
                    visible(&holder)
                ),
                "wait for that run to end, then run the command again; remove what releases the lock",
            ),
            F::Overtaken => Failure::locked(
                "another run or a person has changed this migration's record meanwhile; the last work of this \
                 run was rolled back",
                "see `dbtool migrate status`; when no other run is at work, run the command again",
            ),
            F::Problems { items } => {
                let what: Vec<String> = items
                    .iter()
                    .map(|(name, _, status)| status.describe(&visible(name)))
                    .collect();
                let next = items.first().map(|(_, label, status)| status.advice(label));
                let what = format!("nothing was run: {}", what.join("; "));
                Failure::usage(what, next.unwrap_or_default())
            }
            F::Unmet { requirements } => {
                let what: Vec<String> = requirements.iter().map(ToString::to_string).collect();
                Failure::usage(
                    format!("nothing was run: {}", what.join("; ")),
                    "see to this, then run the command again; what the migration requires stands in its comments \
                     (`-- dbtool:requires-empty`, `-- dbtool:requires-absent`, `-- dbtool:replaces`)",
                )
            }
            F::BlocksWriters {
                statement,
                rows,
                bytes: size,
                why,
            } => Failure::usage(
                format!(
                    "nothing was run: {} would keep writers waiting on a table of about {} and {}: {}",
                    visible(&statement),
                    plural(rows, "row"),
                    bytes(size),
                    visible(&why)
                ),
                "run it beside the table while that stays in use, with --online or the comment `-- dbtool:online` \
                 before the statement; split the change into steps that the server does online; or run it in a quiet \
                 hour with --allow-blocking",
            ),
            F::FileIsThere { name, path } => Failure::usage(
                format!("{} has its file, {}", visible(&name), visible_path(&path)),
                "a record is removed only when the file is gone; to take the migration back, `dbtool migrate down`",
            ),
            F::DropDeclined { database } => Failure::usage(
                format!("{} was not dropped", visible(&database)),
                "confirm with y, or pass --yes",
            ),
            F::SystemDatabase { database } => Failure::usage(
                format!("{} is a database of the server itself", visible(&database)),
                "set DB_NAME to the application's database",
            ),
            F::BadCollation { name } => Failure::usage(
                format!("{} is not the name of a collation", visible(&name)),
                "name one of SHOW COLLATION, such as utf8mb4_general_ci",
            ),
            F::NoGit { error } => Failure::usage(
                format!("cannot run git, which --since needs: {error}"),
                "install git or add it to PATH, or lint all files without --since",
            ),
            F::GitFailed { dir, message } => Failure::usage(
                format!("git says of {}: {}", visible_path(&dir), visible(&message)),
                "run it in a clone with the history that --since names, or lint all files without --since",
            ),
            F::NoSuchRevision { revision, dir } => Failure::usage(
                format!(
                    "git knows no revision {} in {}",
                    visible(&revision),
                    visible_path(&dir)
                ),
                "name a branch, tag or commit; a shallow clone (CI) has to fetch it first: `git fetch origin BRANCH`",
            ),
            F::NoSuchRule { flag, rule } => Failure::usage(
                format!("{flag} {}: there is no such lint rule", visible(&rule)),
                "`dbtool migrate lint --help` lists the rules",
            ),
            F::NoOnlineChange { name } => Failure::usage(
                format!(
                    "{} has no online change that was begun and is not done",
                    visible(&name)
                ),
                "see `dbtool migrate status`",
            ),
            F::OnlineChangeIsDone { table } => Failure::usage(
                format!(
                    "the copy of {} has taken its place already, only the last steps are missing",
                    visible(&table)
                ),
                "run `dbtool migrate` again, which does them",
            ),
            F::WhichOnlineChange { database, running } if running.is_empty() => Failure::usage(
                format!("no online change runs in {}", visible(&database)),
                "see `dbtool migrate status`",
            ),
            F::WhichOnlineChange { database, running } => Failure::usage(
                format!(
                    "in {} there are online changes of {}",
                    visible(&database),
                    visible(&running.join(", "))
                ),
                "name the table",
            ),
            F::OnlineElsewhere { place, database } => Failure::usage(
                format!(
                    "{}: an online change is of a table of this database, and this one is of {}",
                    visible(&place),
                    visible(&database)
                ),
                "run the migration with DB_NAME as that database, or run the statement as it is",
            ),
            F::NotForTool { place, program } => Failure::usage(
                format!(
                    "{}: {program} runs only an ALTER TABLE of one table whose name has no comma, quote or equals sign",
                    visible(&place)
                ),
                "run it without --online-tool",
            ),
            F::ToolLeft { program, left } => Failure::usage(
                format!(
                    "nothing was run: an earlier run of {program} has left {}",
                    visible(&left.join(", "))
                ),
                "make sure that it does not run any more, drop the triggers first, then the tables, and run the command again",
            ),
            F::ToolFailed { program, code, left } => Failure::statement(
                format!(
                    "{program} ended with exit code {code}{}",
                    if left.is_empty() {
                        String::new()
                    } else {
                        format!(", and has left {}", visible(&left.join(", ")))
                    }
                ),
                "its own messages are above; drop what it has left, triggers first, then run the command again",
            ),
            F::ReadsOnlineResult { place } => Failure::usage(
                format!(
                    "{}: the next statement reads the result of this one, which an online change does not have",
                    visible(&place)
                ),
                "write another statement between them, or run this one as it is, without dbtool:online",
            ),
            F::WillFail {
                statement,
                what,
                code,
                present,
            } => Failure::usage(
                format!(
                    "nothing was run: {} will fail: {} (server error {code})",
                    visible(&statement),
                    visible(&what)
                ),
                match present {
                    Some(version) => format!(
                        "the database has every object of the migrations up to {version}; if they were applied, \
                         record them: `dbtool migrate baseline {version}`"
                    ),
                    None => {
                        "compare the database with the migrations (`dbtool check-schema`), then correct the \
                             statement, write IF EXISTS or IF NOT EXISTS, or rename the object in its way"
                            .to_owned()
                    }
                },
            ),
            F::TooLarge { place, error } => Failure::usage(
                format!(
                    "{}: {}; nothing of the file was run",
                    visible(&place),
                    error.what()
                ),
                error.next(),
            ),
            F::RemovesHistory { place, database } => Failure::usage(
                format!(
                    "{}: this would remove the table {TABLE}, in which the progress of {} is recorded; nothing of the \
                     file was run",
                    visible(&place),
                    visible(&database)
                ),
                "do it by hand, outside the migrations",
            ),
            F::Interrupted { stop, signal } => Failure::new(
                Exit::Interrupted(signal),
                format!(
                    "interrupted by {signal} at {}, statement {} of {} ({}); {}",
                    visible(&stop.place),
                    stop.number,
                    stop.total,
                    visible(&stop.statement),
                    stop.kept()
                ),
                stop.again(),
            ),
            F::ConnectionLost { stop, error } => Failure::statement(
                format!("{}: {error}; {}", stop.statement(), stop.kept()),
                format!(
                    "check that the server is up, then {}; whether this statement took effect is then decided from \
                     the schema",
                    stop.again()
                ),
            ),
            F::StatementFailed {
                stop,
                error,
                blockers,
                may_need_baseline,
            } => {
                let mut what = format!("{} failed: {error}; {}", stop.statement(), stop.kept());
                if let Some(why) = stop.doubt {
                    what = format!("{what}; part of this one may have taken effect: {why}");
                }
                if let Some(blockers) = blockers {
                    what = format!("{what}; {}", visible(&blockers));
                }
                Failure::statement(what, after_failed(&stop, &error, may_need_baseline))
            }
            F::InterruptedElsewhere {
                server,
                label,
                command,
            } => Failure::locked(
                format!(
                    "a statement of migration {label} was interrupted on {}, where it may still run: the other members of \
                     the group do not see that",
                    visible(&server)
                ),
                format!(
                    "run `{command}` through that server; if it has left the group for good, decide with `dbtool migrate \
                     repair {label} --applied` or `--not-applied`"
                ),
            ),
            F::EarlierRunWorks { id, statement } => Failure::locked(
                format!(
                    "connection {id} of an earlier run still works on this migration ({})",
                    visible(&statement)
                ),
                format!("wait for it to end, or end it with KILL {id}; then run the command again"),
            ),
            F::EarlierForm {
                name,
                path,
                done,
                total,
                command,
            } => Failure::usage(
                format!(
                    "{} was started with an earlier form of its file ({done} of {total} statements done), which this \
                     one cannot go on with",
                    visible(&name)
                ),
                format!(
                    "take the database back to where it was as the comments at the head of {} say, then run \
                     `{command}` again",
                    visible(&path)
                ),
            ),
            F::DoneStatementsChanged { label, path, done } => Failure::usage(
                format!(
                    "the first {} of {} changed after they were run; dbtool cannot go on in the middle of another file",
                    plural(done.into(), "statement"),
                    visible(&path)
                ),
                format!(
                    "restore these statements as they were; only what comes after them may change. If the migration \
                     was finished by hand, `dbtool migrate repair {label} --finished` records that"
                ),
            ),
            F::InterruptedChanged { path, interrupted } => Failure::usage(
                format!(
                    "{}: {interrupted} was interrupted and has changed since",
                    visible(&path)
                ),
                format!("restore the file, or {}", interrupted.by_hand()),
            ),
            F::InterruptedUnclear {
                place,
                statement,
                interrupted,
                why,
            } => Failure::usage(
                format!(
                    "{}: {interrupted} ({}) was interrupted, and it is unknown whether it took effect: {}",
                    visible(&place),
                    visible(&statement),
                    visible(&why)
                ),
                interrupted.by_hand(),
            ),
            F::SessionLost {
                place,
                lost,
                label,
                done,
            } => Failure::usage(
                format!(
                    "{}: this statement left {lost} in the connection of the interrupted run; the rest of the \
                     migration cannot have it any more",
                    visible(&place)
                ),
                format!(
                    "finish the statements from number {} on by hand, then `dbtool migrate repair {label} \
                     --finished`; a plain table in place of the temporary one survives an interruption",
                    done + 1
                ),
            ),
            F::RollBackDeclined => Failure::usage("nothing was rolled back", ""),
            F::NotFullyApplied { name, state } => Failure::usage(
                format!("{} is not fully applied ({state})", visible(&name)),
                "finish it first with `dbtool migrate`",
            ),
            F::NoDownScript { name, file } => Failure::usage(
                format!(
                    "{} has no down script, so nothing was rolled back",
                    visible(&name)
                ),
                format!(
                    "write {}.down.sql, or a new migration that undoes it",
                    visible(&file)
                ),
            ),
            F::FileMissing { name } => Failure::usage(
                format!("the file of {} is missing", visible(&name)),
                "restore it, or name the right folder with --dir",
            ),
            F::NeverStarted { name } => Failure::usage(
                format!(
                    "{} was never started, so there is nothing to repair",
                    visible(&name)
                ),
                "apply it with `dbtool migrate`",
            ),
            F::NothingToSettle { name } => Failure::usage(
                format!("{} is applied, so there is nothing to settle", visible(&name)),
                "see `dbtool migrate status`; a changed file is accepted with --accept-file",
            ),
            F::NoInterruptedStatement {
                name,
                label,
                done,
                total,
                command,
            } => Failure::usage(
                format!(
                    "{} has no interrupted statement: {done} of {total} are done",
                    visible(&name)
                ),
                format!(
                    "run `{command}` to continue; if the rest was done by hand, record that with `dbtool migrate \
                     repair {label} --finished`"
                ),
            ),
            F::BaselineUnfinished { name } => Failure::usage(
                format!("{} is started and not finished", visible(&name)),
                "finish it with `dbtool migrate`, or settle it with `dbtool migrate repair`",
            ),
            F::OtherHistory { what } => Failure::usage(
                format!("nothing was run: {}", visible(&what)),
                OtherHistory::ADVICE,
            ),
            F::NoOtherHistory { database, tool } => Failure::usage(
                match tool {
                    Some(tool) => format!(
                        "{} has no table of {tool} with applied migrations",
                        visible(&database)
                    ),
                    None => format!(
                        "{} has no table of another tool with applied migrations",
                        visible(&database)
                    ),
                },
                "name the tool with --from and its table with --table, if that is not called as usual; if no tool has \
                 applied anything here, run `dbtool migrate`",
            ),
            F::SeveralHistories { database, found } => Failure::usage(
                format!(
                    "{} has the histories of several tools: {}",
                    visible(&database),
                    visible(&found.join(", "))
                ),
                "name the one to take over with --from",
            ),
            F::NoHistoryOfTool { tool } => Failure::usage(
                format!("dbtool does not know how {tool} keeps what is applied"),
                "record the version that the database is at with `dbtool migrate baseline VERSION`",
            ),
            F::AdoptUnfinished {
                tool,
                table,
                names,
                settle,
            } => Failure::usage(
                format!(
                    "nothing was recorded: the table {} of {tool} says that this failed or is done in part: {}",
                    visible(&table),
                    named(&names)
                ),
                format!("{settle}; then run `dbtool migrate adopt` again"),
            ),
            F::AdoptMissing { tool, table, names } => Failure::usage(
                format!(
                    "nothing was recorded: the table {} of {tool} has migrations without a file here: {}",
                    visible(&table),
                    named(&names)
                ),
                "restore the files from version control, or name their folders with --dir (and --recursive)",
            ),
            F::AdoptChanged { tool, table, names } => Failure::usage(
                format!(
                    "nothing was recorded: these files are not as {tool} applied them, by the checksums in its table \
                     {}: {}",
                    visible(&table),
                    named(&names)
                ),
                "restore the files as they were applied (also the ends of their lines); or accept them as they are with \
                 the tool itself, then run `dbtool migrate adopt` again",
            ),
            F::BaselineLacks {
                database,
                label,
                lacking,
            } => baseline_lacks(&database, &label, &lacking),
        }
    }
}

/// What to do after a statement failed.
fn after_failed(stop: &StoppedAt, error: &DbError, may_need_baseline: bool) -> String {
    let (label, number, again) = (&stop.label, stop.number, stop.again());
    if stop.doubt.is_some() {
        return format!(
            "look at the database: if all of statement {number} is there, `dbtool migrate repair {label} --applied`; \
             if nothing of it is, or you have undone it, `dbtool migrate repair {label} --not-applied`; then run \
             `{}` again",
            stop.command()
        );
    }
    if may_need_baseline {
        return format!(
            "if this database had its schema before dbtool came, record the migrations it has with `dbtool \
             migrate baseline VERSION`; otherwise correct the statement, then {again}"
        );
    }
    let advice = match () {
        () if error.is_time_limit() => {
            "the server ended it by its own time limit (max_statement_time, max_execution_time), which this \
             migration or one of its routines set: raise it there"
        }
        () if error.is_killed() => "the statement was ended with KILL: find out who did it, and why",
        () if error.next().is_empty() => "correct the statement",
        () => error.next(),
    };
    format!("{advice}; then {again}")
}

/// The first of many names.
fn named(all: &[String]) -> String {
    const NAMED: usize = 10;
    let mut names: Vec<String> = all.iter().take(NAMED).map(|name| visible(name)).collect();
    if all.len() > NAMED {
        names.push(format!("and {} more", all.len() - NAMED));
    }
    names.join(", ")
}

fn baseline_lacks(database: &str, label: &str, lacking: &[String]) -> Failure {
    Failure::usage(
        format!(
            "nothing was recorded: {} is not at {label}, it lacks {}",
            visible(database),
            named(lacking)
        ),
        format!(
            "name the version that it is at; if the missing objects were dropped on purpose, `dbtool migrate \
             baseline {label} --force` records it all the same"
        ),
    )
}

#[cfg(test)]
mod tests;
