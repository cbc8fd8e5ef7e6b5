//! Random tables under random ALTERs: an online change makes what the ALTER itself makes, or says why it does not.
//!
//! `DBTOOL_ONLINE_CASES=500` takes more cases, `DBTOOL_ONLINE_SEED=7` others.

use super::generator::{Dice, Table};
use super::{Place, definition, leftovers, rows, server};
use crate::support;
use support::{Admin, Server};

/// Cases without the variable.
const CASES: usize = 24;

/// A table's definition with its triggers, and its rows.
type State = (String, Vec<String>);

fn state(admin: &mut Admin, database: &str) -> State {
    let text = definition(admin, database).replace(&format!("`{database}`@"), "`ACCOUNT`@");
    (text, rows(admin, &format!("{database}.t")))
}

/// What the ALTER itself makes of the table; none if the server refuses it.
fn plain(server: &Server, admin: &mut Admin, table: &[String], alter: &str, database: &str) -> Option<State> {
    let account = server.create_account(database, database);
    let mut own = server.connect_as(&account);
    let made = table.iter().all(|statement| own.try_exec(statement).is_ok());
    let after = (made && own.try_exec(alter).is_ok()).then(|| state(admin, database));
    admin.exec(&format!("DROP DATABASE {database}"));
    after
}

#[test]
#[allow(clippy::print_stderr, reason = "the numbers of a long run")]
fn random_changes_make_what_the_alter_makes_or_are_refused() {
    let server = server();
    let mut admin = server.admin();
    let cases = super::variable("DBTOOL_ONLINE_CASES").map_or(CASES, |cases| cases as usize);
    let seed = super::variable("DBTOOL_ONLINE_SEED").unwrap_or(1);
    let (mut compared, mut invalid, mut refused, mut wrong) = (0, 0, Vec::new(), Vec::new());
    for case in 0..cases {
        let mut dice = Dice(seed * 1_000_003 + case as u64);
        let mut table = Table::new(&mut dice, server.is_mysql());
        let alter = table.alter(&mut dice);
        let online = format!("online{case}");
        let Some(expected) = plain(&server, &mut admin, &table.setup, &alter, &format!("plain{case}")) else {
            // Most are refused by the server's parser, as the shadow's would be.
            invalid += 1;
            continue;
        };
        let place = Place::new(&server, &online, &table.setup, &alter);
        let before = state(&mut admin, &online);
        let output = place.migrate(&server, &["--verbose"]).run();
        let what = format!(
            "case {case} of seed {seed}: {alter}\n{:#?}\n{output}",
            table.setup
        );
        if output.code == Some(0) {
            let found = state(&mut admin, &online);
            compared += usize::from(output.stderr.contains("locked for"));
            if found != expected {
                wrong.push(format!("{what}\nexpected {expected:#?}\nfound {found:#?}"));
            }
        } else {
            let reason = output
                .stderr
                .lines()
                .find(|line| line.starts_with("error"))
                .unwrap_or_default()
                .to_owned();
            refused.push(format!("{reason} [{alter}]"));
            let abandoned = place.migrate(&server, &["repair", "001", "--abandon"]).run();
            if state(&mut admin, &online) != before {
                wrong.push(format!("refused, and changed: {what}\n{abandoned}"));
            }
        }
        let left = leftovers(&mut admin, &online);
        if !left.is_empty() {
            wrong.push(format!("{left:?} is left of {what}"));
        }
        admin.exec(&format!("DROP DATABASE {online}"));
    }
    eprintln!(
        "{cases} cases: {compared} compared, {invalid} refused by the server, {} refused online\n{}",
        refused.len(),
        refused.join("\n")
    );
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(compared * 2 > cases, "only {compared} of {cases} were compared");
}
