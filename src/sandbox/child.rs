//! Runs a command beside a sandbox: signals go on to it, its exit code comes back.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal as Kill, getpgrp, kill_process, kill_process_group};
use tokio::process::Child;

use crate::cancel::{Cancel, Signal};
use crate::exit::Failure;

/// How long a command may take to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a command may take to follow the terminal's own signal before it is asked again.
const GRACE: Duration = Duration::from_secs(2);

/// Runs `words` with this environment to its end. When the run is cancelled, the command gets
/// the same signal, then SIGKILL if it does not end; a second signal kills it at once.
///
/// # Errors
/// A usage failure when the command cannot be started.
pub async fn run(
    words: &[OsString],
    set: &[(&'static str, String)],
    unset: &[&str],
    cancel: &Cancel,
) -> Result<u8, Failure> {
    run_with(words, set, unset, cancel, false).await
}

/// As [`run`], and throws away what the command writes to its standard output.
///
/// # Errors
/// As [`run`].
pub async fn run_silently(
    words: &[OsString],
    set: &[(&'static str, String)],
    unset: &[&str],
    cancel: &Cancel,
) -> Result<u8, Failure> {
    run_with(words, set, unset, cancel, true).await
}

async fn run_with(
    words: &[OsString],
    set: &[(&'static str, String)],
    unset: &[&str],
    cancel: &Cancel,
    silently: bool,
) -> Result<u8, Failure> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(0);
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for name in unset {
        command.env_remove(name);
    }
    command.envs(set.iter().map(|(name, value)| (name, value)));
    if silently {
        command.stdout(Stdio::null());
    }
    let place = Place::of_this_process();
    if place == Place::Apart {
        command.process_group(0);
    }
    let mut child = tokio::process::Command::from(command).spawn().map_err(|error| {
        Failure::usage(
            format!("cannot run {}: {error}", program.to_string_lossy()),
            "give the name or path of a program after `--`",
        )
    })?;
    let waited = tokio::select! {
        biased;
        status = child.wait() => status,
        signal = cancel.wait() => end(&mut child, place, signal, cancel).await,
    };
    waited
        .map(exit_code)
        .map_err(|error| Failure::usage(format!("lost sight of the command: {error}"), ""))
}

/// Where the command runs in relation to the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the terminal's foreground, as this process: it may read keys, and Ctrl+C reaches it directly.
    Foreground,
    /// In a process group of its own, so that a signal reaches everything it started.
    Apart,
}

impl Place {
    fn of_this_process() -> Place {
        let streams: [&dyn Terminal; 3] = [&std::io::stdin(), &std::io::stdout(), &std::io::stderr()];
        let in_foreground = streams.iter().any(|stream| stream.is_ours());
        if in_foreground {
            Place::Foreground
        } else {
            Place::Apart
        }
    }
}

trait Terminal {
    fn is_ours(&self) -> bool;
}

impl<T: IsTerminal + std::os::fd::AsFd> Terminal for T {
    fn is_ours(&self) -> bool {
        self.is_terminal() && rustix::termios::tcgetpgrp(self).is_ok_and(|group| group == getpgrp())
    }
}

async fn end(
    child: &mut Child,
    place: Place,
    signal: Signal,
    cancel: &Cancel,
) -> std::io::Result<ExitStatus> {
    let from_terminal = place == Place::Foreground && signal != Signal::Terminate;
    if from_terminal {
        // The terminal has told the command already; a second signal would hurry it.
        if let Some(status) = within(child, GRACE, cancel).await {
            return status;
        }
    }
    send(
        child,
        place,
        match signal {
            Signal::Hangup => Kill::HUP,
            Signal::Interrupt => Kill::INT,
            Signal::Terminate => Kill::TERM,
        },
    );
    if let Some(status) = within(child, PATIENCE, cancel).await {
        return status;
    }
    send(child, place, Kill::KILL);
    child.wait().await
}

/// The command's end, if it comes in time and nobody hurries.
async fn within(
    child: &mut Child,
    patience: Duration,
    cancel: &Cancel,
) -> Option<std::io::Result<ExitStatus>> {
    tokio::select! {
        biased;
        status = child.wait() => Some(status),
        () = cancel.wait_hurried() => None,
        () = tokio::time::sleep(patience) => None,
    }
}

fn send(child: &Child, place: Place, signal: Kill) {
    let pid = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw);
    let Some(pid) = pid else { return };
    // Failing means that it has just ended.
    let _ = match place {
        Place::Foreground => kill_process(pid, signal),
        Place::Apart => kill_process_group(pid, signal),
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
        let words = shell(&script);
        let (code, ()) = tokio::join!(run(&words, &[], &[], &cancel), asking);
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
        let words = shell(&script);
        let (code, ()) = tokio::join!(run(&words, &[], &[], &cancel), asking);
        assert_eq!(code.ok(), Some(137));
    }
}
