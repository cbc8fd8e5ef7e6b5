//! What an account may not see: INFORMATION_SCHEMA leaves it out without a word.

use crate::schema::model::{Dialect, Hidden, Schema};

/// The privileges that matter here, wherever they were granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Grants {
    /// Privileges on `*.*`, the database, or any table of it, in upper case.
    held: Vec<String>,
    /// Whether a privilege covers the whole database, so that every table is seen.
    whole_database: bool,
    dialect: Dialect,
}

impl Grants {
    /// Reads the lines of SHOW GRANTS.
    pub(super) fn read(lines: &[String], database: &str, dialect: Dialect) -> Grants {
        let mut grants = Grants {
            dialect,
            ..Grants::default()
        };
        for line in lines {
            // `GRANT a, b (column) ON scope TO account`; roles have no ON.
            let Some((privileges, rest)) = line
                .strip_prefix("GRANT ")
                .and_then(|line| line.split_once(" ON "))
            else {
                continue;
            };
            let scope = rest.split(" TO ").next().unwrap_or(rest);
            let Some((on, object)) = scope.rsplit_once('.') else {
                continue;
            };
            if !covers(on, database) {
                continue;
            }
            let words = privileges
                .split(", ")
                .map(|one| one.split(" (").next().unwrap_or(one).to_ascii_uppercase());
            let words: Vec<String> = words.filter(|word| word != "USAGE").collect();
            grants.whole_database |= object == "*" && !words.is_empty() && words != ["PROXY"];
            grants.held.extend(words);
        }
        grants
    }

    fn has(&self, privilege: &str) -> bool {
        self.held
            .iter()
            .any(|held| held == privilege || held.starts_with("ALL"))
    }

    /// The kinds of objects that are left out.
    pub(super) fn hidden(&self) -> Hidden {
        let more_than_select = self
            .held
            .iter()
            .any(|held| held != "SELECT" && held != "SHOW VIEW");
        Hidden {
            triggers: !self.has("TRIGGER"),
            events: !self.has("EVENT"),
            routines: !["EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE", "SHOW_ROUTINE"]
                .iter()
                .any(|one| self.has(one)),
            constraints: !more_than_select,
        }
    }

    /// The same in words.
    pub(super) fn notes(&self, schema: &Schema) -> Vec<String> {
        let hidden = self.hidden();
        let mut notes = Vec::new();
        let mut note = |when: bool, what: &str, needs: &str| {
            if when {
                notes.push(format!("{what} cannot be seen: the account lacks {needs}"));
            }
        };
        note(
            !self.whole_database,
            "tables without a grant of their own",
            "a privilege on the whole database",
        );
        note(
            hidden.constraints,
            "foreign keys and checks",
            "any table privilege besides SELECT",
        );
        note(hidden.triggers, "triggers", "TRIGGER");
        note(hidden.events, "events", "EVENT");
        note(hidden.routines, "stored routines", "EXECUTE");
        let views = schema.views.values().any(|view| view.definition.is_none());
        note(views, "definitions of views", "SHOW VIEW");
        let bodies = schema
            .procedures
            .values()
            .chain(schema.functions.values())
            .any(|one| one.body.is_none());
        let needs = match self.dialect {
            Dialect::MySQL => "SHOW_ROUTINE",
            Dialect::MariaDB => "SHOW CREATE ROUTINE (or SELECT on mysql.proc)",
        };
        note(bodies, "bodies of stored routines", needs);
        notes
    }
}

/// Whether the database part of a grant, which may hold wildcards, covers `database`.
fn covers(on: &str, database: &str) -> bool {
    let pattern = on
        .trim_matches(|quote| quote == '`' || quote == '"')
        .replace("``", "`");
    pattern == "*" || like(pattern.as_bytes(), database.as_bytes())
}

/// LIKE with its backslash escapes.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'%', rest @ ..], _) => like(rest, text) || (!text.is_empty() && like(pattern, &text[1..])),
        ([b'\\', one, rest @ ..], [other, text @ ..]) => one == other && like(rest, text),
        ([b'_', rest @ ..], [_, text @ ..]) => like(rest, text),
        ([one, rest @ ..], [other, text @ ..]) => one == other && like(rest, text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Grants, like};
    use crate::schema::model::{Dialect, Hidden};

    fn hidden(lines: &[&str]) -> Hidden {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Grants::read(&lines, "my_app", Dialect::MySQL).hidden()
    }

    #[test]
    fn grants_say_what_is_hidden() {
        let all = Hidden::default();
        assert_eq!(
            hidden(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"]),
            all
        );
        assert_eq!(
            hidden(&[
                "GRANT USAGE ON *.* TO `app`@`%`",
                "GRANT ALL PRIVILEGES ON `my\\_app`.* TO `app`@`%`"
            ]),
            all
        );
        let reader = hidden(&[
            "GRANT USAGE ON *.* TO `r`@`%`",
            "GRANT SELECT, SHOW VIEW ON `my_app`.* TO `r`@`%`",
        ]);
        assert_eq!(
            reader,
            Hidden {
                triggers: true,
                events: true,
                routines: true,
                constraints: true
            }
        );
        let writer = hidden(&["GRANT SELECT, INSERT, UPDATE (name), EXECUTE ON `my_app`.* TO `w`@`%`"]);
        assert_eq!(
            writer,
            Hidden {
                triggers: true,
                events: true,
                routines: false,
                constraints: false
            }
        );
        assert!(hidden(&["GRANT ALL PRIVILEGES ON `other`.* TO `app`@`%`"]).triggers);
    }

    #[test]
    fn patterns_of_grants_match_as_on_the_server() {
        assert!(like(b"my\\_app", b"my_app"));
        assert!(!like(b"my\\_app", b"myXapp"));
        assert!(like(b"my_app", b"myXapp"));
        assert!(like(b"my%", b"my_app"));
        assert!(!like(b"your%", b"my_app"));
    }
}
