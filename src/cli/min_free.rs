//! How many connections must be free, on the command line.

use std::str::FromStr;

/// `N` connections, or `P%` of those that the account may open at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinFree {
    /// This many.
    Count(u64),
    /// This part of the limit, rounded up.
    Percent(u8),
}

/// Leaves room for a burst: a server that is nine tenths full has refused its first connection before anyone looks.
impl Default for MinFree {
    fn default() -> MinFree {
        MinFree::Percent(10)
    }
}

impl MinFree {
    /// The number of connections that this means under `limit`.
    pub fn of(self, limit: u64) -> u64 {
        match self {
            MinFree::Count(count) => count,
            MinFree::Percent(percent) => (u128::from(limit) * u128::from(percent)).div_ceil(100) as u64,
        }
    }
}

impl FromStr for MinFree {
    type Err = String;

    fn from_str(text: &str) -> Result<MinFree, String> {
        let text = text.trim();
        let form = || "write a number of connections, or 0% to 100%".to_owned();
        match text.strip_suffix('%') {
            Some(percent) => match percent.trim_end().parse() {
                Ok(percent) if percent <= 100 => Ok(MinFree::Percent(percent)),
                _ => Err(form()),
            },
            None => text.parse().map(MinFree::Count).map_err(|_| form()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MinFree;

    #[test]
    fn numbers_and_parts_of_a_limit() {
        for (text, limit, least) in [
            ("3", 30, Some(3)),
            ("0", 30, Some(0)),
            ("10%", 30, Some(3)),
            ("10%", 11, Some(2)),
            ("0%", 30, Some(0)),
            ("100 %", 30, Some(30)),
            ("33%", 100_000, Some(33_000)),
            ("101%", 30, None),
            ("-1", 30, None),
            ("-1%", 30, None),
            ("1.5%", 30, None),
            ("%", 30, None),
            ("", 30, None),
            ("many", 30, None),
        ] {
            let found = text.parse::<MinFree>().ok().map(|min_free| min_free.of(limit));
            assert_eq!(found, least, "{text} of {limit}");
        }
        for (limit, least) in [(30, 3), (151, 16), (1, 1), (10, 1), (11, 2), (0, 0)] {
            assert_eq!(MinFree::default().of(limit), least, "{limit}");
        }
    }
}
