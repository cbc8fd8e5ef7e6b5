//! Interned text: a schema repeats the same few thousand names and types over and over.
//!
//! A [`Text`] is four bytes whatever it says, so that two models of a thousand tables fit
//! into a few megabytes, and equality is one comparison of integers. The store lives as long
//! as the process: a run reads two or three schemas, so nothing is gained by giving it back.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A piece of text kept once per process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text(NonZeroU32);

/// New texts are collected in a buffer of this many bytes, so that short ones cost no allocation each.
const BUFFER: usize = 32 * 1024;

/// All texts, one behind the other. Those in `sealed` stay where they are for good; the newest are in
/// `open` until the first of them is asked for or there are enough of them.
#[derive(Default)]
struct Store {
    /// Numbers of texts by their hash, open addressing, 0 where free; a power of two long.
    slots: Vec<u32>,
    /// Where each text ends, counted from the beginning of the first.
    ends: Vec<u32>,
    /// Pieces of whole texts, each with the place where it begins.
    sealed: Vec<(usize, &'static str)>,
    open: String,
}

static STORE: LazyLock<RwLock<Store>> = LazyLock::new(RwLock::default);

impl Store {
    /// Where the text begins and ends.
    fn place(&self, number: u32) -> (usize, usize) {
        let at = number as usize - 1;
        let end = |at: usize| self.ends.get(at).map_or(0, |end| *end as usize);
        (at.checked_sub(1).map_or(0, end), end(at))
    }

    /// Where the open texts begin.
    fn open_from(&self) -> usize {
        self.sealed.last().map_or(0, |(from, piece)| from + piece.len())
    }

    /// The text, if it is sealed.
    fn settled(&self, number: u32) -> Option<&'static str> {
        let (start, end) = self.place(number);
        let piece = self.sealed.partition_point(|(from, _)| *from <= start);
        let (from, text) = self.sealed.get(piece.checked_sub(1)?)?;
        text.get(start - from..end - from)
    }

    fn get(&self, number: u32) -> &str {
        let (start, end) = self.place(number);
        let from = self.open_from();
        match start.checked_sub(from) {
            Some(at) => self.open.get(at..end - from),
            None => self.settled(number),
        }
        .unwrap_or_default()
    }

    /// Gives the open texts their place for good.
    fn seal(&mut self) {
        let from = self.open_from();
        let piece = std::mem::take(&mut self.open).into_boxed_str();
        self.sealed.push((from, Box::leak(piece)));
    }

    /// The text's number, or the slot where it belongs.
    fn find(&self, text: &str) -> Result<u32, usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash(text) & mask;
        loop {
            match self.slots.get(at) {
                None | Some(0) => return Err(at),
                Some(number) if self.get(*number) == text => return Ok(*number),
                Some(_) => at = (at + 1) & mask,
            }
        }
    }

    fn insert(&mut self, text: &str) -> u32 {
        // At most seven eighths full: a free slot is a few steps away, and half the table not empty.
        if (self.ends.len() + 1) * 8 > self.slots.len() * 7 {
            self.grow();
        }
        match self.find(text) {
            Ok(number) => number,
            Err(slot) => {
                self.keep(text);
                // Four thousand million different texts do not fit into memory first.
                let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
                self.slots[slot] = number;
                number
            }
        }
    }

    fn keep(&mut self, text: &str) {
        if !self.open.is_empty() && self.open.len() + text.len() > BUFFER {
            self.seal();
        }
        if self.open.is_empty() && text.len() < BUFFER / 4 {
            self.open.reserve_exact(BUFFER);
        }
        self.open.push_str(text);
        let end = self.open_from() + self.open.len();
        self.ends.push(u32::try_from(end).unwrap_or(u32::MAX));
    }

    fn grow(&mut self) {
        let length = (self.slots.len() * 2).max(1024);
        self.slots = Vec::new();
        self.slots.resize(length, 0);
        for number in 1..=self.ends.len() as u32 {
            if let Err(slot) = self.find(self.get(number)) {
                self.slots[slot] = number;
            }
        }
    }
}

fn hash(text: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish() as usize
}

fn read() -> RwLockReadGuard<'static, Store> {
    STORE.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Store> {
    STORE.write().unwrap_or_else(PoisonError::into_inner)
}

impl Text {
    /// The text `text`, stored if it was not there yet.
    pub fn new(text: &str) -> Text {
        let known = read().find(text);
        let number = known.unwrap_or_else(|_| write().insert(text));
        Text(NonZeroU32::new(number).unwrap_or(NonZeroU32::MAX))
    }

    /// The text itself.
    pub fn as_str(self) -> &'static str {
        let number = self.0.get();
        let settled = read().settled(number);
        settled.unwrap_or_else(|| {
            let mut store = write();
            store.seal();
            store.settled(number).unwrap_or_default()
        })
    }

    /// `Some` unless the text is empty.
    pub fn filled(text: &str) -> Option<Text> {
        (!text.is_empty()).then(|| Text::new(text))
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::new(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text::new(&text)
    }
}

// Comparisons look at texts where they are, so that what is only being read stays open.
impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        read().get(self.0.get()) == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0 == other.0 {
            return Ordering::Equal;
        }
        let store = read();
        store.get(self.0.get()).cmp(store.get(other.0.get()))
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text::new(text))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::{BUFFER, Text};

    #[test]
    fn equal_texts_are_one_and_order_is_that_of_the_text() {
        let (zebra, apple) = (Text::new("zebra"), Text::new("apple"));
        assert_eq!(Text::new("zebra"), zebra);
        assert!(apple < zebra && zebra == "zebra" && zebra != *"apple");
        assert_eq!(size_of::<Option<Text>>(), 4);
        assert_eq!(Text::filled(""), None);
        assert_eq!(Text::new("").as_str(), "");
    }

    #[test]
    fn texts_of_all_lengths_stay_what_they_are() {
        let text = |n: usize| format!("{n} {}", "ü".repeat(n * 7919 % (BUFFER / 16)));
        let mut kept = Vec::new();
        for n in 0..300 {
            kept.push(Text::new(&text(n)));
            // What is asked for early is moved early, and must be found all the same.
            if n % 7 == 0 {
                assert_eq!(kept[n].as_str(), text(n));
            }
        }
        let long = "x".repeat(BUFFER * 2);
        assert_eq!(Text::new(&long).as_str(), long);
        for (n, one) in kept.iter().enumerate() {
            assert!(*one == *text(n), "{n}");
            assert_eq!(one.as_str(), text(n));
            assert_eq!(Text::new(&text(n)), *one);
        }
    }
}
