//! Options of the migration engine, independent of the command line.

use crate::migrate::files::Layout;
use crate::online_change::OnlineSettings;

/// Options of every run.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// Whether the run changes nothing, and may therefore use a read-only server.
    pub read_only: bool,
    /// Whether the run only looks, or sets a flag of another run: it may use the connection that is reserved for that,
    /// since an online change has taken the others.
    pub brief: bool,
    /// How long to wait for another run, in seconds.
    pub lock_wait: u64,
    /// How long a statement waits for a table's lock before it is tried again, in seconds.
    pub ddl_lock_wait: u64,
    /// Attempts at a statement that waits for a lock.
    pub lock_attempts: u32,
    /// Time limit of one statement, in seconds.
    pub timeout: Option<u64>,
    /// Whether another tool's history is taken over: files that it has applied need not be fit to run.
    pub adopting: bool,
    /// Whether to begin although another tool has a history in the database.
    pub ignore_other_history: bool,
}

/// Whose history to take over.
#[derive(Debug, Clone, Default)]
pub struct AdoptOptions {
    /// The tool; `None` where its table tells.
    pub from: Option<Layout>,
    /// Its table, where it is not called as usual.
    pub table: Option<String>,
    /// Whether to record nothing.
    pub dry_run: bool,
}

/// The migrations to apply.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// The last version to apply; `None` applies all.
    pub version: Option<String>,
    /// Apply only that version, even out of order.
    pub only: bool,
    /// Run statements that block writers of a large table.
    pub allow_blocking: bool,
    /// Plan only: try the statements on an empty copy of their tables.
    pub on_copy: bool,
    /// Run every statement that would be refused as an online change.
    pub online: bool,
    /// The program that does online changes, instead of dbtool itself.
    pub online_tool: Option<ChangeTool>,
    /// How online changes go about.
    pub online_settings: OnlineSettings,
}

/// A program that changes tables online.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeTool {
    /// pt-online-schema-change of the Percona Toolkit.
    PtOsc,
    /// gh-ost.
    GhOst,
}

/// A person's decision about one migration.
#[derive(Debug, Clone)]
pub struct RepairOptions {
    /// The migration.
    pub version: String,
    /// The decision.
    pub decision: RepairDecision,
}

/// The decisions of `migrate repair`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairDecision {
    /// The interrupted statement took effect.
    Applied,
    /// The interrupted statement did not take effect.
    NotApplied,
    /// The rest was done by hand.
    Finished,
    /// The changed file is accepted.
    AcceptFile,
    /// The file is gone for good.
    Forget,
    /// An online change that was begun is given up.
    Abandon,
}

/// What a person does to an online change that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlineControl {
    /// It copies nothing until it is resumed.
    Pause,
    /// It goes on.
    Resume,
    /// It may swap.
    Swap,
}
