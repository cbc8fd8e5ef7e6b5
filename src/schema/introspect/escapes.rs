//! Restores the original text of bodies. INFORMATION_SCHEMA prints their strings without escapes, and
//! MySQL also without the second of doubled quotes. SHOW CREATE prints the original text, but needs one
//! statement per program, so it is used only for bodies that may have lost escapes.

use super::{Cells, SchemaReader};
use crate::db::{DbError, Flavor, Query, quote_name};
use crate::schema::dialect;
use crate::schema::model::{Schema, Symbol};
use crate::schema::normalise;

/// A program whose body may have lost escapes.
#[derive(Debug, Clone, Copy)]
enum Program {
    /// A trigger, with its table.
    Trigger(Symbol, Symbol),
    Procedure(Symbol),
    Function(Symbol),
    Event(Symbol),
}

impl Program {
    /// The SQL keyword, the name, and the column with the text in the result of SHOW CREATE.
    fn parts(self) -> (&'static str, Symbol, usize) {
        match self {
            Program::Trigger(_, name) => ("TRIGGER", name, 2),
            Program::Procedure(name) => ("PROCEDURE", name, 2),
            Program::Function(name) => ("FUNCTION", name, 2),
            Program::Event(name) => ("EVENT", name, 3),
        }
    }

    fn body(self, schema: &mut Schema) -> Option<&mut Symbol> {
        match self {
            Program::Trigger(table, name) => {
                let table = schema.tables.get_mut(&table)?;
                table.triggers.get_mut(&name)?.body.as_mut()
            }
            Program::Procedure(name) => schema.procedures.get_mut(&name)?.body.as_mut(),
            Program::Function(name) => schema.functions.get_mut(&name)?.body.as_mut(),
            Program::Event(name) => schema.events.get_mut(&name)?.body.as_mut(),
        }
    }
}

/// All programs of a schema.
fn programs(schema: &Schema) -> Vec<(Program, Option<Symbol>)> {
    let triggers = schema.tables.iter().flat_map(|(table_name, table)| {
        let triggers = table.triggers.iter();
        triggers.map(|(name, program)| (Program::Trigger(*table_name, *name), program.body))
    });
    let procedures = schema.procedures.iter();
    let functions = schema.functions.iter();
    let events = schema.events.iter();
    triggers
        .chain(procedures.map(|(name, program)| (Program::Procedure(*name), program.body)))
        .chain(functions.map(|(name, program)| (Program::Function(*name), program.body)))
        .chain(events.map(|(name, program)| (Program::Event(*name), program.body)))
        .collect()
}

impl SchemaReader<'_> {
    /// Restores the escapes of bodies; returns notes on those that stay without.
    pub(super) async fn restore_escapes(&mut self) -> Result<Vec<String>, DbError> {
        let flavor = self.schema.flavor;
        let mut left = Vec::new();
        for (program, body) in programs(&self.schema) {
            let Some(body) = body.filter(|body| lost_escapes(body, flavor)) else {
                continue;
            };
            let (kind, name, _) = program.parts();
            let written = self.show_create(program).await?;
            let written = written.and_then(|create| written_body(&create, &body, flavor));
            match (written, program.body(&mut self.schema)) {
                (Some(written), Some(body)) => *body = Symbol::from(written),
                _ => {
                    self.schema.inexact.insert(body);
                    left.push(format!(
                        "strings in the body of the {} {name}: the server prints them without their escapes",
                        kind.to_lowercase()
                    ));
                }
            }
        }
        Ok(left)
    }

    /// The statement that creates a program; `None` if the server does not show it.
    async fn show_create(&mut self, program: Program) -> Result<Option<String>, DbError> {
        let (kind, name, column) = program.parts();
        let database = quote_name(self.database);
        let sql = format!("SHOW CREATE {kind} {database}.{}", quote_name(&name));
        let rows = async {
            let mut create = None;
            let mut rows = self.session.stream(Query::new(sql)).await?;
            while let Some(row) = rows.next().await? {
                create = Cells(row).text(column);
            }
            Ok(create)
        };
        match rows.await {
            // The program was dropped or is hidden.
            Err(error) if DbError::code(&error).is_some() => Ok(None),
            other => other,
        }
    }
}

/// Words that can follow a string.
const AFTER_STRINGS: &[&str] = &[
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "COLLATE",
    "DESC",
    "DIV",
    "DO",
    "ELSE",
    "ELSEIF",
    "END",
    "ESCAPE",
    "FOR",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INTO",
    "IS",
    "LIKE",
    "LIMIT",
    "MOD",
    "NOT",
    "ON",
    "OR",
    "ORDER",
    "REGEXP",
    "RLIKE",
    "SEPARATOR",
    "SOUNDS",
    "THEN",
    "UNION",
    "WHEN",
    "WHERE",
    "XOR",
];

/// Whether strings in `body` may have had escapes. MySQL also removes doubled quotes, after which a string
/// seems to end before a word or another string or not at all, and replaces `\\n`.
fn lost_escapes(body: &str, source: Flavor) -> bool {
    let escaped = dialect::for_flavor(source).prints_escaped;
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
                if escaped && !ends_string(letters.clone(), quote) {
                    return true;
                }
            }
            Some(_) if escaped && letter.is_control() => return true,
            _ => {}
        }
    }
    escaped && inside.is_some()
}

/// Whether a string in `quote` can end before `rest`: before a punctuation mark, or before a word that can
/// follow a string.
fn ends_string(rest: impl Iterator<Item = char> + Clone, quote: char) -> bool {
    let mut after = rest
        .clone()
        .skip_while(|letter| letter.is_whitespace())
        .peekable();
    match after.peek() {
        Some(next) if *next == quote => false,
        Some(next) if next.is_alphanumeric() => {
            let word: String = after.take_while(|letter| letter.is_alphanumeric()).collect();
            let apart = rest.clone().next().is_some_and(char::is_whitespace);
            apart
                && AFTER_STRINGS
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(&word))
        }
        _ => true,
    }
}

/// The body at the end of the statement `create`, which equals `body` except for escapes.
fn written_body(create: &str, body: &str, flavor: Flavor) -> Option<String> {
    let first: String = body
        .chars()
        .take_while(|letter| letter.is_alphanumeric())
        .collect();
    let plain = normalise::without_escapes(body);
    let mut ends = create.match_indices(first.as_str()).map(|(at, _)| &create[at..]);
    ends.find_map(|end| {
        let written = normalise::body(flavor, end);
        (normalise::without_escapes(&written) == plain).then_some(written)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_whose_strings_had_escapes_are_told_from_others() {
        let plain = "BEGIN IF NEW.a = '' THEN SET NEW.a = 'x'; END IF; END";
        assert!(!lost_escapes(plain, Flavor::MySql));
        for body in [
            "SET @a = 'it's'",
            "SET @a = 'it's' + 'it's'",
            "SET @a = '''",
            r"SET @a = '\'",
            "SET @a = 'a' b' c'",
            "SET @a = 'a\nb'",
        ] {
            assert!(lost_escapes(body, Flavor::MySql), "{body}");
        }
        assert!(!lost_escapes("SET @a = 'it''s'", Flavor::MariaDb));
        assert!(lost_escapes(r"SET @a = '\'", Flavor::MariaDb));
    }

    #[test]
    fn a_body_is_found_at_the_end_of_its_statement() {
        let body = r#"begin select 'it''s \\ \' "q" \n \\n x', "d""q"; end"#;
        let create = format!(
            "CREATE DEFINER=`begin`@`%` PROCEDURE `begin`()\n    COMMENT 'begin select 1; end'\n{body}"
        );
        let mysql = "begin select 'it's \\ ' \"q\" \n \\n x', \"d\"q\"; end";
        let mariadb = r#"begin select 'it''s \ '' "q" \n \n x', "d""q"; end"#;
        for (flavor, printed) in [(Flavor::MySql, mysql), (Flavor::MariaDb, mariadb)] {
            assert_eq!(written_body(&create, printed, flavor).as_deref(), Some(body));
        }
        assert_eq!(written_body(&create, "begin select 2; end", Flavor::MySql), None);
    }
}
