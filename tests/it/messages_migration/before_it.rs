//! What a database may hold before the migration: tables of the final names, an earlier form of it.

use super::support::migrations::{Folder, assert_ends, shipped};
use super::support::{Output, Server};
use super::{Admin, LEGACY, assert_all_moved, before};

/// Definitions of the tables that the migration makes.
fn made(admin: &mut Admin) -> Vec<String> {
    [
        "conversations",
        "conversation_participants",
        "messages",
        "messages_legacy",
    ]
    .iter()
    .map(|table| {
        let definition = admin.query(&format!("SHOW CREATE TABLE app.{table}"))[0][1].clone();
        let text = definition.expect("a definition");
        let at = text.find(" AUTO_INCREMENT=").unwrap_or(text.len());
        let rest = text[at..].trim_start_matches(" AUTO_INCREMENT=");
        format!(
            "{}{}",
            &text[..at],
            rest.trim_start_matches(|c: char| c.is_ascii_digit())
        )
    })
    .collect()
}

/// The migration's own tables without a row, as an application makes them with IF NOT EXISTS.
fn same_shape(admin: &mut Admin) -> Vec<String> {
    let tables = ["conversations", "conversation_participants"];
    tables
        .iter()
        .map(|table| {
            admin.query(&format!("SHOW CREATE TABLE app.{table}"))[0][1]
                .clone()
                .expect("a definition")
        })
        .collect()
}

/// Takes the database back to 004.
fn take_back(admin: &mut Admin) {
    admin.exec("DROP TABLE conversation_participants, messages");
    admin.exec("DROP TABLE conversations");
    admin.exec("RENAME TABLE messages_legacy TO messages");
    admin.exec("DELETE FROM dbtool_migrations WHERE version = 5");
}

fn migrate(server: &Server, args: &[&str]) -> Output {
    server
        .dbtool()
        .arg("migrate")
        .args(args)
        .arg("--dir")
        .arg(shipped())
        .run()
}

#[test]
fn empty_tables_of_the_final_names_are_taken_over_and_filled_ones_named() {
    let (server, mut admin) = before();
    let legacy = admin.query(&LEGACY.replace("{table}", "messages"));
    assert_ends(&migrate(&server, &["baseline", "004"]), 0, &[]);
    assert_ends(&migrate(&server, &[]), 0, &["now at 005"]);
    let fresh = made(&mut admin);
    let same = same_shape(&mut admin);
    take_back(&mut admin);

    for shape in [
        same,
        vec!["CREATE TABLE conversations (id int primary key)".to_owned()],
        vec![
            "CREATE TABLE conversations (id bigint unsigned auto_increment primary key, topic text) ENGINE=MyISAM"
                .to_owned(),
            "CREATE TABLE conversation_participants (a int)".to_owned(),
        ],
    ] {
        shape.iter().for_each(|table| admin.exec(table));
        assert_ends(&migrate(&server, &[]), 0, &["now at 005"]);
        assert_eq!(made(&mut admin), fresh, "after {shape:?}");
        assert_all_moved(&mut admin, &legacy);
        take_back(&mut admin);
    }

    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'app'";
    for (setup, said, undo) in [
        (
            vec![
                "CREATE TABLE conversations (id int primary key)",
                "INSERT INTO conversations VALUES (1), (2)",
            ],
            "005_messaging replaces conversations, which holds 2 rows",
            "DROP TABLE conversations",
        ),
        (
            vec![
                "CREATE TABLE conversation_participants (id int)",
                "INSERT INTO conversation_participants VALUES (1)",
            ],
            "replaces conversation_participants, which holds 1 row",
            "DROP TABLE conversation_participants",
        ),
        (
            vec!["CREATE VIEW conversations AS SELECT 1 AS id"],
            "replaces conversations, which is no table but a view",
            "DROP VIEW conversations",
        ),
        (
            vec![
                "CREATE TABLE conversations (id int primary key)",
                "CREATE TABLE labels (c int, CONSTRAINT to_c FOREIGN KEY (c) REFERENCES conversations (id))",
            ],
            "the foreign key to_c of labels leads",
            "DROP TABLE labels, conversations",
        ),
        (
            vec!["CREATE TABLE messages_legacy (id int)"],
            "makes messages_legacy, and there is a table of this name",
            "DROP TABLE messages_legacy",
        ),
    ] {
        setup.iter().for_each(|sql| admin.exec(sql));
        let there = admin.number(tables);
        assert_ends(&migrate(&server, &[]), 2, &["nothing was run", said]);
        assert_ends(&migrate(&server, &["plan"]), 1, &["refused: ", said]);
        let plan = migrate(&server, &["plan", "--format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&plan.stdout).expect("JSON");
        assert!(json["unmet"].to_string().contains(said), "{plan}");
        assert_eq!(admin.number(tables), there, "something was made");
        admin.exec(undo);
    }
    assert_eq!(admin.query(&LEGACY.replace("{table}", "messages")), legacy);
    assert_ends(&migrate(&server, &[]), 0, &["now at 005"]);
}

/// The shipped migrations with the first form of 005.
fn first_form() -> Folder {
    let folder = Folder::new(&[]);
    for entry in std::fs::read_dir(shipped()).expect("the migrations") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            folder.write(
                path.file_name().expect("a name").to_str().expect("text"),
                std::fs::read(&path).expect("a migration"),
            );
        }
    }
    folder.write(
        "005_messaging.sql",
        include_str!("../../fixtures/005_messaging_first_form.sql"),
    );
    folder
}

#[test]
fn a_database_with_the_first_form_of_the_migration_goes_on() {
    let (server, mut admin) = before();
    let legacy = admin.query(&LEGACY.replace("{table}", "messages"));
    let folder = first_form();
    assert_ends(&folder.migrate(&server, &["baseline", "004"]).run(), 0, &[]);
    assert_ends(&folder.migrate(&server, &[]).run(), 0, &["now at 005"]);
    let before = made(&mut admin);
    for (args, words) in [
        (&["verify"][..], &[][..]),
        (&["--check"], &[]),
        (&[], &["nothing to do, now at 005"]),
    ] {
        assert_ends(&migrate(&server, args), 0, words);
    }
    take_back(&mut admin);

    // In its way from the start: nothing is run.
    admin.exec("CREATE TABLE conversations (id int primary key)");
    assert_ends(
        &folder.migrate(&server, &[]).run(),
        2,
        &["nothing was run", "1050"],
    );
    admin.exec("DROP TABLE conversations");
    // Interrupted: here by a table that comes into its way, when the application has no messages any more.
    let mut holder = server.admin();
    holder.exec("START TRANSACTION");
    holder.query("SELECT id FROM app.messages LIMIT 1");
    let mut running = folder.migrate(&server, &[]).spawn();
    running.wait_for("waiting for a lock");
    admin.exec("CREATE TABLE conversations (id int primary key)");
    holder.exec("COMMIT");
    assert_ends(&running.wait(), 4, &["1050"]);
    admin.exec("DROP TABLE conversations");
    let output = migrate(&server, &[]);
    assert_ends(
        &output,
        2,
        &[
            "005_messaging was started with an earlier form",
            "comments at the head of",
        ],
    );
    // As the comments say.
    admin.exec(
        "DROP TABLE IF EXISTS messages_new, conversation_participants_new, conversations_new, \
         messages_migration_map, messages_migration_check",
    );
    admin.exec("RENAME TABLE messages_legacy TO messages");
    admin.exec("DELETE FROM dbtool_migrations WHERE version = 5");
    assert_ends(&migrate(&server, &[]), 0, &["now at 005"]);
    assert_eq!(made(&mut admin), before, "both forms end with the same tables");
    assert_all_moved(&mut admin, &legacy);
}
