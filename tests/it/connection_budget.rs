//! All dbtool processes of a host together hold at most DB_CONNECTION_LIMIT connections,
//! by the server's own processlist.

use crate::support;

use std::path::PathBuf;
use std::time::Duration;

use support::exit_path::{CONNECTIONS_OF_APP, Sampler, exit_path, held_slots};
use support::{Cmd, Output, PATIENCE, Running, Server, Signal, wait_until};

/// Commands of one user on one host: they share a runtime folder.
struct Host {
    first: Cmd,
}

impl Host {
    fn new() -> Host {
        Host {
            first: support::dbtool(),
        }
    }

    fn exit_path(&self, server: &Server, way: &[&str]) -> Cmd {
        exit_path(server, way).share_folders(&self.first)
    }

    /// Two processes that hold all slots for work.
    fn occupy(&self, server: &Server) -> Vec<Running> {
        let mut holders: Vec<Running> = (0..2)
            .map(|_| self.exit_path(server, &["idle", "60000"]).spawn())
            .collect();
        for holder in &mut holders {
            holder.wait_for("idle");
        }
        holders
    }

    fn held(&self) -> Vec<PathBuf> {
        held_slots(&self.first.folders())
    }
}

#[track_caller]
fn assert_all_succeed(running: Vec<Running>) -> Vec<Output> {
    let outputs: Vec<Output> = running.into_iter().map(Running::wait).collect();
    for output in &outputs {
        assert_eq!(output.code, Some(0), "{output}");
    }
    outputs
}

#[test]
fn twenty_processes_share_three_connections_and_none_starves() {
    let server = Server::start();
    let before = server.counters();
    let host = Host::new();
    let sampler = Sampler::start(&server, CONNECTIONS_OF_APP);
    // Each takes a second connection when one is free: the case that could deadlock.
    let running = (0..20)
        .map(|_| host.exit_path(&server, &["two"]).spawn())
        .collect();
    assert_all_succeed(running);
    server_has_forgotten(&server);
    let (peak, samples) = sampler.finish();
    assert!((1..=3).contains(&peak), "peak {peak} in {samples} samples");
    server.assert_unchanged(&before);
    assert_eq!(host.held(), Vec::<PathBuf>::new());
}

fn server_has_forgotten(server: &Server) {
    let mut admin = server.admin();
    wait_until(PATIENCE, "no connection of app", || {
        admin.number(CONNECTIONS_OF_APP) == 0
    });
}

#[test]
fn brief_commands_get_in_beside_long_ones_within_the_limit() {
    let server = Server::start();
    let host = Host::new();
    let sampler = Sampler::start(&server, CONNECTIONS_OF_APP);
    let mut long = host.occupy(&server);
    let brief = (0..6)
        .map(|_| host.exit_path(&server, &["brief", "DO SLEEP(0.02)"]).spawn())
        .collect();
    assert_all_succeed(brief);
    for running in &mut long {
        running.signal(Signal::TERM);
    }
    for running in long {
        assert_eq!(running.wait().code, Some(143));
    }
    let (peak, _) = sampler.finish();
    assert_eq!(peak, 3);
}

#[test]
fn interrupting_every_process_at_once_stays_within_the_limit() {
    let server = Server::start();
    let before = server.counters();
    let host = Host::new();
    let sampler = Sampler::start(&server, CONNECTIONS_OF_APP);
    let mut running: Vec<Running> = (0..8)
        .map(|_| {
            host.exit_path(&server, &["run-unlimited", "SELECT SLEEP(60)"])
                .spawn()
        })
        .collect();
    for process in &mut running {
        wait_until(PATIENCE, "a process that runs or waits", || {
            process.stdout_so_far().contains("running") || process.stderr_so_far().contains("waiting")
        });
    }
    for process in &mut running {
        process.signal(Signal::INT);
    }
    for process in running {
        let output = process.wait();
        assert_eq!(output.code, Some(130), "{output}");
    }
    let (peak, _) = sampler.finish();
    assert!(peak <= 3, "peak {peak}");
    server.assert_unchanged(&before);
}

#[test]
fn a_killed_process_frees_its_slots_at_once() {
    let server = Server::start();
    let host = Host::new();
    // Reproducible moments, spread over start-up, connecting, working and closing.
    let mut moment = 7_u64;
    for _ in 0..200 {
        let mut victims: Vec<Running> = (0..2)
            .map(|_| host.exit_path(&server, &["two"]).spawn())
            .collect();
        moment = (moment * 1_103_515_245 + 12_345) % 40_000;
        std::thread::sleep(Duration::from_micros(moment));
        for victim in &mut victims {
            victim.signal(Signal::KILL);
        }
        drop(victims);
        assert_eq!(host.held(), Vec::<PathBuf>::new());
    }
    let output = host
        .exit_path(&server, &["success"])
        .env("DB_ACQUIRE_TIMEOUT", "2000")
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(output.stderr, "", "it did not wait for anybody");
}

#[test]
fn waiters_are_told_once_who_holds_the_slots_and_go_on_when_one_is_freed() {
    let server = Server::start();
    let host = Host::new();
    let mut holders = host.occupy(&server);
    let mut waiter = host.exit_path(&server, &["success"]).spawn();
    waiter.wait_for("waiting for a free connection (limit 3): held by exit-path idle (pid ");
    holders[0].signal(Signal::TERM);
    let output = waiter.wait();
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(output.stderr.matches("waiting for").count(), 1, "{output}");
    assert!(
        output.stderr.contains(&format!("(pid {},", holders[1].pid())),
        "{output}"
    );
}

#[test]
fn a_waiting_process_can_be_interrupted() {
    let server = Server::start();
    let host = Host::new();
    let _holders = host.occupy(&server);
    let mut waiters: Vec<Running> = (0..2)
        .map(|_| host.exit_path(&server, &["success"]).spawn())
        .collect();
    for waiter in &mut waiters {
        waiter.wait_for("waiting for a free connection");
        waiter.signal(Signal::INT);
    }
    for waiter in waiters {
        let output = waiter.wait();
        assert_eq!(output.code, Some(130), "{output}");
    }
}

#[test]
fn without_sharing_a_process_counts_alone() {
    let server = Server::start();
    let host = Host::new();
    let _holders = host.occupy(&server);
    let alone = host
        .exit_path(&server, &["success"])
        .env("DB_SHARED_BUDGET", "false")
        .run();
    assert_eq!(alone.code, Some(0), "{alone}");
    assert_eq!(alone.stderr, "");
}

#[test]
fn another_server_or_account_has_a_budget_of_its_own() {
    let (server, other) = (Server::start(), Server::start());
    let host = Host::new();
    let _holders = host.occupy(&server);
    let elsewhere = host
        .exit_path(&other, &["success"])
        .env("DB_ACQUIRE_TIMEOUT", "2000")
        .run();
    assert_eq!(elsewhere.code, Some(0), "{elsewhere}");
    // The spellings of this machine are one server.
    let localhost = host
        .exit_path(&server, &["success"])
        .env("DB_HOST", "localhost")
        .env("DB_ACQUIRE_TIMEOUT", "400")
        .run();
    assert_eq!(localhost.code, Some(3), "{localhost}");
}

#[test]
fn a_folder_that_cannot_be_used_is_said_and_the_process_counts_alone() {
    let server = Server::start();
    let output = exit_path(&server, &["success"])
        .env("DB_BUDGET_DIR", "/dev/null/slots")
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(
        output.stderr.contains("the connection limit cannot be shared"),
        "{output}"
    );
    assert!(
        output.stderr.contains("DB_BUDGET_DIR=/dev/null/slots"),
        "{output}"
    );
}

/// Kills `number` processes in a row while a statement of each runs.
fn kill_in_statements(host: &Host, server: &Server, number: usize, sql: &str) {
    for _ in 0..number {
        let mut victim = host.exit_path(server, &["run-unlimited", sql]).spawn();
        victim.wait_for("running");
        let mut admin = server.admin();
        wait_until(PATIENCE, "the statement of the last one", || {
            let newest = "SELECT COALESCE(MAX(info), '') FROM information_schema.processlist WHERE id = \
                          (SELECT MAX(id) FROM information_schema.processlist WHERE user = 'app')";
            admin.value(newest).contains("SLEEP")
        });
        victim.signal(Signal::KILL);
        let _ = victim.wait();
    }
}

/// Past the time in which a number could be that of a connection to the server's last life.
fn server_is_of_age(server: &Server) {
    let mut admin = server.admin();
    wait_until(PATIENCE, "an uptime of a second", || admin.status("Uptime") >= 1);
}

#[test]
fn what_killed_processes_left_running_counts_until_it_is_ended() {
    let server = Server::start();
    server_is_of_age(&server);
    let host = Host::new();
    let sampler = Sampler::start(&server, CONNECTIONS_OF_APP);
    kill_in_statements(&host, &server, 6, "DO SLEEP(600)");
    let output = host.exit_path(&server, &["two"]).run();
    assert_eq!(output.code, Some(0), "{output}");
    let (peak, samples) = sampler.finish();
    assert!((2..=3).contains(&peak), "peak {peak} in {samples} samples");
}

#[test]
fn a_reused_number_of_another_connection_is_not_killed() {
    let server = Server::start();
    let host = Host::new();
    let output = host.exit_path(&server, &["success"]).run();
    assert_eq!(output.code, Some(0), "{output}");
    // Marks of processes that were killed before the server was started.
    let mut bystander = server.connect_as(server.account());
    let id = bystander.id();
    let folder = host.first.folders().join("run/dbtool");
    for slot in std::fs::read_dir(&folder).expect("slots").flatten() {
        let name = slot.file_name().to_string_lossy().into_owned();
        if let Some((key, _)) = name.split_once(".slot.") {
            for index in 0..2 {
                let text = format!(
                    r#"{{"pid":1,"command":"migrate","taken":1000,"connection":{id},"connected":1000}}"#
                );
                std::fs::write(folder.join(format!("{key}.slot.{index}")), text).expect("a file");
            }
        }
    }
    let output = host.exit_path(&server, &["success"]).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(output.stderr, "", "{output}");
    bystander.exec("DO 1");
}

/// Statements of `app` that sleep, that is, connections past the fleet's gate.
const SLEEPING: &str = "SELECT COUNT(*) FROM information_schema.processlist \
     WHERE user = 'app' AND info LIKE 'DO SLEEP%'";

#[test]
fn a_fleet_budget_holds_across_hosts() {
    let server = Server::start();
    let before = server.counters();
    let sampler = Sampler::start(&server, SLEEPING);
    // Every command has a runtime folder of its own, as on hosts of their own.
    let running = (0..5)
        .map(|_| {
            exit_path(&server, &["run", "DO SLEEP(0.15)"])
                .env("DB_FLEET_CONNECTION_LIMIT", "2")
                .spawn()
        })
        .collect();
    assert_all_succeed(running);
    let (peak, _) = sampler.finish();
    assert_eq!(peak, 2);
    server.assert_unchanged(&before);
}

#[test]
fn a_full_fleet_budget_is_a_clear_failure() {
    let server = Server::start();
    let fleet = |way: &[&str]| exit_path(&server, way).env("DB_FLEET_CONNECTION_LIMIT", "1");
    let mut holder = fleet(&["idle", "60000"]).spawn();
    holder.wait_for("idle");
    let output = fleet(&["success"]).env("DB_ACQUIRE_TIMEOUT", "400").run();
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stderr.contains("DB_FLEET_CONNECTION_LIMIT"), "{output}");
}

#[test]
fn a_limit_of_one_still_leaves_nothing_running() {
    let server = Server::start();
    let before = server.counters();
    let mut running = exit_path(&server, &["run-unlimited", "SELECT SLEEP(60)"])
        .env("DB_CONNECTION_LIMIT", "1")
        .spawn();
    let mut admin = server.admin();
    wait_until(PATIENCE, "the statement", || {
        admin.number(CONNECTIONS_OF_APP) == 1
    });
    drop(admin);
    running.signal(Signal::INT);
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output}");
    server.assert_unchanged(&before);
    assert_eq!(server.admin().number(CONNECTIONS_OF_APP), 0);
}
