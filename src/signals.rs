//! Signals flip the cancellation token, and do nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal as Number};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

use crate::cancel::{Cancel, PAUSE_WISH, RESUME_WISH, Signal};
use crate::exit::{Failure, ProcessFailure};

/// After a second signal the process ends within this time even if its main thread is stuck.
const LAST_RESORT: Duration = Duration::from_millis(450);

/// Listens to SIGINT, SIGTERM and SIGHUP for the rest of the process's life; SIGHUP remains ignored where it was
/// (`nohup`). `last_words` is called if the process must end without unwinding.
///
/// # Errors
/// The system refuses a handler.
pub fn install(cancel: &Cancel, last_words: fn()) -> Result<(), Failure> {
    let refused = |error: &dyn std::fmt::Display| ProcessFailure::NoSignals {
        error: error.to_string(),
    };
    // A signal that comes while half of this is done would be taken for SIGINT, whatever it was: it
    // waits until all is in place.
    let held: SigSet = [Number::SIGINT, Number::SIGTERM, Number::SIGHUP]
        .into_iter()
        .collect();
    held.thread_block().map_err(|error| refused(&error))?;
    let installed = install_handlers(cancel, last_words);
    held.thread_unblock().map_err(|error| refused(&error))?;
    installed.map_err(|error| refused(&error).into())
}

fn install_handlers(cancel: &Cancel, last_words: fn()) -> anyhow::Result<()> {
    let outlives_terminal = ignores(SIGHUP);
    // The handler crate does not say which signal came; these flags do, for the exit code.
    let last = Arc::new(AtomicUsize::new(0));
    let (token, which) = (cancel.clone(), Arc::clone(&last));
    ctrlc::set_handler(move || {
        let signal = received(&which);
        if signal == Signal::Hangup && outlives_terminal {
            return;
        }
        if token.requested().is_none() {
            token.request(signal);
            return;
        }
        token.request(signal);
        std::thread::sleep(LAST_RESORT);
        last_words();
        let first = token.requested().unwrap_or(signal);
        #[allow(
            clippy::disallowed_methods,
            reason = "the last resort, when the guard does not end in time"
        )]
        std::process::exit(i32::from(first.exit_code()));
    })?;
    for number in [SIGINT, SIGTERM, SIGHUP] {
        let value = usize::try_from(number).unwrap_or_default();
        signal_hook::flag::register_usize(number, Arc::clone(&last), value)?;
    }
    for (number, wish) in [(SIGUSR1, PAUSE_WISH), (SIGUSR2, RESUME_WISH)] {
        signal_hook::flag::register_usize(number, cancel.wish_cell(), wish)?;
    }
    Ok(())
}

/// Whether the process was started with this signal ignored, where the system has `/proc`.
fn ignores(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (number - 1)) != 0)
}

/// The signal that woke the handler. The flag is set within the same delivery, right after the
/// handler is woken, so it is there at once, or as soon as the thread it came to is given a CPU again.
fn received(last: &AtomicUsize) -> Signal {
    for _ in 0..2000 {
        match i32::try_from(last.swap(0, Ordering::SeqCst)).unwrap_or_default() {
            0 => std::thread::sleep(Duration::from_millis(1)),
            SIGTERM => return Signal::Terminate,
            SIGHUP => return Signal::Hangup,
            _ => return Signal::Interrupt,
        }
    }
    Signal::Interrupt
}
