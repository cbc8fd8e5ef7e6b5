//! Triggers, views, routines and events.

use serde::{Deserialize, Serialize};

use super::{Symbol, is_false};

/// A trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// `before insert`, `after update`, ...
    pub when: Symbol,
    /// Position among the table's triggers with the same `when`, from 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub order: u32,
    /// The statement; `None` if it is hidden from the user.
    pub body: Option<Symbol>,
    /// See [`Routine::mode`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Symbol>,
}

/// A view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The canonical SELECT; `None` if it is hidden from the user.
    pub definition: Option<Symbol>,
    /// `cascaded` or `local` for WITH CHECK OPTION.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_option: Option<Symbol>,
    /// SQL SECURITY INVOKER.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invoker: bool,
}

/// A stored procedure or function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routine {
    /// The parameters, as written between the parentheses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Symbol>,
    /// Type of a function's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<Symbol>,
    /// The statement; `None` if it is hidden from the user.
    pub body: Option<Symbol>,
    /// DETERMINISTIC.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deterministic: bool,
    /// `reads sql data` and the like; `None` for the default, `contains sql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_access: Option<Symbol>,
    /// SQL SECURITY INVOKER.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invoker: bool,
    /// COMMENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Symbol>,
    /// The modes of `sql_mode` at its creation that affect the meaning of its text:
    /// `ANSI_QUOTES,PIPES_AS_CONCAT`, `ORACLE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Symbol>,
}

/// A scheduled event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledEvent {
    /// `every '1' day`, optionally with ` ends '2027-01-01 00:00:00'`, or `at '2027-01-01 00:00:00'`.
    pub schedule: Symbol,
    /// The interval between the creation or last change of the event and the time in `schedule`, if that
    /// may have been computed from it: `86400 second`, `2505600 second or 1 month`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<Symbol>,
    /// STARTS, unless it may have been computed from the creation of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<Symbol>,
    /// STARTS in all cases; known only for a live event.
    #[serde(skip)]
    pub live_starts: Option<Symbol>,
    /// The statement; `None` if it is hidden from the user.
    pub body: Option<Symbol>,
    /// DISABLE.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// ON COMPLETION PRESERVE.
    #[serde(default, skip_serializing_if = "is_false")]
    pub preserve: bool,
    /// COMMENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Symbol>,
    /// See [`Routine::mode`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Symbol>,
}

impl ScheduledEvent {
    /// Whether both run at the same times, or at the same interval after the creation of each.
    pub fn same_schedule(&self, other: &ScheduledEvent) -> bool {
        let apart = |event: &ScheduledEvent| event.relative.map_or("", Symbol::as_str).split(" or ");
        self.schedule == other.schedule
            || (self.relative.is_some()
                && apart(self).any(|one| apart(other).any(|other| one == other))
                && self.pace() == other.pace())
    }

    /// The schedule without its time.
    fn pace(&self) -> &str {
        let text = self.schedule.as_str();
        text.rsplit_once(" '").map_or(text, |(pace, _)| pace)
    }

    /// Whether it drops itself at a time relative to its creation, so that it may not exist any more.
    pub fn may_have_ended(&self) -> bool {
        self.relative.is_some() && !self.preserve
    }
}

/// The order of the only trigger of an event.
fn one() -> u32 {
    1
}

/// For `skip_serializing_if`.
fn is_one(order: &u32) -> bool {
    *order == one()
}
