//! Lint rules over migration files. No database: the schema before a statement is the one that the files before it
//! make, as far as their text tells.
//!
//! A rule is a file in `rules`; the other files are shared by several rules.

mod docs;
mod known_tables;
mod outcome;
mod rule;
mod rules;
mod since;
mod view;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub use docs::{explain, page};
pub use outcome::LintOutcome;
pub use rule::{LintFinding, LintSeverity, MigrationRule};
pub use rules::RULES;

use known_tables::KnownTables;
use rule::{Fault, RuleCheck};
use since::ChangedFiles;
use view::{FileView, StatementView};

use super::files::{Direction, Folder, Migration, ScriptStatement, to_savepoint};
use super::online_ddl::{Charsets, SessionSettings};
use crate::cancel::Cancel;
use crate::db::Server;
use crate::db::server::{mariadb, mysql};
use crate::sql::{Classification, SplitOptions, classify, summary};

/// The comment that accepts findings of the rules it names.
const IGNORE: &str = "dbtool:lint-ignore";

/// What to lint, and which findings count.
#[derive(Debug, Clone, Default)]
pub struct LintOptions {
    /// The folders, for git.
    pub dirs: Vec<PathBuf>,
    /// Only files that changed since this git revision.
    pub since: Option<String>,
    /// Rules whose findings are errors; `all` for every rule.
    pub deny: Vec<String>,
    /// Rules that are left out.
    pub allow: Vec<String>,
}

/// The rule with this id.
pub fn find(id: &str) -> Option<&'static MigrationRule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// The servers whose verdicts on a change are asked for without a server.
pub(super) fn assumed_servers() -> [Server; 2] {
    [mysql::typical(), mariadb::typical()]
}

/// The settings of a session at the beginning of a migration.
fn usual_settings() -> SessionSettings {
    let charset = |name: &str, bytes| (name.to_owned(), format!("{name}_general_ci"), bytes);
    let mut list = vec![charset("utf8mb4", 4), charset("utf8mb3", 3), charset("ascii", 1)];
    list.push(("latin1".to_owned(), "latin1_swedish_ci".to_owned(), 1));
    list.push(("binary".to_owned(), "binary".to_owned(), 1));
    SessionSettings {
        checks_foreign_keys: true,
        strict: true,
        charsets: Charsets { list },
        ..SessionSettings::default()
    }
}

/// Lints the migrations of a folder.
///
/// # Errors
/// A file cannot be read or split into statements; git gives no answer; the run was cancelled.
pub fn lint(folder: &Folder, options: &LintOptions, cancel: &Cancel) -> anyhow::Result<LintOutcome> {
    let changed = match &options.since {
        Some(revision) => Some(ChangedFiles::since(&options.dirs, revision)?),
        None => None,
    };
    let mut linter = Linter {
        folder,
        changed,
        deny: &options.deny,
        allow: &options.allow,
        tables: KnownTables::default(),
        findings: Vec::new(),
        cancel,
    };
    let downs: Vec<bool> = folder.migrations.iter().map(has_down).collect::<Result<_, _>>()?;
    let mut files = 0;
    for (migration, has_down) in folder.migrations.iter().zip(&downs) {
        let wanted = linter.is_wanted(migration);
        files += u64::from(wanted);
        linter.migration(migration, wanted, *has_down, downs.contains(&true))?;
    }
    Ok(LintOutcome {
        dir: folder.dir.display().to_string(),
        since: options.since.clone(),
        files,
        findings: linter.findings,
    })
}

/// Whether a migration can be taken back.
fn has_down(migration: &Migration) -> anyhow::Result<bool> {
    if migration.down.is_some() {
        return Ok(true);
    }
    let mut script = migration
        .script(Direction::Down, SplitOptions::default())
        .open()?;
    Ok(script.next()?.is_some())
}

/// The state of a run.
struct Linter<'a> {
    folder: &'a Folder,
    changed: Option<ChangedFiles>,
    deny: &'a [String],
    allow: &'a [String],
    tables: KnownTables,
    findings: Vec<LintFinding>,
    cancel: &'a Cancel,
}

impl Linter<'_> {
    /// Whether findings of a migration are asked for.
    fn is_wanted(&self, migration: &Migration) -> bool {
        self.changed.as_ref().is_none_or(|changed| {
            let mut files = [Some(&migration.up), migration.down.as_ref()]
                .into_iter()
                .flatten();
            files.any(|file| changed.has(file))
        })
    }

    fn migration(
        &mut self,
        migration: &Migration,
        wanted: bool,
        has_down: bool,
        downs_are_usual: bool,
    ) -> anyhow::Result<()> {
        self.tables.begin_migration();
        let mut settings = usual_settings();
        let mut in_transaction = false;
        let mut ignored_anywhere = BTreeSet::new();
        let first = self.findings.len();
        let mut statements = migration.script(Direction::Up, SplitOptions::default()).open()?;
        while let Some(statement) = statements.next()? {
            self.cancel.check()?;
            let found = classify(&statement.text);
            let ignored = ignored_rules(&statement);
            if wanted {
                let view = StatementView {
                    statement: &statement,
                    found: &found,
                    tables: &self.tables,
                    settings: &settings,
                    in_transaction,
                };
                let faults = statement_faults(&view, &ignored);
                for (rule, fault) in faults {
                    self.add(rule, migration, Some(&statement), fault);
                }
            }
            ignored_anywhere.extend(ignored);
            settings.follow(&statement.text);
            in_transaction = transaction_after(in_transaction, &statement.text, &found);
            self.tables.follow(&statement.text, &found);
        }
        if wanted {
            let unknown: Vec<String> = ignored_anywhere
                .iter()
                .filter(|id| find(id).is_none())
                .cloned()
                .collect();
            let view = FileView {
                folder: self.folder,
                migration,
                has_down,
                downs_are_usual,
                unknown_rules: &unknown,
                changed: self.changed.as_ref(),
            };
            for (rule, fault) in file_faults(&view, &ignored_anywhere) {
                self.add(rule, migration, None, fault);
            }
            self.findings[first..].sort_by_key(|finding| finding.line);
        }
        Ok(())
    }

    fn add(
        &mut self,
        rule: &'static MigrationRule,
        migration: &Migration,
        statement: Option<&ScriptStatement>,
        fault: Fault,
    ) {
        if self.allow.iter().any(|id| id == rule.id) {
            return;
        }
        let denied = self.deny.iter().any(|id| id == rule.id || id == "all");
        let path = statement.map_or(migration.up.as_path(), |statement| &statement.path);
        self.findings.push(LintFinding {
            rule: rule.id,
            category: rule.category,
            severity: if denied {
                LintSeverity::Error
            } else {
                rule.severity
            },
            version: migration.label.clone(),
            file: path.display().to_string(),
            line: statement.map_or(1, |statement| statement.line),
            column: statement.map_or(1, |statement| statement.column),
            statement: statement.map(|statement| summary(&statement.text, 100)),
            object: fault.object,
            what: fault.what,
            why: rule.why,
        });
    }
}

/// The rules that the comments before a statement accept.
fn ignored_rules(statement: &ScriptStatement) -> BTreeSet<String> {
    let lists = statement.markers.iter().filter_map(|marker| {
        let rest = marker.text.trim().strip_prefix(IGNORE)?;
        rest.starts_with(char::is_whitespace).then_some(rest)
    });
    lists
        .flat_map(|list| list.split([',', ' ', '\t']))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn statement_faults(
    view: &StatementView<'_>,
    ignored: &BTreeSet<String>,
) -> Vec<(&'static MigrationRule, Fault)> {
    let mut all = Vec::new();
    for rule in RULES.iter().filter(|rule| !ignored.contains(rule.id)) {
        if let RuleCheck::Statement(check) = rule.check {
            let mut faults = Vec::new();
            check(view, &mut faults);
            all.extend(faults.into_iter().map(|fault| (rule, fault)));
        }
    }
    all
}

fn file_faults(view: &FileView<'_>, ignored: &BTreeSet<String>) -> Vec<(&'static MigrationRule, Fault)> {
    let mut all = Vec::new();
    for rule in RULES.iter().filter(|rule| !ignored.contains(rule.id)) {
        if let RuleCheck::File(check) = rule.check {
            let mut faults = Vec::new();
            check(view, &mut faults);
            all.extend(faults.into_iter().map(|fault| (rule, fault)));
        }
    }
    all
}

/// Whether a transaction of the file is open after a statement.
fn transaction_after(before: bool, text: &str, found: &Classification) -> bool {
    match found.verb.as_str() {
        "BEGIN" | "START TRANSACTION" => true,
        "COMMIT" => false,
        "ROLLBACK" => before && to_savepoint(text),
        _ => before && !found.implicit_commit,
    }
}
