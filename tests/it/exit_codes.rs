//! One cause, one exit code: each cause is tried with every command that meets it.
//!
//! What a test or check is there to find out is its finding (1); a command that cannot do its work
//! ends with 2, 3 or 4, the same whichever command it is.

use crate::support;

use support::migrations::Folder;
use support::{Admin, Cmd, Output, Server, market};

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

const CONNECTIONS: &[&str] = &["check-connections", "--min-free", "0"];
const SCHEMA: &[&str] = &["check-schema", "--replay", "never", "--dir", MIGRATIONS];
const MIGRATE: &[&str] = &["migrate", "--dir", MIGRATIONS];
const PENDING: &[&str] = &["migrate", "--check", "--dir", MIGRATIONS];
const CREATE: &[&str] = &["create-conversations", "--older-than", "0s"];
const COUNT: &[&str] = &["create-conversations", "--dry-run"];
const CONVERSATIONS: &[&str] = &["test-conversations"];
const IMAGES: &[&str] = &["test-image-size", "--max", "1KB"];
const IMAGE_IN_ONE_STATEMENT: &[&str] = &["test-image-size", "--max", "1KB", "--one-statement"];

const ALL: [&[&str]; 8] = [
    CONNECTIONS,
    SCHEMA,
    MIGRATE,
    PENDING,
    CREATE,
    COUNT,
    CONVERSATIONS,
    IMAGES,
];

/// Runs every command and compares all the exit codes at once; gives what each wrote.
#[track_caller]
fn assert_codes(run: impl Fn(&[&str]) -> Output, expected: &[(&[&str], i32)]) -> Vec<Output> {
    let outputs: Vec<Output> = expected.iter().map(|(arguments, _)| run(arguments)).collect();
    let seen: Vec<_> = expected
        .iter()
        .zip(&outputs)
        .map(|((arguments, _), output)| (*arguments, output.code.unwrap_or(-1)))
        .collect();
    let words: String = outputs.iter().map(|output| format!("{output}\n")).collect();
    assert_eq!(seen, expected, "{words}");
    outputs
}

fn filled(server: &Server) -> Admin {
    market::migrate(server, 1..=5);
    let mut admin = server.admin();
    admin.exec("USE app");
    for sql in [
        "INSERT INTO users (id, email, password_hash, first_name, last_name) \
         VALUES (1, 'a@example.com', 'x', 'A', 'B'), (2, 'b@example.com', 'x', 'A', 'B')",
        "INSERT INTO properties (id, host_id, title, description, property_type, address, city, country, \
         price_per_night) VALUES (1, 1, 't', 'd', 'house', 'a', 'c', 'x', 100)",
        "INSERT INTO bookings (id, property_id, guest_id, host_id, base_price, total_amount, status) \
         VALUES (1, 1, 2, 1, 1, 1, 'confirmed')",
    ] {
        admin.exec(sql);
    }
    let recorded = server
        .dbtool()
        .args(["migrate", "baseline", "005", "--dir", MIGRATIONS])
        .run();
    assert_eq!(recorded.code, Some(0), "{recorded}");
    admin
}

#[test]
fn a_database_without_the_tables() {
    let server = Server::start();
    let outputs = assert_codes(
        |arguments| server.dbtool().args(arguments).run(),
        &[
            (CONNECTIONS, 0),
            (SCHEMA, 1),
            (PENDING, 1),
            (CREATE, 2),
            (COUNT, 2),
            (CONVERSATIONS, 2),
            (&["test-conversations", "--format", "junit"], 2),
            (IMAGES, 2),
            (&["test-image-size", "--read-only"], 2),
        ],
    );
    for output in outputs.iter().filter(|output| output.code == Some(2)) {
        for words in [
            " in app, or this account may not see ",
            "`dbtool migrate",
            "DB_NAME",
        ] {
            assert!(output.stderr.contains(words), "no {words:?}: {output}");
        }
    }
    // The step that the messages name leads on.
    let advised = ["migrate", "005", "--dir", MIGRATIONS];
    assert_codes(
        |arguments| server.dbtool().args(arguments).run(),
        &[(&advised, 0), (CREATE, 0), (CONVERSATIONS, 0), (IMAGES, 0)],
    );
}

#[test]
fn tables_that_the_account_may_not_see() {
    let server = Server::start();
    filled(&server);
    server.create_user("blind", "blind-word", &["SELECT ON app.payment_history"]);
    let outputs = assert_codes(
        |arguments| as_user(&server, "blind", arguments).run(),
        &[(CREATE, 2), (COUNT, 2), (CONVERSATIONS, 2), (IMAGES, 2)],
    );
    for output in outputs {
        assert!(output.stderr.contains("SELECT on"), "{output}");
    }
}

fn as_user(server: &Server, user: &str, arguments: &[&str]) -> Cmd {
    server
        .dbtool()
        .args(arguments)
        .env("DB_USER", user)
        .env("DB_PASSWORD", format!("{user}-word"))
}

#[test]
fn a_database_that_does_not_exist() {
    let server = Server::start();
    server.create_user("boss", "boss-word", &["ALL ON *.*"]);
    let expected: Vec<_> = ALL.iter().map(|arguments| (*arguments, 3)).collect();
    // An account of one database is not told whether another exists.
    for user in ["boss", "app"] {
        let outputs = assert_codes(
            |arguments| {
                let command = server.dbtool().args(arguments).env("DB_NAME", "nowhere");
                match user {
                    "boss" => command.env("DB_USER", "boss").env("DB_PASSWORD", "boss-word"),
                    _ => command,
                }
                .run()
            },
            &expected,
        );
        for output in outputs {
            let number = if user == "boss" {
                "server error 1049"
            } else {
                "server error 1044"
            };
            for words in [number, "nowhere", "DB_NAME"] {
                assert!(output.stderr.contains(words), "no {words:?}: {output}");
            }
        }
    }
}

#[test]
fn an_account_that_may_only_read() {
    let server = Server::start();
    let mut admin = filled(&server);
    admin.exec("DELETE FROM dbtool_migrations");
    let folder = Folder::new(&[("001_more.sql", "CREATE TABLE more (id INT PRIMARY KEY);\n")]);
    let path = folder.path().display().to_string();
    server.create_user("reader", "reader-word", &["SELECT ON app.*"]);
    // Whether the account may write is what the two tests find out.
    let outputs = assert_codes(
        |arguments| as_user(&server, "reader", arguments).run(),
        &[
            (CONNECTIONS, 0),
            (COUNT, 0),
            (CREATE, 4),
            (&["migrate", "--dir", &path], 4),
            (CONVERSATIONS, 1),
            (IMAGES, 1),
        ],
    );
    for output in &outputs[2..4] {
        for words in ["server error 1142", "grant the account"] {
            assert!(output.stderr.contains(words), "no {words:?}: {output}");
        }
    }
    for output in &outputs[4..] {
        for words in ["1142", "--read-only"] {
            assert!(output.stdout.contains(words), "no {words:?}: {output}");
        }
    }
}

#[test]
fn a_read_only_server() {
    let server = Server::start();
    let mut admin = filled(&server);
    admin.exec("DELETE FROM dbtool_migrations WHERE version = 5");
    let made = server.dbtool().args(CREATE).run();
    assert_eq!(made.code, Some(0), "{made}");
    admin.exec("SET GLOBAL read_only = 1");
    let outputs = assert_codes(
        |arguments| {
            server
                .dbtool()
                .args(arguments)
                .env("DB_ACQUIRE_TIMEOUT", "3000")
                .run()
        },
        &[
            (CONNECTIONS, 0),
            (COUNT, 0),
            (CONVERSATIONS, 0),
            (IMAGES, 0),
            (CREATE, 3),
            (MIGRATE, 3),
        ],
    );
    for output in &outputs[4..] {
        for words in ["server error 1290", "read-only: connect to the primary"] {
            assert!(output.stderr.contains(words), "no {words:?}: {output}");
        }
    }
}

/// Makes every statement that reads this table wait this long for each row.
fn slow(admin: &mut Admin, table: &str, seconds: u32) {
    admin.exec("SET FOREIGN_KEY_CHECKS = 0");
    admin.exec(&format!("RENAME TABLE {table} TO {table}_behind"));
    admin.exec(&format!(
        "CREATE VIEW {table} AS SELECT * FROM {table}_behind WHERE SLEEP({seconds}) = 0"
    ));
}

#[test]
fn a_server_that_ends_meanwhile() {
    for (table, arguments) in [
        ("bookings", CREATE),
        ("bookings", COUNT),
        ("users", CONVERSATIONS),
        ("", IMAGES),
        ("", IMAGE_IN_ONE_STATEMENT),
    ] {
        let server = Server::start();
        let mut admin = filled(&server);
        if table.is_empty() {
            // It writes, so that a view does not do.
            admin.exec("CREATE TRIGGER slow BEFORE INSERT ON users FOR EACH ROW DO SLEEP(30)");
        } else {
            slow(&mut admin, table, 30);
        }
        let mut running = server.dbtool().args(arguments).spawn();
        support::wait_until(
            support::PATIENCE,
            &format!("a slow statement of {arguments:?}"),
            || {
                assert_eq!(running.poll(), None, "{arguments:?}: {}", running.stderr_so_far());
                // In a trigger MariaDB shows the account that made the trigger.
                admin.number(
                    "SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() \
                     AND command = 'Query' AND time >= 1",
                ) > 0
            },
        );
        server.kill();
        let output = running.wait();
        assert_eq!(output.code, Some(4), "{arguments:?}: {output}");
        for words in ["connection to the server was lost", "check that the server is up"] {
            assert!(
                output.stderr.contains(words),
                "{arguments:?}: no {words:?}: {output}"
            );
        }
    }
}

#[test]
fn a_statement_that_the_server_itself_ends() {
    let server = Server::start();
    let mut admin = filled(&server);
    slow(&mut admin, "bookings", 1);
    let (limit, none, said) = if server.is_mysql() {
        (
            "max_execution_time = 400",
            "max_execution_time = 0",
            "max_execution_time = 400 ms",
        )
    } else {
        (
            "max_statement_time = 0.4",
            "max_statement_time = 0",
            "max_statement_time = 0.4 s",
        )
    };
    admin.exec(&format!("SET GLOBAL {limit}"));
    let outputs = assert_codes(
        |arguments| server.dbtool().args(arguments).run(),
        &[(COUNT, 4), (CREATE, 4), (CONVERSATIONS, 4)],
    );
    for output in &outputs {
        for words in [said, "an administrator raises it with SET GLOBAL max_"] {
            assert!(output.stderr.contains(words), "no {words:?}: {output}");
        }
    }
    // What the message says is done, and the command succeeds.
    admin.exec(&format!("SET GLOBAL {none}"));
    let count = |arguments: &[&str]| server.dbtool().args(arguments).run();
    assert_codes(count, &[(COUNT, 0)]);
    if !server.is_mysql() {
        admin.exec("ALTER USER app WITH MAX_STATEMENT_TIME 0.4");
        let ended = assert_codes(count, &[(COUNT, 4)]);
        for words in [said, "ALTER USER … WITH MAX_STATEMENT_TIME N"] {
            assert!(ended[0].stderr.contains(words), "no {words:?}: {}", ended[0]);
        }
        admin.exec("ALTER USER app WITH MAX_STATEMENT_TIME 600");
        assert_codes(count, &[(COUNT, 0)]);
    }
}
