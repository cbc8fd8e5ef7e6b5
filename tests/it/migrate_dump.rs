//! A dump by the server's own tool is a migration like any other: what it leaves is equal to what was dumped.

use crate::client_differential::client;
use crate::support::migrations::{Folder, assert_ends};
use crate::support::{Admin, Server};

const SOURCE: &str = include_str!("../cases/dumps/source.sql");
const BY_MARIADB: &str = include_str!("../cases/dumps/mariadb-dump.sql");
const BY_MYSQL: &str = include_str!("../cases/dumps/mysqldump.sql");

/// All that a database holds, rows included, without its name.
fn content(admin: &mut Admin, database: &str) -> Vec<String> {
    let own = "'dbtool_migrations', 'dbtool_lock'";
    let mut lines = Vec::new();
    let mut add = |admin: &mut Admin, sql: &str| {
        for row in admin.query(sql) {
            let cells: Vec<String> = row
                .into_iter()
                .map(|cell| cell.unwrap_or("NULL".to_owned()))
                .collect();
            let line = cells
                .join(" | ")
                .replace(&format!("`{database}`."), "")
                .replace(&format!("{database}."), "")
                // MySQL remembers which of two ways to write the same a statement chose.
                .replace(" CHARACTER SET utf8mb4 COLLATE ", " COLLATE ");
            lines.push(line);
        }
    };
    let tables = admin.query(&format!(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = '{database}' \
         AND table_name NOT IN ({own}) ORDER BY table_name"
    ));
    for row in tables {
        let [Some(name), Some(kind)] = &row[..] else {
            panic!("{row:?}")
        };
        add(admin, &format!("SHOW CREATE TABLE `{database}`.`{name}`"));
        if kind == "BASE TABLE" {
            add(admin, &format!("CHECKSUM TABLE `{database}`.`{name}`"));
        }
    }
    for sql in [
        "SELECT trigger_name, event_manipulation, event_object_table, action_timing, action_order, action_statement, \
         definer, sql_mode, character_set_client, collation_connection FROM information_schema.triggers \
         WHERE trigger_schema = '{}' ORDER BY trigger_name",
        "SELECT routine_name, routine_type, dtd_identifier, routine_definition, is_deterministic, routine_comment, \
         security_type, definer, sql_mode, character_set_client, collation_connection \
         FROM information_schema.routines WHERE routine_schema = '{}' ORDER BY routine_name",
        "SELECT event_name, event_definition, interval_value, interval_field, starts, status, event_comment, definer, \
         time_zone, sql_mode, character_set_client, collation_connection FROM information_schema.events \
         WHERE event_schema = '{}' ORDER BY event_name",
        "SELECT specific_name, parameter_mode, parameter_name, dtd_identifier FROM information_schema.parameters \
         WHERE specific_schema = '{}' ORDER BY specific_name, ordinal_position",
        "SELECT * FROM `{}`.busy",
    ] {
        add(admin, &sql.replace("{}", database));
    }
    lines
}

#[test]
fn what_a_dump_leaves_is_equal_to_what_was_dumped() {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE DATABASE source");
    let made = client(&server, true)
        .stdin(format!("USE source;\n{SOURCE}"))
        .run();
    assert_eq!(made.code, Some(0), "{made}");
    let dump = if server.is_mysql() { BY_MYSQL } else { BY_MARIADB };
    server.create_user("restorer", "word", &["ALL ON *.*"]);
    let folder = Folder::new(&[("001_dump.sql", dump)]);
    let migrate = |args: &[&str]| {
        let command = folder.migrate(&server, args);
        command.env("DB_USER", "restorer").env("DB_PASSWORD", "word")
    };
    let plan = migrate(&["plan"]).run();
    assert!(matches!(plan.code, Some(0 | 1)), "{plan}");
    assert_ends(&migrate(&[]).run(), 0, &["1 migration applied"]);
    let (source, restored) = (content(&mut admin, "source"), content(&mut admin, "app"));
    assert_eq!(source, restored);
    assert!(source.len() > 20, "{source:#?}");
    assert_ends(&migrate(&["verify"]).run(), 0, &[]);
}
