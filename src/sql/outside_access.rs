//! Finds statements that read or change something outside their own database; in doubt a statement does. A
//! replay of migrations beside a live database must neither touch that one nor depend on it.

use std::collections::BTreeSet;

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

/// A token and the group of parentheses around it.
struct GroupedToken<'a> {
    tok: SqlToken<'a>,
    group: usize,
}

/// The tokens of a statement.
struct GroupedTokens<'a> {
    list: Vec<GroupedToken<'a>>,
    /// The group around each group, and where it opens.
    around: Vec<(usize, usize)>,
}

impl<'a> GroupedTokens<'a> {
    fn new(statement: &'a str) -> GroupedTokens<'a> {
        let mut cursor = TokenCursor::new(statement);
        let mut tokens = GroupedTokens {
            list: Vec::new(),
            around: vec![(0, 0)],
        };
        let mut open = vec![0];
        while let Some(tok) = cursor.next() {
            if tok == SqlToken::Char(')') && open.len() > 1 {
                open.pop();
            }
            let group = open.last().copied().unwrap_or_default();
            tokens.list.push(GroupedToken { tok, group });
            if tok == SqlToken::Char('(') {
                tokens.around.push((group, tokens.list.len() - 1));
                open.push(tokens.around.len() - 1);
            }
        }
        tokens
    }

    /// A word or a name without its quotes.
    fn value(&self, at: usize) -> Option<&'a str> {
        match self.list.get(at)?.tok {
            SqlToken::Word(word) => Some(word),
            SqlToken::Name(quoted) => Some(&quoted[1..quoted.len() - 1]),
            _ => None,
        }
    }

    fn char(&self, at: usize) -> Option<char> {
        match self.list.get(at)?.tok {
            SqlToken::Char(letter) => Some(letter),
            _ => None,
        }
    }

    /// `DATABASE()` or `SCHEMA()`.
    fn is_current(&self, at: usize) -> bool {
        let call = self.list.get(at);
        call.is_some_and(|token| token.tok.is("DATABASE") || token.tok.is("SCHEMA"))
            && self.char(at + 1) == Some('(')
            && self.char(at + 2) == Some(')')
    }

    /// The number of tokens of `alias.` before a column.
    fn qualifier(&self, at: usize) -> usize {
        let dot = at.checked_sub(1).is_some_and(|at| self.char(at) == Some('.'));
        if dot && at > 1 { 2 } else { 0 }
    }

    /// Whether group `outer` is, or is around, group `inner`.
    fn holds(&self, outer: usize, inner: usize) -> bool {
        let mut group = inner;
        while group != outer {
            if group == 0 {
                return false;
            }
            group = self.around[group].0;
        }
        true
    }

    /// Whether the condition at `at` holds for every row of the SELECT in group `select`: no OR beside it
    /// and no NOT before it, up to there.
    fn always(&self, select: usize, at: usize) -> bool {
        let mut group = self.list[at].group;
        let mut place = at - self.qualifier(at);
        loop {
            let negated = place
                .checked_sub(1)
                .and_then(|before| self.list.get(before))
                .is_some_and(|token| token.tok.is("NOT") || token.tok == SqlToken::Char('!'));
            let beside = self.list.iter().filter(|token| token.group == group);
            let either = |token: &GroupedToken<'_>| {
                ["OR", "XOR", "UNION", "IF", "CASE"]
                    .iter()
                    .any(|word| token.tok.is(word))
                    || token.tok == SqlToken::Char('|')
            };
            // A condition that decides (IF, CASE) is around the SELECT and not beside its condition.
            let splits = beside.into_iter().any(|token| match group == select {
                true => {
                    token.tok.is("OR")
                        || token.tok.is("XOR")
                        || token.tok.is("UNION")
                        || token.tok == SqlToken::Char('|')
                }
                false => either(token),
            });
            if negated || splits {
                return false;
            }
            if group == select {
                return true;
            }
            let (outer, open) = self.around[group];
            place = open;
            // `COUNT(...)`, `IF(...)`: the condition is an argument.
            let call = open.checked_sub(1).and_then(|before| self.list.get(before));
            let word = |token: &GroupedToken<'_>| {
                !["WHERE", "AND", "ON", "HAVING"]
                    .iter()
                    .any(|word| token.tok.is(word))
                    && matches!(token.tok, SqlToken::Word(_) | SqlToken::Name(_))
            };
            if call.is_some_and(word) {
                return false;
            }
            group = outer;
        }
    }

    /// Whether a name is qualified with the database's own, which no table or alias here has.
    fn names(&self, database: &str) -> bool {
        let is = |at: usize| {
            self.value(at)
                .is_some_and(|name| name.eq_ignore_ascii_case(database))
        };
        let dotted = |at: usize| self.char(at + 1) == Some('.') && self.value(at + 2).is_some();
        let uses: Vec<usize> = (0..self.list.len())
            .filter(|at| is(*at) && dotted(*at) && self.qualifier(*at) == 0)
            .collect();
        let whole = |at: &usize| self.char(at + 3) == Some('.') || self.char(at + 3) == Some('(');
        if uses.iter().any(whole) {
            return true;
        }
        let introduces = ["FROM", "JOIN", "UPDATE", "INTO", "AS", "TABLE"];
        let alias = (1..self.list.len()).any(|at| {
            let before = &self.list[at - 1].tok;
            is(at)
                && self.char(at + 1) != Some('.')
                && (introduces.iter().any(|word| before.is(word))
                    || matches!(before, SqlToken::Char(',' | ')') | SqlToken::Name(_)))
        });
        !uses.is_empty() && !alias
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::classify;

    fn outside_access(migration: &[&str]) -> Option<OutsideAccess> {
        let mut reader = AccessReader::new(migration.iter().any(|one| AccessReader::prepares(one)));
        migration.iter().find_map(|one| {
            let found = classify(one);
            match changes_no_schema(&found) {
                true => None,
                false => reader.outside_access(one, &found, "shop"),
            }
        })
    }

    #[test]
    fn what_stays_in_its_database_is_told_from_what_does_not() {
        let guard = "SET @p = (SELECT IF((SELECT COUNT(*) FROM INFORMATION_SCHEMA.COLUMNS WHERE (table_name = 'u') \
                     AND (table_schema = @d) AND (column_name = 'c')) > 0, 'SELECT 1', 'ALTER TABLE u ADD c INT'))";
        let confined: &[&[&str]] = &[
            &["CREATE TABLE a (id INT)"],
            &["SELECT workshop.id FROM workshop"],
            &[
                "SELECT 'x' FROM shop",
                "SELECT shop.id FROM shop",
                "SELECT shop.id FROM stores AS shop",
            ],
            &[
                "ALTER DATABASE CHARACTER SET utf8mb4",
                "ALTER SCHEMA DEFAULT COLLATE utf8mb4_bin",
            ],
            &[
                "OPTIMIZE TABLE a",
                "ANALYZE TABLE a",
                "CHECK TABLE a",
                "REPAIR TABLE a",
                "FLUSH TABLES",
            ],
            &[
                "GRANT SELECT ON shop.* TO x",
                "CREATE USER x",
                "FLUSH PRIVILEGES",
                "SET PASSWORD = 'x'",
            ],
            &[
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND (a = 1 OR b = 2)",
            ],
            &["SELECT 1 FROM `INFORMATION_SCHEMA`.`TABLES` t WHERE DATABASE() = t.table_schema"],
            &["SELECT 1 FROM information_schema.tables WHERE TABLE_SCHEMA IN (SCHEMA())"],
            &["SELECT 1 FROM information_schema.engines"],
            &["SET @d = DATABASE()", guard, "PREPARE s FROM @p", "EXECUTE s"],
            &["SELECT DATABASE() INTO @x", "SET @y := SCHEMA(), @z = 1"],
            &[
                "SELECT 1 FROM information_schema.table_constraints c JOIN information_schema.key_column_usage u \
                 ON c.table_schema = u.table_schema WHERE c.table_schema = DATABASE()",
            ],
            &["SHOW TABLES FROM information_schema"],
            &["INSERT INTO settings VALUES ('shop', 'see shop.example.com')"],
            &[
                "CREATE PROCEDURE p() IF NOT EXISTS (SELECT 1 FROM information_schema.tables \
               WHERE table_schema = DATABASE()) THEN ALTER TABLE a ADD b INT; END IF",
            ],
        ];
        for migration in confined {
            assert_eq!(outside_access(migration), None, "{migration:?}");
        }
        let catalogue: &[&[&str]] = &[
            &["SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'a'"],
            &["SELECT 1 FROM information_schema.tables WHERE table_schema = 'shop'"],
            &["SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() OR 1"],
            &[
                "SELECT 1 FROM information_schema.tables WHERE (table_schema = DATABASE()) OR table_name = 'a'",
            ],
            &["SELECT 1 FROM information_schema.tables WHERE NOT table_schema = DATABASE()"],
            &["SELECT 1 FROM information_schema.tables WHERE NOT (table_schema = DATABASE())"],
            &["SELECT 1 FROM information_schema.tables WHERE table_schema <> DATABASE()"],
            &["SELECT table_schema = DATABASE() OR 1 FROM information_schema.tables"],
            &["SELECT SUM(table_schema = DATABASE()) FROM information_schema.tables"],
            &[guard, "PREPARE s FROM @p"],
            &[
                "SET @s = 'SELECT 1 FROM information_schema.tables'",
                "PREPARE s FROM @s",
            ],
            &["SELECT 1 FROM mysql.user"],
            &["SELECT 1 FROM performance_schema.threads WHERE processlist_db = DATABASE()"],
            &["SELECT sys.version_major()"],
            &["/*!50000 SELECT 1 FROM information_schema . tables */"],
            &[
                "CREATE TABLE a SELECT t.table_name FROM information_schema.tables t, information_schema.columns c \
               WHERE t.table_schema = DATABASE()",
            ],
        ];
        for migration in catalogue {
            assert_eq!(
                outside_access(migration),
                Some(OutsideAccess::Catalogue),
                "{migration:?}"
            );
        }
        let database: &[&[&str]] = &[
            &["DROP TABLE `Shop`.users"],
            &["INSERT INTO shop.users VALUES (1)"],
            &["INSERT INTO a SELECT x FROM shop . users"],
            &["UPDATE a SET b = (SELECT shop.users.id FROM a)"],
            &["CREATE VIEW v AS SELECT shop.f(1)"],
            &["CALL shop.p()"],
            &["RENAME TABLE a TO shop.b"],
            &["CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW DELETE FROM shop.b"],
            &[
                "SET @s = CONCAT('DROP TABLE ', 'shop', '.users')",
                "PREPARE s FROM @s",
            ],
            &["SET @s = 'DROP TABLE shop.users'", "PREPARE s FROM @s"],
            &["EXECUTE IMMEDIATE 'DROP TABLE shop.users'"],
        ];
        for migration in database {
            assert_eq!(
                outside_access(migration),
                Some(OutsideAccess::Database),
                "{migration:?}"
            );
        }
        let server: &[&[&str]] = &[
            &["USE shop"],
            &["CREATE DATABASE other"],
            &["DROP SCHEMA other"],
            &["ALTER DATABASE shop CHARACTER SET utf8mb4"],
            &["ALTER DATABASE charset CHARACTER SET utf8mb4"],
            &["SET GLOBAL event_scheduler = 1"],
            &["SET @@GLOBAL.event_scheduler = 1"],
            &["INSTALL SONAME 'x'"],
        ];
        for migration in server {
            assert_eq!(
                outside_access(migration),
                Some(OutsideAccess::Server),
                "{migration:?}"
            );
        }
    }
}
