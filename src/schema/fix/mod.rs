//! The statements that mend a drift, in an order that works.
//!
//! First go triggers, views' users and the foreign keys that stand in the way; then tables are
//! created and altered, each in one ALTER; then what loses data; then foreign keys, views,
//! routines, triggers and events come back. Everything is plain SQL for the client or dbtool.

mod alter;
mod doubt;
mod loss;
mod table;
mod triggers;
mod zero_dates;

use std::collections::{BTreeMap, BTreeSet};

use doubt::Doubts;

use super::ddl::{self, Writer, name, quote};
use super::diff::{Change, Difference, Kind};
use super::expr;
use super::model::{Schema, Text};

/// One statement of a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The SQL, without a delimiter at its end.
    pub sql: String,
    /// Why it may lose something; such statements stand in a script as comments.
    pub loses: Option<String>,
}

/// All statements, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fix {
    /// The statements.
    pub statements: Vec<Statement>,
    /// What cannot be mended by a statement.
    pub notes: Vec<String>,
}

impl Fix {
    /// The statements that may run: all, or those that lose nothing.
    pub fn runnable(&self, destructive: bool) -> impl Iterator<Item = &str> {
        self.statements
            .iter()
            .filter(move |one| destructive || one.loses.is_none())
            .map(|one| one.sql.as_str())
    }

    /// The notes and the statements as a script.
    pub fn script(&self, destructive: bool) -> String {
        let notes = self.notes.iter().map(|note| format!("-- {note}\n"));
        let statements = self.statements.iter().map(|one| one.script(destructive));
        notes.chain(statements).collect()
    }
}

impl Statement {
    /// The statement for the command line client or dbtool, with its end. One that may lose data is
    /// commented out unless `destructive`.
    pub fn script(&self, destructive: bool) -> String {
        let text = terminated(&self.sql);
        match &self.loses {
            Some(why) if !destructive => {
                let lines: String = text.lines().map(|line| format!("-- {line}\n")).collect();
                format!("-- {why}:\n{lines}")
            }
            Some(why) => format!("-- {why}:\n{text}\n"),
            None => format!("{text}\n"),
        }
    }
}

/// A statement with its end, in DELIMITER lines if it holds statements of its own.
fn terminated(sql: &str) -> String {
    let program = [
        "CREATE TRIGGER ",
        "CREATE PROCEDURE ",
        "CREATE FUNCTION ",
        "CREATE EVENT ",
    ];
    // A comment at the end would swallow what ends the statement.
    let compound = program.iter().any(|start| sql.starts_with(start))
        && [";", "--", "#"].iter().any(|part| sql.contains(part));
    if compound {
        let mut delimiter = "$$".to_owned();
        while sql.contains(&delimiter) {
            delimiter.push('$');
        }
        format!("DELIMITER {delimiter}\n{sql}\n{delimiter}\nDELIMITER ;")
    } else {
        format!("{sql};")
    }
}

/// The statements that turn `live` into `expected`, as far as `differences` (those of
/// [`super::diff::diff`], perhaps without the ignored ones) say.
pub fn fix(expected: &Schema, live: &Schema, differences: &[Difference]) -> Fix {
    let mut statements = Vec::new();
    let notes = plan(expected, live, differences, &mut |one| statements.push(one));
    Fix { statements, notes }
}

/// Hands the statements of [`fix`] over one by one, and returns the notes: a thousand missing
/// tables would fill a megabyte with them.
pub fn plan(
    expected: &Schema,
    live: &Schema,
    differences: &[Difference],
    sink: &mut dyn FnMut(Statement),
) -> Vec<String> {
    let mut by_table: BTreeMap<Text, Vec<&Difference>> = BTreeMap::new();
    for difference in differences {
        if let Some(table) = difference.table {
            by_table.entry(table).or_default().push(difference);
        }
    }
    let mut plan = Planner {
        expected,
        live,
        writer: Writer {
            from: expected,
            to: live,
        },
        sink,
        notes: Vec::new(),
        doubts: Doubts::default(),
    };
    plan.database(differences);
    plan.drop_programs(differences);
    plan.tables(&by_table);
    plan.programs(differences);
    plan.notes.extend(plan.doubts.note());
    plan.notes
}

struct Planner<'a> {
    expected: &'a Schema,
    live: &'a Schema,
    writer: Writer<'a>,
    sink: &'a mut dyn FnMut(Statement),
    notes: Vec<String>,
    doubts: Doubts,
}

impl Planner<'_> {
    fn add(&mut self, sql: String, loses: Option<String>) {
        self.doubts.look_at(&sql);
        (self.sink)(Statement { sql, loses });
    }

    fn run(&mut self, sql: String) {
        self.add(sql, None);
    }

    fn run_losing(&mut self, sql: String, why: impl Into<String>) {
        self.add(sql, Some(why.into()));
    }

    fn database(&mut self, differences: &[Difference]) {
        if differences.iter().any(|one| one.kind == Kind::Database) {
            let charset = self.writer.charset(self.expected.collation);
            self.run(format!("ALTER DATABASE {charset}"));
        }
    }

    /// Triggers and views that change or go: before the tables, so that nothing uses what goes.
    fn drop_programs(&mut self, differences: &[Difference]) {
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
                Change::Different { .. } if one.kind != Kind::View => self.run(sql),
                _ => {}
            }
        }
    }

    /// Views, routines, triggers and events that are missing or different.
    fn programs(&mut self, differences: &[Difference]) {
        let wanted = |kind: Kind| {
            let of_kind = differences.iter().filter(move |one| one.kind == kind);
            of_kind
                .filter(|one| !matches!(one.change, Change::Extra { .. }))
                .map(|one| one.name)
        };
        let expected = self.expected;
        let functions = wanted(Kind::Function).map(|name| {
            (
                Kind::Function,
                name,
                expected
                    .functions
                    .get(&name)
                    .and_then(|one| ddl::create_routine(&name, one)),
            )
        });
        let procedures = wanted(Kind::Procedure).map(|name| {
            (
                Kind::Procedure,
                name,
                expected
                    .procedures
                    .get(&name)
                    .and_then(|one| ddl::create_routine(&name, one)),
            )
        });
        let views = views_in_order(expected, wanted(Kind::View))
            .into_iter()
            .map(|name| {
                (
                    Kind::View,
                    name,
                    expected
                        .views
                        .get(&name)
                        .and_then(|one| ddl::create_view(&name, one)),
                )
            });
        let events = wanted(Kind::Event).map(|name| {
            (
                Kind::Event,
                name,
                expected
                    .events
                    .get(&name)
                    .and_then(|one| ddl::create_event(&name, one)),
            )
        });
        let statements: Vec<_> = functions.chain(procedures).chain(views).chain(events).collect();
        self.triggers(differences);
        for (kind, name, sql) in statements {
            match sql {
                Some(sql) => self.run(sql),
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

/// A comment option, empty to take the comment away.
fn comment_option(comment: Option<Text>) -> String {
    format!("COMMENT={}", quote(comment.map_or("", Text::as_str)))
}

#[cfg(test)]
mod tests;
