//! A table that is changed while it is in use is in the end what the plain ALTER makes of it, with every row.

use crate::support;

use support::migrations::{Folder, assert_ends};
use support::{Admin, PATIENCE, Running, Server, wait_until};

mod controls;
mod forms;
mod generator;
mod interrupted;
mod random;
mod refused;
mod soak;
mod tool;
mod writers;

/// A database of its own with an account, and a folder with one migration that changes `t` online.
struct Place {
    account: dbtool::sandbox::Account,
    folder: Folder,
}

impl Place {
    fn new(server: &Server, database: &str, setup: &[String], alter: &str) -> Place {
        let account = server.create_account(database, database);
        let mut own = server.connect_as(&account);
        for statement in setup {
            own.exec(statement);
        }
        let folder = Folder::new(&[("001_change.sql", &format!("-- dbtool:online\n{alter};\n"))]);
        Place { account, folder }
    }

    fn migrate(&self, server: &Server, args: &[&str]) -> support::Cmd {
        server
            .dbtool_as(&self.account)
            .arg("migrate")
            .args(args)
            .arg("--dir")
            .arg(self.folder.path())
    }

    /// A run whose copy is complete, and whose swap is held back.
    fn held(&self, server: &Server, args: &[&str]) -> Running {
        let running = self.migrate(server, &[&["--hold-swap"], args].concat()).spawn();
        wait_until(PATIENCE, "the copy is complete", || {
            running.stderr_so_far().contains("dbtool migrate swap")
        });
        running
    }
}

/// A server whose accounts may create triggers.
fn server() -> Server {
    // Cascades of foreign keys are followed only where InnoDB itself does them (MySQL; others do not know the option).
    let server = Server::builder()
        .max_connections(60)
        .arg("--loose-innodb-native-foreign-keys=ON")
        .start();
    if server.is_mysql() {
        server
            .admin()
            .exec("SET GLOBAL log_bin_trust_function_creators = 1");
    }
    server
}

/// A number from the environment, by which a test takes more cases or others.
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

/// The definition of `t` with its counter, its triggers, and the names of the database's tables.
fn definition(admin: &mut Admin, database: &str) -> String {
    let create = admin.query(&format!("SHOW CREATE TABLE {database}.t"));
    let mut text = create[0][1].clone().unwrap_or_default().replace(database, "DB");
    let triggers = admin.query(&format!(
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = '{database}' \
         ORDER BY event_manipulation, action_timing, action_order"
    ));
    for trigger in triggers {
        let name = trigger[0].clone().unwrap_or_default().replace('`', "``");
        let create = admin.query(&format!("SHOW CREATE TRIGGER {database}.`{name}`"));
        text += "\n";
        text += &create[0][2].clone().unwrap_or_default().replace(database, "DB");
    }
    text
}

/// The rows of `t` that a query over its columns gives, in any order of the table.
fn rows(admin: &mut Admin, table: &str) -> Vec<String> {
    let mut rows: Vec<String> = admin
        .query(&format!("SELECT * FROM {table}"))
        .iter()
        .map(|row| format!("{row:?}"))
        .collect();
    rows.sort();
    rows
}

/// The tables of a database beside those that are the application's.
fn leftovers(admin: &mut Admin, database: &str) -> Vec<String> {
    admin
        .query(&format!(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}' \
             AND table_name LIKE '%dbtool%' AND table_name NOT IN ('dbtool_migrations', 'dbtool_online_changes') \
             UNION ALL SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = '{database}' \
             AND trigger_name LIKE '%dbtool%'"
        ))
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect()
}
