//! The databases, the account and the folder of one run.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use dbtool::sql::{SplitOptions, split};

use super::case::Case;
use crate::support::migrations::Folder;
use crate::support::{self, Admin, Cmd, Server};

const USER: &str = "killed";
/// The account that has PROCESS beside the rights on its databases.
const USER_WITH_PROCESS: &str = "killed_process";
const PASSWORD: &str = "Pw0Pw0Pw0Pw0Pw0Pw0Pw0Pw0";

/// Makes the accounts.
pub fn set_up(server: &Server) {
    let mut admin = server.admin();
    for user in [USER, USER_WITH_PROCESS] {
        admin.exec(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'"));
        admin.exec(&format!("GRANT ALL PRIVILEGES ON `k%`.* TO '{user}'@'%'"));
    }
    admin.exec(&format!("GRANT PROCESS ON *.* TO '{USER_WITH_PROCESS}'@'%'"));
    know_accounts(server);
    if server.is_mysql() {
        // Functions with binary logging need SUPER otherwise.
        admin.exec("SET PERSIST log_bin_trust_function_creators = 1");
    }
}

/// A first login with a password that is sent whole; MySQL keeps it for the next ones, until it ends.
pub fn know_accounts(server: &Server) {
    for user in [USER, USER_WITH_PROCESS] {
        drop(Admin::connect_tcp(
            server.port(),
            user,
            PASSWORD,
            "information_schema",
        ));
    }
}

/// The databases and the folder of one run.
pub struct Place {
    user: &'static str,
    pub database: String,
    folder: Folder,
}

impl Place {
    pub fn make(server: &Server, admin: &mut Admin, case: &Case) -> Place {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            user: if case.process { USER_WITH_PROCESS } else { USER },
            database: format!("k{number}_"),
            folder: Folder::new(&[]),
        };
        place.folder.write("001_case.sql", place.names(&case.migration));
        for database in [place.other(), place.database.clone()] {
            admin.exec(&format!(
                "CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
            ));
        }
        // By the account itself: what a program of another account does is hidden from it.
        let mut account = Admin::connect_tcp(server.port(), place.user, PASSWORD, &place.database);
        let setup = place.names(&case.setup);
        for statement in split(&setup, SplitOptions::default()).expect("SQL").statements {
            account.exec(statement.text);
        }
        place
    }

    fn other(&self) -> String {
        format!("{}o", self.database)
    }

    pub fn names(&self, text: &str) -> String {
        text.replace("{db}", &self.database)
            .replace("{other}", &self.other())
    }

    pub fn migrate(&self, port: u16) -> Cmd {
        support::dbtool()
            .env("DB_HOST", "127.0.0.1")
            .env("DB_PORT", port.to_string())
            .env("DB_USER", self.user)
            .env("DB_PASSWORD", PASSWORD)
            .env("DB_NAME", &self.database)
            .env("DB_SSL_MODE", "disabled")
            .args(["migrate", "--lock-wait", "60", "--dir"])
            .arg(self.folder.path())
    }

    /// Tables with their rows, programs and the history, without the database's name.
    pub fn state(&self, admin: &mut Admin) -> String {
        let mut state = String::new();
        for (database, name) in [(self.other(), "OTHER"), (self.database.clone(), "DB")] {
            let mut part = String::new();
            describe(admin, &database, &mut part);
            let _ = writeln!(state, "## {name}\n{}", part.replace(&self.database, "DB"));
        }
        state
    }

    pub fn remove(self, admin: &mut Admin) {
        for database in [self.other(), self.database.clone()] {
            admin.exec(&format!("DROP DATABASE IF EXISTS {database}"));
        }
    }
}

fn describe(admin: &mut Admin, database: &str, state: &mut String) {
    let names = admin.query(&format!(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = '{database}' ORDER BY table_name"
    ));
    for row in names {
        let (Some(name), Some(kind)) = (&row[0], &row[1]) else {
            continue;
        };
        let quoted = format!("`{database}`.`{}`", name.replace('`', "``"));
        if name == "dbtool_migrations" {
            let rows = admin.query(&format!(
                "SELECT version, name, state, statements_done, statements_total, intent, error FROM {quoted} ORDER BY version"
            ));
            let _ = writeln!(state, "{rows:?}");
            continue;
        }
        let definition = admin.query(&format!("SHOW CREATE TABLE {quoted}"));
        let _ = writeln!(
            state,
            "{}",
            without_counter(definition[0][1].as_deref().unwrap_or("?"))
        );
        if kind == "BASE TABLE" || kind == "SEQUENCE" {
            let mut rows: Vec<String> = admin
                .query(&format!("SELECT * FROM {quoted}"))
                .iter()
                .map(|row| format!("{row:?}"))
                .collect();
            rows.sort();
            let _ = writeln!(state, "{rows:?}");
        }
    }
    for query in [
        "SELECT routine_name, routine_definition FROM information_schema.routines WHERE routine_schema",
        "SELECT trigger_name, action_statement FROM information_schema.triggers WHERE trigger_schema",
        "SELECT event_name, event_definition FROM information_schema.events WHERE event_schema",
    ] {
        let rows = admin.query(&format!("{query} = '{database}' ORDER BY 1"));
        let _ = writeln!(state, "{rows:?}");
    }
}

fn without_counter(definition: &str) -> String {
    match definition.split_once(" AUTO_INCREMENT=") {
        Some((head, tail)) => {
            format!("{head}{}", tail.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => definition.to_owned(),
    }
}
