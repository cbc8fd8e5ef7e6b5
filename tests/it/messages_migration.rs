//! Migration 005: every legacy message ends up where the rules say, and none is lost.

use crate::support;
use crate::support::market;

#[allow(dead_code)]
mod before_it;
mod meanwhile;

use std::collections::{BTreeMap, BTreeSet};

use market::{Market, migrate};
use support::{Admin, Server};

/// Legacy messages that the demo data does not have: (booking, property, sender, recipient, text, read_at, created_at).
const MORE: [&str; 9] = [
    // Times that tie across ids, and one that is not known.
    "(NULL, 1, 1, 2, 'second', NULL, '2020-01-01 10:00:00')",
    "(NULL, 1, 2, 1, 'third', NULL, '2020-01-01 10:00:00')",
    "(NULL, 1, 2, 1, 'first', NULL, '2019-12-31 10:00:00')",
    "(NULL, 1, 1, 2, 'when?', NULL, NULL)",
    // To nobody, from nobody, to oneself.
    "(NULL, 2, 1, NULL, 'anybody?', NULL, '2020-01-01 10:00:00')",
    "(1, NULL, NULL, 3, NULL, NULL, '2020-01-01 10:00:00')",
    "(NULL, 2, 3, 3, 'note to self', '2020-02-02 10:00:00', '2020-01-01 10:00:00')",
    // Of a booking with another property written on it, and of nothing at all.
    "(2, 1, 1, 2, 'elsewhere', NULL, '2020-01-01 10:00:00')",
    "(NULL, NULL, 1, 2, 'lost', NULL, '2020-01-01 10:00:00')",
];

const LEGACY: &str = "SELECT m.id, m.booking_id, COALESCE(b.property_id, m.property_id), m.sender_id, m.recipient_id, \
     HEX(m.message), m.is_read, CAST(m.read_at AS CHAR), CAST(m.created_at AS CHAR) \
     FROM {table} AS m LEFT JOIN bookings AS b ON b.id = m.booking_id ORDER BY m.id";

const MOVED: &str = "SELECT n.id, c.id, c.booking_id, c.property_id, n.sender_id, n.recipient_id, HEX(n.message), \
     n.is_read, CAST(n.read_at AS CHAR), CAST(n.created_at AS CHAR), CAST(c.created_at AS CHAR) \
     FROM messages AS n JOIN conversations AS c ON c.id = n.conversation_id ORDER BY n.id";

type Row = Vec<Option<String>>;
/// A booking, or a property and two people.
type Group = (Option<String>, Option<String>, BTreeSet<Option<String>>);

/// A market at 004 with the demo's messages and more.
fn before() -> (Server, Admin) {
    let server = Server::start();
    migrate(&server, 1..=2);
    let mut admin = server.admin();
    admin.exec("USE app");
    for statement in dbtool::sandbox::demo::rows(&dbtool::sandbox::demo::DemoSpec {
        bookings: 400,
        seed: 5,
    }) {
        admin.exec(&statement);
    }
    let columns = "(booking_id, property_id, sender_id, recipient_id, message, read_at, created_at)";
    admin.exec(&format!(
        "INSERT INTO messages {columns} VALUES {}",
        MORE.join(",")
    ));
    // Its messages lose their booking, and go by property and pair from then on.
    admin.exec("DELETE FROM bookings WHERE id = 7");
    migrate(&server, 3..=4);
    (server, admin)
}

/// The migration's text.
fn script() -> String {
    std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/migrations/005_messaging.sql"
    ))
    .expect("the migration")
}

/// What holds messages together: a booking, or a property and a pair.
fn group(message: &Row) -> Option<Group> {
    let [_, booking, property, sender, recipient, ..] = &message[..] else {
        panic!("{message:?}")
    };
    match (booking, property) {
        (Some(_), _) => Some((booking.clone(), None, BTreeSet::new())),
        (None, Some(_)) => Some((
            None,
            property.clone(),
            BTreeSet::from([sender.clone(), recipient.clone()]),
        )),
        (None, None) => None,
    }
}

/// Asserts that each of the legacy messages is in the conversation it belongs to, unchanged, or kept.
fn assert_all_moved(admin: &mut Admin, legacy: &[Row]) {
    let moved: BTreeMap<Option<String>, Row> = admin
        .query(MOVED)
        .into_iter()
        .map(|row| (row[0].clone(), row))
        .collect();
    let mut groups: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
    let mut kept = 0;
    for message in legacy {
        let now = moved.get(&message[0]);
        let Some(group) = group(message) else {
            assert_eq!(now, None, "{message:?} belongs nowhere");
            kept += 1;
            continue;
        };
        let now = now.unwrap_or_else(|| panic!("{message:?} is lost"));
        assert_eq!(now[4..10], message[3..9], "a message changed");
        groups.entry(group).or_default().push(message);
    }
    assert!(kept >= 4, "the data lacks messages without booking and property");
    assert_eq!(moved.len() + kept, legacy.len());

    let mut participants: BTreeMap<Option<String>, BTreeSet<Option<String>>> = BTreeMap::new();
    for row in admin.query("SELECT conversation_id, user_id FROM conversation_participants") {
        participants
            .entry(row[0].clone())
            .or_default()
            .insert(row[1].clone());
    }
    let mut seen = BTreeSet::new();
    for ((booking, ..), messages) in &groups {
        let conversations: BTreeSet<_> = messages.iter().map(|message| &moved[&message[0]][1]).collect();
        assert_eq!(conversations.len(), 1, "{messages:?}");
        let now = &moved[&messages[0][0]];
        assert!(
            seen.insert(now[1].clone()),
            "two groups in one conversation: {messages:?}"
        );
        assert_eq!(&now[2], booking);
        assert_eq!(now[3], messages[0][2], "the property");
        let people: BTreeSet<_> = messages
            .iter()
            .flat_map(|message| &message[3..5])
            .filter(|user| user.is_some())
            .cloned()
            .collect();
        assert_eq!(participants.get(&now[1]), Some(&people));
        assert_eq!(
            now[10],
            messages.iter().filter_map(|message| message[8].clone()).min(),
            "the first message's time"
        );
    }
    assert_eq!(
        admin.number("SELECT COUNT(*) FROM conversations"),
        groups.len() as u64
    );
    let left = admin.number(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app' AND (table_name LIKE '%\\_new' \
         OR table_name LIKE '%\\_replaced' OR table_name LIKE 'messages\\_migration%')",
    );
    assert_eq!(left, 0, "helper tables are left behind");
}

#[test]
fn every_message_is_in_the_conversation_it_belongs_to() {
    let (server, mut admin) = before();
    let legacy = admin.query(&LEGACY.replace("{table}", "messages"));
    migrate(&server, 5..=5);
    assert_eq!(
        admin.query(&LEGACY.replace("{table}", "messages_legacy")),
        legacy,
        "the old messages stay as they were"
    );
    assert_all_moved(&mut admin, &legacy);
}

#[test]
fn a_message_that_changes_on_the_way_fails_the_migration_and_loses_nothing() {
    let (_server, mut admin) = before();
    let legacy = admin.query(&LEGACY.replace("{table}", "messages"));
    let script = script();
    let failed = dbtool::sql::split(&script, Default::default())
        .unwrap()
        .statements
        .iter()
        .find_map(|statement| {
            if statement.text.starts_with(
                "INSERT INTO messages_migration_check (what, expected, found)\nSELECT 'messages',",
            ) {
                admin.exec("UPDATE messages_new SET is_read = 1 - is_read ORDER BY id LIMIT 1");
            }
            admin.try_exec(statement.text).err()
        });
    let error = failed.expect("the migration does not notice").to_string();
    assert!(
        error.contains("every_legacy_message_is_moved_unchanged"),
        "{error}"
    );
    assert_eq!(
        admin.query(&LEGACY.replace("{table}", "messages")),
        legacy,
        "the application goes on with the old table"
    );
}

#[test]
fn an_empty_market_migrates() {
    let market = Market::start();
    assert_eq!(market.admin().number("SELECT COUNT(*) FROM messages"), 0);
}
