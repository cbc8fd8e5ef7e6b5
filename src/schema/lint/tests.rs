//! Tests of all rules.

use super::fixture::{found, key, sound};
use super::rule::SECTIONS;
use super::*;

#[test]
fn nothing_is_found_in_a_sound_schema() {
    assert_eq!(found(|_| {}), []);
}

#[test]
fn fixes_are_whole_statements() {
    let mut schema = Schema::default();
    let mut table = sound();
    table.stats.auto_increment = Some(2_000_000_000);
    table.columns[0].change(|column| column.comment = Some(key("a number")));
    table.columns[1].change(|column| column.collation = Some(key("latin1_swedish_ci")));
    table.columns[1].change(|column| column.nullable = true);
    schema.tables.insert(key("t"), table);
    let mut without = sound();
    without.indexes.clear();
    schema.tables.insert(key("counted"), without.clone());
    without.columns[0].change(|column| column.auto_increment = false);
    schema.tables.insert(key("taken"), without);
    let fixes: Vec<String> = lint(&schema).into_iter().map(|one| one.fix).collect();
    assert_eq!(
        fixes,
        [
            "ALTER TABLE `counted` ADD PRIMARY KEY (`id`);",
            "ALTER TABLE `taken` ADD COLUMN `row_id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST;",
            "ALTER TABLE `t` MODIFY COLUMN `id` bigint unsigned NOT NULL AUTO_INCREMENT COMMENT 'a number';",
            "ALTER TABLE `t` MODIFY COLUMN `code` varchar(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NULL;",
        ]
    );
}

#[test]
fn every_rule_has_an_id_of_its_own_and_a_reason() {
    let ids: std::collections::BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    assert!(RULES.iter().all(|rule| rule.why.len() > 20));
}

#[test]
fn every_rule_is_a_file_of_its_own_name() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/schema/lint/rules");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of the rules")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .to_string_lossy()
                .replace('_', "-")
        })
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name != "mod")
        .collect();
    let mut rules: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    files.sort_unstable();
    rules.sort_unstable();
    assert_eq!(
        files, rules,
        "each rule is a file in {folder}, `mod` and a line in RULES there"
    );
}

#[test]
fn every_rule_is_documented() {
    for rule in RULES {
        let lines = rule.docs.lines().map(str::trim);
        let headings: Vec<&str> = lines.filter_map(|line| line.strip_prefix("# ")).collect();
        assert_eq!(headings, SECTIONS, "{}: the headings of its doc comment", rule.id);
        assert_eq!(
            rule.docs.matches("```").count() % 2,
            0,
            "{}: a code block is open",
            rule.id
        );
    }
}

#[test]
fn an_explanation_indents_text_and_code() {
    let rule = find("memory-engine").expect("the rule");
    let text = explain(rule);
    assert!(
        text.starts_with(
            "memory-engine (breaks): tables that are empty after a restart\n\nWhat it does\n  Finds tables"
        ),
        "{text}"
    );
    assert!(
        text.contains("\nFix\n      ALTER TABLE sessions ENGINE=InnoDB;\n"),
        "{text}"
    );
}
