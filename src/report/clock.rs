//! Times of day in the zone of the person who reads them.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use tz::{DateTime, TimeZone};

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
    use std::time::Duration;

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
