//! How long a statement still takes, from what the server has said of it so far.

use std::time::Duration;

use crate::report::{bar_text, count, duration};

/// From how long a stretch a rate is told: a shorter one swings.
const SHORTEST: Duration = Duration::from_secs(2);

/// The course of a statement.
#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    /// What the server was doing, when that began, and how far it was.
    began: Option<(String, Duration, u64)>,
}

/// One look at a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    /// For how long it has run.
    pub after: Duration,
    /// What the server is doing, in its words.
    pub state: &'a str,
    /// The work done and all of it.
    pub work: Option<(u64, u64)>,
    /// The rows changed so far.
    pub rows: Option<u64>,
}

impl Course {
    /// What is known by now: `━━━╸─── 43%, copy to tmp table, about 2 min 40 s left`. `bar` draws the share.
    pub fn text(&mut self, look: &Look<'_>, bar: bool) -> String {
        let position = look.work.map(|(done, _)| done).or(look.rows).unwrap_or_default();
        let pace = self.pace(look.state, look.after, position);
        let mut parts = Vec::new();
        if let Some((done, all)) = look.work.filter(|(_, all)| *all > 0) {
            let percent = u128::from(done) * 100 / u128::from(all);
            parts.push(match bar {
                true => format!("{} {percent}%", bar_text(done, all)),
                false => format!("{percent}%"),
            });
        }
        if let Some(rows) = look.rows {
            parts.push(match pace {
                Some(pace) => format!("{} rows, {}/s", count(rows), count(pace.round() as u64)),
                None => format!("{} rows", count(rows)),
            });
        }
        parts.push(look.state.to_owned());
        if let (Some((done, all)), Some(pace)) = (look.work, pace.filter(|pace| *pace > 0.0)) {
            let left = Duration::try_from_secs_f64(all.saturating_sub(done) as f64 / pace);
            parts.extend(left.ok().map(|left| format!("about {} left", duration(left))));
        }
        parts.join(", ")
    }

    /// The work done in a second, since the server does what it is doing.
    fn pace(&mut self, state: &str, after: Duration, position: u64) -> Option<f64> {
        let goes_on = self
            .began
            .as_ref()
            .filter(|(last, _, from)| last == state && position >= *from);
        let Some((_, since, from)) = goes_on else {
            self.began = Some((state.to_owned(), after, position));
            return None;
        };
        let stretch = after.saturating_sub(*since);
        (stretch >= SHORTEST && position > *from).then(|| (position - from) as f64 / stretch.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::{Course, Look};
    use std::time::Duration;

    #[test]
    fn a_statements_time_left_follows_from_its_pace() {
        let mut course = Course::default();
        let mut look = |seconds, state, work, rows| {
            let after = Duration::from_secs(seconds);
            course.text(
                &Look {
                    after,
                    state,
                    work,
                    rows,
                },
                false,
            )
        };
        let copy = "copy to tmp table";
        assert_eq!(
            look(10, copy, Some((1_000, 10_000)), None),
            "10%, copy to tmp table"
        );
        // Too short a stretch for a rate.
        assert_eq!(
            look(11, copy, Some((1_100, 10_000)), None),
            "11%, copy to tmp table"
        );
        assert_eq!(
            look(20, copy, Some((2_000, 10_000)), None),
            "20%, copy to tmp table, about 1 min 20 s left"
        );
        // Another stage begins anew, also one of the same name that goes back.
        assert_eq!(
            look(60, "Enabling keys", Some((1, 10_000)), None),
            "0%, Enabling keys"
        );
        assert_eq!(look(70, copy, Some((5, 10_000)), None), "0%, copy to tmp table");
        assert_eq!(look(90, copy, Some((4, 10_000)), None), "0%, copy to tmp table");
        assert_eq!(look(100, "Updating", None, Some(5_000)), "5,000 rows, Updating");
        assert_eq!(
            look(110, "Updating", None, Some(25_000)),
            "25,000 rows, 2,000/s, Updating"
        );
        assert_eq!(look(120, "altering table", None, None), "altering table");
        assert_eq!(look(130, "altering table", None, None), "altering table");
        assert_eq!(look(140, "odd", Some((0, 0)), None), "odd");
    }

    #[test]
    fn a_bar_is_drawn_where_it_can_be_redrawn() {
        let look = Look {
            after: Duration::from_secs(1),
            state: "copy to tmp table",
            work: Some((1, 2)),
            rows: None,
        };
        let text = Course::default().text(&look, true);
        assert_eq!(text, "━━━━━━━━━━━━━━╸───────────── 50%, copy to tmp table");
    }
}
