//! Compares views, stored procedures and functions, and scheduled events.

use super::collected::{Differences, Draft, Fields};
use super::difference::{Change, SchemaObjectKind, Severity};
use super::property::Property;
use super::{pairs, pairs_ignoring_case};
use crate::schema::ddl;
use crate::schema::model::{ByName, Routine, ScheduledEvent, Schema, Symbol, View};

/// The change of an object on one side only: a missing one breaks the application, an extra one does not.
fn one_sided<T>(
    expected: Option<&T>,
    live: Option<&T>,
    show: impl Fn(&T) -> String,
) -> Option<(Change, Severity)> {
    match (expected, live) {
        (Some(object), None) => Some((
            Change::Missing {
                expected: show(object),
            },
            Severity::Breaks,
        )),
        (None, Some(object)) => Some((Change::Extra { live: show(object) }, Severity::Cosmetic)),
        _ => None,
    }
}

pub(super) fn views(expected: &Schema, live: &Schema, out: &mut Differences) {
    let show =
        |name: Symbol, view: &View| ddl::create_view(&name, view).unwrap_or_else(|| "hidden".to_owned());
    for (name, expected_object, live_object) in pairs(&expected.views, &live.views) {
        let (change, severity) = match (expected_object, live_object) {
            (Some(_), None) if live.hidden.tables => continue,
            (None, Some(_)) if expected.hidden.tables => continue,
            (Some(expected_object), Some(live_object)) => {
                let mut fields = Fields::default();
                fields.body(
                    Property::Definition,
                    expected_object.definition,
                    live_object.definition,
                );
                fields.compare(
                    Property::CheckOption,
                    expected_object.check_option,
                    live_object.check_option,
                );
                fields.compare(
                    Property::SecurityInvoker,
                    expected_object.invoker,
                    live_object.invoker,
                );
                (fields.into_change(), Severity::Breaks)
            }
            _ => match one_sided(expected_object, live_object, |view| show(name, view)) {
                Some(one_sided) => one_sided,
                None => continue,
            },
        };
        out.push(Draft::new(SchemaObjectKind::View, None, name, change, severity));
    }
}

pub(super) fn routines(kind: SchemaObjectKind, expected: &Schema, live: &Schema, out: &mut Differences) {
    fn of_kind(kind: SchemaObjectKind, schema: &Schema) -> &ByName<Routine> {
        match kind {
            SchemaObjectKind::Procedure => &schema.procedures,
            _ => &schema.functions,
        }
    }
    let show = |name: Symbol, routine: &Routine| {
        ddl::create_routine(&name, routine).unwrap_or_else(|| "hidden".to_owned())
    };
    for (name, expected_object, live_object) in
        pairs_ignoring_case(of_kind(kind, expected), of_kind(kind, live))
    {
        let (change, severity) = match (expected_object, live_object) {
            (Some(expected_object), Some(live_object)) => {
                let mut fields = Fields::default();
                let list = |list: &Vec<Symbol>| {
                    list.iter()
                        .map(|one| one.to_string())
                        .collect::<Vec<_>>()
                        .join(", ")
                };
                fields.compare(
                    Property::Parameters,
                    list(&expected_object.parameters),
                    list(&live_object.parameters),
                );
                fields.compare(Property::Returns, expected_object.returns, live_object.returns);
                fields.program((expected, expected_object.body), (live, live_object.body));
                fields.compare(Property::SqlMode, expected_object.mode, live_object.mode);
                fields.compare(
                    Property::Deterministic,
                    expected_object.deterministic,
                    live_object.deterministic,
                );
                fields.compare(
                    Property::DataAccess,
                    expected_object.data_access,
                    live_object.data_access,
                );
                fields.compare(
                    Property::SecurityInvoker,
                    expected_object.invoker,
                    live_object.invoker,
                );
                let severity = fields.severity();
                fields.compare(Property::Comment, expected_object.comment, live_object.comment);
                (fields.into_change(), severity)
            }
            _ => match one_sided(expected_object, live_object, |routine| show(name, routine)) {
                Some(one_sided) => one_sided,
                None => continue,
            },
        };
        out.push(Draft::new(kind, None, name, change, severity));
    }
}

pub(super) fn events(expected: &Schema, live: &Schema, out: &mut Differences) {
    let show = |name: Symbol, event: &ScheduledEvent| {
        ddl::create_event(&name, event).unwrap_or_else(|| "hidden".to_owned())
    };
    for (name, expected_object, live_object) in pairs_ignoring_case(&expected.events, &live.events) {
        let (change, severity) = match (expected_object, live_object) {
            // A one-time event drops itself after it ran.
            (Some(expected_object), None) if expected_object.may_have_ended() => continue,
            (Some(expected_object), Some(live_object)) => {
                let mut fields = Fields::default();
                if !expected_object.same_schedule(live_object) {
                    fields.add(Property::Schedule, expected_object.schedule, live_object.schedule);
                }
                let begins = live_object.live_starts.or(live_object.starts);
                if expected_object.starts.is_some() && begins.is_some() {
                    fields.compare(Property::Starts, expected_object.starts, begins);
                }
                fields.program((expected, expected_object.body), (live, live_object.body));
                fields.compare(Property::SqlMode, expected_object.mode, live_object.mode);
                fields.compare(Property::Disabled, expected_object.disabled, live_object.disabled);
                fields.compare(
                    Property::KeptWhenDone,
                    expected_object.preserve,
                    live_object.preserve,
                );
                let severity = fields.severity();
                fields.compare(Property::Comment, expected_object.comment, live_object.comment);
                (fields.into_change(), severity)
            }
            _ => match one_sided(expected_object, live_object, |event| show(name, event)) {
                Some(one_sided) => one_sided,
                None => continue,
            },
        };
        out.push(Draft::new(SchemaObjectKind::Event, None, name, change, severity));
    }
}
