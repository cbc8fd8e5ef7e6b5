//! Schedules of events. The servers store `AT CURRENT_TIMESTAMP + INTERVAL 1 DAY` as an absolute time,
//! computed at the creation of the event, so that two runs of a migration always differ.

/// Largest difference in seconds that need not be whole minutes.
const SHORT: i64 = 3600;

/// The interval from `made` to `moment`: in seconds, and in months if it is whole months. Empty if the
/// moment was probably not computed from the other, because it is earlier or not whole minutes later.
pub fn intervals(moment: &str, made: &str) -> Vec<String> {
    let (Some(moment), Some(made)) = (Moment::parse(moment), Moment::parse(made)) else {
        return Vec::new();
    };
    let seconds = moment.seconds() - made.seconds();
    if seconds < 0 || (seconds % 60 != 0 && seconds > SHORT) {
        return Vec::new();
    }
    let mut out = vec![format!("{seconds} second")];
    out.extend(moment.months_after(&made).map(|months| format!("{months} month")));
    out
}

/// A date and a time of day, in a time zone common to the two compared.
struct Moment {
    year: i64,
    month: i64,
    day: i64,
    second: i64,
}

impl Moment {
    /// Parses `2030-01-02 03:04:05`.
    fn parse(text: &str) -> Option<Moment> {
        let (date, time) = text.split_once(' ')?;
        let numbers = |text: &str, between: char| -> Option<[i64; 3]> {
            let mut parts = text.splitn(3, between).map(|part| part.parse().ok());
            Some([parts.next()??, parts.next()??, parts.next()??])
        };
        let [year, month, day] = numbers(date, '-')?;
        let [hours, minutes, seconds] = numbers(time.split('.').next()?, ':')?;
        let second = (hours * 60 + minutes) * 60 + seconds;
        (1..=12).contains(&month).then_some(Moment {
            year,
            month,
            day,
            second,
        })
    }

    /// Seconds since a fixed day.
    fn seconds(&self) -> i64 {
        // Count years from March, so that the leap day is the last day of a year.
        let (year, month) = match self.month {
            1 | 2 => (self.year - 1, self.month + 9),
            month => (self.year, month - 3),
        };
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let days = year * 365 + leap_days + (month * 153 + 2) / 5 + self.day;
        days * 86_400 + self.second
    }

    /// The number of whole months from `other` to this; the last day of a month replaces days that the
    /// month does not have.
    fn months_after(&self, other: &Moment) -> Option<i64> {
        let months = (self.year - other.year) * 12 + self.month - other.month;
        let last = self.day == days_in(self.year, self.month) && other.day > self.day;
        (months > 0 && self.second == other.second && (self.day == other.day || last)).then_some(months)
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::intervals;

    #[test]
    fn moments_computed_from_the_making_are_told_from_others() {
        let made = "2024-01-31 10:20:30";
        let table: [(&str, &[&str]); 8] = [
            ("2024-01-31 10:20:30", &["0 second"]),
            ("2024-01-31 10:20:45", &["15 second"]),
            ("2024-02-01 10:20:30", &["86400 second"]),
            ("2024-02-29 10:20:30", &["2505600 second", "1 month"]),
            ("2025-01-31 10:20:30", &["31622400 second", "12 month"]),
            ("2024-02-29 10:21:30", &["2505660 second"]),
            ("2030-01-01 00:00:00", &[]),
            ("2024-01-30 10:20:30", &[]),
        ];
        for (moment, expected) in table {
            assert_eq!(intervals(moment, made), expected, "{moment}");
        }
        assert!(intervals("soon", made).is_empty());
    }
}
