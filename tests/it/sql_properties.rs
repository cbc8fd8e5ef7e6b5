//! Properties of the statement splitter over generated and arbitrary input.

use dbtool::sql::{SplitOptions, SplitStep, Splitter, classify, own_markers, split, summary};
use proptest::prelude::*;

/// A piece of SQL that hides or resembles a delimiter.
fn piece() -> impl Strategy<Value = String> {
    const FIXED: &[&str] = &[
        "SELECT",
        "a",
        "1.5",
        "(",
        ")",
        ",",
        "=",
        "--1",
        "- -",
        "@x",
        "`a;b``c`",
        "'it''s;'",
        r"'\';'",
        r"'\\'",
        "\"a;\"\"b\"",
        "/* ; ' */",
        "/*+ HINT(;) */",
        "/*!50000 ';' ; */",
        "/*M! 1 */",
        "-- c;'\n",
        "--\tc\n",
        "#;\"\n",
        "\r\n",
        "\t",
        "é漢😀",
        "$",
        "IF(1,2,3)",
        "CASE WHEN 1 THEN 2 END",
        "begin",
        "end",
        "x'00'",
        ":=",
        "*",
        "/",
    ];
    prop_oneof![
        4 => prop::sample::select(FIXED).prop_map(str::to_owned),
        1 => "[a-z_]{1,8}",
        1 => "'[a-z;#*/ \n-]{0,12}'",
    ]
}

/// A statement: significant at both ends, so that its text is exactly what was generated.
fn statement() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| format!("SELECT {} x", pieces.join(" ")))
}

/// Anything that looks somewhat like SQL, closed or not.
fn noise() -> impl Strategy<Value = String> {
    const BITS: &[&str] = &[
        "'",
        "\"",
        "`",
        ";",
        "--",
        "-- ",
        "#",
        "/*",
        "*/",
        "/*!",
        "/*M!",
        "/*+",
        "\\",
        "\n",
        "\r\n",
        " ",
        "DELIMITER //\n",
        "delimiter ;\n",
        "DELIMITER",
        "//",
        "\\g",
        "BEGIN",
        " END",
        "IF",
        "CASE",
        "CREATE PROCEDURE p()",
        "CREATE TRIGGER",
        " FOR EACH ROW ",
        "WHILE",
        "DO",
        "é",
        "\u{feff}",
        "\0",
        ":",
        "(",
        ")",
        "x",
    ];
    prop::collection::vec(
        prop_oneof![8 => prop::sample::select(BITS).prop_map(str::to_owned), 1 => any::<String>()],
        0..40,
    )
    .prop_map(|bits| bits.concat())
}

fn options() -> impl Strategy<Value = SplitOptions> {
    any::<bool>().prop_map(|backslash_escapes| SplitOptions { backslash_escapes })
}

/// The statements of a text that arrives in pieces, through a window that forgets what it can.
fn in_pieces(
    input: &str,
    piece: usize,
    options: SplitOptions,
) -> Result<Vec<(String, u32, u32)>, dbtool::sql::SplitError> {
    let mut splitter = Splitter::new(options);
    let (mut window, mut rest) = (String::new(), input);
    let mut found = Vec::new();
    loop {
        match splitter.step(&window, rest.is_empty(), &own_markers)? {
            SplitStep::Statement(one) => found.push((window[one.range].to_owned(), one.line, one.column)),
            SplitStep::End => return Ok(found),
            SplitStep::Border(_) => {}
            // As `split` says it.
            SplitStep::Source(one) => {
                return Err(dbtool::sql::SplitError {
                    what: "a command to read another file is not possible here".to_owned(),
                    line: one.line,
                    column: one.column,
                });
            }
            SplitStep::More => {
                let consumed = splitter.consumed();
                splitter.discard(&window, consumed);
                window.drain(..consumed);
                let end = (piece..=rest.len()).find(|&at| rest.is_char_boundary(at));
                let (next, left) = rest.split_at(end.unwrap_or(rest.len()));
                window.push_str(next);
                rest = left;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_global_rejects: 1_000_000, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn joined_statements_split_into_themselves(statements in prop::collection::vec(statement(), 0..8)) {
        let joined = statements.iter().map(|s| format!("{s};")).collect::<Vec<_>>().join("\n");
        let found = split(&joined, SplitOptions::default()).unwrap();
        let texts: Vec<&str> = found.statements.iter().map(|s| s.text).collect();
        prop_assert_eq!(texts, statements);
    }

    #[test]
    fn another_delimiter_changes_nothing_but_the_delimiter(
        statements in prop::collection::vec(statement(), 0..8),
        delimiter in prop::sample::select(["//", "$$", ";;", "|", "~~~", "END_OF_IT"].as_slice()),
    ) {
        let joined: String = statements.iter().map(|s| format!("{s} {delimiter}\n")).collect();
        prop_assume!(!statements.iter().any(|s| s.contains(delimiter)));
        let input = format!("DELIMITER {delimiter}\n{joined}DELIMITER ;\n");
        let found = split(&input, SplitOptions::default()).unwrap();
        let texts: Vec<&str> = found.statements.iter().map(|s| s.text).collect();
        prop_assert_eq!(texts, statements);
    }

    #[test]
    fn no_byte_of_a_statement_is_lost_or_invented(input in noise(), options in options()) {
        if let Ok(found) = split(&input, options) {
            let mut rebuilt = String::new();
            let mut end = 0;
            for statement in &found.statements {
                prop_assert!(statement.range.start >= end && !statement.text.is_empty());
                prop_assert_eq!(&input[statement.range.clone()], statement.text);
                let gap = &input[end..statement.range.start];
                // Between statements stands nothing that is a statement itself.
                if !input.to_ascii_lowercase().contains("delimiter") && !gap.starts_with('\u{feff}') {
                    prop_assert_eq!(split(gap, options).map(|gap| gap.statements.len()), Ok(0));
                }
                rebuilt.push_str(gap);
                rebuilt.push_str(statement.text);
                end = statement.range.end;
            }
            rebuilt.push_str(&input[end..]);
            prop_assert_eq!(rebuilt, input);
        }
    }

    #[test]
    fn places_are_those_a_person_counts(input in noise()) {
        if let Ok(found) = split(&input, SplitOptions::default()) {
            for statement in &found.statements {
                let before = &input[..statement.range.start];
                let line = before.matches('\n').count() + 1;
                let last = before.rsplit('\n').next().unwrap_or_default();
                let column = last.strip_prefix('\u{feff}').filter(|_| line == 1).unwrap_or(last).chars().count() + 1;
                prop_assert_eq!((statement.line as usize, statement.column as usize), (line, column));
            }
        }
    }

    #[test]
    fn splitting_is_stable(input in noise(), options in options()) {
        prop_assume!(!input.to_ascii_lowercase().contains("delimiter") && !input.contains("\\d"));
        // A byte order mark is special at the start of a file only, and splitting moves starts.
        let input = input.replace('\u{feff}', "");
        if let Ok(found) = split(&input, options) {
            // The rest of its line belongs to \u and ?, the delimiter that is added below included.
            let sent = found.statements.iter().filter(|one| !one.text.starts_with("\\u") && !one.text.starts_with('?'));
            for statement in sent {
                // With the delimiter, since dashes at the very end would become a comment.
                let alone = format!("{};", statement.text);
                let again = split(&alone, options).unwrap();
                prop_assert_eq!(again.statements.len(), 1);
                prop_assert_eq!(again.statements[0].text, statement.text);
            }
        }
    }

    #[test]
    fn a_text_in_pieces_splits_like_the_whole(
        parts in prop::collection::vec(prop_oneof![noise(), statement().prop_map(|s| s + ";\n")], 1..40),
        piece in 1_usize..700,
        options in options(),
    ) {
        let input = parts.concat().replace('\u{feff}', "");
        let whole = split(&input, options).map(|found| {
            let statements = found.statements.iter();
            statements.map(|s| (s.text.to_owned(), s.line, s.column)).collect::<Vec<_>>()
        });
        prop_assert_eq!(in_pieces(&input, piece, options), whole);
    }

    #[test]
    fn any_text_can_be_classified_and_summed_up(input in noise(), verb in "(ALTER TABLE|CREATE|DROP|SET|WITH|RENAME TABLE) ?", width in 1_usize..80) {
        let statement = format!("{verb}{input}");
        classify(&statement);
        prop_assert!(summary(&statement, width).chars().count() <= width);
    }
}
