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
            columns: vec![key("other")],
            table: key("peer"),
            references: vec![key("id")],
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
