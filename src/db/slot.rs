//! A slot of the budget: the locked file that stands for one connection, and its record of the holder.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::slot_file::BudgetFolder;

/// A server's thread counts as connected for a moment after it has closed its end of the socket
/// (measured on MariaDB 10.11 with all cores busy: up to 3 ms). A slot is reused only this long
/// after it was freed.
const SETTLE: Duration = Duration::from_millis(8);
/// As [`SETTLE`], for a slot whose holder was killed: the server notices it later.
const SETTLE_KILLED: Duration = Duration::from_millis(25);
/// As [`SETTLE_KILLED`], for the reserve, whose statements are short.
const SETTLE_RESERVE: Duration = Duration::from_millis(250);

/// The purpose of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotKind {
    /// For work.
    Work,
    /// Reserved for kills and short diagnostics.
    Reserve,
}

/// The process that holds a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// dbtool's subcommand.
    pub command: String,
    /// When the slot was taken, milliseconds since 1970.
    pub taken: u64,
    /// When it was released, milliseconds since 1970; none while it is held, or when the
    /// holder was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<u64>,
    /// The server's number for its connection, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// When the connection was opened, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<u64>,
}

impl Holder {
    /// `migrate (pid 4711, for 12 s)`.
    pub fn describe(&self) -> String {
        let held = now().as_secs().saturating_sub(self.taken / 1_000);
        format!("{} (pid {}, for {held} s)", self.command, self.pid)
    }

    /// How long to wait before the slot released by this holder is reused.
    pub(super) fn settle_time(&self, kind: SlotKind) -> Duration {
        match (self.released.map(Duration::from_millis), kind) {
            (Some(released), _) => SETTLE.saturating_sub(now().saturating_sub(released)),
            (None, SlotKind::Work) => SETTLE_KILLED,
            (None, SlotKind::Reserve) => SETTLE_RESERVE,
        }
    }
}

/// A connection whose process ended without closing it: the server may still work for it.
#[derive(Debug, Clone)]
pub(super) struct Orphan {
    pub(super) connection: u64,
    /// When it was opened, milliseconds since 1970.
    pub(super) connected: u64,
    /// The process that opened it.
    pub(super) holder: Holder,
    /// Whether that process ran as this user.
    pub(super) own: bool,
}

impl Orphan {
    pub(super) fn from_holder(holder: &Holder, own: bool) -> Option<Orphan> {
        match (holder.released, holder.connection, holder.connected) {
            (None, Some(connection), Some(connected)) => Some(Orphan {
                connection,
                connected,
                holder: holder.clone(),
                own,
            }),
            _ => None,
        }
    }
}

/// The slots that this process holds or waits for.
#[derive(Debug, Default)]
pub(super) struct HeldSlots {
    pub(super) work: Vec<u32>,
    /// How many of `work` are still being waited for.
    pub(super) waiting: usize,
    pub(super) reserve: bool,
}

/// Locks the count of a process's slots.
pub(super) fn lock(held: &Mutex<HeldSlots>) -> MutexGuard<'_, HeldSlots> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A slot for one connection; dropping it frees the slot.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) kind: SlotKind,
    pub(super) index: u32,
    pub(super) held: Arc<Mutex<HeldSlots>>,
    /// The locked file; closing it frees the slot for other processes.
    pub(super) file: Option<SlotFile>,
    pub(super) contact: Option<FirstContact>,
}

/// A locked slot file.
#[derive(Debug)]
pub(super) struct SlotFile {
    pub(super) folder: BudgetFolder,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) lock: File,
    pub(super) holder: Holder,
    pub(super) settle_time: Duration,
    pub(super) orphan: Option<Orphan>,
    /// The server may still work for the connection.
    pub(super) abandoned: bool,
}

/// The locks that a first contact with an address holds beside its slot.
#[derive(Debug)]
pub(super) struct FirstContact {
    pub(super) _contact_lock: File,
    pub(super) possible: Vec<SlotFile>,
}

impl Slot {
    pub(super) fn kind(&self) -> SlotKind {
        self.kind
    }

    /// Whether this is a first contact, for which other processes wait.
    pub(super) fn holds_contact(&self) -> bool {
        self.contact.is_some()
    }

    /// How long to wait before the slot is used; zero when called again.
    pub(super) fn settle_time(&mut self) -> Duration {
        self.file
            .as_mut()
            .map(|file| std::mem::take(&mut file.settle_time))
            .unwrap_or_default()
    }

    /// A connection that the previous holder may have left on the server.
    pub(super) fn orphan(&self) -> Option<Orphan> {
        self.file.as_ref()?.orphan.clone()
    }

    /// The server whose connections the slot counts, as far as it is known; `None` where nothing is shared.
    pub(super) fn server_key(&self) -> Option<&str> {
        self.file.as_ref().map(|file| file.key.as_str())
    }

    /// Records that the previous holder's connection no longer exists on the server.
    pub(super) fn orphan_is_gone(&mut self) {
        if let Some(file) = &mut self.file {
            file.orphan = None;
            file.record();
        }
    }

    /// Records the connection, so that the next holder can find it if this process is killed.
    pub(super) fn connected(&mut self, id: u64) {
        if let Some(file) = &mut self.file
            && file.holder.connection != Some(id)
        {
            file.holder.connection = Some(id);
            file.holder.connected = milliseconds();
            file.record();
        }
    }

    /// Records that the server did not confirm the end of the connection.
    pub(super) fn abandon(&mut self) {
        if let Some(file) = &mut self.file {
            file.abandoned = true;
        }
    }
}

impl SlotFile {
    pub(super) fn record(&self) {
        // Information for waiting processes and the next holder; the lock alone decides who holds
        // the slot, so a full disk does no harm. Until its orphan is gone, a slot keeps the old record.
        if self.orphan.is_none()
            && let Ok(text) = serde_json::to_string(&self.holder)
        {
            let _ = self
                .folder
                .open()
                .and_then(|folder| folder.write(&self.name, &text));
        }
    }
}

impl SlotFile {
    /// Frees the slot although other processes have inherited the file.
    pub(super) fn release_for_all(mut self) {
        self.holder.released = milliseconds();
        self.record();
        let _ = self.lock.unlock();
        // All is recorded.
        self.abandoned = true;
    }

    /// Closes the file of this process and leaves the lock to those that have inherited it.
    pub(super) fn leave(mut self) {
        self.abandoned = true;
    }
}

impl Drop for SlotFile {
    fn drop(&mut self) {
        if !self.abandoned {
            self.holder.released = milliseconds();
            self.record();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        match self.kind {
            SlotKind::Work => held.work.retain(|index| *index != self.index),
            SlotKind::Reserve => held.reserve = false,
        }
    }
}

/// Time since 1970.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Milliseconds since 1970.
pub(super) fn milliseconds() -> Option<u64> {
    u64::try_from(now().as_millis()).ok()
}
