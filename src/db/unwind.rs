//! Panics of the driver, which a server can cause by what it sends, as ordinary errors.
//!
//! The driver (mysql_async 0.37) believes counts and lengths of packets and panics where they make no
//! sense. That is no bug of the run's own: it ends as an error of the connection.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread is caught by `unpanicked` and told as an error.
pub fn is_expected() -> bool {
    EXPECTED.get()
}

/// Drives `future`; a panic inside it becomes an error with the panic's words. The future is not
/// polled again, and what it worked on is not to be used but for closing it.
pub(super) async fn unpanicked<F: Future>(future: F) -> Result<F::Output, String> {
    tokio::pin!(future);
    std::future::poll_fn(|context| {
        let before = EXPECTED.replace(true);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        EXPECTED.set(before);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(words(panic.as_ref()))),
        }
    })
    .await
}

fn words(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned())
}
