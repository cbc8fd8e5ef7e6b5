//! Views, routines, triggers and events.

use std::collections::BTreeSet;

use super::deferred::Deferred;
use super::plan::{Planner, expected_of_kind};
use crate::schema::ddl::{self, name};
use crate::schema::diff::{Change, Difference, SchemaObjectKind};
use crate::schema::expr;
use crate::schema::model::{Schema, Symbol};

impl Planner<'_> {
    /// Drops programs that change or are extra, before the tables, so that none uses a dropped object.
    pub(super) fn drop_programs(&mut self, differences: &[Difference], deferred: &Deferred) {
        for difference in differences {
            let (verb, what) = match difference.kind {
                SchemaObjectKind::Trigger => ("TRIGGER", "trigger"),
                SchemaObjectKind::View => ("VIEW", "view"),
                SchemaObjectKind::Procedure => ("PROCEDURE", "procedure"),
                SchemaObjectKind::Function => ("FUNCTION", "function"),
                SchemaObjectKind::Event => ("EVENT", "event"),
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
                Change::Different { .. }
                    if difference.kind != SchemaObjectKind::View && self.can_be_made(difference) =>
                {
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
            (SchemaObjectKind::Trigger, Some(table)) => {
                let table = self.expected.tables.get(&table);
                let trigger = table.and_then(|table| table.triggers.get(&difference.name));
                trigger.is_some_and(|trigger| trigger.body.is_some())
            }
            _ => self.create_program(difference.kind, difference.name).is_some(),
        }
    }

    /// The statement that creates a program other than a trigger; `None` if its definition is hidden.
    fn create_program(&self, kind: SchemaObjectKind, name: Symbol) -> Option<String> {
        let expected = self.expected;
        match kind {
            SchemaObjectKind::Function => ddl::create_routine(&name, expected.functions.get(&name)?),
            SchemaObjectKind::Procedure => ddl::create_routine(&name, expected.procedures.get(&name)?),
            SchemaObjectKind::View => ddl::create_view(&name, expected.views.get(&name)?),
            SchemaObjectKind::Event => ddl::create_event(&name, expected.events.get(&name)?),
            _ => None,
        }
    }

    /// The mode in which a program other than a trigger was created, and its text.
    fn mode_and_body(&self, kind: SchemaObjectKind, name: Symbol) -> (Option<Symbol>, Option<Symbol>) {
        let routine = match kind {
            SchemaObjectKind::Function => self.expected.functions.get(&name),
            SchemaObjectKind::Procedure => self.expected.procedures.get(&name),
            _ => None,
        };
        let event = self
            .expected
            .events
            .get(&name)
            .filter(|_| kind == SchemaObjectKind::Event);
        let of_routine = routine.map(|difference| (difference.mode, difference.body));
        of_routine
            .or(event.map(|difference| (difference.mode, difference.body)))
            .unwrap_or_default()
    }

    /// Creates views, routines, triggers and events that are missing or different.
    pub(super) fn programs(&mut self, differences: &[Difference], deferred: &Deferred) {
        self.triggers(differences, deferred);
        let names =
            |kind: SchemaObjectKind| expected_of_kind(differences, kind).map(|difference| difference.name);
        let functions = names(SchemaObjectKind::Function).map(|name| (SchemaObjectKind::Function, name));
        let procedures = names(SchemaObjectKind::Procedure).map(|name| (SchemaObjectKind::Procedure, name));
        let views = views_in_order(self.expected, names(SchemaObjectKind::View)).into_iter();
        let views = views.map(|name| (SchemaObjectKind::View, name));
        let events = names(SchemaObjectKind::Event).map(|name| (SchemaObjectKind::Event, name));
        for (kind, name) in functions.chain(procedures).chain(views).chain(events) {
            match self.create_program(kind, name) {
                Some(sql) => {
                    let loses = deferred.object(name).filter(|_| kind == SchemaObjectKind::View);
                    self.make_program(sql, self.mode_and_body(kind, name), loses);
                }
                None => self.notes.push(format!(
                    "the {} {name} cannot be created: the user that read the schema cannot see its definition",
                    kind.as_str()
                )),
            }
        }
    }
}

/// Orders views after the views they read from.
fn views_in_order(schema: &Schema, names: impl Iterator<Item = Symbol>) -> Vec<Symbol> {
    fn visit(
        schema: &Schema,
        name: Symbol,
        names: &BTreeSet<Symbol>,
        seen: &mut BTreeSet<Symbol>,
        out: &mut Vec<Symbol>,
    ) {
        if !seen.insert(name) {
            return;
        }
        let definition = schema.views.get(&name).and_then(|view| view.definition);
        let used = definition.map(|text| expr::names(&text)).unwrap_or_default();
        for other in used
            .iter()
            .map(|name| Symbol::new(name))
            .filter(|other| names.contains(other))
        {
            visit(schema, other, names, seen, out);
        }
        out.push(name);
    }
    let names: BTreeSet<Symbol> = names.collect();
    let (mut seen, mut out) = (BTreeSet::new(), Vec::new());
    for name in &names {
        visit(schema, *name, &names, &mut seen, &mut out);
    }
    out
}
