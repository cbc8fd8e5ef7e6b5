//! An application writes while its table is changed in one way after the other, by runs that are killed at any moment.
//! A second table, the model, gets every write in the same transaction; both must always have the same rows.
//!
//! `DBTOOL_ONLINE_KILLS=100` kills so often, and `DBTOOL_ONLINE_SEED=7` at other moments.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::generator::Dice;
use super::{Place, leftovers, server};
use crate::support;
use support::{Admin, Signal};

/// Kills without the variable.
const KILLS: u64 = 6;
/// Kills of one change at most, so that many changes take place.
const KILLS_OF_ONE: u64 = 10;
/// Threads of the application.
const WRITERS: u64 = 3;
/// Rows at the beginning have the keys up to this one, and writers use these keys.
const KEYS: usize = 4_000;

const SETUP: &[&str] = &[
    "CREATE TABLE p (id INT PRIMARY KEY)",
    "INSERT INTO p VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9)",
    "CREATE TABLE q (id INT PRIMARY KEY)",
    "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT, s VARCHAR(40), u INT NOT NULL, p INT, q INT, KEY (p), \
     CONSTRAINT fk_q FOREIGN KEY (q) REFERENCES q (id), CONSTRAINT fk_t FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE)",
    "CREATE TABLE model (id INT PRIMARY KEY, a INT, s VARCHAR(40), u INT NOT NULL, p INT, KEY (p))",
];

/// Each change, and the names of the table's columns after it.
const CHANGES: &[(&str, &str)] = &[
    ("MODIFY a BIGINT", "s"),
    ("CHANGE s s2 VARCHAR(80), MODIFY a INT", "s2"),
    ("ADD n INT NOT NULL DEFAULT 3 FIRST, MODIFY a BIGINT", "s2"),
    ("ADD UNIQUE KEY iu (id, u), ADD KEY (u), MODIFY a INT", "s2"),
    (
        "CONVERT TO CHARACTER SET latin1, ADD g BIGINT AS (a * 2) STORED",
        "s2",
    ),
    ("DROP COLUMN g, MODIFY id BIGINT AUTO_INCREMENT", "s2"),
    (
        "DROP PRIMARY KEY, ADD PRIMARY KEY (id, u), ADD UNIQUE KEY (id), MODIFY a BIGINT",
        "s2",
    ),
    (
        "DROP PRIMARY KEY, ADD PRIMARY KEY (id), DROP KEY id, CHANGE s2 s VARCHAR(40)",
        "s",
    ),
    (
        "CONVERT TO CHARACTER SET utf8mb4, DROP COLUMN n, DROP KEY iu, DROP KEY u",
        "s",
    ),
    ("ROW_FORMAT=COMPACT, MODIFY a DECIMAL(20, 2) FIRST", "s"),
    ("MODIFY a INT AFTER id, MODIFY id INT AUTO_INCREMENT", "s"),
];

/// A transaction of an application, with what it means for the model.
fn transaction(dice: &mut Dice) -> Vec<String> {
    let both = |text: String| vec![text.replace("{t}", "t"), text.replace("{t}", "model")];
    let (key, other) = (1 + dice.below(KEYS), 1 + dice.below(KEYS));
    let (number, parent) = (dice.below(1_000), 1 + dice.below(4));
    match dice.below(15) {
        0 => both(format!(
            "UPDATE {{t}} SET a = a + 1 WHERE id BETWEEN {key} AND {}",
            key + 5
        )),
        1 => both(format!(
            "INSERT IGNORE INTO {{t}} (id, a, u, p) VALUES ({key}, {number}, {other}, {parent}), ({other}, 7, 7, NULL)"
        )),
        2 => both(format!("DELETE FROM {{t}} WHERE id IN ({key}, {other})")),
        3 => both(format!("UPDATE {{t}} SET id = {other} WHERE id = {key}")),
        4 => both(format!(
            "UPDATE {{t}} SET id = -id, a = {number} WHERE id IN ({key}, -{other})"
        )),
        5 => both(format!("UPDATE {{t}} SET u = u + 1 WHERE id IN ({key}, {other})")),
        6 => both(format!(
            "REPLACE INTO {{t}} (id, a, u, p) VALUES ({key}, {number}, 1, {parent}), ({other}, 2, 2, 3)"
        )),
        7 => both(format!(
            "INSERT INTO {{t}} (id, a, u) VALUES ({key}, 1, 1), ({other}, 2, 2) ON DUPLICATE KEY UPDATE a = {number}, u = u + 3"
        )),
        // A number of the server's own.
        8 => vec![
            format!("INSERT INTO t (a, u) VALUES ({number}, 4)"),
            format!("INSERT INTO model (id, a, u) VALUES (LAST_INSERT_ID(), {number}, 4)"),
        ],
        // Two tables at once.
        9 => both(format!(
            "UPDATE {{t}} AS x JOIN p ON p.id = x.p SET x.a = x.a + p.id WHERE x.id BETWEEN {key} AND {}",
            key + 9
        )),
        10 => both(format!(
            "DELETE x FROM {{t}} AS x JOIN p ON p.id = x.p WHERE x.id BETWEEN {key} AND {}",
            key + 2
        )),
        // What a foreign key does by itself: it cascades, or it sets NULL.
        11 => vec![
            format!("UPDATE p SET id = id + 10 WHERE id = {}", 4 + parent),
            format!("UPDATE model SET p = p + 10 WHERE p = {}", 4 + parent),
        ],
        12 => vec![
            format!("UPDATE p SET id = id - 10 WHERE id = {}", 14 + parent),
            format!("UPDATE model SET p = p - 10 WHERE p = {}", 14 + parent),
        ],
        13 => vec![
            "DELETE FROM p WHERE id = 9".to_owned(),
            "UPDATE model SET p = NULL WHERE p = 9".to_owned(),
            "INSERT INTO p VALUES (9)".to_owned(),
            format!("UPDATE t SET p = 9 WHERE id BETWEEN {key} AND {}", key + 3),
            format!("UPDATE model SET p = 9 WHERE id BETWEEN {key} AND {}", key + 3),
        ],
        // A row and the row that it refers to, deleted in this order.
        _ => {
            let fresh = 100_000 + key;
            vec![
                format!("INSERT IGNORE INTO q VALUES ({fresh})"),
                format!("REPLACE INTO t (id, u, q) VALUES ({fresh}, 1, {fresh})"),
                format!("UPDATE t SET a = 1 WHERE id = {fresh}"),
                format!("DELETE FROM t WHERE id = {fresh}"),
                format!("DELETE FROM q WHERE id = {fresh}"),
                format!("DELETE FROM model WHERE id = {fresh}"),
            ]
        }
    }
}

/// What the writers did.
#[derive(Default)]
struct Written {
    count: AtomicU64,
    again: AtomicU64,
}

/// Writes until told to stop. A lock that was waited for too long and a deadlock are tried again, as an application does.
fn keep_writing(own: &mut Admin, seed: u64, stop: &AtomicBool, written: &Written) {
    own.exec("SET SESSION innodb_lock_wait_timeout = 5");
    let mut dice = Dice(seed);
    while !stop.load(Ordering::Relaxed) {
        let transaction = transaction(&mut dice);
        loop {
            own.exec("START TRANSACTION");
            let failed = transaction
                .iter()
                .find_map(|statement| own.try_exec(statement).err().map(|error| (statement, error)));
            let Some((statement, error)) = failed else {
                own.exec("COMMIT");
                break;
            };
            own.exec("ROLLBACK");
            let text = error.to_string();
            // Another row has the key already.
            if text.contains("ERROR 1062") {
                break;
            }
            let conflict = ["ERROR 1213", "ERROR 1205", "ERROR 1020"];
            assert!(
                conflict.iter().any(|code| text.contains(code)),
                "{text}\n  in: {statement}"
            );
            written.again.fetch_add(1, Ordering::Relaxed);
        }
        written.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Compares the table with the model as of one moment, while the writers go on.
fn assert_same(admin: &mut Admin, text: &str, what: &str) -> u64 {
    admin.exec("START TRANSACTION WITH CONSISTENT SNAPSHOT");
    let list = |name: &str| format!("SELECT id, CAST(a AS SIGNED) AS a, {name}, u, p FROM soak");
    let table = list(text).replace("soak", "soak.t");
    let model = list("s").replace("soak", "soak.model");
    let rows = admin.number(&format!("SELECT COUNT(*) FROM ({table}) AS x"));
    for (one, two) in [(&table, &model), (&model, &table)] {
        let different = admin.query(&format!("{one} EXCEPT {two} LIMIT 5"));
        assert!(
            different.is_empty(),
            "{what}: only in the first of {one}, {two}: {different:?}"
        );
    }
    assert_eq!(rows, admin.number("SELECT COUNT(*) FROM soak.model"), "{what}");
    admin.exec("COMMIT");
    rows
}

#[test]
#[ignore = "writes for minutes; `just soak-online` runs it, and `writers` is its short form"]
#[allow(clippy::print_stderr, reason = "the numbers of a long run")]
fn writers_lose_nothing_while_runs_are_killed() {
    let wanted = super::variable("DBTOOL_ONLINE_KILLS").unwrap_or(KILLS);
    let mut dice = Dice(super::variable("DBTOOL_ONLINE_SEED").unwrap_or(1));
    let server = server();
    let mut admin = server.admin();
    let mut setup: Vec<String> = SETUP.iter().map(|text| (*text).to_owned()).collect();
    let rows: Vec<String> = (1..=KEYS)
        .map(|key| format!("({key}, {key}, 'row {key}', {key}, {})", 1 + key % 9))
        .collect();
    setup.push(format!(
        "INSERT INTO t (id, a, s, u, p) VALUES {}",
        rows.join(", ")
    ));
    setup.push("INSERT INTO model SELECT id, a, s, u, p FROM t".to_owned());
    let place = Place::new(&server, "soak", &setup, "SELECT 1");
    let (stop, written) = (AtomicBool::new(false), Written::default());
    let (mut kills, mut changes, mut rows) = (0, 0, 0);
    let mut usual = Duration::from_millis(500);
    std::thread::scope(|scope| {
        // Dropped also when an assertion fails, so that the writers end.
        let _stops = StopsWriters(&stop);
        for number in 0..WRITERS {
            let mut own = server.connect_as(&place.account);
            let (stop, written) = (&stop, &written);
            scope.spawn(move || keep_writing(&mut own, number, stop, written));
        }
        while kills < wanted {
            let (change, text) = CHANGES[changes % CHANGES.len()];
            changes += 1;
            let most = wanted.min(kills + KILLS_OF_ONE);
            place.folder.write(
                &format!("{:03}_change.sql", changes + 1),
                format!("-- dbtool:online\nALTER TABLE t {change};\n"),
            );
            loop {
                let mut running = place
                    .migrate(&server, &["--target-ms", "5", "--lock-wait", "60"])
                    .spawn();
                let started = Instant::now();
                let until = usual.mul_f64(dice.below(1_000) as f64 / 800.0);
                let ended = loop {
                    if running.poll().is_some() {
                        break true;
                    }
                    if kills < most && started.elapsed() >= until {
                        break false;
                    }
                    std::thread::sleep(Duration::from_millis(1));
                };
                if ended {
                    let output = running.wait();
                    assert_eq!(output.code, Some(0), "{kills} kills, {change}: {output}");
                    usual = started
                        .elapsed()
                        .clamp(Duration::from_millis(200), Duration::from_secs(5));
                    break;
                }
                running.signal(Signal::KILL);
                running.wait();
                kills += 1;
            }
            rows = assert_same(&mut admin, text, &format!("{kills} kills, {change}"));
            let left = leftovers(&mut admin, "soak");
            assert!(left.is_empty(), "{change}: {left:?}");
        }
    });
    let count = written.count.load(Ordering::Relaxed);
    let again = written.again.load(Ordering::Relaxed);
    eprintln!(
        "{kills} kills, {changes} changes, {count} transactions ({again} tried again), {rows} rows, none lost"
    );
    assert!(count > 100 && rows > 100, "{count} transactions, {rows} rows");
    assert!(again < count, "{again} of {count} transactions were tried again");
}

/// Ends the writers when it is dropped.
struct StopsWriters<'a>(&'a AtomicBool);

impl Drop for StopsWriters<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
