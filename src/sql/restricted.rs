//! Whether an UPDATE or DELETE is of some rows only.

use super::cursor::{SqlToken, TokenCursor};

/// Whether WHERE, LIMIT or a join, outside of all parentheses, chooses among the rows of an UPDATE or DELETE.
pub fn is_restricted(statement: &str) -> bool {
    let mut cursor = TokenCursor::new(statement);
    let mut depth = 0_usize;
    while let Some(token) = cursor.next() {
        match token {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => depth = depth.saturating_sub(1),
            word if depth == 0 => {
                let words = ["WHERE", "LIMIT", "JOIN", "STRAIGHT_JOIN", "USING", "PORTION"];
                if words.iter().any(|keyword| word.is(keyword)) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_restricted;

    #[test]
    fn a_condition_of_a_subquery_is_none_of_the_statement() {
        for all in [
            "DELETE FROM t",
            "UPDATE t SET a = (SELECT 1 FROM u WHERE x = 1)",
            "DELETE FROM `where`",
        ] {
            assert!(!is_restricted(all), "{all}");
        }
        for some in [
            "DELETE FROM t WHERE a = 1",
            "delete from t limit 10",
            "UPDATE t JOIN u USING (id) SET t.a = u.a",
        ] {
            assert!(is_restricted(some), "{some}");
        }
    }
}
