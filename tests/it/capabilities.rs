//! What the table of capabilities says of a server is true of the server under test.

use std::path::Path;

use crate::support;
use dbtool::db::Server as Described;
use dbtool::db::server::{CAPABILITIES, parse_version};
use support::{Admin, Server};

/// How a server is asked whether it can.
enum Probe {
    /// A statement that it carries out if it can, and refuses if not, after others.
    Statement(&'static str, &'static str),
    /// Something to look at.
    Look(fn(&mut Admin) -> bool),
}

const TABLE: &str = "CREATE TABLE t (a INT PRIMARY KEY, b INT)";

/// One probe for each capability, in their order.
const PROBES: &[(&str, Probe)] = &[
    ("has_atomic_ddl", Probe::Look(keeps_a_log_of_ddl)),
    (
        "has_instant_add_column",
        Probe::Statement(TABLE, "ALTER TABLE t ADD c INT, ALGORITHM=INSTANT"),
    ),
    (
        "has_instant_drop_column",
        Probe::Statement(TABLE, "ALTER TABLE t DROP b, ALGORITHM=INSTANT"),
    ),
    (
        "has_instant_column_changes",
        Probe::Statement(
            "CREATE TABLE t (a INT PRIMARY KEY, b INT NOT NULL) ROW_FORMAT=REDUNDANT",
            "ALTER TABLE t MODIFY b INT NULL, ALGORITHM=INSTANT",
        ),
    ),
    (
        "has_collation_change_in_place",
        Probe::Statement(
            "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci)",
            "ALTER TABLE t MODIFY b VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, \
             ALGORITHM=INPLACE",
        ),
    ),
    (
        "has_instant_columns_beside_virtual",
        Probe::Statement(
            "CREATE TABLE t (a INT PRIMARY KEY, b INT, v INT AS (b + 1) VIRTUAL)",
            "ALTER TABLE t ADD c INT FIRST, ALGORITHM=INSTANT",
        ),
    ),
    (
        "has_virtual_column_with_others",
        Probe::Statement(
            TABLE,
            "ALTER TABLE t ADD v INT AS (b + 1) VIRTUAL, ADD c INT, ALGORITHM=INSTANT",
        ),
    ),
    (
        "has_instant_change_under_lock",
        Probe::Statement(TABLE, "ALTER TABLE t ADD c INT, ALGORITHM=INSTANT, LOCK=SHARED"),
    ),
    ("has_copy_with_keys_switch", Probe::Look(copies_to_switch_keys)),
    (
        "has_online_copy",
        Probe::Statement(TABLE, "ALTER TABLE t MODIFY b BIGINT, ALGORITHM=COPY, LOCK=NONE"),
    ),
    ("has_rename_under_lock", Probe::Look(renames_under_lock)),
    ("has_checks_by_database", Probe::Look(has_one_check_of_a_name)),
    (
        "has_json_type",
        Probe::Statement(TABLE, "SELECT CAST('1' AS JSON)"),
    ),
    (
        "has_creation_time_of_rename",
        Probe::Look(renews_the_creation_time),
    ),
    (
        "has_cached_table_sizes",
        Probe::Statement(TABLE, "SET SESSION information_schema_stats_expiry = 0"),
    ),
    (
        "has_performance_schema_processlist",
        Probe::Statement(TABLE, "SELECT id FROM performance_schema.processlist LIMIT 1"),
    ),
    ("has_count_of_refusals", Probe::Look(counts_refusals)),
];

/// Renames a table that it holds by LOCK TABLES.
fn renames_under_lock(admin: &mut Admin) -> bool {
    admin.exec("CREATE TABLE app.held (a INT)");
    admin.exec("LOCK TABLES app.held WRITE");
    let renamed = admin.try_exec("RENAME TABLE app.held TO app.renamed").is_ok();
    admin.exec("UNLOCK TABLES");
    admin.exec("DROP TABLE IF EXISTS app.held, app.renamed");
    renamed
}

/// Demands that nothing is copied where DISABLE KEYS is not alone.
fn copies_to_switch_keys(admin: &mut Admin) -> bool {
    admin.exec("CREATE TABLE app.switched (a INT)");
    let alter = "ALTER TABLE app.switched DISABLE KEYS, COMMENT 'x', ALGORITHM=INSTANT";
    let refused = admin.try_exec(alter).is_err();
    admin.exec("DROP TABLE app.switched");
    refused
}

/// Creates two tables with a check of the same name.
fn has_one_check_of_a_name(admin: &mut Admin) -> bool {
    admin.exec("CREATE TABLE app.one (a INT, CONSTRAINT c CHECK (a > 0))");
    let refused = admin
        .try_exec("CREATE TABLE app.other (a INT, CONSTRAINT c CHECK (a > 0))")
        .is_err();
    admin.exec("DROP TABLE IF EXISTS app.one, app.other");
    refused
}

/// Fills the server with connections of a plain account, and is refused five times.
fn counts_refusals(admin: &mut Admin) -> bool {
    admin.exec("CREATE USER refused@'%' IDENTIFIED BY 'word'");
    admin.exec("SET GLOBAL max_connections = 10");
    let port = admin.number("SELECT @@port").try_into().expect("a port");
    let before = admin.status("Connection_errors_max_connections");
    let (mut held, mut refusals) = (Vec::new(), 0);
    while refusals < 5 {
        match Admin::try_connect_tcp(port, "refused", "word", "") {
            Ok(one) => held.push(one),
            Err(_) => refusals += 1,
        }
    }
    admin.status("Connection_errors_max_connections") == before + refusals
}

/// MySQL keeps its dictionary, and with it the log of a statement's work, in InnoDB; MariaDB has a file.
fn keeps_a_log_of_ddl(admin: &mut Admin) -> bool {
    let data = admin.value("SELECT @@datadir");
    let there = |file: &str| Path::new(&data).join(file).exists();
    there("mysql.ibd") || there("ddl_recovery.log")
}

fn renews_the_creation_time(admin: &mut Admin) -> bool {
    let created = |admin: &mut Admin, table: &str| {
        admin.value(&format!(
            "SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'probe' AND TABLE_NAME = '{table}'"
        ))
    };
    admin.exec(TABLE);
    let before = created(admin, "t");
    // Ends in another second.
    admin.exec("DO SLEEP(1.05)");
    admin.exec("RENAME TABLE t TO renamed");
    created(admin, "renamed") != before
}

#[test]
fn each_capability_is_true_of_the_server() {
    let names: Vec<&str> = PROBES.iter().map(|(name, _)| *name).collect();
    let expected: Vec<&str> = CAPABILITIES.iter().map(|one| one.name).collect();
    assert_eq!(names, expected, "each capability has a probe");
    let server = Server::start();
    let mut admin = server.admin();
    let described = Described {
        flavor: server.binary().flavor,
        version: parse_version(&server.binary().version),
        ..Described::default()
    };
    let mut wrong = Vec::new();
    for (capability, (name, probe)) in CAPABILITIES.iter().zip(PROBES) {
        for sql in [
            "DROP DATABASE IF EXISTS probe",
            "CREATE DATABASE probe",
            "USE probe",
        ] {
            admin.exec(sql);
        }
        let (can, said) = match probe {
            Probe::Statement(setup, sql) => {
                admin.exec(setup);
                let answer = admin.try_exec(sql);
                (
                    answer.is_ok(),
                    answer.err().map_or(String::new(), |error| error.to_string()),
                )
            }
            Probe::Look(look) => (look(&mut admin), String::new()),
        };
        if can != capability.is_available(described.flavor, described.version) {
            wrong.push(format!(
                "{name}: the server {}: {said}",
                if can { "can" } else { "cannot" }
            ));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", described.name(), wrong.join("\n"));
}
