use super::*;

fn read(text: &str) -> ColumnDef {
    column_def(&mut TokenCursor::new(text))
}

#[test]
fn types_lose_their_synonyms() {
    for (text, same) in [
        ("BOOLEAN", "tinyint"),
        ("TINYINT(1)", "tinyint"),
        ("INTEGER(11) UNSIGNED", "int unsigned"),
        ("INT ZEROFILL", "int unsigned zerofill"),
        ("NUMERIC", "decimal(10,0)"),
        ("DEC(8, 2)", "decimal(8,2)"),
        ("CHARACTER VARYING (20)", "varchar(20)"),
        ("CHAR", "char(1)"),
        ("NATIONAL CHAR VARYING(5)", "varchar(5)"),
        ("LONG VARBINARY", "mediumblob"),
        ("LONG", "mediumtext"),
        ("DOUBLE PRECISION NULL", "double"),
        ("FLOAT(30)", "double"),
        ("DATETIME(0)", "datetime"),
        ("VARCHAR(20) CHARACTER SET binary", "varbinary(20)"),
        ("CHAR(3) BYTE", "binary(3)"),
        ("ENUM('a,b', \"c\")", "enum('a,b','c')"),
        ("SERIAL", "bigint unsigned"),
        ("inet6", "inet6"),
    ] {
        let def = read(text);
        assert_eq!(def.data_type.text(), same, "{text}");
        assert_eq!(def.unknown, None, "{text}");
    }
}

#[test]
fn attributes_are_read_in_any_order() {
    let def = read(
        "VARCHAR(20) COMMENT 'first, after NOT NULL' COLLATE utf8mb4_bin NOT NULL DEFAULT 'unique' INVISIBLE \
         CHARSET utf8 UNIQUE KEY REFERENCES p (id) ON DELETE SET NULL CHECK (`a` > (1)) AFTER `b c`, x",
    );
    assert!(def.not_null && def.invisible && def.references);
    assert_eq!(def.comment.as_deref(), Some("first, after NOT NULL"));
    assert_eq!(def.collation.as_deref(), Some("utf8mb4_bin"));
    assert_eq!(def.charset.as_deref(), Some("utf8mb3"));
    assert_eq!(def.default, Some(DefaultValue::Literal));
    assert_eq!(def.key, Some(IndexType::Unique));
    assert_eq!(def.check.as_deref(), Some("a > ( 1 )"));
    assert_eq!(def.position, Some(ColumnPosition::After("b c".to_owned())));
    assert_eq!(def.unknown, None);
    let def = read("INT GENERATED ALWAYS AS ((`c` + 1)) STORED");
    assert!(def.is_stored());
    assert_eq!(def.generated, read("int as (c+1) persistent").generated);
    assert_ne!(def.generated, read("int as ((c) + (1)) stored").generated);
    assert_eq!(read("INT SOMETHING ELSE").unknown.as_deref(), Some("SOMETHING"));
}

#[test]
fn defaults_are_told_apart() {
    use DefaultValue::{Expression, Literal, Null};
    for (text, expected) in [
        ("NULL", Null),
        ("-5", Literal),
        ("1.5e-3", Literal),
        ("b'1'", Literal),
        ("DATE '2020-01-01'", Literal),
        ("TRUE", Literal),
        ("CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)", Literal),
        ("now()", Literal),
        ("('[]')", Expression { constant: true }),
        ("(1 + 1)", Expression { constant: true }),
        ("(a)", Expression { constant: false }),
        ("(UUID())", Expression { constant: false }),
        ("uuid()", Expression { constant: false }),
        ("NEXT VALUE FOR s", Expression { constant: false }),
    ] {
        let def = read(&format!("INT DEFAULT {text} COMMENT 'x'"));
        assert_eq!(def.default, Some(expected), "{text}");
        assert_eq!((def.comment.as_deref(), def.unknown), (Some("x"), None), "{text}");
    }
}
