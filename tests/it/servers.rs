//! The tests' own ground: private servers start, count, and vanish.

use crate::support;

use support::{Admin, Server, Tls};

#[test]
fn a_server_starts_with_an_account_and_leaves_nothing() {
    let server = Server::start();
    let dir = server.dir().to_path_buf();
    let pid = server.pid();
    assert!(server.socket().exists());
    let mut admin = server.admin();
    assert_eq!(admin.value("SELECT @@max_connections"), "30");
    assert_eq!(admin.value("SELECT @@port"), server.port().to_string());
    assert_eq!(admin.value("SELECT @@bind_address"), "127.0.0.1");
    assert_eq!(
        admin.query("SELECT user, host FROM mysql.user WHERE user NOT LIKE 'mysql.%' AND user NOT LIKE 'mariadb.%' ORDER BY user"),
        [[Some("app".into()), Some("%".into())], [Some("root".into()), Some("localhost".into())]]
    );
    let mut app = server.connect_as(server.account());
    app.exec("CREATE TABLE t (id INT PRIMARY KEY)");
    assert_eq!(app.value("SELECT COUNT(*) FROM t"), "0");
    assert!(app.try_exec("SELECT * FROM mysql.user").is_err());
    drop((app, admin));
    drop(server);
    assert!(!dir.exists());
    assert!(!support::is_alive(pid));
}

#[test]
fn several_servers_run_side_by_side() {
    let servers: Vec<Server> = (0..3)
        .map(|_| Server::builder().max_connections(12).start())
        .collect();
    let mut ports: Vec<u16> = servers.iter().map(Server::port).collect();
    ports.dedup();
    assert_eq!(ports.len(), 3);
    for server in &servers {
        assert_eq!(server.admin().number("SELECT @@max_connections"), 12);
    }
}

#[test]
fn counters_tell_a_goodbye_from_a_hang_up() {
    let server = Server::start();
    let before = server.counters();
    assert_eq!(before.threads_connected, 1);
    drop(server.admin());
    server.assert_unchanged(&before);
    drop(std::net::TcpStream::connect(("127.0.0.1", server.port())).expect("a connection"));
    support::wait_until(support::PATIENCE, "the hang-up is counted", || {
        server.counters().aborted_connects == before.aborted_connects + 1
    });
}

#[test]
fn a_server_can_have_a_certificate() {
    let tls = Tls::local();
    let server = Server::builder().tls(&tls).start();
    let mut admin = server.admin();
    assert_eq!(admin.value("SELECT @@ssl_ca"), tls.ca().display().to_string());
    let other = if server.is_mysql() {
        "Ssl_cipher"
    } else {
        "Ssl_accepts"
    };
    assert!(!admin.query(&format!("SHOW STATUS LIKE '{other}'")).is_empty());
}

#[test]
fn users_and_databases_are_made() {
    let server = Server::start();
    let account = server.create_account("second", "second_db");
    server.create_database("third");
    server.create_user("reader", "secret", &["SELECT ON third.*"]);
    let mut second = Admin::connect_tcp(server.port(), "second", account.password.reveal(), "second_db");
    assert_eq!(second.value("SELECT DATABASE()"), "second_db");
    let mut reader = Admin::connect_tcp(server.port(), "reader", "secret", "third");
    assert!(reader.try_exec("CREATE TABLE t (id INT)").is_err());
}
