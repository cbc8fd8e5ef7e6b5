//! The bookings that a run chooses, counted before it begins.

use std::time::Duration;

use super::rule::{self, Rule};
use crate::db::{DbError, Session};

/// The numbers of a run's bookings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChosenBookings {
    /// Chosen bookings with a property.
    pub with_property: u64,
    /// Chosen bookings without a property, which get no conversation.
    pub without_property: u64,
    /// Bookings that are too new to be chosen.
    pub too_new: u64,
}

impl ChosenBookings {
    /// Counts the bookings that `rule` chooses.
    ///
    /// # Errors
    /// A statement fails.
    pub async fn count(session: &mut Session, rule: &Rule) -> Result<ChosenBookings, DbError> {
        let too_new = match rule.too_new() {
            Some(query) => session.first::<(u64,)>(query).await?.unwrap_or_default().0,
            None => 0,
        };
        let (without_property,): (u64,) = session.first(rule.without_property()).await?.unwrap_or_default();
        let (chosen,): (u64,) = session.first(rule.chosen()).await?.unwrap_or_default();
        Ok(ChosenBookings {
            with_property: chosen.saturating_sub(without_property),
            without_property,
            too_new,
        })
    }
}

/// The moment from which bookings are too new; `None` when none are. Ask once, so that the whole run uses the same.
///
/// # Errors
/// The statement fails.
pub async fn too_new_from(session: &mut Session, older_than: Duration) -> Result<Option<String>, DbError> {
    if older_than.is_zero() {
        return Ok(None);
    }
    // Part of a second counts as a second.
    let seconds = older_than.as_secs() + u64::from(older_than.subsec_millis() > 0);
    let query = rule::TOO_NEW_FROM.replace("{seconds}", &seconds.to_string());
    Ok(session.first::<(String,)>(query).await?.map(|(moment,)| moment))
}
