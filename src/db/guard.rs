//! Closes every connection, once, on every exit path.
//!
//! The driver's pitfalls, how they are avoided, and the test in `tests/it/exit_paths.rs` that proves it:
//!
//! - *A connection dropped outside its pool closes the socket without COM_QUIT.* No connection is
//!   ever dropped: a task owns it (see `actor`) and closes it with COM_QUIT when its [`Session`]
//!   goes, wherever that happens (`success_closes_the_connection`, `a_failing_statement_…`,
//!   `a_panic_in_a_command_…`, `a_panic_in_a_task_…`, `each_signal_has_its_exit_code`).
//! - *Dropping a query future in flight leaves a connection that cannot be used.* The task never
//!   drops one: the statement is killed on the server and its own answer awaited
//!   (`sigint_kills_…`, `a_statement_timeout_…`, `a_dropped_statement_…`, `a_panic_with_a_statement_running_…`).
//! - *`Pool::disconnect` has waited for ever, or not at all, for connections in use.* The guard
//!   does not rely on it: it counts the tasks that own connections and waits for the count to
//!   reach zero, within a bound that holds for a hung server (`a_hung_server_does_not_hold_up_the_exit`).
//! - *`Drop` cannot await.* The guard owns the runtime, and drives it once more in its own `Drop`,
//!   outside any task; this also happens while a panic unwinds (`a_panic_in_a_command_…`).
//! - *The server counts a connection for a moment after COM_QUIT.* See `socket`; the next
//!   holder of the slot waits that moment (`tests/connection_budget.rs`).
//!
//! [`Session`]: super::Session

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::pool::Db;

/// Connections to a server that does not respond for this long are left to the kernel.
const BOUND: Duration = Duration::from_millis(1_400);

/// Owns the runtime and knows every pool of the run; dropping it disconnects them.
pub struct Guard {
    runtime: Option<Runtime>,
    pools: Pools,
}

/// The pools of a run; a handle for code that creates one.
#[derive(Clone, Default)]
pub struct Pools {
    list: Arc<Mutex<Vec<Db>>>,
}

impl Pools {
    /// Has the guard close `db`.
    pub fn register(&self, db: &Db) {
        self.list
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(db.clone());
    }
}

impl Guard {
    /// A guard with a runtime of one thread: the work is waiting, and threads cost memory.
    ///
    /// # Errors
    /// The system refuses the resources of a runtime.
    pub fn new() -> io::Result<Guard> {
        // Name look-ups run on a blocking thread; one is enough.
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .build()?;
        Ok(Guard {
            runtime: Some(runtime),
            pools: Pools::default(),
        })
    }

    /// The pools, to register new ones.
    pub fn pools(&self) -> Pools {
        self.pools.clone()
    }

    /// Drives `future` to its end. A panic inside unwinds through here; the guard still closes.
    ///
    /// # Panics
    /// As `future` does.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        match &self.runtime {
            Some(runtime) => runtime.block_on(future),
            None => unreachable!("the runtime is taken only in drop"),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        let pools = std::mem::take(&mut *self.pools.list.lock().unwrap_or_else(PoisonError::into_inner));
        runtime.block_on(async {
            for db in pools {
                db.close_within(BOUND).await;
            }
        });
        // A look-up that hangs in the system's resolver must not hold up the exit.
        runtime.shutdown_background();
    }
}
