//! The same awkward files through the server's own command-line client and through `dbtool migrate`: the server
//! must be sent the same statements, byte for byte.

mod cases;
use crate::support;

use std::path::PathBuf;

use cases::{CASES, Case};
use support::migrations::Folder;
use support::{Admin, Cmd, Server};

/// The server's own client.
pub fn client_program(server: &Server) -> PathBuf {
    let name = if server.is_mysql() { "mysql" } else { "mariadb" };
    let beside = server.binary().program.with_file_name(name);
    if beside.is_file() {
        beside
    } else {
        PathBuf::from(name)
    }
}

/// The client that belongs to the server under test.
pub fn client(server: &Server, comments: bool) -> Cmd {
    Cmd::new(client_program(server))
        .args(["--no-defaults", "--default-character-set=utf8mb4", "--socket"])
        .arg(server.socket())
        .arg(if comments { "--comments" } else { "--skip-comments" })
        .args(if server.is_mysql() {
            &["--commands"][..]
        } else {
            &[]
        })
        .args(["--user=root", "app"])
}

/// What the server was sent since the log was emptied, of the statements that are to be compared: those with
/// `m4rk` in them.
fn sent(admin: &mut Admin) -> Vec<String> {
    let log = "SELECT CAST(argument AS CHAR CHARACTER SET utf8mb4) FROM mysql.general_log \
               WHERE command_type IN ('Query', 'Init DB') AND argument LIKE '%m4rk%' \
               AND argument NOT LIKE '%general_log%' AND argument NOT LIKE '%dbtool_%' \
               AND argument NOT LIKE 'SHOW CREATE %' ORDER BY event_time, thread_id";
    let rows = admin.query(log);
    let sent = rows
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten());
    // The clients choose a database by a command of the protocol, which is logged without its verb.
    let sent = sent.filter(|text| !text.starts_with("m4rk") && !text.starts_with("USE "));
    sent.map(|text| text.trim_end().to_owned()).collect()
}

fn fresh(admin: &mut Admin) {
    for statement in [
        "SET GLOBAL general_log = 0",
        "DROP DATABASE IF EXISTS app",
        "DROP DATABASE IF EXISTS m4rk",
        "DROP DATABASE IF EXISTS `m4rk-2`",
        "CREATE DATABASE app",
        "CREATE DATABASE m4rk",
        "CREATE DATABASE `m4rk-2`",
        "TRUNCATE mysql.general_log",
        "SET GLOBAL log_output = 'TABLE'",
        "SET GLOBAL general_log = 1",
    ] {
        admin.exec(statement);
    }
}

fn folder(case: &Case) -> Folder {
    let folder = Folder::new(&[]);
    for (name, text) in case.files {
        folder.write(name, text);
    }
    folder
}

#[test]
fn the_server_is_sent_what_the_client_sends() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec(&format!(
        "GRANT ALL ON `m4rk`.* TO '{}'@'%'",
        server.account().user
    ));
    admin.exec(&format!(
        "GRANT ALL ON `m4rk-2`.* TO '{}'@'%'",
        server.account().user
    ));
    let only = std::env::var("CASE").unwrap_or_default();
    let mut differences = Vec::new();
    for case in CASES.iter().filter(|case| case.name.contains(&only)) {
        // MySQL's client sends the server dashes without a space, which is a syntax error there.
        if server.is_mysql() && ["dashes without space", "dashes after a delimiter"].contains(&case.name) {
            continue;
        }
        let folder = folder(case);
        let first = case.files[0].1;
        fresh(&mut admin);
        let by_client = client(&server, case.name.contains("comment"))
            .dir(folder.path())
            .stdin(first)
            .run();
        let expected = sent(&mut admin);
        fresh(&mut admin);
        let by_dbtool = folder.migrate(&server, &[]).run();
        let found = sent(&mut admin);
        if expected != found || (by_client.code == Some(0)) != (by_dbtool.code == Some(0)) {
            differences.push(format!(
                "{}\n  client: {expected:#?}\n  dbtool: {found:#?}\n  {by_client}\n  {by_dbtool}",
                case.name
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert!(CASES.len() >= 40);
}

#[test]
fn a_session_has_the_clients_character_sets() {
    let server = Server::start();
    let mut admin = server.admin();
    let text = |table: &str| {
        format!(
            "CREATE TABLE {table} AS SELECT @@character_set_client AS a, @@character_set_connection AS b, \
             @@character_set_results AS c, @@collation_connection AS d, 'é' AS e;\n\
             CREATE PROCEDURE {table}() SELECT 'é' = 'e';\n"
        )
    };
    let by_client = client(&server, false).stdin(text("by_client")).run();
    assert_eq!(by_client.code, Some(0), "{by_client}");
    let folder = Folder::new(&[("001_a.sql", &text("by_dbtool"))]);
    let by_dbtool = folder.migrate(&server, &[]).run();
    assert_eq!(by_dbtool.code, Some(0), "{by_dbtool}");
    let mut all = |table: &str| {
        [
            admin.query(&format!("SELECT * FROM app.{table}")),
            admin.query(&format!(
                "SELECT column_name, collation_name FROM information_schema.columns WHERE table_name = '{table}' \
                 ORDER BY ordinal_position"
            )),
            admin.query(&format!(
                "SELECT character_set_client, collation_connection FROM information_schema.routines \
                 WHERE routine_name = '{table}'"
            )),
        ]
    };
    let (client, dbtool) = (all("by_client"), all("by_dbtool"));
    assert_eq!(client, dbtool);
    assert!(client.iter().all(|rows| !rows.is_empty()));
}
