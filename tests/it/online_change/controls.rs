//! What a person sees of a change that runs, and how it is paused, timed and kept from a server that has no room.

use super::{Place, assert_ends, leftovers, server};
use crate::support;
use support::{Admin, PATIENCE, Server, Signal, wait_until};

const SETUP: [&str; 2] = [
    "CREATE TABLE t (id INT PRIMARY KEY, a INT)",
    "INSERT INTO t VALUES (1, 1), (2, 2)",
];
const ALTER: &str = "ALTER TABLE t MODIFY a BIGINT";

fn place(server: &Server, database: &str) -> Place {
    Place::new(server, database, &SETUP.map(str::to_owned), ALTER)
}

/// The events on standard error.
fn events(stderr: &str) -> Vec<serde_json::Value> {
    let events = stderr.lines().filter_map(|line| serde_json::from_str(line).ok());
    events
        .filter(|event: &serde_json::Value| event["schema"] == "dbtool.online-change-event/1")
        .collect()
}

#[test]
fn signals_pause_a_change_and_others_see_it() {
    let server = server();
    let mut admin = server.admin();
    let place = place(&server, "signals");
    let mut running = place.held(&server, &["--format", "json"]);
    for (signal, pause) in [(Signal::USR1, 1), (Signal::USR2, 0)] {
        running.signal(signal);
        wait_until(PATIENCE, "the signal is heeded", || {
            admin.number("SELECT pause FROM signals.dbtool_online_changes") == pause
        });
    }
    let look = |args: &[&str]| {
        server
            .dbtool_as(&place.account)
            .arg("check-connections")
            .args(args)
            .run()
    };
    assert_ends(
        &look(&["--min-free", "0"]),
        0,
        &["Online changes of tables", "t: online change for 001_change"],
    );
    let json = look(&["--min-free", "0", "--format", "json"]);
    let seen: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(seen["online_changes"][0]["phase"], "swapping", "{json}");
    admin.exec("UPDATE signals.dbtool_online_changes SET hold = 0");
    let output = running.wait();
    assert_eq!(output.code, Some(0), "{output}");
    let phases: Vec<String> = events(&output.stderr)
        .iter()
        .map(|event| format!("{} {}", event["phase"], event["rows_copied"]))
        .collect();
    assert_eq!(
        phases,
        ["\"copying\" 0", "\"verifying\" 2", "\"swapping\" 2"],
        "{output}"
    );
}

#[test]
fn a_swap_waits_for_its_time_or_a_person() {
    let server = server();
    let mut admin = server.admin();
    let before = server.counters();
    let gone = place(&server, "gone");
    let output = gone
        .migrate(&server, &["--not-before", "2001-01-01T00:00:00Z"])
        .run();
    assert_ends(&output, 0, &["1 migration applied"]);
    let later = place(&server, "later");
    // Of one user, so that they share a budget; a change takes all of it but the connection for looks.
    let command = later.migrate(&server, &["--swap-at", "2099-01-01T00:00:00Z"]);
    let status = later.migrate(&server, &["status"]).share_folders(&command);
    let swap = later.migrate(&server, &["swap"]).share_folders(&command);
    let running = command.spawn();
    wait_until(PATIENCE, "it waits", || {
        running
            .stderr_so_far()
            .contains("it takes the table's place at 20")
    });
    assert_ends(&status.run(), 0, &["t: online change", "swapping"]);
    assert_ends(&swap.run(), 0, &["takes its place"]);
    assert_ends(&running.wait(), 0, &["1 migration applied"]);
    assert!(leftovers(&mut admin, "later").is_empty());
    if server.is_mysql() {
        refuses_a_full_disk(&server, &mut admin);
    }
    server.assert_unchanged(&before);
}

/// Has a server say that it is a replica whose source is gone.
fn stop_replication(replica: &mut Admin, mysql: bool) {
    replica.exec(if mysql {
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1, SOURCE_USER = 'x'"
    } else {
        "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'x'"
    });
}

#[test]
fn a_change_waits_for_each_replica_that_is_named() {
    let (server, other) = (server(), server());
    let place = place(&server, "source");
    let mut replica = other.admin();
    replica.exec(&format!(
        "CREATE USER '{}'@'%' IDENTIFIED BY '{}'",
        place.account.user,
        place.account.password.reveal()
    ));
    replica.exec(&format!("GRANT ALL ON *.* TO '{}'@'%'", place.account.user));
    replica.exec(&format!("CREATE DATABASE {}", place.account.database));
    let name = format!("127.0.0.1:{}", other.port());
    let args = ["--max-lag", "5", "--replica", &name];
    assert_ends(
        &place.migrate(&server, &args).run(),
        2,
        &["nothing was run", "is no replica"],
    );
    stop_replication(&mut replica, other.is_mysql());
    let before = other.counters();
    let running = place.migrate(&server, &args).spawn();
    wait_until(PATIENCE, "it pauses", || {
        running
            .stderr_so_far()
            .contains(&format!("pausing while replication of {name} is stopped"))
    });
    replica.exec(if other.is_mysql() {
        "RESET REPLICA ALL"
    } else {
        "RESET SLAVE ALL"
    });
    assert_ends(&running.wait(), 0, &["1 migration applied"]);
    other.assert_unchanged(&before);
}

/// The server's disk is seen, since the server runs on this host. The size of the table is made up (MariaDB reads it
/// only once).
fn refuses_a_full_disk(server: &Server, admin: &mut Admin) {
    let full = place(server, "full");
    admin.exec("ALTER TABLE full.t STATS_PERSISTENT=1 STATS_AUTO_RECALC=0");
    admin.query("ANALYZE TABLE full.t");
    admin.exec(
        "UPDATE mysql.innodb_table_stats SET clustered_index_size = 1000000000000 WHERE database_name = 'full' AND table_name = 't'",
    );
    admin.exec("FLUSH TABLES full.t");
    assert_ends(
        &full.migrate(server, &[]).run(),
        2,
        &[
            "nothing was run: t cannot be changed online",
            "a second table needs about",
            "make room",
        ],
    );
    let plan = full.migrate(server, &["--dry-run", "--format", "json"]).run();
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect("JSON");
    assert!(
        plan["statements"][0]["disk_needed"].as_u64() > Some(1 << 50),
        "{plan}"
    );
    assert_eq!(plan["statements"][0]["estimated_seconds"], 1, "{plan}");
}
