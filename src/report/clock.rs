//! Times of day in the zone of the person who reads them.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tz::{DateTime, TimeZone, UtcDateTime};

/// The zone of TZ or of this host; UTC where neither is readable.
fn zone() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(|| {
        let named = std::env::var("TZ").ok().filter(|name| !name.is_empty());
        let zone = match named {
            Some(name) => TimeZone::from_posix_tz(&name),
            None => TimeZone::local(),
        };
        zone.unwrap_or_else(|_| TimeZone::utc())
    })
}

/// `14:02`, or `2026-11-26 14:02` when that was not in the last twelve hours and not today.
pub fn clock(moment: SystemTime) -> String {
    written(moment, SystemTime::now(), zone())
}

/// The moment that `22:30` or `2026-11-28T22:30:00Z` means: the next one with this time of day in the zone of the
/// person, or exactly that one.
///
/// # Errors
/// The text is neither.
pub fn moment(text: &str) -> Result<SystemTime, String> {
    moment_after(text, SystemTime::now(), zone())
}

fn moment_after(text: &str, now: SystemTime, zone: &TimeZone) -> Result<SystemTime, String> {
    let wrong = || format!("`{text}` is neither a time like 22:30 nor one like 2026-11-28T22:30:00Z");
    if text.len() == 5 {
        let (hour, minute) = time_of_day(text).ok_or_else(wrong)?;
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let seconds = i64::try_from(seconds).map_err(|_| wrong())?;
        let today = DateTime::from_timespec(seconds, 0, zone.as_ref()).map_err(|_| wrong())?;
        let gone =
            u64::from(today.hour()) * 3_600 + u64::from(today.minute()) * 60 + u64::from(today.second());
        let wanted = hour * 3_600 + minute * 60;
        let wait = if wanted > gone {
            wanted - gone
        } else {
            wanted + 86_400 - gone
        };
        return Ok(now + Duration::from_secs(wait));
    }
    rfc3339(text).ok_or_else(wrong)
}

fn time_of_day(text: &str) -> Option<(u64, u64)> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (digits(hour, 2)?, digits(minute, 2)?);
    (hour < 24 && minute < 60).then_some((hour, minute))
}

fn digits(text: &str, length: usize) -> Option<u64> {
    let fits = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Date, time with or without seconds, and a zone.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let (time, offset) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0),
        None => {
            let (time, zone) = time.split_at_checked(time.len().checked_sub(6)?)?;
            let (sign, zone) = zone.split_at_checked(1)?;
            let (hours, minutes) = time_of_day(zone)?;
            let offset = i64::try_from(hours * 3_600 + minutes * 60).ok()?;
            match sign {
                "+" => (time, offset),
                "-" => (time, -offset),
                _ => return None,
            }
        }
    };
    let mut parts = date.split('-');
    let (year, month, day) = (
        digits(parts.next()?, 4)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    let (clock, seconds) = time.split_at_checked(5)?;
    let (hour, minute) = time_of_day(clock)?;
    let second = match seconds.strip_prefix(':') {
        Some(second) => digits(second, 2)?,
        None if seconds.is_empty() => 0,
        None => return None,
    };
    let utc = UtcDateTime::new(
        i32::try_from(year).ok()?,
        u8::try_from(month).ok()?,
        u8::try_from(day).ok()?,
        u8::try_from(hour).ok()?,
        u8::try_from(minute).ok()?,
        u8::try_from(second).ok()?,
        0,
    )
    .ok()?;
    let seconds = u64::try_from(utc.unix_time() - offset).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn written(moment: SystemTime, now: SystemTime, zone: &TimeZone) -> String {
    let local = |time: SystemTime| {
        let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        DateTime::from_timespec(i64::try_from(seconds).ok()?, 0, zone.as_ref()).ok()
    };
    let (Some(at), Some(today)) = (local(moment), local(now)) else {
        return "at an unknown time".to_owned();
    };
    let day = |one: &DateTime| (one.year(), one.month(), one.month_day());
    let time = format!("{:02}:{:02}", at.hour(), at.minute());
    let recent = now
        .duration_since(moment)
        .is_ok_and(|age| age.as_secs() < 12 * 3_600);
    if recent || day(&at) == day(&today) {
        return time;
    }
    format!("{}-{:02}-{:02} {time}", at.year(), at.month(), at.month_day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_of_day_or_a_whole_date() {
        // 2026-11-28, 08:42:34 in UTC.
        let now = UNIX_EPOCH + Duration::from_secs(1_795_855_354);
        let zone = TimeZone::from_posix_tz("CET-1").expect("a zone");
        for (text, after) in [
            ("09:43", Some(26)),
            ("09:42", Some(86_400 - 34)),
            ("2026-11-28T08:42:35Z", Some(1)),
            ("2026-11-28t09:43+01:00", Some(26)),
            ("2026-11-28 04:42:35-04:00", Some(1)),
            ("24:00", None),
            ("9:430", None),
            ("2026-02-30T08:42:35Z", None),
            ("2026-11-28T08:42:35", None),
            ("soon", None),
        ] {
            let found = moment_after(text, now, &zone).ok();
            assert_eq!(
                found,
                after.map(|after| now + Duration::from_secs(after)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_time_has_its_day_when_that_is_not_today() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        // 2026-11-28, 08:42:34 in UTC.
        let now = at(1_795_855_354);
        for (zone, ago, text) in [
            ("UTC0", 60, "08:41"),
            ("ABC-05:37", 60, "14:18"),
            ("UTC0", 8 * 3_600, "00:42"),
            ("UTC0", 11 * 3_600, "21:42"),
            ("UTC0", 13 * 3_600, "2026-11-27 19:42"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 60, "09:41"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 150 * 86_400, "2026-07-01 10:42"),
        ] {
            let zone = TimeZone::from_posix_tz(zone).expect("a zone");
            let moment = now - Duration::from_secs(ago);
            assert_eq!(written(moment, now, &zone), text, "{ago}");
        }
    }
}
