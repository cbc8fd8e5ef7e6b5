//! `dbtool test-conversations` against a real server: what passes, and what each check finds.

use crate::support;

use serde_json::{Value, json};
use support::{Output, Server};

const TABLES: [&str; 6] = [
    "users",
    "properties",
    "bookings",
    "conversations",
    "conversation_participants",
    "messages",
];

/// A host, two guests and two conversations; the newest message of the first is unread for the host.
const DATA: &str = "
    INSERT INTO users (id, email, password_hash, first_name, last_name) VALUES
      (1, 'host@example.com', 'x', 'Hanna', 'Host'), (2, 'guest@example.com', 'x', 'Gus', 'Guest'),
      (3, 'other@example.com', 'x', 'Ola', 'Other');
    INSERT INTO properties (id, host_id, title, description, property_type, address, city, country, price_per_night)
      VALUES (1, 1, 'Cabin', 'd', 'cabin', 'a', 'c', 'n', 10), (2, 1, 'Villa', 'd', 'villa', 'a', 'c', 'n', 10);
    INSERT INTO bookings (id, property_id, guest_id, host_id, check_in_date, check_out_date, guests_count, base_price,
      total_amount, status) VALUES (1, 1, 2, 1, '2025-01-01', '2025-01-02', 1, 10, 10, 'confirmed'),
      (2, 2, 3, 1, '2025-01-01', '2025-01-02', 1, 10, 10, 'cancelled');
    INSERT INTO conversations (id, property_id, booking_id, created_at) VALUES
      (1, 1, 1, '2025-01-01 10:00:00'), (2, 2, NULL, '2025-01-01 09:00:00'), (3, NULL, NULL, '2025-01-01 08:00:00');
    INSERT INTO conversation_participants (conversation_id, user_id, archived_at) VALUES
      (1, 1, NULL), (1, 2, NULL), (2, 1, NULL), (2, 3, NULL), (3, 1, '2025-02-01'), (3, 3, NULL);
    INSERT INTO messages (id, conversation_id, sender_id, recipient_id, message, is_read, created_at) VALUES
      (1, 1, 2, 1, 'hello', 1, '2025-01-01 10:00:00'), (2, 1, 1, 2, 'welcome', 1, '2025-01-01 11:00:00'),
      (3, 1, 2, 1, 'see you', 0, '2025-01-01 12:00:00'), (4, 2, 3, 1, 'is it free?', 1, '2025-01-01 09:00:00')";

fn migrated(upto: usize) -> Server {
    let server = Server::start();
    let mut files: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
        .expect("the migrations")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    let mut admin = server.admin();
    admin.exec("USE app");
    for file in files.iter().take(upto) {
        admin.exec(&std::fs::read_to_string(file).expect("a migration"));
    }
    server
}

fn filled() -> Server {
    let server = migrated(usize::MAX);
    let mut admin = server.admin();
    admin.exec("USE app");
    admin.exec(DATA);
    server
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"))
}

fn test(server: &Server, args: &[&str]) -> Output {
    server
        .dbtool()
        .args(["test-conversations", "--format", "json"])
        .args(args)
        .run()
}

/// The check whose name contains `name`.
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
fn sound_data_passes_and_stays_as_it_was() {
    let server = filled();
    let before = server.counters();
    let checksums = || {
        let mut admin = server.admin();
        admin.exec("USE app");
        admin.query(&format!("CHECKSUM TABLE {}", TABLES.join(", ")))
    };
    let sums = checksums();
    let output = test(&server, &[]);
    assert_eq!(output.code, Some(0), "{output}");
    let value = json(&output);
    assert_eq!(value["schema"], "dbtool.test-conversations/1");
    assert_eq!(value["user"], json!({"id": 1, "email": "host@example.com"}));
    assert_eq!(
        value["listing"],
        json!([
            {"id": 1, "title": "Cabin", "last_message": "see you", "last_message_at": "2025-01-01 12:00:00",
             "unread": 1, "participants": 2},
            {"id": 2, "title": "Villa", "last_message": "is it free?", "last_message_at": "2025-01-01 09:00:00",
             "unread": 0, "participants": 2},
        ])
    );
    assert_eq!(value["tally"]["failed"], 0);
    assert_eq!(value["tally"]["skipped"], 0);
    assert_eq!(check(&output, "rolled back, nothing is left")["status"], "passed");
    assert!(
        check(&output, "archived conversations are left out")["message"]
            .to_string()
            .contains("1 archived")
    );
    assert_eq!(sums, checksums());
    server.assert_unchanged(&before);

    // A conversation without a property takes the others' names.
    let output = test(&server, &["--user", "other@example.com", "--read-only"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(json(&output)["listing"][1]["title"], "Hanna Host");
    let output = test(&server, &["--all-users", "--read-only"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(
        (
            &json(&output)["users_listed"],
            &json(&output)["conversations_listed"]
        ),
        (&json!(3), &json!(5))
    );
    let output = test(&server, &["--all-users", "--sample", "2", "--read-only"]);
    assert_eq!(json(&output)["users_listed"], 2, "{output}");
}

#[test]
fn each_broken_invariant_is_found_with_its_rows() {
    let server = filled();
    let mut admin = server.admin();
    admin.exec("USE app");
    admin.exec("SET foreign_key_checks = 0");
    for (name, harm, repair, sample, code) in [
        (
            "every message belongs",
            "INSERT INTO messages (id, conversation_id, sender_id, message) VALUES (90, 77, NULL, 'x')",
            "DELETE FROM messages WHERE id = 90",
            "message 90 of conversation 77",
            1,
        ),
        (
            "every participant exists",
            "INSERT INTO conversation_participants (conversation_id, user_id) VALUES (1, 77)",
            "DELETE FROM conversation_participants WHERE user_id = 77",
            "user 77 in conversation 1",
            1,
        ),
        (
            "every conversation has two participants",
            "DELETE FROM conversation_participants WHERE conversation_id = 1 AND user_id = 1",
            "INSERT INTO conversation_participants (conversation_id, user_id) VALUES (1, 1)",
            "conversation 1 of booking 1",
            1,
        ),
        (
            "every booking has a conversation",
            "UPDATE bookings SET status = 'pending' WHERE id = 2; UPDATE conversations SET property_id = 1 WHERE id = 2",
            "UPDATE bookings SET status = 'cancelled' WHERE id = 2; UPDATE conversations SET property_id = 2 WHERE id = 2",
            "booking 2 (pending) of guest 3",
            1,
        ),
        (
            "no booking has two",
            "UPDATE conversations SET booking_id = 1, property_id = 1 WHERE id = 2",
            "UPDATE conversations SET booking_id = NULL, property_id = 2 WHERE id = 2",
            "booking 1: 2 conversations",
            1,
        ),
        (
            "of one property",
            "UPDATE conversations SET property_id = 2 WHERE id = 1",
            "UPDATE conversations SET property_id = 1 WHERE id = 1",
            "conversation 1 (property 2) of booking 1 (property 1)",
            1,
        ),
        (
            "senders take part",
            "UPDATE messages SET sender_id = 3 WHERE id = 1",
            "UPDATE messages SET sender_id = 2 WHERE id = 1",
            "message 1 from user 3 in conversation 1",
            1,
        ),
        (
            "unread messages are for participants",
            "UPDATE messages SET recipient_id = 3 WHERE id = 3",
            "UPDATE messages SET recipient_id = 1 WHERE id = 3",
            "message 3 for user 3 in conversation 1",
            1,
        ),
        (
            "one message is the last",
            "UPDATE messages SET created_at = '2025-01-01 12:00:00' WHERE id = 2",
            "UPDATE messages SET created_at = '2025-01-01 11:00:00' WHERE id = 2",
            "conversation 1 at 2025-01-01 12:00:00",
            0,
        ),
    ] {
        admin.exec(harm);
        let output = test(&server, &["--read-only"]);
        admin.exec(repair);
        let found = check(&output, name);
        assert_eq!(output.code, Some(code), "{name}\n{output}");
        assert_eq!(
            found["status"],
            if code == 1 { "failed" } else { "warned" },
            "{found}"
        );
        assert_eq!(found["details"][0], sample, "{found}");
        assert!(found["message"].to_string().contains("1 "), "{found}");
        assert!(found["details"][1].to_string().contains("next: "), "{found}");
    }
    assert_eq!(test(&server, &["--read-only"]).code, Some(0));
}

#[test]
fn a_message_to_oneself_needs_no_partner_and_one_to_a_deleted_user_does() {
    let server = filled();
    let mut admin = server.admin();
    admin.exec("USE app");
    admin.exec("INSERT INTO conversations (id, property_id) VALUES (8, 1), (9, 1)");
    admin.exec("INSERT INTO conversation_participants (conversation_id, user_id) VALUES (8, 1), (9, 1)");
    admin.exec("INSERT INTO messages (conversation_id, sender_id, recipient_id, message) VALUES (8, 1, 1, 'buy soap')");
    admin.exec("INSERT INTO messages (conversation_id, sender_id, message) VALUES (9, 1, 'still there?')");
    let output = test(&server, &["--read-only"]);
    let found = check(&output, "every conversation has two participants");
    assert_eq!(found["details"][0], "conversation 9", "{output}");
    assert_eq!(found["message"], "1 conversations with fewer", "{output}");
    admin.exec("DELETE FROM conversations WHERE id = 9");
    assert_eq!(test(&server, &["--read-only"]).code, Some(0));
}

#[test]
fn a_booking_that_shares_a_conversation_is_covered() {
    let server = filled();
    let mut admin = server.admin();
    admin.exec("USE app");
    // Guest and host of booking 2 take part in conversation 2 of the same property.
    admin.exec("UPDATE bookings SET status = 'confirmed' WHERE id = 2");
    let output = test(&server, &["--read-only"]);
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn a_missing_index_is_named_with_its_statement() {
    let server = filled();
    let mut admin = server.admin();
    admin.exec("USE app");
    admin.exec("ALTER TABLE messages DROP FOREIGN KEY fk_conversation_messages_conversation");
    admin.exec("ALTER TABLE messages DROP KEY idx_messages_conversation");
    let output = test(&server, &["--read-only"]);
    assert_eq!(output.code, Some(1), "{output}");
    let found = check(&output, "the list has the indexes it needs");
    assert_eq!(
        found["details"],
        json!(["fix: CREATE INDEX idx_messages_conversation ON messages (conversation_id, created_at)"])
    );
    // With rows enough to matter, the plan says so too.
    for _ in 0..10 {
        admin.exec(
            "INSERT INTO messages (conversation_id, sender_id, recipient_id, message, is_read, created_at)
             SELECT conversation_id, sender_id, recipient_id, 'x', 1, created_at - INTERVAL id SECOND FROM messages",
        );
    }
    admin.exec("ANALYZE TABLE messages");
    let output = test(&server, &["--read-only"]);
    let found = check(&output, "the list reads no whole table");
    assert_eq!(found["status"], "failed", "{output}");
    assert!(
        found["details"].to_string().contains("of messages are read"),
        "{found}"
    );
}

#[test]
fn a_slow_list_fails_with_its_plan() {
    let server = filled();
    let output = test(&server, &["--slow-ms", "0"]);
    assert_eq!(output.code, Some(1), "{output}");
    let found = check(&output, "the list is fast");
    assert_eq!(found["status"], "failed");
    // Which index is used is the optimiser's choice; that each step is shown is not.
    let plan = found["details"].to_string();
    assert!(plan.contains(" me: ") && plan.contains(" rows"), "{found}");
    assert_eq!(test(&server, &["--slow-ms", "600000"]).code, Some(0));
}

#[test]
fn what_is_not_there_is_named() {
    let server = migrated(1);
    let output = test(&server, &[]);
    assert_eq!(output.code, Some(2), "{output}");
    for words in ["no table conversations", "`dbtool migrate 005`"] {
        assert!(output.stderr.contains(words), "no {words:?}: {output}");
    }

    let server = migrated(usize::MAX);
    let output = test(&server, &[]);
    assert_eq!(output.code, Some(0), "an empty database\n{output}");
    for user in ["nobody@example.com", "17"] {
        let output = test(&server, &["--user", user]);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(
            output.stderr.contains(&format!("there is no user \"{user}\"")),
            "{output}"
        );
    }
}

#[test]
fn an_account_that_may_only_read() {
    let server = filled();
    server.create_user("reader", "secret", &["SELECT ON app.*"]);
    let run = |args: &[&str]| {
        let command = server
            .dbtool()
            .env("DB_USER", "reader")
            .env("DB_PASSWORD", "secret");
        command
            .args(["test-conversations", "--format", "json"])
            .args(args)
            .run()
    };
    let output = run(&["--read-only"]);
    assert_eq!(output.code, Some(0), "{output}");
    let output = run(&[]);
    assert_eq!(output.code, Some(1), "{output}");
    let found = check(&output, "every step is accepted");
    assert!(found["message"].to_string().contains("denied"), "{found}");
    assert!(found["details"].to_string().contains("--read-only"), "{found}");
}

#[test]
fn ci_formats() {
    let server = filled();
    server
        .admin()
        .exec("UPDATE app.messages SET sender_id = 3 WHERE id = 1");
    for (format, part) in [
        (
            "junit",
            "<failure message=\"1 messages from users who do not\">message 1 from user 3 in conversation 1",
        ),
        (
            "github",
            "::error title=invariants%3A senders take part in the conversation::1 messages",
        ),
        (
            "text",
            "FAILED   senders take part in the conversation: 1 messages from users who do not",
        ),
    ] {
        let output = server
            .dbtool()
            .args(["test-conversations", "--read-only", "--format", format])
            .run();
        assert_eq!(output.code, Some(1), "{output}");
        assert!(output.stdout.contains(part), "{part:?}\n{output}");
    }
}
