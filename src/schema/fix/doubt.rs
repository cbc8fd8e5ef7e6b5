//! What INFORMATION_SCHEMA does not say rightly, and a fix would repeat.

use crate::schema::model::Dialect;

const PROGRAMS: [&str; 4] = [
    "CREATE TRIGGER ",
    "CREATE PROCEDURE ",
    "CREATE FUNCTION ",
    "CREATE EVENT ",
];

/// Which statements to look at before they run.
pub(super) struct Doubts {
    /// The server that the definitions were read from.
    source: Dialect,
    notes: Vec<String>,
    question_mark: bool,
}

impl Doubts {
    pub(super) fn new(source: Dialect) -> Self {
        Doubts {
            source,
            notes: Vec::new(),
            question_mark: false,
        }
    }

    /// Notes what is doubtful about a statement.
    pub(super) fn look_at(&mut self, sql: &str) {
        let head = sql.split(['(', '\n']).next().unwrap_or_default();
        let head = head.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        if PROGRAMS.iter().any(|start| sql.starts_with(start)) && lost_escapes(sql, self.source) {
            self.notes.push(format!(
                "{head}: the server prints strings in a body without their escapes: compare with the migration"
            ));
        }
        self.question_mark |= has_question_mark(sql);
    }

    /// The doubts in words.
    pub(super) fn notes(self) -> Vec<String> {
        let mut notes = self.notes;
        if self.question_mark {
            notes.push(
                "a ? may stand for an emoji or another character that the server does not print: \
                 compare with the migration"
                    .to_owned(),
            );
        }
        notes
    }
}

/// Whether strings in `body` may have had escapes: MySQL takes the doubled quotes away as well,
/// after which a string seems to end in the middle of a word or not at all.
fn lost_escapes(body: &str, source: Dialect) -> bool {
    if body.contains('\\') {
        return true;
    }
    let mut inside = None;
    let mut letters = body.chars().peekable();
    while let Some(letter) = letters.next() {
        match inside {
            None if matches!(letter, '\'' | '"') => inside = Some(letter),
            Some(quote) if quote == letter => {
                inside = None;
                let next = letters.peek().copied().unwrap_or(' ');
                if source == Dialect::MySQL && (next.is_alphanumeric() || next == quote) {
                    return true;
                }
            }
            _ => {}
        }
    }
    source == Dialect::MySQL && inside.is_some()
}

/// Whether a string holds a question mark.
fn has_question_mark(sql: &str) -> bool {
    sql.split('\'').skip(1).step_by(2).any(|text| text.contains('?'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_whose_strings_had_escapes_are_told_from_others() {
        let plain = "BEGIN IF NEW.a = '' THEN SET NEW.a = 'x'; END IF; END";
        assert!(!lost_escapes(plain, Dialect::MySQL));
        for body in [
            "SET @a = 'it's'",
            "SET @a = 'it's' + 'it's'",
            "SET @a = '''",
            r"SET @a = '\'",
        ] {
            assert!(lost_escapes(body, Dialect::MySQL), "{body}");
        }
        assert!(!lost_escapes("SET @a = 'it''s'", Dialect::MariaDB));
        assert!(lost_escapes(r"SET @a = '\'", Dialect::MariaDB));
    }

    #[test]
    fn a_question_mark_counts_in_a_string_only() {
        assert!(has_question_mark("SET @a = 'what?'"));
        assert!(!has_question_mark("SELECT 'a', `b?` = 'c'"));
    }
}
