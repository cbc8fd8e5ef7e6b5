//! Finds statements that read or change something outside their own database; in doubt a statement does. A
//! replay of migrations beside a live database must neither touch that one nor depend on it.

mod grouped_tokens;

use std::collections::BTreeSet;

use grouped_tokens::GroupedTokens;

use super::cursor::{SqlToken, TokenCursor};
use super::{Classification, ObjectEffect, ObjectKind, StatementClass};

/// The reason why a statement is not confined to its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutsideAccess {
    /// It reads a catalogue of all databases.
    Catalogue,
    /// It names a database.
    Database,
    /// It changes the server.
    Server,
}

impl OutsideAccess {
    /// The end of a message that begins with the place of the statement.
    pub fn as_str(self) -> &'static str {
        match self {
            OutsideAccess::Catalogue => "reads what the server knows of other databases too",
            OutsideAccess::Database => "names a database",
            OutsideAccess::Server => "changes the server",
        }
    }
}

/// Schemas with information about all databases.
const CATALOGUES: [&str; 4] = ["information_schema", "performance_schema", "mysql", "sys"];

/// Tables of information_schema that do not depend on a database.
const SERVER_WIDE_TABLES: [&str; 12] = [
    "character_sets",
    "collations",
    "collation_character_set_applicability",
    "engines",
    "global_variables",
    "keywords",
    "plugins",
    "all_plugins",
    "session_variables",
    "sql_functions",
    "system_variables",
    "st_spatial_reference_systems",
];

/// Statements about accounts, memory and files, which change no definition.
pub fn changes_no_schema(found: &Classification) -> bool {
    const VERBS: [&str; 18] = [
        "GRANT",
        "REVOKE",
        "ANALYZE",
        "CACHE",
        "CHECK",
        "FLUSH",
        "OPTIMIZE",
        "REPAIR",
        "RESET",
        "KILL",
        "PURGE",
        "SHUTDOWN",
        "RESTART",
        "LOAD INDEX",
        "START",
        "STOP",
        "CHANGE",
        "SET",
    ];
    let verb = found.verb.as_str();
    let account = ["USER", "ROLE"].iter().any(|kind| verb.ends_with(kind));
    // `SET GLOBAL` may change what DDL does; `SET PASSWORD` and `SET ROLE` commit and do not.
    let settings = verb == "SET" && !found.implicit_commit;
    found.class == StatementClass::Admin && (account || VERBS.contains(&verb)) && !settings
}

/// Reads the statements of one migration, one after the other.
#[derive(Debug, Default)]
pub struct AccessReader {
    /// User variables that hold the name of the current database.
    own: BTreeSet<String>,
    /// Whether statements are made of strings.
    dynamic: bool,
}

impl AccessReader {
    /// A reader of a migration; `dynamic` if any of its statements is prepared from text.
    pub fn new(dynamic: bool) -> AccessReader {
        AccessReader {
            own: BTreeSet::new(),
            dynamic,
        }
    }

    /// Whether a statement prepares others from text.
    pub fn prepares(statement: &str) -> bool {
        let mut cursor = TokenCursor::new(statement);
        std::iter::from_fn(|| cursor.next()).any(|tok| tok.is("PREPARE") || tok.is("IMMEDIATE"))
    }

    /// The reason why the statement is not confined to its database, if it is not. `database` is the name of
    /// the live one.
    pub fn outside_access(
        &mut self,
        statement: &str,
        found: &Classification,
        database: &str,
    ) -> Option<OutsideAccess> {
        let tokens = GroupedTokens::new(statement);
        if changes_server(found, &tokens) {
            return Some(OutsideAccess::Server);
        }
        if found.objects.iter().any(|object| object.name.schema.is_some()) || renames_away(found) {
            return Some(OutsideAccess::Database);
        }
        self.read(&tokens, database)
    }

    fn read(&mut self, tokens: &GroupedTokens<'_>, database: &str) -> Option<OutsideAccess> {
        for (at, token) in tokens.list.iter().enumerate() {
            if let SqlToken::Char('@') = token.tok {
                self.note_own(tokens, at);
            }
        }
        let shows = tokens.list.first().is_some_and(|first| {
            ["SHOW", "DESCRIBE", "DESC", "EXPLAIN"]
                .iter()
                .any(|verb| first.tok.is(verb))
        });
        if !shows && self.reads_catalogue(tokens) {
            return Some(OutsideAccess::Catalogue);
        }
        if tokens.names(database) {
            return Some(OutsideAccess::Database);
        }
        tokens
            .list
            .iter()
            .find_map(|token| self.within(token.tok, database))
    }

    /// The access of a string's contents, if strings become statements.
    fn within(&mut self, tok: SqlToken<'_>, database: &str) -> Option<OutsideAccess> {
        let (SqlToken::Text(quoted) | SqlToken::Name(quoted)) = tok else {
            return None;
        };
        if !self.dynamic || quoted.starts_with('`') {
            return None;
        }
        let value = &quoted[1..quoted.len() - 1];
        if value.eq_ignore_ascii_case(database) {
            return Some(OutsideAccess::Database);
        }
        let value = value.replace("''", "'").replace("\\'", "'");
        self.read(&GroupedTokens::new(&value), database)
    }

    /// `@x = DATABASE()`, `@x := SCHEMA()`.
    fn note_own(&mut self, tokens: &GroupedTokens<'_>, at: usize) {
        let Some(name) = tokens.value(at + 1) else { return };
        let equals = match (tokens.char(at + 2), tokens.char(at + 3)) {
            (Some(':'), Some('=')) => at + 4,
            (Some('='), _) => at + 3,
            _ => return,
        };
        let ends = !matches!(tokens.char(equals + 3), Some('.' | '+' | '|'));
        if tokens.is_current(equals) && ends {
            self.own.insert(name.to_ascii_lowercase());
        }
    }

    /// Whether an expression for the current database's name starts at `at`.
    fn own_name(&self, tokens: &GroupedTokens<'_>, at: usize) -> bool {
        let variable = tokens.char(at) == Some('@')
            && tokens
                .value(at + 1)
                .is_some_and(|name| self.own.contains(&name.to_ascii_lowercase()));
        tokens.is_current(at) || variable
    }

    /// Whether it reads a catalogue without a condition on its own database.
    fn reads_catalogue(&self, tokens: &GroupedTokens<'_>) -> bool {
        let mut wanted: Vec<(usize, usize)> = Vec::new();
        for (at, token) in tokens.list.iter().enumerate() {
            let catalogue = tokens
                .value(at)
                .and_then(|name| CATALOGUES.iter().find(|schema| schema.eq_ignore_ascii_case(name)));
            let (Some(catalogue), Some('.')) = (catalogue, tokens.char(at + 1)) else {
                continue;
            };
            if *catalogue != "information_schema" {
                return true;
            }
            let table = tokens.value(at + 2).unwrap_or_default();
            if SERVER_WIDE_TABLES
                .iter()
                .any(|name| name.eq_ignore_ascii_case(table))
            {
                continue;
            }
            match wanted.iter_mut().find(|(group, _)| *group == token.group) {
                Some((_, count)) => *count += 1,
                None => wanted.push((token.group, 1)),
            }
        }
        wanted
            .iter()
            .any(|(group, count)| !self.confines(tokens, *group, *count))
    }

    /// Whether the SELECT in this group restricts each of its `count` catalogue tables to the current
    /// database.
    fn confines(&self, tokens: &GroupedTokens<'_>, select: usize, count: usize) -> bool {
        let (mut own, mut links) = (0, 0);
        for (at, token) in tokens.list.iter().enumerate() {
            let schema = tokens.value(at).is_some_and(|name| {
                let name = name.to_ascii_lowercase();
                name.ends_with("_schema") && !CATALOGUES.contains(&name.as_str()) || name == "schema_name"
            });
            if !schema || !tokens.holds(select, token.group) || !tokens.always(select, at) {
                continue;
            }
            let before = at - tokens.qualifier(at);
            let after = match (tokens.char(at + 1), tokens.list.get(at + 1)) {
                (Some('='), _) => Some(at + 2),
                (_, Some(next)) if next.tok.is("IN") && tokens.char(at + 2) == Some('(') => Some(at + 3),
                _ => None,
            };
            let other_side = |at: usize| {
                let end = if tokens.char(at + 1) == Some('.') {
                    at + 2
                } else {
                    at
                };
                tokens
                    .value(end)
                    .is_some_and(|name| name.to_ascii_lowercase().ends_with("_schema"))
            };
            match after {
                Some(after) if self.own_name(tokens, after) => own += 1,
                Some(after) if other_side(after) => links += 1,
                _ => {
                    // DATABASE() = table_schema, @own = table_schema
                    let equals = before
                        .checked_sub(1)
                        .is_some_and(|at| tokens.char(at) == Some('='));
                    let start = |back: usize| {
                        before
                            .checked_sub(back)
                            .is_some_and(|at| self.own_name(tokens, at))
                    };
                    if equals && (start(4) || start(3)) {
                        own += 1;
                    }
                }
            }
        }
        own > 0 && own + links >= count
    }
}

/// Whether the statement changes more than its database.
fn changes_server(found: &Classification, tokens: &GroupedTokens<'_>) -> bool {
    let of_database = |kind: ObjectKind| kind == ObjectKind::Database;
    let database = found.objects.iter().any(|object| of_database(object.kind));
    let nameless = found.verb.starts_with("ALTER") && alters_current(tokens);
    (found.class == StatementClass::Admin && !changes_no_schema(found))
        || found.verb.starts_with("USE")
        || (database && !nameless)
}

/// `ALTER DATABASE CHARACTER SET x`: without a name it is the current one.
fn alters_current(tokens: &GroupedTokens<'_>) -> bool {
    const OPTIONS: [&str; 7] = [
        "DEFAULT",
        "CHARACTER",
        "CHARSET",
        "COLLATE",
        "ENCRYPTION",
        "READ",
        "COMMENT",
    ];
    let option = |at: usize| {
        let token = tokens.list.get(at);
        token.is_some_and(|token| OPTIONS.iter().any(|word| token.tok.is(word)))
    };
    let database = tokens
        .list
        .get(1)
        .is_some_and(|token| token.tok.is("DATABASE") || token.tok.is("SCHEMA"));
    // A database called `charset` is followed by an option.
    database && option(2) && (!option(3) || tokens.list[2].tok.is("DEFAULT"))
}

fn renames_away(found: &Classification) -> bool {
    found
        .objects
        .iter()
        .any(|object| matches!(&object.effect, ObjectEffect::Rename(to) if to.schema.is_some()))
}

#[cfg(test)]
mod tests;
