//! Versions: numbers, dotted numbers as Flyway has them, and the names of repeatable migrations.

use std::fmt;

use sha2::{Digest, Sha256};

use super::names;

/// Parts that a dotted version may have.
pub(super) const MOST_PARTS: usize = 8;
/// Set in the keys of versions that are not one number.
const NOT_A_NUMBER: u64 = 1 << 63;

/// A migration's version. Numbers and dotted numbers are ordered part by part (`1.9` before `1.10`, `1` equal to
/// `1.0`), before every repeatable migration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Whether it is that of a repeatable migration: then the first part is its key.
    repeatable: bool,
    /// Trailing zeros do not count.
    parts: [u64; MOST_PARTS],
}

impl From<u64> for Version {
    fn from(number: u64) -> Version {
        let mut version = Version::default();
        version.parts[0] = number;
        version
    }
}

impl PartialEq<u64> for Version {
    fn eq(&self, number: &u64) -> bool {
        *self == Version::from(*number)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.parts.iter().rposition(|part| *part > 0).unwrap_or(0);
        for (index, part) in self.parts[..=last].iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{part}")?;
        }
        Ok(())
    }
}

impl Version {
    /// The version that `text` writes: digits, with dots or underscores between its parts.
    pub fn parse(text: &str) -> Option<Version> {
        let mut version = Version::default();
        for (index, part) in text.split(['.', '_']).enumerate() {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            *version.parts.get_mut(index)? = part.parse().ok()?;
        }
        Some(version)
    }

    /// The version of the repeatable migration with this name.
    pub(super) fn of_repeatable(name: &str) -> Version {
        let mut version = Version::from(hashed(name));
        version.repeatable = true;
        version
    }

    /// Whether the migration has no version: it runs after all that have one, whenever its file has changed.
    pub fn is_repeatable(self) -> bool {
        self.repeatable
    }

    /// The number in which the history keeps it: the version itself where it is one number, else a hash, beside
    /// which the name says which version it is.
    pub fn key(self) -> u64 {
        match self.repeatable || self.parts[1..].iter().all(|part| *part == 0) {
            true => self.parts[0],
            false => hashed(&self.to_string()),
        }
    }

    /// The version that the history keeps as `key` with the migration's name.
    pub fn recorded(key: u64, name: &str) -> Version {
        let number = Version::from(key);
        if key < NOT_A_NUMBER {
            return number;
        }
        let repeatable = Version::of_repeatable(name);
        if repeatable.key() == key {
            return repeatable;
        }
        Version::parse(names::label(name))
            .filter(|version| version.key() == key)
            .unwrap_or(number)
    }

    /// The next whole number.
    pub fn next_number(self) -> u64 {
        self.parts[0].saturating_add(1)
    }

    /// How far apart the first parts of two versions are.
    pub(super) fn distance(self, other: Version) -> u64 {
        self.parts[0].abs_diff(other.parts[0])
    }
}

/// 63 bits of a hash, above every number that a file begins with.
fn hashed(text: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&Sha256::digest(text)[..8]);
    u64::from_be_bytes(first) | NOT_A_NUMBER
}

#[cfg(test)]
mod tests {
    use super::Version;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        let ordered = [
            "0.1",
            "1",
            "1.0.1",
            "1.9",
            "1.10",
            "2",
            "20240131120000",
            "20240131120000.1",
        ];
        for pair in ordered.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        for (one, other) in [("1", "1.0"), ("01.02", "1_2"), ("1.2.0.0", "1.2")] {
            assert_eq!(version(one), version(other));
        }
        for none in [
            "",
            "a",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4.5.6.7.8.9",
            "99999999999999999999",
            "1-2",
            "+1",
        ] {
            assert_eq!(Version::parse(none), None, "{none}");
        }
        assert!(Version::of_repeatable("R__a") > version("18446744073709551615.9"));
    }

    #[test]
    fn a_record_gives_the_version_back() {
        for (text, name) in [
            ("7", "007_x"),
            ("18446744073709551615", "18446744073709551615_x"),
            ("1.2", "V1_2__x"),
            ("1.2", "V01.02__other"),
            ("2013.12.15.11.35.56", "V2013.12.15.11.35.56__x"),
        ] {
            let key = version(text).key();
            assert_eq!(Version::recorded(key, name), version(text), "{text}");
        }
        assert_eq!(version("3").key(), 3);
        let repeatable = Version::of_repeatable("R__views");
        assert_eq!(Version::recorded(repeatable.key(), "R__views"), repeatable);
        // A name that does not fit says nothing.
        let key = version("1.2").key();
        assert_eq!(Version::recorded(key, "V1.3__x"), Version::from(key));
    }
}
