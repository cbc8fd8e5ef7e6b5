//! Flags of `dbtool check-schema`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use super::migrate::ToolName;
use crate::schema::lint::RULES;

/// Where the expected schema comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Replay {
    /// On this server where the account may create a database and the migrations stay in theirs, else the
    /// snapshot, else on a private server
    #[default]
    Auto,
    /// In a scratch database on this server
    Server,
    /// On a private server started for it, of the program here that is most like this server
    Sandbox,
    /// Not at all: the snapshot
    Never,
}

/// From which severity on a difference fails the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOn {
    /// Any difference
    #[default]
    Cosmetic,
    /// What changes the speed
    Performance,
    /// What changes results or breaks the application
    Breaks,
    /// None: differences are shown, the exit code is 0
    Never,
}

/// The end of `--help`: the rules, and the meaning of the exit codes.
fn after_help() -> String {
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    format!(
        "Rules: {}.\n\n\
         Exit codes: 0 no drift and nothing denied was found, 1 drift from --fail-on on, a denied finding, or\n\
         pending migrations (unless --applied).",
        wrapped(&ids)
    )
}

/// A list in lines of at most 90 characters.
fn wrapped(ids: &[&str]) -> String {
    let mut text = String::new();
    let mut width = "Rules: ".len();
    for (at, id) in ids.iter().enumerate() {
        if at > 0 {
            let breaks = width + id.len() + 2 > 90;
            text.push_str(if breaks { ",\n" } else { ", " });
            width = if breaks { 0 } else { width + 2 };
        }
        text.push_str(id);
        width += id.len();
    }
    text
}

/// Arguments of `dbtool check-schema`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = after_help())]
pub struct CheckSchemaArgs {
    /// Folder of the migrations; its schema.json is the snapshot
    #[arg(long, value_name = "DIR", default_value = "migrations")]
    pub dir: PathBuf,
    /// Read the subfolders too
    #[arg(long)]
    pub recursive: bool,
    /// Read the files as this tool does [default: as their names and marks say]
    #[arg(long, value_name = "TOOL", hide_possible_values = true)]
    pub layout: Option<ToolName>,
    /// Compare with this snapshot, or with the live database of this mysql:// URL; env:NAME
    /// takes the URL, which may then hold a password, from a variable
    #[arg(long, value_name = "FILE|URL|env:NAME", conflicts_with_all = ["replay", "write"])]
    pub expect: Option<String>,
    /// Where to replay the migrations
    #[arg(long, value_enum, default_value_t, value_name = "WHERE")]
    pub replay: Replay,
    /// Do not fail because migrations are pending; what they change is never compared
    #[arg(long, conflicts_with_all = ["expect", "write"])]
    pub applied: bool,
    /// Write the snapshot DIR/schema.json from the replayed migrations
    #[arg(long)]
    pub write: bool,
    /// Print the statements that fix the drift, and nothing else
    #[arg(long)]
    pub fix_sql: bool,
    /// Do not comment out statements that may lose data
    #[arg(long, requires = "fix_sql")]
    pub allow_destructive: bool,
    /// Draw the schema: FILE.svg, .html, .mmd (Mermaid) or .dot (Graphviz)
    #[arg(long, value_name = "FILE")]
    pub diagram: Option<PathBuf>,
    /// Only the lint rules; no expected schema is needed
    #[arg(long, conflicts_with_all = ["expect", "replay", "applied", "write", "fix_sql"])]
    pub lint_only: bool,
    /// Fail on findings of this lint rule; `all` for every rule; may be repeated
    #[arg(long, value_name = "RULE")]
    pub deny: Vec<String>,
    /// Print what a lint rule finds, why it matters, an example and the fix; nothing else is done
    #[arg(long, value_name = "RULE", hide_possible_values = true, conflicts_with_all = ["deny", "diagram", "expect", "fix_sql", "lint_only", "write"],
          value_parser = PossibleValuesParser::new(RULES.iter().map(|rule| rule.id)))]
    pub explain: Option<String>,
    /// An account that may be the DEFINER of programs, like app@%; * stands for any text; may be
    /// repeated. Without any the rule `definer` finds nothing
    #[arg(long, value_name = "USER@HOST")]
    pub allow_definer: Vec<String>,
    /// From which severity on a difference fails the check
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// Differences and findings that are as they should be [default: DIR/schema.ignore if it is there]
    #[arg(long, value_name = "FILE")]
    pub ignore: Option<PathBuf>,
    /// Drop scratch databases that a killed run left behind, without asking
    #[arg(long)]
    pub drop_leftovers: bool,
}
