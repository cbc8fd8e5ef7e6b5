//! What a statement reads or changes outside the database it runs in, on the safe side: a replay of
//! migrations beside a live database must neither reach that one nor be influenced by it.

use std::collections::BTreeSet;

use super::words::{Tok, Words};
use super::{Class, Classification, Effect, ObjectKind};

/// Why a statement is not confined to its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It reads what the server knows of all databases.
    Catalogue,
    /// It names a database.
    Database,
    /// It changes the server.
    Server,
}

impl Reach {
    /// In words, after the place of the statement.
    pub fn words(self) -> &'static str {
        match self {
            Reach::Catalogue => "reads what the server knows of other databases too",
            Reach::Database => "names a database",
            Reach::Server => "changes the server",
        }
    }
}

/// Schemas that tell of all databases.
const CATALOGUES: [&str; 4] = ["information_schema", "performance_schema", "mysql", "sys"];

/// Tables of information_schema that say the same to every database.
const OF_SERVER: [&str; 12] = [
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
    found.class == Class::Admin && (account || VERBS.contains(&verb)) && !settings
}

/// Reads the statements of one migration, one after the other.
#[derive(Debug, Default)]
pub struct Reader {
    /// User variables that hold the name of the current database.
    own: BTreeSet<String>,
    /// Whether statements are made of strings.
    dynamic: bool,
}

impl Reader {
    /// A reader of a migration; `dynamic` if any of its statements is prepared from text.
    pub fn new(dynamic: bool) -> Reader {
        Reader {
            own: BTreeSet::new(),
            dynamic,
        }
    }

    /// Whether a statement prepares others from text.
    pub fn prepares(statement: &str) -> bool {
        let mut words = Words::new(statement);
        std::iter::from_fn(|| words.next()).any(|tok| tok.is("PREPARE") || tok.is("IMMEDIATE"))
    }

    /// Why the statement is not confined to its database, if it is not. `database` is the name of
    /// the live one.
    pub fn reach(&mut self, statement: &str, found: &Classification, database: &str) -> Option<Reach> {
        let pieces = Pieces::new(statement);
        if changes_server(found, &pieces) {
            return Some(Reach::Server);
        }
        if found.objects.iter().any(|object| object.name.schema.is_some()) || renames_away(found) {
            return Some(Reach::Database);
        }
        self.read(&pieces, database)
    }

    fn read(&mut self, pieces: &Pieces<'_>, database: &str) -> Option<Reach> {
        for (at, piece) in pieces.list.iter().enumerate() {
            if let Tok::Char('@') = piece.tok {
                self.note_own(pieces, at);
            }
        }
        let shows = pieces.list.first().is_some_and(|one| {
            ["SHOW", "DESCRIBE", "DESC", "EXPLAIN"]
                .iter()
                .any(|verb| one.tok.is(verb))
        });
        if !shows && self.reads_catalogue(pieces) {
            return Some(Reach::Catalogue);
        }
        if pieces.names(database) {
            return Some(Reach::Database);
        }
        pieces
            .list
            .iter()
            .find_map(|piece| self.within(piece.tok, database))
    }

    /// What a string says, where strings become statements.
    fn within(&mut self, tok: Tok<'_>, database: &str) -> Option<Reach> {
        let (Tok::Text(quoted) | Tok::Name(quoted)) = tok else {
            return None;
        };
        if !self.dynamic || quoted.starts_with('`') {
            return None;
        }
        let value = &quoted[1..quoted.len() - 1];
        if value.eq_ignore_ascii_case(database) {
            return Some(Reach::Database);
        }
        let value = value.replace("''", "'").replace("\\'", "'");
        self.read(&Pieces::new(&value), database)
    }

    /// `@x = DATABASE()`, `@x := SCHEMA()`.
    fn note_own(&mut self, pieces: &Pieces<'_>, at: usize) {
        let Some(name) = pieces.value(at + 1) else { return };
        let equals = match (pieces.char(at + 2), pieces.char(at + 3)) {
            (Some(':'), Some('=')) => at + 4,
            (Some('='), _) => at + 3,
            _ => return,
        };
        let ends = !matches!(pieces.char(equals + 3), Some('.' | '+' | '|'));
        if pieces.is_current(equals) && ends {
            self.own.insert(name.to_ascii_lowercase());
        }
    }

    /// Whether `at` begins an expression that is the current database's name.
    fn own_name(&self, pieces: &Pieces<'_>, at: usize) -> bool {
        let variable = pieces.char(at) == Some('@')
            && pieces
                .value(at + 1)
                .is_some_and(|name| self.own.contains(&name.to_ascii_lowercase()));
        pieces.is_current(at) || variable
    }

    /// Whether it reads a catalogue without saying that only its own database counts.
    fn reads_catalogue(&self, pieces: &Pieces<'_>) -> bool {
        let mut wanted: Vec<(usize, usize)> = Vec::new();
        for (at, piece) in pieces.list.iter().enumerate() {
            let catalogue = pieces
                .value(at)
                .and_then(|name| CATALOGUES.iter().find(|one| one.eq_ignore_ascii_case(name)));
            let (Some(catalogue), Some('.')) = (catalogue, pieces.char(at + 1)) else {
                continue;
            };
            if *catalogue != "information_schema" {
                return true;
            }
            let table = pieces.value(at + 2).unwrap_or_default();
            if OF_SERVER.iter().any(|one| one.eq_ignore_ascii_case(table)) {
                continue;
            }
            match wanted.iter_mut().find(|(group, _)| *group == piece.group) {
                Some((_, count)) => *count += 1,
                None => wanted.push((piece.group, 1)),
            }
        }
        wanted
            .iter()
            .any(|(group, count)| !self.confines(pieces, *group, *count))
    }

    /// Whether the SELECT in this group says of each of its `count` catalogue tables that it is about
    /// the current database.
    fn confines(&self, pieces: &Pieces<'_>, select: usize, count: usize) -> bool {
        let (mut own, mut links) = (0, 0);
        for (at, piece) in pieces.list.iter().enumerate() {
            let schema = pieces.value(at).is_some_and(|name| {
                let name = name.to_ascii_lowercase();
                name.ends_with("_schema") && !CATALOGUES.contains(&name.as_str()) || name == "schema_name"
            });
            if !schema || !pieces.holds(select, piece.group) || !pieces.always(select, at) {
                continue;
            }
            let before = at - pieces.qualifier(at);
            let after = match (pieces.char(at + 1), pieces.list.get(at + 1)) {
                (Some('='), _) => Some(at + 2),
                (_, Some(next)) if next.tok.is("IN") && pieces.char(at + 2) == Some('(') => Some(at + 3),
                _ => None,
            };
            let other_side = |at: usize| {
                let end = if pieces.char(at + 1) == Some('.') {
                    at + 2
                } else {
                    at
                };
                pieces
                    .value(end)
                    .is_some_and(|name| name.to_ascii_lowercase().ends_with("_schema"))
            };
            match after {
                Some(after) if self.own_name(pieces, after) => own += 1,
                Some(after) if other_side(after) => links += 1,
                _ => {
                    // DATABASE() = table_schema, @own = table_schema
                    let equals = before
                        .checked_sub(1)
                        .is_some_and(|at| pieces.char(at) == Some('='));
                    let start = |back: usize| {
                        before
                            .checked_sub(back)
                            .is_some_and(|at| self.own_name(pieces, at))
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
fn changes_server(found: &Classification, pieces: &Pieces<'_>) -> bool {
    let of_database = |kind: ObjectKind| kind == ObjectKind::Database;
    let database = found.objects.iter().any(|object| of_database(object.kind));
    let nameless = found.verb.starts_with("ALTER") && alters_current(pieces);
    (found.class == Class::Admin && !changes_no_schema(found))
        || found.verb.starts_with("USE")
        || (database && !nameless)
}

/// `ALTER DATABASE CHARACTER SET x`: without a name it is the current one.
fn alters_current(pieces: &Pieces<'_>) -> bool {
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
        let piece = pieces.list.get(at);
        piece.is_some_and(|piece| OPTIONS.iter().any(|word| piece.tok.is(word)))
    };
    let database = pieces
        .list
        .get(1)
        .is_some_and(|piece| piece.tok.is("DATABASE") || piece.tok.is("SCHEMA"));
    // A database called `charset` is followed by an option.
    database && option(2) && (!option(3) || pieces.list[2].tok.is("DEFAULT"))
}

fn renames_away(found: &Classification) -> bool {
    found
        .objects
        .iter()
        .any(|object| matches!(&object.effect, Effect::Rename(to) if to.schema.is_some()))
}

/// A token and the parentheses it stands in.
struct Piece<'a> {
    tok: Tok<'a>,
    group: usize,
}

/// The tokens of a statement.
struct Pieces<'a> {
    list: Vec<Piece<'a>>,
    /// The group around each group, and where it opens.
    around: Vec<(usize, usize)>,
}

impl<'a> Pieces<'a> {
    fn new(statement: &'a str) -> Pieces<'a> {
        let mut words = Words::new(statement);
        let mut pieces = Pieces {
            list: Vec::new(),
            around: vec![(0, 0)],
        };
        let mut open = vec![0];
        while let Some(tok) = words.next() {
            if tok == Tok::Char(')') && open.len() > 1 {
                open.pop();
            }
            let group = open.last().copied().unwrap_or_default();
            pieces.list.push(Piece { tok, group });
            if tok == Tok::Char('(') {
                pieces.around.push((group, pieces.list.len() - 1));
                open.push(pieces.around.len() - 1);
            }
        }
        pieces
    }

    /// A word or a name without its quotes.
    fn value(&self, at: usize) -> Option<&'a str> {
        match self.list.get(at)?.tok {
            Tok::Word(word) => Some(word),
            Tok::Name(quoted) => Some(&quoted[1..quoted.len() - 1]),
            _ => None,
        }
    }

    fn char(&self, at: usize) -> Option<char> {
        match self.list.get(at)?.tok {
            Tok::Char(letter) => Some(letter),
            _ => None,
        }
    }

    /// `DATABASE()` or `SCHEMA()`.
    fn is_current(&self, at: usize) -> bool {
        let call = self.list.get(at);
        call.is_some_and(|piece| piece.tok.is("DATABASE") || piece.tok.is("SCHEMA"))
            && self.char(at + 1) == Some('(')
            && self.char(at + 2) == Some(')')
    }

    /// How many tokens of `alias.` stand before a column.
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
                .is_some_and(|piece| piece.tok.is("NOT") || piece.tok == Tok::Char('!'));
            let beside = self.list.iter().filter(|piece| piece.group == group);
            let either = |piece: &Piece<'_>| {
                ["OR", "XOR", "UNION", "IF", "CASE"]
                    .iter()
                    .any(|word| piece.tok.is(word))
                    || piece.tok == Tok::Char('|')
            };
            // What decides by a condition stands around the SELECT and not beside its condition.
            let splits = beside.into_iter().any(|piece| match group == select {
                true => {
                    piece.tok.is("OR")
                        || piece.tok.is("XOR")
                        || piece.tok.is("UNION")
                        || piece.tok == Tok::Char('|')
                }
                false => either(piece),
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
            let word = |piece: &Piece<'_>| {
                !["WHERE", "AND", "ON", "HAVING"]
                    .iter()
                    .any(|word| piece.tok.is(word))
                    && matches!(piece.tok, Tok::Word(_) | Tok::Name(_))
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
                    || matches!(before, Tok::Char(',' | ')') | Tok::Name(_)))
        });
        !uses.is_empty() && !alias
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::classify;

    fn reach(migration: &[&str]) -> Option<Reach> {
        let mut reader = Reader::new(migration.iter().any(|one| Reader::prepares(one)));
        migration.iter().find_map(|one| {
            let found = classify(one);
            match changes_no_schema(&found) {
                true => None,
                false => reader.reach(one, &found, "shop"),
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
            assert_eq!(reach(migration), None, "{migration:?}");
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
            assert_eq!(reach(migration), Some(Reach::Catalogue), "{migration:?}");
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
            assert_eq!(reach(migration), Some(Reach::Database), "{migration:?}");
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
            assert_eq!(reach(migration), Some(Reach::Server), "{migration:?}");
        }
    }
}
