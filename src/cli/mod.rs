//! The command line: clap types only, no database.

pub mod check_connections;
pub mod check_schema;
pub mod connection;
pub mod create_conversations;
pub mod migrate;
pub mod min_free;
pub mod ping;
pub mod run;
pub mod sandbox;
pub mod size;
pub mod span;
pub mod test_conversations;
pub mod test_image_size;

use clap::{Args, Parser, Subcommand};

use crate::report::{ColorChoice, Format, ReportSettings};
use connection::ConnectionArgs;

/// MySQL and MariaDB maintenance with one small connection pool.
#[derive(Debug, Parser)]
#[command(
    name = "dbtool",
    version,
    about = "MySQL and MariaDB maintenance with one small connection pool.",
    long_about = "MySQL and MariaDB maintenance with one small connection pool.\n\n\
        All dbtool processes of a host together hold at most DB_CONNECTION_LIMIT connections \
        (default 3) to a server; every connection is closed on every exit path, and an interrupted \
        command leaves nothing running on the server.",
    after_long_help = EXIT_CODES,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to connect.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// How to show results.
    #[command(flatten)]
    pub output: OutputArgs,
}

const EXIT_CODES: &str = "Exit codes:
  0  done, nothing wrong
  1  the check found something
  2  bad usage or configuration, or a database without the tables that the command works on
  3  could not connect, or no free connection
  4  a statement failed, or the connection was lost during one
  5  another run holds the lock
  130, 143, 129  interrupted by SIGINT, SIGTERM, SIGHUP, after clean-up";

/// How to show results.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Shape of the result on standard output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorChoice,
    /// No status lines and no progress; warnings and errors stay
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More log lines; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl OutputArgs {
    /// The reporter's settings.
    pub fn settings(&self) -> ReportSettings {
        ReportSettings {
            format: self.format,
            color: self.color,
            quiet: self.quiet,
            verbose: self.verbose,
        }
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the database's schema up to date
    Migrate(migrate::MigrateArgs),
    /// Compare the schema with the one that the migrations make, and lint it
    CheckSchema(check_schema::CheckSchemaArgs),
    /// Give every booking that has none a conversation
    CreateConversations(create_conversations::CreateConversationsArgs),
    /// Test the conversations as the application lists and writes them
    TestConversations(test_conversations::TestConversationsArgs),
    /// Find the largest image that the profile image column takes
    TestImageSize(test_image_size::TestImageSizeArgs),
    /// Show who uses the server's connections, and how many are left
    CheckConnections(check_connections::CheckConnectionsArgs),
    /// Ask the server whether it is ready
    Ping(ping::PingArgs),
    /// Run another program within the connection budget
    Run(run::RunArgs),
    /// Run a private throwaway server with demo data
    Sandbox(sandbox::SandboxArgs),
    /// Show every configuration value and where it comes from
    Config,
    /// Write completions for a shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to standard output
    Man,
}

impl Command {
    /// Formats the command offers besides text and JSON.
    fn extra_formats(&self) -> &'static [Format] {
        match self {
            Command::CheckConnections(args) if args.ending.kill || args.plan || args.watch.is_some() => &[],
            Command::CheckConnections(_) => &[Format::Junit, Format::Github, Format::Prometheus],
            Command::CheckSchema(_) | Command::TestConversations(_) | Command::TestImageSize(_) => {
                &[Format::Junit, Format::Github]
            }
            Command::Migrate(args) if args.is_lint() => &[Format::Junit, Format::Github, Format::Sarif],
            Command::Migrate(args) if args.is_check() => &[Format::Junit, Format::Github],
            _ => &[],
        }
    }
}

impl Cli {
    /// Checks the rules that clap's types cannot express.
    ///
    /// # Errors
    /// A format the command does not offer.
    pub fn check(&self) -> Result<(), crate::exit::Failure> {
        let format = self.output.format;
        if matches!(format, Format::Text | Format::Json) || self.command.extra_formats().contains(&format) {
            return Ok(());
        }
        let name = clap::ValueEnum::to_possible_value(&format)
            .map_or(String::new(), |value| value.get_name().to_owned());
        let offered: Vec<String> = [Format::Text, Format::Json]
            .iter()
            .chain(self.command.extra_formats())
            .filter_map(|format| Some(clap::ValueEnum::to_possible_value(format)?.get_name().to_owned()))
            .collect();
        let format = name;
        Err(crate::exit::ProcessFailure::NoSuchFormat { format, offered }.into())
    }
}
