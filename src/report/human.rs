//! Human-readable numbers, sizes and durations.

use std::time::Duration;

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

/// A count and its noun: `1 row`, `2,000 rows`. Only for nouns whose plural is an added `s`.
pub fn plural(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
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

#[cfg(test)]
mod tests {
    use super::{bytes, count, duration, plural};
    use std::time::Duration;

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
}
