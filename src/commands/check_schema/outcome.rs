//! The outcome of a check, as text and as JSON.

use std::borrow::Cow;
use std::path::PathBuf;

use super::checks;
use super::shape::Shape;
use crate::exit::Exit;
use crate::report::{self, Check, Json, Outcome, Page, Style, Table};
use crate::schema::comparison::Comparison;
use crate::schema::diff::{Change, Difference, SchemaObjectKind, Severity, with_definition};
use crate::schema::expected::ExpectedSchema;
use crate::schema::expected::migration_state::{MigrationState, PendingMigration};
use crate::schema::fix::{FixStatement, for_each_statement};
use crate::schema::introspect::Introspection;
use crate::schema::lint::{Finding, RULES, auto_increment_use};
use crate::schema::model::{Schema, Symbol};
use crate::sql::script::comment;

/// The length of the list of sizes.
const LARGEST: usize = 10;

/// The sizes of one table.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Size {
    table: Symbol,
    rows: u64,
    data_bytes: u64,
    index_bytes: u64,
    auto_increment_percent: Option<f64>,
}

impl Size {
    /// The sizes of the largest tables, and of those whose counter is furthest.
    pub(super) fn of(schema: &Schema) -> Vec<Size> {
        let mut sizes: Vec<Size> = schema
            .tables
            .iter()
            .map(|(name, table)| Size {
                table: *name,
                rows: table.stats.rows,
                data_bytes: table.stats.data_bytes,
                index_bytes: table.stats.index_bytes,
                auto_increment_percent: auto_increment_use(table),
            })
            .collect();
        sizes.sort_by_key(|size| (std::cmp::Reverse(size.data_bytes + size.index_bytes), size.table));
        sizes.truncate(LARGEST);
        sizes
    }
}

/// All results of a check.
pub(super) struct Report {
    pub(super) database: String,
    pub(super) live: Introspection,
    /// `None` if nothing was compared.
    pub(super) expected: Option<ExpectedSchema>,
    /// From which severity on a difference fails the check.
    pub(super) fail_from: Option<Severity>,
    pub(super) differences: Vec<Difference>,
    pub(super) findings: Vec<Finding>,
    /// Ignored differences and findings, each with its reason.
    pub(super) ignored: Vec<(String, String)>,
    pub(super) denied: Vec<&'static str>,
    pub(super) written: Vec<PathBuf>,
    /// Whether only the statements of the fix are asked for.
    pub(super) script_only: bool,
    pub(super) allow_destructive: bool,
    /// Whether pending migrations fail the check.
    pub(super) pending_fails: bool,
    /// Whether extra tables are shown with their definitions.
    pub(super) verbose: bool,
    /// Paths of objects that cannot be compared, because pending migrations may have changed them.
    pub(super) undecided: Vec<String>,
}

impl Report {
    /// The report of a comparison.
    pub(super) fn new(
        database: &str,
        live: Introspection,
        expected: Option<ExpectedSchema>,
        comparison: Comparison,
    ) -> Self {
        Report {
            database: database.to_owned(),
            live,
            expected,
            fail_from: None,
            differences: comparison.differences,
            findings: comparison.findings,
            ignored: comparison.ignored,
            denied: Vec::new(),
            written: Vec::new(),
            script_only: false,
            allow_destructive: false,
            pending_fails: true,
            verbose: false,
            undecided: comparison.undecided,
        }
    }

    /// Passes the statements that fix the differences to `sink` and returns notes on them. While a migration
    /// is half done nobody can tell its work from drift, and there are none.
    pub(super) fn fix(&self, sink: &mut dyn FnMut(FixStatement)) -> Vec<String> {
        let Some(expected) = &self.expected else {
            return Vec::new();
        };
        let unfinished = &expected.migrations_state.unfinished;
        if !unfinished.is_empty() {
            return vec![format!(
                "there is no fix while a migration is half done: `dbtool migrate` finishes {}",
                unfinished.join(", ")
            )];
        }
        for_each_statement(&expected.schema, &self.live.schema, &self.differences, sink)
    }

    /// The migrations that are not applied.
    pub(super) fn pending(&self) -> &[PendingMigration] {
        let expected = self.expected.as_ref();
        expected.map_or(&[], |expected| &expected.migrations_state.pending)
    }

    /// Notes that the reader needs before the differences.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        notes.extend(self.expected.iter().flat_map(|expected| expected.notes.clone()));
        if !self.undecided.is_empty() {
            const SHOWN: usize = 10;
            let mut names = self.undecided.clone();
            names.dedup();
            let more = names.len().saturating_sub(SHOWN);
            names.truncate(SHOWN);
            if more > 0 {
                names.push(format!("{more} more"));
            }
            notes.push(format!(
                "not compared, because pending migrations change them and the snapshot is of all \
                 migrations: {}; --replay sandbox compares them too",
                names.join(", ")
            ));
        }
        notes
    }

    pub(super) fn fails(&self, one: &Difference) -> bool {
        self.fail_from.is_some_and(|from| one.severity >= from)
    }

    pub(super) fn is_denied(&self, one: &Finding) -> bool {
        self.denied.contains(&one.rule)
    }

    /// `3 differences: 1 breaks the application, 2 cosmetic`.
    fn sentence(&self) -> String {
        if self.differences.is_empty() {
            return "no drift".to_owned();
        }
        let parts: Vec<String> = [Severity::Breaks, Severity::Performance, Severity::Cosmetic]
            .into_iter()
            .filter_map(|severity| {
                let number = self
                    .differences
                    .iter()
                    .filter(|one| one.severity == severity)
                    .count();
                (number > 0).then(|| format!("{number} {}", severity.as_str()))
            })
            .collect();
        format!(
            "{} ({})",
            report::plural(self.differences.len() as u64, "difference"),
            parts.join(", ")
        )
    }

    /// The differences with their definitions.
    pub(super) fn drift(&self) -> impl Iterator<Item = Cow<'_, Difference>> {
        self.differences.iter().map(|one| self.defined(one))
    }

    /// A difference with its definition.
    pub(super) fn defined<'a>(&self, one: &'a Difference) -> Cow<'a, Difference> {
        match &self.expected {
            Some(expected) => with_definition(one, &expected.schema, &self.live.schema),
            None => Cow::Borrowed(one),
        }
    }

    /// Whether a difference is a table that is not expected at all, which takes one line.
    fn is_extra_table(&self, one: &Difference) -> bool {
        one.kind == SchemaObjectKind::Table && !one.is_expected() && !self.verbose
    }

    /// Tables that are not expected, one a line.
    fn extra_tables_text(&self, page: &mut Page) {
        let extra: Vec<&Difference> = self
            .differences
            .iter()
            .filter(|one| self.is_extra_table(one))
            .collect();
        if extra.is_empty() {
            return;
        }
        page.heading("tables that are not expected");
        let style = page.style();
        for one in extra {
            let table = self.live.schema.tables.get(&one.name);
            let columns = table.map_or(0, |table| table.columns.len());
            let rows = table.map_or(0, |table| table.stats.rows);
            let note = one
                .note
                .as_ref()
                .map(|note| format!("; {note}"))
                .unwrap_or_default();
            page.line(format_args!(
                "  {} table {} extra ({}): {}, ~{}{note}",
                style.ok("+"),
                one.name,
                style.dim(one.severity.description()),
                report::plural(columns as u64, "column"),
                report::plural(rows, "row"),
            ));
        }
        page.line(style.dim("  (-v or --format json shows their definitions)"));
        page.blank();
    }

    fn drift_text(&self, page: &mut Page) {
        let mut group: Option<Option<Symbol>> = None;
        for one in self.drift().filter(|one| !self.is_extra_table(one)) {
            if group != Some(one.table) {
                page.heading(one.table.map_or("(database)", Symbol::as_str));
                group = Some(one.table);
            }
            difference_text(&one, page);
        }
        page.blank();
    }

    fn lint_text(&self, page: &mut Page) {
        for rule in RULES {
            let findings: Vec<&Finding> = self.findings.iter().filter(|one| one.rule == rule.id).collect();
            if findings.is_empty() {
                continue;
            }
            let style = page.style();
            page.heading(&format!("lint: {}", rule.id));
            page.line(format_args!("  {}", style.dim(rule.why)));
            for one in findings {
                let mark = if self.is_denied(one) {
                    style.bad("!")
                } else {
                    style.warn("!")
                };
                page.line(format_args!(
                    "  {mark} {} {}",
                    style.strong(&one.object),
                    one.what
                ));
                page.line(format_args!("      {}", style.dim(&one.fix)));
            }
        }
    }

    fn sizes_text(&self, page: &mut Page) {
        let sizes = Size::of(&self.live.schema);
        if sizes.is_empty() {
            return;
        }
        page.heading("largest tables");
        let mut table = Table::new(["TABLE", "ROWS", "DATA", "INDEXES", "AUTO_INCREMENT USED"])
            .right(&[1, 2, 3, 4])
            .indent(2);
        for size in &sizes {
            let used = size
                .auto_increment_percent
                .map_or("-".to_owned(), |percent| format!("{percent:.1} %"));
            table.row([
                size.table.to_string(),
                format!("~{}", report::count(size.rows)),
                report::bytes(size.data_bytes),
                report::bytes(size.index_bytes),
                used,
            ]);
        }
        page.table(table);
    }

    /// Notes that the reader needs to understand the rest.
    fn notes_text(&self, page: &mut Page) {
        let style = page.style();
        for hidden in &self.live.hidden {
            page.line(format_args!("{} {hidden}", style.warn("not checked:")));
        }
        for note in self.notes() {
            page.line(format_args!("{} {note}", style.warn("note:")));
        }
        page.blank();
    }

    fn conclusion(&self, page: &mut Page) {
        let style = page.style();
        page.blank();
        for (what, reason) in &self.ignored {
            page.line(style.dim(format_args!("ignored: {what} ({reason})")));
        }
        for path in &self.written {
            page.line(format_args!("wrote {}", path.display()));
        }
        if let Some(expected) = &self.expected {
            let sentence = self.sentence();
            let painted = if self.differences.is_empty() {
                style.ok(sentence)
            } else {
                style.bad(sentence)
            };
            page.line(format_args!(
                "{}: {painted} against {}",
                style.strong(&self.database),
                expected.source
            ));
        }
        let half_done = self
            .expected
            .as_ref()
            .is_some_and(|expected| !expected.migrations_state.unfinished.is_empty());
        if !self.differences.is_empty() && !half_done {
            page.line("next: `dbtool check-schema --fix-sql` prints the statements that fix it");
        }
        let migrations_state = self.expected.as_ref().map(|expected| &expected.migrations_state);
        if let Some(pending) = migrations_state.and_then(MigrationState::pending_summary) {
            page.line(format_args!("next: `dbtool migrate`: {pending}"));
        }
        let findings = self.findings.len() as u64;
        let denied = self.findings.iter().filter(|one| self.is_denied(one)).count();
        if findings > 0 {
            page.line(format_args!(
                "lint: {}, {denied} denied",
                report::plural(findings, "finding")
            ));
        } else {
            page.line(format_args!("lint: {}", style.ok("nothing found")));
        }
    }
}

/// One difference in text.
pub(super) fn difference_text(one: &Difference, page: &mut Page) {
    let style = page.style();
    let severity = match one.severity {
        Severity::Breaks => style.bad(one.severity.description()),
        Severity::Performance => style.warn(one.severity.description()),
        Severity::Cosmetic => style.dim(one.severity.description()),
    };
    let what = match (one.kind, one.table) {
        (SchemaObjectKind::Table | SchemaObjectKind::Partitioning, Some(_)) => one.kind.as_str().to_owned(),
        _ => format!("{} {}", one.kind.as_str(), one.name),
    };
    let mark = match one.change {
        Change::Missing { .. } => style.bad("-"),
        Change::Extra { .. } => style.ok("+"),
        Change::Different { .. } => style.warn("~"),
    };
    page.line(format_args!(
        "  {mark} {what} {} ({severity})",
        one.change.as_str()
    ));
    match &one.change {
        Change::Missing { expected: text } | Change::Extra { live: text } => {
            page.block(6, dim_block(style, text))
        }
        Change::Different { fields } => {
            for field in fields {
                if !field.expected.is_multiline() && !field.live.is_multiline() {
                    page.line(format_args!(
                        "      {}: expected {}, is {}",
                        field.property,
                        style.ok(field.expected),
                        style.bad(field.live)
                    ));
                } else {
                    page.line(format_args!("      {} expected:", field.property));
                    page.block(8, field.expected);
                    page.line("      is:");
                    page.block(8, field.live);
                }
            }
        }
    }
    if let Some(note) = &one.note {
        page.line(format_args!("      {}", style.dim(note)));
    }
}

/// Several dim lines: a style span ends with its line.
fn dim_block(style: Style, text: &str) -> String {
    text.lines()
        .map(|line| style.dim(line))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Outcome for Report {
    fn exit(&self) -> Exit {
        let drift = self.differences.iter().any(|one| self.fails(one));
        let lint = self.findings.iter().any(|one| self.is_denied(one));
        let pending = self.pending_fails && self.fail_from.is_some() && !self.pending().is_empty();
        if drift || lint || pending {
            Exit::Findings
        } else {
            Exit::Done
        }
    }

    fn name(&self) -> &'static str {
        "check-schema"
    }

    fn text(&self, page: &mut Page) {
        if self.script_only {
            for note in self.notes().into_iter().chain(self.fix(&mut |_| {})) {
                page.line(comment(&note));
            }
            let flavor = self.live.schema.flavor;
            self.fix(&mut |statement| page.verbatim(&statement.script(flavor, self.allow_destructive)));
            return;
        }
        self.notes_text(page);
        self.drift_text(page);
        self.extra_tables_text(page);
        self.lint_text(page);
        self.sizes_text(page);
        self.conclusion(page);
    }

    fn json(&self) -> Json<'_> {
        Box::new(Shape { report: self })
    }

    fn each_check(&self, visit: &mut dyn FnMut(Check)) {
        checks::each(self, visit);
    }
}
