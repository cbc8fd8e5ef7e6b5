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
use std::sync::{LazyLock, PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A piece of text kept once per process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text(NonZeroU32);

/// Texts are copied into blocks of this many bytes, so that short ones cost no allocation each.
const BLOCK: usize = 32 * 1024;

/// Texts are listed in chunks of this many, so that the list grows without being copied.
const CHUNK: usize = 1024;

#[derive(Default)]
struct Store {
    /// Numbers of texts by their hash, open addressing, 0 where free; a power of two long.
    slots: Vec<u32>,
    chunks: Vec<Vec<&'static str>>,
    count: usize,
    free: &'static mut [u8],
}

static STORE: LazyLock<RwLock<Store>> = LazyLock::new(RwLock::default);

impl Store {
    fn get(&self, number: u32) -> &'static str {
        let at = number as usize - 1;
        self.chunks
            .get(at / CHUNK)
            .and_then(|chunk| chunk.get(at % CHUNK))
            .copied()
            .unwrap_or_default()
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
        if (self.count + 1) * 8 > self.slots.len() * 7 {
            self.grow();
        }
        match self.find(text) {
            Ok(number) => number,
            Err(slot) => {
                let kept = self.keep(text);
                if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
                    self.chunks.push(Vec::with_capacity(CHUNK));
                }
                if let Some(chunk) = self.chunks.last_mut() {
                    chunk.push(kept);
                }
                self.count += 1;
                // Four thousand million different texts do not fit into memory first.
                let number = u32::try_from(self.count).unwrap_or(u32::MAX);
                self.slots[slot] = number;
                number
            }
        }
    }

    fn grow(&mut self) {
        let length = (self.slots.len() * 2).max(CHUNK);
        self.slots = Vec::new();
        self.slots.resize(length, 0);
        for number in 1..=self.count as u32 {
            if let Err(slot) = self.find(self.get(number)) {
                self.slots[slot] = number;
            }
        }
    }

    fn keep(&mut self, text: &str) -> &'static str {
        if text.len() > BLOCK / 4 {
            return Box::leak(text.to_owned().into_boxed_str());
        }
        if self.free.len() < text.len() {
            self.free = Box::leak(vec![0; BLOCK].into_boxed_slice());
        }
        let (mine, rest) = std::mem::take(&mut self.free).split_at_mut(text.len());
        self.free = rest;
        mine.copy_from_slice(text.as_bytes());
        // The bytes were text a line ago.
        std::str::from_utf8(mine).unwrap_or_default()
    }
}

fn hash(text: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish() as usize
}

impl Text {
    /// The text `text`, stored if it was not there yet.
    pub fn new(text: &str) -> Text {
        let known = STORE.read().unwrap_or_else(PoisonError::into_inner).find(text);
        let number = match known {
            Ok(number) => number,
            Err(_) => STORE.write().unwrap_or_else(PoisonError::into_inner).insert(text),
        };
        Text(NonZeroU32::new(number).unwrap_or(NonZeroU32::MAX))
    }

    /// The text itself.
    pub fn as_str(self) -> &'static str {
        STORE
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(self.0.get())
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

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0 == other.0 {
            return Ordering::Equal;
        }
        self.as_str().cmp(other.as_str())
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
    use super::{BLOCK, Text};

    #[test]
    fn equal_texts_are_one_and_order_is_that_of_the_text() {
        let (zebra, apple) = (Text::new("zebra"), Text::new("apple"));
        assert_eq!(Text::new("zebra"), zebra);
        assert!(apple < zebra);
        assert_eq!(size_of::<Option<Text>>(), 4);
        assert_eq!(Text::filled(""), None);
        assert_eq!(Text::new("").as_str(), "");
        let long = "x".repeat(BLOCK * 2);
        assert_eq!(Text::new(&long).as_str(), long);
        for n in 0..5000 {
            assert_eq!(
                Text::new(&format!("column number {n}")).as_str(),
                format!("column number {n}")
            );
        }
    }
}
