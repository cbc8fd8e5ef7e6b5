//! Arguments of `dbtool create-conversations`.

use std::fmt;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::span::parse_span;
use crate::batch::MaxLoad;

/// A booking's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BookingStatus {
    /// Asked for.
    Pending,
    /// Accepted.
    Confirmed,
    /// Called off.
    Cancelled,
    /// Over.
    Completed,
    /// Paid back.
    Refunded,
}

impl BookingStatus {
    /// As the column holds it.
    pub fn name(self) -> &'static str {
        match self {
            BookingStatus::Pending => "pending",
            BookingStatus::Confirmed => "confirmed",
            BookingStatus::Cancelled => "cancelled",
            BookingStatus::Completed => "completed",
            BookingStatus::Refunded => "refunded",
        }
    }
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl std::str::FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a day of the form 2024-01-31");
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else {
            return Err(wrong());
        };
        if (year.len(), month.len(), day.len()) != (4, 2, 2)
            || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        {
            return Err(wrong());
        }
        let year: u16 = year.parse().map_err(|_| wrong())?;
        let month: u8 = month.parse().map_err(|_| wrong())?;
        let day: u8 = day.parse().map_err(|_| wrong())?;
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        if (1..=days).contains(&day) {
            Ok(Day { year, month, day })
        } else {
            Err(format!("there is no such day as `{text}`"))
        }
    }
}

/// Give every booking that has none a conversation.
#[derive(Debug, Clone, Args)]
pub struct CreateConversationsArgs {
    /// Count the conversations to create, link or repair, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Give each booking a conversation of its own, also where guest and host have one about the property
    #[arg(long)]
    pub per_booking: bool,
    /// Only bookings in these statuses
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "LIST",
        default_value = "pending,confirmed,completed"
    )]
    pub status: Vec<BookingStatus>,
    /// Only bookings made on this day or later
    #[arg(long, value_name = "DATE")]
    pub since: Option<Day>,
    /// Leave bookings made within this time to the application, which may be making their conversations
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = parse_span)]
    pub older_than: Duration,
    /// Stop after this many conversations created, linked or repaired
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Only bookings of this property
    #[arg(long, value_name = "ID")]
    pub property: Option<i64>,
    /// Aim for transactions no longer than this many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(5..=60_000))]
    pub target_ms: u64,
    /// Never look at more bookings than this in one transaction
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub max_rows: u64,
    /// Pause while a status variable of the server is above its limit, as in Threads_running=25,Threads_connected=80
    #[arg(long, value_name = "LIMITS", default_value = "Threads_running=25")]
    pub max_load: MaxLoad,
    /// Pause while the server is a replica that lags more than this many seconds
    #[arg(long, value_name = "SECONDS")]
    pub max_lag: Option<u64>,
}

impl CreateConversationsArgs {
    /// The limits of a transaction.
    pub fn target(&self) -> Duration {
        Duration::from_millis(self.target_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn days_are_those_of_the_calendar() {
        for good in ["2024-02-29", "2023-12-31", "2000-02-29", "2026-01-01"] {
            assert_eq!(good.parse::<Day>().unwrap().to_string(), good);
        }
        for bad in [
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-1-1",
            "",
            "2024-01-32",
            "+024-01-01",
            "2024-01-01'",
        ] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }
}
