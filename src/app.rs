//! Runs a command: guard, signals, panics, and the report at the end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::cancel::{Cancel, Cancelled};
use crate::cli::connection::ConnectionArgs;
use crate::context::AppContext;
use crate::db::{DbError, Guard, is_expected_panic};
use crate::exit::{Exit, Failure, ProcessFailure};
use crate::report::{Outcome, Reporter, restore_terminal};
use crate::signals;

/// The outcome of a command to show, if it has one, or the error that stopped it.
pub type CommandResult = anyhow::Result<Option<Box<dyn Outcome>>>;

/// The first panic of the process, kept by the hook until it is reported.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Runs `command` under the guard and reports how it ended. All connections are closed before
/// anything is shown, so that a slow reader (`| less`) holds none of them open.
pub fn run<F>(report: &Reporter, flags: ConnectionArgs, command: impl FnOnce(AppContext) -> F) -> Exit
where
    F: Future<Output = CommandResult>,
{
    install_panic_hook();
    let cancel = Cancel::new();
    let result = catch_unwind(AssertUnwindSafe(|| -> CommandResult {
        signals::install(&cancel, restore_terminal)?;
        let guard = Guard::new().map_err(|error| ProcessFailure::NotStarted { error })?;
        let app = AppContext {
            report: report.clone(),
            cancel: cancel.clone(),
            pools: guard.pools(),
            flags,
        };
        guard.run(command(app))
    }));
    finish(report, &cancel, result)
}

/// Reports a failure; returns its exit code.
pub fn report_failure(report: &Reporter, failure: &Failure) -> Exit {
    report.error(&failure.what, &failure.next);
    failure.exit
}

fn finish(report: &Reporter, cancel: &Cancel, result: Result<CommandResult, Box<dyn Any + Send>>) -> Exit {
    // A panic in a spawned task does not unwind through here, but it is a bug all the same.
    let first_panic = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
    let result = match (result, first_panic) {
        (Ok(result), None) => result,
        (_, first_panic) => {
            let message = first_panic.unwrap_or_else(|| "unknown panic".to_owned());
            report.error(
                &format!("dbtool stopped by a bug of its own: {message}"),
                "its connections are closed and nothing was left running; report this line and the command",
            );
            return Exit::Bug;
        }
    };
    match result {
        Ok(outcome) => {
            let exit = outcome.as_ref().map_or(Exit::Done, |outcome| outcome.exit());
            let interrupted = outcome
                .as_ref()
                .is_none_or(|outcome| outcome.is_cut_short_by_signals());
            if let Some(outcome) = outcome {
                match outcome.file() {
                    None => report.emit(outcome.as_ref()),
                    Some(path) => {
                        if let Err(failure) = report.emit_to(path, outcome.as_ref()) {
                            return report_failure(report, &failure);
                        }
                    }
                }
            }
            if let (Some(signal), true) = (cancel.requested(), interrupted) {
                report.error(&Cancelled(signal).to_string(), "");
                return Exit::Interrupted(signal);
            }
            match report.stdout_error() {
                Some(failure) if exit == Exit::Done => report_failure(report, &failure),
                _ => exit,
            }
        }
        Err(error) => {
            let failure = failure_of(&error, cancel);
            report_failure(report, &failure)
        }
    }
}

/// The failure that an error chain describes: all of its messages, the exit code and advice of its cause.
fn failure_of(error: &anyhow::Error, cancel: &Cancel) -> Failure {
    let message = error
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ");
    let mut failure = Failure::statement(message, "");
    for cause in error.chain() {
        if let Some(failed) = cause.downcast_ref::<Failure>() {
            failure.exit = failed.exit;
            failure.next.clone_from(&failed.next);
            break;
        }
        if let Some(failed) = cause.downcast_ref::<DbError>() {
            failure.exit = failed.exit();
            failed.next().clone_into(&mut failure.next);
            break;
        }
    }
    if let Some(signal) = cancel.requested() {
        failure.exit = Exit::Interrupted(signal);
    }
    failure
}

/// Installs a panic hook that prints nothing and remembers the first panic, so that it is
/// reported once, in one line, after the connections are closed.
fn install_panic_hook() {
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
