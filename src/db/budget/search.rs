//! Looks for a free slot among the slot files.

use std::fs::{File, TryLockError};
use std::sync::{Arc, PoisonError};

use super::{ActiveKey, BudgetState, RESERVE};
use crate::db::budget_folder::AddressKeys;
use crate::db::slot::{FirstContact, Holder, Orphan, Slot, SlotFile, SlotKind, lock, milliseconds};
use crate::db::slot_file::{BudgetFolder, OpenFolder, OwnedText, is_held_deleted, is_own};

/// This process is at the head of a queue while the value lives.
#[derive(Debug)]
pub(super) struct QueueHead {
    _file: Option<File>,
}

/// The result of one search for a free slot.
pub(super) enum Search {
    Taken(Box<SlotFile>),
    Busy,
    /// Busy, and another search costs more than usual.
    BusyUnseen,
    Unusable(String),
}

/// The result of an attempt at a first contact.
pub(super) enum ContactResult {
    Taken(Slot),
    Busy(Slot),
    Unusable(String),
}

/// The last holder of the slot, and whether it was a process of this user.
fn last_holder(texts: &[OwnedText]) -> Option<(Holder, bool)> {
    texts
        .iter()
        .filter_map(|owned| Some((serde_json::from_str::<Holder>(&owned.text).ok()?, is_own(owned))))
        .max_by_key(|(holder, _)| holder.taken)
}

pub(super) fn holder_of(folder: &OpenFolder, name: &str) -> Option<Holder> {
    let file = folder.file(name).ok()?;
    // A shared lock is refused exactly while somebody holds the slot.
    if file.try_lock_shared().is_ok() {
        return None;
    }
    last_holder(&folder.read(name)).map(|(holder, _)| holder)
}

impl BudgetState {
    pub(super) fn active_key(&self) -> ActiveKey {
        self.active_key
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) async fn address_keys(&self) -> &AddressKeys {
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
    pub(super) fn reserve_in_process(&self, kind: SlotKind) -> Option<Slot> {
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
    pub(super) fn names(&self, key: &str) -> Vec<String> {
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
    pub(super) fn find_free(&self, folder: &BudgetFolder, key: &str, kind: SlotKind) -> Search {
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
    pub(super) fn lock(
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
    pub(super) fn try_contact(
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

    pub(super) fn use_key(&self, key: String) {
        *self.active_key.lock().unwrap_or_else(PoisonError::into_inner) = ActiveKey { key, known: true };
    }

    pub(super) fn try_head(&self, folder: &BudgetFolder, key: &str, kind: SlotKind) -> Option<QueueHead> {
        let file = folder
            .open()
            .and_then(|folder| folder.file(&format!("{key}.{}", kind.queue_name())))
            .ok()?;
        file.try_lock().ok()?;
        Some(QueueHead { _file: Some(file) })
    }

    /// Waits for the head of the queue on a thread of its own: only a blocking lock is fair.
    /// A thread whose caller is gone releases the lock as soon as it gets it.
    pub(super) async fn head(&self, folder: &BudgetFolder, key: &str, kind: SlotKind) -> QueueHead {
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
