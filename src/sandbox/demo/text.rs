//! Names, sentences and dates of the demo data, and their SQL literals.

use std::fmt::Write;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::words::{
    CITIES, ENGLISH, FRENCH, GERMAN, JAPANESE, PORTUGUESE, SPOKEN, STREET_KINDS, STREETS, WORDS,
};

/// Sentences that break wrong quoting, splitting or column character sets.
const AWKWARD: [&str; 10] = [
    "It's the \"blue\" door, isn't it?",
    "C:\\photos\\garden.png -- see the photo; thanks",
    "Line one\nline two\r\n\tand a tab",
    "🏡🔑 Danke schön, à bientôt! 你好 👨‍👩‍👧‍👦",
    "/* not a comment */ # nor this; -- nor that",
    "100% sure? 50 \\% off_season\\_",
    "مرحبا، متى موعد الوصول؟",
    "'; DROP TABLE users; --",
    "\\",
    "",
];

/// First and last name, mostly plain ASCII, some not.
pub fn name(rng: &mut ChaCha8Rng) -> (&'static str, &'static str) {
    let names = match rng.random_range(0..20) {
        0 => JAPANESE,
        1 | 2 => FRENCH,
        3 | 4 => GERMAN,
        5 => PORTUGUESE,
        _ => ENGLISH,
    };
    (names.first.any(rng), names.last.any(rng))
}

/// A unique address at example.com: the number makes it unique, the name makes it readable.
pub fn email(first: &str, last: &str, id: u64) -> String {
    let plain = |name: &str| {
        name.chars()
            .filter(char::is_ascii_alphabetic)
            .map(|letter| letter.to_ascii_lowercase())
            .collect::<String>()
    };
    let (first, last) = (plain(first), plain(last));
    if first.is_empty() || last.is_empty() {
        format!("user.{id}@example.com")
    } else {
        format!("{first}.{last}.{id}@example.com")
    }
}

/// A city's name.
pub fn city(rng: &mut ChaCha8Rng) -> &'static str {
    CITIES.any(rng)
}

/// A house number and a street.
pub fn address(rng: &mut ChaCha8Rng) -> String {
    let (street, kind) = (STREETS.any(rng), STREET_KINDS.any(rng));
    format!("{} {street} {kind}", rng.random_range(1..400))
}

/// A few words in a row.
pub fn words(rng: &mut ChaCha8Rng, least: usize, most: usize) -> String {
    let count = rng.random_range(least..most);
    let words: Vec<&str> = (0..count).map(|_| WORDS.any(rng)).collect();
    words.join(" ")
}

/// The text of a message; one in eight is from [`AWKWARD`].
pub fn message(rng: &mut ChaCha8Rng) -> String {
    if rng.random_ratio(1, 8) {
        return AWKWARD[rng.random_range(0..AWKWARD.len())].to_owned();
    }
    let count = rng.random_range(4..14);
    let words: Vec<&str> = (0..count).map(|_| SPOKEN.any(rng)).collect();
    let mut sentence = words.join(" ");
    // The words' first letters are ASCII.
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence.push('.');
    sentence
}

/// Appends a string literal, escaped for the default sql_mode (backslash is the escape character).
pub fn quote(sql: &mut String, text: &str) {
    sql.push('\'');
    for character in text.chars() {
        match character {
            '\'' => sql.push_str("''"),
            '\\' => sql.push_str("\\\\"),
            '\n' => sql.push_str("\\n"),
            '\r' => sql.push_str("\\r"),
            other => sql.push(other),
        }
    }
    sql.push('\'');
}

/// Appends a DATE literal, `days` after 1 January 2023.
pub fn date(sql: &mut String, days: u64) {
    let (year, month, day) = civil(days);
    // Writing to a String cannot fail.
    let _ = write!(sql, "'{year:04}-{month:02}-{day:02}'");
}

/// Appends a TIMESTAMP literal, `minutes` after 1 January 2023. Only the hours from 8 to 20 occur:
/// no time zone's daylight saving leaves those out.
pub fn timestamp(sql: &mut String, minutes: u64) {
    let (year, month, day) = civil(minutes / (12 * 60));
    let (hour, minute) = (8 + minutes / 60 % 12, minutes % 60);
    let _ = write!(sql, "'{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:00'");
}

/// Year, month and day, `days` after 1 January 2023.
fn civil(mut days: u64) -> (u64, usize, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 2023;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let months = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut month = 0;
    while days >= months[month] {
        days -= months[month];
        month += 1;
    }
    (year, month + 1, days + 1)
}

#[cfg(test)]
mod tests {
    use super::{date, quote, timestamp};

    #[test]
    fn dates_follow_the_calendar() {
        for (days, expected) in [
            (0, "'2023-01-01'"),
            (58, "'2023-02-28'"),
            (59, "'2023-03-01'"),
            (365, "'2024-01-01'"),
            (424, "'2024-02-29'"),
            (730, "'2024-12-31'"),
            (731, "'2025-01-01'"),
        ] {
            let mut sql = String::new();
            date(&mut sql, days);
            assert_eq!(sql, expected);
        }
        let mut sql = String::new();
        timestamp(&mut sql, 424 * 720 + 719);
        assert_eq!(sql, "'2024-02-29 19:59:00'");
    }

    #[test]
    fn literals_are_escaped() {
        let mut sql = String::new();
        quote(&mut sql, "it's \\ a\nb;é😀");
        assert_eq!(sql, "'it''s \\\\ a\\nb;é😀'");
    }
}
