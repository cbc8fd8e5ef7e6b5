//! Interned text: a schema repeats the same few thousand names and types over and over.
//!
//! A [`Text`] is four bytes whatever it says, so that two models of a thousand tables fit
//! into a few megabytes, and equality is one comparison of integers. The store lives as long
//! as the process: a run reads two or three schemas, so nothing is gained by giving it back.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A piece of text kept once per process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text(NonZeroU32);

/// Texts are copied into blocks of this many bytes, so that short ones cost no allocation each.
const BLOCK: usize = 32 * 1024;

#[derive(Default)]
struct Store {
    by_text: HashMap<&'static str, NonZeroU32>,
    texts: Vec<&'static str>,
    free: &'static mut [u8],
}

static STORE: LazyLock<RwLock<Store>> = LazyLock::new(RwLock::default);

impl Store {
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

impl Text {
    /// The text `text`, stored if it was not there yet.
    pub fn new(text: &str) -> Text {
        let read = STORE.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = read.by_text.get(text) {
            return Text(*id);
        }
        drop(read);
        let mut store = STORE.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = store.by_text.get(text) {
            return Text(*id);
        }
        let kept = store.keep(text);
        store.texts.push(kept);
        // Four thousand million different texts do not fit into memory first.
        let id = u32::try_from(store.texts.len())
            .ok()
            .and_then(NonZeroU32::new)
            .unwrap_or(NonZeroU32::MAX);
        store.by_text.insert(kept, id);
        Text(id)
    }

    /// The text itself.
    pub fn as_str(self) -> &'static str {
        let store = STORE.read().unwrap_or_else(PoisonError::into_inner);
        store
            .texts
            .get(self.0.get() as usize - 1)
            .copied()
            .unwrap_or_default()
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
