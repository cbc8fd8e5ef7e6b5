//! `dbtool test-image-size` against a real server: each limit, and what is stored already.

use crate::support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use support::migrations::{Folder, assert_ends};
use support::{Admin, Output, Server};

/// A table as migration 001 makes it, with this type of column.
fn users(server: &Server, column: &str) -> Admin {
    let mut admin = server.admin();
    admin.exec("USE app");
    admin.exec("DROP TABLE IF EXISTS users");
    admin.exec(&format!(
        "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255) NOT NULL UNIQUE, \
         password_hash VARCHAR(255) NOT NULL, first_name VARCHAR(4) NOT NULL, role ENUM('guest', 'host') NOT NULL, \
         born DATE NOT NULL, profile_image_url {column})"
    ));
    admin
}

fn test(server: &Server, args: &[&str]) -> Output {
    server
        .dbtool()
        .args(["test-image-size", "--format", "json"])
        .args(args)
        .run()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

#[track_caller]
fn check(output: &Output, name: &str) -> Value {
    let value = json(output);
    let checks = value["checks"].as_array().expect("checks");
    let found = checks
        .iter()
        .find(|check| check["name"].as_str().is_some_and(|text| text.contains(name)));
    found
        .unwrap_or_else(|| panic!("no check {name:?}\n{output}"))
        .clone()
}

#[test]
fn the_column_before_and_after_the_migration() {
    let server = Server::start();
    let mut admin = users(&server, "VARCHAR(500) NULL");
    let before = server.counters();
    let output = test(&server, &[]);
    assert_eq!(output.code, Some(1), "{output}");
    let value = json(&output);
    assert_eq!(value["schema"], "dbtool.test-image-size/1");
    assert_eq!(value["column"]["capacity"], 500);
    assert_eq!(value["largest_data_uri"], 0);
    assert_eq!(
        value["binding_limit"],
        "the column's type varchar(500) holds 500 characters"
    );
    assert!(
        value["change"].to_string().contains("dbtool migrate 003"),
        "{output}"
    );

    // Where the history says that 003 is applied, migrate has nothing to do.
    let folder = Folder::new(&[("003_profile_image.sql", "SELECT 1;")]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 003"]);
    let change = json(&test(&server, &[]))["change"].to_string();
    assert!(
        change.contains("ALTER TABLE `users` MODIFY") && change.contains("history says that migration 003"),
        "{change}"
    );

    admin.exec("ALTER TABLE users MODIFY profile_image_url MEDIUMTEXT");
    let output = test(&server, &["--max", "1MB", "--need", "256KB"]);
    assert_eq!(output.code, Some(0), "{output}");
    let value = json(&output);
    // The prefix `data:image/png;base64,` leaves 1,048,554 characters: 262,138 groups of four.
    assert_eq!(value["largest_data_uri"], 22 + 262_138 * 4);
    assert_eq!(value["largest_image"], 262_138 * 3);
    assert_eq!(value["binding_limit"], "none met up to --max");
    assert_eq!(
        admin.number("SELECT COUNT(*) FROM users"),
        0,
        "all was rolled back"
    );
    server.assert_unchanged(&before);
}

#[test]
fn the_exact_size_that_a_text_column_holds() {
    let server = Server::start();
    let mut admin = users(&server, "TEXT");
    for whole in [&[][..], &["--one-statement"]] {
        let output = test(&server, &[&["--max", "200KB", "--need", "32KB"], whole].concat());
        assert_eq!(output.code, Some(0), "{output}");
        let value = json(&output);
        assert_eq!(value["largest_data_uri"], 65_534, "{output}");
        assert_eq!(
            value["binding_limit"],
            "the column's type text holds 65,535 characters"
        );
        assert_eq!(value["cut_in_silence"], false);
        assert!(value["change"].to_string().contains("MEDIUMTEXT"), "{output}");
    }
    // Two bytes a character.
    admin.exec("ALTER TABLE users MODIFY profile_image_url TEXT CHARACTER SET utf16");
    let output = test(&server, &["--max", "200KB", "--need", "16KB"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(json(&output)["column"]["capacity"], 32_767);
    assert_eq!(json(&output)["largest_data_uri"], 32_766, "{output}");
}

#[test]
fn the_packet_binds_to_the_byte_whichever_way_the_image_goes() {
    let server = Server::builder().arg("--max-allowed-packet=1M").start();
    let _admin = users(&server, "MEDIUMTEXT");
    let before = server.counters();
    let sizes = [&[][..], &["--one-statement"]].map(|whole| {
        let output = test(&server, &[&["--max", "2MB", "--need", "512KB"], whole].concat());
        assert_eq!(output.code, Some(0), "{output}");
        let value = json(&output);
        assert_eq!(
            value["binding_limit"], "max_allowed_packet is 1,048,576 (1.0 MB)",
            "{output}"
        );
        assert!(
            value["change"]
                .to_string()
                .contains("SET GLOBAL max_allowed_packet"),
            "{output}"
        );
        value["largest_data_uri"].as_u64().expect("a size")
    });
    assert_eq!(
        sizes[0], sizes[1],
        "sent in one statement, and worked out from what was sent in pieces"
    );
    assert!(sizes[0] < 1 << 20 && sizes[0] > (1 << 20) - 512, "{sizes:?}");
    let output = test(&server, &["--max", "2MB", "--need", "2MB"]);
    assert_eq!(output.code, Some(1), "{output}");
    assert_eq!(check(&output, "fits a packet")["status"], "failed");
    server.assert_unchanged(&before);
}

#[test]
fn silent_cutting_is_a_failure() {
    let server = Server::builder().arg("--sql-mode=NO_ENGINE_SUBSTITUTION").start();
    let _admin = users(&server, "TEXT");
    let output = test(&server, &["--max", "128KB", "--need", "4KB"]);
    assert_eq!(output.code, Some(1), "{output}");
    let value = json(&output);
    assert_eq!(value["cut_in_silence"], true);
    assert_eq!(value["largest_data_uri"], 65_534);
    assert_eq!(check(&output, "a too large image is refused")["status"], "failed");
    assert_eq!(check(&output, "larger images are refused")["status"], "failed");
}

fn png(noise: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let side = u32::try_from(noise).expect("a size");
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    let pixels: Vec<u8> = (0..noise * noise * 3).map(|at| (at * 7919 % 251) as u8).collect();
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("the end");
    bytes
}

#[test]
fn stored_images_are_counted_and_cut_ones_found() {
    let server = Server::start();
    let mut admin = users(&server, "MEDIUMTEXT");
    let whole = format!("data:image/png;base64,{}", STANDARD.encode(png(20)));
    for (id, value) in [
        (1, "NULL".to_string()),
        (2, "''".into()),
        (3, "'https://example.com/a.png'".into()),
        (4, format!("'{whole}'")),
        (5, format!("'{}'", &whole[..123])),
        (6, format!("'{}'", &whole[..whole.len() - 8])),
        (7, "'data:image/png;base64,****'".into()),
    ] {
        admin.exec(&format!(
            "INSERT INTO users (id, email, password_hash, first_name, role, born, profile_image_url) \
             VALUES ({id}, 'u{id}@example.com', 'x', 'F', 'host', '2000-01-01', {value})"
        ));
    }
    let output = test(&server, &["--read-only"]);
    assert_eq!(output.code, Some(1), "{output}");
    let found = check(&output, "no stored image is cut or broken");
    assert_eq!(found["message"], "3 cut or broken");
    let details = found["details"].to_string();
    for part in [
        "users 7: invalid base64",
        "users 6: a PNG without its end: cut",
        "users 5: base64 that ends",
    ] {
        assert!(details.contains(part), "{part:?} {found}");
    }
    let stored = &json(&output)["stored"];
    assert_eq!(
        (&stored["rows"], &stored["empty"], &stored["broken"]),
        (&7.into(), &2.into(), &3.into())
    );
    assert_eq!(
        check(&output, "images")["status"],
        "skipped",
        "nothing was written\n{output}"
    );
    admin.exec("DELETE FROM users WHERE id > 4");
    let output = server
        .dbtool()
        .args(["test-image-size", "--max", "8KB", "--need", "4KB"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(
        output.stdout.contains("Stored: 4 rows, 2 without an image"),
        "{output}"
    );
}

#[test]
fn an_image_of_ones_own() {
    let server = Server::start();
    let _admin = users(&server, "TEXT");
    let folder = tempfile::tempdir().expect("a folder");
    let (small, large, text) = (
        folder.path().join("small.png"),
        folder.path().join("large.png"),
        folder.path().join("text.txt"),
    );
    std::fs::write(&small, png(30)).expect("a file");
    let mut big = png(30);
    big.resize(60_000, b' ');
    std::fs::write(&large, big).expect("a file");
    std::fs::write(&text, "no image").expect("a file");
    for (path, code) in [
        (&small, 0),
        (&large, 1),
        (&text, 2),
        (&folder.path().join("none.png"), 2),
    ] {
        let path = path.to_str().expect("UTF-8");
        let output = test(&server, &["--image", path]);
        assert_eq!(output.code, Some(code), "{path}\n{output}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let server = Server::start();
    for args in [&[][..], &["--table", "users", "--column", "picture"]] {
        let output = test(&server, args);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains("there is no column users."), "{output}");
    }
    let output = test(&server, &["--max", "1XB"]);
    assert_eq!(output.code, Some(2), "{output}");
}

#[test]
fn an_account_that_may_only_read() {
    let server = Server::start();
    let _admin = users(&server, "MEDIUMTEXT");
    server.create_user("reader", "secret", &["SELECT ON app.*"]);
    let run = |args: &[&str]| {
        let command = server
            .dbtool()
            .env("DB_USER", "reader")
            .env("DB_PASSWORD", "secret");
        command
            .args(["test-image-size", "--format", "json"])
            .args(args)
            .run()
    };
    let output = run(&["--read-only"]);
    assert_eq!(output.code, Some(0), "{output}");
    let output = run(&[]);
    assert_eq!(output.code, Some(1), "{output}");
    assert!(
        check(&output, "the account may write")["message"]
            .to_string()
            .contains("denied"),
        "{output}"
    );
}

#[test]
fn another_table_whose_rows_refer_to_others() {
    let server = Server::start();
    let mut admin = users(&server, "TEXT");
    admin.exec(
        "CREATE TABLE photos (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, owner INT NOT NULL, picture MEDIUMBLOB NOT NULL, \
         FOREIGN KEY (owner) REFERENCES users (id))",
    );
    admin.exec(
        "INSERT INTO users (email, password_hash, first_name, role, born) VALUES ('a', 'x', 'F', 'host', '2000-01-01')",
    );
    let args = [
        "--table", "photos", "--column", "picture", "--max", "64KB", "--need", "64KB",
    ];
    let output = test(&server, &args);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(json(&output)["largest_data_uri"], 65_534);
    assert_eq!(admin.number("SELECT COUNT(*) FROM photos"), 0);
}
