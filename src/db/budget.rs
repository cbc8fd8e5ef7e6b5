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

use std::fs::{File, TryLockError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::budget_folder::{AddressKeys, shared_folder};
use super::server::Server;
pub use super::slot::Holder;
use super::slot::{FirstContact, HeldSlots, Orphan, Slot, SlotFile, SlotKind, lock, milliseconds};
use super::slot_file::{BudgetFolder, OpenFolder, OwnedText, is_held_deleted, is_own};
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

/// This process is at the head of a queue while the value lives.
#[derive(Debug)]
struct QueueHead {
    _file: Option<File>,
}

/// The result of one search for a free slot.
enum Search {
    Taken(Box<SlotFile>),
    Busy,
    /// Busy, and another search costs more than usual.
    BusyUnseen,
    Unusable(String),
}

/// The result of an attempt at a first contact.
enum ContactResult {
    Taken(Slot),
    Busy(Slot),
    Unusable(String),
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
                let reason = format!("{count} slots are wanted, and there are {}", inner.work_slots);
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

impl BudgetState {
    fn active_key(&self) -> ActiveKey {
        self.active_key
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn address_keys(&self) -> &AddressKeys {
        let found = self
            .address_keys
            .get_or_init(|| AddressKeys::find(&self.address, &self.account))
            .await;
        let mut active = self.active_key.lock().unwrap_or_else(PoisonError::into_inner);
        if active.key.is_empty() {
            found.address_key().clone_into(&mut active.key);
        }
        found
    }

    /// Reserves one of this process's own slots; counted in memory, without a file.
    fn reserve_in_process(&self, kind: SlotKind) -> Option<Slot> {
        let mut held = lock(&self.held);
        let index = match kind {
            SlotKind::Work => (0..self.work_slots).find(|index| !held.work.contains(index))?,
            SlotKind::Reserve if held.reserve => return None,
            SlotKind::Reserve => 0,
        };
        match kind {
            SlotKind::Work => held.work.push(index),
            SlotKind::Reserve => held.reserve = true,
        }
        Some(Slot {
            kind,
            index,
            held: Arc::clone(&self.held),
            file: None,
            contact: None,
        })
    }

    /// The names of all slots of a server.
    fn names(&self, key: &str) -> Vec<String> {
        let mut names = self.names_of_kind(key, SlotKind::Work);
        names.extend(self.names_of_kind(key, SlotKind::Reserve));
        names
    }

    fn names_of_kind(&self, key: &str, kind: SlotKind) -> Vec<String> {
        match kind {
            SlotKind::Work => (0..self.work_slots)
                .map(|index| format!("{key}.slot.{index}"))
                .collect(),
            SlotKind::Reserve => vec![format!("{key}.slot.{RESERVE}")],
        }
    }

    /// Takes the first free slot, preferring one without an orphan.
    fn find_free(&self, folder: &BudgetFolder, key: &str, kind: SlotKind) -> Search {
        let opened = match folder.open() {
            Ok(opened) => opened,
            Err(error) => return Search::Unusable(format!("{}: {error}", folder.path().display())),
        };
        let names = self.names_of_kind(key, kind);
        let mut orphaned = None;
        let mut unseen = false;
        let mut reasons = Vec::new();
        for name in &names {
            match self.lock(folder, &opened, key, name, kind) {
                Ok(Some(file)) if kind == SlotKind::Work && file.orphan.is_some() => {
                    if orphaned.is_none() {
                        orphaned = Some(file);
                    }
                }
                Ok(Some(file)) => return Search::Taken(Box::new(file)),
                Ok(None) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => unseen = true,
                Err(error) => {
                    reasons.push(format!("{}: {error}", folder.path().join(name).display()));
                }
            }
        }
        if let Some(file) = orphaned {
            return Search::Taken(Box::new(file));
        }
        if reasons.len() == names.len() {
            return Search::Unusable(reasons.join("; "));
        }
        if unseen { Search::BusyUnseen } else { Search::Busy }
    }

    /// Locks one slot; `None` while another process holds it. A deleted file of that name that is still
    /// held is reported as [`std::io::ErrorKind::ResourceBusy`].
    fn lock(
        &self,
        folder: &BudgetFolder,
        opened: &OpenFolder,
        key: &str,
        name: &str,
        kind: SlotKind,
    ) -> std::io::Result<Option<SlotFile>> {
        let file = opened.file(name)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if !opened.is_current(name, &file) {
            return Ok(None);
        }
        let texts = opened.read(name);
        // One that was never written to may stand in the place of a deleted one.
        if texts.is_empty() && is_held_deleted(&folder.path().join(name)) {
            return Err(std::io::ErrorKind::ResourceBusy.into());
        }
        let last = last_holder(&texts);
        let settle_time = last
            .as_ref()
            .map(|(last, _)| last.settle_time(kind))
            .unwrap_or_default();
        let orphan = last.and_then(|(last, own)| Orphan::from_holder(&last, own));
        let slot = SlotFile {
            folder: folder.clone(),
            key: key.to_owned(),
            name: name.to_owned(),
            lock: file,
            holder: Holder {
                pid: std::process::id(),
                command: self.command.clone(),
                taken: milliseconds().unwrap_or_default(),
                released: None,
                connection: None,
                connected: None,
            },
            settle_time,
            orphan: orphan.filter(|_| kind == SlotKind::Work),
            abandoned: false,
        };
        slot.record();
        tracing::debug!("took slot {}", folder.path().join(name).display());
        Ok(Some(slot))
    }

    /// A slot for a first contact with an address, if all the slots that it needs are free.
    fn try_contact(
        &self,
        folder: &BudgetFolder,
        address_keys: &AddressKeys,
        mut slot: Slot,
    ) -> ContactResult {
        let opened = match folder.open() {
            Ok(opened) => opened,
            Err(error) => return ContactResult::Unusable(format!("{}: {error}", folder.path().display())),
        };
        if let Some(key) = address_keys.recall(&opened) {
            self.use_key(key);
            return ContactResult::Busy(slot);
        }
        let contact_lock = match opened.file(&address_keys.contact_name()) {
            Ok(file) if file.try_lock().is_ok() => file,
            _ => return ContactResult::Busy(slot),
        };
        let mut keys = vec![address_keys.address_key().to_owned()];
        keys.extend(address_keys.possible_keys(&opened));
        let mut files = Vec::new();
        for key in &keys {
            match self.find_free(folder, key, slot.kind) {
                Search::Taken(file) => files.push(*file),
                Search::Busy | Search::BusyUnseen => return ContactResult::Busy(slot),
                Search::Unusable(reasons) => return ContactResult::Unusable(reasons),
            }
        }
        let mut first = files.remove(0);
        // A process killed in a first contact had only asked the server for its identity, and no other
        // connection is made meanwhile.
        first.orphan = None;
        first.record();
        slot.file = Some(first);
        slot.contact = Some(FirstContact {
            _contact_lock: contact_lock,
            possible: files,
        });
        ContactResult::Taken(slot)
    }

    fn use_key(&self, key: String) {
        *self.active_key.lock().unwrap_or_else(PoisonError::into_inner) = ActiveKey { key, known: true };
    }

    fn try_head(&self, folder: &BudgetFolder, key: &str, kind: SlotKind) -> Option<QueueHead> {
        let file = folder
            .open()
            .and_then(|folder| folder.file(&format!("{key}.{}", kind.queue_name())))
            .ok()?;
        file.try_lock().ok()?;
        Some(QueueHead { _file: Some(file) })
    }

    /// Waits for the head of the queue on a thread of its own: only a blocking lock is fair.
    /// A thread whose caller is gone releases the lock as soon as it gets it.
    async fn head(&self, folder: &BudgetFolder, key: &str, kind: SlotKind) -> QueueHead {
        if let Some(head) = self.try_head(folder, key, kind) {
            return head;
        }
        let name = format!("{key}.{}", kind.queue_name());
        let folder = folder.clone();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let waiting = std::thread::Builder::new()
            .name("budget-queue".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                let file = folder
                    .open()
                    .and_then(|folder| folder.file(&name))
                    .ok()
                    .filter(|file| file.lock().is_ok());
                let _ = sender.send(QueueHead { _file: file });
            });
        match waiting {
            // Without a queue the slots still limit the number of connections.
            Err(_) => QueueHead { _file: None },
            Ok(_) => receiver.await.unwrap_or(QueueHead { _file: None }),
        }
    }
}

/// The last holder of the slot, and whether it was a process of this user.
fn last_holder(texts: &[OwnedText]) -> Option<(Holder, bool)> {
    texts
        .iter()
        .filter_map(|owned| Some((serde_json::from_str::<Holder>(&owned.text).ok()?, is_own(owned))))
        .max_by_key(|(holder, _)| holder.taken)
}

fn holder_of(folder: &OpenFolder, name: &str) -> Option<Holder> {
    let file = folder.file(name).ok()?;
    // A shared lock is refused exactly while somebody holds the slot.
    if file.try_lock_shared().is_ok() {
        return None;
    }
    last_holder(&folder.read(name)).map(|(holder, _)| holder)
}
