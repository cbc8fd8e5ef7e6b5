//! Values INFORMATION_SCHEMA reports incorrectly, which a fix would copy.

/// Caveats about the statements of a fix.
#[derive(Default)]
pub(super) struct Caveats {
    question_mark: bool,
}

impl Caveats {
    /// Inspects a statement.
    pub(super) fn inspect(&mut self, sql: &str) {
        self.question_mark |= has_question_mark(sql);
    }

    /// The note about caveats that were found.
    pub(super) fn note(&self) -> Option<String> {
        self.question_mark.then(|| {
            "a ? may stand for an emoji or another character that the server does not print: \
             compare with the migration"
                .to_owned()
        })
    }
}

/// Whether a string literal contains a question mark.
fn has_question_mark(sql: &str) -> bool {
    sql.split('\'').skip(1).step_by(2).any(|text| text.contains('?'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_mark_counts_in_a_string_only() {
        assert!(has_question_mark("SET @a = 'what?'"));
        assert!(!has_question_mark("SELECT 'a', `b?` = 'c'"));
    }
}
