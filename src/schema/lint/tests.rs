use std::num::NonZeroU32;

use super::*;
use crate::schema::model::{Column, ForeignKey, Index, IndexKind, PRIMARY, Part, Stats, Text};

fn index(kind: IndexKind, columns: &[&str]) -> Index {
    Index {
        kind,
        parts: columns.iter().map(|column| Part::column(column)).collect(),
        ..Index::default()
    }
}

fn sound() -> Table {
    let mut table = Table::new(Text::new("utf8mb4_general_ci"));
    let id = Column::with("id", "int", |id| id.auto_increment = true);
    let code = Column::with("code", "varchar(10)", |code| {
        code.collation = Some(Text::new("utf8mb4_general_ci"));
    });
    table.columns = vec![id, code, Column::new("other", "int")].into();
    table
        .indexes
        .insert(Text::new(PRIMARY), index(IndexKind::Primary, &["id"]));
    table
}

fn found(change: impl FnOnce(&mut Table)) -> Vec<(&'static str, String)> {
    let mut schema = Schema::default();
    let mut other = sound();
    other
        .indexes
        .insert(Text::new("code"), index(IndexKind::Plain, &["code"]));
    schema.tables.insert(Text::new("peer"), other);
    let mut table = sound();
    change(&mut table);
    schema.tables.insert(Text::new("t"), table);
    lint(&schema)
        .into_iter()
        .map(|one| (one.rule, one.object))
        .collect()
}

#[test]
fn each_rule_finds_its_own_and_nothing_else() {
    let key = |name: &str| Text::new(name);
    assert_eq!(found(|_| {}), []);
    assert_eq!(
        found(|table| table.indexes.clear()),
        [("no-primary-key", "t".to_owned())]
    );
    let copies = found(|table| {
        table
            .indexes
            .insert(key("a"), index(IndexKind::Plain, &["other"]));
        table
            .indexes
            .insert(key("b"), index(IndexKind::Plain, &["other"]));
    });
    assert_eq!(copies, [("duplicate-index", "t.b".to_owned())]);
    let prefix = found(|table| {
        table
            .indexes
            .insert(key("a"), index(IndexKind::Plain, &["other"]));
        table
            .indexes
            .insert(key("b"), index(IndexKind::Plain, &["other", "id"]));
    });
    assert_eq!(prefix, [("redundant-index", "t.a".to_owned())]);
    let unique = found(|table| {
        table
            .indexes
            .insert(key("a"), index(IndexKind::Unique, &["other"]));
        table
            .indexes
            .insert(key("b"), index(IndexKind::Plain, &["other", "id"]));
    });
    assert_eq!(unique, [], "a unique index is never redundant");
    let orphan = found(|table| {
        let foreign = ForeignKey {
            columns: [key("other")].into_iter().collect(),
            table: key("peer"),
            references: [key("id")].into_iter().collect(),
            on_delete: Default::default(),
            on_update: Default::default(),
        };
        table.foreign_keys.insert(key("fk"), foreign);
    });
    assert_eq!(orphan, [("foreign-key-without-index", "t.fk".to_owned())]);
    let full = found(|table| {
        table.stats = Stats {
            auto_increment: Some(2_000_000_000),
            ..Stats::default()
        }
    });
    assert_eq!(full, [("auto-increment-nearly-full", "t.id".to_owned())]);
    let mixed = found(|table| {
        table.columns[1].change(|code| code.collation = Some(key("utf8mb4_unicode_ci")));
        table
            .indexes
            .insert(key("code"), index(IndexKind::Plain, &["code"]));
    });
    assert_eq!(mixed.len(), 1);
    assert_eq!(mixed[0].0, "mixed-collations");
    let old = found(|table| {
        table.columns[1].change(|code| code.collation = Some(key("utf8mb3_general_ci")));
    });
    assert_eq!(old, [("utf8mb3", "t.code".to_owned())]);
    assert_eq!(
        found(|table| table.engine = key("MyISAM")),
        [("not-innodb", "t".to_owned())]
    );
    let latin = found(|table| table.collation = key("latin1_swedish_ci"));
    assert_eq!(latin, [("latin1-beside-utf8mb4", "t".to_owned())]);
}

#[test]
fn indexes_that_serve_no_query_replace_none() {
    let key = |name: &str| Text::new(name);
    let invisible = |columns: &[&str]| Index {
        invisible: true,
        ..index(IndexKind::Plain, columns)
    };
    let shadowed = found(|table| {
        table.indexes.insert(key("a"), invisible(&["other"]));
        table
            .indexes
            .insert(key("b"), index(IndexKind::Plain, &["other"]));
    });
    assert_eq!(
        shadowed,
        [("duplicate-index", "t.a".to_owned())],
        "the invisible one goes"
    );
    let longer = found(|table| {
        table
            .indexes
            .insert(key("a"), index(IndexKind::Plain, &["other"]));
        table.indexes.insert(key("b"), invisible(&["other", "code"]));
    });
    assert_eq!(longer, []);
    let hashed = found(|table| {
        table.engine = key("MEMORY");
        table
            .indexes
            .insert(key("a"), index(IndexKind::Plain, &["other"]));
        table
            .indexes
            .insert(key("b"), index(IndexKind::Plain, &["other", "code"]));
    });
    assert_eq!(hashed, [("memory-engine", "t".to_owned())]);
}

#[test]
fn a_shorter_prefix_is_redundant_and_a_copy_is_reported_once() {
    let key = |name: &str| Text::new(name);
    let prefixed = |prefix: Option<u32>| {
        let mut index = index(IndexKind::Plain, &["code"]);
        index.parts[0].prefix = prefix.and_then(NonZeroU32::new);
        index
    };
    for (long, expected) in [(None, true), (Some(5), true), (Some(4), false), (Some(3), false)] {
        let short = found(|table| {
            table.indexes.insert(key("long"), prefixed(long));
            table.indexes.insert(key("short"), prefixed(Some(4)));
        });
        let redundant = short.contains(&("redundant-index", "t.short".to_owned()));
        assert_eq!(redundant, expected, "{long:?}: {short:?}");
    }
    let once = found(|table| {
        table
            .indexes
            .insert(key("a"), index(IndexKind::Unique, &["other"]));
        table
            .indexes
            .insert(key("b"), index(IndexKind::Plain, &["other"]));
        table
            .indexes
            .insert(key("c"), index(IndexKind::Plain, &["other", "code"]));
    });
    assert_eq!(once, [("duplicate-index", "t.b".to_owned())]);
}

#[test]
fn fixes_are_whole_statements() {
    let mut schema = Schema::default();
    let mut table = sound();
    table.stats.auto_increment = Some(2_000_000_000);
    table.columns[0].change(|column| column.comment = Some(Text::new("a number")));
    table.columns[1].change(|column| column.collation = Some(Text::new("latin1_swedish_ci")));
    table.columns[1].change(|column| column.nullable = true);
    schema.tables.insert(Text::new("t"), table);
    let mut without = sound();
    without.indexes.clear();
    schema.tables.insert(Text::new("counted"), without.clone());
    without.columns[0].change(|column| column.auto_increment = false);
    schema.tables.insert(Text::new("taken"), without);
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
fn the_ends_of_integer_types_are_known() {
    let table = [
        ("tinyint", 127),
        ("tinyint unsigned", 255),
        ("smallint", 32_767),
        ("mediumint unsigned", 16_777_215),
        ("int", 2_147_483_647),
        ("int unsigned", 4_294_967_295),
        ("bigint", i64::MAX as u64),
        ("bigint unsigned", u64::MAX),
    ];
    for (ty, last) in table {
        assert_eq!(largest(ty), Some(last), "{ty}");
    }
    assert_eq!(largest("decimal(10,0)"), None);
}

#[test]
fn every_rule_has_an_id_of_its_own_and_a_reason() {
    let ids: std::collections::BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    assert!(RULES.iter().all(|rule| rule.why.len() > 20));
}

fn fixes(schema: &Schema, rule: &str) -> Vec<String> {
    let findings = lint(schema).into_iter();
    findings
        .filter(|one| one.rule == rule)
        .map(|one| one.fix)
        .collect()
}

#[test]
fn a_new_primary_key_takes_the_place_of_the_index_it_is_made_from() {
    let mut table = sound();
    table.indexes.clear();
    table
        .indexes
        .insert(Text::new("u"), index(IndexKind::Unique, &["code", "other"]));
    table
        .indexes
        .insert(Text::new("c"), index(IndexKind::Plain, &["other", "code"]));
    let mut schema = Schema::default();
    let mut counted = table.clone();
    table
        .columns
        .iter_mut()
        .for_each(|column| column.change(|one| one.auto_increment = false));
    schema.tables.insert(Text::new("by_unique"), table);
    counted
        .indexes
        .insert(Text::new("id"), index(IndexKind::Unique, &["id"]));
    schema.tables.insert(Text::new("counted"), counted);
    assert_eq!(
        fixes(&schema, "no-primary-key"),
        [
            "ALTER TABLE `by_unique` DROP INDEX `u`, ADD PRIMARY KEY (`code`, `other`);",
            "ALTER TABLE `counted` DROP INDEX `id`, ADD PRIMARY KEY (`id`);",
        ]
    );
}

#[test]
fn text_that_foreign_keys_join_is_converted_together() {
    let of = |collation: &str| {
        let mut table = sound();
        table.collation = Text::new(collation);
        for column in table.columns.iter_mut().filter(|one| one.collation.is_some()) {
            column.change(|one| one.collation = Some(Text::new(collation)));
        }
        table
    };
    let key = |columns: &[&str]| ForeignKey {
        columns: columns.iter().map(|name| Text::new(name)).collect(),
        table: Text::new("parent"),
        references: columns.iter().map(|name| Text::new(name)).collect(),
        on_delete: Default::default(),
        on_update: Default::default(),
    };
    let mut schema = Schema::default();
    for (name, columns) in [("by_id", "id"), ("by_code", "code")] {
        let mut child = of("utf8mb3_general_ci");
        child.foreign_keys.insert(Text::new(name), key(&[columns]));
        schema.tables.insert(Text::new(name), child);
    }
    schema
        .tables
        .insert(Text::new("parent"), of("utf8mb3_general_ci"));
    let joined = "under SET foreign_key_checks = 0, and with it what foreign keys join to it in";
    let fixes = fixes(&schema, "utf8mb3");
    assert!(fixes[0].ends_with(&format!("-- {joined} parent")), "{fixes:?}");
    assert!(fixes[1].ends_with(';'), "{fixes:?}");
    assert!(fixes[2].ends_with(&format!("-- {joined} by_code")), "{fixes:?}");
}

#[test]
fn a_conversion_goes_on_telling_cases_apart() {
    let mut schema = Schema::default();
    let utf8mb4 = Text::new("utf8mb4_general_ci");
    schema.default_collations.insert(Text::new("utf8mb4"), utf8mb4);
    for (name, of_table, of_column) in [
        ("alike", "utf8mb3_bin", "utf8mb3_bin"),
        ("mixed", "utf8mb3_general_ci", "utf8mb3_bin"),
        ("odd", "utf8mb4_general_ci", "utf8mb3_bin"),
    ] {
        let mut table = sound();
        table.collation = Text::new(of_table);
        for column in table.columns.iter_mut().filter(|one| one.collation.is_some()) {
            column.change(|one| one.collation = Some(Text::new(of_column)));
        }
        schema.tables.insert(Text::new(name), table);
    }
    let code = "`code` varchar(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL";
    assert_eq!(
        fixes(&schema, "utf8mb3"),
        [
            "ALTER TABLE `alike` CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;".to_owned(),
            format!(
                "ALTER TABLE `mixed` DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, \
                 MODIFY COLUMN {code};"
            ),
            format!("ALTER TABLE `odd` MODIFY COLUMN {code};"),
        ]
    );
}
