//! `dbtool migrate`: its flags and subcommands.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::exit::{Failure, ProcessFailure};

/// Bring the database's schema up to date.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = AFTER_HELP)]
pub struct MigrateArgs {
    /// What to do instead of applying migrations
    #[command(subcommand)]
    pub action: Option<MigrateAction>,
    /// Which migrations to apply, and how
    #[command(flatten)]
    pub apply: ApplyArgs,
    /// Folder with the migrations
    #[arg(long, global = true, value_name = "DIR", default_value = "migrations")]
    pub dir: PathBuf,
    /// Wait this many seconds for another run to end
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 10)]
    pub lock_wait: u64,
    /// Let a statement wait this many seconds for a table's lock before it is tried again; meanwhile everybody else
    /// who wants the table waits behind it
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 1, hide_short_help = true,
          value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub ddl_lock_wait: u64,
    /// Try a statement this many times when a lock is in its way
    #[arg(long, global = true, value_name = "N", default_value_t = 30, hide_short_help = true,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub lock_attempts: u32,
    /// Let one statement of a migration run this many seconds [default: no limit]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: Option<u64>,
}

const AFTER_HELP: &str = "\
A migration is a file NNN_name.sql, or NNN_name.up.sql with NNN_name.down.sql, or one file with the \
comments `-- migrate:up` and `-- migrate:down` (or those of goose, sql-migrate, rambler or MyBatis). Files are read as the mysql client reads them, DELIMITER \
included; bodies of stored programs need no DELIMITER. `source FILE` reads a file of the same folder or one \
below it, named from the folder of the file that says so; its text counts as the migration's own.

Each statement is recorded in the table dbtool_migrations. A run that was interrupted goes on where it \
stopped when the command is run again.";

/// Which migrations to apply, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ApplyArgs {
    /// Apply up to and including this version (003 and 3 are the same) [default: all]
    #[arg(value_name = "VERSION")]
    pub version: Option<String>,
    /// Show what would be done, change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Apply just VERSION, also out of order
    #[arg(long, requires = "version", conflicts_with = "check")]
    pub only: bool,
    /// Apply nothing; exit 1 if migrations are pending or something is wrong
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// Run statements that copy or lock a large table
    #[arg(long)]
    pub allow_blocking: bool,
}

/// What to do instead of applying migrations.
#[derive(Debug, Clone, Subcommand)]
pub enum MigrateAction {
    /// Show which migrations are applied and which are pending
    Status {
        /// Exit 1 if migrations are pending or something is wrong
        #[arg(long)]
        check: bool,
    },
    /// Show every statement that would run, what it costs and locks; change nothing
    Plan {
        /// Plan up to and including this version [default: all]
        version: Option<String>,
    },
    /// Create an empty migration with the next version
    New {
        /// Its name, such as add_phone_to_users
        name: String,
        /// Create an .up.sql and a .down.sql file
        #[arg(long)]
        down: bool,
    },
    /// Compare the files with the checksums recorded when they were applied; exit 1 on a difference
    Verify,
    /// Say whether an interrupted statement took effect, or accept a changed file
    Repair(RepairArgs),
    /// Record all migrations up to VERSION as applied, without running them
    Baseline {
        /// The last version the database already has
        version: String,
        /// Record it although tables or columns of these migrations are missing
        #[arg(long)]
        force: bool,
    },
    /// Take migrations back, newest first, by their down scripts
    Down {
        /// Take back everything after this version [default: only the newest]
        version: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// The answer to an interrupted or changed migration.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("settle").required(true).multiple(false))]
pub struct RepairArgs {
    /// The migration
    pub version: String,
    /// The interrupted statement took effect: continue after it
    #[arg(long, group = "settle")]
    pub applied: bool,
    /// The interrupted statement did not take effect: run it again
    #[arg(long, group = "settle")]
    pub not_applied: bool,
    /// The rest of the migration was done by hand: record it as applied
    #[arg(long, group = "settle")]
    pub finished: bool,
    /// The file was changed on purpose: record its new checksum
    #[arg(long, group = "settle")]
    pub accept_file: bool,
}

impl MigrateArgs {
    /// Whether the run only checks: then its result can be shown as named checks.
    pub fn is_check(&self) -> bool {
        self.apply.check
            || matches!(
                self.action,
                Some(MigrateAction::Status { .. } | MigrateAction::Verify)
            )
    }

    /// Checks the rules that clap's types cannot express.
    ///
    /// # Errors
    /// Flags for applying together with a subcommand that applies nothing.
    pub fn check(&self) -> Result<(), Failure> {
        if self.action.is_some() && self.apply != ApplyArgs::default() {
            return Err(ProcessFailure::FlagsBeforeSubcommand.into());
        }
        Ok(())
    }
}
