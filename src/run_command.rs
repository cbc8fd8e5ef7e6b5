//! Runs another program with variables set or removed, forwards signals to it and returns its exit code.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal as Kill, getpgrp, kill_process, kill_process_group};
use tokio::process::Child;

use crate::cancel::{Cancel, Signal};
use crate::exit::{Failure, ProcessFailure};

/// Time a command has to end after a signal.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time a command has to end after the terminal's own signal before dbtool sends one.
const GRACE: Duration = Duration::from_secs(2);

/// Runs `command_line` to its end, with `set` added to and `unset` removed from the environment. On
/// cancellation the command receives the same signal, then SIGKILL if it does not end; a second signal
/// kills it immediately.
///
/// # Errors
/// A usage failure if the command cannot be started.
pub async fn run(
    command_line: &[OsString],
    set: &[(&'static str, String)],
    unset: &[&str],
    cancel: &Cancel,
) -> Result<u8, Failure> {
    run_with(command_line, set, unset, cancel, Output::Inherited).await
}

/// As [`run`], but the command's standard output goes to standard error.
///
/// # Errors
/// A usage failure if the command cannot be started.
pub async fn run_to_stderr(command_line: &[OsString], cancel: &Cancel) -> Result<u8, Failure> {
    run_with(command_line, &[], &[], cancel, Output::ToStderr).await
}

/// As [`run`], but discards the command's standard output.
///
/// # Errors
/// A usage failure if the command cannot be started.
pub async fn run_silently(
    command_line: &[OsString],
    set: &[(&'static str, String)],
    unset: &[&str],
    cancel: &Cancel,
) -> Result<u8, Failure> {
    run_with(command_line, set, unset, cancel, Output::Discarded).await
}

/// Where a command's standard output goes.
enum Output {
    Inherited,
    Discarded,
    ToStderr,
}

async fn run_with(
    command_line: &[OsString],
    set: &[(&'static str, String)],
    unset: &[&str],
    cancel: &Cancel,
    output: Output,
) -> Result<u8, Failure> {
    let Some((program, arguments)) = command_line.split_first() else {
        return Ok(0);
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for name in unset {
        command.env_remove(name);
    }
    command.envs(set.iter().map(|(name, value)| (name, value)));
    match output {
        Output::Inherited => {}
        Output::Discarded => drop(command.stdout(Stdio::null())),
        Output::ToStderr => drop(command.stdout(std::io::stderr())),
    }
    let group = ProcessGroup::of_this_process();
    if group == ProcessGroup::Own {
        command.process_group(0);
    }
    let mut child =
        tokio::process::Command::from(command)
            .spawn()
            .map_err(|error| ProcessFailure::CannotRun {
                program: program.to_string_lossy().into_owned(),
                error,
            })?;
    let waited = tokio::select! {
        biased;
        status = child.wait() => status,
        signal = cancel.wait() => end(&mut child, group, signal, cancel).await,
    };
    waited
        .map(exit_code)
        .map_err(|error| ProcessFailure::CannotWait { error }.into())
}

/// The process group a command runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProcessGroup {
    /// The terminal's foreground group, as this process: it can read input, and Ctrl+C reaches it directly.
    Foreground,
    /// A group of its own, so that a signal reaches all processes it started.
    Own,
}

impl ProcessGroup {
    fn of_this_process() -> ProcessGroup {
        let streams: [&dyn Terminal; 3] = [&std::io::stdin(), &std::io::stdout(), &std::io::stderr()];
        let in_foreground = streams.iter().any(|stream| stream.is_controlled());
        if in_foreground {
            ProcessGroup::Foreground
        } else {
            ProcessGroup::Own
        }
    }
}

trait Terminal {
    fn is_controlled(&self) -> bool;
}

impl<T: IsTerminal + std::os::fd::AsFd> Terminal for T {
    fn is_controlled(&self) -> bool {
        self.is_terminal() && rustix::termios::tcgetpgrp(self).is_ok_and(|group| group == getpgrp())
    }
}

async fn end(
    child: &mut Child,
    group: ProcessGroup,
    signal: Signal,
    cancel: &Cancel,
) -> std::io::Result<ExitStatus> {
    let from_terminal = group == ProcessGroup::Foreground && signal != Signal::Terminate;
    if from_terminal {
        // The terminal has already signalled the command; a second signal would kill it.
        if let Some(status) = within(child, GRACE, cancel).await {
            return status;
        }
    }
    send(
        child,
        group,
        match signal {
            Signal::Hangup => Kill::HUP,
            Signal::Interrupt => Kill::INT,
            Signal::Terminate => Kill::TERM,
        },
    );
    if let Some(status) = within(child, TIMEOUT, cancel).await {
        return status;
    }
    send(child, group, Kill::KILL);
    child.wait().await
}

/// The command's status, if it ends in time and no second signal arrives.
async fn within(
    child: &mut Child,
    timeout: Duration,
    cancel: &Cancel,
) -> Option<std::io::Result<ExitStatus>> {
    tokio::select! {
        biased;
        status = child.wait() => Some(status),
        () = cancel.wait_hurried() => None,
        () = tokio::time::sleep(timeout) => None,
    }
}

fn send(child: &Child, group: ProcessGroup, signal: Kill) {
    let pid = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw);
    let Some(pid) = pid else { return };
    // An error means that it has just ended.
    let _ = match group {
        ProcessGroup::Foreground => kill_process(pid, signal),
        ProcessGroup::Own => kill_process_group(pid, signal),
    };
}

/// The code a shell would report.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::{exit_code, run};
    use crate::cancel::{Cancel, Signal};
    use std::ffi::OsString;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    fn shell(script: &str) -> Vec<OsString> {
        ["/bin/sh", "-c", script].map(OsString::from).to_vec()
    }

    #[test]
    fn statuses_become_the_codes_of_a_shell() {
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(exit_code(ExitStatus::from_raw(15)), 143);
    }

    #[tokio::test]
    async fn variables_are_set_and_unset() {
        let script = r#"[ "$DB_HOST" = here ] && [ -z "${CARGO_MANIFEST_DIR+x}" ] && exit 7"#;
        let code = run(
            &shell(script),
            &[("DB_HOST", "here".into())],
            &["CARGO_MANIFEST_DIR"],
            &Cancel::new(),
        )
        .await;
        assert_eq!(code.ok(), Some(7));
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let failure = run(&["/no/such/program".into()], &[], &[], &Cancel::new())
            .await
            .expect_err("a failure");
        assert!(failure.what.contains("/no/such/program"));
    }

    #[tokio::test]
    async fn a_signal_is_passed_on_and_the_command_may_clean_up() {
        let cancel = Cancel::new();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let ready = dir.path().join("ready");
        let script = format!(
            "trap 'exit 9' TERM; : >'{}'; while :; do sleep 0.01; done",
            ready.display()
        );
        let asking = async {
            while !ready.exists() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            cancel.request(Signal::Terminate);
        };
        let command_line = shell(&script);
        let (code, ()) = tokio::join!(run(&command_line, &[], &[], &cancel), asking);
        assert_eq!(code.ok(), Some(9));
    }

    #[tokio::test]
    async fn a_second_signal_kills() {
        let cancel = Cancel::new();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let ready = dir.path().join("ready");
        let script = format!(
            "trap '' TERM; : >'{}'; while :; do sleep 0.01; done",
            ready.display()
        );
        let asking = async {
            while !ready.exists() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            cancel.request(Signal::Terminate);
            cancel.request(Signal::Terminate);
        };
        let command_line = shell(&script);
        let (code, ()) = tokio::join!(run(&command_line, &[], &[], &cancel), asking);
        assert_eq!(code.ok(), Some(137));
    }
}
