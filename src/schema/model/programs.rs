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
}

/// A scheduled event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `every 1 day` or `at '2027-01-01 00:00:00'`.
    pub schedule: Text,
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
}

/// The order of a trigger that has its event to itself.
fn one() -> u32 {
    1
}

/// For `skip_serializing_if`.
fn is_one(order: &u32) -> bool {
    *order == one()
}
