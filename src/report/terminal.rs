//! The two output streams: their properties, and writing to them without failing a run.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::{LazyLock, Mutex, PoisonError};

use indicatif::MultiProgress;

use super::ColorChoice;

/// The progress bars of this process, which share standard error: every write to the terminal
/// suspends them first. Hidden when standard error is not a terminal.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// The first failure to write to standard output.
static STDOUT_ERROR: Mutex<Option<StdoutError>> = Mutex::new(None);

/// Why standard output accepts no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StdoutError {
    /// The reader closed the pipe (`| head`); not an error.
    BrokenPipe,
    /// Any other error, e.g. a full disk: output the user requested is lost.
    Other(String),
}

pub(super) fn bars() -> &'static MultiProgress {
    &BARS
}

pub(super) fn stdout_error() -> Option<StdoutError> {
    STDOUT_ERROR
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// Writes to standard output, unless an earlier write failed.
pub(super) fn write_stdout(bytes: &[u8]) {
    if bytes.is_empty() || stdout_error().is_some() {
        return;
    }
    let written = BARS.suspend(|| {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush())
    });
    if let Err(error) = written {
        let error = match error.kind() {
            io::ErrorKind::BrokenPipe => StdoutError::BrokenPipe,
            _ => StdoutError::Other(error.to_string()),
        };
        *STDOUT_ERROR.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// Text for standard error that is held back while a view has the terminal; the last of it, should it be much.
static HELD: Mutex<Option<VecDeque<String>>> = Mutex::new(None);

/// How much is held back.
const HELD_LINES: usize = 20;

/// Holds back what is for standard error, if that is the terminal: it would be written across the view.
pub(super) fn hold_stderr() {
    if stderr_is_terminal() {
        HELD.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_default();
    }
}

/// Writes what was held back.
pub(super) fn release_stderr() {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
    for text in held.into_iter().flatten() {
        write_stderr(&text);
    }
}

/// The last line that is held back.
pub(super) fn last_held_line() -> Option<String> {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    Some(held.as_ref()?.back()?.trim_end().to_owned())
}

/// Writes to standard error, above any progress bar. A failure cannot be reported and is ignored.
pub(super) fn write_stderr(text: &str) {
    if let Some(held) = HELD.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        if held.len() == HELD_LINES {
            held.pop_front();
        }
        held.push_back(text.to_owned());
        return;
    }
    BARS.suspend(|| {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    });
}

/// Environment variables that control colour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Environment {
    pub no_color: Option<String>,
    pub clicolor: Option<String>,
    pub clicolor_force: Option<String>,
    pub term: Option<String>,
}

impl Environment {
    pub fn read() -> Self {
        let var = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Environment {
            no_color: var("NO_COLOR"),
            clicolor: var("CLICOLOR"),
            clicolor_force: var("CLICOLOR_FORCE"),
            term: var("TERM"),
        }
    }

    /// Whether the terminal cannot move its cursor.
    pub fn is_dumb(&self) -> bool {
        self.term.as_deref() == Some("dumb")
    }

    /// Whether to colour a stream: the flag, then NO_COLOR (<https://no-color.org>), then
    /// CLICOLOR_FORCE and CLICOLOR (<https://bixense.com/clicolors>), then whether it is a terminal.
    pub fn color(&self, choice: ColorChoice, terminal: bool) -> bool {
        let set = |value: &Option<String>| value.as_deref().is_some_and(|value| !value.is_empty());
        match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if set(&self.no_color) => false,
            ColorChoice::Auto if set(&self.clicolor_force) && self.clicolor_force.as_deref() != Some("0") => {
                true
            }
            ColorChoice::Auto => terminal && !self.is_dumb() && self.clicolor.as_deref() != Some("0"),
        }
    }
}

pub(super) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

pub(super) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Width in columns of the terminal on standard output, if known.
pub(super) fn stdout_width() -> Option<u16> {
    if !stdout_is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

#[cfg(test)]
mod tests {
    use super::{ColorChoice, Environment};

    #[test]
    fn colour_is_decided_per_stream() {
        let env = |no_color: &str, force: &str, clicolor: &str, term: &str| {
            let some = |text: &str| (text != "-").then(|| text.to_string());
            Environment {
                no_color: some(no_color),
                clicolor_force: some(force),
                clicolor: some(clicolor),
                term: some(term),
            }
        };
        use ColorChoice::{Always, Auto, Never};
        for (environment, choice, terminal, colour) in [
            (env("-", "-", "-", "xterm"), Auto, true, true),
            (env("-", "-", "-", "xterm"), Auto, false, false),
            (env("-", "-", "-", "dumb"), Auto, true, false),
            (env("-", "-", "-", "-"), Auto, true, true),
            (env("1", "-", "-", "xterm"), Auto, true, false),
            (env("", "-", "-", "xterm"), Auto, true, true),
            (env("-", "1", "-", "dumb"), Auto, false, true),
            (env("-", "0", "-", "xterm"), Auto, false, false),
            (env("1", "1", "-", "xterm"), Auto, true, false),
            (env("-", "-", "0", "xterm"), Auto, true, false),
            (env("1", "-", "-", "dumb"), Always, false, true),
            (env("-", "1", "-", "xterm"), Never, true, false),
        ] {
            assert_eq!(
                environment.color(choice, terminal),
                colour,
                "{environment:?} {choice:?} {terminal}"
            );
        }
    }
}
