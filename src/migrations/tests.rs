use super::*;

fn folder(names: &[&str]) -> Result<Folder, Failure> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    Folder::of_names(Path::new("migrations"), &names)
}

fn source(text: &str) -> Source {
    Source {
        path: PathBuf::from("001_x.sql"),
        text: text.to_owned(),
        options: Options::default(),
    }
}

#[test]
fn versions_are_numbers_and_names_are_read() {
    let found = folder(&[
        "001_a.sql",
        "010_c.up.sql",
        "010_c.down.sql",
        "2_b.sql",
        "README.md",
        "20240131120000_d.sql",
    ])
    .unwrap();
    let list: Vec<_> = found
        .migrations
        .iter()
        .map(|m| (m.version, m.label.as_str(), m.name.as_str(), m.down.is_some()))
        .collect();
    assert_eq!(
        list,
        [
            (1, "001", "001_a", false),
            (2, "2", "2_b", false),
            (10, "010", "010_c", true),
            (20_240_131_120_000, "20240131120000", "20240131120000_d", false)
        ]
    );
    assert!(found.strange.is_empty());
    for text in ["1", "01", "001", "0000001", "001_a", "001_a.sql"] {
        assert_eq!(found.find(text).unwrap().version, 1, "{text}");
    }
}

#[test]
fn lookalikes_are_named() {
    let found = folder(&[
        "001_a.sql",
        "3-foo.sql",
        "foo.sql",
        "004.sql",
        "005_.sql",
        "006_x.SQL",
        "007_x.sql.bak",
        "008_lonely.down.sql",
        "99999999999999999999_x.sql",
        ".002_x.sql.swp",
        "schema.json",
    ])
    .unwrap();
    assert_eq!(found.migrations.len(), 1);
    assert_eq!(
        found.strange,
        [
            "3-foo.sql",
            "foo.sql",
            "004.sql",
            "005_.sql",
            "006_x.SQL",
            "007_x.sql.bak",
            "99999999999999999999_x.sql",
            "008_lonely.down.sql"
        ]
    );
}

#[test]
fn one_version_in_two_files_names_both() {
    for names in [
        ["003_a.sql", "3_b.sql"],
        ["003_a.sql", "003_a.up.sql"],
        ["03_a.down.sql", "3_b.down.sql"],
    ] {
        let failure = folder(&names).unwrap_err();
        assert!(
            names.iter().all(|name| failure.what.contains(name)),
            "{}",
            failure.what
        );
    }
}

#[test]
fn unknown_versions_get_the_nearest() {
    let found = folder(&["001_a.sql", "002_b.sql", "010_c.sql"]).unwrap();
    let failure = found.find("8").unwrap_err();
    assert_eq!(failure.what, "there is no migration 8 in migrations");
    assert_eq!(failure.next, "it has 001, 002, 010; did you mean 010 (010_c)?");
    assert_eq!(found.find("x").unwrap_err().next, "it has 001, 002, 010");
    assert!(
        folder(&[])
            .unwrap()
            .find("1")
            .unwrap_err()
            .what
            .contains("holds no migration")
    );
}

#[test]
fn checksums_ignore_line_ends_and_byte_order_marks_only() {
    let sum = |text: &str| source(text).checksum(Direction::Up).unwrap();
    let plain = sum("SELECT 1;\nSELECT 2;\n");
    assert_eq!(plain, sum("\u{feff}SELECT 1;\r\nSELECT 2;\r\n"));
    for other in [
        "SELECT 1;\nSELECT 2;",
        "SELECT 1;\n SELECT 2;\n",
        "SELECT 1;\rSELECT 2;\n",
    ] {
        assert_ne!(plain, sum(other), "{other:?}");
    }
    let with_down = "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n";
    assert_eq!(
        sum(with_down),
        sum("-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 3;\n")
    );
    assert_ne!(
        sum(with_down),
        sum("-- migrate:up\nSELECT 4;\n-- migrate:down\nSELECT 2;\n")
    );
}

#[test]
fn one_file_may_hold_both_directions() {
    let source = source("-- migrate:up\nSELECT 1; SELECT 2;\n-- migrate:down\nSELECT 3;\n");
    let (up, down) = source.scripts().unwrap();
    assert_eq!((up.len(), down.len(), down[0].text), (2, 1, "SELECT 3"));
    assert_eq!(
        PrefixHash::of(&up, 1).with(&up[1]).hex(),
        PrefixHash::of(&up, 2).hex()
    );
    assert_ne!(PrefixHash::of(&up, 1).hex(), PrefixHash::of(&up, 2).hex());
}

#[test]
fn what_would_take_the_record_away_is_refused() {
    let refused = |text: &str| {
        let source = source(text);
        check(&source.path, &source.scripts().unwrap().0)
            .err()
            .map(|failure| failure.what)
    };
    let cases = [
        (
            "SELECT 1;\n  LOCK TABLES t WRITE;",
            Some("001_x.sql:2:3: LOCK TABLES would lock out the record of progress"),
        ),
        (
            "SET autocommit = 0;",
            Some("001_x.sql:1:1: a migration must not change autocommit"),
        ),
        (
            "BEGIN; SELECT 1;",
            Some("001_x.sql:1:1: this transaction is never committed"),
        ),
        (
            "BEGIN; SAVEPOINT a; ROLLBACK TO a;",
            Some("001_x.sql:1:1: this transaction is never committed"),
        ),
        ("BEGIN; SELECT 1; COMMIT;", None),
        ("START TRANSACTION; SELECT 1; ROLLBACK;", None),
        ("BEGIN; CREATE TABLE t (a INT);", None),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text).as_deref(), expected, "{text}");
    }
}
