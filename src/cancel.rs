//! The cancellation token: signal handlers set it, every wait listens to it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// A signal that ends a run after clean-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Terminal hang-up, exit code 129.
    Hangup,
    /// Ctrl+C, exit code 130.
    Interrupt,
    /// `kill`, exit code 143.
    Terminate,
}

impl Signal {
    /// 128 plus the signal's number, as shells report it.
    pub fn exit_code(self) -> u8 {
        match self {
            Signal::Hangup => 129,
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Hangup => "SIGHUP",
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        })
    }
}

/// The run was cancelled; code that gets this error stops and releases what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled(pub Signal);

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interrupted by {}", self.0)
    }
}

impl std::error::Error for Cancelled {}

/// The signal received first, and whether another one followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct CancelState {
    signal: Option<Signal>,
    hurried: bool,
}

/// What a person asks of long work by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseWish {
    /// SIGUSR1: do nothing until told to go on.
    Pause,
    /// SIGUSR2: go on.
    Resume,
}

/// The token itself; clones share one state.
#[derive(Debug, Clone)]
pub struct Cancel {
    state: Arc<watch::Sender<CancelState>>,
    /// The last wish that nobody has heeded yet: 0, or one of the constants below.
    wish: Arc<AtomicUsize>,
}

/// The values of a wish in [`Cancel::wish_cell`].
pub const PAUSE_WISH: usize = 1;
/// See [`PAUSE_WISH`].
pub const RESUME_WISH: usize = 2;

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancel {
    /// A token that is not set.
    pub fn new() -> Self {
        Cancel {
            state: Arc::new(watch::Sender::new(CancelState::default())),
            wish: Arc::default(),
        }
    }

    /// Where signal handlers write a wish.
    pub fn wish_cell(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.wish)
    }

    /// The last wish to pause or to go on, once.
    pub fn take_wish(&self) -> Option<PauseWish> {
        match self.wish.swap(0, Ordering::Relaxed) {
            PAUSE_WISH => Some(PauseWish::Pause),
            RESUME_WISH => Some(PauseWish::Resume),
            _ => None,
        }
    }

    /// Sets the token. The first signal is the one that counts for the exit code;
    /// a second call asks for leaving at once. Safe from any thread.
    pub fn request(&self, signal: Signal) {
        self.state.send_modify(|state| match state.signal {
            None => state.signal = Some(signal),
            Some(_) => state.hurried = true,
        });
    }

    /// The signal that cancelled the run, if one did.
    pub fn requested(&self) -> Option<Signal> {
        self.state.borrow().signal
    }

    /// Whether a second signal asked for leaving at once.
    pub fn hurried(&self) -> bool {
        self.state.borrow().hurried
    }

    /// Fails once the run is cancelled.
    ///
    /// # Errors
    /// [`Cancelled`] with the signal.
    pub fn check(&self) -> Result<(), Cancelled> {
        self.requested().map_or(Ok(()), |signal| Err(Cancelled(signal)))
    }

    /// Completes when the run is cancelled.
    pub async fn wait(&self) -> Signal {
        let mut states = self.state.subscribe();
        loop {
            if let Some(signal) = states.borrow_and_update().signal {
                return signal;
            }
            // The sender lives as long as `self`, so this cannot fail while we wait.
            if states.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Completes when a second signal asked for leaving at once.
    pub async fn wait_hurried(&self) {
        let mut states = self.state.subscribe();
        if states.wait_for(|state| state.hurried).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Sleeps, unless the run is cancelled first.
    ///
    /// # Errors
    /// [`Cancelled`] with the signal.
    pub async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.or(tokio::time::sleep(duration)).await
    }

    /// Runs `future`, unless the run is cancelled first. Only for futures that may be dropped half-way.
    ///
    /// # Errors
    /// [`Cancelled`] with the signal.
    pub async fn or<F: Future>(&self, future: F) -> Result<F::Output, Cancelled> {
        tokio::select! {
            biased;
            signal = self.wait() => Err(Cancelled(signal)),
            output = future => Ok(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cancel, Signal};
    use std::time::Duration;

    #[tokio::test]
    async fn the_first_signal_counts_and_the_second_hurries() {
        let cancel = Cancel::new();
        assert!(cancel.check().is_ok());
        cancel.request(Signal::Terminate);
        assert_eq!(cancel.requested(), Some(Signal::Terminate));
        assert!(!cancel.hurried());
        cancel.request(Signal::Interrupt);
        assert_eq!(cancel.wait().await, Signal::Terminate);
        cancel.wait_hurried().await;
        assert!(cancel.sleep(Duration::from_secs(600)).await.is_err());
    }
}
