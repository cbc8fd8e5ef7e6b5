use std::fs;

use super::listing::Entry;
use super::*;
use crate::cancel::Cancel;
use crate::exit::Failure;

fn folder(names: &[&str]) -> Result<Folder, FileFailure> {
    folder_as(None, names)
}

fn folder_as(layout: Option<&str>, names: &[&str]) -> Result<Folder, FileFailure> {
    let names: Vec<(String, bool)> = names
        .iter()
        .map(|name| match name.strip_suffix('/') {
            Some(folder) => (folder.to_owned(), true),
            None => ((*name).to_owned(), false),
        })
        .collect();
    let entries: Vec<Entry> = names
        .into_iter()
        .map(|(name, folder)| Entry {
            path: Path::new("migrations").join(&name),
            name,
            folder,
        })
        .collect();
    let source = Source {
        layout: layout.and_then(Layout::with_id),
        ..Source::of(Path::new("migrations"))
    };
    Folder::of_entries(&source, &entries)
}

/// A script in a file of its own.
struct Written {
    script: MigrationScript,
    _dir: tempfile::TempDir,
}

fn written(text: impl AsRef<[u8]>, direction: Direction) -> Written {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("001_x.sql");
    fs::write(&path, text).unwrap();
    let script = MigrationScript {
        path,
        direction,
        whole: false,
        options: SplitOptions::default(),
    };
    Written { script, _dir: dir }
}

/// The statements of a text, with their places.
fn statements(text: impl AsRef<[u8]>, direction: Direction) -> Vec<(u32, u32, String)> {
    let written = written(text, direction);
    let mut reader = written.script.open().unwrap();
    let mut found = Vec::new();
    while let Some(one) = reader.next().unwrap() {
        found.push((one.line, one.column, one.text.as_str().to_owned()));
    }
    found
}

fn checksum(text: &str) -> String {
    written(text, Direction::Up)
        .script
        .checksum(&Cancel::new())
        .unwrap()
        .hash
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
        .map(|m| {
            (
                m.version.key(),
                m.label.as_str(),
                m.name.as_str(),
                m.down.is_some(),
            )
        })
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
    assert!(found.unread.is_empty() && found.ignored.is_empty());
    for text in ["1", "01", "001", "0000001", "001_a", "001_a.sql"] {
        assert_eq!(found.find(text).unwrap().version, 1, "{text}");
    }
}

#[test]
fn files_that_look_like_migrations_are_read_or_named() {
    let found = folder(&[
        "001_a.sql",
        "002-b.sql",
        "006_x.SQL",
        "2024_01_31_120000_laravel.sql",
        "10_y.UP.sql",
        "10_y.Down.sql",
        "20240101_x.mysql.up.sql",
    ])
    .unwrap();
    assert!(found.unread.is_empty() && found.ignored.is_empty());
    let read: Vec<_> = found
        .migrations
        .iter()
        .map(|one| (one.version.key(), one.label.as_str(), one.down.is_some()))
        .collect();
    assert_eq!(
        read,
        [
            (1, "001", false),
            (2, "002", false),
            (6, "006", false),
            (10, "10", true),
            (20_240_101, "20240101", false),
            (20_240_131_120_000, "2024_01_31_120000", false)
        ]
    );
    for unread in [
        "004.sql",
        "005_.sql",
        "5b_x.sql",
        "003 x.sql",
        "003.x.sql",
        "_003_x.sql",
        "V2__b.sql",
        "v2.1__b.SQL",
        "U2__b.sql",
        "R__views.sql",
        "B1__base.sql",
        "008_lonely.down.sql",
        "99999999999999999999_x.sql",
        "2024-01-31-x.sql",
        "2024_01_31_x.sql",
        "007_x.sql.txt",
        "007_x.sql.gz",
        "007_x.go",
        "20240131_x.rb",
        "007_x/",
        "20240131120000_x/",
        "x.sql/",
    ] {
        let found = folder(&["001_a.sql", unread]).unwrap();
        assert_eq!(found.unread.len(), 1, "{unread}");
        let failure = Failure::from(found.refuse_unread().unwrap_err());
        assert!(
            failure.what.contains(unread.trim_end_matches('/')),
            "{}",
            failure.what
        );
    }
    for ignored in [
        "foo.sql",
        "007_x.sql.bak",
        "007_x.sql~",
        ".002_x.sql.swp",
        "schema.SQL",
    ] {
        let found = folder(&["001_a.sql", ignored]).unwrap();
        assert!(found.unread.is_empty(), "{ignored}");
        assert_eq!(found.ignored[0].0, Path::new("migrations").join(ignored));
    }
    let others = folder(&[
        "001_a.sql",
        "schema.json",
        "README.md",
        "007_notes.md",
        "2024/",
        "archive/",
        ".x",
    ]);
    let others = others.unwrap();
    assert!(others.unread.is_empty() && others.ignored.is_empty());
}

#[test]
fn names_with_letters_are_read_as_their_tool_means_them() {
    let read = |layout, names: &[&str]| {
        let found = folder_as(layout, names).unwrap();
        let list: Vec<String> = found
            .migrations
            .iter()
            .map(|m| {
                format!(
                    "{} {}{}",
                    m.label,
                    m.name,
                    if m.down.is_some() { " down" } else { "" }
                )
            })
            .collect();
        let unread = found.unread.iter().map(|(path, _)| path.display().to_string());
        (
            list.join(", "),
            unread.collect::<Vec<_>>().join(", "),
            found.layout.id,
        )
    };
    let flyway = [
        "V1__a.sql",
        "U1__a.sql",
        "V1.2__b.sql",
        "V1_10__c.sql",
        "V2__d.sql",
        "R__views.sql",
    ];
    let list = "1 V1__a down, 1.2 V1.2__b, 1_10 V1_10__c, 2 V2__d, R__views R__views".to_owned();
    assert_eq!(read(None, &flyway), (list, String::new(), "flyway"));
    let refinery = ["V1__a.sql", "U2__b.sql", "V3__c.sql"];
    let all = "1 V1__a, 2 U2__b, 3 V3__c".to_owned();
    assert_eq!(
        read(Some("refinery"), &refinery),
        (all, String::new(), "refinery")
    );
    // Whether U takes back or applies is not guessed.
    let some = "1 V1__a, 3 V3__c".to_owned();
    assert_eq!(
        read(None, &refinery),
        (some, "migrations/U2__b.sql".to_owned(), "flyway")
    );
    for (layout, unread) in [
        (None, "V2__b.sql"),
        (None, "B2__b.sql"),
        (Some("goose"), "V2__b.sql"),
        (Some("dbtool"), "U1__a.sql"),
    ] {
        let found = read(layout, &["1_a.sql", unread]);
        assert_eq!(found.1, format!("migrations/{unread}"));
    }
    assert_eq!(
        read(Some("flyway"), &["1_a.sql", "V2__b.sql"]).1,
        "migrations/1_a.sql"
    );
    assert_eq!(
        read(Some("refinery"), &["V1__a.sql", "R__b.sql"]).1,
        "migrations/R__b.sql"
    );
    for bad in [
        "V1__.sql",
        "V1.__x.sql",
        "V1.2.3.4.5.6.7.8.9__x.sql",
        "V1a__x.sql",
        "R__.sql",
        "B1__x.sql",
    ] {
        assert_eq!(read(None, &["V7__a.sql", bad]).1, format!("migrations/{bad}"));
    }
    assert_eq!(
        folder(&["V1.2__a.sql", "V1.20__b.sql"])
            .unwrap()
            .find("1.20")
            .unwrap()
            .name,
        "V1.20__b"
    );
    assert!(folder(&["V1__a.sql", "V1.0__b.sql"]).is_err());
}

#[test]
fn the_names_tell_the_layout() {
    let id = |names: &[&str]| folder(names).unwrap().layout.id;
    assert_eq!(id(&["001_a.sql", "002-b.sql"]), "dbtool");
    assert_eq!(id(&["1_a.up.sql", "1_a.down.sql"]), "golang-migrate");
    assert_eq!(
        id(&["20240131120000_a.up.sql", "20240131120000_a.down.sql"]),
        "sqlx"
    );
    assert_eq!(id(&["20240131120000_a.sql", "20240131120001.sql"]), "rails");
    assert_eq!(id(&["2024_01_31_120000_a.sql"]), "laravel");
    let found = folder(&["1_a.mysql.up.sql", "1_a.postgres.up.sql", "1_a.sqlite3.down.sql"]).unwrap();
    assert_eq!(
        (found.migrations.len(), found.ignored.len(), found.unread.len()),
        (1, 2, 0)
    );
}

#[test]
fn one_version_in_two_files_names_both() {
    for names in [
        ["003_a.sql", "3_b.sql"],
        ["003_a.sql", "003_a.up.sql"],
        ["03_a.down.sql", "3_b.down.sql"],
    ] {
        let failure = Failure::from(folder(&names).unwrap_err());
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
    let failure = Failure::from(found.find("8").unwrap_err());
    assert_eq!(failure.what, "there is no migration 8 in migrations");
    assert_eq!(failure.next, "it has 001, 002, 010; did you mean 010 (010_c)?");
    assert_eq!(
        Failure::from(found.find("x").unwrap_err()).next,
        "it has 001, 002, 010"
    );
    assert!(
        folder(&[])
            .unwrap()
            .find("1")
            .map_err(Failure::from)
            .unwrap_err()
            .what
            .contains("holds no migration")
    );
}

#[test]
fn checksums_ignore_line_ends_and_byte_order_marks_only() {
    let sum = checksum;
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
fn a_checksum_does_not_depend_on_where_a_file_is_read_in_pieces() {
    // The CR is the last byte of a piece, the LF the first of the next.
    for pad in 0..3 {
        let line = "x".repeat(64 * 1024 - 5 - pad);
        let (lf, crlf) = (format!("-- {line}\ny\n"), format!("-- {line}\r\ny\r\n"));
        assert_eq!(checksum(&lf), checksum(&crlf));
        assert_ne!(checksum(&lf), checksum(&format!("-- {line}\ry\n")));
    }
}

#[test]
fn one_file_may_hold_both_directions() {
    let text = "-- migrate:up\nSELECT 1; SELECT 2;\n-- migrate:down\nSELECT 3;\n";
    let texts = |direction| -> Vec<String> {
        statements(text, direction)
            .into_iter()
            .map(|(_, _, text)| text)
            .collect()
    };
    assert_eq!(texts(Direction::Up), ["SELECT 1", "SELECT 2"]);
    assert_eq!(texts(Direction::Down), ["SELECT 3"]);
}

#[test]
fn a_reader_knows_places_and_hashes_and_goes_back() {
    let text = "\u{feff}SELECT 1;\r\n\r\nSELECT 'é\r\n',\n2; SELECT 3;";
    let written = written(text, Direction::Up);
    let mut reader = written.script.open().unwrap();
    assert_eq!(reader.peek().unwrap().unwrap().text.as_str(), "SELECT 1");
    let first = reader.next().unwrap().unwrap();
    let second = reader.next().unwrap().unwrap();
    assert_eq!((first.line, first.column), (1, 1));
    assert_eq!(
        (second.line, second.column, second.text.as_str()),
        (3, 1, "SELECT 'é\n',\n2")
    );
    assert_eq!(second.before.hex(), first.after.hex());
    let third = reader.position();
    let last = reader.next().unwrap().unwrap();
    assert_eq!((last.number, last.line, last.column), (3, 5, 4));
    assert!(reader.next().unwrap().is_none());
    for (position, expected) in [(&second.start, &second), (&third, &last)] {
        reader.seek(position).unwrap();
        let again = reader.next().unwrap().unwrap();
        assert_eq!(
            (again.number, again.line, again.column, &again.text),
            (expected.number, expected.line, expected.column, &expected.text)
        );
        assert_eq!(again.after.hex(), expected.after.hex());
    }
}

#[test]
fn a_reader_splits_a_file_of_many_pieces() {
    // Statements of all lengths around the size of a piece, with what may be cut: characters of two bytes, a
    // delimiter of two signs, doubled quotes, comments.
    let mut text = String::new();
    let mut expected = Vec::new();
    for length in [1, 200, 65_530, 65_536, 70_000, 300_000, 5] {
        let value = "é''".repeat(length / 4 + 1);
        let statement = format!("INSERT INTO t /* {value} */ VALUES ('{value}')");
        text.push_str(&format!("-- {value}\nDELIMITER $$\n{statement}$$\n"));
        text.push_str("DELIMITER ;\nSELECT 5--3;\n");
        expected.extend([statement, "SELECT 5--3".to_owned()]);
    }
    let found = statements(&text, Direction::Up);
    assert_eq!(found.len(), expected.len());
    for ((index, (line, column, text)), expected) in found.iter().enumerate().zip(&expected) {
        assert!(text == expected, "statement {index}");
        assert_eq!(*line as usize, index / 2 * 5 + if index % 2 == 0 { 3 } else { 5 });
        assert_eq!(*column, 1);
    }
}

#[test]
fn a_file_that_changes_under_its_reader_is_refused() {
    let written = written("SELECT 1;\n".repeat(30_000), Direction::Up);
    let mut reader = written.script.open().unwrap();
    reader.next().unwrap();
    fs::write(&written.script.path, "SELECT 2;\n".repeat(20_000)).unwrap();
    let failure = loop {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("read to its end"),
            Err(failure) => break Failure::from(failure),
        }
    };
    assert!(failure.what.contains("was changed while"), "{}", failure.what);
}

#[test]
fn what_would_take_the_record_away_is_refused() {
    let refused = |text: &str| {
        let written = written(text, Direction::Up);
        let failure = written.script.outline(&Cancel::new()).err()?.to_string();
        Some(failure.rsplit('/').next().unwrap_or_default().to_owned())
    };
    let cases = [
        ("SELECT 1;\n  LOCK TABLES t WRITE;", None),
        (
            "SET autocommit = @old;",
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

#[test]
fn files_that_a_script_reads_are_part_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    fs::create_dir(dir.path().join("parts")).unwrap();
    write(
        "001_x.sql",
        "SELECT 1;\nsource parts/a.sql\nSELECT 5; \\. c.sql\nSELECT 7//\n-- migrate:down\nSELECT 8;\nsource down.sql",
    );
    write("parts/a.sql", "\u{feff}SELECT 2;\nSOURCE b.sql;\nSELECT 4");
    write("parts/b.sql", "SELECT\n3");
    write("down.sql", "SELECT 9");
    write("c.sql", "DELIMITER //\n  SELECT 6//");
    let script = MigrationScript {
        path: dir.path().join("001_x.sql"),
        direction: Direction::Up,
        whole: false,
        options: SplitOptions::default(),
    };
    let mut reader = script.open().unwrap();
    let mut found = Vec::new();
    let mut starts = Vec::new();
    while let Some(one) = reader.next().unwrap() {
        starts.push((one.start.clone(), one.place(), one.text.clone()));
        let path = one.path.strip_prefix(dir.path()).unwrap().display().to_string();
        found.push(format!("{path}:{}:{} {}", one.line, one.column, one.text));
    }
    assert_eq!(
        found,
        [
            "001_x.sql:1:1 SELECT 1",
            "parts/a.sql:1:1 SELECT 2",
            "parts/b.sql:1:1 SELECT\n3",
            "parts/a.sql:3:1 SELECT 4",
            "001_x.sql:3:1 SELECT 5",
            "c.sql:2:3 SELECT 6",
            "001_x.sql:4:1 SELECT 7",
        ]
    );
    for (start, place, text) in starts.iter().rev() {
        reader.seek(start).unwrap();
        let again = reader.next().unwrap().unwrap();
        assert_eq!((&again.place(), &again.text), (place, text));
    }
    let sum = || script.checksum(&Cancel::new()).unwrap();
    let before = sum();
    assert_eq!(before.included.len(), 3);
    write("parts/b.sql", "SELECT\r\n3");
    assert_eq!(before, sum());
    for (name, text) in [
        ("parts/b.sql", "SELECT 30"),
        ("c.sql", "DELIMITER //\nSELECT 60//"),
    ] {
        let before = sum();
        write(name, text);
        assert_ne!(before.hash, sum().hash);
    }
    let before = sum();
    write("down.sql", "SELECT 90");
    assert_eq!(before, sum());
    let outline = script.outline(&Cancel::new()).unwrap();
    assert_eq!(outline.statements, 7);
    let down = MigrationScript {
        direction: Direction::Down,
        ..script.clone()
    };
    assert_eq!(down.outline(&Cancel::new()).unwrap().statements, 2);
    write("parts/b.sql", "SELECT 300");
    let mut reader = script.open_known(&outline.files).unwrap();
    let failure = std::iter::from_fn(|| reader.next().transpose())
        .find_map(Result::err)
        .map(Failure::from)
        .unwrap();
    assert!(failure.what.contains("was changed while"), "{}", failure.what);
}

#[test]
fn a_text_about_sources_has_its_own_checksum() {
    let texts = [
        "INSERT INTO t VALUES ('source x.sql \\. y');",
        "-- source x\nSELECT source FROM t;",
    ];
    for text in texts {
        let plain = crate::hex::encode(&<sha2::Sha256 as sha2::Digest>::digest(text));
        assert_eq!(checksum(text), plain);
    }
    // The command is found where a piece of the file ends in the middle of it.
    for pad in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("001_x.sql");
        let line = "x".repeat(64 * 1024 - 4 - pad);
        fs::write(&path, format!("-- {line}\nSOURCE b.sql\n")).unwrap();
        fs::write(dir.path().join("b.sql"), "SELECT 1").unwrap();
        let script = MigrationScript {
            path,
            direction: Direction::Up,
            whole: false,
            options: SplitOptions::default(),
        };
        assert_eq!(
            script.checksum(&Cancel::new()).unwrap().included.len(),
            1,
            "{pad}"
        );
    }
}
