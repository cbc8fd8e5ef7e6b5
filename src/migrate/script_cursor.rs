//! A cursor over the statements of one migration: the current one, some ahead of it, and bookmarks to
//! return to. The file is read as needed and never held in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::migrate::files::{FileFailure, PrefixHash, ReaderPosition, ScriptStatement, StatementReader};

/// The position of a run in a migration.
pub struct ScriptCursor {
    reader: StatementReader,
    /// The current statement and some after it.
    ahead: VecDeque<Arc<ScriptStatement>>,
    /// Statements before the current one.
    done: u32,
    hash: PrefixHash,
    total: u32,
    /// The position to seek before the next statement is read.
    sought: Option<ReaderPosition>,
}

/// A position in a script to return to.
#[derive(Debug, Clone)]
pub struct Bookmark {
    done: u32,
    hash: PrefixHash,
    position: ReaderPosition,
}

impl Bookmark {
    /// Statements before it.
    pub fn done(&self) -> u32 {
        self.done
    }

    /// SHA-256 of these statements.
    pub fn hash(&self) -> String {
        self.hash.hex()
    }
}

impl ScriptCursor {
    /// A cursor for a reader that has read `done` of `total` statements with the hash `hash`.
    pub fn new(reader: StatementReader, done: u32, hash: PrefixHash, total: u32) -> ScriptCursor {
        ScriptCursor {
            reader,
            ahead: VecDeque::new(),
            done,
            hash,
            total,
            sought: None,
        }
    }

    /// The statement `ahead` of the current one; 0 is the current one. All up to it stay in memory.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn ahead(&mut self, ahead: usize) -> Result<Option<Arc<ScriptStatement>>, FileFailure> {
        if let Some(position) = self.sought.take() {
            self.reader.seek(&position)?;
        }
        while self.ahead.len() <= ahead {
            match self.reader.next()? {
                Some(statement) => self.ahead.push_back(Arc::new(statement)),
                None => return Ok(None),
            }
        }
        Ok(self.ahead.get(ahead).cloned())
    }

    /// Visits the statements from `ahead` of the current one on, each held only while it is visited, until
    /// `visit` returns false.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn scan(
        &mut self,
        ahead: usize,
        mut visit: impl FnMut(&ScriptStatement) -> bool,
    ) -> Result<(), FileFailure> {
        if self.ahead(ahead)?.is_none() {
            return Ok(());
        }
        for statement in self.ahead.iter().skip(ahead) {
            if !visit(statement) {
                return Ok(());
            }
        }
        let back = self.reader.position();
        while let Some(statement) = self.reader.next()? {
            if !visit(&statement) {
                break;
            }
        }
        self.reader.seek(&back)
    }

    /// A bookmark at the current statement.
    pub fn mark(&mut self) -> Bookmark {
        self.mark_after(0)
    }

    /// A bookmark after `count` further statements, which have been read.
    pub fn mark_after(&mut self, count: usize) -> Bookmark {
        let before = count.checked_sub(1).and_then(|last| self.ahead.get(last));
        let position = match (self.ahead.get(count), &self.sought) {
            (Some(next), _) => next.start.clone(),
            (None, Some(position)) => position.clone(),
            (None, None) => self.reader.position(),
        };
        Bookmark {
            done: before.map_or(self.done, |last| last.number),
            hash: before.map_or(&self.hash, |last| &last.after).clone(),
            position,
        }
    }

    /// A bookmark after `count` further statements, which have not been read.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn mark_far(&mut self, count: usize) -> Result<Bookmark, FileFailure> {
        let mut left = count;
        let mut mark = self.mark();
        self.scan(0, |statement| {
            mark = Bookmark {
                done: statement.number,
                hash: statement.after.clone(),
                position: statement.start.clone(),
            };
            left = left.saturating_sub(1);
            left > 0
        })?;
        Ok(mark)
    }

    /// Goes to a bookmark.
    pub fn go_to(&mut self, mark: Bookmark) {
        let forward = mark.done.checked_sub(self.done).map(|count| count as usize);
        match forward.filter(|count| *count <= self.ahead.len() && self.sought.is_none()) {
            Some(count) => drop(self.ahead.drain(..count)),
            None => {
                self.ahead.clear();
                self.sought = Some(mark.position);
            }
        }
        self.done = mark.done;
        self.hash = mark.hash;
    }

    /// Number of the current statement, from 1.
    pub fn number(&self) -> u32 {
        self.done.saturating_add(1)
    }

    /// Statements in all.
    pub fn total(&self) -> u32 {
        self.total
    }
}
