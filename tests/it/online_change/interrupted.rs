//! A change that is interrupted at any point leaves the table whole and in use, and goes on when it is run again.
//!
//! By default some points are taken; `DBTOOL_ONLINE_MATRIX=all` takes each.

use super::writers::{SETUP, assert_same, write_some};
use super::{Place, leftovers, server};
use crate::support;
use support::crash::Crashing;
use support::proxy::{Proxy, Stop};
use support::{Admin, PATIENCE, Server, Signal, wait_until};

const ALTER: &str = "ALTER TABLE t MODIFY a BIGINT, CHANGE s s2 VARCHAR(80), ADD UNIQUE KEY u (u), ADD n INT NOT NULL DEFAULT 3";

fn place(server: &Server, database: &str) -> Place {
    let setup: Vec<String> = SETUP.iter().map(|text| (*text).to_owned()).collect();
    Place::new(server, database, &setup, ALTER)
}

/// Through a proxy, in many ranges.
fn migrate(place: &Place, server: &Server, port: u16) -> support::Cmd {
    place
        .migrate(server, &["--target-ms", "5", "--lock-wait", "60"])
        .env("DB_PORT", port.to_string())
        .env("DB_SSL_MODE", "disabled")
}

/// Waits until no connection of the account is left, so that its locks are gone.
fn wait_gone(admin: &mut Admin, user: &str) {
    wait_until(PATIENCE, "the connections of the killed run are gone", || {
        admin.number(&format!(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{user}'"
        )) == 0
    });
}

/// The numbers of the commands between which a run is stopped, of `count`.
fn points(count: usize, first: usize) -> Vec<usize> {
    let all = std::env::var("DBTOOL_ONLINE_MATRIX").as_deref() == Ok("all");
    (first..=count)
        .filter(|number| all || number % 19 == 3 || *number + 24 > count && number % 3 == 0)
        .collect()
}

#[test]
fn a_change_that_is_killed_at_any_command_goes_on() {
    let server = server();
    let mut admin = server.admin();
    let whole = place(&server, "whole");
    let proxy = Proxy::start(server.port(), None);
    let output = migrate(&whole, &server, proxy.port()).run();
    assert_eq!(output.code, Some(0), "{output}");
    let commands = proxy.commands();
    let first = commands
        .iter()
        .position(|command| command.contains("SHOW CREATE TABLE"))
        .expect("the change begins")
        + 1;
    let mut reached = 0;
    for number in points(commands.len(), first) {
        for stop in [Stop::Before(number), Stop::After(number)] {
            let database = format!(
                "k{number}{}",
                if matches!(stop, Stop::After(_)) { "a" } else { "b" }
            );
            let what = format!("{stop:?}: {}", commands[number - 1]);
            let place = place(&server, &database);
            let proxy = Proxy::start(server.port(), Some(stop));
            let mut running = migrate(&place, &server, proxy.port()).spawn();
            if proxy.wait_reached(PATIENCE, || running.poll().is_some()) {
                reached += 1;
                running.signal(Signal::KILL);
                running.wait();
                proxy.cut();
                wait_gone(&mut admin, &database);
                let mut own = server.connect_as(&place.account);
                write_some(&mut own, number, &what);
            } else {
                running.wait();
            }
            let output = migrate(&place, &server, server.port()).run();
            assert_eq!(output.code, Some(0), "{what}: {output}");
            assert_same(&mut admin, &database, &what);
            let left = leftovers(&mut admin, &database);
            assert!(left.is_empty(), "{what}: {left:?}");
            admin.exec(&format!("DROP DATABASE {database}"));
        }
    }
    assert!(reached >= 12, "{reached} points of {} commands", commands.len());
}

#[test]
fn a_change_goes_on_after_the_server_was_killed() {
    let mut crashing = Crashing::start(
        Server::builder()
            .max_connections(60)
            .arg("--loose-innodb-native-foreign-keys=ON"),
    );
    let mut admin = crashing.server().admin();
    if crashing.server().is_mysql() {
        admin.exec("SET PERSIST log_bin_trust_function_creators = 1");
    }
    for (round, needle) in [
        "CREATE TRIGGER",
        "INSERT INTO `c1`.`t_dbtool_new`",
        "BIT_XOR",
        "LOCK TABLES",
        "RENAME TABLE",
        "DROP TABLE IF EXISTS `c5`.`t_dbtool_old`",
    ]
    .into_iter()
    .enumerate()
    {
        let database = format!("c{round}");
        let place = place(crashing.server(), &database);
        // Which command it is differs from run to run: the crash comes when the server has it.
        let proxy = Proxy::start(crashing.server().port(), None);
        let mut running = migrate(&place, crashing.server(), proxy.port()).spawn();
        wait_until(PATIENCE, needle, || {
            running.poll().is_some() || proxy.commands().iter().any(|command| command.contains(needle))
        });
        crashing.kill();
        proxy.cut();
        running.wait();
        admin = crashing.start_again();
        drop(Admin::connect_tcp(
            crashing.server().port(),
            &place.account.user,
            place.account.password.reveal(),
            &database,
        ));
        let mut own = crashing.server().connect_as(&place.account);
        write_some(&mut own, round, needle);
        drop(own);
        let output = migrate(&place, crashing.server(), crashing.server().port()).run();
        assert_eq!(output.code, Some(0), "{needle}: {output}");
        assert_same(&mut admin, &database, needle);
        let left = leftovers(&mut admin, &database);
        assert!(left.is_empty(), "{needle}: {left:?}");
    }
}

#[test]
fn ctrl_c_ends_a_change_that_goes_on_later() {
    let server = server();
    let mut admin = server.admin();
    let before = server.counters();
    let place = place(&server, "stopped");
    let mut running = place.held(&server, &[]);
    running.signal(Signal::INT);
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output}");
    server.assert_unchanged(&before);
    admin.exec("UPDATE stopped.dbtool_online_changes SET hold = 0");
    let output = place.migrate(&server, &[]).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert_same(&mut admin, "stopped", "after Ctrl+C");
}
