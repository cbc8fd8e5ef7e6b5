//! The names of the objects that a change needs beside the table.

use sha2::{Digest, Sha256};

use crate::hex;

/// What the names of all such objects contain.
pub const MARK: &str = "_dbtool_";

/// The longest name of a table, trigger or constraint, in characters (manual, "Identifier Length Limits").
const MAX_LENGTH: usize = 64;

/// Whether a table is one beside another that is or was changed online, by its name.
pub fn is_table_of_change(name: &str) -> bool {
    ["new", "log", "old", "probe"].iter().any(|what| {
        name.strip_suffix(what)
            .and_then(|stem| stem.strip_suffix(MARK))
            .is_some_and(|table| !table.is_empty())
    })
}

/// Whether a trigger is one of a change, by its name.
pub fn is_trigger_of_change(name: &str) -> bool {
    let made = ["ins", "upd", "del"]
        .iter()
        .any(|what| name.strip_suffix(what).is_some_and(|stem| stem.ends_with(MARK)));
    let stands_in = name
        .strip_prefix("t_dbtool_")
        .is_some_and(|digest| digest.len() == 24 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    made || stands_in
}

/// The names of the objects of one change. They depend on the table alone, so that a later run finds them. Names of
/// tables come after the table's own in the order of their bytes: a RENAME takes its locks in this order, and must
/// wait in the queue of the table before any other (`swap`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectNames {
    /// The table with the new definition.
    pub shadow: String,
    /// The keys of rows that were changed meanwhile.
    pub log: String,
    /// The former table, after the swap.
    pub old: String,
    /// The table that takes rows as the new definition stores them, while they are compared.
    pub probe: String,
    /// The triggers after INSERT, UPDATE and DELETE.
    pub triggers: [String; 3],
    table: String,
    stem: String,
}

impl ObjectNames {
    /// Of a change of this table.
    pub fn new(database: &str, table: &str) -> ObjectNames {
        let stem = if table.chars().count() + 18 <= MAX_LENGTH {
            format!("{table}{MARK}")
        } else {
            // After every name that begins with an ASCII letter.
            format!("~{}{MARK}", &digest(&[database, table])[..10])
        };
        let name = |what: &str| format!("{stem}{what}");
        ObjectNames {
            shadow: name("new"),
            log: name("log"),
            old: name("old"),
            probe: name("probe"),
            triggers: [name("ins"), name("upd"), name("del")],
            table: table.to_owned(),
            stem,
        }
    }

    /// Whether a RENAME locks the table before the others.
    pub fn are_in_order(&self) -> bool {
        self.table < self.shadow && self.table < self.old
    }

    /// The name of a constraint of the shadow while the table's own has its name. A name that the server made from
    /// the table's name is made from the shadow's, since a rename of the table then renames it.
    pub fn constraint(&self, name: &str) -> String {
        for infix in ["_ibfk_", "_chk_"] {
            let number = name
                .strip_prefix(&self.table)
                .and_then(|rest| rest.strip_prefix(infix))
                .filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
            if let Some(number) = number {
                let made = format!("{}{infix}{number}", self.shadow);
                if made.chars().count() <= MAX_LENGTH {
                    return made;
                }
            }
        }
        self.short("c", name)
    }

    /// The name of a foreign key of the shadow while rows are copied, from the one that it gets before the swap.
    pub fn loose(&self, constraint: &str) -> String {
        self.short("l", constraint)
    }

    /// Whether this is such a name, of any foreign key.
    pub fn is_loose(&self, constraint: &str) -> bool {
        constraint.starts_with("l_dbtool_")
    }

    /// Whether a constraint with this name gets its own name back by the rename of the table alone.
    pub fn follows_rename(&self, constraint: &str) -> bool {
        constraint.starts_with(&self.shadow)
    }

    /// The name of the shadow's trigger that takes the place of one of the table's own until that has gone.
    pub fn own_trigger(&self, name: &str) -> String {
        self.short("t", name)
    }

    fn short(&self, kind: &str, name: &str) -> String {
        let digest = digest(&[&self.stem, kind, name]);
        format!("{kind}{MARK}{}", &digest[..24])
    }
}

fn digest(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    hex::encode(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::ObjectNames;

    #[test]
    fn names_are_short_different_ordered_and_the_same_again() {
        for table in ["t".to_owned(), "x".repeat(64), "Z".repeat(50), "é".repeat(20)] {
            let names = ObjectNames::new("shop", &table);
            assert_eq!(names, ObjectNames::new("shop", &table));
            assert!(names.are_in_order(), "{table}");
            let mut all = vec![
                names.shadow.clone(),
                names.log.clone(),
                names.old.clone(),
                names.probe.clone(),
                names.constraint("c"),
                names.own_trigger("c"),
                names.constraint(&format!("{table}_ibfk_1")),
            ];
            all.extend(names.triggers.clone());
            assert!(all.iter().all(|name| name.chars().count() <= 64), "{all:?}");
            let count = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), count);
        }
        let long = "x".repeat(64);
        assert_ne!(
            ObjectNames::new("a", &long).shadow,
            ObjectNames::new("b", &long).shadow
        );
    }

    #[test]
    fn generated_names_of_constraints_follow_the_table() {
        let names = ObjectNames::new("d", "t");
        let made = names.constraint("t_ibfk_12");
        assert_eq!(made, "t_dbtool_new_ibfk_12");
        assert!(names.follows_rename(&made));
        for other in ["fk", "t_ibfk_", "t_ibfk_x", "u_ibfk_1"] {
            assert!(!names.follows_rename(&names.constraint(other)), "{other}");
        }
    }
}
