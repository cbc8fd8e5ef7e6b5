//! Turns panics of the driver, which a server's answer can cause, into ordinary errors.
//!
//! The driver (mysql_async 0.37) trusts counts and lengths in packets and panics where they are wrong.
//! That is not a bug of dbtool: it is reported as an error of the connection.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread is caught by `catch_panic` and reported as an error.
pub fn is_expected() -> bool {
    EXPECTED.get()
}

/// Drives `future`; a panic inside it becomes an error with the panic's message. The future is not
/// polled again, and its connection must only be closed afterwards.
pub(super) async fn catch_panic<F: Future>(future: F) -> Result<F::Output, String> {
    tokio::pin!(future);
    std::future::poll_fn(|context| {
        let before = EXPECTED.replace(true);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        EXPECTED.set(before);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic_message(panic.as_ref()))),
        }
    })
    .await
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned())
}
