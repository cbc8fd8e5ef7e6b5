//! The options that choose the expected schema.

use std::path::PathBuf;

use crate::migrate::files::Source;

/// The options that choose the expected schema.
#[derive(Debug, Clone)]
pub(crate) struct ExpectedOptions {
    /// The folder of the migrations and of the snapshot.
    pub(crate) dir: PathBuf,
    /// Where the migrations are, and their layout.
    pub(crate) source: Source,
    /// A snapshot or another database to compare with, instead of the migrations.
    pub(crate) expect: Option<String>,
    /// The place of the replay.
    pub(crate) replay: ReplayPlace,
    /// Whether only the applied migrations count, so that the history must be readable.
    pub(crate) applied: bool,
    /// Whether to write the snapshot.
    pub(crate) write: bool,
    /// Whether nothing is compared.
    pub(crate) lint_only: bool,
    /// Whether to drop scratch databases of killed runs without a question.
    pub(crate) drop_leftovers: bool,
}

/// The place where the migrations are replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplayPlace {
    /// The live server where possible, else the snapshot, else a private server.
    Auto,
    /// A scratch database on the live server.
    Server,
    /// A private server.
    Sandbox,
    /// No replay: the snapshot.
    Never,
}
