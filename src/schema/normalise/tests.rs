use super::*;
use crate::db::Flavor;
use crate::schema::model::{CheckConstraint, Column};

#[test]
fn types_lose_what_does_not_show() {
    let table = [
        ("int(11)", "int"),
        ("int", "int"),
        ("bigint(20) unsigned", "bigint unsigned"),
        ("int(10) unsigned zerofill", "int(10) unsigned zerofill"),
        ("tinyint(1)", "tinyint(1)"),
        ("tinyint(4)", "tinyint"),
        ("tinyint(1) unsigned", "tinyint unsigned"),
        ("smallint(6)", "smallint"),
        ("mediumint(8) unsigned", "mediumint unsigned"),
        ("year(4)", "year"),
        ("decimal(10,2)", "decimal(10,2)"),
        ("varchar(255)", "varchar(255)"),
        ("enum('a','int(11)')", "enum('a','int(11)')"),
        ("geomcollection", "geometrycollection"),
        ("bit(3)", "bit(3)"),
        ("datetime(6)", "datetime(6)"),
    ];
    for (raw, expected) in table {
        assert_eq!(column_type(raw), expected, "{raw}");
        assert_eq!(column_type(expected), expected, "stays as it is");
    }
}

#[test]
fn defaults_of_both_servers_become_one() {
    // (type, MariaDB, MySQL, MySQL's extra, canonical)
    let table = [
        (
            "varchar(20)",
            Some("'pending'"),
            Some("pending"),
            "",
            Some("'pending'"),
        ),
        (
            "varchar(20)",
            Some("'it''s \\\\ x'"),
            Some("it's \\ x"),
            "",
            Some("'it''s \\\\ x'"),
        ),
        ("varchar(5)", Some("''"), Some(""), "", Some("''")),
        ("varchar(5)", Some("'NULL'"), Some("NULL"), "", Some("'NULL'")),
        ("varchar(5)", Some("NULL"), None, "", None),
        ("varchar(5)", None, None, "", None),
        ("varchar(5)", Some("5"), Some("5"), "", Some("'5'")),
        ("decimal(10,2)", Some("0.00"), Some("0.00"), "", Some("0.00")),
        ("tinyint(1)", Some("1"), Some("1"), "", Some("1")),
        (
            "double",
            Some("10000000000"),
            Some("10000000000"),
            "",
            Some("10000000000"),
        ),
        ("bit(3)", Some("b'101'"), Some("b'101'"), "", Some("b'101'")),
        ("binary(3)", Some("'ab\\0'"), Some("0x6162"), "", Some("0x6162")),
        ("binary(2)", Some("'\\0\\0'"), Some("0x"), "", Some("''")),
        ("varbinary(2)", Some("''"), Some("0x"), "", Some("''")),
        (
            "date",
            Some("'2020-01-01'"),
            Some("2020-01-01"),
            "",
            Some("'2020-01-01'"),
        ),
        (
            "timestamp",
            Some("current_timestamp()"),
            Some("CURRENT_TIMESTAMP"),
            "DEFAULT_GENERATED on update CURRENT_TIMESTAMP",
            Some("current_timestamp()"),
        ),
        (
            "datetime(6)",
            Some("current_timestamp(6)"),
            Some("CURRENT_TIMESTAMP(6)"),
            "DEFAULT_GENERATED",
            Some("current_timestamp(6)"),
        ),
        (
            "varchar(36)",
            Some("uuid()"),
            Some("uuid()"),
            "DEFAULT_GENERATED",
            Some("uuid()"),
        ),
        (
            "text",
            Some("'x'"),
            Some("_utf8mb4\\'x\\'"),
            "DEFAULT_GENERATED",
            Some("'x'"),
        ),
        (
            "json",
            Some("json_object('a',1)"),
            Some("json_object(_utf8mb4\\'a\\',1)"),
            "DEFAULT_GENERATED",
            Some("json_object('a', 1)"),
        ),
        ("enum('a','b')", Some("'a'"), Some("a"), "", Some("'a'")),
    ];
    for (ty, mariadb, mysql, extra, expected) in table {
        let from_mariadb = default_value(Flavor::MariaDb, mariadb, "", ty, "k");
        assert_eq!(from_mariadb.as_deref(), expected, "{ty} {mariadb:?}");
        let from_mysql = default_value(Flavor::MySql, mysql, extra, ty, "k");
        assert_eq!(from_mysql.as_deref(), expected, "{ty} {mysql:?}");
    }
}

#[test]
fn extra_is_read_in_both_spellings() {
    let table = [
        ("on update current_timestamp()", Some("current_timestamp()")),
        (
            "DEFAULT_GENERATED on update CURRENT_TIMESTAMP",
            Some("current_timestamp()"),
        ),
        (
            "DEFAULT_GENERATED on update CURRENT_TIMESTAMP(6) INVISIBLE",
            Some("current_timestamp(6)"),
        ),
        ("auto_increment", None),
    ];
    for (extra, expected) in table {
        assert_eq!(on_update(extra).as_deref(), expected, "{extra}");
    }
    assert!(has_word("STORED GENERATED INVISIBLE", "invisible"));
    assert!(!has_word("DEFAULT_GENERATED", "generated"));
}

#[test]
fn json_comes_back_from_longtext_with_a_check() {
    let mut table = Table::new(Symbol::new("utf8mb4_general_ci"));
    let data = Column::with("data", "longtext", |data| {
        data.collation = Some(Symbol::new("utf8mb4_bin"));
    });
    table.columns.push(data);
    let mut plain = data;
    plain.name = Symbol::new("plain");
    table.columns.push(plain);
    let check = CheckConstraint {
        clause: Symbol::new("json_valid(`data`)"),
        not_enforced: false,
        column_level: true,
    };
    table.checks.insert(Symbol::new("data"), check);
    restore_json(&mut table);
    assert_eq!(table.columns[0].ty, "json");
    assert_eq!(table.columns[0].collation, None);
    assert_eq!(table.columns[1].ty, "longtext");
    assert!(table.checks.is_empty());
}

#[test]
fn generated_names_are_known() {
    assert!(is_generated_check("users", "users_chk_1"));
    assert!(is_generated_check("users", "CONSTRAINT_12"));
    assert!(!is_generated_check("users", "users_chk_"));
    assert!(!is_generated_check("users", "price_positive"));
    assert!(is_generated_foreign_key("bookings", "bookings_ibfk_2"));
    assert!(is_generated_foreign_key("bookings", "3"));
    assert!(!is_generated_foreign_key("bookings", "fk_guest"));
    let first = Some(IndexKey::Column(Symbol::new("email")));
    assert!(is_generated_index("email", first));
    assert!(is_generated_index("email_2", first));
    assert!(!is_generated_index("idx_email", first));
}

#[test]
fn old_names_of_utf8_are_translated() {
    assert_eq!(collation("utf8_general_ci"), "utf8mb3_general_ci");
    assert_eq!(collation("utf8"), "utf8mb3");
    assert_eq!(collation("utf8mb4_bin"), "utf8mb4_bin");
}

#[test]
fn letters_that_mysql_took_for_bytes_come_back() {
    for text in ["grün", "😀", "plain"] {
        let garbled: String = text.bytes().map(char::from).collect();
        assert_eq!(decoded(&garbled), text);
        assert_eq!(decoded(text), text, "what is right stays");
    }
}

#[test]
fn only_a_time_defaults_to_the_current_one() {
    let default = |ty, raw, extra| default_value(Flavor::MySql, Some(raw), extra, ty, "k");
    assert_eq!(
        default("varchar(20)", "current_timestamp", "").as_deref(),
        Some("'current_timestamp'")
    );
    assert_eq!(
        default("timestamp", "CURRENT_TIMESTAMP", "").as_deref(),
        Some("current_timestamp()")
    );
    assert_eq!(default("varchar(20)", "NULL", "DEFAULT_GENERATED"), None);
}
