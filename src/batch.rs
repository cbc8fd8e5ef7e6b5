//! Long work as short transactions: keyset ranges, a range size that adapts to a target time,
//! pauses while the server is busy, and retries of what lost a conflict.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rand::RngExt;

use crate::context::Context;
use crate::db::server::{mariadb, mysql};
use crate::db::{DbError, FromValue, Query, Row, Session};

/// Rows a first range has: few enough for the slowest server, soon outgrown.
const FIRST_ROWS: f64 = 500.0;
/// Part of the target time that ranges aim for; the rest is room for a slow disk.
const AIM: f64 = 0.6;
/// How often the server's load is looked at, and how long a pause lasts before it is looked at again.
const LOAD_INTERVAL: Duration = Duration::from_secs(1);
/// Conflicts in a row before a range gives up.
const ATTEMPTS: u32 = 12;

/// Chooses how many rows the next range has, so that its transaction takes about the target time.
#[derive(Debug, Clone)]
pub struct Sizer {
    rows: f64,
    most: f64,
    aim: Duration,
}

impl Sizer {
    /// Ranges of at most `most` rows that should take no longer than `target`.
    pub fn new(target: Duration, most: u64) -> Sizer {
        let most = (most as f64).max(1.0);
        Sizer {
            rows: FIRST_ROWS.min(most),
            most,
            aim: target.mul_f64(AIM),
        }
    }

    /// Rows of the next range; at least one.
    pub fn rows(&self) -> u64 {
        self.rows as u64
    }

    /// Learns from a range of `rows` rows whose transaction took `elapsed`: shrinks at once, at most
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
        self.rows = next.clamp(1.0, self.most);
    }
}

/// Limits on the server's global status, such as `Threads_running=25`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MaxLoad(Vec<(String, u64)>);

impl FromStr for MaxLoad {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(|limit| {
                let (name, most) = limit
                    .split_once('=')
                    .ok_or_else(|| format!("`{limit}` is not of the form Threads_running=25"))?;
                let (name, most) = (name.trim(), most.trim());
                if name.is_empty()
                    || !name
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                {
                    return Err(format!("`{name}` is not the name of a status variable"));
                }
                let most = most
                    .parse()
                    .map_err(|_| format!("`{most}` is not a whole number"))?;
                Ok((name.to_owned(), most))
            })
            .collect::<Result<_, _>>()
            .map(MaxLoad)
    }
}

impl fmt::Display for MaxLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, most)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={most}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// One global status variable. Every account may read it.
const STATUS: &str = "SHOW GLOBAL STATUS LIKE '{name}'";

/// Pauses work while the server has better things to do.
#[derive(Debug, Clone)]
pub struct Throttle {
    load: MaxLoad,
    max_lag: Option<u64>,
    looked: Option<Instant>,
}

impl Throttle {
    /// Pauses above `load`, and above `max_lag` seconds of replica lag.
    pub fn new(load: MaxLoad, max_lag: Option<u64>) -> Throttle {
        Throttle {
            load,
            max_lag,
            looked: None,
        }
    }

    /// Returns when the server has room for the next range: at once, as a rule. Looks at most
    /// once a second. Returns how long it paused.
    ///
    /// # Errors
    /// The run was cancelled, or a status cannot be read.
    pub async fn wait(&mut self, ctx: &Context, session: &mut Session) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        if self.looked.is_some_and(|looked| looked.elapsed() < LOAD_INTERVAL) {
            return Ok(Duration::ZERO);
        }
        let mut said = false;
        while let Some(reason) = self.busy(ctx, session).await? {
            if !said {
                ctx.report.status(format_args!("pausing while {reason}"));
                said = true;
            }
            ctx.cancel.sleep(LOAD_INTERVAL).await?;
        }
        self.looked = Some(Instant::now());
        Ok(if said { begun.elapsed() } else { Duration::ZERO })
    }

    /// Why work should pause, if it should.
    async fn busy(&mut self, ctx: &Context, session: &mut Session) -> anyhow::Result<Option<String>> {
        for (name, most) in &self.load.0 {
            let row: Option<(String, String)> = session.first(STATUS.replace("{name}", name)).await?;
            let Some((_, value)) = row else {
                return Err(crate::exit::Failure::usage(
                    format!("--max-load: the server has no status variable {name}"),
                    "SHOW GLOBAL STATUS lists those it has",
                )
                .into());
            };
            if let Some(now) = value.parse::<u64>().ok().filter(|now| now > most) {
                return Ok(Some(format!("{name} is {now}, above {most}")));
            }
        }
        let Some(max_lag) = self.max_lag else {
            return Ok(None);
        };
        match replica_lag(ctx, session).await {
            Ok(Lag::Seconds(lag)) if lag > max_lag => {
                Ok(Some(format!("replication lags {lag} s, above {max_lag} s")))
            }
            Ok(Lag::Stopped) => Ok(Some("replication stands still".to_owned())),
            Ok(_) => Ok(None),
            // Not allowed to see it: work goes on, said once.
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
enum Lag {
    /// It has no source.
    None,
    /// This many seconds.
    Seconds(u64),
    /// Unknown, because replication is not running.
    Stopped,
}

async fn replica_lag(ctx: &Context, session: &mut Session) -> Result<Lag, DbError> {
    let status = ctx
        .db
        .server()
        .await?
        .flavor
        .pick(mysql::REPLICA_STATUS, mariadb::REPLICA_STATUS);
    let rows: Vec<Row> = session.rows(status).await?;
    let mut worst = Lag::None;
    for row in rows {
        let lag = row
            .columns_ref()
            .iter()
            .position(|column| column.name_str().starts_with("Seconds_Behind_"))
            .and_then(|index| row.as_ref(index).cloned())
            .and_then(|value| Option::<u64>::from_value_opt(value).ok().flatten());
        worst = match (lag, worst) {
            (None, _) | (_, Lag::Stopped) => Lag::Stopped,
            (Some(lag), Lag::Seconds(other)) => Lag::Seconds(lag.max(other)),
            (Some(lag), Lag::None) => Lag::Seconds(lag),
        };
    }
    Ok(worst)
}

/// How long to wait before a range that lost a conflict is tried again.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next pause: 10 ms at first, doubling up to a second, somewhat random so that two
    /// losers do not meet again. `None` when enough has been tried.
    pub fn pause(&mut self) -> Option<Duration> {
        self.attempts += 1;
        (self.attempts < ATTEMPTS).then(|| {
            let most = 10_u64 << self.attempts.min(7);
            Duration::from_millis(rand::rng().random_range(most / 2..=most.min(1_000)))
        })
    }

    /// How often it has been tried.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// First key after `after`, and the key `rows` rows further on (NULL when there are fewer): two
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
    use super::{Backoff, MaxLoad, Sizer};
    use proptest::prelude::*;
    use std::time::Duration;

    const TARGET: Duration = Duration::from_millis(100);

    #[test]
    fn the_size_settles_below_the_target_and_stays_there() {
        for micros_per_row in [1.0, 25.0, 400.0, 30_000.0] {
            let mut sizer = Sizer::new(TARGET, 20_000);
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
        let mut sizer = Sizer::new(TARGET, 20_000);
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
            most in 1_u64..50_000,
        ) {
            let mut sizer = Sizer::new(TARGET, most);
            for (rows, micros) in observed {
                sizer.observe(rows, Duration::from_micros(micros));
                prop_assert!((1..=most).contains(&sizer.rows()));
            }
        }
    }
}
