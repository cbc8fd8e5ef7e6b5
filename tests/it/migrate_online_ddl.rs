//! The verdicts of `dbtool migrate plan` against the server itself: never milder than what it says when it is asked
//! for an ALGORITHM and a LOCK. The forms are data: see `tests/cases/online_ddl/README.md`.

use crate::support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::migrations::{Folder, assert_ends};
use support::{Admin, Server, is_mysql, server_binary};

/// A form of a change, on a table of its own.
struct Form {
    /// `types.txt:12`
    place: String,
    setup: Vec<String>,
    statements: Vec<String>,
    /// Whether the plan may be more cautious than the server.
    safe: bool,
    /// The verdict where the server cannot be asked.
    known: Option<String>,
}

/// Words before a colon: a family, a server, `safe`, `as WORD`.
fn flags(line: &str) -> (Vec<&str>, &str) {
    let known = |flag: &&str| {
        matches!(*flag, "mysql" | "mariadb" | "safe")
            || flag.starts_with("mariadb-")
            || flag.starts_with("as ")
    };
    match line.split_once(": ") {
        Some((flags, rest)) if flags.split(", ").all(|flag| known(&flag)) => {
            (flags.split(", ").collect(), rest)
        }
        _ => (Vec::new(), line),
    }
}

/// Whether a form is for the server under test.
fn fits(flags: &[&str]) -> bool {
    let family = if is_mysql() { "mysql" } else { "mariadb" };
    let version = format!("{family}-{}", server_binary().version);
    let mut servers = flags
        .iter()
        .filter(|flag| flag.starts_with("mysql") || flag.starts_with("mariadb"))
        .peekable();
    servers.peek().is_none() || servers.any(|server| version.starts_with(server))
}

fn forms(name: &str, text: &str, forms: &mut Vec<Form>) {
    let (mut setup, mut wanted): (Vec<String>, bool) = (Vec::new(), true);
    for (index, line) in text.lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        if line.starts_with(' ') {
            setup.push(bare.to_owned());
            continue;
        }
        let words: Vec<&str> = line.split(' ').collect();
        if let [.., "table", _] = words.as_slice() {
            setup.clear();
            wanted = fits(&words[..words.len() - 2]);
            continue;
        }
        let (flags, sql) = flags(line);
        if !wanted || !fits(&flags) {
            continue;
        }
        let table = format!("t{:04}", forms.len() + 1);
        let named = |sql: &str| sql.replace("{t}", &table);
        forms.push(Form {
            place: format!("{name}:{}", index + 1),
            setup: setup.iter().map(|sql| named(sql)).collect(),
            statements: sql.split("; ").map(named).collect(),
            safe: flags.contains(&"safe"),
            known: flags
                .iter()
                .find_map(|flag| flag.strip_prefix("as "))
                .map(str::to_owned),
        });
    }
}

fn all_forms() -> Vec<Form> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/online_ddl");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .collect();
    files.sort();
    let mut found = Vec::new();
    for path in files {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        forms(
            &name,
            &fs::read_to_string(&path).expect("a file of cases"),
            &mut found,
        );
    }
    found
}

/// Puts demands right behind the table's name, which fits every clause.
fn demand(statement: &str, what: &str) -> String {
    let words: Vec<&str> = statement.split(' ').collect();
    let mut at = 3 + usize::from(words.get(1) == Some(&"ONLINE"));
    if words[0] != "ALTER" {
        return format!("{statement} {}", what.replace(',', ""));
    }
    at += match words.get(at) {
        Some(&"NOWAIT") => 1,
        Some(&"WAIT") => 2,
        _ => 0,
    };
    let rest = words[at..].join(" ");
    let comma = if rest.starts_with("PARTITION BY") || rest.starts_with("REMOVE PARTITIONING") {
        ""
    } else {
        ","
    };
    format!("{} {what}{comma} {rest}", words[..at].join(" "))
}

/// What the server says of a form; its table is used up by it.
fn ask(admin: &mut Admin, form: &Form) -> String {
    let (last, before) = form.statements.split_last().expect("a statement");
    for statement in before {
        admin.exec(statement);
    }
    let mut said = None;
    for (word, what) in [
        ("instant", "ALGORITHM=INSTANT"),
        ("online", "ALGORITHM=INPLACE, LOCK=NONE"),
        ("blocks-writes", "ALGORITHM=INPLACE, LOCK=SHARED"),
    ] {
        if form.known.is_none() && admin.try_exec(&demand(last, what)).is_ok() {
            said = Some(word);
            break;
        }
    }
    if said.is_none() && form.known.is_none() {
        let plain = admin.try_exec(last);
        assert!(
            plain.is_ok(),
            "{}: {last}: the server refuses it altogether: {plain:?}",
            form.place
        );
    }
    admin.exec("SET SESSION foreign_key_checks = 1, sql_mode = DEFAULT");
    form.known
        .clone()
        .unwrap_or_else(|| said.unwrap_or("copy").to_owned())
}

fn rank(verdict: &str) -> usize {
    [
        "none",
        "instant",
        "rows",
        "online",
        "blocks-writes",
        "copy",
        "unknown",
    ]
    .iter()
    .position(|word| *word == verdict)
    .unwrap_or_else(|| panic!("{verdict} is no verdict"))
}

#[test]
fn no_verdict_is_milder_than_the_servers() {
    // Hundreds of tables: nothing of this need survive a crash.
    let server = Server::builder()
        .arg("--innodb-flush-method=nosync")
        .arg("--innodb-flush-log-at-trx-commit=0")
        .arg("--sync-binlog=0")
        .start();
    let mut admin = server.admin();
    admin.exec("GRANT PROCESS ON *.* TO 'app'@'%'");
    admin.exec("USE app");
    admin.exec("CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(20))");
    let forms = all_forms();
    assert!(forms.len() >= 80, "{} forms", forms.len());
    let folder = Folder::new(&[]);
    for (number, form) in (1..).zip(&forms) {
        for statement in &form.setup {
            match statement.split_once(" times ") {
                Some((count, repeated)) => {
                    for index in 0..count.parse::<u32>().expect("a number") {
                        admin.exec(&repeated.replace('#', &index.to_string()));
                    }
                }
                None => admin.exec(statement),
            }
        }
        folder.write(
            &format!("{number:04}_form.sql"),
            form.statements.join(";\n") + ";\n",
        );
    }
    let output = folder.migrate(&server, &["plan", "--format", "json"]).run();
    assert_ends(&output, 0, &[]);
    let plan: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let planned = plan["statements"].as_array().expect("a list");
    let mut wrong = Vec::new();
    for (number, form) in (1_usize..).zip(&forms) {
        let label = format!("{number:04}");
        let last = planned
            .iter()
            .rfind(|statement| statement["version"] == label.as_str());
        let last = last.expect("a statement of the plan");
        let ours = last["effect"].as_str().expect("a word");
        let servers = ask(&mut admin, form);
        let milder = rank(ours) < rank(&servers);
        if milder || ours != servers && !form.safe || !last["fails"].is_null() {
            wrong.push(format!(
                "{}: {}\n    {} {ours} ({}), server {servers}; fails: {}",
                form.place,
                form.statements.join("; "),
                if milder { "MILDER:" } else { "plan" },
                last["reason"].as_str().unwrap_or_default(),
                last["fails"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} forms:\n{}",
        wrong.len(),
        forms.len(),
        wrong.join("\n")
    );
}
