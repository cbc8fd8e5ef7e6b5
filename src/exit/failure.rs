//! Why the program itself cannot do its part, whatever the command: start, run another program, read an answer, write
//! its result. Of each failure what happened, what to do next, and its exit code.

use std::io;
use std::path::PathBuf;

use super::{Failure, visible};

/// A failure of the program and its surroundings.
#[derive(Debug)]
pub(crate) enum ProcessFailure {
    /// The runtime does not start.
    NotStarted { error: io::Error },
    /// The system refuses a signal handler.
    NoSignals { error: String },
    /// `RUST_LOG` is not a filter.
    LogFilter { text: String, error: String },
    /// Standard input is not a terminal, so that nothing can be asked.
    CannotAsk { question: String },
    /// Standard output cannot be written.
    CannotWrite { reason: String },
    /// A result cannot be written to its file.
    CannotWriteFile { path: PathBuf, error: io::Error },
    /// The terminal cannot be taken, or is gone.
    NoTerminal { reason: String },
    /// Another program cannot be run.
    CannotRun { program: String, error: io::Error },
    /// The end of another program cannot be waited for.
    CannotWait { error: io::Error },
    /// The command line has flags for applying before a subcommand that applies nothing.
    FlagsBeforeSubcommand,
    /// A command does not offer a format.
    NoSuchFormat { format: String, offered: Vec<String> },
    /// `--max-load` names a status variable that the server lacks.
    NoSuchStatus { name: String },
}

crate::exit::raised_as_failure!(ProcessFailure);

impl From<ProcessFailure> for Failure {
    fn from(failure: ProcessFailure) -> Failure {
        use ProcessFailure as F;
        match failure {
            F::NotStarted { error } => Failure::usage(
                format!("cannot start: {error}"),
                "free memory or file descriptors",
            ),
            F::NoSignals { error } => Failure::usage(
                format!("cannot listen to signals: {}", visible(&error)),
                "run dbtool where signal handlers may be installed",
            ),
            F::LogFilter { text, error } => Failure::usage(
                format!(
                    "RUST_LOG is {text:?}, which is not a log filter: {}",
                    visible(&error)
                ),
                "write levels (error, warn, info, debug, trace) or TARGET=LEVEL pairs with commas, such as \
                 RUST_LOG=dbtool=debug, or unset it",
            ),
            F::CannotAsk { question } => Failure::usage(
                format!(
                    "{} cannot be asked: standard input is not a terminal",
                    visible(&question)
                ),
                "add --yes if the answer is yes",
            ),
            F::CannotWrite { reason } => Failure::statement(
                format!(
                    "could not write the result to standard output: {}",
                    visible(&reason)
                ),
                "the work itself was done; make room where the output goes and ask for the result again",
            ),
            F::CannotWriteFile { path, error } => Failure::statement(
                format!(
                    "could not write the result to {}: {error}",
                    visible(&path.display().to_string())
                ),
                "name a file in a folder that exists and that this user may write to",
            ),
            F::NoTerminal { reason } => Failure::statement(
                format!("the terminal cannot be used: {}", visible(&reason)),
                "pipe the output (`| cat`) for a line for each look",
            ),
            F::CannotRun { program, error } => Failure::usage(
                format!("cannot run {}: {error}", visible(&program)),
                "give the name or path of a program after `--`",
            ),
            F::CannotWait { error } => Failure::usage(format!("cannot wait for the command: {error}"), ""),
            F::FlagsBeforeSubcommand => Failure::usage(
                "VERSION, --dry-run, --only, --check, --allow-blocking and the flags of online changes before a subcommand have no meaning",
                "write them after the subcommand, if it accepts them; see `dbtool migrate --help`",
            ),
            F::NoSuchFormat { format, offered } => Failure::usage(
                format!("this command has no --format {format}"),
                format!("use one of {}", offered.join(", ")),
            ),
            F::NoSuchStatus { name } => Failure::usage(
                format!("--max-load: the server has no status variable {}", visible(&name)),
                "SHOW GLOBAL STATUS lists those it has",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::checks::{HOSTILE, check_each};

    #[test]
    fn each_names_a_next_step_and_escapes_names() {
        use ProcessFailure as F;
        let name = || HOSTILE.to_owned();
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let format = "junit".to_owned();
        let cases = vec![
            (F::NotStarted { error: denied() }, 2),
            (F::NoSignals { error: name() }, 2),
            (
                F::LogFilter {
                    text: name(),
                    error: name(),
                },
                2,
            ),
            (F::CannotAsk { question: name() }, 2),
            (F::CannotWrite { reason: name() }, 4),
            (
                F::CannotWriteFile {
                    path: PathBuf::from(name()),
                    error: denied(),
                },
                4,
            ),
            (F::NoTerminal { reason: name() }, 4),
            (
                F::CannotRun {
                    program: name(),
                    error: denied(),
                },
                2,
            ),
            (F::CannotWait { error: denied() }, 2),
            (F::FlagsBeforeSubcommand, 2),
            (
                F::NoSuchFormat {
                    format,
                    offered: vec!["text".to_owned()],
                },
                2,
            ),
            (F::NoSuchStatus { name: name() }, 2),
        ];
        check_each(
            include_str!("failure.rs"),
            "ProcessFailure",
            cases,
            &["CannotWait"],
        );
    }
}
