//! Human-readable numbers, sizes and durations.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A size in bytes: `512 B`, `1.5 KB`, `16.0 MB`.
///
/// Units are powers of 1024, named as in the server's manual
/// (`max_allowed_packet` of 64 MB is 67,108,864 bytes).
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];
    if size < 1024 {
        return format!("{size} B");
    }
    // Precision loss above 2^53 is far below the one decimal shown.
    let mut value = size as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be printed as "1024.0": use the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A count with thousands separators: `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count and its noun in the singular: `1 row`, `2,000 rows`, `3 queries`, `4 processes`.
pub fn plural(number: u64, noun: &str) -> String {
    let (stem, ending) = match noun {
        _ if number == 1 => (noun, ""),
        _ if noun.ends_with('s') => (noun, "es"),
        _ => match noun.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => (stem, "ies"),
            _ => (noun, "s"),
        },
    };
    format!("{} {stem}{ending}", count(number))
}

/// A duration in the two units that matter: `0.4 ms`, `123 ms`, `1.2 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 9_950 {
        return format!("{:.1} ms", micros as f64 / 1_000.0);
    }
    if micros < 999_500 {
        return format!("{:.0} ms", micros as f64 / 1_000.0);
    }
    if micros < 59_950_000 {
        return format!("{:.1} s", micros as f64 / 1_000_000.0);
    }
    let seconds = duration.as_millis().saturating_add(500) / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if hours == 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else if days == 0 {
        format!("{hours} h {} min", minutes % 60)
    } else {
        format!("{days} d {} h", hours % 24)
    }
}

/// A moment in UTC: `2026-11-28T08:42:34Z`.
pub fn timestamp(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days are counted from 1 March of the year 0, so that a leap day ends a year (H. Hinnant, "chrono-Compatible
    // Low-Level Date Algorithms").
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        of_day / 3_600,
        of_day / 60 % 60,
        of_day % 60
    )
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, duration, plural, timestamp};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn sizes() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KB"),
            (1536, "1.5 KB"),
            (65_535, "64.0 KB"),
            (1_048_575, "1.0 MB"),
            (16_777_215, "16.0 MB"),
            (u64::MAX, "16.0 EB"),
        ] {
            assert_eq!(bytes(size), text, "{size}");
        }
    }

    #[test]
    fn counts() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(plural(1, "row"), "1 row");
        assert_eq!(plural(0, "row"), "0 rows");
        assert_eq!(plural(1, "process"), "1 process");
        assert_eq!(plural(2, "process"), "2 processes");
        assert_eq!(plural(1, "query"), "1 query");
        assert_eq!(plural(2, "query"), "2 queries");
        assert_eq!(plural(2, "key"), "2 keys");
    }

    #[test]
    fn durations() {
        for (micros, text) in [
            (0, "0.0 ms"),
            (430, "0.4 ms"),
            (9_949, "9.9 ms"),
            (9_960, "10 ms"),
            (123_400, "123 ms"),
            (999_600, "1.0 s"),
            (1_240_000, "1.2 s"),
            (59_960_000, "1 min 0 s"),
            (192_000_000, "3 min 12 s"),
            (3_599_600_000, "1 h 0 min"),
            (7_500_000_000, "2 h 5 min"),
            (273_600_000_000, "3 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), text, "{micros}");
        }
        assert!(duration(Duration::MAX).ends_with(" h"));
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_855_354, "2026-11-28T08:42:34Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
