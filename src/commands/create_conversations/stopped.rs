//! The failure of a run that was stopped halfway.

use crate::cancel::Cancelled;
use crate::db::DbError;
use crate::exit::Failure;
use crate::report::count;
use crate::stays::conversations::range::Counts;

/// Adds the changes so far to the failure that stopped the run.
pub(super) fn stopped(counts: &Counts, error: anyhow::Error) -> anyhow::Error {
    let error = match error.downcast::<Cancelled>() {
        Ok(cancelled) => DbError::from(cancelled),
        Err(error) => match error.downcast::<DbError>() {
            Ok(error) => error,
            Err(other) => return other,
        },
    };
    let next = match error.next() {
        "" => "run the command again: it goes on where it stopped".to_owned(),
        next => format!("{next}; what is done stays done, and the next run goes on from there"),
    };
    let mut done = format!("{} created", count(counts.created));
    if counts.repaired > 0 {
        done.push_str(&format!(", {} repaired", count(counts.repaired)));
    }
    Failure::new(
        error.exit(),
        format!(
            "{} (after {done} and {} linked)",
            error.what(),
            count(counts.linked)
        ),
        next,
    )
    .into()
}
