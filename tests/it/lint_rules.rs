//! What the documentation of a lint rule promises: its example is found, by that rule, and what it
//! gives as the fix is taken by the server and ends the finding.

use crate::support;

use std::collections::BTreeSet;

use support::migrations::Folder;
use support::schemas::run_script;
use support::{Server, dbtool};

use dbtool::schema::lint::{RULES, page};

/// The rule for which no statement of a current server makes an example.
const NO_EXAMPLE: &str = "foreign-key-without-index";
/// The rule that only MySQL needs.
const MYSQL_ONLY: &str = "spatial-without-srid";

/// The SQL blocks of a rule's section in the page of the rules: the example's and the fix's.
fn blocks(rule: &str) -> Vec<String> {
    let page = page();
    let start = format!("\n## {rule}\n");
    let (_, section) = page.split_once(&start).expect("the rule has a section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let parts = section.split("```sql\n").skip(1);
    parts
        .filter_map(|part| Some(part.split_once("```")?.0.to_owned()))
        .collect()
}

/// The rules with a finding in the database, and the fixes that the findings of `rule` name.
fn lint(server: &Server, database: &str, rule: &str) -> (BTreeSet<String>, Vec<String>) {
    let output = server
        .dbtool()
        .env("DB_NAME", database)
        .args(["check-schema", "--lint-only", "--format", "json"])
        .args(["--allow-definer", "app@%"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    let report: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    let findings = report["lint"].as_array().cloned().unwrap_or_default();
    let text = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let rules = findings.iter().map(|one| text(one, "rule")).collect();
    let own = findings.iter().filter(|one| text(one, "rule") == rule);
    (rules, own.map(|one| text(one, "fix")).collect())
}

#[test]
fn each_example_is_found_and_each_fix_ends_the_finding() {
    let server = Server::start();
    let mut admin = server.admin();
    let examples = RULES
        .iter()
        .map(|rule| rule.id)
        .filter(|rule| *rule != NO_EXAMPLE);
    for rule in examples.filter(|rule| server.is_mysql() || *rule != MYSQL_ONLY) {
        let blocks = blocks(rule);
        assert_eq!(blocks.len(), 2, "{rule}: an example and a fix in SQL");
        // The documented fix, then the one that the finding names.
        for documented in [true, false] {
            let database = format!("lint_{documented}_{}", rule.replace('-', "_"));
            for sql in [
                "SET sql_mode = DEFAULT".to_owned(),
                format!("CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"),
                format!("GRANT ALL ON {database}.* TO 'app'@'%'"),
                format!("USE {database}"),
            ] {
                admin.exec(&sql);
            }
            if server.is_mysql() {
                admin.exec("SET restrict_fk_on_non_standard_key = 0");
            }
            let run = |admin: &mut support::Admin, sql: &str| {
                let script = dbtool::sql::split(sql, Default::default()).expect("SQL");
                for statement in script.statements {
                    let done = admin.try_exec(statement.text);
                    assert!(done.is_ok(), "{rule}: {done:?} in {}", statement.text);
                }
            };
            run(&mut admin, &blocks[0]);
            let (found, fixes) = lint(&server, &database, rule);
            assert!(
                found.contains(rule),
                "{rule} does not find its example but {found:?}"
            );
            if documented {
                run(&mut admin, &blocks[1]);
            } else if rule == "definer" {
                continue;
            } else {
                fixes.iter().for_each(|fix| run(&mut admin, fix));
            }
            let (left, _) = lint(&server, &database, rule);
            assert!(!left.contains(rule), "{rule}: the fix leaves {left:?}");
        }
    }
}

#[test]
fn explain_prints_each_rule_without_any_configuration() {
    for rule in RULES {
        let output = dbtool().args(["check-schema", "--explain", rule.id]).run();
        assert_eq!(output.code, Some(0), "{output}");
        assert!(
            output.stdout.starts_with(rule.id) && output.stderr.is_empty(),
            "{output}"
        );
        for heading in ["What it does", "Why it matters", "Example", "Fix"] {
            assert!(output.stdout.contains(&format!("\n{heading}\n")), "{output}");
        }
    }
    let unknown = dbtool().args(["check-schema", "--explain", "tidiness"]).run();
    assert_eq!(unknown.code, Some(2), "{unknown}");
    assert!(
        unknown.stderr.contains("no-primary-key"),
        "the rules are listed: {unknown}"
    );
    let json = dbtool()
        .args(["check-schema", "--explain", "definer", "--format", "json"])
        .run();
    assert_eq!(json.code, Some(2), "{json}");
    assert!(
        json.stdout.is_empty() && json.stderr.contains("text only"),
        "{json}"
    );
}

#[test]
fn help_and_completions_know_every_rule() {
    let help = dbtool().args(["check-schema", "--help"]).run();
    let completions = dbtool().args(["completions", "bash"]).run();
    assert_eq!((help.code, completions.code), (Some(0), Some(0)));
    for rule in RULES {
        assert!(help.stdout.contains(rule.id), "{}: {help}", rule.id);
        assert!(completions.stdout.contains(rule.id), "{}", rule.id);
    }
}

#[test]
fn the_advice_of_a_lint_and_the_fix_of_the_drift_never_drop_both_copies_of_an_index() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("USE app");
    let folder = Folder::new(&[(
        "001_a.sql",
        "CREATE TABLE a (id INT PRIMARY KEY, b INT, c INT, d INT, KEY x_b (b), KEY x_c (c));\n",
    )]);
    assert_eq!(folder.migrate(&server, &[]).run().code, Some(0));
    // Beside an equal one and a longer one that nobody expects.
    admin.exec("ALTER TABLE a ADD KEY a_b (b), ADD KEY a_c (c, d)");
    let check = |flags: &[&str]| {
        let command = server
            .dbtool()
            .args(["check-schema", "--replay", "sandbox"])
            .args(flags);
        command.arg("--dir").arg(folder.path()).run().stdout
    };
    let script = check(&["--fix-sql"]);
    let report: serde_json::Value = serde_json::from_str(&check(&["--format", "json"])).expect("JSON");
    assert_eq!(report["drift"].as_array().map(Vec::len), Some(2), "{report}");
    let fixes = report["lint"].as_array().expect("findings").iter();
    let fixes: Vec<&str> = fixes.filter_map(|finding| finding["fix"].as_str()).collect();
    for fix in &fixes {
        admin.exec(fix);
    }
    run_script(&mut admin, &script);
    let kept = admin.query("SELECT GROUP_CONCAT(DISTINCT index_name ORDER BY index_name) FROM information_schema.statistics WHERE table_schema = 'app' AND table_name = 'a'");
    assert_eq!(
        kept[0][0].as_deref(),
        Some("PRIMARY,x_b,x_c"),
        "{fixes:?}\n{script}"
    );
}
