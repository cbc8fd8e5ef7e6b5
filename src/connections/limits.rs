//! What an account may do within an hour, as the server writes it in SHOW CREATE USER.

use serde_json::{Value, json};

/// Limits of an account for each hour; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hourly {
    /// `MAX_QUERIES_PER_HOUR`.
    pub queries: Option<u64>,
    /// `MAX_UPDATES_PER_HOUR`.
    pub updates: Option<u64>,
    /// `MAX_CONNECTIONS_PER_HOUR`.
    pub connections: Option<u64>,
}

impl Hourly {
    /// Reads `CREATE USER … WITH MAX_QUERIES_PER_HOUR 5 …`.
    pub(super) fn read(statement: &str) -> Hourly {
        // What stands in quotes are names, hashes and comments.
        let bare: Vec<&str> = statement
            .split(['\'', '`', '"'])
            .step_by(2)
            .flat_map(str::split_whitespace)
            .collect();
        let limit = |name: &str| {
            let pair = bare.windows(2).find(|pair| pair[0].eq_ignore_ascii_case(name))?;
            pair[1].parse().ok().filter(|limit| *limit > 0)
        };
        Hourly {
            queries: limit("MAX_QUERIES_PER_HOUR"),
            updates: limit("MAX_UPDATES_PER_HOUR"),
            connections: limit("MAX_CONNECTIONS_PER_HOUR"),
        }
    }

    /// Those that there are, each with its name.
    pub fn named(self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("queries per hour", self.queries),
            ("updates per hour", self.updates),
            ("connections per hour", self.connections),
        ]
        .into_iter()
        .filter_map(|(name, limit)| Some((name, limit?)))
    }

    /// The same for a program.
    pub fn json(self) -> Value {
        json!({
            "queries": self.queries,
            "updates": self.updates,
            "connections": self.connections,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Hourly;

    #[test]
    fn limits_are_read_outside_quotes() {
        let statement = "CREATE USER `a MAX_QUERIES_PER_HOUR 9 `@`%` IDENTIFIED BY PASSWORD '*X' WITH \
            MAX_UPDATES_PER_HOUR 7 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 4";
        let hourly = Hourly::read(statement);
        assert_eq!(hourly.named().collect::<Vec<_>>(), [("updates per hour", 7)]);
        assert_eq!(Hourly::read(""), Hourly::default());
    }
}
