//! The host-wide connection budget: a connection exists only while it holds a slot.
//!
//! A slot is a small file with a kernel lock on it (flock, through [`std::fs::File::try_lock`]), named
//! after the server and the account. The kernel drops the lock with the process, so a process that was
//! killed frees its slots at once; the file records its connection, and the next holder ends it on the
//! server if it still exists (see `orphan`).
//!
//! With a limit of `n`, `n - 1` slots are for work and one is reserved: for the short connection
//! that kills a cancelled statement, and for sub-second diagnostics while long runs hold the rest.
//! Without the reserve a cancelled process could find every slot taken by others and would have to
//! choose between exceeding the limit and leaving its statement running. With a limit of 1 there
//! is nothing to reserve: the kill uses one additional connection, for a few milliseconds.
//!
//! No deadlock: a process waits for slots for work only while it holds none. Only one waiter at a time
//! (the head of the queue) takes slots; a further slot is only tried, never waited for. The reserve is
//! held for moments only, and never by a process that waits for another slot.
//!
//! Fairness: waiters queue by a blocking lock on one more file; the kernel wakes them in their order.
//! An extra slot is tried only when no process waits.
//!
//! One server has one budget however it is addressed: see `budget_folder`. Until the server has reported
//! its identity, a first contact with an address holds a slot of every server that it may be.
//!
//! A slot file that was deleted while its lock is held still counts: a file that was never written to
//! is used only when no process holds a deleted one of its name.

mod search;

pub use super::slot::Holder;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use search::{ContactResult, Search, holder_of};
use tokio::sync::OnceCell;

use super::budget_folder::{AddressKeys, shared_folder};
use super::server::Server;
use super::slot::{HeldSlots, Slot, SlotKind, lock};
use super::slot_file::BudgetFolder;
use crate::cancel::{Cancel, Cancelled};
use crate::config::{Address, Config};

/// How often the head of the queue looks for a free slot.
const POLL: Duration = Duration::from_millis(3);
/// As [`POLL`], where a look costs more.
const SLOW_POLL: Duration = Duration::from_millis(30);

/// Why no slot was taken.
#[derive(Debug)]
pub(super) enum NoSlot {
    /// The run was cancelled.
    Cancelled(Cancelled),
    /// None of the files is usable, for these reasons.
    Unusable(String),
}

impl From<Cancelled> for NoSlot {
    fn from(cancelled: Cancelled) -> NoSlot {
        NoSlot::Cancelled(cancelled)
    }
}

/// The budget of one process towards one server.
#[derive(Debug, Clone)]
pub struct Budget {
    inner: Arc<BudgetState>,
}

#[derive(Debug)]
struct BudgetState {
    /// The folder of slots shared with other processes; `None` counts in this process alone.
    folder: Option<BudgetFolder>,
    address: Address,
    account: String,
    address_keys: OnceCell<AddressKeys>,
    /// The key of the server whose slots are taken.
    active_key: Mutex<ActiveKey>,
    work_slots: u32,
    command: String,
    held: Arc<Mutex<HeldSlots>>,
    /// The reason why slots are not shared although they should be.
    trouble: Option<String>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct ActiveKey {
    key: String,
    /// The server has reported its identity, to this process or an earlier one.
    known: bool,
}

/// Counts a slot for work as waited for, not as held, while the value lives.
struct Waiting<'a>(Option<&'a BudgetState>);

impl<'a> Waiting<'a> {
    fn new(inner: &'a BudgetState, kind: SlotKind) -> Waiting<'a> {
        if kind == SlotKind::Reserve {
            return Waiting(None);
        }
        lock(&inner.held).waiting += 1;
        Waiting(Some(inner))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(inner) = self.0 {
            lock(&inner.held).waiting -= 1;
        }
    }
}

impl Budget {
    /// The budget for the configured server. Never fails: where slots cannot be shared, the
    /// process counts alone and [`Budget::trouble`] says why.
    pub fn new(config: &Config, command: &str) -> Budget {
        let (folder, trouble) = match shared_folder(config) {
            Ok(folder) => (folder, None),
            Err(reason) => (None, Some(reason)),
        };
        Budget {
            inner: Arc::new(BudgetState {
                folder,
                address: config.address.value.clone(),
                account: config.user_name().to_owned(),
                address_keys: OnceCell::new(),
                active_key: Mutex::default(),
                work_slots: config.connection_limit.value.saturating_sub(1).max(1),
                command: command.to_owned(),
                held: Arc::default(),
                trouble,
            }),
        }
    }

    /// The reason why slots are not shared with other processes although they should be.
    pub fn trouble(&self) -> Option<&str> {
        self.inner.trouble.as_deref()
    }

    /// The maximum number of connections for work.
    pub fn work_slots(&self) -> u32 {
        self.inner.work_slots
    }

    /// How many work slots this process holds.
    pub(super) fn held_work(&self) -> usize {
        let held = lock(&self.inner.held);
        held.work.len().saturating_sub(held.waiting)
    }

    /// Whether another process waits for what this one holds, or what it holds is the reserve.
    pub(super) fn is_wanted(&self) -> bool {
        let inner = &self.inner;
        if lock(&inner.held).reserve {
            return true;
        }
        let Some(folder) = &inner.folder else { return false };
        let active = inner.active_key();
        // The head of the queue keeps its lock while it waits.
        active.known && inner.try_head(folder, &active.key, SlotKind::Work).is_none()
    }

    /// The processes that hold slots now, as far as their files can be read.
    pub fn holders(&self) -> Vec<Holder> {
        let Some(Ok(folder)) = self.inner.folder.as_ref().map(BudgetFolder::open) else {
            return Vec::new();
        };
        let active = self.inner.active_key();
        let mut keys = vec![active.key];
        if !active.known
            && let Some(address_keys) = self.inner.address_keys.get()
        {
            keys.extend(address_keys.possible_keys(&folder));
        }
        keys.iter()
            .flat_map(|key| self.inner.names(key))
            .filter_map(|name| holder_of(&folder, &name))
            .collect()
    }

    /// Takes a slot if one is free and no process waits for it.
    pub(super) async fn try_take(&self, kind: SlotKind, cancel: &Cancel) -> Result<Option<Slot>, NoSlot> {
        let inner = &self.inner;
        let Some(mut slot) = inner.reserve_in_process(kind) else {
            return Ok(None);
        };
        let Some(folder) = &inner.folder else {
            return Ok(Some(slot));
        };
        let address_keys = cancel.or(inner.address_keys()).await?;
        let active = inner.active_key();
        if !active.known {
            return match inner.try_contact(folder, address_keys, slot) {
                ContactResult::Taken(slot) => Ok(Some(slot)),
                ContactResult::Busy(_) => Ok(None),
                ContactResult::Unusable(reasons) => Err(NoSlot::Unusable(reasons)),
            };
        }
        let Some(_head) = inner.try_head(folder, &active.key, kind) else {
            return Ok(None);
        };
        Ok(match inner.find_free(folder, &active.key, kind) {
            Search::Taken(file) => {
                slot.file = Some(*file);
                Some(slot)
            }
            _ => None,
        })
    }

    /// Waits for a slot. The caller bounds the time by dropping the future.
    ///
    /// # Errors
    /// The run was cancelled, or no slot file is usable.
    pub(super) async fn take(&self, kind: SlotKind, cancel: &Cancel) -> Result<Slot, NoSlot> {
        cancel.or(self.take_uncancelled(kind)).await?
    }

    /// As [`Budget::take`], for clean-up after cancellation.
    pub(super) async fn take_uncancelled(&self, kind: SlotKind) -> Result<Slot, NoSlot> {
        let inner = &self.inner;
        let mut slot = loop {
            match inner.reserve_in_process(kind) {
                Some(slot) => break slot,
                None => tokio::time::sleep(POLL).await,
            }
        };
        let _waiting = Waiting::new(inner, kind);
        let Some(folder) = &inner.folder else {
            return Ok(slot);
        };
        let address_keys = inner.address_keys().await;
        loop {
            let active = inner.active_key();
            if !active.known {
                slot = match inner.try_contact(folder, address_keys, slot) {
                    ContactResult::Taken(slot) => return Ok(slot),
                    ContactResult::Busy(slot) => slot,
                    ContactResult::Unusable(reasons) => return Err(NoSlot::Unusable(reasons)),
                };
                tokio::time::sleep(POLL).await;
                continue;
            }
            let _head = inner.head(folder, &active.key, kind).await;
            while inner.active_key() == active {
                match inner.find_free(folder, &active.key, kind) {
                    Search::Taken(file) => {
                        slot.file = Some(*file);
                        return Ok(slot);
                    }
                    Search::Busy => tokio::time::sleep(POLL).await,
                    Search::BusyUnseen => tokio::time::sleep(SLOW_POLL).await,
                    Search::Unusable(reasons) => return Err(NoSlot::Unusable(reasons)),
                }
            }
        }
    }

    /// Waits for `count` slots for work at once. While this process is at the head of the queue no other takes a
    /// slot, so that two that need several never wait for each other. The caller bounds the time by dropping
    /// the future.
    ///
    /// # Errors
    /// The run was cancelled, no slot file is usable, or there are not so many slots.
    pub(super) async fn take_many(&self, count: u32, cancel: &Cancel) -> Result<Vec<Slot>, NoSlot> {
        cancel.or(self.take_many_uncancelled(count)).await?
    }

    async fn take_many_uncancelled(&self, count: u32) -> Result<Vec<Slot>, NoSlot> {
        let inner = &self.inner;
        let mut slots = Vec::new();
        while slots.len() < count as usize {
            let Some(slot) = inner.reserve_in_process(SlotKind::Work) else {
                let reason = format!(
                    "{count} slots are wanted, and the budget has {}",
                    inner.work_slots
                );
                return Err(NoSlot::Unusable(reason));
            };
            slots.push(slot);
        }
        let Some(folder) = &inner.folder else {
            return Ok(slots);
        };
        inner.address_keys().await;
        let active = inner.active_key();
        let _head = inner.head(folder, &active.key, SlotKind::Work).await;
        for slot in &mut slots {
            slot.file = loop {
                match inner.find_free(folder, &active.key, SlotKind::Work) {
                    Search::Taken(file) => break Some(*file),
                    Search::Busy => tokio::time::sleep(POLL).await,
                    Search::BusyUnseen => tokio::time::sleep(SLOW_POLL).await,
                    Search::Unusable(reasons) => return Err(NoSlot::Unusable(reasons)),
                }
            };
        }
        Ok(slots)
    }

    /// Called when the server of a new connection has reported its identity. False if the slot belongs to
    /// another server and none of this server's is free: close the connection and wait for a slot.
    pub(super) fn identified(&self, slot: &mut Slot, server: &Server) -> bool {
        let inner = &self.inner;
        let (Some(folder), Some(address_keys)) = (&inner.folder, inner.address_keys.get()) else {
            return true;
        };
        let contact = slot.contact.take();
        let Some(key) = address_keys.key_of(server) else {
            inner.use_key(address_keys.address_key().to_owned());
            return true;
        };
        if let Ok(opened) = folder.open() {
            address_keys.remember(&opened, server, &key);
        }
        inner.use_key(key.clone());
        let Some(file) = &mut slot.file else { return true };
        if file.key == key {
            return true;
        }
        let kept = contact.and_then(|contact| contact.possible.into_iter().find(|other| other.key == key));
        let right = kept.or_else(|| match inner.find_free(folder, &key, slot.kind) {
            Search::Taken(file) => Some(*file),
            _ => None,
        });
        match right {
            // An orphan must be ended before a connection is made.
            Some(right) if right.orphan.is_none() => {
                *file = right;
                true
            }
            _ => false,
        }
    }
}

const RESERVE: &str = "reserve";

impl SlotKind {
    fn queue_name(self) -> &'static str {
        match self {
            SlotKind::Work => "queue.work",
            SlotKind::Reserve => "queue.reserve",
        }
    }
}
