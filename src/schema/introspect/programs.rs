//! Reads views, triggers, routines and events.

use std::collections::BTreeMap;

use super::{Cells, SchemaReader, sql};
use crate::db::DbError;
use crate::online_change::is_trigger_of_change;
use crate::schema::expr;
use crate::schema::model::{Routine, ScheduledEvent, Schema, Symbol, Trigger, View};
use crate::schema::normalise;

impl SchemaReader<'_> {
    /// Reads views, triggers, routines with their parameters, and events; returns the names of packages.
    pub(super) async fn programs(
        &mut self,
        view_columns: &BTreeMap<Symbol, Vec<Symbol>>,
    ) -> Result<Option<String>, DbError> {
        let database = self.database;
        let mut packages: Vec<String> = Vec::new();
        let mut made_in = MadeIn::new();
        self.each(sql::PROGRAMS, |schema, row| {
            let body = row
                .text(3)
                .filter(|text| !text.is_empty())
                .map(|text| Symbol::from(normalise::body(schema.flavor, &text)));
            let mode = body.and_then(|body| normalise::program_mode(&row.string(11), &body));
            let mode = mode.map(Symbol::from);
            match row.string(0).as_str() {
                "view" => {
                    let definition = row.text(3).filter(|text| !text.is_empty());
                    let columns = view_columns.get(&row.name(1)).map_or(&[][..], Vec::as_slice);
                    let definition =
                        definition.map(|text| expr::with_columns(&expr::canonical(&text, database), columns));
                    let view = View {
                        definition: definition.map(Symbol::from),
                        check_option: row
                            .non_empty(4)
                            .filter(|option| *option != "NONE")
                            .map(|option| Symbol::from(option.to_ascii_lowercase())),
                        invoker: row.is(5, "INVOKER"),
                    };
                    schema.views.insert(row.name(1), view);
                }
                "trigger" if is_trigger_of_change(&row.string(1)) => {}
                "trigger" => {
                    if let Some(table) = schema.tables.get_mut(&row.name(2)) {
                        let when = format!("{} {}", row.string(4), row.string(5)).to_ascii_lowercase();
                        table.triggers.insert(
                            row.name(1),
                            Trigger {
                                when: Symbol::from(when),
                                order: row.text(6).and_then(|text| text.parse().ok()).unwrap_or(1),
                                body,
                                mode,
                            },
                        );
                    }
                }
                "routine" if row.string(2).starts_with("PACKAGE") => packages.push(row.string(1)),
                "routine" => read_routine(schema, &mut made_in, &row, body, mode),
                "parameter" => read_parameter(schema, &made_in, &row),
                "event" => {
                    schema.events.insert(row.name(1), read_event(&row, body, mode));
                }
                _ => {}
            }
        })
        .await?;
        packages.dedup();
        Ok((!packages.is_empty()).then(|| packages.join(", ")))
    }
}

/// The collation of the database at the creation of each routine, by its kind and name.
type MadeIn = BTreeMap<(bool, Symbol), Symbol>;

fn read_routine(
    schema: &mut Schema,
    made_in: &mut MadeIn,
    row: &Cells,
    body: Option<Symbol>,
    mode: Option<Symbol>,
) {
    let function = row.is(2, "FUNCTION");
    let database = row
        .non_empty(12)
        .map(|name| Symbol::from(normalise::collation(&name)));
    let database = database.unwrap_or(schema.collation);
    made_in.insert((function, row.name(1)), database);
    let returns = normalise::program_type(schema, &row.string(9), row.text(8).as_deref(), database);
    let routine = Routine {
        parameters: Vec::new(),
        returns: function.then(|| Symbol::from(returns)),
        body,
        deterministic: row.is(4, "YES"),
        data_access: row
            .non_empty(5)
            .filter(|access| *access != "CONTAINS SQL")
            .map(|access| Symbol::from(access.to_ascii_lowercase())),
        invoker: row.is(6, "INVOKER"),
        comment: row.non_empty(7),
        mode,
    };
    let map = if function {
        &mut schema.functions
    } else {
        &mut schema.procedures
    };
    map.insert(row.name(1), routine);
}

fn read_parameter(schema: &mut Schema, made_in: &MadeIn, row: &Cells) {
    let function = row.is(2, "FUNCTION");
    let database = made_in
        .get(&(function, row.name(1)))
        .copied()
        .unwrap_or(schema.collation);
    let ty = normalise::program_type(schema, &row.string(6), row.text(8).as_deref(), database);
    let map = if function {
        &mut schema.functions
    } else {
        &mut schema.procedures
    };
    if let Some(routine) = map.get_mut(&row.name(1)) {
        let mode = row.text(4).filter(|_| !function);
        let oracle = routine.mode.is_some_and(|mode| mode == normalise::ORACLE);
        let text = normalise::parameter(mode.as_deref(), &row.string(5), &ty, oracle);
        routine.parameters.push(Symbol::from(text));
    }
}

fn read_event(row: &Cells, body: Option<Symbol>, mode: Option<Symbol>) -> ScheduledEvent {
    // The event's start, creation and last change.
    let times = row.string(12);
    let mut times = times.splitn(3, '|');
    let starts = times.next().and_then(Symbol::non_empty);
    let made: Vec<&str> = times.collect();
    let intervals = |moment: &str| -> Vec<String> {
        let from_each = made.iter().flat_map(|made| normalise::intervals(moment, made));
        from_each.collect()
    };
    let moment = row.text(4).or(row.text(9));
    let mut relative = moment.map_or(Vec::new(), |moment| intervals(&moment));
    relative.dedup();
    let schedule = match row.text(4) {
        Some(at) => format!("at '{at}'"),
        None => {
            // A value of several parts is already quoted.
            let value = row.string(5);
            let unit = row.string(6).to_ascii_lowercase();
            let ends = row
                .text(9)
                .map_or(String::new(), |ends| format!(" ends '{ends}'"));
            format!("every '{}' {unit}{ends}", value.trim_matches('\''))
        }
    };
    ScheduledEvent {
        schedule: Symbol::from(schedule),
        relative: Symbol::non_empty(&relative.join(" or ")),
        starts: starts.filter(|starts| intervals(starts).is_empty()),
        live_starts: starts,
        mode,
        body,
        disabled: !row.is(2, "ENABLED"),
        preserve: row.is(8, "PRESERVE"),
        comment: row.non_empty(7),
    }
}
