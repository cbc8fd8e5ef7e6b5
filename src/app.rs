//! The frame around a command: guard, signals, panics, and what is said at the end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::cancel::{Cancel, Cancelled};
use crate::cli::connection::ConnectionArgs;
use crate::context::Launch;
use crate::db::{DbError, Guard, is_expected_panic};
use crate::exit::{Exit, Failure};
use crate::report::{Outcome, Reporter};
use crate::signals;

/// What a command ends with: something to show, or nothing.
pub type Ending = anyhow::Result<Option<Box<dyn Outcome>>>;

/// The first panic of the process, kept by the hook until it is reported.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Runs `command` under the guard and says how it ended. All connections are closed before
/// anything is shown, so that a slow reader (`| less`) holds none of them open.
pub fn run<F>(report: &Reporter, flags: ConnectionArgs, command: impl FnOnce(Launch) -> F) -> Exit
where
    F: Future<Output = Ending>,
{
    keep_panics();
    let cancel = Cancel::new();
    let ended = catch_unwind(AssertUnwindSafe(|| -> Ending {
        signals::install(&cancel)?;
        let guard = Guard::new().map_err(|error| {
            Failure::usage(
                format!("cannot start: {error}"),
                "free memory or file descriptors",
            )
        })?;
        let launch = Launch {
            report: report.clone(),
            cancel: cancel.clone(),
            pools: guard.pools(),
            flags,
        };
        guard.run(command(launch))
    }));
    conclude(report, &cancel, ended)
}

/// Reports a failure from before there was anything to guard.
pub fn refuse(report: &Reporter, failure: &Failure) -> Exit {
    report.error(&failure.what, &failure.next);
    failure.exit
}

fn conclude(report: &Reporter, cancel: &Cancel, ended: Result<Ending, Box<dyn Any + Send>>) -> Exit {
    // A panic in a task of its own does not unwind through here, but it is no less a bug.
    let panicked = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
    let ended = match (ended, panicked) {
        (Ok(ended), None) => ended,
        (_, panicked) => {
            let what = panicked.unwrap_or_else(|| "unknown panic".to_owned());
            report.error(
                &format!("dbtool stopped by a bug of its own: {what}"),
                "its connections are closed and nothing was left running; report this line with the command",
            );
            return Exit::Bug;
        }
    };
    match ended {
        Ok(outcome) => {
            let exit = outcome.as_ref().map_or(Exit::Done, |outcome| outcome.exit());
            if let Some(outcome) = outcome {
                report.emit(outcome.as_ref());
            }
            if let Some(signal) = cancel.requested() {
                report.error(&Cancelled(signal).to_string(), "");
                return Exit::Interrupted(signal);
            }
            match report.stdout_error() {
                Some(failure) if exit == Exit::Done => refuse(report, &failure),
                _ => exit,
            }
        }
        Err(error) => {
            let failure = failure_of(&error, cancel);
            refuse(report, &failure)
        }
    }
}

/// One failure out of an error chain: all of its words, the exit code and advice of its cause.
fn failure_of(error: &anyhow::Error, cancel: &Cancel) -> Failure {
    let words = error
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ");
    let mut failure = Failure::statement(words, "");
    for cause in error.chain() {
        if let Some(known) = cause.downcast_ref::<Failure>() {
            failure.exit = known.exit;
            failure.next.clone_from(&known.next);
            break;
        }
        if let Some(known) = cause.downcast_ref::<DbError>() {
            failure.exit = known.exit();
            known.next().clone_into(&mut failure.next);
            break;
        }
    }
    if let Some(signal) = cancel.requested() {
        failure.exit = Exit::Interrupted(signal);
    }
    failure
}

/// Replaces the printing panic hook by one that remembers the first panic, so that it is
/// reported once, in one line, after the connections are closed.
fn keep_panics() {
    std::panic::set_hook(Box::new(|info| {
        if is_expected_panic() {
            return;
        }
        let message = info
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| info.payload().downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let place = info
            .location()
            .map(|place| format!("{}:{}", place.file(), place.line()))
            .unwrap_or_default();
        let mut first = PANIC.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(format!("{message} (at {place})"));
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
            tracing::error!("{}", std::backtrace::Backtrace::force_capture());
        }
    }));
}
