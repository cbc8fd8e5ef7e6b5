//! The backfill beside what else could be done, on one private server, in one run:
//!
//! - row by row: a client that does one look-up and up to three writes a booking, each its own transaction
//! - unbounded: one INSERT … SELECT a table over everything, in one transaction, as the physical limit
//! - dbtool: the command, with one connection and with two
//!
//! `cargo bench --bench backfill -- [BOOKINGS] [--rounds N] [--no-row-by-row]`. A tenth of the bookings share
//! the conversation of an earlier one. Each contender starts from the same rows in a database of its own.

#![allow(clippy::print_stdout)]

// Each bench uses its own part of it.
#[allow(dead_code, unused_imports)]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use dbtool::report::{count, duration};
use support::{Admin, Server};

/// The tables a contender starts with, and those it fills.
const GIVEN: [&str; 3] = ["users", "properties", "bookings"];

/// What one INSERT … SELECT a table takes, without ranges, progress or regard for anybody else.
const UNBOUNDED: [&str; 4] = [
    "START TRANSACTION",
    "INSERT INTO conversations (property_id, booking_id) \
     SELECT b.property_id, MIN(b.id) FROM bookings AS b \
     WHERE b.status IN ('pending', 'confirmed', 'completed') \
     AND NOT EXISTS (SELECT 1 FROM conversations AS c WHERE c.booking_id = b.id) \
     GROUP BY b.property_id, b.guest_id, b.host_id",
    "INSERT INTO conversation_participants (conversation_id, user_id) \
     SELECT c.id, b.guest_id FROM conversations AS c JOIN bookings AS b ON b.id = c.booking_id \
     UNION ALL SELECT c.id, b.host_id FROM conversations AS c JOIN bookings AS b ON b.id = c.booking_id",
    "COMMIT",
];

/// A contender's result.
struct Entry {
    name: &'static str,
    elapsed: Duration,
    server_cpu: Duration,
    rss_kb: Option<u64>,
    longest: Option<Duration>,
    conversations: u64,
}

struct Settings {
    bookings: u64,
    rounds: u32,
    row_by_row: bool,
}

fn main() {
    let settings = settings();
    let server = Server::builder()
        .arg("--innodb-buffer-pool-size=128M")
        .arg("--innodb-log-file-size=96M")
        // As in production: test servers do without, which would spare the row-by-row client most.
        .arg("--innodb-flush-log-at-trx-commit=1")
        .arg("--innodb-flush-method=fsync")
        .arg("--innodb-doublewrite=ON")
        .start();
    println!(
        "{} bookings, a tenth sharing a conversation; {} {}, best of {}",
        count(settings.bookings),
        server.binary().flavor,
        server.binary().version,
        settings.rounds
    );
    let mut admin = server.admin();
    prepare(&mut admin, "app");
    load(&mut admin, settings.bookings);

    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..settings.rounds {
        for entry in [
            unbounded(&server),
            command(&server, "dbtool, 1 connection", 1),
            command(&server, "dbtool", 3),
        ] {
            keep_best(&mut entries, entry);
        }
    }
    if settings.row_by_row {
        keep_best(&mut entries, row_by_row(&server));
    }
    show(&entries);
}

fn settings() -> Settings {
    let mut settings = Settings {
        bookings: 100_000,
        rounds: 3,
        row_by_row: true,
    };
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--no-row-by-row" => settings.row_by_row = false,
            "--rounds" => {
                settings.rounds = args
                    .next()
                    .and_then(|rounds| rounds.parse().ok())
                    .expect("--rounds N")
            }
            number => settings.bookings = number.parse().expect("a number of bookings"),
        }
    }
    settings
}

fn keep_best(entries: &mut Vec<Entry>, entry: Entry) {
    match entries.iter_mut().find(|other| other.name == entry.name) {
        Some(other) if entry.elapsed < other.elapsed => *other = entry,
        Some(_) => {}
        None => entries.push(entry),
    }
}

/// All migrations, in a database that is there and empty.
fn prepare(admin: &mut Admin, database: &str) {
    admin.exec(&format!("USE {database}"));
    for (_, script) in dbtool::sandbox::embedded::MIGRATIONS {
        for statement in dbtool::sql::split(script, Default::default())
            .expect("a whole script")
            .statements
        {
            admin.exec(statement.text);
        }
    }
}

/// Bookings of different guests and properties, except that each tenth repeats the third before it.
fn load(admin: &mut Admin, bookings: u64) {
    let (properties, guests, hosts) = ((bookings / 100 * 8).max(8), (bookings / 100 * 30).max(30), 2_000);
    insert(
        admin,
        "users (id, email, password_hash, first_name, last_name)",
        guests + hosts,
        |id| format!("({id},'user{id}@example.com','x','First','Last')"),
    );
    let columns = "properties (id, host_id, title, description, property_type, address, city, country, price_per_night)";
    insert(admin, columns, properties, |id| {
        format!("({id},{},'t','d','house','a','c','x',100)", 1 + id % hosts)
    });
    let columns = "bookings (id, property_id, guest_id, host_id, base_price, total_amount, status)";
    insert(admin, columns, bookings, |id| {
        let source = if id % 10 == 0 { id - 3 } else { id };
        let property = 1 + source * 4_801 % properties;
        let status = ["pending", "confirmed", "completed"][(id % 3) as usize];
        let guest = hosts + 1 + source * 7_919 % guests;
        format!(
            "({id},{property},{guest},{},100,120,'{status}')",
            1 + property % hosts
        )
    });
}

fn insert(admin: &mut Admin, into: &str, rows: u64, row: impl Fn(u64) -> String) {
    for first in (1..=rows).step_by(5_000) {
        let values: Vec<String> = (first..=rows.min(first + 4_999)).map(&row).collect();
        admin.exec(&format!("INSERT INTO {into} VALUES {}", values.join(",")));
    }
}

/// Runs a contender in a fresh database with the rows given, and measures it.
fn contend(server: &Server, name: &'static str, run: impl FnOnce(&Server, &mut Entry)) -> Entry {
    let mut admin = server.admin();
    admin.exec("DROP DATABASE IF EXISTS contender");
    admin.exec("CREATE DATABASE contender");
    admin.exec("GRANT ALL ON contender.* TO app@'%'");
    prepare(&mut admin, "contender");
    for table in GIVEN {
        admin.exec(&format!("INSERT INTO {table} SELECT * FROM app.{table}"));
    }
    admin.query("ANALYZE TABLE users, properties, bookings, conversations, conversation_participants");
    let mut entry = Entry {
        name,
        elapsed: Duration::ZERO,
        server_cpu: Duration::ZERO,
        rss_kb: None,
        longest: None,
        conversations: 0,
    };
    let cpu = cpu_of(server.pid());
    let begun = Instant::now();
    run(server, &mut entry);
    entry.elapsed = begun.elapsed();
    entry.server_cpu = cpu_of(server.pid()).saturating_sub(cpu);
    entry.conversations = admin.number("SELECT COUNT(*) FROM conversations");
    let participants = admin.number("SELECT COUNT(*) FROM conversation_participants");
    assert_eq!(participants, 2 * entry.conversations, "{name}");
    entry
}

fn unbounded(server: &Server) -> Entry {
    contend(server, "unbounded INSERT … SELECT", |server, entry| {
        let mut admin = server.admin();
        admin.exec("USE contender");
        let begun = Instant::now();
        UNBOUNDED.iter().for_each(|statement| admin.exec(statement));
        entry.longest = Some(begun.elapsed());
    })
}

fn command(server: &Server, name: &'static str, connections: u32) -> Entry {
    contend(server, name, |server, entry| {
        let output = server
            .dbtool()
            .env("DB_NAME", "contender")
            .env("DB_CONNECTION_LIMIT", connections.to_string())
            .patience(Duration::from_secs(3_600))
            .args([
                "create-conversations",
                "--older-than",
                "0s",
                "--format",
                "json",
                "--quiet",
            ])
            .run();
        assert_eq!(output.code, Some(0), "{output}");
        let json: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON on standard output");
        entry.rss_kb = output.max_rss_kb;
        entry.longest = json["longest_transaction_ms"]
            .as_f64()
            .map(|millis| Duration::from_secs_f64(millis / 1e3));
    })
}

fn row_by_row(server: &Server) -> Entry {
    contend(server, "row by row", |server, entry| {
        let account = server.account();
        let mut admin = Admin::connect_tcp(
            server.port(),
            &account.user,
            account.password.reveal(),
            "contender",
        );
        // Everything at once in memory, as such scripts do.
        let bookings = admin.query("SELECT id, property_id, guest_id, host_id FROM bookings ORDER BY id");
        for booking in bookings {
            let fields: Vec<&str> = booking
                .iter()
                .map(|field| field.as_deref().unwrap_or("NULL"))
                .collect();
            let [id, property, guest, host] = fields[..] else {
                continue;
            };
            let known = admin.query(&format!(
                "SELECT c.id FROM conversations AS c \
                 JOIN conversation_participants AS g ON g.conversation_id = c.id AND g.user_id = {guest} \
                 JOIN conversation_participants AS h ON h.conversation_id = c.id AND h.user_id = {host} \
                 WHERE c.booking_id = {id} OR c.property_id = {property} LIMIT 1"
            ));
            if known.is_empty() {
                admin.exec(&format!(
                    "INSERT INTO conversations (property_id, booking_id) VALUES ({property}, {id})"
                ));
                let conversation = admin.value("SELECT LAST_INSERT_ID()");
                for user in [guest, host] {
                    admin.exec(&format!("INSERT INTO conversation_participants (conversation_id, user_id) VALUES ({conversation}, {user})"));
                }
            }
        }
        entry.rss_kb = own_peak_kb();
    })
}

/// Peak memory of this process, which is the row-by-row client itself.
fn own_peak_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Processor time of a process, in the kernel's hundredths of a second; nothing where there is no `/proc`.
fn cpu_of(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields
        .iter()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn show(entries: &[Entry]) {
    let limit = entries
        .iter()
        .find(|entry| entry.name.starts_with("unbounded"))
        .map(|entry| entry.elapsed);
    println!(
        "{:<28}{:>10}{:>12}{:>12}{:>14}{:>12}{:>15}",
        "", "time", "× limit", "server CPU", "longest txn", "client RSS", "conversations"
    );
    for entry in entries {
        let ratio = limit.map_or(0.0, |limit| entry.elapsed.as_secs_f64() / limit.as_secs_f64());
        println!(
            "{:<28}{:>10}{:>12.2}{:>12}{:>14}{:>12}{:>15}",
            entry.name,
            duration(entry.elapsed),
            ratio,
            duration(entry.server_cpu),
            entry.longest.map_or("-".to_owned(), duration),
            entry
                .rss_kb
                .map_or("-".to_owned(), |kb| format!("{:.1} MB", kb as f64 * 1024.0 / 1e6)),
            count(entry.conversations)
        );
    }
}
