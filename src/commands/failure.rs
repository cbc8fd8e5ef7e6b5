//! Why a command refuses what it is asked for: of each failure what happened, what to do next, and its exit code. What
//! fails in an engine is in that engine's `failure.rs`.

use crate::exit::{Failure, visible};
use crate::report::plural;

/// A failure of a command's flags, or of an answer.
#[derive(Debug)]
pub(super) enum CommandFailure {
    /// A sandbox is given a server.
    ServerForSandbox { flag: &'static str },
    /// The manual page cannot be written.
    ManualPage { error: std::io::Error },
    /// `--kill` without a filter.
    KillWithoutFilter,
    /// `--every` without `--yes`.
    EveryNeedsYes,
    /// The user did not confirm that connections are ended.
    KillDeclined,
    /// `--explain` with another format than text.
    ExplainPrintsText,
    /// A flag names a lint rule that does not exist. `or_all` is whether it takes `all`.
    NoSuchRule {
        flag: &'static str,
        rule: String,
        or_all: bool,
        known: Vec<&'static str>,
    },
    /// `dbtool run` while the budget is that of several hosts.
    FleetBudget,
    /// `dbtool run` for more connections than the budget has.
    MoreThanTheBudget { wanted: u32, limit: u32, slots: u32 },
}

crate::exit::raised_as_failure!(CommandFailure);

impl From<CommandFailure> for Failure {
    fn from(failure: CommandFailure) -> Failure {
        use CommandFailure as F;
        match failure {
            F::ServerForSandbox { flag } => Failure::usage(
                format!("{flag} names a server, but a sandbox brings its own"),
                format!("leave out {flag}, or put it after `--` if it belongs to the command"),
            ),
            F::ManualPage { error } => Failure::usage(
                format!("cannot write the manual page: {error}"),
                "see dbtool --help instead",
            ),
            F::KillWithoutFilter => Failure::usage(
                "--kill without a filter would end every connection",
                "say which are meant, such as --idle 300s, --user NAME or --process NAME; --dry-run shows them",
            ),
            F::EveryNeedsYes => Failure::usage(
                "--every cannot ask before each kill",
                "add --yes, or --dry-run to see what it would end",
            ),
            F::KillDeclined => Failure::usage("nothing was ended: the answer was not yes", ""),
            F::ExplainPrintsText => Failure::usage("--explain prints text only", "leave --format out"),
            F::NoSuchRule {
                flag,
                rule,
                or_all,
                known,
            } => Failure::usage(
                format!("{flag} {}: there is no such rule", visible(&rule)),
                format!(
                    "use {} {}",
                    if or_all { "all, or one of" } else { "one of" },
                    known.join(", ")
                ),
            ),
            F::FleetBudget => Failure::usage(
                "dbtool run takes part in the budget of this host only, and DB_FLEET_CONNECTION_LIMIT is set",
                "unset DB_FLEET_CONNECTION_LIMIT for this command, if the command may connect whatever other hosts do",
            ),
            F::MoreThanTheBudget { wanted, limit, slots } => Failure::usage(
                format!(
                    "the command wants {}, and DB_CONNECTION_LIMIT={limit} leaves {slots} for work \
                     (one is kept for diagnostics and for ending statements)",
                    plural(wanted.into(), "connection")
                ),
                format!(
                    "lower --connections, or raise DB_CONNECTION_LIMIT to {} if the server has room",
                    wanted + 1
                ),
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
        use CommandFailure as F;
        let rule = |flag, or_all| F::NoSuchRule {
            flag,
            rule: HOSTILE.to_owned(),
            or_all,
            known: vec!["definer"],
        };
        let error = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let cases = vec![
            F::ServerForSandbox { flag: "--db-host" },
            F::ManualPage { error },
            F::KillWithoutFilter,
            F::EveryNeedsYes,
            F::KillDeclined,
            F::ExplainPrintsText,
            rule("--deny", true),
            rule("--explain", false),
            F::FleetBudget,
            F::MoreThanTheBudget {
                wanted: 9,
                limit: 5,
                slots: 4,
            },
        ];
        let cases = cases.into_iter().map(|failure| (failure, 2)).collect();
        check_each(
            include_str!("failure.rs"),
            "CommandFailure",
            cases,
            &["KillDeclined"],
        );
    }
}
