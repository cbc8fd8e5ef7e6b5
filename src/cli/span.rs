//! Spans of time on the command line.

use std::time::Duration;

const FORM: &str = "write a number with ms, s, m, h or d, such as 90s or 5m";

/// `500ms`, `90s`, `5m` (also `5min`), `2h`, `7d`; a number alone is seconds.
///
/// # Errors
/// The error in the text, for clap to show.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| FORM.to_owned())?;
    let milliseconds: u64 = match unit.trim() {
        "ms" => 1,
        "" | "s" | "sec" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(FORM.into()),
    };
    // A hundred years are as good as any longer span.
    match number.checked_mul(milliseconds) {
        Some(span) if span <= 36_525 * 86_400_000 => Ok(Duration::from_millis(span)),
        _ => Err("the maximum is 36525d (a hundred years)".into()),
    }
}

/// As [`parse_span`], for a wait that must not be 0.
///
/// # Errors
/// As [`parse_span`], and for 0.
pub fn parse_patience(text: &str) -> Result<Duration, String> {
    match parse_span(text)? {
        Duration::ZERO => Err("it must be more than 0".into()),
        span => Ok(span),
    }
}

/// As [`parse_patience`], for the time between two looks: also with a fraction of a second, and not shorter than a
/// server should be asked. InnoDB renews its tables of transactions and locks only when nobody has read them for a
/// tenth of a second: looks that are closer together would see the first of them for ever.
///
/// # Errors
/// As [`parse_span`], and for less than a quarter of a second.
pub fn parse_pace(text: &str) -> Result<Duration, String> {
    let fraction = text
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..=86_400.0).contains(seconds));
    let span = match fraction {
        Some(seconds) => Duration::from_secs_f64(seconds),
        None => parse_span(text)?,
    };
    match span < Duration::from_millis(250) {
        true => Err("the minimum is 250ms: InnoDB tells of locks no faster".into()),
        false => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paces() {
        for (text, milliseconds) in [
            ("1", Some(1_000)),
            ("0.5", Some(500)),
            ("250ms", Some(250)),
            ("5m", Some(300_000)),
            ("0", None),
            ("0.25", Some(250)),
            ("0.2", None),
            ("100ms", None),
            ("-1", None),
            ("inf", None),
            ("x", None),
        ] {
            let found = parse_pace(text).ok().map(|span| span.as_millis() as u64);
            assert_eq!(found, milliseconds, "{text}");
        }
    }

    #[test]
    fn spans() {
        for (text, milliseconds) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("500ms", Some(500)),
            ("90", Some(90_000)),
            ("5m", Some(300_000)),
            ("5 min", Some(300_000)),
            ("2h", Some(7_200_000)),
            ("7d", Some(604_800_000)),
            ("", None),
            ("m", None),
            ("-1s", None),
            ("1.5h", None),
            ("5w", None),
            ("99999999999999999999s", None),
            ("400000d", None),
        ] {
            let found = parse_span(text).ok().map(|span| span.as_millis() as u64);
            assert_eq!(found, milliseconds, "{text}");
        }
    }
}
