//! A large table is changed while an application writes, in three ways, on one private server, in one run:
//!
//! - plain: the ALTER TABLE itself, for which writers wait
//! - dbtool: `dbtool migrate` with `-- dbtool:online`
//! - pt-osc: pt-online-schema-change, if it is on PATH
//!
//! `cargo bench --bench online` takes 500,000 rows, and as many as `BENCH_ROWS` says. Each contender starts from the
//! same rows. Two writers of an application change single rows at a steady pace meanwhile; their latencies are
//! measured, also alone (the baseline).

#![allow(clippy::print_stdout)]

// Each bench uses its own part of it.
#[allow(dead_code, unused_imports)]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dbtool::report::{count, duration};
use dbtool::sandbox::Account;
use support::migrations::Folder;
use support::{Admin, Server};

const TABLE: &str = "CREATE TABLE orders (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id INT NOT NULL, \
  status ENUM('new', 'paid', 'sent') NOT NULL, total DECIMAL(10,2) NOT NULL, note VARCHAR(120) NOT NULL, \
  created_at DATETIME NOT NULL, KEY customer (customer_id), KEY created (created_at))";
const ALTER: &str = "MODIFY customer_id BIGINT NOT NULL";
/// Writers, and the pause between two writes of one of them.
const WRITERS: u64 = 2;
const PAUSE: Duration = Duration::from_millis(2);
/// How long the writers are measured alone.
const BASELINE: Duration = Duration::from_secs(10);
const NOT_INSTALLED: &str = "pt-online-schema-change is not on PATH: apt-get install percona-toolkit";

/// A contender's result.
struct Entry {
    name: &'static str,
    elapsed: Duration,
    latencies: Vec<Duration>,
    errors: usize,
    connections: u64,
    rss_kb: Option<u64>,
}

fn main() {
    let rows: u64 = std::env::var("BENCH_ROWS").map_or(500_000, |rows| rows.parse().expect("a number"));
    let rounds: usize = std::env::var("BENCH_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number"));
    let server = Server::builder()
        .max_connections(60)
        .arg("--innodb-buffer-pool-size=256M")
        .arg("--innodb-log-file-size=256M")
        .arg("--innodb-flush-log-at-trx-commit=1")
        .arg("--innodb-flush-method=fsync")
        .arg("--innodb-doublewrite=ON")
        .start();
    let mut admin = server.admin();
    if server.is_mysql() {
        admin.exec("SET GLOBAL log_bin_trust_function_creators = 1");
    }
    let account = server.create_account("shop", "shop");
    // What pt-online-schema-change asks for besides.
    admin.exec("GRANT PROCESS, REPLICATION SLAVE ON *.* TO 'shop'@'%'");
    load(&mut admin, rows);
    println!(
        "{} rows, {}; {} {}; {WRITERS} writers",
        count(rows),
        dbtool::report::bytes(admin.number(
            "SELECT data_length + index_length FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'base'"
        )),
        server.binary().flavor,
        server.binary().version,
    );
    let mut entries = vec![contend(&server, &account, "writers alone", || {
        std::thread::sleep(BASELINE);
        None
    })];
    for _ in 0..rounds {
        entries.push(contend(&server, &account, "plain ALTER", || {
            server
                .connect_as(&account)
                .exec(&format!("ALTER TABLE orders {ALTER}"));
            None
        }));
        let folder = Folder::new(&[(
            "001_wider.sql",
            &format!("-- dbtool:online\nALTER TABLE orders {ALTER};\n"),
        )]);
        entries.push(contend(&server, &account, "dbtool", || {
            server
                .connect_as(&account)
                .exec("DROP TABLE IF EXISTS dbtool_migrations");
            let mut command = Command::new(env!("CARGO_BIN_EXE_dbtool"));
            command.args(["--quiet", "migrate", "--dir"]).arg(folder.path());
            for (name, value) in [
                ("DB_HOST", "127.0.0.1"),
                ("DB_PORT", &server.port().to_string()),
                ("DB_USER", &account.user),
                ("DB_PASSWORD", account.password.reveal()),
                ("DB_NAME", "shop"),
            ] {
                command.env(name, value);
            }
            watched(command)
        }));
        if on_path("pt-online-schema-change") {
            entries.push(contend(&server, &account, "pt-osc", || {
                percona(&server, &account)
            }));
        }
    }
    if !on_path("pt-online-schema-change") {
        println!("{NOT_INSTALLED}");
    }
    show(&entries);
}

fn load(admin: &mut Admin, rows: u64) {
    admin.exec("USE shop");
    admin.exec(&TABLE.replace("orders", "base"));
    admin.exec(
        "INSERT INTO base (customer_id, status, total, note, created_at) VALUES (1, 'new', 9.99, REPEAT('n', 60), '2024-01-01')",
    );
    let mut there = 1;
    while there < rows {
        let more = there.min(rows - there);
        admin.exec(&format!(
            "INSERT INTO base (customer_id, status, total, note, created_at) SELECT FLOOR(RAND() * 100000), 1 + FLOOR(RAND() * 3), \
             RAND() * 1000, CONCAT(UUID(), REPEAT('x', FLOOR(RAND() * 60))), created_at + INTERVAL 1 + FLOOR(RAND() * 90) MINUTE \
             FROM base ORDER BY id LIMIT {more}"
        ));
        there += more;
    }
}

/// Runs a contender over the same rows while the writers write.
fn contend(
    server: &Server,
    account: &Account,
    name: &'static str,
    run: impl FnOnce() -> Option<u64>,
) -> Entry {
    let mut admin = server.admin();
    admin.exec("USE shop");
    admin.exec("DROP TABLE IF EXISTS orders");
    admin.exec(TABLE);
    admin.exec("INSERT INTO orders SELECT * FROM base");
    admin.query("ANALYZE TABLE orders");
    let rows = admin.number("SELECT MAX(id) FROM orders");
    let stop = AtomicBool::new(false);
    let latencies = Mutex::new(Vec::new());
    let errors = Mutex::new(0);
    let mut entry = Entry {
        name,
        elapsed: Duration::ZERO,
        latencies: Vec::new(),
        errors: 0,
        connections: 0,
        rss_kb: None,
    };
    std::thread::scope(|scope| {
        for number in 0..WRITERS {
            let mut own = server.connect_as(account);
            let (stop, latencies, errors) = (&stop, &latencies, &errors);
            scope.spawn(move || {
                let (measured, failed) = write(&mut own, number, rows, stop);
                latencies.lock().expect("no writer panics").extend(measured);
                *errors.lock().expect("no writer panics") += failed;
            });
        }
        let sampler = scope.spawn(|| sample(server, &stop));
        // The writers are at their pace.
        std::thread::sleep(Duration::from_millis(500));
        let begun = Instant::now();
        entry.rss_kb = run();
        entry.elapsed = begun.elapsed();
        stop.store(true, Ordering::Relaxed);
        entry.connections = sampler.join().expect("the sampler").saturating_sub(WRITERS);
    });
    entry.latencies = latencies.into_inner().expect("no writer panics");
    entry.latencies.sort();
    entry.errors = errors.into_inner().expect("no writer panics");
    entry
}

/// Changes single rows until told to stop: how long each took, and how many failed.
fn write(own: &mut Admin, number: u64, rows: u64, stop: &AtomicBool) -> (Vec<Duration>, usize) {
    let mut measured = Vec::new();
    let mut failed = 0;
    let mut seed = number + 1;
    while !stop.load(Ordering::Relaxed) {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let key = 1 + (seed >> 33) % rows;
        let statement = match (seed >> 20) % 10 {
            0..=5 => format!("UPDATE orders SET total = total + 1, status = 'paid' WHERE id = {key}"),
            6..=8 => format!(
                "INSERT INTO orders (customer_id, status, total, note, created_at) VALUES ({}, 'new', 5, 'new order', NOW())",
                key % 100_000
            ),
            _ => format!("DELETE FROM orders WHERE id = {key}"),
        };
        let begun = Instant::now();
        failed += usize::from(own.try_exec(&statement).is_err());
        measured.push(begun.elapsed());
        std::thread::sleep(PAUSE);
    }
    (measured, failed)
}

/// The most connections of the account at one moment.
fn sample(server: &Server, stop: &AtomicBool) -> u64 {
    let mut admin = server.admin();
    let mut most = 0;
    while !stop.load(Ordering::Relaxed) {
        most =
            most.max(admin.number("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'shop'"));
        std::thread::sleep(Duration::from_millis(50));
    }
    most
}

fn percona(server: &Server, account: &Account) -> Option<u64> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    write!(
        file,
        "[client]\nuser={}\npassword={}\nhost=127.0.0.1\nport={}\n",
        account.user,
        account.password.reveal(),
        server.port()
    )
    .expect("a file");
    let mut command = Command::new("pt-online-schema-change");
    command
        .arg(format!("--defaults-file={}", file.path().display()))
        .args([
            "--alter",
            ALTER,
            "--execute",
            "--no-version-check",
            "--recursion-method=none",
        ])
        .arg("D=shop,t=orders");
    watched(command)
}

/// Runs a program to its end; the most memory that it had.
fn watched(mut command: Command) -> Option<u64> {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let output = log.reopen().expect("the file");
    command
        .stdout(Stdio::from(output.try_clone().expect("the file")))
        .stderr(Stdio::from(output));
    let mut child: Child = command.spawn().expect("it starts");
    let mut peak = None;
    let status = loop {
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let now = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|kb| kb.parse::<u64>().ok());
        peak = peak.max(now);
        if let Some(status) = child.try_wait().expect("it is a child") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = std::fs::read_to_string(log.path()).unwrap_or_default();
    assert!(status.success(), "{command:?}: {status}\n{said}");
    peak
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

fn show(entries: &[Entry]) {
    println!(
        "{:<16}{:>9}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>13}{:>10}",
        "", "time", "p50", "p99", "p99.9", "max", "writes", "errors", "connections", "RSS"
    );
    for entry in entries {
        let at = |share: f64| {
            let index = (entry.latencies.len() as f64 * share) as usize;
            entry
                .latencies
                .get(index.min(entry.latencies.len().saturating_sub(1)))
                .copied()
                .unwrap_or_default()
        };
        println!(
            "{:<16}{:>9}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>13}{:>10}",
            entry.name,
            duration(entry.elapsed),
            duration(at(0.5)),
            duration(at(0.99)),
            duration(at(0.999)),
            duration(at(1.0)),
            count(entry.latencies.len() as u64),
            entry.errors,
            entry.connections,
            entry
                .rss_kb
                .map_or("-".to_owned(), |kb| format!("{:.1} MB", kb as f64 * 1024.0 / 1e6)),
        );
    }
}
