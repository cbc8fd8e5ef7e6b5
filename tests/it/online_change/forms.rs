//! Each form of ALTER, as it is and online.

use dbtool::sql::{SplitOptions, split};

use super::{Place, definition, leftovers, rows, server};
use crate::support;

struct Form {
    name: String,
    setup: Vec<String>,
    alter: String,
}

fn forms() -> Vec<Form> {
    let text = include_str!("../../cases/online/forms.txt");
    let family = if support::is_mysql() { "mysql" } else { "mariadb" };
    let mut forms = Vec::new();
    for block in text.split("\n-- ").skip(1) {
        let (name, rest) = block.split_once('\n').expect("a name");
        let (setup, alter) = rest.split_once("\n=> ").expect("an ALTER");
        let setup = match setup.strip_prefix("only: ") {
            Some(only) if !only.starts_with(family) => continue,
            Some(only) => only.split_once('\n').expect("statements").1,
            None => setup,
        };
        let statements = split(setup, SplitOptions::default()).expect("SQL").statements;
        forms.push(Form {
            name: name.to_owned(),
            setup: statements.iter().map(|found| found.text.to_owned()).collect(),
            alter: alter.trim().to_owned(),
        });
    }
    assert!(forms.len() >= 25, "{} forms", forms.len());
    forms
}

#[test]
fn an_online_change_makes_what_the_alter_makes() {
    let server = server();
    let mut admin = server.admin();
    let before = server.counters();
    let mut wrong = Vec::new();
    for (number, form) in forms().into_iter().enumerate() {
        let (plain, online) = (format!("plain{number}"), format!("online{number}"));
        let account = server.create_account(&plain, &plain);
        let mut own = server.connect_as(&account);
        for statement in &form.setup {
            own.exec(statement);
        }
        own.exec(&form.alter);
        drop(own);
        let place = Place::new(&server, &online, &form.setup, &form.alter);
        let output = place.migrate(&server, &["--verbose"]).run();
        if output.code != Some(0) {
            wrong.push(format!("{}: {output}", form.name));
            continue;
        }
        if !output.stderr.contains("locked for") {
            wrong.push(format!("{}: it ran as it is: {output}", form.name));
            continue;
        }
        let pair = [&plain, &online].map(|database| {
            (
                definition(&mut admin, database).replace(&format!("`{database}`@"), "`ACCOUNT`@"),
                rows(&mut admin, &format!("{database}.t")),
            )
        });
        if pair[0] != pair[1] {
            wrong.push(format!("{}:\n{:#?}\n{:#?}", form.name, pair[0], pair[1]));
        }
        let left = leftovers(&mut admin, &online);
        assert!(left.is_empty(), "{}: {left:?}", form.name);
        assert_eq!(
            admin.number(&format!("SELECT COUNT(*) FROM {online}.dbtool_online_changes")),
            0,
            "{}",
            form.name
        );
        for database in [plain, online] {
            admin.exec(&format!("DROP DATABASE {database}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    server.assert_unchanged(&before);
}
