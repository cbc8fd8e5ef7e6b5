//! Views made from what check-schema understood of them show the same rows.

use crate::support;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::schemas::{against_expected, run_statements};
use support::{Admin, Server};

const TABLES: &str = "
CREATE TABLE t (a INT, b INT, s VARCHAR(20), d DATETIME);
CREATE TABLE u (a INT, c INT);
INSERT INTO t VALUES (0, 1, 'it''s', '2024-01-02 03:04:05'), (1, 0, 'x', NULL), (NULL, 2, '1', '2020-02-29'),
    (65, -1, 'A', '1999-12-31'), (2, NULL, NULL, '2024-05-05');
INSERT INTO u VALUES (0, 1), (1, 65), (NULL, 2);
";

/// Views to try. Some of them no server makes.
const VIEWS: usize = 150;

/// An expression with all its parentheses.
fn expression(rng: &mut ChaCha8Rng, depth: u32) -> String {
    const LEAVES: [&str; 9] = ["a", "t.b", "1", "1.5", "0x41", "'it''s'", "null", "s", "d"];
    const OPERATORS: [&str; 24] = [
        "+",
        "-",
        "*",
        "/",
        "div",
        "%",
        "mod",
        "and",
        "or",
        "xor",
        "=",
        "<>",
        "<=>",
        "<",
        ">=",
        "like",
        "not like",
        "regexp",
        "|",
        "&",
        "<<",
        "^",
        "is not null or",
        "is not true and",
    ];
    let pick = |rng: &mut ChaCha8Rng, list: &[&'static str]| *list.choose(rng).expect("it is not empty");
    if depth == 0 || rng.random_ratio(1, 5) {
        return pick(rng, &LEAVES).to_owned();
    }
    let [one, two, three] = [(); 3].map(|()| expression(rng, depth - 1));
    match rng.random_range(0..14) {
        0..6 => format!("({one} {} {two})", pick(rng, &OPERATORS)),
        6 => format!("({} {one})", pick(rng, &["-", "not", "~"])),
        7 => format!("({one} between {two} and {three})"),
        8 => format!("({one} not in ({two}, {three}))"),
        9 => format!("(case when {one} then {two} else {three} end)"),
        10 => format!(
            "{}({one}, {two})",
            pick(rng, &["concat", "coalesce", "left", "mod", "least"])
        ),
        11 => format!("if({one}, {two}, {three})"),
        12 => format!("exists (select 1 from u where {one})"),
        _ => format!("{}({one})", pick(rng, &["length", "upper", "abs", "year", "hex"])),
    }
}

fn view(rng: &mut ChaCha8Rng, number: usize) -> String {
    let depth = rng.random_range(1..4);
    let mut query = format!("SELECT {} AS c FROM t", expression(rng, depth));
    if rng.random() {
        query.push_str(&format!(" WHERE {}", expression(rng, depth)));
    }
    format!("CREATE VIEW v{number} AS {query}")
}

/// The rows of a view in no order; nothing if a value of it cannot be computed.
fn rows(admin: &mut Admin, view: &str) -> Option<Vec<Vec<Option<String>>>> {
    let select = format!("SELECT * FROM {view}");
    admin.try_exec(&select).ok()?;
    let mut rows = admin.query(&select);
    rows.sort();
    Some(rows)
}

#[test]
fn a_view_made_anew_shows_the_same_rows() {
    let server = Server::start();
    let mut admin = server.admin();
    let compare = against_expected(&server);
    for database in ["app", "expected"] {
        admin.exec(&format!("ALTER DATABASE {database} CHARACTER SET utf8mb4"));
        admin.exec(&format!("USE {database}"));
        run_statements(&mut admin, TABLES);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let views: Vec<(String, String)> = (0..VIEWS)
        .map(|number| (format!("v{number}"), view(&mut rng, number)))
        .filter(|(_, sql)| admin.try_exec(sql).is_ok())
        .collect();
    assert!(views.len() > VIEWS / 2, "{} views were made", views.len());
    let fix = compare(&["--fix-sql"]).stdout;
    admin.exec("USE app");
    run_statements(&mut admin, &fix);
    let output = compare(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    for (name, sql) in &views {
        let [wanted, found] =
            ["expected", "app"].map(|database| rows(&mut admin, &format!("{database}.{name}")));
        assert_eq!(
            found,
            wanted,
            "{sql}\n{:?}",
            admin.query(&format!("SHOW CREATE VIEW app.{name}"))
        );
    }
}
