//! `dbtool migrate lint`: every rule finds the example of its documentation and not its fix, the cases in
//! `tests/cases/lint_migrations`, what changed since a git revision, and the formats.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use dbtool::migrate::lint::{RULES, page};
use serde_json::Value;

use crate::support::migrations::{Folder, assert_ends, shipped};
use crate::support::{Cmd, dbtool};

/// `dbtool migrate lint`, in a place without any configuration.
fn lint(folder: &Path, args: &[&str]) -> Cmd {
    dbtool()
        .args(["migrate", "lint"])
        .args(args)
        .arg("--dir")
        .arg(folder)
}

/// The findings in a folder: `FILE:LINE RULE OBJECT`.
fn findings(folder: &Path, args: &[&str]) -> BTreeSet<String> {
    let output = lint(folder, &["--format", "json"]).args(args).run();
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("JSON: {output}"));
    let errors = report["errors"].as_u64();
    assert_eq!(output.code, Some(i32::from(errors != Some(0))), "{output}");
    let findings = report["findings"].as_array().expect("findings").iter();
    let line = |finding: &Value| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let file = text("file");
        let file = Path::new(&file)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        format!("{file}:{} {} {}", finding["line"], text("rule"), text("object"))
    };
    findings.map(line).collect()
}

/// Files of a text: each begins behind a line with its name.
fn files<'t>(text: &'t str, is_head: impl Fn(&'t str) -> Option<&'t str>) -> Vec<(&'t str, String)> {
    let mut files: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        match (is_head(line), files.last_mut()) {
            (Some(name), _) => files.push((name, String::new())),
            (None, Some((_, text))) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    files
}

fn folder(files: &[(&str, String)]) -> Folder {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Folder::new(&files)
}

#[test]
fn the_cases() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/lint_migrations");
    let mut number = 0;
    for case in std::fs::read_dir(cases).expect("the cases") {
        let path = case.expect("a case").path();
        let text = std::fs::read_to_string(&path).expect("a case");
        let expected: BTreeSet<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("-- expect: "))
            .map(str::to_owned)
            .collect();
        let sql = text.replace("-- expect: ", "-- ");
        let files = files(&sql, |line| line.strip_prefix("-- file: "));
        let found = findings(folder(&files).path(), &[]);
        assert_eq!(found, expected, "{}", path.display());
        number += 1;
    }
    assert!(number >= 4, "the cases are read: {number}");
}

/// The SQL blocks of a rule's section: the example's and the fix's.
fn blocks(rule: &str) -> Vec<String> {
    let page = page();
    let (_, section) = page.split_once(&format!("\n## {rule}\n")).expect("a section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let headings: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    assert_eq!(
        headings,
        ["What it does", "Why it matters", "Example", "Fix"],
        "{rule}"
    );
    let parts = section.split("```sql\n").skip(1);
    parts
        .map(|part| part.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn each_rule_finds_its_example_and_not_its_fix() {
    for rule in RULES.iter().map(|rule| rule.id) {
        let blocks = blocks(rule);
        assert_eq!(blocks.len(), 2, "{rule}: an example and a fix in SQL");
        let found = |block: &str| -> BTreeSet<String> {
            let is_head = |line: &'static str| {
                let name = line.strip_prefix("-- ")?;
                (name.ends_with(".sql") && name.starts_with(char::is_numeric)).then_some(name)
            };
            let block: &'static str = block.to_owned().leak();
            let folder = folder(&files(block, is_head));
            let since = matches!(rule, "out-of-order" | "changed-file");
            if since {
                git_with(
                    &folder,
                    &[
                        ("001_base.sql", "SELECT 'former';\n"),
                        ("003_newest.sql", "SELECT 3;\n"),
                    ],
                );
            }
            let args: &[&str] = if since { &["--since", "HEAD"] } else { &[] };
            let ids = findings(folder.path(), args).into_iter();
            ids.filter_map(|line| Some(line.split(' ').nth(1)?.to_owned()))
                .collect()
        };
        let example = found(&blocks[0]);
        assert!(
            example.contains(rule),
            "{rule} does not find its example but {example:?}"
        );
        let fixed = found(&blocks[1]);
        assert!(!fixed.contains(rule), "{rule}: the fix leaves {fixed:?}");
    }
}

/// Runs git in a folder.
fn git(folder: &Folder, args: &[&str]) {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder.path())
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "test")
            .env(format!("GIT_{role}_EMAIL"), "test@localhost");
    }
    let output = command.output().expect("git");
    assert!(output.status.success(), "git {args:?}: {output:?}");
}

/// Makes the folder a work tree whose commit has these files; the present ones stay.
fn git_with(folder: &Folder, committed: &[(&str, &str)]) {
    git(folder, &["init", "--quiet", "--initial-branch", "main"]);
    for (name, text) in committed {
        let path = folder.path().join(name);
        let kept = std::fs::read(&path).ok();
        folder.write(name, text);
        git(folder, &["add", name]);
        if let Some(kept) = kept {
            folder.write(name, kept);
        }
    }
    git(folder, &["commit", "--quiet", "-m", "base"]);
}

#[test]
fn only_what_changed_since_a_revision_is_linted() {
    let folder = Folder::new(&[]);
    let no_tree = lint(folder.path(), &["--since", "main"])
        .env("GIT_CEILING_DIRECTORIES", "/")
        .run();
    folder.write(
        "001_a.sql",
        "CREATE TABLE a (id INT PRIMARY KEY);\nDROP TABLE elsewhere;\n",
    );
    let no_tree_but_files = lint(folder.path(), &["--since", "main"])
        .env("GIT_CEILING_DIRECTORIES", "/")
        .run();
    assert_eq!(no_tree.code, Some(2), "{no_tree}");
    assert_ends(&no_tree_but_files, 2, &["git says", "--since"]);
    git_with(
        &folder,
        &[
            (
                "001_a.sql",
                "CREATE TABLE a (id INT PRIMARY KEY);\nDROP TABLE elsewhere;\n",
            ),
            ("003_c.sql", "SELECT 3;\n"),
        ],
    );
    assert_ends(
        &lint(folder.path(), &["--since", "no-such"]).run(),
        2,
        &["no revision no-such", "git fetch"],
    );
    assert_ends(
        &lint(folder.path(), &["--since", "--upload-pack=x"]).run(),
        2,
        &[],
    );
    assert_eq!(
        findings(folder.path(), &["--since", "main"]),
        BTreeSet::new(),
        "nothing changed"
    );
    // A branch: an added file that knows the table of an unchanged one, one before the newest, a changed one.
    git(&folder, &["checkout", "--quiet", "-b", "work"]);
    folder.write("002_b.sql", "DROP TABLE a;\n");
    folder.write("003_c.sql", "SELECT 4;\n");
    folder.write("004_d.sql", "DROP TABLE a;\n");
    git(&folder, &["add", "004_d.sql"]);
    git(&folder, &["commit", "--quiet", "-m", "work"]);
    // What others have added to the revision meanwhile is not this branch's, but counts as newer.
    let found = findings(folder.path(), &["--since", "main"]);
    let expected = [
        "002_b.sql:1 drop-table a",
        "002_b.sql:1 out-of-order 002_b.sql",
        "003_c.sql:1 changed-file 003_c.sql",
        "004_d.sql:1 drop-table a",
    ];
    assert_eq!(found, expected.map(str::to_owned).into());
    let without_git = lint(folder.path(), &["--since", "main"])
        .env("PATH", "/nonexistent")
        .run();
    assert_ends(&without_git, 2, &["cannot run git", "PATH"]);
}

#[test]
fn rules_are_denied_and_allowed_and_explained_without_any_configuration() {
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE a (id INT PRIMARY KEY);\n"),
        ("002_b.sql", "ALTER TABLE a RENAME COLUMN id TO number;\n"),
    ]);
    let usual = lint(folder.path(), &[]).run();
    assert_ends(
        &usual,
        0,
        &[
            "002_b.sql:1:1: warning rename-column: a.id",
            "0 errors, 1 warning",
        ],
    );
    for rule in ["rename-column", "all"] {
        assert_ends(
            &lint(folder.path(), &["--deny", rule]).run(),
            1,
            &["error rename-column", "1 error"],
        );
    }
    assert_ends(
        &lint(folder.path(), &["--allow", "rename-column"]).run(),
        0,
        &["0 warnings"],
    );
    for args in [["--deny", "tidiness"], ["--allow", "all"]] {
        assert_ends(
            &lint(folder.path(), &args).run(),
            2,
            &["no such lint rule", "--help"],
        );
    }
    let help = dbtool().args(["migrate", "lint", "--help"]).run();
    for rule in RULES {
        assert!(help.stdout.contains(rule.id), "{help}");
        let output = dbtool().args(["migrate", "lint", "--explain", rule.id]).run();
        assert!(
            output.code == Some(0) && output.stdout.starts_with(rule.id),
            "{output}"
        );
        let file = format!("src/migrate/lint/rules/{}.rs", rule.id.replace('-', "_"));
        assert!(
            Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).is_file(),
            "{file}"
        );
    }
    let json = dbtool()
        .args(["migrate", "lint", "--explain", "drop-table", "--format", "json"])
        .run();
    assert_ends(&json, 2, &["text only"]);
    let unread = Folder::new(&[("001_a.sql", "SELECT 'open;\n")]);
    assert_ends(&lint(unread.path(), &[]).run(), 2, &["001_a.sql"]);
    // The migrations of this repository: nothing in them is an error.
    assert_eq!(lint(&shipped(), &[]).run().code, Some(0));
}

#[test]
fn the_formats_of_code_hosts_name_rule_file_and_line() {
    let folder = Folder::new(&[
        ("001_a.sql", "CREATE TABLE a (id INT PRIMARY KEY);\n"),
        (
            "002_b.sql",
            "SELECT 1;\nDROP TABLE a;\nALTER TABLE b RENAME COLUMN c TO d;\n",
        ),
    ]);
    let run = |format: &str| {
        let output = lint(folder.path(), &["--format", format]).run();
        assert_eq!(output.code, Some(1), "{output}");
        output.stdout
    };
    let github = run("github");
    assert!(
        github.contains("::error file=") && github.contains("002_b.sql,line=2,title=drop-table"),
        "{github}"
    );
    assert!(
        github.contains("::warning file=") && github.contains("line=3,title=rename-column"),
        "{github}"
    );
    let junit = run("junit");
    assert!(
        junit.contains("<testsuite name=\"drop-table\" tests=\"1\" failures=\"1\""),
        "{junit}"
    );
    let sarif: Value = serde_json::from_str(&run("sarif")).expect("SARIF");
    assert_eq!(sarif["version"], "2.1.0");
    let run_of = &sarif["runs"][0];
    assert_eq!(
        run_of["tool"]["driver"]["rules"].as_array().map(Vec::len),
        Some(RULES.len())
    );
    let result = &run_of["results"][0];
    assert_eq!(
        (result["ruleId"].as_str(), result["level"].as_str()),
        (Some("drop-table"), Some("error"))
    );
    assert_eq!(
        result["locations"][0]["physicalLocation"]["region"]["startLine"],
        2
    );
    let status = dbtool().args(["migrate", "status", "--format", "sarif"]).run();
    assert_ends(&status, 2, &["sarif", "junit"]);
}
