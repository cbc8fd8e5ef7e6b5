//! Triggers, views, routines and events.

use serde::{Deserialize, Serialize};

use super::{Text, is_false};

/// A trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// `before insert`, `after update`, ...
    pub when: Text,
    /// Its place among the table's triggers with the same `when`, from 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub order: u32,
    /// The statement; `None` if the user may not see it.
    pub body: Option<Text>,
    /// See [`Routine::mode`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Text>,
}

/// A view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The canonical SELECT; `None` if the user may not see it.
    pub definition: Option<Text>,
    /// `cascaded` or `local` for WITH CHECK OPTION.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_option: Option<Text>,
    /// SQL SECURITY INVOKER.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invoker: bool,
}

/// A stored procedure or function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routine {
    /// The parameters, as they stand between the parentheses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Text>,
    /// Type of a function's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<Text>,
    /// The statement; `None` if the user may not see it.
    pub body: Option<Text>,
    /// DETERMINISTIC.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deterministic: bool,
    /// `reads sql data` and the like; `None` for the default, `contains sql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_access: Option<Text>,
    /// SQL SECURITY INVOKER.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invoker: bool,
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
    /// What of `sql_mode` it was made in, as far as its text means something else in another:
    /// `ANSI_QUOTES,PIPES_AS_CONCAT`, `ORACLE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Text>,
}

/// A scheduled event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `every '1' day`, perhaps with ` ends '2027-01-01 00:00:00'`, or `at '2027-01-01 00:00:00'`.
    pub schedule: Text,
    /// How far the moment in `schedule` lies behind the making or the last change of the event, where
    /// it may have been computed from that: `86400 second`, `2505600 second or 1 month`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<Text>,
    /// When it begins, unless that may have been computed from the making of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<Text>,
    /// When it begins, in any case; only known of a live event.
    #[serde(skip)]
    pub live_starts: Option<Text>,
    /// The statement; `None` if the user may not see it.
    pub body: Option<Text>,
    /// DISABLE.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// ON COMPLETION PRESERVE.
    #[serde(default, skip_serializing_if = "is_false")]
    pub preserve: bool,
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
    /// See [`Routine::mode`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Text>,
}

impl Event {
    /// Whether both are to run at the same times: at the same moments, or at moments equally far
    /// behind the making of each.
    pub fn same_schedule(&self, other: &Event) -> bool {
        let apart = |event: &Event| event.relative.map_or("", Text::as_str).split(" or ");
        self.schedule == other.schedule
            || (self.relative.is_some()
                && apart(self).any(|one| apart(other).any(|other| one == other))
                && self.pace() == other.pace())
    }

    /// The schedule without its moment.
    fn pace(&self) -> &str {
        let text = self.schedule.as_str();
        text.rsplit_once(" '").map_or(text, |(pace, _)| pace)
    }

    /// Whether it drops itself at a moment that lies so far behind its making: it may be gone.
    pub fn may_have_ended(&self) -> bool {
        self.relative.is_some() && !self.preserve
    }
}

/// The order of a trigger that has its event to itself.
fn one() -> u32 {
    1
}

/// For `skip_serializing_if`.
fn is_one(order: &u32) -> bool {
    *order == one()
}
