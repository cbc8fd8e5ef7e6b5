//! What the application does while the migration runs, or while it lies interrupted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::{Server, Signal};
use super::{Admin, LEGACY, assert_all_moved, before, script};

/// A message with the column that only the old table has: refused by the new one.
const WRITE: &str =
    "INSERT INTO messages (booking_id, property_id, sender_id, recipient_id, subject, message) VALUES ";

/// Unknown column: the table is the new one.
const UNKNOWN_COLUMN: u16 = 1054;

fn code(error: &mysql_async::Error) -> u16 {
    match error {
        mysql_async::Error::Server(error) => error.code,
        other => panic!("{other}"),
    }
}

/// Writes, reads, changes and deletes old messages until the table is the new one. Returns how many it wrote.
fn old_application(mut admin: Admin) -> u64 {
    admin.exec("USE app");
    for round in 0_u64.. {
        // As many messages as people write, not as many as a server in memory takes.
        std::thread::sleep(std::time::Duration::from_millis(5));
        let (booking, property) = (round % 40 + 100, round % 30 + 1);
        let (guest, host) = (round % 13 + 1, round % 7 + 20);
        for statement in [
            format!("{WRITE} ({booking}, NULL, {guest}, {host}, 's', 'booked {round}')"),
            format!("{WRITE} (NULL, {property}, {host}, {guest}, 's', 'asked {round}')"),
            format!(
                "UPDATE messages SET is_read = 1, read_at = NOW(), subject = subject WHERE id = {}",
                round * 7 % 300
            ),
            format!(
                "DELETE FROM messages WHERE id = {} AND NOT (subject <=> '')",
                round * 11 % 300 + 1
            ),
            // An inquiry becomes a booking, and its messages those of the booking.
            format!(
                "UPDATE messages SET booking_id = {booking}, subject = subject WHERE id = {} AND property_id IS NOT NULL",
                round * 5 % 300
            ),
        ] {
            match admin.try_exec(&statement) {
                Ok(()) => {}
                Err(error) if code(&error) == UNKNOWN_COLUMN => return round,
                Err(error) => panic!("{error}\n  in: {statement}"),
            }
        }
    }
    unreachable!()
}

/// Reads over and over; what went wrong.
fn reader(mut admin: Admin, stop: &AtomicBool) -> Vec<String> {
    admin.exec("USE app");
    let mut errors = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        if let Err(error) = admin.try_exec("SELECT id, sender_id, message FROM messages ORDER BY id LIMIT 5")
        {
            errors.push(error.to_string());
        }
    }
    errors
}

fn statements_done(admin: &mut Admin) -> u64 {
    admin.number("SELECT COALESCE(MAX(statements_done), 0) FROM app.dbtool_migrations WHERE version = 5")
}

fn migrate(server: &Server, args: &[&str]) -> super::support::Running {
    let command = server.dbtool().arg("migrate").args(args);
    command
        .args(["--lock-wait", "60", "--dir"])
        .arg(super::support::migrations::shipped())
        .spawn()
}

#[test]
fn killed_at_every_statement_it_takes_no_table_away_and_loses_no_message() {
    let (server, mut admin) = before();
    let output = migrate(&server, &["baseline", "004"]).wait();
    assert_eq!(output.code, Some(0), "{output}");
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (admin, stop) = (server.admin(), Arc::clone(&stop));
            std::thread::spawn(move || reader(admin, &stop))
        })
        .collect();
    let writer = {
        let admin = server.admin();
        std::thread::spawn(move || old_application(admin))
    };
    let mut kills = 0;
    loop {
        let before = statements_done(&mut admin);
        let mut running = migrate(&server, &[]);
        while running.poll().is_none() && statements_done(&mut admin) <= before {}
        running.signal(Signal::KILL);
        let output = running.wait();
        if output.code == Some(0) {
            break;
        }
        assert_eq!(output.signal, Some(9), "{output}");
        kills += 1;
        assert!(kills < 200, "no end in sight");
    }
    let written = writer.join().expect("the application met an error");
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        assert_eq!(
            reader.join().expect("a reader"),
            [""; 0],
            "a reader was turned away"
        );
    }
    assert!(
        kills > 10 && written > 10,
        "{kills} kills, {written} rounds of messages"
    );
    let legacy = admin.query(&LEGACY.replace("{table}", "messages_legacy"));
    assert_all_moved(&mut admin, &legacy);
}

/// Runs the migration and calls `before_swap` and `after_swap` around its RENAME TABLE.
fn with_swap(admin: &mut Admin, before_swap: &[&str], after_swap: &[&str]) {
    for statement in dbtool::sql::split(&script(), Default::default())
        .unwrap()
        .statements
    {
        let swap = statement.text.starts_with("RENAME TABLE");
        let (first, then): (&[&str], &[&str]) = if swap {
            (before_swap, after_swap)
        } else {
            (&[], &[])
        };
        first.iter().for_each(|sql| admin.exec(sql));
        admin.exec(statement.text);
        then.iter().for_each(|sql| admin.exec(sql));
    }
}

#[test]
fn what_is_written_just_before_the_swap_arrives_and_what_is_done_after_it_stays() {
    let (_server, mut admin) = before();
    admin.exec("DELETE FROM messages");
    admin.exec("INSERT INTO users (id, email, password_hash, first_name, last_name) VALUES (9001, 'gone@example.com', 'x', 'G', 'One')");
    // Conversations 1 and 2 of bookings, 4 of a pair, 6 to be deleted, 8 with a recipient to be deleted.
    admin.exec(
        "INSERT INTO messages (id, booking_id, property_id, sender_id, recipient_id, message) VALUES \
         (1, 1, NULL, 2, 3, 'one'), (2, 2, NULL, 2, 3, 'two'), (3, 2, NULL, 3, 2, 'three'), (4, NULL, 5, 2, 3, 'four'), \
         (5, NULL, 5, 3, 2, 'five'), (6, 3, NULL, 2, 3, 'six'), (7, 3, NULL, 3, 2, 'seven'), (8, 4, NULL, 2, 9001, 'eight')",
    );
    with_swap(
        &mut admin,
        &[
            "INSERT INTO messages (id, booking_id, property_id, sender_id, recipient_id, message) VALUES \
             (11, 1, NULL, 3, 2, 'late in one'), (12, 5, NULL, 2, 3, 'late, of a booking'), (13, NULL, 6, 2, 3, 'late pair'), \
             (14, NULL, 6, 3, 2, 'late pair'), (15, 3, NULL, 3, 2, 'late in a deleted one'), (16, NULL, NULL, 2, 3, 'kept'), \
             (17, 6, NULL, 2, 3, 'late, of a booking that has one by then')",
            "UPDATE messages SET is_read = 1 WHERE id IN (2, 3, 7)",
            "DELETE FROM messages WHERE id IN (4, 5)",
        ],
        &[
            "INSERT INTO conversations (property_id, booking_id) SELECT property_id, id FROM bookings WHERE id = 6",
            "SET @c = LAST_INSERT_ID()",
            "INSERT INTO messages (conversation_id, sender_id, message) VALUES (@c, 2, 'new')",
            "UPDATE messages SET message = 'three, edited' WHERE id = 3",
            "UPDATE messages SET message = 'five, edited' WHERE id = 5",
            "DELETE FROM conversations WHERE booking_id = 3",
            "DELETE FROM users WHERE id = 9001",
        ],
    );
    let rows = admin.query(
        "SELECT CONCAT_WS(' ', m.id, IF(c.id = m.id, 'first', c.id), c.booking_id, c.property_id IS NULL, m.message, m.is_read) \
         FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.message <> 'new' ORDER BY m.id",
    );
    let booked = admin.value("SELECT id FROM conversations WHERE booking_id = 6");
    assert_eq!(
        rows.into_iter().flatten().flatten().collect::<Vec<_>>(),
        [
            "1 first 1 0 one 0".to_owned(),
            "2 first 2 0 two 1".into(),
            "3 2 2 0 three, edited 0".into(),
            "5 4 0 five, edited 0".into(),
            "8 first 4 0 eight 0".into(),
            "11 1 1 0 late in one 0".into(),
            "12 first 5 0 late, of a booking 0".into(),
            "13 first 0 late pair 0".into(),
            "14 13 0 late pair 0".into(),
            // Its conversation was deleted without anybody having seen it.
            "15 first 3 0 late in a deleted one 0".into(),
            format!("17 {booked} 6 0 late, of a booking that has one by then 0"),
        ]
    );
    let people = "SELECT GROUP_CONCAT(conversation_id, ':', user_id ORDER BY conversation_id, user_id) \
        FROM conversation_participants WHERE conversation_id IN (12, 13)";
    assert_eq!(admin.value(people), "12:2,12:3,13:2,13:3");
    let (new, late) = (
        admin.number("SELECT id FROM messages WHERE message = 'new'"),
        admin.number("SELECT MAX(id) FROM messages_legacy"),
    );
    assert!(new > late, "{new}, {late}: an id was given twice");
    assert_eq!(
        admin.value("SELECT COUNT(*) FROM messages_legacy WHERE id = 16"),
        "1"
    );
}

#[test]
fn rows_in_a_replaced_table_stop_it_and_are_kept() {
    let (_server, mut admin) = before();
    let mut failed = None;
    for statement in dbtool::sql::split(&script(), Default::default())
        .unwrap()
        .statements
    {
        if statement.text.starts_with("RENAME TABLE") {
            admin.exec("INSERT INTO conversations (id) VALUES (7)");
        }
        if let Err(error) = admin.try_exec(statement.text) {
            failed = Some(error.to_string());
            break;
        }
    }
    let failed = failed.expect("it does not notice");
    assert!(failed.contains("tables_to_be_replaced_are_empty"), "{failed}");
    assert_eq!(admin.value("SELECT COUNT(*) FROM conversations_replaced"), "1");
    assert_ne!(admin.value("SELECT COUNT(*) FROM conversations"), "0");
}
