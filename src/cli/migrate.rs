//! `dbtool migrate`: its flags and subcommands.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};

use crate::batch::MaxLoad;
use crate::exit::{Failure, ProcessFailure};
use crate::migrate::lint::RULES;

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
    /// Folder with the migrations; several times for several folders
    #[arg(long, global = true, value_name = "DIR", default_value = "migrations")]
    pub dir: Vec<PathBuf>,
    /// Read the subfolders too
    #[arg(long, global = true, hide_short_help = true)]
    pub recursive: bool,
    /// Read the files as this tool does [default: as their names and marks say]
    #[arg(long, global = true, value_name = "TOOL", hide_short_help = true)]
    pub layout: Option<ToolName>,
    /// Begin although the database has the history of another tool
    #[arg(long, global = true, hide_short_help = true)]
    pub ignore_other_history: bool,
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
comments `-- migrate:up` and `-- migrate:down`, or a file in the layout of another tool: Flyway, Liquibase, goose, \
golang-migrate, sqlx and more (docs/layouts.md). `dbtool migrate adopt` takes over what such a tool has applied. \
Files are read as the mysql client reads them, DELIMITER \
included; bodies of stored programs need no DELIMITER. `source FILE` reads a file of the same folder or one \
below it, named from the folder of the file that says so; its text counts as the migration's own.

The comment `-- dbtool:online` before an ALTER TABLE has it done beside the table while that stays in use, \
where the server would copy or lock it.

Each statement is recorded in the table dbtool_migrations. A run that was interrupted goes on where it \
stopped when the command is run again.";

/// A tool whose migrations dbtool reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "a variant's words name its tool")]
pub enum ToolName {
    Dbtool,
    Dbmate,
    Flyway,
    GolangMigrate,
    Goose,
    Laravel,
    Liquibase,
    Mybatis,
    Rails,
    Rambler,
    Refinery,
    SqlMigrate,
    Sqlx,
}

impl ToolName {
    /// How the command line calls it.
    pub fn id(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

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
    #[arg(long, conflicts_with = "online")]
    pub allow_blocking: bool,
    /// Change a large table beside itself, while it stays in use, where the statement would copy or lock it
    #[arg(long)]
    pub online: bool,
    /// Have this program on PATH do online changes instead
    #[arg(long, help_heading = ONLINE, value_name = "TOOL", hide_short_help = true)]
    pub online_tool: Option<OnlineTool>,
    /// How an online change goes about
    #[command(flatten)]
    pub online_change: OnlineChangeArgs,
}

/// A program that changes tables online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnlineTool {
    /// pt-online-schema-change of the Percona Toolkit
    PtOsc,
    /// gh-ost
    GhOst,
}

/// The heading of the flags for online changes.
const ONLINE: &str = "Online change";

/// How an online change of a table goes about.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OnlineChangeArgs {
    /// Aim for transactions no longer than this many milliseconds
    #[arg(long, help_heading = ONLINE, value_name = "MS", default_value_t = 100, hide_short_help = true,
          value_parser = clap::value_parser!(u64).range(5..=60_000))]
    pub target_ms: u64,
    /// Pause while a status variable of the server is above its limit, as in Threads_running=25,Threads_connected=80
    #[arg(
        long,
        help_heading = ONLINE,
        value_name = "LIMITS",
        default_value = "Threads_running=25",
        hide_short_help = true
    )]
    pub max_load: MaxLoad,
    /// Pause while the server is a replica that lags more than this many seconds
    #[arg(long, help_heading = ONLINE, value_name = "SECONDS", hide_short_help = true)]
    pub max_lag: Option<u64>,
    /// Pause while this replica lags more than --max-lag; repeated for several. It is asked with the account of the
    /// run, over a connection of its own
    #[arg(long, help_heading = ONLINE, value_name = "HOST[:PORT]", requires = "max_lag", hide_short_help = true)]
    pub replica: Vec<String>,
    /// Put the copy in the table's place only from this moment on: a time of day, or 2026-11-28T22:30:00Z
    #[arg(long, help_heading = ONLINE, value_name = "HH:MM", visible_alias = "not-before", hide_short_help = true,
          value_parser = crate::report::moment, conflicts_with = "hold_swap")]
    pub swap_at: Option<SystemTime>,
    /// Keep the former table
    #[arg(long, help_heading = ONLINE, hide_short_help = true)]
    pub keep_old: bool,
    /// Put the copy in the table's place only after `dbtool migrate swap`
    #[arg(long, help_heading = ONLINE, hide_short_help = true)]
    pub hold_swap: bool,
}

impl Default for OnlineChangeArgs {
    fn default() -> Self {
        OnlineChangeArgs {
            target_ms: 100,
            max_load: MaxLoad::usual(),
            max_lag: None,
            replica: Vec::new(),
            swap_at: None,
            keep_old: false,
            hold_swap: false,
        }
    }
}

/// Who says in a plan how a statement works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PlanOn {
    /// dbtool's rules for each family and version of servers
    #[default]
    Rules,
    /// The server, on an empty copy of the tables in a scratch database, which is dropped again
    Scratch,
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
        /// Who says how a statement works and whether it fails
        #[arg(long, value_enum, default_value_t, value_name = "WHERE")]
        on: PlanOn,
    },
    /// Take the newest migration back and apply it again
    Redo {
        /// From this version on [default: only the newest]
        version: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Create the database, if there is none
    Create {
        /// Its default collation [default: the server's]
        #[arg(long, value_name = "NAME")]
        collation: Option<String>,
    },
    /// Drop the database with everything in it
    Drop {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Look for risks in the migration files; needs no database
    Lint(LintArgs),
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
    /// Take over what another tool has applied, as its own table in the database says; the table stays as it is
    Adopt(AdoptArgs),
    /// Let an online change that runs copy nothing, until it is resumed
    Pause {
        /// The table that is changed [default: the only one]
        table: Option<String>,
    },
    /// Let a paused online change go on
    Resume {
        /// The table that is changed [default: the only one]
        table: Option<String>,
    },
    /// Let an online change that holds its swap back put the copy in the table's place
    Swap {
        /// The table that is changed [default: the only one]
        table: Option<String>,
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

/// Whose history to take over.
#[derive(Debug, Clone, Args)]
pub struct AdoptArgs {
    /// The tool [default: the one whose table the database has]
    #[arg(long, value_name = "TOOL")]
    pub from: Option<ToolName>,
    /// The tool's table, if it is not called as usual
    #[arg(long, value_name = "TABLE", requires = "from")]
    pub table: Option<String>,
    /// Show what would be recorded, change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The rules, and the meaning of the exit codes.
fn lint_help() -> String {
    let mut text = String::from("Rules:\n");
    for rule in RULES {
        text.push_str(&format!(
            "  {:<24}{:<8} {}\n",
            rule.id,
            rule.severity.as_str(),
            rule.summary
        ));
    }
    text + "\nThe comment `-- dbtool:lint-ignore RULE` before a statement accepts a finding.\n\n\
        Exit codes: 0 no finding is an error, 1 some are."
}

/// Which files and rules to lint.
#[derive(Debug, Clone, Args)]
#[command(after_help = lint_help())]
pub struct LintArgs {
    /// Only files that were added or changed since this git revision, on this branch
    #[arg(long, value_name = "GIT-REF")]
    pub since: Option<String>,
    /// Findings of this rule are errors; `all` for every rule; may be repeated
    #[arg(long, value_name = "RULE")]
    pub deny: Vec<String>,
    /// Leave this rule out; may be repeated
    #[arg(long, value_name = "RULE")]
    pub allow: Vec<String>,
    /// Print what a rule finds, why it matters, an example and the fix; nothing else is done
    #[arg(long, value_name = "RULE", hide_possible_values = true, conflicts_with_all = ["deny", "allow", "since"],
          value_parser = PossibleValuesParser::new(RULES.iter().map(|rule| rule.id)))]
    pub explain: Option<String>,
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
    /// The file is gone for good: remove its record, the database stays as it is
    #[arg(long, group = "settle")]
    pub forget: bool,
    /// The online change that was begun is given up: remove the copy, the table stays as it is
    #[arg(long, group = "settle")]
    pub abandon: bool,
}

impl MigrateArgs {
    /// Whether the run only checks: then its result can be shown as named checks.
    pub fn is_check(&self) -> bool {
        self.apply.check
            || matches!(
                self.action,
                Some(MigrateAction::Status { .. } | MigrateAction::Verify | MigrateAction::Lint(_))
            )
    }

    /// Whether the files are linted.
    pub fn is_lint(&self) -> bool {
        matches!(&self.action, Some(MigrateAction::Lint(lint)) if lint.explain.is_none())
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
