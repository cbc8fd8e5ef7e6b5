//! The host-wide connection budget: a connection exists only while it holds a slot.
//!
//! A slot is a small file with a kernel lock on it (flock, through [`std::fs::File::try_lock`]),
//! in a folder per server identity: host and port, or socket, and account. The kernel drops the
//! lock with the process, so a process that was killed frees its slots at once.
//!
//! With a limit of `n`, `n - 1` slots are for work and one is reserved: for the short connection
//! that kills a cancelled statement, and for sub-second diagnostics while long runs hold the rest.
//! Without the reserve a cancelled process could find every slot taken by others and would have to
//! choose between exceeding the limit and leaving its statement running. With a limit of 1 there
//! is nothing to reserve: the kill uses one connection on top, for a few milliseconds.
//!
//! No deadlock: a process waits for slots only while it holds none. All slots it must have are
//! taken by one waiter at a time (the head of the queue); any further slot is only ever tried for.
//!
//! Fairness: waiters stand in a queue, which is one more file with a blocking lock; the kernel
//! wakes them in the order they came. Whoever tries for an extra slot does so only when nobody
//! waits.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::budget_folder::shared_folder;
use crate::cancel::{Cancel, Cancelled};
use crate::config::Config;

/// How often the head of the queue looks for a free slot.
const POLL: Duration = Duration::from_millis(3);

/// A server's thread goes on for a moment after it has closed its end of the socket, and counts as
/// connected until it is done (measured on MariaDB 10.11 with all cores busy: up to 3 ms). A slot
/// that was freed less than this ago is used only when this has passed.
const SETTLE: Duration = Duration::from_millis(8);
/// As [`SETTLE`], for a slot whose holder was killed: the server has yet to notice.
const SETTLE_KILLED: Duration = Duration::from_millis(25);

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
    /// When the slot was taken, seconds since 1970.
    pub since: u64,
    /// When it was given back, milliseconds since 1970; none while it is held, or when the
    /// holder was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<u64>,
}

impl Holder {
    /// `migrate (pid 4711, for 12 s)`.
    pub fn describe(&self) -> String {
        let held = now().as_secs().saturating_sub(self.since);
        format!("{} (pid {}, for {held} s)", self.command, self.pid)
    }

    /// How long to wait before the slot that this one left is used.
    fn settling(&self) -> Duration {
        match self.released.map(Duration::from_millis) {
            Some(released) => SETTLE.saturating_sub(now().saturating_sub(released)),
            None => SETTLE_KILLED,
        }
    }
}

/// The budget of one process towards one server.
#[derive(Debug, Clone)]
pub struct Budget {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    work_slots: u32,
    command: String,
    held: Mutex<Held>,
    /// Why slots are not shared although they should be.
    trouble: Option<String>,
}

#[derive(Debug, Default)]
struct Held {
    work: Vec<u32>,
    reserve: bool,
}

#[derive(Debug)]
enum Store {
    /// Slots are files, shared with other processes.
    Shared(PathBuf),
    /// Slots are numbers in this process.
    Private,
}

/// A place for one connection; dropping it frees the place.
#[derive(Debug)]
pub(super) struct Slot {
    lane: Lane,
    index: u32,
    budget: Arc<Inner>,
    /// Holds the lock; closing it is what frees the slot for other processes.
    file: Option<SlotFile>,
}

#[derive(Debug)]
struct SlotFile {
    file: File,
    holder: Holder,
    settling: Duration,
}

impl Slot {
    /// How long to wait before the slot is used; asked once.
    pub(super) fn settling(&mut self) -> Duration {
        self.file
            .as_mut()
            .map(|file| std::mem::take(&mut file.settling))
            .unwrap_or_default()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(SlotFile { file, holder, .. }) = &mut self.file {
            holder.released = u64::try_from(now().as_millis()).ok();
            write_holder(file, holder);
        }
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

impl Budget {
    /// The budget for the configured server. Never fails: where slots cannot be shared, the
    /// process counts alone and [`Budget::trouble`] says why.
    pub fn new(config: &Config, command: &str) -> Budget {
        let (store, trouble) = match shared_folder(config) {
            Ok(None) => (Store::Private, None),
            Ok(Some(folder)) => (Store::Shared(folder), None),
            Err(reason) => (Store::Private, Some(reason)),
        };
        Budget {
            inner: Arc::new(Inner {
                store,
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
        self.inner.held().work.len()
    }

    /// The processes that hold slots now, as far as their files can be read.
    pub fn holders(&self) -> Vec<Holder> {
        let Store::Shared(folder) = &self.inner.store else {
            return Vec::new();
        };
        let mut names: Vec<String> = (0..self.inner.work_slots).map(slot_name).collect();
        names.push(RESERVE.to_owned());
        names
            .iter()
            .filter_map(|name| holder_of(&folder.join(name)))
            .collect()
    }

    /// Takes a slot if one is free and nobody waits for it.
    pub(super) fn try_take(&self, lane: Lane) -> Option<Slot> {
        let _head = self.inner.try_head(lane)?;
        self.inner.take_any(lane)
    }

    /// Waits for a slot. The caller bounds the time by dropping the future.
    ///
    /// # Errors
    /// The run was cancelled.
    pub(super) async fn take(&self, lane: Lane, cancel: &Cancel) -> Result<Slot, Cancelled> {
        let _head = cancel.or(self.inner.head(lane)).await?;
        loop {
            if let Some(slot) = self.inner.take_any(lane) {
                return Ok(slot);
            }
            cancel.sleep(POLL).await?;
        }
    }

    /// As [`Budget::take`], for clean-up that goes on after cancellation.
    pub(super) async fn take_uncancelled(&self, lane: Lane) -> Slot {
        let _head = self.inner.head(lane).await;
        loop {
            if let Some(slot) = self.inner.take_any(lane) {
                return slot;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

pub(super) const RESERVE: &str = "slot.reserve";

fn slot_name(index: u32) -> String {
    format!("slot.{index}")
}

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

    fn take_any(self: &Arc<Self>, lane: Lane) -> Option<Slot> {
        match lane {
            Lane::Reserve => self.take_one(lane, 0),
            Lane::Work => (0..self.work_slots).find_map(|index| self.take_one(lane, index)),
        }
    }

    fn take_one(self: &Arc<Self>, lane: Lane, index: u32) -> Option<Slot> {
        let mut held = self.held();
        // flock is per open file, so a second lock from this process would be refused
        // as well; asking our own list first saves the system calls.
        let ours = match lane {
            Lane::Work => held.work.contains(&index),
            Lane::Reserve => held.reserve,
        };
        if ours {
            return None;
        }
        let file = match &self.store {
            Store::Private => None,
            Store::Shared(folder) => {
                let name = match lane {
                    Lane::Work => slot_name(index),
                    Lane::Reserve => RESERVE.to_owned(),
                };
                Some(lock_slot(&folder.join(name), &self.command)?)
            }
        };
        match lane {
            Lane::Work => held.work.push(index),
            Lane::Reserve => held.reserve = true,
        }
        Some(Slot {
            lane,
            index,
            budget: Arc::clone(self),
            file,
        })
    }

    fn try_head(&self, lane: Lane) -> Option<QueueHead> {
        let Store::Shared(folder) = &self.store else {
            return Some(QueueHead { _file: None });
        };
        let file = open_shared(&folder.join(lane.queue_name())).ok()?;
        file.try_lock().ok()?;
        Some(QueueHead { _file: Some(file) })
    }

    /// Waits for the head of the queue on a thread of its own: only a blocking lock is fair.
    /// A thread whose caller has gone lets go of the lock as soon as it gets it.
    async fn head(&self, lane: Lane) -> QueueHead {
        if let Some(head) = self.try_head(lane) {
            return head;
        }
        let Store::Shared(folder) = &self.store else {
            return QueueHead { _file: None };
        };
        let path = folder.join(lane.queue_name());
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let waiting = std::thread::Builder::new()
            .name("budget-queue".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                let file = open_shared(&path).ok().filter(|file| file.lock().is_ok());
                let _ = sender.send(QueueHead { _file: file });
            });
        match waiting {
            // A queue that cannot be waited in is no reason to stop: the slots still bound us.
            Err(_) => QueueHead { _file: None },
            Ok(_) => receiver.await.unwrap_or(QueueHead { _file: None }),
        }
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn lock_slot(path: &Path, command: &str) -> Option<SlotFile> {
    let mut file = open_shared(path).ok()?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
    }
    let settling = read_holder(&file).map(|last| last.settling()).unwrap_or_default();
    let holder = Holder {
        pid: std::process::id(),
        command: command.to_owned(),
        since: now().as_secs(),
        released: None,
    };
    write_holder(&mut file, &holder);
    Some(SlotFile {
        file,
        holder,
        settling,
    })
}

/// For the eyes of those who wait and of the next holder; the lock alone decides who holds the
/// slot, so a full disk does no harm.
fn write_holder(file: &mut File, holder: &Holder) {
    if let Ok(text) = serde_json::to_string(holder) {
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()));
    }
}

fn read_holder(file: &File) -> Option<Holder> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn holder_of(path: &Path) -> Option<Holder> {
    let file = File::open(path).ok()?;
    // A shared lock is refused exactly while somebody holds the slot.
    if file.try_lock_shared().is_ok() {
        return None;
    }
    read_holder(&file)
}

/// Opens a file that may belong to another user. Creating is tried second: in a sticky folder the
/// kernel refuses O_CREAT on another user's file (sysctl fs.protected_regular) but not a plain open.
pub(super) fn open_shared(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)?;
            // Whoever may enter the folder may share the budget: a folder opened for a group or
            // for all opens its files alike.
            if let Some(mode) = path.parent().and_then(|folder| folder.metadata().ok()) {
                let bits = 0o600 | (mode.permissions().mode() & 0o066);
                let _ = file.set_permissions(std::fs::Permissions::from_mode(bits));
            }
            Ok(file)
        }
        other => other,
    }
}
