//! Views, routines, triggers and events.

use std::collections::BTreeSet;

use super::deferred::Deferred;
use super::plan::{Planner, expected_of_kind};
use crate::schema::ddl::{self, name};
use crate::schema::diff::{Change, Difference, Kind};
use crate::schema::expr;
use crate::schema::model::{Schema, Text};

impl Planner<'_> {
    /// Drops programs that change or are extra, before the tables, so that none uses a dropped object.
    pub(super) fn drop_programs(&mut self, differences: &[Difference], deferred: &Deferred) {
        for difference in differences {
            let (verb, what) = match difference.kind {
                Kind::Trigger => ("TRIGGER", "trigger"),
                Kind::View => ("VIEW", "view"),
                Kind::Procedure => ("PROCEDURE", "procedure"),
                Kind::Function => ("FUNCTION", "function"),
                Kind::Event => ("EVENT", "event"),
                _ => continue,
            };
            // IF EXISTS, because a dropped table takes its triggers with it.
            let sql = format!("DROP {verb} IF EXISTS {}", name(&difference.name));
            match difference.change {
                Change::Extra { .. } => {
                    self.run_losing(
                        sql,
                        format!("the {what} {} is not in the migrations", difference.name),
                    );
                }
                Change::Different { .. } if difference.kind != Kind::View && self.can_be_made(difference) => {
                    let loses = difference
                        .table
                        .and_then(|table| deferred.trigger(table, difference.name));
                    self.add(sql, loses);
                }
                _ => {}
            }
        }
    }

    /// Whether the definition of the expected program is visible to the user that read it.
    fn can_be_made(&self, difference: &Difference) -> bool {
        match (difference.kind, difference.table) {
            (Kind::Trigger, Some(table)) => {
                let table = self.expected.tables.get(&table);
                let trigger = table.and_then(|table| table.triggers.get(&difference.name));
                trigger.is_some_and(|trigger| trigger.body.is_some())
            }
            _ => self.create_program(difference.kind, difference.name).is_some(),
        }
    }

    /// The statement that creates a program other than a trigger; `None` if its definition is hidden.
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

    /// The mode in which a program other than a trigger was created, and its text.
    fn mode_and_body(&self, kind: Kind, name: Text) -> (Option<Text>, Option<Text>) {
        let routine = match kind {
            Kind::Function => self.expected.functions.get(&name),
            Kind::Procedure => self.expected.procedures.get(&name),
            _ => None,
        };
        let event = self.expected.events.get(&name).filter(|_| kind == Kind::Event);
        let of_routine = routine.map(|difference| (difference.mode, difference.body));
        of_routine
            .or(event.map(|difference| (difference.mode, difference.body)))
            .unwrap_or_default()
    }

    /// Creates views, routines, triggers and events that are missing or different.
    pub(super) fn programs(&mut self, differences: &[Difference], deferred: &Deferred) {
        self.triggers(differences, deferred);
        let names = |kind: Kind| expected_of_kind(differences, kind).map(|difference| difference.name);
        let functions = names(Kind::Function).map(|name| (Kind::Function, name));
        let procedures = names(Kind::Procedure).map(|name| (Kind::Procedure, name));
        let views = views_in_order(self.expected, names(Kind::View)).into_iter();
        let views = views.map(|name| (Kind::View, name));
        let events = names(Kind::Event).map(|name| (Kind::Event, name));
        for (kind, name) in functions.chain(procedures).chain(views).chain(events) {
            match self.create_program(kind, name) {
                Some(sql) => {
                    let loses = deferred.object(name).filter(|_| kind == Kind::View);
                    self.make_program(sql, self.mode_and_body(kind, name), loses);
                }
                None => self.notes.push(format!(
                    "the {} {name} cannot be created: the user that read the schema cannot see its definition",
                    kind.words()
                )),
            }
        }
    }
}

/// Orders views after the views they read from.
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
