//! check-schema over a real server: what differs is found, and mended by its own SQL.

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Admin, Server};

/// One of everything, as SQL.
const EVERYTHING: &str = include_str!("fixtures/everything.sql");

/// The same as a snapshot, written on MariaDB 10.11 and valid for every server.
fn snapshot() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/everything.json")
}

/// The project's own migrations.
fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")
}

/// Runs a script in the database `app`.
fn run_script(admin: &mut Admin, script: &str) {
    let statements = dbtool::sql::split(script, Default::default())
        .expect("the script can be split")
        .statements;
    admin.exec("USE app");
    for statement in statements {
        if let Err(error) = admin.try_exec(statement.text) {
            panic!("{error}\nin: {}\nof:\n{script}", statement.text);
        }
    }
}

/// A server whose database `app` has one of everything. Binary logs would ask for privileges
/// that have nothing to do with schemas.
fn server() -> (Server, Admin) {
    let server = Server::builder()
        .arg("--log-bin-trust-function-creators=1")
        .start();
    let mut admin = server.admin();
    admin.exec("ALTER DATABASE app CHARACTER SET utf8mb4");
    run_script(&mut admin, EVERYTHING);
    (server, admin)
}

/// The report of a run against the snapshot of everything.
fn check(server: &Server, more: &[&str]) -> (Value, Option<i32>) {
    let snapshot = snapshot();
    let expect = snapshot.to_str().expect("the path is text");
    let output = server
        .dbtool()
        .args(["check-schema", "--format", "json", "--expect", expect])
        .args(more)
        .run();
    let report = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    (report, output.code)
}

/// `column users.email missing` for each difference of a report.
fn drift(report: &Value) -> Vec<String> {
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let line = |one: &Value| {
        let (kind, table, name) = (text(one, "kind"), text(one, "table"), text(one, "name"));
        let path = if table.is_empty() || kind == "table" {
            name
        } else {
            format!("{table}.{name}")
        };
        format!("{kind} {path} {}", text(one, "change"))
    };
    report["drift"]
        .as_array()
        .into_iter()
        .flatten()
        .map(line)
        .collect()
}

fn fix_script(server: &Server) -> String {
    let snapshot = snapshot();
    let expect = snapshot.to_str().expect("the path is text");
    let output = server
        .dbtool()
        .args([
            "check-schema",
            "--fix-sql",
            "--allow-destructive",
            "--expect",
            expect,
        ])
        .run();
    output.stdout
}

/// A change to the live schema: what it is called, its SQL, and the differences it makes.
type Case = (&'static str, &'static str, &'static [&'static str]);

const CASES: &[Case] = &[
    ("table dropped", "DROP TABLE visits", &["table visits missing"]),
    (
        "table added",
        "CREATE TABLE extra (id INT PRIMARY KEY)",
        &["table extra extra"],
    ),
    (
        "tables in a ring added",
        "CREATE TABLE one (id INT PRIMARY KEY, other INT); \
         CREATE TABLE two (id INT PRIMARY KEY, other INT, FOREIGN KEY (other) REFERENCES one (id)); \
         ALTER TABLE one ADD FOREIGN KEY (other) REFERENCES two (id)",
        &["table one extra", "table two extra"],
    ),
    (
        "table with triggers dropped",
        "DROP TABLE pets",
        &["table pets missing"],
    ),
    (
        "column dropped",
        "ALTER TABLE owners DROP COLUMN born",
        &["column owners.born missing"],
    ),
    (
        "first column of a key dropped",
        "ALTER TABLE pets DROP INDEX idx_born, DROP COLUMN born",
        &["column pets.born missing", "index pets.idx_born missing"],
    ),
    (
        "column added",
        "ALTER TABLE owners ADD COLUMN extra INT NULL",
        &["column owners.extra extra"],
    ),
    (
        "column added in the middle",
        "ALTER TABLE owners ADD COLUMN extra INT NOT NULL AFTER email",
        &["column owners.extra extra"],
    ),
    (
        "column with an index added",
        "ALTER TABLE owners ADD COLUMN extra INT NULL, ADD KEY idx_extra (extra)",
        &["column owners.extra extra", "index owners.idx_extra extra"],
    ),
    (
        "column renamed",
        "ALTER TABLE owners RENAME COLUMN born TO birth",
        &["column owners.born missing", "column owners.birth extra"],
    ),
    (
        "type widened",
        "ALTER TABLE pets MODIFY COLUMN weight FLOAT NULL DEFAULT 1.5",
        &["column pets.weight different"],
    ),
    (
        "type narrowed",
        "ALTER TABLE owners MODIFY COLUMN email VARCHAR(100) NOT NULL",
        &["column owners.email different"],
    ),
    (
        "type changed altogether",
        "ALTER TABLE owners MODIFY COLUMN padded VARCHAR(20) NULL",
        &["column owners.padded different"],
    ),
    (
        "enum extended",
        "ALTER TABLE owners MODIFY COLUMN level ENUM('low','mid','it''s','top') NOT NULL DEFAULT 'low'",
        &["column owners.level different"],
    ),
    (
        "json as text",
        "ALTER TABLE owners MODIFY COLUMN settings LONGTEXT NULL",
        &["column owners.settings different"],
    ),
    (
        "signedness of a key with children",
        "ALTER TABLE pets DROP FOREIGN KEY fk_pets_owner; \
        ALTER TABLE owners MODIFY COLUMN id INT NOT NULL AUTO_INCREMENT; ALTER TABLE pets MODIFY COLUMN owner_id INT NULL; \
        ALTER TABLE pets ADD CONSTRAINT fk_pets_owner FOREIGN KEY (owner_id) REFERENCES owners (id) ON DELETE SET NULL ON UPDATE CASCADE",
        &["column owners.id different", "column pets.owner_id different"],
    ),
    (
        "not null to null",
        "ALTER TABLE owners MODIFY COLUMN email VARCHAR(255) NULL",
        &["column owners.email different"],
    ),
    (
        "null to not null",
        "ALTER TABLE owners MODIFY COLUMN born YEAR NOT NULL",
        &["column owners.born different"],
    ),
    (
        "default dropped",
        "ALTER TABLE owners ALTER COLUMN score DROP DEFAULT",
        &["column owners.score different"],
    ),
    (
        "default changed",
        "ALTER TABLE owners ALTER COLUMN name SET DEFAULT 'somebody'",
        &["column owners.name different"],
    ),
    (
        "default added",
        "ALTER TABLE owners ALTER COLUMN born SET DEFAULT 1999",
        &["column owners.born different"],
    ),
    (
        "expression default dropped",
        "ALTER TABLE owners MODIFY COLUMN code CHAR(36) NULL",
        &["column owners.code different"],
    ),
    (
        "on update dropped",
        "ALTER TABLE owners MODIFY COLUMN updated_at DATETIME(6) NULL DEFAULT CURRENT_TIMESTAMP(6)",
        &["column owners.updated_at different"],
    ),
    (
        "auto_increment dropped",
        "SET foreign_key_checks = 0; ALTER TABLE owners MODIFY COLUMN id INT UNSIGNED NOT NULL; SET foreign_key_checks = 1",
        &["column owners.id different"],
    ),
    (
        "collation of a column",
        "ALTER TABLE owners MODIFY COLUMN email VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
        &["column owners.email different"],
    ),
    (
        "character set of a column",
        "ALTER TABLE owners MODIFY COLUMN old_text VARCHAR(20) CHARACTER SET utf8mb4 NULL",
        &["column owners.old_text different"],
    ),
    (
        "comment of a column",
        "ALTER TABLE pets MODIFY COLUMN name VARCHAR(50) NOT NULL",
        &["column pets.name different"],
    ),
    (
        "column made invisible",
        "ALTER TABLE owners MODIFY COLUMN born YEAR NULL INVISIBLE",
        &["column owners.born different"],
    ),
    (
        "column made visible",
        "ALTER TABLE owners MODIFY COLUMN secret INT NULL",
        &["column owners.secret different"],
    ),
    (
        "column moved",
        "ALTER TABLE owners MODIFY COLUMN score DECIMAL(10,2) NOT NULL DEFAULT 0 FIRST",
        &["column owners.score different"],
    ),
    (
        "columns moved",
        "ALTER TABLE owners MODIFY COLUMN born YEAR NULL FIRST, MODIFY COLUMN active TINYINT(1) NOT NULL DEFAULT 1 AFTER raw",
        &["column owners.active different", "column owners.born different"],
    ),
    (
        "generated expression changed",
        "ALTER TABLE pets MODIFY COLUMN twice INT GENERATED ALWAYS AS (id2 * 2) VIRTUAL",
        &["column pets.twice different"],
    ),
    (
        "generated column made real",
        "ALTER TABLE pets MODIFY COLUMN label VARCHAR(120) NULL",
        &["column pets.label different"],
    ),
    (
        "generated column made virtual",
        "ALTER TABLE pets DROP COLUMN label, ADD COLUMN label VARCHAR(120) GENERATED ALWAYS AS (concat(name, ' #', id2)) VIRTUAL AFTER born",
        &["column pets.label different"],
    ),
    (
        "indexed virtual column made stored",
        "ALTER TABLE pets DROP INDEX idx_twice, DROP COLUMN twice; \
        ALTER TABLE pets ADD COLUMN twice INT GENERATED ALWAYS AS (id2 * 2 + 1) STORED; ALTER TABLE pets ADD KEY idx_twice (twice)",
        &["column pets.twice different"],
    ),
    (
        "primary key changed",
        "ALTER TABLE visits DROP PRIMARY KEY, ADD PRIMARY KEY (at, pet_id)",
        &["index visits.PRIMARY different"],
    ),
    (
        "index dropped",
        "ALTER TABLE owners DROP INDEX idx_name",
        &["index owners.idx_name missing"],
    ),
    (
        "index added",
        "ALTER TABLE owners ADD INDEX idx_score (score)",
        &["index owners.idx_score extra"],
    ),
    (
        "index renamed",
        "ALTER TABLE owners RENAME INDEX idx_name TO idx_other",
        &["index owners.idx_name different"],
    ),
    (
        "index on other columns",
        "ALTER TABLE owners DROP INDEX idx_name, ADD INDEX idx_name (name(10))",
        &["index owners.idx_name different"],
    ),
    (
        "index with another prefix",
        "ALTER TABLE owners DROP INDEX idx_name, ADD INDEX idx_name (name(12), score DESC)",
        &["index owners.idx_name different"],
    ),
    (
        "index in another direction",
        "ALTER TABLE owners DROP INDEX idx_name, ADD INDEX idx_name (name(10), score)",
        &["index owners.idx_name different"],
    ),
    (
        "unique index made plain",
        "ALTER TABLE owners DROP INDEX email, ADD INDEX email (email)",
        &["index owners.email different"],
    ),
    (
        "comment of an index",
        "ALTER TABLE pets DROP INDEX idx_born, ADD INDEX idx_born (born) COMMENT 'by age'",
        &["index pets.idx_born different"],
    ),
    (
        "fulltext index dropped",
        "ALTER TABLE owners DROP INDEX ft_note",
        &["index owners.ft_note missing"],
    ),
    (
        "spatial index dropped",
        "ALTER TABLE pets DROP INDEX sp_place",
        &["index pets.sp_place missing"],
    ),
    (
        "foreign key dropped",
        "ALTER TABLE pets DROP FOREIGN KEY fk_pets_owner",
        &["foreign-key pets.fk_pets_owner missing"],
    ),
    (
        "foreign key with its index dropped",
        "ALTER TABLE pets DROP FOREIGN KEY fk_pets_owner, DROP INDEX fk_pets_owner",
        &[
            "index pets.fk_pets_owner missing",
            "foreign-key pets.fk_pets_owner missing",
        ],
    ),
    (
        "foreign key added",
        "ALTER TABLE visits REMOVE PARTITIONING; ALTER TABLE visits ADD CONSTRAINT fk_visits_pet FOREIGN KEY (pet_id) REFERENCES pets (id)",
        &[
            "foreign-key visits.fk_visits_pet extra",
            "partitioning visits.visits different",
        ],
    ),
    (
        "foreign key with another action",
        "ALTER TABLE pets DROP FOREIGN KEY fk_pets_owner; \
        ALTER TABLE pets ADD CONSTRAINT fk_pets_owner FOREIGN KEY (owner_id) REFERENCES owners (id) ON DELETE CASCADE",
        &["foreign-key pets.fk_pets_owner different"],
    ),
    (
        "foreign key renamed",
        "ALTER TABLE pets DROP FOREIGN KEY fk_pets_owner; \
        ALTER TABLE pets ADD CONSTRAINT fk_other FOREIGN KEY (owner_id) REFERENCES owners (id) ON DELETE SET NULL ON UPDATE CASCADE",
        &["foreign-key pets.fk_pets_owner different"],
    ),
    (
        "check dropped",
        "ALTER TABLE owners DROP CONSTRAINT score_positive",
        &["check owners.score_positive missing"],
    ),
    (
        "check added",
        "ALTER TABLE owners ADD CONSTRAINT named CHECK (length(name) > 0)",
        &["check owners.named extra"],
    ),
    (
        "check changed",
        "ALTER TABLE owners DROP CONSTRAINT score_positive; ALTER TABLE owners ADD CONSTRAINT score_positive CHECK (score > 0)",
        &["check owners.score_positive different"],
    ),
    (
        "comment of a table",
        "ALTER TABLE owners COMMENT 'somebody'",
        &["table owners different"],
    ),
    (
        "engine",
        "ALTER TABLE visits REMOVE PARTITIONING; ALTER TABLE visits ENGINE=MyISAM",
        &["table visits different", "partitioning visits.visits different"],
    ),
    (
        "default collation of a table",
        "ALTER TABLE owners DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        &["table owners different"],
    ),
    (
        "row format",
        "ALTER TABLE visits ROW_FORMAT=DYNAMIC",
        &["table visits different"],
    ),
    (
        "table option dropped",
        "ALTER TABLE visits STATS_PERSISTENT=DEFAULT",
        &["table visits different"],
    ),
    (
        "table option added",
        "ALTER TABLE owners STATS_AUTO_RECALC=0",
        &["table owners different"],
    ),
    (
        "partition added",
        "ALTER TABLE visits REORGANIZE PARTITION later INTO (PARTITION p2026 VALUES LESS THAN (2027), PARTITION later VALUES LESS THAN MAXVALUE)",
        &["partitioning visits.visits different"],
    ),
    (
        "partitioning removed",
        "ALTER TABLE visits REMOVE PARTITIONING",
        &["partitioning visits.visits different"],
    ),
    (
        "view dropped",
        "DROP VIEW active_owners",
        &["view active_owners missing"],
    ),
    (
        "views dropped that build on each other",
        "DROP VIEW pet_owners; DROP VIEW busy_owners",
        &["view busy_owners missing", "view pet_owners missing"],
    ),
    (
        "view added",
        "CREATE VIEW extra AS SELECT 1 AS one",
        &["view extra extra"],
    ),
    (
        "view changed",
        "CREATE OR REPLACE SQL SECURITY INVOKER VIEW active_owners AS SELECT id, email FROM owners WHERE active = 0 WITH CASCADED CHECK OPTION",
        &["view active_owners different"],
    ),
    (
        "check option of a view",
        "CREATE OR REPLACE SQL SECURITY INVOKER VIEW active_owners AS SELECT id, email FROM owners WHERE active = 1",
        &["view active_owners different"],
    ),
    (
        "trigger dropped",
        "DROP TRIGGER pets_before_insert",
        &["trigger pets.pets_before_insert missing"],
    ),
    (
        "trigger added",
        "CREATE TRIGGER extra AFTER DELETE ON pets FOR EACH ROW SET @gone = 1",
        &["trigger pets.extra extra"],
    ),
    (
        "trigger changed",
        "DROP TRIGGER pets_before_insert; CREATE TRIGGER pets_before_insert BEFORE INSERT ON pets FOR EACH ROW SET NEW.name = 'x'",
        &["trigger pets.pets_before_insert different"],
    ),
    (
        "procedure dropped",
        "DROP PROCEDURE count_pets",
        &["procedure count_pets missing"],
    ),
    (
        "procedure changed",
        "DROP PROCEDURE count_pets; CREATE PROCEDURE count_pets(IN wanted INT, OUT number INT) SELECT 1 INTO number",
        &["procedure count_pets different"],
    ),
    (
        "function with another parameter",
        "DROP FUNCTION shout; CREATE FUNCTION shout(word VARCHAR(30)) RETURNS VARCHAR(21) DETERMINISTIC RETURN CONCAT(UPPER(word), '!')",
        &["function shout different"],
    ),
    (
        "function added",
        "CREATE FUNCTION extra() RETURNS INT DETERMINISTIC RETURN 1",
        &["function extra extra"],
    ),
    ("event dropped", "DROP EVENT forget", &["event forget missing"]),
    (
        "event at another pace",
        "ALTER EVENT forget ON SCHEDULE EVERY 2 DAY",
        &["event forget different"],
    ),
    (
        "event disabled",
        "ALTER EVENT forget DISABLE",
        &["event forget different"],
    ),
];

#[test]
fn every_change_is_found_and_mended_by_its_own_sql() {
    let (server, mut admin) = server();
    let mut wrong = Vec::new();
    for (name, change, expected) in CASES {
        run_script(&mut admin, change);
        let (report, code) = check(&server, &[]);
        let found = drift(&report);
        if found != *expected || code != Some(1) {
            wrong.push(format!("{name}: found {found:?}, exit {code:?}"));
        }
        let script = fix_script(&server);
        run_script(&mut admin, &script);
        let (report, code) = check(&server, &[]);
        let left = drift(&report);
        if !left.is_empty() || code != Some(0) {
            wrong.push(format!("{name}: {left:?} is left after\n{script}"));
            admin.exec("DROP DATABASE app");
            admin.exec("CREATE DATABASE app CHARACTER SET utf8mb4");
            run_script(&mut admin, EVERYTHING);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_of_everything_is_the_same_on_every_server() {
    let (server, _admin) = server();
    let (report, code) = check(&server, &[]);
    assert_eq!(drift(&report), Vec::<String>::new(), "{report:#}");
    assert_eq!(code, Some(0));
}
