use super::AlterAction::{self, *};
use super::PartitionChange;
use crate::sql::{IndexType, TableDef, classify};

/// The actions of `ALTER TABLE t …`, each in a few words.
fn read(alter: &str) -> Vec<String> {
    let found = classify(&format!("ALTER TABLE t {alter}"));
    found.actions.iter().map(words).collect()
}

fn words(action: &AlterAction) -> String {
    let index = |kind: &IndexType, name: &std::option::Option<String>| {
        format!("{kind:?} {}", name.as_deref().unwrap_or("?"))
    };
    match action {
        AddColumn { name, def } => format!("+{name} {}", def.data_type.text()),
        ModifyColumn { name, to, def } => {
            format!("{name}>{} {}", to.as_deref().unwrap_or("="), def.data_type.text())
        }
        AddIndex(def) => {
            let parts: Vec<&str> = def
                .parts
                .iter()
                .map(|p| p.column.as_deref().unwrap_or("()"))
                .collect();
            format!("+{} {}", index(&def.kind, &def.name), parts.join(","))
        }
        AddForeignKey(key) => format!(
            "+fk {} {}",
            key.name.as_deref().unwrap_or("?"),
            key.columns.join(",")
        ),
        Option { name, value } => format!("{name}={value}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn actions_are_read_one_by_one() {
    let cases: &[(&str, &[&str])] = &[
        (
            "ADD a INT, ADD COLUMN `b c` DECIMAL(10,2)  DEFAULT\n0 AFTER a",
            &["+a int", "+b c decimal(10,2)"],
        ),
        (
            "ADD COLUMN (a INT, b ENUM('x,y',')'))",
            &["+a int", "+b enum('x,y',')')"],
        ),
        (
            "DROP a, DROP COLUMN IF EXISTS b, DROP PRIMARY KEY",
            &["DropColumn(\"a\")", "DropColumn(\"b\")", "DropIndex(\"PRIMARY\")"],
        ),
        (
            "MODIFY COLUMN c MEDIUMTEXT NULL COMMENT 'a, b'",
            &["c>= mediumtext"],
        ),
        ("CHANGE a b INT, CHANGE `c` c INT", &["a>b int", "c>= int"]),
        (
            "RENAME COLUMN a TO b, RENAME INDEX i TO j",
            &["RenameColumn(\"a\", \"b\")", "RenameIndex(\"i\", \"j\")"],
        ),
        (
            "ALTER COLUMN a SET DEFAULT 5, ALTER b DROP DEFAULT, ALTER INDEX i INVISIBLE, ALTER c SET INVISIBLE",
            &[
                "ColumnDefault(\"a\")",
                "ColumnDefault(\"b\")",
                "IndexVisibility(\"i\")",
                "ColumnVisibility(\"c\")",
            ],
        ),
        (
            "ADD INDEX i (a, b(5)), ADD KEY (c), ADD UNIQUE KEY u USING BTREE (d DESC), ADD FULLTEXT f (e), ADD INDEX ((a + 1), b)",
            &[
                "+Plain i a,b",
                "+Plain ? c",
                "+Unique u d",
                "+Fulltext f e",
                "+Plain ? (),b",
            ],
        ),
        (
            "ADD PRIMARY KEY (a), ADD CONSTRAINT u UNIQUE (b), ADD CONSTRAINT FOREIGN KEY (c) REFERENCES t (d), \
             ADD CONSTRAINT f FOREIGN KEY (c) REFERENCES t (d) ON DELETE SET NULL, ADD CHECK (a > 1)",
            &[
                "+Primary PRIMARY a",
                "+Unique u b",
                "+fk ? c",
                "+fk f c",
                "AddCheck { name: None, enforced: true }",
            ],
        ),
        (
            "DROP FOREIGN KEY f, DROP KEY k, DROP CONSTRAINT IF EXISTS c",
            &[
                "DropForeignKey(\"f\")",
                "DropIndex(\"k\")",
                "DropConstraint(\"c\")",
            ],
        ),
        (
            "ENGINE = InnoDB ROW_FORMAT=DYNAMIC COMMENT 'x', AUTO_INCREMENT 5 STATS_PERSISTENT=DEFAULT",
            &[
                "ENGINE=innodb",
                "ROW_FORMAT=dynamic",
                "COMMENT=x",
                "AUTO_INCREMENT=5",
                "STATS_PERSISTENT=default",
            ],
        ),
        (
            "CONVERT TO CHARACTER SET utf8 COLLATE utf8_bin, DEFAULT CHARSET = utf8mb4 COLLATE 'x', FORCE, ORDER BY a, b",
            &[
                "Convert { charset: Some(\"utf8mb3\"), collation: Some(\"utf8_bin\") }",
                "CHARSET=utf8mb4",
                "COLLATE=x",
                "Force",
                "OrderBy",
            ],
        ),
        ("PARTITION BY HASH(a) PARTITIONS 4", &["Partition(By)"]),
        ("ADD b INT PARTITION BY HASH(a)", &["+b int"]),
        ("DROP PARTITION p1, p2", &["Partition(Drop)"]),
        (
            "ADD PARTITION (PARTITION p VALUES LESS THAN (5))",
            &["Partition(AddRange)"],
        ),
        ("ADD PARTITION PARTITIONS 3", &["Partition(AddHash)"]),
        ("ADD partition_key INT", &["+partition_key int"]),
        ("ADD SYSTEM VERSIONING", &["Versioning { add: true }"]),
        ("UNHEARD OF, ADD a INT", &["UNHEARD=of", "+a int"]),
        (
            "ALTER CONSTRAINT c NOT ENFORCED",
            &["AlterCheck { enforced: false }"],
        ),
    ];
    for (alter, expected) in cases {
        assert_eq!(read(alter), *expected, "{alter}");
    }
    let found = classify("ALTER TABLE t ALGORITHM=INPLACE, LOCK = NONE, ADD a INT");
    assert_eq!(found.algorithm.as_deref(), Some("INPLACE"));
    assert_eq!(found.lock.as_deref(), Some("NONE"));
    assert_eq!(found.actions.len(), 1);
    assert_eq!(read("EXCHANGE PARTITION p WITH TABLE x").len(), 1);
    assert!(matches!(
        classify("ALTER TABLE t COALESCE PARTITION 2").actions.as_slice(),
        [Partition(PartitionChange::Coalesce)]
    ));
    assert!(classify("ALTER TABLE t ADD UNIQUE INDEX IF NOT EXISTS u (a)").idempotent);
}

#[test]
fn a_table_is_followed_through_its_changes() {
    let mut table = TableDef::parse(
        "CREATE TABLE `a`.`t` (`id` int NOT NULL AUTO_INCREMENT, `v` varchar(20) COLLATE utf8mb4_bin DEFAULT NULL, \
         `j` json /*!80023 INVISIBLE */, e enum('(',')') UNIQUE, PRIMARY KEY (`id`), KEY `v` (`v`(5)), \
         KEY `m` ((cast(`j` as unsigned array))), CONSTRAINT `f` FOREIGN KEY (`v`) REFERENCES `p` (`x`) ON DELETE SET NULL, \
         CONSTRAINT `c` CHECK ((`id` > 0))) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='x' \
         /*!50100 PARTITION BY RANGE (`id`) (PARTITION p VALUES LESS THAN (5) ENGINE = InnoDB) */",
    )
    .expect("a table");
    assert_eq!(table.columns.len(), 4);
    assert_eq!(table.indexes.len(), 4);
    assert!(table.columns[2].1.invisible);
    assert_eq!(table.engine.as_deref(), Some("innodb"));
    assert_eq!(table.collation.as_deref(), Some("utf8mb4_bin"));
    assert!(table.indexes.iter().any(|index| index.parts[0].multi_valued));
    assert_eq!((table.foreign_keys.len(), table.checks.len()), (1, 1));
    assert!(table.partitioning.is_some());
    let alter = "ALTER TABLE t ADD n INT UNIQUE FIRST, DROP INDEX m, CHANGE v w TEXT, DROP CONSTRAINT c, MODIFY id BIGINT AFTER w, \
        DROP e, ENGINE=MyISAM";
    for action in &classify(alter).actions {
        table.apply(action);
    }
    let columns: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(columns, ["n", "w", "id", "j"]);
    let indexes: Vec<&str> = table
        .indexes
        .iter()
        .filter_map(|index| index.name.as_deref())
        .collect();
    assert_eq!(indexes, ["PRIMARY", "v", "n"]);
    assert!(table.index("V").is_some_and(|index| index.covers("W")));
    assert!(table.checks.is_empty());
    assert_eq!(table.engine.as_deref(), Some("myisam"));
    assert!(TableDef::parse("CREATE TABLE t LIKE u").is_none());
    assert!(TableDef::parse("CREATE TABLE t (LIKE u)").is_none());
}
