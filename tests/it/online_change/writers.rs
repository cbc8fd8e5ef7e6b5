//! What an application writes while its table is changed, and a second table that gets every write too.

use super::{Place, leftovers, rows, server};
use crate::support;
use support::Admin;

/// The table, and its model, with 400 rows.
pub const SETUP: [&str; 11] = [
    "CREATE TABLE p (id INT PRIMARY KEY)",
    "INSERT INTO p VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9)",
    "CREATE TABLE q (id INT PRIMARY KEY)",
    "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT, s VARCHAR(40), u INT NOT NULL, p INT, q INT, KEY (p), \
     CONSTRAINT fk_q FOREIGN KEY (q) REFERENCES q (id), CONSTRAINT fk_t FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE)",
    "INSERT INTO t (a, s, u, p) VALUES (1, 'a', 1, 1), (2, 'b', 2, 2), (3, NULL, 3, NULL), (4, 'd', 4, 9)",
    "INSERT INTO t (a, s, u, p) SELECT a + 4, s, u + 4, p FROM t",
    "INSERT INTO t (a, s, u, p) SELECT a + 8, s, u + 8, p FROM t",
    "INSERT INTO t (a, s, u, p) SELECT a + 16, s, u + 16, p FROM t",
    "INSERT INTO t (a, s, u, p) SELECT a + 32, s, u + 32, p FROM t",
    "INSERT INTO t (a, s, u, p) SELECT a + 1000 * k.id, s, u + 1000 * k.id, p FROM t CROSS JOIN (SELECT id FROM p) AS k",
    MODEL,
];

/// The second table. It has no foreign key, so that what the server does by a cascade is done here by hand.
pub const MODEL: &str = "CREATE TABLE model AS SELECT id, a, s, u, p FROM t";

/// Statements of an application: each is run on `t` and on its model, in one transaction.
fn writes(seed: usize) -> Vec<Vec<String>> {
    let on = |text: String| vec![text.replace("{t}", "t"), text.replace("{t}", "model")];
    let key = 1 + seed * 37 % 600;
    let other = 1 + seed * 91 % 600;
    let fresh = 100_000 + seed;
    vec![
        on(format!(
            "UPDATE {{t}} SET a = a + 1 WHERE id BETWEEN {key} AND {}",
            key + 5
        )),
        on(format!(
            "INSERT INTO {{t}} (id, a, u, p) VALUES ({fresh}, 7, {fresh}, 3)"
        )),
        on(format!("DELETE FROM {{t}} WHERE id = {other}")),
        // Another key, there and beyond what was copied.
        on(format!("UPDATE {{t}} SET id = id + 200000 WHERE id = {key}")),
        on(format!("UPDATE {{t}} SET id = -id WHERE id = {}", fresh)),
        // Values that change places under the new unique key.
        on(format!(
            "UPDATE {{t}} SET u = u + 5000000 WHERE id IN ({}, {})",
            key + 1,
            key + 2
        )),
        vec![
            format!("REPLACE INTO t (id, a, u, p) VALUES ({fresh}, 1, {fresh} + 1000000, 4)"),
            format!("DELETE FROM model WHERE id = {fresh}"),
            format!("INSERT INTO model (id, a, u, p) VALUES ({fresh}, 1, {fresh} + 1000000, 4)"),
        ],
        vec![
            format!(
                "INSERT INTO t (id, a, u) VALUES ({fresh}, 1, {fresh} + 1000000) ON DUPLICATE KEY UPDATE a = a + 10"
            ),
            format!("UPDATE model SET a = a + 10 WHERE id = {fresh}"),
        ],
        // A row and the row that it refers to, deleted in this order.
        vec![
            format!("INSERT INTO q VALUES ({fresh})"),
            format!("INSERT INTO t (id, u, q) VALUES (300000 + {fresh}, 3000000 + {fresh}, {fresh})"),
        ],
        vec![
            format!("DELETE FROM t WHERE id = 300000 + {fresh}"),
            format!("DELETE FROM q WHERE id = {fresh}"),
        ],
        // Two tables at once.
        on(format!(
            "UPDATE {{t}} AS x JOIN p ON p.id = x.p SET x.a = x.a + p.id WHERE x.id BETWEEN {other} AND {}",
            other + 3
        )),
        // What a foreign key does by itself.
        vec![
            format!("UPDATE p SET id = id + 10 WHERE id = {}", 5 + seed % 2),
            format!("UPDATE model SET p = p + 10 WHERE p = {}", 5 + seed % 2),
            format!("UPDATE p SET id = id - 10 WHERE id = {}", 15 + seed % 2),
            format!("UPDATE model SET p = p - 10 WHERE p = {}", 15 + seed % 2),
        ],
        vec![
            "DELETE FROM p WHERE id = 9".to_owned(),
            "UPDATE model SET p = NULL WHERE p = 9".to_owned(),
            "INSERT INTO p VALUES (9)".to_owned(),
        ],
    ]
}

/// Runs some of them, once each; the application gets no error.
pub fn write_some(own: &mut Admin, seed: usize, what: &str) {
    own.exec("SET SESSION lock_wait_timeout = 20");
    for transaction in writes(seed) {
        own.exec("START TRANSACTION");
        for statement in transaction {
            // The column has its new name once the tables have changed places; none of these names it.
            if let Err(error) = own.try_exec(&statement) {
                panic!("{what}: {error}\n  in: {statement}");
            }
        }
        own.exec("COMMIT");
    }
}

/// The table has the rows of its model.
#[track_caller]
pub fn assert_same(admin: &mut Admin, database: &str, what: &str) {
    let table = rows(admin, &format!("(SELECT id, a, s2, u, p FROM {database}.t) AS t"));
    let model = rows(admin, &format!("{database}.model"));
    assert!(table.len() > 400, "{} rows", table.len());
    if table != model {
        let lost: Vec<_> = model.iter().filter(|row| !table.contains(row)).take(5).collect();
        let added: Vec<_> = table.iter().filter(|row| !model.contains(row)).take(5).collect();
        panic!("{what}: lost or changed {lost:#?}, instead {added:#?}");
    }
}

#[test]
fn a_row_goes_with_the_one_that_it_refers_to_while_its_copy_is_there() {
    let server = server();
    let mut admin = server.admin();
    let setup = [
        "CREATE TABLE q (id INT PRIMARY KEY)".to_owned(),
        "INSERT INTO q VALUES (1), (2), (3)".to_owned(),
        "CREATE TABLE t (id INT PRIMARY KEY, q INT, FOREIGN KEY (q) REFERENCES q (id))".to_owned(),
        "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)".to_owned(),
    ];
    let place = Place::new(&server, "pair", &setup, "ALTER TABLE t MODIFY id BIGINT");
    let running = place.held(&server, &[]);
    let mut own = server.connect_as(&place.account);
    for statement in [
        "START TRANSACTION",
        "DELETE FROM t WHERE id = 2",
        "DELETE FROM q WHERE id = 2",
        "UPDATE t SET q = 1 WHERE id = 3",
        "UPDATE q SET id = 30 WHERE id = 3",
        "COMMIT",
    ] {
        own.exec(statement);
    }
    // What the table itself refuses is refused, and the copy keeps its rows.
    assert!(own.try_exec("DELETE FROM q WHERE id = 1").is_err());
    admin.exec("UPDATE pair.dbtool_online_changes SET hold = 0");
    let output = running.wait();
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(
        rows(&mut admin, "pair.t"),
        ["[Some(\"1\"), Some(\"1\")]", "[Some(\"3\"), Some(\"1\")]"]
    );
    let text = super::definition(&mut admin, "pair");
    assert!(
        text.contains("CONSTRAINT `t_ibfk_1` FOREIGN KEY (`q`) REFERENCES `q` (`id`)\n"),
        "{text}"
    );
    assert!(leftovers(&mut admin, "pair").is_empty());
}
