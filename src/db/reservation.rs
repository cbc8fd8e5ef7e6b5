//! Slots without connections of this process: another program makes the connections that they stand for.

use rustix::io::{FdFlags, fcntl_setfd};
use tokio::time::Instant;

use super::error::DbError;
use super::pool::Db;
use super::slot::Slot;

/// Slots of the budget that a program started by this process uses. Dropping it frees them.
///
/// The program inherits the locked files, so that a slot stays taken while any of its processes lives, even
/// if this process is killed.
#[derive(Debug)]
pub struct Reservation {
    slots: Vec<Slot>,
}

impl Reservation {
    /// How many connections the program may have.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it may have none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Leaves the slots to the processes of the program that are still running: each slot becomes free when the
    /// last of them ends.
    pub fn leave_to_program(mut self) {
        for slot in &mut self.slots {
            if let Some(file) = slot.file.take() {
                file.leave();
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            if let Some(file) = slot.file.take() {
                // Processes that the program left behind hold the file open, too.
                file.release_for_all();
            }
        }
    }
}

impl Db {
    /// Waits until `count` slots are free at one time, and takes them. The server was asked who it is before,
    /// so that the slots are those of the server and not of one of its addresses.
    ///
    /// # Errors
    /// The server cannot be reached, the slots do not become free within the acquire timeout, or the run was
    /// cancelled.
    pub async fn reserve(&self, count: u32) -> Result<Reservation, DbError> {
        self.server().await?;
        // The connection that asked is closed before its slot is counted as free.
        self.close().await;
        let deadline = Instant::now() + self.inner.acquire_timeout;
        let mut slots = self.inner.wait_for_slots(count, deadline).await?;
        for slot in &mut slots {
            self.inner.clear(slot, deadline).await?;
            let settle_time = slot.settle_time();
            if !settle_time.is_zero() {
                tokio::time::sleep(settle_time).await;
            }
            if let Some(file) = &slot.file {
                // An error leaves the slot to this process alone.
                let _ = fcntl_setfd(&file.lock, FdFlags::empty());
            }
        }
        Ok(Reservation { slots })
    }
}
