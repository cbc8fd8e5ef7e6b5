//! The failure of a run that was stopped halfway.

use crate::cancel::Cancelled;
use crate::db::DbError;
use crate::stays::conversations::range::Counts;
use crate::stays::failure::StaysFailure;

/// Adds the changes so far to the failure that stopped the run.
pub(super) fn stopped(counts: &Counts, error: anyhow::Error) -> anyhow::Error {
    let error = match error.downcast::<Cancelled>() {
        Ok(cancelled) => DbError::from(cancelled),
        Err(error) => match error.downcast::<DbError>() {
            Ok(error) => error,
            Err(other) => return other,
        },
    };
    StaysFailure::Stopped {
        error,
        created: counts.created,
        repaired: counts.repaired,
        linked: counts.linked,
    }
    .into()
}
