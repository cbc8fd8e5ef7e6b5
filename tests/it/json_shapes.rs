//! `docs/json.md` tells the truth: the members of every result, with their types, are those that
//! the page describes, no more and no fewer.

use crate::run::slow_client;
use crate::support;

mod document;
mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use seen::{Seen, Unseen};
use serde_json::Value;
use support::exit_path::exit_path;
use support::migrations::{Folder, shipped};
use support::schemas::{self, run_script};
use support::{Admin, Cmd, Output, PATIENCE, Server, Signal, Tls, dbtool, wait_until};

const MIGRATE: [&str; 3] = [
    "dbtool.migrate/1",
    "dbtool.migrate-down/1",
    "dbtool.migrate-redo/1",
];
const DATABASE: [&str; 2] = ["dbtool.migrate-create/1", "dbtool.migrate-drop/1"];
const STATUS: [&str; 2] = ["dbtool.migrate-status/1", "dbtool.migrate-verify/1"];
const PLAN: &str = "dbtool.migrate-plan/1";
const REPAIR: &str = "dbtool.migrate-repair/1";
const BASELINE: &str = "dbtool.migrate-baseline/1";
const ADOPT: &str = "dbtool.migrate-adopt/1";
const LINT: &str = "dbtool.migrate-lint/1";
const NEW: &str = "dbtool.migrate-new/1";
const CONTROLS: [&str; 3] = [
    "dbtool.migrate-pause/1",
    "dbtool.migrate-resume/1",
    "dbtool.migrate-swap/1",
];
const SCHEMA: &str = "dbtool.check-schema/1";
const BACKFILL: &str = "dbtool.create-conversations/1";
const CONVERSATIONS: &str = "dbtool.test-conversations/1";
const IMAGES: &str = "dbtool.test-image-size/1";
const CONNECTIONS: &str = "dbtool.check-connections/1";
const LOCAL: &str = "dbtool.check-connections-local/1";
const KILL: &str = "dbtool.check-connections-kill/1";
const KILL_LINE: &str = "dbtool.check-connections-kill-line/1";
const POOLS: &str = "dbtool.check-connections-plan/1";
const SAMPLE: &str = "dbtool.check-connections-sample/1";
const CONFIG: &str = "dbtool.config/1";
const PING: &str = "dbtool.ping/1";
const RUN: &str = "dbtool.run/1";
const SANDBOX: &str = "dbtool.sandbox/1";

/// Two users, of whom the host once booked a place of their own, and two without a conversation.
const MARKET: &str = "
    INSERT INTO users (id, email, password_hash, first_name, last_name) VALUES
      (1, 'host@example.com', 'x', 'Hanna', 'Host'), (2, 'guest@example.com', 'x', 'Gus', 'Guest'),
      (3, 'alone@example.com', 'x', 'Ada', 'Alone');
    INSERT INTO properties (id, host_id, title, description, property_type, address, city, country, price_per_night)
      VALUES (1, 1, 'Cabin', 'd', 'cabin', 'a', 'c', 'n', 10);
    INSERT INTO bookings (id, property_id, guest_id, host_id, base_price, total_amount, status)
      VALUES (1, 1, 2, 1, 10, 10, 'confirmed'), (2, 1, 1, 1, 10, 10, 'confirmed');
    INSERT INTO conversations (id, property_id) VALUES (8, NULL), (9, 1);
    INSERT INTO conversation_participants (conversation_id, user_id) VALUES (8, 3), (9, 3);
    INSERT INTO messages (conversation_id, sender_id, message) VALUES (9, 1, 'hello')";

/// `dbtool migrate` on the migrations of this repository.
fn migrate_shipped(server: &Server) -> Cmd {
    server.dbtool().arg("migrate").arg("--dir").arg(shipped())
}

/// The command as root over the socket.
fn as_root(server: &Server, command: &str) -> Cmd {
    dbtool()
        .env("DB_SOCKET", server.socket())
        .env("DB_USER", "root")
        .arg(command)
}

fn words(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// Makes a folder a git work tree with one commit of its files.
fn git_commit(folder: &std::path::Path) {
    let name = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    let steps: [&[&str]; 3] = [&["init", "-q"], &["add", "."], &["commit", "-q", "-m", "base"]];
    for step in steps {
        let mut git = std::process::Command::new("git");
        let done = git.arg("-C").arg(folder).args(name).args(step).status();
        assert!(done.is_ok_and(|status| status.success()), "git {step:?}");
    }
}

/// The second migration's file.
const SECOND: &str = "ALTER TABLE a ADD COLUMN b INT; INSERT INTO a VALUES (1, 1);";

#[test]
fn migrate_and_its_subcommands() {
    let server = Server::start();
    let folder = Folder::new(&[
        ("001_a.up.sql", "CREATE TABLE a (id INT PRIMARY KEY);"),
        ("001_a.down.sql", "DROP TABLE a;"),
        ("002_b.up.sql", SECOND),
        ("002_b.down.sql", "DELETE FROM a; ALTER TABLE a DROP COLUMN b;"),
        (
            "003_c.sql",
            "CREATE TABLE c (id INT);\nINSERT INTO nowhere VALUES (1);",
        ),
        ("004_d.sql", "SELECT 1;"),
    ]);
    let mut seen = Seen::new();
    let migrate = |args: &[&str]| folder.migrate(&server, args);
    seen.run(STATUS[0], 0, migrate(&["status"]));
    seen.run(STATUS[1], 0, migrate(&["verify"]));
    seen.run(MIGRATE[1], 0, migrate(&["down", "--yes"]));
    seen.run(MIGRATE[0], 0, migrate(&["001"]));
    folder.write("002_b.up.sql", format!("-- dbtool:requires-absent a\n{SECOND}"));
    seen.run(PLAN, 1, migrate(&["plan"]));
    folder.write("002_b.up.sql", SECOND);
    seen.run(PLAN, 1, migrate(&["--dry-run"]));
    folder.write(
        "003_c.sql",
        "CREATE TABLE c (id INT);\nINSERT INTO c VALUES (1, 1);",
    );
    seen.run(PLAN, 0, migrate(&["plan"]));
    seen.run(MIGRATE[0], 0, migrate(&["002"]));
    seen.run(MIGRATE[2], 0, migrate(&["redo", "--yes"]));
    seen.run(MIGRATE[1], 0, migrate(&["down", "0", "--yes"]));
    seen.run(MIGRATE[0], 0, migrate(&["001"]));
    seen.run(BASELINE, 0, migrate(&["baseline", "002", "--force"]));

    server.admin().exec("GRANT ALL ON fresh.* TO 'app'@'%'");
    let asked = Folder::new(&[(
        "001_rows.sql",
        "ALTER TABLE one MODIFY a INT NOT NULL;\nALTER TABLE two ADD UNIQUE (a);\nALTER TABLE one ADD UNIQUE (a);",
    )]);
    let fresh = |args: &[&str]| asked.migrate(&server, args).env("DB_NAME", "fresh");
    for _ in 0..2 {
        seen.run(DATABASE[0], 0, fresh(&["create"]));
    }
    let mut admin = server.admin();
    for table in ["one (a INT)", "two (a INT)"] {
        admin.exec(&format!("CREATE TABLE fresh.{table}"));
    }
    admin.exec("INSERT INTO fresh.two VALUES (1), (1)");
    seen.run(PLAN, 1, fresh(&["plan"]));
    // This account may create no scratch database.
    seen.run(PLAN, 1, fresh(&["plan", "--on", "scratch"]));
    for _ in 0..2 {
        seen.run(DATABASE[1], 0, fresh(&["drop", "--yes"]));
    }

    // One risky migration of each kind; the folder has down scripts.
    let risky = Folder::new(&[
        (
            "001_a.up.sql",
            "CREATE TABLE a (id INT PRIMARY KEY, b INT);\nCALL p();",
        ),
        ("001_a.down.sql", "DROP TABLE a;"),
        (
            "002_b.sql",
            "ALTER TABLE a MODIFY b BIGINT;\nALTER TABLE a ADD UNIQUE (b), DROP COLUMN b;\nRENAME TABLE a TO c;",
        ),
    ]);
    git_commit(risky.path());
    risky.write(
        "001_a.up.sql",
        "CREATE TABLE a (id INT PRIMARY KEY, b INT);\nCALL q();",
    );
    seen.run(LINT, 1, risky.migrate(&server, &["lint"]));
    seen.run(LINT, 1, risky.migrate(&server, &["lint", "--since", "HEAD"]));

    // An error has no result.
    let failed = migrate(&["--format", "json"]).run();
    assert_eq!(failed.code, Some(4), "{failed}");
    assert!(
        failed.stdout.is_empty() && failed.stderr.contains("1136"),
        "{failed}"
    );
    seen.run(STATUS[0], 0, migrate(&["status"]));
    seen.run(STATUS[1], 0, migrate(&["verify"]));
    seen.run(REPAIR, 0, migrate(&["repair", "003", "--finished"]));

    // As a run leaves it that is killed.
    for state in ["running", "reverting"] {
        let sql = format!(
            "UPDATE app.dbtool_migrations SET state = '{state}', finished_at = NULL WHERE version = 3"
        );
        server.admin().exec(&sql);
        seen.run(STATUS[0], 1, migrate(&["status", "--check"]));
    }

    // Changed, missing and out of order.
    folder.write("001_a.up.sql", "CREATE TABLE a (id BIGINT PRIMARY KEY);");
    folder.write("0025_x.sql", "SELECT 1;");
    for file in ["002_b.up.sql", "002_b.down.sql"] {
        fs::remove_file(folder.path().join(file)).expect("a file");
    }
    folder.write("0000_early.sql", "SELECT 1;");
    seen.run(STATUS[0], 1, migrate(&["--check"]));
    seen.run(STATUS[1], 1, migrate(&["verify"]));
    assert_eq!(
        seen.strings(STATUS[0], "migrations[].standing"),
        words(&[
            "applied",
            "baseline",
            "changed",
            "failed",
            "interrupted",
            "missing",
            "out-of-order",
            "pending",
            "reverting",
        ])
    );
    seen.run(NEW, 0, migrate(&["new", "--down", "next"]));

    online_change(&server, &mut seen);
    other_history(&server, &mut seen);

    seen.compare(&MIGRATE, &[]);
    seen.compare(&STATUS, &[]);
    for shape in [PLAN, REPAIR, BASELINE, ADOPT, NEW, LINT]
        .into_iter()
        .chain(CONTROLS)
        .chain(DATABASE)
    {
        seen.compare(&[shape], &[]);
    }
}

/// A database in which another tool has applied migrations.
fn other_history(server: &Server, seen: &mut Seen) {
    let account = server.create_account("goes", "goes");
    let mut own = server.connect_as(&account);
    own.exec(
        "CREATE TABLE goose_db_version (id SERIAL, version_id BIGINT NOT NULL, is_applied BOOLEAN NOT NULL)",
    );
    own.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1)");
    let folder = Folder::new(&[("1_a.sql", "CREATE TABLE a (a INT);"), ("2_b.sql", "SELECT 1;")]);
    let migrate = |args: &[&str]| folder.migrate_as(server, &account, args);
    seen.run(STATUS[0], 1, migrate(&["status", "--check"]));
    seen.run(STATUS[1], 1, migrate(&["verify"]));
    seen.run(ADOPT, 0, migrate(&["adopt", "--dry-run"]));
    seen.run(ADOPT, 0, migrate(&["adopt"]));
}

/// A table that is being changed online, and what a person does to it.
fn online_change(server: &Server, seen: &mut Seen) {
    if server.is_mysql() {
        server
            .admin()
            .exec("SET GLOBAL log_bin_trust_function_creators = 1");
    }
    let account = server.create_account("held", "held");
    let mut own = server.connect_as(&account);
    own.exec("CREATE TABLE t (id INT PRIMARY KEY, a INT)");
    let folder = Folder::new(&[(
        "001_change.sql",
        "-- dbtool:online\nALTER TABLE t MODIFY a BIGINT;",
    )]);
    let migrate = |args: &[&str]| folder.migrate_as(server, &account, args);
    seen.run(PLAN, 0, migrate(&["--dry-run"]));
    let running = migrate(&["--hold-swap"]).spawn();
    wait_until(PATIENCE, "the copy is complete", || {
        running.stderr_so_far().contains("dbtool migrate swap")
    });
    seen.run(STATUS[0], 0, migrate(&["status"]));
    seen.run(STATUS[1], 0, migrate(&["verify"]));
    for (shape, command) in CONTROLS.iter().zip(["pause", "resume", "swap"]) {
        seen.run(shape, 0, migrate(&[command]));
    }
    let output = running.wait();
    assert_eq!(output.code, Some(0), "{output}");
}

/// One change of every kind but the database's.
const DRIFT: &str = "
    ALTER TABLE owners RENAME COLUMN born TO birth, MODIFY COLUMN email VARCHAR(100) NOT NULL;
    ALTER TABLE owners RENAME INDEX idx_name TO other_name;
    ALTER TABLE owners DROP CONSTRAINT score_positive;
    ALTER TABLE pets DROP FOREIGN KEY fk_pets_owner;
    ALTER TABLE visits REMOVE PARTITIONING;
    CREATE TABLE extra (n INT);
    DROP TRIGGER pets_before_insert; DROP VIEW active_owners; DROP PROCEDURE count_pets; DROP FUNCTION shout;
    DROP EVENT forget";

#[test]
fn check_schema() {
    let (server, mut admin) = schemas::server();
    let mut seen = Seen::new();
    let check = |args: &[&str]| server.dbtool().arg("check-schema").args(args);
    run_script(&mut admin, DRIFT);
    let folder = Folder::new(&[("schema.ignore", "index:owners.idx_name  # renamed by hand\n")]);
    let expect = schemas::snapshot();
    let expect = expect.to_str().expect("a path");
    let ignore = folder.path().join("schema.ignore");
    let ignore = ignore.to_str().expect("a path");
    seen.run(
        SCHEMA,
        1,
        check(&[
            "--expect",
            expect,
            "--deny",
            "no-primary-key",
            "--diagram",
            "schema.dot",
        ]),
    );
    seen.run(
        SCHEMA,
        1,
        check(&["--expect", expect, "--ignore", ignore, "--fix-sql"]),
    );

    // Another database, with a default collation of its own and a comment that may have been spoilt.
    let account = server.create_account("reader", "expected");
    admin.exec("ALTER DATABASE expected CHARACTER SET latin1");
    admin.exec("CREATE TABLE expected.asked (id INT PRIMARY KEY) COMMENT = 'what?'");
    let url = format!(
        "mysql://reader:{}@127.0.0.1:{}/expected",
        account.password.reveal(),
        server.port()
    );
    seen.run(
        SCHEMA,
        1,
        check(&["--expect", "env:EXPECTED"]).env("EXPECTED", url),
    );
    assert_eq!(
        seen.strings(SCHEMA, "drift[].kind"),
        words(&[
            "check",
            "column",
            "database",
            "event",
            "foreign-key",
            "function",
            "index",
            "partitioning",
            "procedure",
            "table",
            "trigger",
            "view",
        ])
    );
    assert_eq!(
        seen.strings(SCHEMA, "drift[].severity"),
        words(&["breaks", "cosmetic", "performance"])
    );

    // An account that sees little, and one that may make no scratch database.
    server.create_user("looker", "secret", &["SELECT ON app.*"]);
    let looker = check(&["--lint-only"])
        .env("DB_USER", "looker")
        .env("DB_PASSWORD", "secret");
    seen.run(SCHEMA, 0, looker);
    seen.run(SCHEMA, 1, check(&["--dir", shipped().to_str().expect("a path")]));
    // Migrations are pending, of which the snapshot speaks too.
    let behind = server.create_account("behind", "behind");
    let shipped = shipped();
    let dir = shipped.to_str().expect("a path");
    let migrated = server
        .dbtool_as(&behind)
        .args(["migrate", "002", "--dir", dir])
        .run();
    assert_eq!(migrated.code, Some(0), "{migrated}");
    let command = server
        .dbtool_as(&behind)
        .args(["check-schema", "--replay", "never", "--dir", dir]);
    seen.run(SCHEMA, 1, command);
    seen.compare(&[SCHEMA], &[]);
}

#[test]
fn conversations() {
    let server = Server::start();
    let mut admin = server.admin();
    let mut seen = Seen::new();
    let backfill = |args: &[&str]| {
        server
            .dbtool()
            .args(["create-conversations", "--older-than", "0s"])
            .args(args)
    };
    let test = |args: &[&str]| server.dbtool().arg("test-conversations").args(args);
    assert_eq!(migrate_shipped(&server).run().code, Some(0));
    seen.run(CONVERSATIONS, 0, test(&[]));
    run_script(&mut admin, MARKET);
    seen.run(BACKFILL, 0, backfill(&["--dry-run"]));
    seen.run(BACKFILL, 0, backfill(&[]));
    // A conversation without a title fails.
    seen.run(CONVERSATIONS, 1, test(&["--user", "3"]));
    seen.run(CONVERSATIONS, 1, test(&["--all-users", "--read-only"]));
    seen.compare(&[BACKFILL], &[]);
    seen.compare(&[CONVERSATIONS], &[]);
}

#[test]
fn image_sizes() {
    let server = Server::builder().arg("--max-allowed-packet=32M").start();
    let mut admin = server.admin();
    let mut seen = Seen::new();
    run_script(
        &mut admin,
        "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, profile_image_url MEDIUMTEXT);
         CREATE TABLE small (id INT AUTO_INCREMENT PRIMARY KEY, picture VARCHAR(300));
         CREATE TABLE plain (id INT PRIMARY KEY, picture BLOB);
         CREATE TABLE old (id INT AUTO_INCREMENT PRIMARY KEY, picture LONGTEXT) ENGINE=MyISAM;
         INSERT INTO old (picture) VALUES ('/image.png'), (REPEAT('x', 17 << 20))",
    );
    let test = |args: &[&str]| server.dbtool().arg("test-image-size").args(args);
    seen.run(IMAGES, 0, test(&["--max", "64KB", "--need", "8KB"]));
    seen.run(
        IMAGES,
        1,
        test(&[
            "--max", "8KB", "--need", "4KB", "--table", "small", "--column", "picture",
        ]),
    );
    seen.run(
        IMAGES,
        0,
        test(&["--need", "4KB", "--table", "plain", "--column", "picture"]),
    );
    seen.run(
        IMAGES,
        1,
        test(&["--read-only", "--table", "old", "--column", "picture"]),
    );
    // Every server that can be tested tells the size of its redo log.
    seen.compare(&[IMAGES], &[("redo_log_bytes", "null")]);
}

#[test]
fn connections() {
    let mut seen = Seen::new();
    // Nearly full, and without a view into the clients.
    let server = Server::builder()
        .max_connections(12)
        .arg("--performance-schema=OFF")
        .start();
    let held: Vec<Admin> = (0..9).map(|_| server.connect_as(server.account())).collect();
    let check = |args: &[&str]| server.dbtool().arg("check-connections").args(args);
    // What a look reads of an online change.
    server.admin().exec(
        "CREATE TABLE app.dbtool_online_changes AS SELECT 't' AS table_name, '001_x, statement 1' AS owner, 'copying' AS phase, \
         1 AS rows_copied, 2 AS rows_estimated, 0 AS pause, 0 AS hold, UTC_TIMESTAMP(6) AS started_at, \
         UTC_TIMESTAMP(6) AS heartbeat_at",
    );
    seen.run(CONNECTIONS, 0, check(&["--min-free", "1"]));
    seen.run(CONNECTIONS, 1, check(&["--min-free", "9"]));
    let mut full: Vec<Admin> = Vec::new();
    while let Ok(one) = server.try_connect_as(server.account()) {
        full.push(one);
    }
    let refused = |command: Cmd| command.args(["--wait", "0s"]);
    seen.run(LOCAL, 3, refused(server.dbtool().arg("check-connections")));
    seen.run(
        LOCAL,
        3,
        refused(server.dbtool().arg("check-connections")).by_nobody(),
    );
    drop(full);
    seen.run(CONNECTIONS, 0, check(&["--min-free", "0"]).by_nobody());
    drop(held);

    // Limits for accounts, connections of several users, and one of them in a transaction.
    let server = Server::builder()
        .arg("--performance-schema=ON")
        .arg("--max-user-connections=20")
        .start();
    server.create_user("other", "secret", &["SELECT ON app.*"]);
    server.admin().exec(
        "ALTER USER app@'%' WITH MAX_QUERIES_PER_HOUR 1000 MAX_UPDATES_PER_HOUR 900 MAX_CONNECTIONS_PER_HOUR 800",
    );
    let _other = Admin::connect_tcp(server.port(), "other", "secret", "app");
    let mut writing = server.admin();
    run_script(
        &mut writing,
        "CREATE TABLE t (id INT PRIMARY KEY); START TRANSACTION; INSERT INTO t VALUES (1)",
    );
    // Others wait for it: for a row, which an administrator sees, and for the table, of which the waiting
    // account sees no more than that it waits.
    let waiters = ["INSERT INTO t VALUES (1)", "ALTER TABLE t ADD COLUMN n INT"].map(|sql| {
        let mut waiter = server.connect_as(server.account());
        let look = format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE id = {} AND info = '{sql}'",
            waiter.id()
        );
        let ended = std::thread::spawn(move || waiter.try_exec(sql).is_ok());
        wait_until(PATIENCE, "the statement", || server.admin().number(&look) == 1);
        ended
    });
    let metadata = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE '%metadata lock%'";
    wait_until(PATIENCE, "the wait", || server.admin().number(metadata) == 1);
    seen.run(CONNECTIONS, 0, as_root(&server, "check-connections"));
    seen.run(CONNECTIONS, 0, server.dbtool().arg("check-connections"));
    run_script(&mut writing, "ROLLBACK");
    for waiter in waiters {
        assert!(waiter.join().expect("a thread"));
    }
    let users = seen.strings(CONNECTIONS, "connections[].user");
    assert!(words(&["app", "other", "root"]).is_subset(&users), "{users:?}");

    let mut unseen: Vec<Unseen> = vec![
        // Only where the system itself does not tell, or where the parent is out of sight.
        ("connections[].process.started", "null"),
        ("connections[].process.parent_pid", "null"),
        ("connections[].process.parent", "null"),
        ("connections[].process.user", "null"),
        // The tests run in no container.
        ("connections[].process.runs_in", "string"),
        ("local.processes[].started", "null"),
        ("local.processes[].parent_pid", "null"),
        ("local.processes[].parent", "null"),
        ("local.processes[].user", "null"),
        ("local.processes[].runs_in", "string"),
    ];
    let of_local = |fact: &&Unseen| fact.0.starts_with("local.");
    seen.compare(
        &[LOCAL],
        &unseen.iter().filter(of_local).copied().collect::<Vec<_>>(),
    );
    // Only in a cluster, or on a replica: the module `cluster` has those.
    unseen.push(("node", "string"));
    unseen.push(("peak_at", if server.is_mysql() { "null" } else { "string" }));
    seen.compare(&[CONNECTIONS], &unseen);
}

#[test]
fn config() {
    let mut seen = Seen::new();
    let config = || dbtool().env("DB_USER", "app").arg("config");
    seen.run(CONFIG, 0, config());
    let command = config();
    fs::write(
        command.folders().join("work/.env"),
        "DB_HOST=elsewhere\nDB_PASSWORD=secret\n",
    )
    .expect("a file");
    seen.run(CONFIG, 0, command);
    seen.compare(&[CONFIG], &[]);
}

#[test]
fn ping() {
    let mut seen = Seen::new();
    let tls = Tls::local();
    let server = Server::builder().tls(&tls).start();
    seen.run(PING, 0, server.dbtool().args(["ping", "--ssl-mode", "required"]));
    seen.run(
        PING,
        0,
        server
            .dbtool()
            .args(["ping", "--ssl-mode", "disabled"])
            .env("DB_NAME", ""),
    );
    // Only in a cluster, or on a replica: the module `cluster` has those.
    seen.compare(&[PING], &[("node", "string")]);
}

#[test]
fn run() {
    let mut seen = Seen::new();
    let server = Server::start();
    let run = |script: &str| {
        let command = server.dbtool().args(["run", "--kill-left", "--format", "json"]);
        command.args(["--", "bash", "-c", script]).run()
    };
    seen.take(RUN, 3, &run("exit 3"));
    let client = slow_client(&server);
    seen.take(RUN, 0, &run(&client));
    seen.take(RUN, 0, &run(&format!("{client} kill -9 $client")));
    let mut unseen = vec![("left[].statement", "null")];
    if server.is_mysql() {
        // Its client names its process to the server.
        unseen.push(("left[].pid", "null"));
    }
    seen.compare(&[RUN], &unseen);
}

#[test]
fn sandbox() {
    let mut seen = Seen::new();
    let sandbox = || {
        dbtool()
            .env("DBTOOL_SERVER", support::server_binary().program)
            .args(["sandbox", "--migrated-to", "none", "--format", "json"])
    };
    let output = sandbox().args(["--", "sh", "-c", "exit 7"]).run();
    seen.take(SANDBOX, 7, &output);
    let mut running = sandbox().spawn();
    running.wait_for("\n}\n");
    running.signal(Signal::INT);
    seen.take(SANDBOX, 130, &running.wait());
    seen.compare(&[SANDBOX], &[]);
}

#[test]
fn kills() {
    let mut seen = Seen::new();
    let server = Server::builder().max_connections(10).start();
    let kill = |args: &[&str]| server.dbtool().args(["check-connections", "--kill"]).args(args);
    let root = |args: &[&str]| as_root(&server, "check-connections").arg("--kill").args(args);
    let mut writing = server.connect_as(server.account());
    run_script(
        &mut writing,
        "CREATE TABLE t (id INT); START TRANSACTION; INSERT INTO t VALUES (1)",
    );
    // Whose process is out of sight.
    seen.run(KILL, 0, kill(&["--user", "app", "--yes"]).by_nobody());
    seen.run(
        KILL,
        0,
        kill(&["--user", "app", "--yes", "--including-writers"]).by_nobody(),
    );
    seen.run(KILL, 0, root(&["--user", "root", "--dry-run"]));
    seen.run(KILL, 0, root(&["--id", "4000000000", "--yes"]));
    let this = std::process::id().to_string();
    seen.run(KILL, 0, root(&["--processes", "--process", &this, "--yes"]));
    let mut idle = exit_path(&server, &["idle", "600000"]).spawn();
    idle.wait_for("idle");
    let mut full: Vec<Admin> = Vec::new();
    while let Ok(one) = server.try_connect_as(server.account()) {
        full.push(one);
    }
    let pid = idle.pid().to_string();
    seen.run(KILL, 0, kill(&["--processes", "--process", &pid, "--yes"]));
    seen.compare(
        &[KILL],
        &[
            // Only a process that nobody may ask about.
            ("targets[].user", "null"),
            ("held_back[].user", "null"),
            // A plain account is not shown what it may not end.
            ("targets[].message", "string"),
        ],
    );
}

/// Runs a command that goes on until it has written `lines` lines.
fn lines_of(command: Cmd, lines: usize) -> Output {
    let mut running = command.args(["--format", "json"]).spawn();
    wait_until(PATIENCE, "lines", || {
        running.stdout_so_far().lines().count() >= lines
    });
    running.signal(Signal::TERM);
    let output = running.wait();
    assert_eq!(output.code, Some(143), "{output}");
    output
}

#[test]
fn looks_and_plans() {
    let mut seen = Seen::new();
    let server = Server::builder().max_connections(15).start();
    let plan = |command: Cmd| command.args(["check-connections", "--plan"]);
    // Not more often: MariaDB's table of lock waits stays as it is while it is read every 0.1 s.
    let watch = |command: Cmd| command.args(["check-connections", "--watch", "0.5"]);
    let root = || dbtool().env("DB_SOCKET", server.socket()).env("DB_USER", "root");
    // The connections of these tests are root's: this account sees none but its own.
    seen.run(POOLS, 0, plan(server.dbtool()));
    let mut held: Vec<Admin> = (0..9).map(|_| server.connect_as(server.account())).collect();
    seen.run(POOLS, 1, plan(root()));
    held.truncate(1);
    let mut writing = server.connect_as(server.account());
    run_script(
        &mut writing,
        "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1); START TRANSACTION; UPDATE t SET id = 2",
    );
    let mut waiting = server.connect_as(server.account());
    let blocked = std::thread::spawn(move || {
        let _ = waiting.try_exec("DELETE FROM t WHERE id = 1");
    });
    // INNODB_TRX would not do: it stays as it is while it is read more often than every 0.1 s.
    wait_until(PATIENCE, "a lock wait", || {
        server.admin().status("Innodb_row_lock_current_waits") == 1
    });
    seen.take_lines(SAMPLE, &lines_of(watch(root()), 2));
    run_script(&mut writing, "ROLLBACK");
    blocked.join().expect("the waiter ends");
    seen.compare(&[POOLS], &[]);
    seen.compare(
        &[SAMPLE],
        &[
            // Only where the server does not tell.
            ("lock_waits[].blocker", "null"),
            ("lock_waits[].table", "null"),
        ],
    );
}

#[test]
fn lines_of_a_guard() {
    let mut seen = Seen::new();
    let server = Server::start();
    let root = |args: &[&str]| {
        as_root(&server, "check-connections")
            .args(["--kill", "--every", "250ms"])
            .args(args)
    };
    let held = server.connect_as(server.account());
    let of_app = ["--user", "app"];
    seen.take_lines(KILL_LINE, &lines_of(root(&of_app).arg("--dry-run"), 2));
    seen.take_lines(KILL_LINE, &lines_of(root(&of_app).arg("--yes"), 1));
    drop(held);
    let held = server.connect_as(server.account());
    // Whose process is out of sight.
    seen.take_lines(
        KILL_LINE,
        &lines_of(
            server
                .dbtool()
                .args([
                    "check-connections",
                    "--kill",
                    "--every",
                    "250ms",
                    "--including-writers",
                    "--yes",
                ])
                .args(of_app)
                .by_nobody(),
            1,
        ),
    );
    drop(held);
    let mut idle = exit_path(&server, &["idle", "600000"]).spawn();
    idle.wait_for("idle");
    let pid = idle.pid().to_string();
    seen.take_lines(
        KILL_LINE,
        &lines_of(root(&["--processes", "--process", &pid, "--yes"]), 1),
    );
    seen.compare(
        &[KILL_LINE],
        &[
            // Only a process that nobody may ask about.
            ("user", "null"),
            ("message", "string"),
        ],
    );
}

/// The commands that a help text lists.
fn commands(of: &[&str]) -> Vec<String> {
    let help = dbtool().args(of).arg("--help").run();
    let list = help
        .stdout
        .split_once("\nCommands:\n")
        .map_or("", |(_, list)| list);
    list.lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !["help", "completions", "man"].contains(name))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_has_a_shape_and_every_shape_a_test() {
    let mut expected = BTreeSet::new();
    for command in commands(&[]) {
        let below = commands(&[&command]);
        expected.extend(below.iter().map(|name| format!("dbtool.{command}-{name}/1")));
        expected.insert(format!("dbtool.{command}/1"));
    }
    expected.insert(LOCAL.to_owned());
    expected.extend([KILL, KILL_LINE, POOLS, SAMPLE].map(str::to_owned));
    let described: BTreeSet<String> = document::shapes().into_keys().collect();
    assert_eq!(described, expected);
    let single = [
        PLAN,
        REPAIR,
        BASELINE,
        ADOPT,
        NEW,
        LINT,
        SCHEMA,
        BACKFILL,
        CONVERSATIONS,
        IMAGES,
        CONNECTIONS,
        LOCAL,
        KILL,
        KILL_LINE,
        POOLS,
        SAMPLE,
        CONFIG,
        PING,
        RUN,
        SANDBOX,
    ];
    let tested = words(&[&MIGRATE[..], &STATUS, &CONTROLS, &DATABASE, &single].concat());
    assert_eq!(described, tested);
}

/// The members of every object in `value`, by path, with `*` for names that are no members.
fn objects(path: &str, value: &Value, maps: &BTreeSet<&str>, out: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Value::Array(list) => list
            .iter()
            .for_each(|one| objects(&format!("{path}[]"), one, maps, out)),
        Value::Object(members) if maps.contains(path) => members
            .values()
            .for_each(|one| objects(&format!("{path}.*"), one, maps, out)),
        Value::Object(members) => {
            let names = out.entry(path.to_owned()).or_default();
            names.extend(members.keys().cloned());
            for (name, one) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                objects(&path, one, maps, out);
            }
        }
        _ => {}
    }
}

#[test]
fn the_snapshot_has_no_other_members() {
    let server = Server::start();
    let folder = schemas::migrations_of_everything();
    let written = as_root(&server, "check-schema")
        .env("DB_NAME", "app")
        .args(["--replay", "server", "--write", "--fail-on", "never", "--dir"])
        .arg(folder.path())
        .run();
    assert_eq!(written.code, Some(0), "{written}");
    let described = document::snapshot();
    let mut maps: BTreeSet<&str> = described
        .keys()
        .filter_map(|path| path.strip_suffix(".*"))
        .collect();
    maps.extend(["default_collations", "tables.*.options"]);
    let text = fs::read_to_string(folder.path().join("schema.json")).expect("the snapshot");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["format"], 1);
    let mut found = BTreeMap::new();
    objects("", &value, &maps, &mut found);
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        described.keys().collect::<Vec<_>>()
    );
    for (object, members) in &found {
        let other: Vec<_> = members.difference(&described[object]).collect();
        assert!(
            other.is_empty(),
            "{object:?} has {other:?}, which docs/json.md does not describe"
        );
    }
}
