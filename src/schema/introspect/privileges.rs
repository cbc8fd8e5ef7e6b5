//! Determines the objects hidden from an account, which INFORMATION_SCHEMA silently omits.

use crate::db::Flavor;
use crate::schema::dialect;
use crate::schema::model::{Hidden, Schema};

/// The privileges of an account that make objects visible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Grants {
    /// Privileges on `*.*` or the database, in upper case. Those on single tables do not make other
    /// tables visible.
    held: Vec<String>,
    /// Whether a privilege covers single columns.
    columns: bool,
    flavor: Flavor,
}

/// A line of SHOW GRANTS: `GRANT a, b (column) ON scope TO account`, or a REVOKE of MySQL's
/// partial revokes.
struct GrantLine<'a> {
    revokes: bool,
    privileges: Vec<String>,
    of_columns: bool,
    on: &'a str,
    object: &'a str,
}

impl<'a> GrantLine<'a> {
    /// Parses a line; `None` for granted roles, which have no ON.
    fn read(line: &'a str) -> Option<GrantLine<'a>> {
        let revoked = line.strip_prefix("REVOKE ");
        let (privileges, rest) = revoked.or(line.strip_prefix("GRANT "))?.split_once(" ON ")?;
        let end = if revoked.is_some() { " FROM " } else { " TO " };
        let (on, object) = rest.split(end).next()?.rsplit_once('.')?;
        let words = privileges.split(", ").map(|privilege| {
            privilege
                .split(" (")
                .next()
                .unwrap_or(privilege)
                .to_ascii_uppercase()
        });
        Some(GrantLine {
            revokes: revoked.is_some(),
            privileges: words.filter(|word| word != "USAGE" && word != "PROXY").collect(),
            of_columns: privileges.contains(" ("),
            on,
            object,
        })
    }
}

impl Grants {
    /// Parses the lines of SHOW GRANTS.
    pub(super) fn read(lines: &[String], database: &str, flavor: Flavor) -> Grants {
        let lines = lines.iter().filter_map(|line| GrantLine::read(line));
        let lines: Vec<GrantLine> = lines.filter(|line| covers(line.on, database)).collect();
        let revoked: Vec<&String> = lines
            .iter()
            .filter(|line| line.revokes)
            .flat_map(|line| &line.privileges)
            .collect();
        let mut grants = Grants {
            flavor,
            ..Grants::default()
        };
        for line in lines.iter().filter(|line| !line.revokes) {
            grants.columns |= line.of_columns;
            if line.object != "*" {
                continue;
            }
            // What is revoked for this database was granted for all.
            let left = line.privileges.iter().filter(|word| {
                let all = word.starts_with("ALL") && !revoked.is_empty();
                line.on != "*" || !(all || revoked.contains(word))
            });
            grants.held.extend(left.cloned());
        }
        grants
    }

    fn has(&self, privilege: &str) -> bool {
        self.held
            .iter()
            .any(|held| held == privilege || held.starts_with("ALL"))
    }

    /// The kinds of objects that are hidden.
    pub(super) fn hidden(&self) -> Hidden {
        let more_than_select = self
            .held
            .iter()
            .any(|held| held != "SELECT" && held != "SHOW VIEW");
        Hidden {
            tables: self.held.is_empty(),
            columns: self.columns && !self.has("SELECT"),
            triggers: !self.has("TRIGGER"),
            events: !self.has("EVENT"),
            routines: !["EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE", "SHOW_ROUTINE"]
                .iter()
                .any(|privilege| self.has(privilege)),
            constraints: !more_than_select,
        }
    }

    /// Notes on the objects that are hidden.
    pub(super) fn notes(&self, schema: &Schema) -> Vec<String> {
        let hidden = self.hidden();
        let mut notes = Vec::new();
        let mut note = |when: bool, what: &str, needs: &str| {
            if when {
                notes.push(format!("{what} cannot be seen: the account lacks {needs}"));
            }
        };
        note(
            hidden.tables,
            "tables without a grant of their own",
            "a privilege on the whole database",
        );
        note(
            hidden.columns,
            "columns without a grant of their own",
            "SELECT on the whole database",
        );
        note(
            hidden.constraints,
            "foreign keys and checks",
            "any privilege besides SELECT on the whole database",
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
            .any(|routine| routine.body.is_none());
        let needs = dialect::for_flavor(self.flavor).routine_privilege;
        note(bodies, "bodies of stored routines", needs);
        notes
    }
}

/// Whether the database part of a grant, which may contain wildcards, covers `database`.
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
    use crate::db::Flavor;
    use crate::schema::model::Hidden;

    fn hidden(lines: &[&str]) -> Hidden {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Grants::read(&lines, "my_app", Flavor::MySql).hidden()
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
                constraints: true,
                ..all
            }
        );
        let writer = hidden(&["GRANT SELECT, INSERT, UPDATE (name), EXECUTE ON `my_app`.* TO `w`@`%`"]);
        assert_eq!(
            writer,
            Hidden {
                triggers: true,
                events: true,
                ..all
            }
        );
        assert!(hidden(&["GRANT ALL PRIVILEGES ON `other`.* TO `app`@`%`"]).triggers);
    }

    #[test]
    fn a_privilege_on_one_table_shows_nothing_of_the_others() {
        let one = hidden(&[
            "GRANT SELECT, SHOW VIEW ON `my_app`.* TO `a`@`%`",
            "GRANT INSERT, TRIGGER ON `my_app`.`t` TO `a`@`%`",
        ]);
        assert!(one.triggers && one.constraints && !one.tables);
        let only = hidden(&["GRANT ALL PRIVILEGES ON `my_app`.`t` TO `a`@`%`"]);
        assert!(only.triggers && only.constraints && only.tables && !only.columns);
        assert!(hidden(&["GRANT SELECT (`id`) ON `my_app`.`t` TO `a`@`%`"]).columns);
    }

    #[test]
    fn what_is_revoked_for_the_database_is_not_held() {
        let revoked = hidden(&[
            "GRANT SELECT, TRIGGER, EVENT, EXECUTE ON *.* TO `a`@`%`",
            "GRANT EVENT ON `my_app`.* TO `a`@`%`",
            "REVOKE TRIGGER, EVENT ON `my_app`.* FROM `a`@`%`",
        ]);
        assert!(revoked.triggers && !revoked.events && !revoked.routines);
        let elsewhere = hidden(&[
            "GRANT SELECT, TRIGGER ON *.* TO `a`@`%`",
            "REVOKE TRIGGER ON `other`.* FROM `a`@`%`",
        ]);
        assert!(!elsewhere.triggers);
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
