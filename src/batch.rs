//! Long work as short transactions: keyset ranges, a range size that adapts to a target time,
//! pauses while the server is busy, and retries of what lost a conflict.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rand::RngExt;

use crate::context::Context;
use crate::db::node_state::{replication, seconds_behind};
use crate::db::{DbError, Query, Session};

/// Rows a first range has: few enough for the slowest server, soon outgrown.
const FIRST_ROWS: f64 = 500.0;
/// Fraction of the target time that ranges aim for; the rest allows for a slow disk.
const TARGET_FRACTION: f64 = 0.6;
/// Interval between checks of the server's load, also during a pause.
const LOAD_INTERVAL: Duration = Duration::from_secs(1);
/// Attempts at a range that loses conflicts before it fails.
const ATTEMPTS: u32 = 12;

/// Chooses how many rows the next range has, so that its transaction takes about the target time.
#[derive(Debug, Clone)]
pub struct BatchSizer {
    rows: f64,
    max: f64,
    aim: Duration,
}

impl BatchSizer {
    /// Ranges of at most `max` rows that should take no longer than `target`.
    pub fn new(target: Duration, max: u64) -> BatchSizer {
        let max = (max as f64).max(1.0);
        BatchSizer {
            rows: FIRST_ROWS.min(max),
            max,
            aim: target.mul_f64(TARGET_FRACTION),
        }
    }

    /// Rows of the next range; at least one.
    pub fn rows(&self) -> u64 {
        self.rows as u64
    }

    /// Adjusts the size after a range of `rows` rows whose transaction took `elapsed`: it shrinks at once, at most
    /// to a quarter, and grows by half of what seems possible, at most to the double.
    pub fn observe(&mut self, rows: u64, elapsed: Duration) {
        if rows == 0 {
            return;
        }
        let fitting = rows as f64 * self.aim.as_secs_f64() / elapsed.as_secs_f64().max(1e-6);
        let next = if fitting < self.rows {
            // A range cut short by the end of the data says little about longer ones, unless it was slow.
            if elapsed <= self.aim {
                self.rows
            } else {
                fitting.max(self.rows / 4.0)
            }
        } else {
            f64::midpoint(self.rows, fitting).min(self.rows * 2.0)
        };
        self.rows = next.clamp(1.0, self.max);
    }
}

/// Limits on the server's global status, such as `Threads_running=25`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MaxLoad(Vec<(String, u64)>);

impl MaxLoad {
    /// The limit of commands that were given none: 25 threads that run.
    pub fn usual() -> MaxLoad {
        MaxLoad(vec![("Threads_running".to_owned(), 25)])
    }
}

impl FromStr for MaxLoad {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(|limit| {
                let (name, max) = limit
                    .split_once('=')
                    .ok_or_else(|| format!("`{limit}` is not of the form Threads_running=25"))?;
                let (name, max) = (name.trim(), max.trim());
                if name.is_empty()
                    || !name
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                {
                    return Err(format!("`{name}` is not the name of a status variable"));
                }
                let max = max
                    .parse()
                    .map_err(|_| format!("`{max}` is not a whole number"))?;
                Ok((name.to_owned(), max))
            })
            .collect::<Result<_, _>>()
            .map(MaxLoad)
    }
}

impl fmt::Display for MaxLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, max)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={max}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// One global status variable. Every account may read it.
const STATUS: &str = "SHOW GLOBAL STATUS LIKE '{name}'";

/// Pauses work while the server is busy or a replica lags.
#[derive(Debug, Clone)]
pub struct Throttle {
    load: MaxLoad,
    max_lag: Option<u64>,
    last_checked: Option<Instant>,
}

impl Throttle {
    /// Pauses above `load`, and above `max_lag` seconds of replica lag.
    pub fn new(load: MaxLoad, max_lag: Option<u64>) -> Throttle {
        Throttle {
            load,
            max_lag,
            last_checked: None,
        }
    }

    /// Returns when the load allows the next range, usually at once. Checks at most
    /// once a second. Returns the length of the pause.
    ///
    /// # Errors
    /// The run was cancelled, or a status cannot be read.
    pub async fn wait(&mut self, ctx: &Context, session: &mut Session) -> anyhow::Result<Duration> {
        let started = Instant::now();
        if self
            .last_checked
            .is_some_and(|last_checked| last_checked.elapsed() < LOAD_INTERVAL)
        {
            return Ok(Duration::ZERO);
        }
        let mut reported = false;
        while let Some(reason) = self.busy(ctx, session).await? {
            if !reported {
                ctx.report.status(format_args!("pausing while {reason}"));
                reported = true;
            }
            ctx.cancel.sleep(LOAD_INTERVAL).await?;
        }
        self.last_checked = Some(Instant::now());
        Ok(if reported {
            started.elapsed()
        } else {
            Duration::ZERO
        })
    }

    /// The reason to pause, if there is one.
    async fn busy(&mut self, ctx: &Context, session: &mut Session) -> anyhow::Result<Option<String>> {
        for (name, max) in &self.load.0 {
            let row: Option<(String, String)> = session.first(STATUS.replace("{name}", name)).await?;
            let Some((_, value)) = row else {
                let name = name.clone();
                return Err(crate::exit::ProcessFailure::NoSuchStatus { name }.into());
            };
            if let Some(now) = value.parse::<u64>().ok().filter(|now| now > max) {
                return Ok(Some(format!("{name} is {now}, above {max}")));
            }
        }
        let Some(max_lag) = self.max_lag else {
            return Ok(None);
        };
        match replica_lag(ctx, session).await {
            Ok(Lag::Seconds(lag)) if lag > max_lag => {
                Ok(Some(format!("replication lags {lag} s, above {max_lag} s")))
            }
            Ok(Lag::Stopped) => Ok(Some("replication is stopped".to_owned())),
            Ok(Lag::None) => {
                ctx.report.warn(
                    "--max-lag has no effect here: this server replicates from none, and the replicas that replicate \
                     from it are not looked at",
                );
                self.max_lag = None;
                Ok(None)
            }
            Ok(_) => Ok(None),
            // The account may not read it: work continues after one warning.
            Err(error) if error.is_denied() => {
                ctx.report.warn(format_args!("--max-lag has no effect: {error}"));
                self.max_lag = None;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// How far a server is behind its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    /// It has no source.
    None,
    /// This many seconds.
    Seconds(u64),
    /// Unknown, because replication is not running.
    Stopped,
}

/// How far the server of a session is behind its source.
///
/// # Errors
/// The account may not read it, or the connection failed.
pub async fn replica_lag(ctx: &Context, session: &mut Session) -> Result<Lag, DbError> {
    let flavor = ctx.db.server().await?.flavor;
    let mut worst = Lag::None;
    for row in replication(session, flavor).await? {
        worst = match (seconds_behind(&row), worst) {
            (None, _) | (_, Lag::Stopped) => Lag::Stopped,
            (Some(lag), Lag::Seconds(other)) => Lag::Seconds(lag.max(other)),
            (Some(lag), Lag::None) => Lag::Seconds(lag),
        };
    }
    Ok(worst)
}

/// The pauses before a range that lost a conflict is tried again.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next pause: 10 ms at first, doubling up to a second, with jitter so that two
    /// runs that lost do not collide again. `None` after the last attempt.
    pub fn pause(&mut self) -> Option<Duration> {
        self.attempts += 1;
        (self.attempts < ATTEMPTS).then(|| {
            let max = 10_u64 << self.attempts.min(7);
            Duration::from_millis(rand::rng().random_range(max / 2..=max.min(1_000)))
        })
    }

    /// The number of attempts so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// First key after `after`, and the key `rows` rows after it (NULL when there are fewer): two
/// dives into an index that begins with the column, the second reading `rows` entries of it.
pub const KEYSET: &str = "SELECT \
     (SELECT {column} FROM {table} WHERE {column} > {after} AND {within} ORDER BY {column} LIMIT 1), \
     (SELECT {column} FROM {table} WHERE {column} > {after} AND {within} ORDER BY {column} LIMIT 1 OFFSET {rows})";

/// The query of [`KEYSET`] over `column` of `table` (written as SQL, with an index hint if any);
/// `within` restricts the rows by something the same index answers, or is `TRUE`.
pub fn keyset(table: &str, column: &str, within: &str, after: i64, rows: u64) -> Query {
    let sql = KEYSET
        .replace("{table}", table)
        .replace("{column}", column)
        .replace("{within}", within)
        .replace("{after}", &after.to_string())
        .replace("{rows}", &rows.to_string());
    Query::new(sql).timeout(None)
}

#[cfg(test)]
mod tests {
    use super::{Backoff, BatchSizer, MaxLoad};
    use proptest::prelude::*;
    use std::time::Duration;

    const TARGET: Duration = Duration::from_millis(100);

    #[test]
    fn the_size_settles_below_the_target_and_stays_there() {
        for micros_per_row in [1.0, 25.0, 400.0, 30_000.0] {
            let mut sizer = BatchSizer::new(TARGET, 20_000);
            let mut rows = 0;
            for _ in 0..40 {
                rows = sizer.rows();
                sizer.observe(rows, Duration::from_secs_f64(rows as f64 * micros_per_row / 1e6));
            }
            let millis = rows as f64 * micros_per_row / 1e3;
            assert!(millis <= 66.0, "{micros_per_row}: {millis}");
            assert!(
                millis >= 50.0 || rows >= 19_000 || rows <= 2,
                "{micros_per_row}: {rows} rows, {millis} ms"
            );
        }
    }

    #[test]
    fn a_stall_shrinks_at_once_and_a_short_last_range_does_not() {
        let mut sizer = BatchSizer::new(TARGET, 20_000);
        sizer.observe(500, Duration::from_millis(400));
        assert_eq!(sizer.rows(), 125);
        sizer.observe(3, Duration::from_millis(10));
        assert_eq!(sizer.rows(), 125);
    }

    #[test]
    fn limits_on_load_are_read_and_shown() {
        let limits: MaxLoad = "Threads_running=25, Threads_connected=80".parse().unwrap();
        assert_eq!(limits.to_string(), "Threads_running=25,Threads_connected=80");
        for bad in [
            "",
            "Threads_running",
            "Threads_running=",
            "Threads_running=-1",
            "a'b=1",
            "=1",
        ] {
            assert!(bad.parse::<MaxLoad>().is_err(), "{bad}");
        }
    }

    #[test]
    fn backing_off_ends() {
        let mut backoff = Backoff::default();
        let pauses: Vec<Duration> = std::iter::from_fn(|| backoff.pause()).collect();
        assert_eq!(pauses.len(), 11);
        assert!(
            pauses
                .iter()
                .all(|pause| (10..=1_000).contains(&(pause.as_millis() as u64)))
        );
    }

    proptest! {
        #[test]
        fn whatever_it_sees_the_size_stays_in_bounds(
            observed in proptest::collection::vec((0_u64..100_000, 0_u64..10_000_000), 0..60),
            max in 1_u64..50_000,
        ) {
            let mut sizer = BatchSizer::new(TARGET, max);
            for (rows, micros) in observed {
                sizer.observe(rows, Duration::from_micros(micros));
                prop_assert!((1..=max).contains(&sizer.rows()));
            }
        }
    }
}
