//! A small marketplace on a private server, and the rule over values in memory.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use dbtool::sandbox::Account;
use dbtool::sandbox::demo::{DemoSpec, rows};
use dbtool::sql::{SplitOptions, split};

use super::{Admin, Cmd, Server};

/// A row of `bookings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booking {
    pub id: i64,
    pub property: Option<i64>,
    pub guest: Option<i64>,
    pub host: Option<i64>,
    pub status: &'static str,
}

/// A conversation without its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conversation {
    pub property: Option<i64>,
    pub booking: Option<i64>,
    pub participants: BTreeSet<i64>,
}

/// The summary's counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub bookings: u64,
    pub created: u64,
    pub linked: u64,
    pub repaired: u64,
    pub covered: u64,
    pub without_people: u64,
    pub without_property: u64,
}

impl Counts {
    pub fn read(json: &serde_json::Value) -> Counts {
        let number = |value: &serde_json::Value| value.as_u64().unwrap();
        Counts {
            bookings: number(&json["bookings"]),
            created: number(&json["created"]),
            linked: number(&json["linked"]),
            repaired: number(&json["repaired"]),
            covered: number(&json["covered"]),
            without_people: number(&json["skipped"]["without_guest_or_host"]),
            without_property: number(&json["skipped"]["without_property"]),
        }
    }
}

/// In the order of [`Market::conversations`].
pub fn sorted(mut conversations: Vec<Conversation>) -> Vec<Conversation> {
    conversations.sort();
    conversations
}

/// The rule, booking by booking.
pub fn model(
    bookings: &[Booking],
    before: &[Conversation],
    per_booking: bool,
) -> (Counts, Vec<Conversation>) {
    let mut conversations = before.to_vec();
    let mut counts = Counts::default();
    // First of all, conversations of a booking get the people they lack.
    let mut repaired = BTreeSet::new();
    for booking in bookings {
        let (Some(_), Some(guest), Some(host)) = (booking.property, booking.guest, booking.host) else {
            continue;
        };
        if !["pending", "confirmed", "completed"].contains(&booking.status) {
            continue;
        }
        for own in conversations
            .iter_mut()
            .filter(|own| own.booking == Some(booking.id))
        {
            if own.participants.insert(guest) | own.participants.insert(host) {
                repaired.insert(booking.id);
            }
        }
    }
    counts.repaired = repaired.len() as u64;
    for booking in bookings {
        if !["pending", "confirmed", "completed"].contains(&booking.status) {
            continue;
        }
        counts.bookings += 1;
        let Some(property) = booking.property else {
            counts.without_property += 1;
            continue;
        };
        let (Some(guest), Some(host)) = (booking.guest, booking.host) else {
            counts.without_people += 1;
            continue;
        };
        let people = BTreeSet::from([guest, host]);
        if conversations
            .iter()
            .any(|conversation| conversation.booking == Some(booking.id))
        {
            counts.covered += u64::from(!repaired.contains(&booking.id));
            continue;
        }
        let matching: Vec<usize> = (0..conversations.len())
            .filter(|&index| conversations[index].property == Some(property))
            .filter(|&index| match people.len() {
                1 => conversations[index].participants == people,
                _ => conversations[index].participants.is_superset(&people),
            })
            .collect();
        match matching[..] {
            [only] if conversations[only].booking.is_none() => {
                conversations[only].booking = Some(booking.id);
                counts.linked += 1;
            }
            [_, ..] if !per_booking => counts.covered += 1,
            _ => {
                let booking = Some(booking.id);
                conversations.push(Conversation {
                    property: Some(property),
                    booking,
                    participants: people,
                });
                counts.created += 1;
            }
        }
    }
    (counts, sorted(conversations))
}

/// Applies migrations to the database `app`.
pub fn migrate(server: &Server, versions: RangeInclusive<u32>) {
    migrate_database(&mut server.admin(), "app", versions);
}

fn migrate_database(admin: &mut Admin, database: &str, versions: RangeInclusive<u32>) {
    admin.exec(&format!("USE {database}"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let Some(version) = name.get(..3).and_then(|version| version.parse().ok()) else {
            continue;
        };
        if versions.contains(&version) && name.ends_with(".sql") {
            let script = std::fs::read_to_string(&file).unwrap();
            for statement in split(&script, SplitOptions::default()).unwrap().statements {
                admin.exec(statement.text);
            }
        }
    }
}

/// A marketplace: the database `app`, or another of the same server.
pub struct Market {
    pub server: std::sync::Arc<Server>,
    account: Account,
}

/// What the application of [`Market::write_until`] did.
#[derive(Debug, Default)]
pub struct Written {
    pub bookings: u64,
    pub conversations: u64,
    pub deadlocks: u64,
}

impl Market {
    /// A server with all migrations and no rows.
    pub fn start() -> Market {
        let server = Server::start();
        migrate(&server, 1..=5);
        let account = server.account().clone();
        Market {
            server: server.into(),
            account,
        }
    }

    pub fn admin(&self) -> Admin {
        let mut admin = self.server.admin();
        admin.exec(&format!("USE {}", self.account.database));
        admin
    }

    pub fn command(&self, args: &[&str]) -> Cmd {
        self.server
            .dbtool_as(&self.account)
            .args(["create-conversations", "--older-than", "0s"])
            .args(args)
    }

    /// Runs dbtool to its good end and returns its summary.
    pub fn run(&self, args: &[&str]) -> serde_json::Value {
        let output = self.command(args).args(["--format", "json"]).run();
        assert_eq!(output.code, Some(0), "{output}");
        serde_json::from_str(&output.stdout).unwrap()
    }

    /// Exactly these rows, and as many users and properties as they refer to.
    pub fn fill(&self, bookings: &[Booking], conversations: &[Conversation]) {
        let mut admin = self.admin();
        for table in ["conversations", "bookings", "properties", "users"] {
            admin.exec(&format!("DELETE FROM {table}"));
        }
        let users: Vec<String> = (1..=30)
            .map(|id| format!("({id},'u{id}@example.com','x','A','B')"))
            .collect();
        let columns = "(id, email, password_hash, first_name, last_name)";
        admin.exec(&format!("INSERT INTO users {columns} VALUES {}", users.join(",")));
        let properties: Vec<String> = (1..=5)
            .map(|id| format!("({id},{id},'t','d','house','a','c','x',100)"))
            .collect();
        let columns =
            "(id, host_id, title, description, property_type, address, city, country, price_per_night)";
        admin.exec(&format!(
            "INSERT INTO properties {columns} VALUES {}",
            properties.join(",")
        ));
        for row in bookings {
            admin.exec(&format!(
                "INSERT INTO bookings (id, property_id, guest_id, host_id, base_price, total_amount, status) \
                 VALUES ({}, {}, {}, {}, 1, 1, '{}')",
                row.id,
                sql(row.property),
                sql(row.guest),
                sql(row.host),
                row.status
            ));
        }
        for row in conversations {
            admin.exec(&format!(
                "INSERT INTO conversations (property_id, booking_id) VALUES ({}, {})",
                sql(row.property),
                sql(row.booking)
            ));
            for user in &row.participants {
                admin.exec(&format!("INSERT INTO conversation_participants (conversation_id, user_id) VALUES (LAST_INSERT_ID(), {user})"));
            }
        }
    }

    /// The demo data of this size, with its old messages moved.
    pub fn demo(&self, bookings: u64) {
        let mut admin = self.admin();
        let database = &self.account.database;
        admin.exec(&format!("DROP DATABASE {database}"));
        admin.exec(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"));
        migrate_database(&mut admin, database, 1..=2);
        for statement in rows(&DemoSpec { bookings, seed: 3 }) {
            admin.exec(&statement);
        }
        migrate_database(&mut admin, database, 3..=5);
    }

    /// The same rows in another database of the server.
    pub fn copy(&self, database: &str) -> Market {
        let account = self.server.create_account(database, database);
        let mut admin = self.admin();
        migrate_database(&mut admin, database, 1..=5);
        for table in [
            "users",
            "properties",
            "bookings",
            "conversations",
            "conversation_participants",
        ] {
            admin.exec(&format!(
                "INSERT INTO {table} SELECT * FROM {}.{table}",
                self.account.database
            ));
        }
        Market {
            server: self.server.clone(),
            account,
        }
    }

    /// All conversations, sorted.
    pub fn conversations(&self) -> Vec<Conversation> {
        let rows = self.admin().query(
            "SELECT c.property_id, c.booking_id, GROUP_CONCAT(p.user_id) FROM conversations AS c \
             LEFT JOIN conversation_participants AS p ON p.conversation_id = c.id \
             GROUP BY c.id, c.property_id, c.booking_id",
        );
        let number = |value: &Option<String>| value.as_ref().map(|text| text.parse().unwrap());
        sorted(
            rows.iter()
                .map(|row| Conversation {
                    property: number(&row[0]),
                    booking: number(&row[1]),
                    participants: row[2]
                        .iter()
                        .flat_map(|ids| ids.split(','))
                        .map(|id| id.parse().unwrap())
                        .collect(),
                })
                .collect(),
        )
    }

    /// An application that takes bookings: some without a conversation, some with one made in the same
    /// transaction, some after a question that has one without a booking.
    pub fn write_until(&self, over: &AtomicBool) -> Written {
        let mut admin = self.admin();
        let mut written = Written::default();
        let users = admin.number("SELECT MAX(id) FROM users");
        let properties = admin.number("SELECT MAX(id) FROM properties");
        for step in 0_u64.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let property = 1 + step * 31 % properties;
            // A guest of its own each time, so that nobody else has a conversation with this host.
            admin.exec(&format!(
                "INSERT INTO users (email, password_hash, first_name, last_name) VALUES ('new{step}-{users}@example.com', 'x', 'N', 'N')"
            ));
            let guest = admin.value("SELECT LAST_INSERT_ID()");
            let statements = transaction(step % 3, property, &guest);
            match statements
                .iter()
                .try_for_each(|statement| admin.try_exec(statement))
            {
                Ok(()) => {
                    written.bookings += 1;
                    written.conversations += u64::from(step % 3 != 0);
                }
                Err(mysql_async::Error::Server(error)) if matches!(error.code, 1205 | 1213) => {
                    admin.exec("ROLLBACK");
                    written.deadlocks += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        written
    }

    /// Each property and pair of people with a chosen booking has one conversation, no other property
    /// and pair has more than one, and nobody is missing from it.
    pub fn assert_exactly_one_each(&self) {
        let mut pairs = BTreeSet::new();
        for conversation in self.conversations() {
            assert!(
                (1..=2).contains(&conversation.participants.len()),
                "{conversation:?}"
            );
            let pair = (conversation.property, conversation.participants.clone());
            assert!(pairs.insert(pair), "twice: {conversation:?}");
        }
        let rows = self.admin().query(
            "SELECT id, property_id, guest_id, host_id FROM bookings \
             WHERE status IN ('pending', 'confirmed', 'completed')",
        );
        let numbers = |row: &[Option<String>]| -> Vec<i64> {
            row.iter()
                .map(|value| value.as_ref().unwrap().parse().unwrap())
                .collect()
        };
        for row in &rows {
            let [id, property, guest, host] = numbers(row)[..] else {
                unreachable!()
            };
            assert!(
                pairs.contains(&(Some(property), BTreeSet::from([guest, host]))),
                "booking {id} has none"
            );
        }
    }
}

/// One of the application's ways to take a booking.
fn transaction(way: u64, property: u64, guest: &str) -> Vec<String> {
    let host = format!("(SELECT host_id FROM properties WHERE id = {property})");
    let book = format!(
        "INSERT INTO bookings (property_id, guest_id, host_id, base_price, total_amount, status) \
         SELECT id, {guest}, host_id, 1, 1, 'confirmed' FROM properties WHERE id = {property}"
    );
    let talk = |booking: &str| {
        vec![
            format!("INSERT INTO conversations (property_id, booking_id) VALUES ({property}, {booking})"),
            "SET @conversation = LAST_INSERT_ID()".to_owned(),
            format!(
                "INSERT INTO conversation_participants (conversation_id, user_id) \
                 VALUES (@conversation, {guest}), (@conversation, {host})"
            ),
        ]
    };
    let mut statements = vec!["START TRANSACTION".to_owned()];
    match way {
        0 => statements.push(book),
        1 => {
            statements.push(book);
            statements.extend(talk("LAST_INSERT_ID()"));
        }
        _ => {
            statements.extend(talk("NULL"));
            statements.push("COMMIT".to_owned());
            statements.push(book);
        }
    }
    statements.push("COMMIT".to_owned());
    statements
}

fn sql(value: Option<i64>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}
