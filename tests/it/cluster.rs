//! The promises of one server, kept on several: Galera, Group Replication, replicas, and a proxy in between.
//!
//! `just test-cluster` runs them; the usual run leaves them out.

use crate::support;

use support::cluster::{Balancer, Cluster, running};
use support::migrations::Folder;
use support::{Admin, Cmd, Output, PATIENCE, Running, Server, Signal, wait_until};

use dbtool::sandbox::Account;

/// A database of its own in a cluster.
struct Case<'a> {
    cluster: &'a Cluster,
    account: Account,
    folder: Folder,
}

impl<'a> Case<'a> {
    fn new(cluster: &'a Cluster, name: &str, files: &[(&str, &str)]) -> Case<'a> {
        Case {
            cluster,
            account: cluster.create_account(name),
            folder: Folder::new(files),
        }
    }

    fn migrate(&self, node: usize) -> Cmd {
        self.cluster
            .node(node)
            .dbtool_as(&self.account)
            .arg("migrate")
            .args(["--lock-wait", "60", "--dir"])
            .arg(self.folder.path())
    }

    /// Waits until a statement with this word runs on a node.
    fn wait_for(&self, node: usize, word: &str, run: &mut Running) {
        let mut admin = self.cluster.node(node).admin();
        wait_until(PATIENCE, "the statement runs", || {
            assert!(run.poll().is_none(), "it ended: {}", run.stderr_so_far());
            running(&mut admin, &self.account, word) > 0
        });
    }

    /// The value of a query on each node, when all agree.
    fn value(&self, query: &str) -> String {
        let ask = |node: &Server| {
            let mut admin = node.admin();
            admin.exec(&format!("USE {}", self.account.database));
            // Whatever the node has received is applied first.
            let _ = admin.try_exec("SET SESSION wsrep_sync_wait = 15");
            let _ = admin.try_exec("SET SESSION group_replication_consistency = 'BEFORE'");
            admin.value(query)
        };
        let values: Vec<String> = self.cluster.nodes().iter().map(ask).collect();
        assert!(
            values.iter().all(|value| value == &values[0]),
            "{query}: {values:?}"
        );
        values[0].clone()
    }
}

#[track_caller]
fn assert_one_worked(outputs: &[Output]) {
    for output in outputs {
        assert_eq!(output.code, Some(0), "{}\n{}", outputs[0], outputs[1]);
    }
}

/// Two runs at the same moment, and one while a statement of the other runs, through two nodes: each statement once.
fn two_runs_are_one(cluster: &Cluster, prefix: &str) {
    let files = [
        (
            "001_a.sql",
            "CREATE TABLE counters (m INT, s INT, id INT AUTO_INCREMENT PRIMARY KEY);",
        ),
        (
            "002_b.sql",
            "INSERT INTO counters (m, s) SELECT 2, 1 + SLEEP(1); INSERT INTO counters (m, s) VALUES (2, 2);",
        ),
        (
            "003_c.sql",
            "UPDATE counters SET s = s + 10; ALTER TABLE counters ADD COLUMN x INT, ADD INDEX (s);",
        ),
    ];
    let sum = "SELECT CONCAT(COUNT(*), ' ', SUM(s)) FROM counters";
    for (name, word) in [("moment", None), ("second", Some("SLEEP(1)"))] {
        let case = Case::new(cluster, &format!("{prefix}_{name}"), &files);
        let mut one = case.migrate(0).spawn();
        if let Some(word) = word {
            case.wait_for(0, word, &mut one);
        }
        let other = case.migrate(1).spawn();
        assert_one_worked(&[one.wait(), other.wait()]);
        assert_eq!(case.value(sum), "2 23", "{name}");
        // One after the other: nothing is left to do.
        let again = case.migrate(1).run();
        assert!(
            again.code == Some(0) && again.stderr.contains("nothing to apply") || again.code == Some(0),
            "{again}"
        );
        assert_eq!(case.value(sum), "2 23");
    }
}

/// A run is killed in the middle of a statement, and another one goes on through another node.
fn a_killed_run_is_taken_over(cluster: &Cluster, prefix: &str) {
    let insert = "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT); INSERT INTO t (a) VALUES (1);
        INSERT INTO t (a) SELECT 2 + SLEEP(3);";
    let case = Case::new(cluster, &format!("{prefix}_killed"), &[("001_t.sql", insert)]);
    let mut one = case.migrate(0).spawn();
    case.wait_for(0, "SLEEP(3)", &mut one);
    one.signal(Signal::KILL);
    one.wait();
    let other = case.migrate(1).run();
    assert_eq!(other.code, Some(0), "{other}");
    assert_eq!(case.value("SELECT CONCAT(COUNT(*), ' ', SUM(a)) FROM t"), "2 3");
}

#[test]
#[ignore = "needs fetched packages: run just test-cluster"]
fn galera_runs_are_exactly_once_through_any_node() {
    let cluster = Cluster::galera(2);
    two_runs_are_one(&cluster, "g");
    a_killed_run_is_taken_over(&cluster, "g");
    an_alter_that_outlives_its_run(&cluster);
    ddl_reaches_every_node(&cluster);
}

/// The ALTER of a killed run goes on in the whole cluster: the next run waits for it and does not repeat it.
fn an_alter_that_outlives_its_run(cluster: &Cluster) {
    let alter = "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(200));
        INSERT INTO t (a) SELECT REPEAT('x', 190) FROM seq_1_to_60000;
        ALTER TABLE t ADD COLUMN b INT, ADD INDEX (a), ADD INDEX (a, b), FORCE;";
    let case = Case::new(cluster, "g_alter", &[("001_t.sql", alter)]);
    let mut one = case.migrate(0).spawn();
    case.wait_for(0, "ALTER TABLE t", &mut one);
    one.signal(Signal::KILL);
    one.wait();
    let other = case.migrate(1).run();
    assert_eq!(other.code, Some(0), "{other}");
    let indexes = "SELECT COUNT(DISTINCT INDEX_NAME) FROM information_schema.STATISTICS \
                   WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't'";
    assert_eq!(case.value(indexes), "3");
}

/// A server default that keeps DDL on one node does not reach the session.
fn ddl_reaches_every_node(cluster: &Cluster) {
    let case = Case::new(
        cluster,
        "g_rsu",
        &[("001_t.sql", "CREATE TABLE t (id INT PRIMARY KEY);")],
    );
    cluster
        .node(0)
        .admin()
        .exec("SET GLOBAL wsrep_OSU_method = 'RSU'");
    let output = case.migrate(0).run();
    cluster
        .node(0)
        .admin()
        .exec("SET GLOBAL wsrep_OSU_method = 'TOI'");
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(case.value("SELECT COUNT(*) FROM t"), "0");
}

#[test]
#[ignore = "needs fetched packages: run just test-cluster"]
fn multi_primary_runs_are_exactly_once_through_any_member() {
    let cluster = Cluster::group(2, true);
    two_runs_are_one(&cluster, "m");
    a_killed_run_is_taken_over(&cluster, "m");
    an_alter_that_only_its_member_sees(&cluster);
}

/// The ALTER of a killed run goes on where it was started, and no other member sees it: only through that member the next
/// run goes on.
fn an_alter_that_only_its_member_sees(cluster: &Cluster) {
    let alter = "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(200));
        INSERT INTO t (a) VALUES (REPEAT('x', 190));
        DO GET_LOCK('m_gate', 60);
        ALTER TABLE t ADD COLUMN b INT, ADD INDEX (a);";
    let case = Case::new(cluster, "m_alter", &[("001_t.sql", alter)]);
    let mut holder = cluster.node(0).connect_as(&case.account);
    holder.exec("DO GET_LOCK('m_gate', 0)");
    let mut one = case.migrate(0).args(["--ddl-lock-wait", "100"]).spawn();
    case.wait_for(0, "m_gate", &mut one);
    holder.exec("START TRANSACTION");
    holder.query("SELECT * FROM t");
    holder.exec("DO RELEASE_LOCK('m_gate')");
    case.wait_for(0, "ALTER TABLE t", &mut one);
    one.signal(Signal::KILL);
    one.wait();
    for _ in 0..2 {
        let other = case.migrate(1).run();
        assert_eq!(other.code, Some(5), "{other}");
        assert!(other.stderr.contains("may still run"), "{other}");
    }
    holder.exec("COMMIT");
    let last = case.migrate(0).run();
    assert_eq!(last.code, Some(0), "{last}");
    let indexes = "SELECT COUNT(DISTINCT INDEX_NAME) FROM information_schema.STATISTICS \
                   WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't'";
    assert_eq!(case.value(indexes), "2");
}

/// Ctrl+C of a run behind a proxy ends its statement, wherever it runs, and nobody else's.
#[test]
#[ignore = "needs fetched packages: run just test-cluster"]
fn a_kill_behind_a_proxy_hits_the_right_server() {
    let cluster = Cluster::galera(2);
    let balancer = Balancer::start(&[cluster.node(0), cluster.node(1)]);
    let case = Case::new(
        &cluster,
        "k",
        &[(
            "001_k.sql",
            "CREATE TABLE IF NOT EXISTS k (a INT PRIMARY KEY); SELECT SLEEP(20), 'victim';",
        )],
    );
    let mut rounds = 0;
    for _ in 0..20 {
        equal_numbers(&cluster);
        let mut run = case
            .migrate(0)
            .env("DB_PORT", balancer.port().to_string())
            .spawn();
        let (victim, id) = where_it_runs(&case, "victim", &mut run);
        let Some(stranger) = connection_with_number(cluster.node(1 - victim), &case.account, id) else {
            // The other node has given out that number already.
            run.signal(Signal::INT);
            assert_eq!(run.wait().code, Some(130));
            continue;
        };
        let stranger = std::thread::spawn(move || {
            let mut stranger = stranger;
            stranger.value("SELECT SLEEP(3)")
        });
        run.signal(Signal::INT);
        let output = run.wait();
        assert_eq!(output.code, Some(130), "{output}");
        for node in cluster.nodes() {
            assert_eq!(running(&mut node.admin(), &case.account, "victim"), 0, "{output}");
        }
        assert_eq!(
            stranger.join().expect("the stranger is not killed"),
            "0",
            "{output}"
        );
        rounds += 1;
        if rounds == 3 {
            return;
        }
    }
    panic!("the numbers were equal {rounds} times only");
}

/// Lets both nodes give about the same number to their next connection.
fn equal_numbers(cluster: &Cluster) {
    let next = |node: usize| cluster.node(node).admin().id();
    let (mut first, mut second) = (next(0), next(1));
    while first != second {
        if first < second {
            first = next(0);
        } else {
            second = next(1);
        }
    }
}

/// The node on which a statement with this word runs, and its connection's number.
fn where_it_runs(case: &Case<'_>, word: &str, run: &mut Running) -> (usize, u32) {
    let mut admins: Vec<_> = case.cluster.nodes().iter().map(Server::admin).collect();
    let mut found = None;
    wait_until(PATIENCE, "the statement runs", || {
        assert!(run.poll().is_none(), "it ended: {}", run.stderr_so_far());
        for (node, admin) in admins.iter_mut().enumerate() {
            let id = admin.number(&format!(
                "SELECT COALESCE(MAX(id), 0) FROM information_schema.processlist WHERE user = '{}' AND info LIKE '%{word}%'",
                case.account.user
            ));
            if id > 0 {
                found = Some((node, u32::try_from(id).expect("a small number")));
            }
        }
        found.is_some()
    });
    found.expect("waited for")
}

/// A connection of the account that has this number, unless a later one has been given out.
fn connection_with_number(node: &Server, account: &Account, id: u32) -> Option<Admin> {
    loop {
        let connection = node.connect_as(account);
        if connection.id() >= id {
            return Some(connection).filter(|connection| connection.id() == id);
        }
    }
}

/// What a node without the majority, or a replica, lets nobody do by mistake.
#[test]
#[ignore = "needs fetched packages: run just test-cluster"]
fn a_server_that_must_not_be_used_is_not() {
    let cluster = Cluster::galera(2);
    let case = Case::new(
        &cluster,
        "n",
        &[("001_n.sql", "CREATE TABLE n (a INT PRIMARY KEY);")],
    );
    let isolate = |on: u8| {
        let isolate = format!("SET GLOBAL wsrep_provider_options = 'gmcast.isolate={on}'");
        cluster.node(1).admin().exec(&isolate);
    };
    isolate(1);
    let mut admin = cluster.node(1).admin();
    let status = |admin: &mut Admin| admin.query("SHOW STATUS LIKE 'wsrep_ready'")[0][1].clone();
    wait_until(PATIENCE, "the node has lost the majority", || {
        status(&mut admin).as_deref() == Some("OFF")
    });
    let output = case.migrate(1).env("DB_ACQUIRE_TIMEOUT", "1500").run();
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stderr.contains("another node"), "{output}");
    let output = cluster
        .node(1)
        .dbtool_as(&case.account)
        .arg("check-connections")
        .run();
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stdout.contains("non-Primary"), "{output}");
    let output = cluster.node(1).dbtool_as(&case.account).arg("ping").run();
    assert_eq!(output.code, Some(3), "{output}");
    // It waits for the majority to come back.
    let mut run = case.migrate(1).spawn();
    run.wait_for("the server accepts no statements; waiting");
    isolate(0);
    let output = run.wait();
    assert_eq!(output.code, Some(0), "{output}");

    let pair = Cluster::pair();
    let account = pair.create_account("r");
    pair.node(0).admin().exec("GRANT ALL ON *.* TO r@'%'");
    let replica = pair.node(1);
    wait_until(PATIENCE, "the right has arrived", || {
        let mut admin = replica.admin();
        admin.value("SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE GRANTEE LIKE '%r%' AND PRIVILEGE_TYPE = 'SUPER'") != "0"
    });
    let folder = Folder::new(&[("001_a.sql", "CREATE TABLE a (id INT PRIMARY KEY);")]);
    let migrate = || {
        folder
            .migrate_as(replica, &account, &[])
            .env("DB_ACQUIRE_TIMEOUT", "1500")
    };
    let output = migrate().run();
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stderr.contains("--allow-replica"), "{output}");
    let tables = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'r'";
    assert_eq!(replica.admin().value(tables), "0");
    let output = migrate().arg("--allow-replica").run();
    assert_eq!(output.code, Some(0), "{output}");
    // Replication that stands still is told of.
    replica.admin().exec("STOP REPLICA");
    let output = migrate().arg("status").run();
    assert!(output.stderr.contains("behind its source"), "{output}");
    let output = replica.dbtool_as(&account).arg("check-connections").run();
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stdout.contains("replica of 127.0.0.1"), "{output}");
}

/// Two backfills at once through two nodes: each booking gets one conversation.
#[test]
#[ignore = "needs fetched packages: run just test-cluster"]
fn two_backfills_through_two_nodes_make_each_conversation_once() {
    let cluster = Cluster::galera(2);
    two_backfills(&cluster, "b");
}

fn two_backfills(cluster: &Cluster, name: &str) {
    let account = cluster.create_account(name);
    let mut admin = cluster.node(0).admin();
    admin.exec(&format!("USE {name}"));
    let migrate = cluster.node(0).dbtool_as(&account).arg("migrate").arg("--dir");
    let output = migrate.arg(support::migrations::shipped()).run();
    assert_eq!(output.code, Some(0), "{output}");
    for statement in BOOKINGS {
        admin.exec(statement);
    }
    let run = |node: usize| {
        let command = cluster.node(node).dbtool_as(&account);
        command
            .args(["create-conversations", "--per-booking", "--max-rows", "50"])
            .spawn()
    };
    let (one, other) = (run(0), run(1));
    let outputs = [one.wait(), other.wait()];
    assert_one_worked(&outputs);
    let doubles =
        "SELECT COUNT(*) FROM (SELECT 1 FROM conversations GROUP BY booking_id HAVING COUNT(*) > 1) AS d";
    assert_eq!(admin.value(doubles), "0");
    let left = "SELECT COUNT(*) FROM bookings AS b LEFT JOIN conversations AS c ON c.booking_id = b.id WHERE c.id IS NULL";
    assert_eq!(admin.value(left), "0", "{}\n{}", outputs[0], outputs[1]);
}

const BOOKINGS: [&str; 3] = [
    "INSERT INTO users (id, email, password_hash, first_name, last_name) \
     SELECT seq, CONCAT(seq, '@example.com'), 'x', 'A', 'B' FROM seq_1_to_200",
    "INSERT INTO properties (id, host_id, title, description, property_type, address, city, country, price_per_night) \
     SELECT seq, seq, 't', 'd', 'house', 'a', 'c', 'c', 10 FROM seq_1_to_100",
    "INSERT INTO bookings (id, property_id, guest_id, host_id, base_price, total_amount, status, created_at) \
     SELECT seq, 1 + MOD(seq, 100), 101 + MOD(seq * 7, 100), 1 + MOD(seq, 100), 10, 10, 'confirmed', \
     NOW() - INTERVAL 30 DAY FROM seq_1_to_6000",
];
