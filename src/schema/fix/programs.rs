//! Views, routines, triggers and events.

use std::collections::BTreeSet;

use super::later::Later;
use super::{Planner, made};
use crate::schema::ddl::{self, name};
use crate::schema::diff::{Change, Difference, Kind};
use crate::schema::expr;
use crate::schema::model::{Schema, Text};

impl Planner<'_> {
    /// Triggers and views that change or go: before the tables, so that nothing uses what goes.
    pub(super) fn drop_programs(&mut self, differences: &[Difference], later: &Later) {
        for one in differences {
            let (verb, what) = match one.kind {
                Kind::Trigger => ("TRIGGER", "trigger"),
                Kind::View => ("VIEW", "view"),
                Kind::Procedure => ("PROCEDURE", "procedure"),
                Kind::Function => ("FUNCTION", "function"),
                Kind::Event => ("EVENT", "event"),
                _ => continue,
            };
            // The trigger of a table that goes, goes with it.
            let sql = format!("DROP {verb} IF EXISTS {}", name(&one.name));
            match one.change {
                Change::Extra { .. } => {
                    self.run_losing(sql, format!("the {what} {} is not in the migrations", one.name));
                }
                Change::Different { .. } if one.kind != Kind::View && self.can_be_made(one) => {
                    let loses = one.table.and_then(|table| later.trigger(table, one.name));
                    self.add(sql, loses);
                }
                _ => {}
            }
        }
    }

    /// Whether the reading user may see the definition of the expected program.
    fn can_be_made(&self, one: &Difference) -> bool {
        match (one.kind, one.table) {
            (Kind::Trigger, Some(table)) => {
                let table = self.expected.tables.get(&table);
                let trigger = table.and_then(|table| table.triggers.get(&one.name));
                trigger.is_some_and(|trigger| trigger.body.is_some())
            }
            _ => self.create_program(one.kind, one.name).is_some(),
        }
    }

    /// The statement that makes a program other than a trigger; nothing if its definition is hidden.
    fn create_program(&self, kind: Kind, name: Text) -> Option<String> {
        let expected = self.expected;
        match kind {
            Kind::Function => ddl::create_routine(&name, expected.functions.get(&name)?),
            Kind::Procedure => ddl::create_routine(&name, expected.procedures.get(&name)?),
            Kind::View => ddl::create_view(&name, expected.views.get(&name)?),
            Kind::Event => ddl::create_event(&name, expected.events.get(&name)?),
            _ => None,
        }
    }

    /// The mode a program other than a trigger was made in, and its text.
    fn mode_and_body(&self, kind: Kind, name: Text) -> (Option<Text>, Option<Text>) {
        let routine = match kind {
            Kind::Function => self.expected.functions.get(&name),
            Kind::Procedure => self.expected.procedures.get(&name),
            _ => None,
        };
        let event = self.expected.events.get(&name).filter(|_| kind == Kind::Event);
        let of_routine = routine.map(|one| (one.mode, one.body));
        of_routine
            .or(event.map(|one| (one.mode, one.body)))
            .unwrap_or_default()
    }

    /// Views, routines, triggers and events that are missing or different.
    pub(super) fn programs(&mut self, differences: &[Difference], later: &Later) {
        self.triggers(differences, later);
        let wanted = |kind: Kind| made(differences, kind).map(|one| one.name);
        let functions = wanted(Kind::Function).map(|name| (Kind::Function, name));
        let procedures = wanted(Kind::Procedure).map(|name| (Kind::Procedure, name));
        let views = views_in_order(self.expected, wanted(Kind::View)).into_iter();
        let views = views.map(|name| (Kind::View, name));
        let events = wanted(Kind::Event).map(|name| (Kind::Event, name));
        for (kind, name) in functions.chain(procedures).chain(views).chain(events) {
            match self.create_program(kind, name) {
                Some(sql) => {
                    let loses = later.object(name).filter(|_| kind == Kind::View);
                    self.make_program(sql, self.mode_and_body(kind, name), loses);
                }
                None => self.notes.push(format!(
                    "the {} {name} cannot be made: the reading user may not see its definition",
                    kind.words()
                )),
            }
        }
    }
}

/// Views after the views they read from.
fn views_in_order(schema: &Schema, wanted: impl Iterator<Item = Text>) -> Vec<Text> {
    fn visit(
        schema: &Schema,
        name: Text,
        wanted: &BTreeSet<Text>,
        seen: &mut BTreeSet<Text>,
        out: &mut Vec<Text>,
    ) {
        if !seen.insert(name) {
            return;
        }
        let definition = schema.views.get(&name).and_then(|view| view.definition);
        let used = definition.map(|text| expr::names(&text)).unwrap_or_default();
        for other in used
            .iter()
            .map(|name| Text::new(name))
            .filter(|other| wanted.contains(other))
        {
            visit(schema, other, wanted, seen, out);
        }
        out.push(name);
    }
    let wanted: BTreeSet<Text> = wanted.collect();
    let (mut seen, mut out) = (BTreeSet::new(), Vec::new());
    for name in &wanted {
        visit(schema, *name, &wanted, &mut seen, &mut out);
    }
    out
}
