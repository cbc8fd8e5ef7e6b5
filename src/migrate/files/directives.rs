//! Directives: comments about the migration as a whole: `-- dbtool:NAME ARGUMENTS`.

use super::Migration;
use crate::sql::Marker;

/// The directives of a migration's up script that are about all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// `requires-empty`: tables that may exist before its first statement, but not hold a row.
    pub requires_empty: Vec<String>,
    /// `requires-absent`: names that no table or view may have before its first statement.
    pub requires_absent: Vec<String>,
    /// `replaces`: checksums of earlier forms of the file. A database on which one of them was
    /// applied counts as one on which this file was.
    pub replaces: Vec<String>,
}

impl Directives {
    /// Adds those among the comments before a statement.
    pub(super) fn take(&mut self, markers: &[Marker]) {
        for marker in markers {
            let Some(directive) = marker.text.strip_prefix("dbtool:") else {
                continue;
            };
            let (name, arguments) = directive
                .split_once(char::is_whitespace)
                .unwrap_or((directive, ""));
            let list = match name {
                "requires-empty" => &mut self.requires_empty,
                "requires-absent" => &mut self.requires_absent,
                "replaces" => &mut self.replaces,
                _ => continue,
            };
            let words = arguments.split([',', ' ', '\t']).filter(|word| !word.is_empty());
            list.extend(words.map(|word| word.trim_matches('`').to_owned()));
        }
    }
}

impl Migration {
    /// Whether `checksum` is that of the file, or of an earlier form of it.
    pub fn has_been(&self, checksum: &str) -> bool {
        self.checksum == checksum || self.directives.replaces.iter().any(|earlier| earlier == checksum)
    }
}

#[cfg(test)]
mod tests {
    use crate::cancel::Cancel;
    use crate::migrate::files::{Direction, MigrationScript};
    use crate::sql::SplitOptions;

    #[test]
    fn directives_are_read_from_the_comments_of_the_up_script() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("001_x.sql");
        let text = "-- dbtool:requires-empty a, `b` c\n-- dbtool:requires-absent d\n\
                    /* dbtool:replaces 0123 */ SELECT '-- dbtool:replaces text';\n-- dbtool:replaces 4567\n\
                    SELECT 2;\n-- migrate:down\n-- dbtool:requires-empty e\nSELECT 3;";
        std::fs::write(&path, text).unwrap();
        let script = MigrationScript {
            path,
            direction: Direction::Up,
            whole: false,
            options: SplitOptions::default(),
        };
        let found = script.outline(&Cancel::new()).unwrap().directives;
        assert_eq!(found.requires_empty, ["a", "b", "c"]);
        assert_eq!(found.requires_absent, ["d"]);
        assert_eq!(found.replaces, ["0123", "4567"]);
    }
}
