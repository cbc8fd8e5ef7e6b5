//! The modes of a program's `sql_mode` that affect the meaning of its text.

use super::super::expr::lexer;

/// Whether a mode can affect a text.
type Matters = fn(&str) -> bool;

/// Modes that affect parsing, each with a test whether it can affect a text.
const MODES: [(&str, Matters); 5] = [
    ("ANSI_QUOTES", |body| body.contains('"')),
    ("HIGH_NOT_PRECEDENCE", |body| lexer::has_bare_word(body, "not")),
    ("NO_BACKSLASH_ESCAPES", |body| body.contains('\\')),
    ("PIPES_AS_CONCAT", |body| body.contains("||")),
    ("REAL_AS_FLOAT", |body| lexer::has_bare_word(body, "real")),
];

/// The mode of MariaDB with Oracle's language for programs.
pub const ORACLE: &str = "ORACLE";

/// The modes in `sql_mode` that affect the text of a program, in the order of their names.
pub fn program_mode(sql_mode: &str, body: &str) -> Option<String> {
    let has = |mode: &str| sql_mode.split(',').any(|set| set.eq_ignore_ascii_case(mode));
    if has(ORACLE) {
        return Some(ORACLE.to_owned());
    }
    let modes = MODES.iter().filter(|(mode, matters)| has(mode) && matters(body));
    let modes: Vec<&str> = modes.map(|(mode, _)| *mode).collect();
    (!modes.is_empty()).then(|| modes.join(","))
}

/// The modes that would change the meaning of a program's text and were not set at its creation.
pub fn modes_against(sql_mode: Option<&str>, body: &str) -> Vec<&'static str> {
    let set = |mode: &str| sql_mode.is_some_and(|set| set.split(',').any(|known| known == mode));
    let against = MODES.iter().filter(|(mode, matters)| !set(mode) && matters(body));
    against.map(|(mode, _)| *mode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_modes_that_matter_to_a_text_count() {
        let all = "STRICT_TRANS_TABLES,PIPES_AS_CONCAT,ANSI_QUOTES,NO_BACKSLASH_ESCAPES";
        let table = [
            ("select 1", None),
            ("select \"a\"", Some("ANSI_QUOTES")),
            ("select 'a' || \"b\"", Some("ANSI_QUOTES,PIPES_AS_CONCAT")),
            (r"select '\'", Some("NO_BACKSLASH_ESCAPES")),
        ];
        for (body, expected) in table {
            assert_eq!(program_mode(all, body).as_deref(), expected, "{body}");
        }
        assert_eq!(
            program_mode("ANSI_QUOTES,ORACLE", "as begin null; end").as_deref(),
            Some(ORACLE)
        );
        assert_eq!(
            program_mode("HIGH_NOT_PRECEDENCE", "select notes, not_found"),
            None
        );
        assert_eq!(
            modes_against(Some("ANSI_QUOTES"), "select \"a\" || 'b'"),
            ["PIPES_AS_CONCAT"]
        );
        assert!(modes_against(None, "select 'a'").is_empty());
    }
}
