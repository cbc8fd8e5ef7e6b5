//! The host-wide connection budget: a connection exists only while it holds a slot.
//!
//! A slot is a small file with a kernel lock on it (flock, through [`std::fs::File::try_lock`]), named
//! after the server and the account. The kernel drops the lock with the process, so a process that was
//! killed frees its slots at once; the file says which connection it had, and the next holder sees to it
//! that the server has none of it left (see `orphan`).
//!
//! With a limit of `n`, `n - 1` slots are for work and one is reserved: for the short connection
//! that kills a cancelled statement, and for sub-second diagnostics while long runs hold the rest.
//! Without the reserve a cancelled process could find every slot taken by others and would have to
//! choose between exceeding the limit and leaving its statement running. With a limit of 1 there
//! is nothing to reserve: the kill uses one connection on top, for a few milliseconds.
//!
//! No deadlock: a process waits for slots for work only while it holds none. All slots it must have are
//! taken by one waiter at a time (the head of the queue); any further slot is only ever tried for. The
//! reserve is held for moments only, and by nobody who waits for another slot.
//!
//! Fairness: waiters stand in a queue, which is one more file with a blocking lock; the kernel
//! wakes them in the order they came. Whoever tries for an extra slot does so only when nobody
//! waits.
//!
//! One server is one budget however it is addressed: see `budget_folder`. A first contact with an
//! address holds, until the server has said who it is, a slot of every server it may turn out to be.
//!
//! A slot file that was deleted while its lock is held still counts: a file that was never written to
//! is used only when no process holds a deleted one of its name.

use std::fs::{File, TryLockError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::budget_folder::{Whereabouts, shared_folder};
use super::server::Server;
use super::slot_file::{Folder, Opened, is_held_deleted, is_own};
use crate::cancel::{Cancel, Cancelled};
use crate::config::{Address, Config};

/// How often the head of the queue looks for a free slot.
const POLL: Duration = Duration::from_millis(3);
/// As [`POLL`], where looking costs more.
const SLOW_POLL: Duration = Duration::from_millis(30);

/// A server's thread goes on for a moment after it has closed its end of the socket, and counts as
/// connected until it is done (measured on MariaDB 10.11 with all cores busy: up to 3 ms). A slot
/// that was freed less than this ago is used only when this has passed.
const SETTLE: Duration = Duration::from_millis(8);
/// As [`SETTLE`], for a slot whose holder was killed: the server has yet to notice.
const SETTLE_KILLED: Duration = Duration::from_millis(25);
/// As [`SETTLE_KILLED`], for the reserve, whose statements are short.
const SETTLE_RESERVE: Duration = Duration::from_millis(250);

/// Which slots a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// The slots for work.
    Work,
    /// The reserved slot.
    Reserve,
}

/// Who holds a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// dbtool's subcommand.
    pub command: String,
    /// When the slot was taken, milliseconds since 1970.
    pub taken: u64,
    /// When it was given back, milliseconds since 1970; none while it is held, or when the
    /// holder was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<u64>,
    /// The server's number for its connection, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// When the connection was made, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<u64>,
}

impl Holder {
    /// `migrate (pid 4711, for 12 s)`.
    pub fn describe(&self) -> String {
        let held = now().as_secs().saturating_sub(self.taken / 1_000);
        format!("{} (pid {}, for {held} s)", self.command, self.pid)
    }

    /// How long to wait before the slot that this one left is used.
    fn settling(&self, lane: Lane) -> Duration {
        match (self.released.map(Duration::from_millis), lane) {
            (Some(released), _) => SETTLE.saturating_sub(now().saturating_sub(released)),
            (None, Lane::Work) => SETTLE_KILLED,
            (None, Lane::Reserve) => SETTLE_RESERVE,
        }
    }
}

/// A connection whose process ended without closing it: the server may still work for it.
#[derive(Debug, Clone)]
pub(super) struct Orphan {
    pub(super) connection: u64,
    /// When it was made, milliseconds since 1970.
    pub(super) connected: u64,
    /// Who had it.
    pub(super) holder: Holder,
    /// Whether a process of this user had it.
    pub(super) own: bool,
}

impl Orphan {
    fn of(holder: &Holder, own: bool) -> Option<Orphan> {
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

/// Why no slot was taken.
#[derive(Debug)]
pub(super) enum NoSlot {
    /// The run was cancelled.
    Cancelled(Cancelled),
    /// None of the files can be used, for these reasons.
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
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Where slots are files, shared with other processes; `None` counts in this process alone.
    folder: Option<Folder>,
    address: Address,
    account: String,
    whereabouts: OnceCell<Whereabouts>,
    /// Whose slots are asked for now.
    place: Mutex<Place>,
    work_slots: u32,
    command: String,
    held: Mutex<Held>,
    /// Why slots are not shared although they should be.
    trouble: Option<String>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Place {
    key: String,
    /// The server has said who it is, to this process or an earlier one.
    known: bool,
}

#[derive(Debug, Default)]
struct Held {
    work: Vec<u32>,
    /// How many of `work` are still being waited for.
    waiting: usize,
    reserve: bool,
}

/// Counts a place for work as waited for, not as held, while the value lives.
struct Waiting<'a>(Option<&'a Inner>);

impl<'a> Waiting<'a> {
    fn new(inner: &'a Inner, lane: Lane) -> Waiting<'a> {
        if lane == Lane::Reserve {
            return Waiting(None);
        }
        inner.held().waiting += 1;
        Waiting(Some(inner))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(inner) = self.0 {
            inner.held().waiting -= 1;
        }
    }
}

/// A place for one connection; dropping it frees the place.
#[derive(Debug)]
pub(super) struct Slot {
    lane: Lane,
    index: u32,
    budget: Arc<Inner>,
    /// Holds the lock; closing it is what frees the slot for other processes.
    file: Option<SlotFile>,
    contact: Option<Contact>,
}

/// A locked slot file.
#[derive(Debug)]
struct SlotFile {
    folder: Folder,
    key: String,
    name: String,
    _file: File,
    holder: Holder,
    settling: Duration,
    orphan: Option<Orphan>,
    /// The server may go on with the connection.
    abandoned: bool,
}

/// What a first contact with an address holds beside its slot.
#[derive(Debug)]
struct Contact {
    _turn: File,
    maybe: Vec<SlotFile>,
}

impl Slot {
    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    /// Whether others wait for this first contact.
    pub(super) fn holds_contact(&self) -> bool {
        self.contact.is_some()
    }

    /// How long to wait before the slot is used; asked once.
    pub(super) fn settling(&mut self) -> Duration {
        self.file
            .as_mut()
            .map(|file| std::mem::take(&mut file.settling))
            .unwrap_or_default()
    }

    /// A connection that the last holder may have left on the server.
    pub(super) fn orphan(&self) -> Option<Orphan> {
        self.file.as_ref()?.orphan.clone()
    }

    /// The server has nothing left of the last holder's connection.
    pub(super) fn orphan_is_gone(&mut self) {
        if let Some(file) = &mut self.file {
            file.orphan = None;
            file.note();
        }
    }

    /// The connection exists: whoever comes after a kill knows what to look for.
    pub(super) fn connected(&mut self, id: u64) {
        if let Some(file) = &mut self.file {
            file.holder.connection = Some(id);
            file.holder.connected = milliseconds();
            file.note();
        }
    }

    /// The connection was left without the server's confirmation that it is over.
    pub(super) fn abandon(&mut self) {
        if let Some(file) = &mut self.file {
            file.abandoned = true;
        }
    }
}

impl SlotFile {
    fn note(&self) {
        // For the eyes of those who wait and of the next holder; the lock alone decides who holds
        // the slot, so a full disk does no harm. A slot not yet cleared stays marked for its orphan.
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

impl Drop for SlotFile {
    fn drop(&mut self) {
        if !self.abandoned {
            self.holder.released = milliseconds();
            self.note();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.budget.held();
        match self.lane {
            Lane::Work => held.work.retain(|index| *index != self.index),
            Lane::Reserve => held.reserve = false,
        }
    }
}

/// A lane's queue, headed by this process while the value lives.
#[derive(Debug)]
struct QueueHead {
    _file: Option<File>,
}

/// What became of one look at the slots of a lane.
enum Look {
    Taken(Box<SlotFile>),
    Busy,
    /// Busy, and looking again costs more than usual.
    BusyUnseen,
    Unusable(String),
}

/// What became of an attempt at a first contact.
enum Contacted {
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
            inner: Arc::new(Inner {
                folder,
                address: config.address.value.clone(),
                account: config.user_name().to_owned(),
                whereabouts: OnceCell::new(),
                place: Mutex::default(),
                work_slots: config.connection_limit.value.saturating_sub(1).max(1),
                command: command.to_owned(),
                held: Mutex::default(),
                trouble,
            }),
        }
    }

    /// Why the slots are not shared with other processes, when they should be.
    pub fn trouble(&self) -> Option<&str> {
        self.inner.trouble.as_deref()
    }

    /// How many connections for work exist at most.
    pub fn work_slots(&self) -> u32 {
        self.inner.work_slots
    }

    /// How many work slots this process holds.
    pub(super) fn held_work(&self) -> usize {
        let held = self.inner.held();
        held.work.len().saturating_sub(held.waiting)
    }

    /// The processes that hold slots now, as far as their files can be read.
    pub fn holders(&self) -> Vec<Holder> {
        let Some(Ok(folder)) = self.inner.folder.as_ref().map(Folder::open) else {
            return Vec::new();
        };
        let place = self.inner.place();
        let mut keys = vec![place.key];
        if !place.known
            && let Some(whereabouts) = self.inner.whereabouts.get()
        {
            keys.extend(whereabouts.maybe_same(&folder));
        }
        keys.iter()
            .flat_map(|key| self.inner.names(key))
            .filter_map(|name| holder_of(&folder, &name))
            .collect()
    }

    /// Takes a slot if one is free and nobody waits for it.
    pub(super) async fn try_take(&self, lane: Lane, cancel: &Cancel) -> Result<Option<Slot>, NoSlot> {
        let inner = &self.inner;
        let Some(mut slot) = inner.reserve_place(lane) else {
            return Ok(None);
        };
        let Some(folder) = &inner.folder else {
            return Ok(Some(slot));
        };
        let whereabouts = cancel.or(inner.whereabouts()).await?;
        let place = inner.place();
        if !place.known {
            return match inner.try_contact(folder, whereabouts, slot) {
                Contacted::Taken(slot) => Ok(Some(slot)),
                Contacted::Busy(_) => Ok(None),
                Contacted::Unusable(reasons) => Err(NoSlot::Unusable(reasons)),
            };
        }
        let Some(_head) = inner.try_head(folder, &place.key, lane) else {
            return Ok(None);
        };
        Ok(match inner.look(folder, &place.key, lane) {
            Look::Taken(file) => {
                slot.file = Some(*file);
                Some(slot)
            }
            _ => None,
        })
    }

    /// Waits for a slot. The caller bounds the time by dropping the future.
    ///
    /// # Errors
    /// The run was cancelled, or no file of the lane can be used.
    pub(super) async fn take(&self, lane: Lane, cancel: &Cancel) -> Result<Slot, NoSlot> {
        cancel.or(self.take_uncancelled(lane)).await?
    }

    /// As [`Budget::take`], for clean-up that goes on after cancellation.
    pub(super) async fn take_uncancelled(&self, lane: Lane) -> Result<Slot, NoSlot> {
        let inner = &self.inner;
        let mut slot = loop {
            match inner.reserve_place(lane) {
                Some(slot) => break slot,
                None => tokio::time::sleep(POLL).await,
            }
        };
        let _waiting = Waiting::new(inner, lane);
        let Some(folder) = &inner.folder else {
            return Ok(slot);
        };
        let whereabouts = inner.whereabouts().await;
        loop {
            let place = inner.place();
            if !place.known {
                slot = match inner.try_contact(folder, whereabouts, slot) {
                    Contacted::Taken(slot) => return Ok(slot),
                    Contacted::Busy(slot) => slot,
                    Contacted::Unusable(reasons) => return Err(NoSlot::Unusable(reasons)),
                };
                tokio::time::sleep(POLL).await;
                continue;
            }
            let _head = inner.head(folder, &place.key, lane).await;
            while inner.place() == place {
                match inner.look(folder, &place.key, lane) {
                    Look::Taken(file) => {
                        slot.file = Some(*file);
                        return Ok(slot);
                    }
                    Look::Busy => tokio::time::sleep(POLL).await,
                    Look::BusyUnseen => tokio::time::sleep(SLOW_POLL).await,
                    Look::Unusable(reasons) => return Err(NoSlot::Unusable(reasons)),
                }
            }
        }
    }

    /// The server at the end of a new connection has said who it is. False when the slot is not one of
    /// that server's and none of those is free: the connection is to be closed, and a slot waited for.
    pub(super) fn identified(&self, slot: &mut Slot, server: &Server) -> bool {
        let inner = &self.inner;
        let (Some(folder), Some(whereabouts)) = (&inner.folder, inner.whereabouts.get()) else {
            return true;
        };
        let contact = slot.contact.take();
        let Some(key) = whereabouts.key_of(server) else {
            inner.settle_in(whereabouts.address_key().to_owned());
            return true;
        };
        if let Ok(opened) = folder.open() {
            whereabouts.remember(&opened, server, &key);
        }
        inner.settle_in(key.clone());
        let Some(file) = &mut slot.file else { return true };
        if file.key == key {
            return true;
        }
        let kept = contact.and_then(|contact| contact.maybe.into_iter().find(|other| other.key == key));
        let right = kept.or_else(|| match inner.look(folder, &key, slot.lane) {
            Look::Taken(file) => Some(*file),
            _ => None,
        });
        match right {
            // What a killed process left there is cleared away before a connection is made.
            Some(right) if right.orphan.is_none() => {
                *file = right;
                true
            }
            _ => false,
        }
    }
}

const RESERVE: &str = "reserve";

impl Lane {
    fn queue_name(self) -> &'static str {
        match self {
            Lane::Work => "queue.work",
            Lane::Reserve => "queue.reserve",
        }
    }
}

impl Inner {
    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> Place {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn whereabouts(&self) -> &Whereabouts {
        let found = self
            .whereabouts
            .get_or_init(|| Whereabouts::find(&self.address, &self.account))
            .await;
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.key.is_empty() {
            found.address_key().clone_into(&mut place.key);
        }
        found
    }

    /// One of the places this process has at most; its own count, which needs no file.
    fn reserve_place(self: &Arc<Self>, lane: Lane) -> Option<Slot> {
        let mut held = self.held();
        let index = match lane {
            Lane::Work => (0..self.work_slots).find(|index| !held.work.contains(index))?,
            Lane::Reserve if held.reserve => return None,
            Lane::Reserve => 0,
        };
        match lane {
            Lane::Work => held.work.push(index),
            Lane::Reserve => held.reserve = true,
        }
        Some(Slot {
            lane,
            index,
            budget: Arc::clone(self),
            file: None,
            contact: None,
        })
    }

    /// The names of all slots of a server.
    fn names(&self, key: &str) -> Vec<String> {
        let mut names = self.lane_names(key, Lane::Work);
        names.extend(self.lane_names(key, Lane::Reserve));
        names
    }

    fn lane_names(&self, key: &str, lane: Lane) -> Vec<String> {
        match lane {
            Lane::Work => (0..self.work_slots)
                .map(|index| format!("{key}.slot.{index}"))
                .collect(),
            Lane::Reserve => vec![format!("{key}.slot.{RESERVE}")],
        }
    }

    /// Takes the first free slot, preferring one that nobody was killed with.
    fn look(&self, folder: &Folder, key: &str, lane: Lane) -> Look {
        let opened = match folder.open() {
            Ok(opened) => opened,
            Err(error) => return Look::Unusable(format!("{}: {error}", folder.path().display())),
        };
        let names = self.lane_names(key, lane);
        let mut orphaned = None;
        let mut unseen = false;
        let mut reasons = Vec::new();
        for name in &names {
            match self.lock(folder, &opened, key, name, lane) {
                Ok(Some(file)) if lane == Lane::Work && file.orphan.is_some() => {
                    if orphaned.is_none() {
                        orphaned = Some(file);
                    }
                }
                Ok(Some(file)) => return Look::Taken(Box::new(file)),
                Ok(None) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => unseen = true,
                Err(error) => {
                    reasons.push(format!("{}: {error}", folder.path().join(name).display()));
                }
            }
        }
        if let Some(file) = orphaned {
            return Look::Taken(Box::new(file));
        }
        if reasons.len() == names.len() {
            return Look::Unusable(reasons.join("; "));
        }
        if unseen { Look::BusyUnseen } else { Look::Busy }
    }

    /// Locks one slot; `None` while another holds it. A deleted file of that name that is still held is
    /// told as [`std::io::ErrorKind::ResourceBusy`].
    fn lock(
        &self,
        folder: &Folder,
        opened: &Opened,
        key: &str,
        name: &str,
        lane: Lane,
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
        if opened.is_fresh(name) && is_held_deleted(&folder.path().join(name)) {
            return Err(std::io::ErrorKind::ResourceBusy.into());
        }
        let last = last_holder(opened, name);
        let settling = last
            .as_ref()
            .map(|(last, _)| last.settling(lane))
            .unwrap_or_default();
        let orphan = last.and_then(|(last, own)| Orphan::of(&last, own));
        let slot = SlotFile {
            folder: folder.clone(),
            key: key.to_owned(),
            name: name.to_owned(),
            _file: file,
            holder: Holder {
                pid: std::process::id(),
                command: self.command.clone(),
                taken: milliseconds().unwrap_or_default(),
                released: None,
                connection: None,
                connected: None,
            },
            settling,
            orphan: orphan.filter(|_| lane == Lane::Work),
            abandoned: false,
        };
        slot.note();
        tracing::debug!("took slot {}", folder.path().join(name).display());
        Ok(Some(slot))
    }

    /// A slot for a first contact with an address, if all is free that it takes.
    fn try_contact(&self, folder: &Folder, whereabouts: &Whereabouts, mut slot: Slot) -> Contacted {
        let opened = match folder.open() {
            Ok(opened) => opened,
            Err(error) => return Contacted::Unusable(format!("{}: {error}", folder.path().display())),
        };
        if let Some(key) = whereabouts.recall(&opened) {
            self.settle_in(key);
            return Contacted::Busy(slot);
        }
        let turn = match opened.file(&whereabouts.contact_name()) {
            Ok(turn) if turn.try_lock().is_ok() => turn,
            _ => return Contacted::Busy(slot),
        };
        let mut keys = vec![whereabouts.address_key().to_owned()];
        keys.extend(whereabouts.maybe_same(&opened));
        let mut files = Vec::new();
        for key in &keys {
            match self.look(folder, key, slot.lane) {
                Look::Taken(file) => files.push(*file),
                Look::Busy | Look::BusyUnseen => return Contacted::Busy(slot),
                Look::Unusable(reasons) => return Contacted::Unusable(reasons),
            }
        }
        let mut first = files.remove(0);
        // One that was killed in a first contact had no more than a question to the server; and this one
        // is the only connection that is made meanwhile.
        first.orphan = None;
        first.note();
        slot.file = Some(first);
        slot.contact = Some(Contact {
            _turn: turn,
            maybe: files,
        });
        Contacted::Taken(slot)
    }

    fn settle_in(&self, key: String) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Place { key, known: true };
    }

    fn try_head(&self, folder: &Folder, key: &str, lane: Lane) -> Option<QueueHead> {
        let file = folder
            .open()
            .and_then(|folder| folder.file(&format!("{key}.{}", lane.queue_name())))
            .ok()?;
        file.try_lock().ok()?;
        Some(QueueHead { _file: Some(file) })
    }

    /// Waits for the head of the queue on a thread of its own: only a blocking lock is fair.
    /// A thread whose caller has gone lets go of the lock as soon as it gets it.
    async fn head(&self, folder: &Folder, key: &str, lane: Lane) -> QueueHead {
        if let Some(head) = self.try_head(folder, key, lane) {
            return head;
        }
        let name = format!("{key}.{}", lane.queue_name());
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
            // A queue that cannot be waited in is no reason to stop: the slots still bound us.
            Err(_) => QueueHead { _file: None },
            Ok(_) => receiver.await.unwrap_or(QueueHead { _file: None }),
        }
    }
}

pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn milliseconds() -> Option<u64> {
    u64::try_from(now().as_millis()).ok()
}

/// Who had the slot last, and whether that was a process of this user.
fn last_holder(folder: &Opened, name: &str) -> Option<(Holder, bool)> {
    folder
        .read(name)
        .iter()
        .filter_map(|owned| Some((serde_json::from_str::<Holder>(&owned.text).ok()?, is_own(owned))))
        .max_by_key(|(holder, _)| holder.taken)
}

fn holder_of(folder: &Opened, name: &str) -> Option<Holder> {
    let file = folder.file(name).ok()?;
    // A shared lock is refused exactly while somebody holds the slot.
    if file.try_lock_shared().is_ok() {
        return None;
    }
    last_holder(folder, name).map(|(holder, _)| holder)
}
