//! A table's definition and its ALTER TABLE, rewritten for a copy of the table under another name.

use std::ops::Range;

use super::cursor::{SqlToken, TokenCursor};

/// Kinds of constraints with a name of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    /// FOREIGN KEY.
    ForeignKey,
    /// CHECK.
    Check,
}

/// The new name of a constraint, if it gets one.
type Rename<'a> = &'a dyn Fn(ConstraintKind, &str) -> Option<String>;

/// A foreign key as SHOW CREATE TABLE writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKeyText {
    /// The constraint's name.
    pub name: String,
    /// From `FOREIGN KEY` on.
    pub definition: String,
}

/// Words after ALGORITHM and LOCK.
const DEMANDS: [&str; 8] = [
    "DEFAULT",
    "INSTANT",
    "INPLACE",
    "NOCOPY",
    "COPY",
    "NONE",
    "SHARED",
    "EXCLUSIVE",
];

/// A statement's text with some ranges replaced.
struct Edits<'a> {
    text: &'a str,
    edits: Vec<(Range<usize>, String)>,
}

impl Edits<'_> {
    fn replace(&mut self, range: Range<usize>, by: impl Into<String>) {
        self.edits.push((range, by.into()));
    }

    fn apply(mut self) -> String {
        self.edits.sort_by_key(|(range, _)| range.start);
        let mut result = String::with_capacity(self.text.len() + 64);
        let mut from = 0;
        for (range, by) in self.edits {
            // Nested in one that was removed.
            if range.start < from {
                continue;
            }
            result.push_str(&self.text[from..range.start]);
            result.push_str(&by);
            from = range.end;
        }
        result.push_str(&self.text[from..]);
        result
    }
}

/// An ALTER TABLE, CREATE INDEX or DROP INDEX of one table, as the same change of a copy of it: with the copy's
/// name (quoted, `table`) and other names of constraints, and without ALGORITHM and LOCK, since nobody else uses
/// the copy. `None` for any other statement, or where nothing is left.
pub fn alter_of_copy(statement: &str, table: &str, rename: Rename<'_>) -> Option<String> {
    let mut cursor = TokenCursor::new(statement);
    let name = table_name(&mut cursor)?;
    let mut edits = Edits {
        text: statement,
        edits: vec![(name, table.to_owned())],
    };
    let mut kept = Vec::new();
    let is_index = cursor.at('(');
    for clause in clauses(&mut cursor, statement.len()) {
        let demands = demands(statement, clause.clone());
        let rest: usize = demands.iter().map(|range| statement[range.clone()].len()).sum();
        let blank = statement[clause.clone()].trim().len() == rest && rest > 0;
        for range in demands {
            edits.replace(range, "");
        }
        if !blank {
            rename_constraints(statement, clause.clone(), rename, &mut edits);
        }
        kept.push((clause, blank));
    }
    remove_empty(&kept, &mut edits);
    let all_blank = !kept.is_empty() && kept.iter().all(|(_, blank)| *blank);
    (is_index || !all_blank).then(|| edits.apply())
}

/// Removes the commas beside clauses of which nothing is left.
fn remove_empty(clauses: &[(Range<usize>, bool)], edits: &mut Edits<'_>) {
    let mut kept_before = false;
    for (index, (clause, blank)) in clauses.iter().enumerate() {
        let comma = clause.end..clause.end + 1;
        let more = clauses[index + 1..].iter().any(|(_, blank)| !blank);
        let last = index + 1 == clauses.len();
        kept_before |= !blank;
        // A comma stays between two clauses that stay.
        if !last && (*blank || !more || !kept_before) {
            edits.replace(comma, " ");
        }
    }
}

/// A CREATE TABLE as SHOW CREATE TABLE writes it, as that of a copy with the name `table` (quoted).
pub fn create_of_copy(create: &str, table: &str, rename: Rename<'_>) -> Option<String> {
    let mut cursor = TokenCursor::new(create);
    while !cursor.eat("TABLE") {
        cursor.next()?;
    }
    let (name, _) = cursor.next_with_range()?;
    let mut edits = Edits {
        text: create,
        edits: vec![(name, table.to_owned())],
    };
    rename_constraints(create, cursor.pos()..create.len(), rename, &mut edits);
    inherit_collations(create, cursor, &mut edits);
    Some(edits.apply())
}

/// Removes the collations of columns that have the table's: SHOW CREATE TABLE writes them also where a column only
/// inherits it, and a column that was given one is shown with its character set from then on.
fn inherit_collations(create: &str, mut cursor: TokenCursor<'_>, edits: &mut Edits<'_>) {
    let Some(table) = super::TableDef::parse(create).and_then(|table| table.collation) else {
        return;
    };
    let mut depth = 0_usize;
    let mut has_charset = false;
    while let Some((range, token)) = cursor.next_with_range() {
        match token {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => depth = depth.saturating_sub(1),
            SqlToken::Char(',') if depth == 1 => has_charset = false,
            _ if depth == 1 && token.is("CHARACTER") => has_charset = true,
            _ if depth == 1 && !has_charset && token.is("COLLATE") => {
                let mut after = cursor.clone();
                if after
                    .identifier()
                    .is_some_and(|name| name.eq_ignore_ascii_case(&table))
                {
                    edits.replace(range.start..after.pos(), "");
                    cursor = after;
                }
            }
            _ => {}
        }
        if depth == 0 && matches!(token, SqlToken::Char(')')) {
            return;
        }
    }
}

/// What a trigger does, from the statement that creates it.
pub fn trigger_body(create: &str) -> Option<&str> {
    let mut cursor = TokenCursor::new(create);
    while !(cursor.eat("EACH") && cursor.eat("ROW")) {
        cursor.next()?;
    }
    if cursor.eat("FOLLOWS") || cursor.eat("PRECEDES") {
        cursor.next()?;
    }
    Some(create[cursor.pos()..].trim().trim_end_matches(';'))
}

/// The foreign keys in a CREATE TABLE as SHOW CREATE TABLE writes it.
pub fn foreign_key_texts(create: &str) -> Vec<ForeignKeyText> {
    let mut cursor = TokenCursor::new(create);
    let mut found = Vec::new();
    let mut depth = 0_usize;
    while let Some(token) = cursor.next() {
        match token {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => depth = depth.saturating_sub(1),
            SqlToken::Word(_) if depth == 1 && token.is("CONSTRAINT") => {
                let Some(name) = cursor.identifier() else { continue };
                if cursor.at_any(&["FOREIGN"]) {
                    let start = cursor.pos();
                    cursor.rest_of_action();
                    let definition = create[start..cursor.pos()].trim().to_owned();
                    found.push(ForeignKeyText { name, definition });
                }
            }
            _ => {}
        }
    }
    found
}

/// A foreign key's definition with other names of its columns, and of the referenced ones if `both`.
pub fn key_with_columns(definition: &str, both: bool, rename: &dyn Fn(&str) -> Option<String>) -> String {
    let mut cursor = TokenCursor::new(definition);
    let mut edits = Edits {
        text: definition,
        edits: Vec::new(),
    };
    for _ in 0..=usize::from(both) {
        while !cursor.eat_char('(') {
            if cursor.next().is_none() {
                return edits.apply();
            }
        }
        while let Some((range, name)) = named(&mut cursor) {
            if let Some(name) = rename(&name) {
                edits.replace(range, format!("`{}`", name.replace('`', "``")));
            }
            if !cursor.eat_char(',') {
                break;
            }
        }
    }
    edits.apply()
}

/// Moves behind the name of the table that a statement alters; where the name is.
pub(super) fn table_name(cursor: &mut TokenCursor<'_>) -> Option<Range<usize>> {
    if cursor.eat("ALTER") {
        while cursor.eat("ONLINE") || cursor.eat("IGNORE") {}
        if !cursor.eat("TABLE") {
            return None;
        }
        cursor.if_exists();
    } else if cursor.eat("CREATE") || cursor.eat("DROP") {
        while !cursor.eat("INDEX") {
            if !cursor.at_any(&[
                "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "ONLINE", "OFFLINE", "OR", "REPLACE",
            ]) {
                return None;
            }
            cursor.next();
        }
        while !cursor.eat("ON") {
            cursor.next()?;
        }
    } else {
        return None;
    }
    let (first, _) = cursor.next_with_range()?;
    let mut end = first.end;
    if cursor.eat_char('.') {
        end = cursor.next_with_range()?.0.end;
    }
    Some(first.start..end)
}

/// The ranges between commas outside parentheses.
fn clauses(cursor: &mut TokenCursor<'_>, end: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = cursor.pos();
    let mut depth = 0_usize;
    while let Some((range, token)) = cursor.next_with_range() {
        match token {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => depth = depth.saturating_sub(1),
            SqlToken::Char(',') if depth == 0 => {
                found.push(start..range.start);
                start = range.end;
            }
            _ => {}
        }
    }
    found.push(start..end);
    found
}

/// The ranges of ALGORITHM=… and LOCK=… in a clause.
fn demands(statement: &str, clause: Range<usize>) -> Vec<Range<usize>> {
    let mut cursor = TokenCursor::new(&statement[clause.clone()]);
    let mut found = Vec::new();
    let mut depth = 0_usize;
    while let Some((range, token)) = cursor.next_with_range() {
        match token {
            SqlToken::Char('(') => depth += 1,
            SqlToken::Char(')') => depth = depth.saturating_sub(1),
            _ if depth == 0 && (token.is("ALGORITHM") || token.is("LOCK")) => {
                let mut after = cursor.clone();
                after.eat_char('=');
                if after.at_any(&DEMANDS) {
                    after.next();
                    found.push(clause.start + range.start..clause.start + after.pos());
                    cursor = after;
                }
            }
            _ => {}
        }
    }
    found
}

/// Renames the constraints that a part of a statement adds, drops or defines.
fn rename_constraints(statement: &str, part: Range<usize>, rename: Rename<'_>, edits: &mut Edits<'_>) {
    let text = &statement[part.clone()];
    let mut cursor = TokenCursor::new(text);
    let mut rewrite = |range: Range<usize>, kind: ConstraintKind, name: &str| {
        if let Some(name) = rename(kind, name) {
            let quoted = format!("`{}`", name.replace('`', "``"));
            edits.replace(part.start + range.start..part.start + range.end, quoted);
        }
    };
    while let Some(token) = cursor.next() {
        let dropped = token.is("DROP");
        if dropped && cursor.eat("FOREIGN") {
            cursor.eat("KEY");
            cursor.if_exists();
            if let Some((range, name)) = named(&mut cursor) {
                rewrite(range, ConstraintKind::ForeignKey, &name);
            }
        } else if dropped && cursor.eat("CHECK") {
            cursor.if_exists();
            if let Some((range, name)) = named(&mut cursor) {
                rewrite(range, ConstraintKind::Check, &name);
            }
        } else if dropped && cursor.eat("CONSTRAINT") {
            cursor.if_exists();
            if let Some((range, name)) = named(&mut cursor) {
                // Only one of the two knows the name.
                if rename(ConstraintKind::ForeignKey, &name).is_some() {
                    rewrite(range, ConstraintKind::ForeignKey, &name);
                } else {
                    rewrite(range, ConstraintKind::Check, &name);
                }
            }
        } else if token.is("CONSTRAINT") {
            cursor.if_exists();
            if let Some((range, name)) = named(&mut cursor) {
                if cursor.at_any(&["FOREIGN"]) {
                    rewrite(range, ConstraintKind::ForeignKey, &name);
                } else if cursor.at_any(&["CHECK"]) {
                    rewrite(range, ConstraintKind::Check, &name);
                }
            }
        }
    }
}

/// An identifier and where it is.
fn named(cursor: &mut TokenCursor<'_>) -> Option<(Range<usize>, String)> {
    let mut at = cursor.clone();
    let name = cursor.identifier()?;
    at.next_with_range().map(|(range, _)| (range, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(_: ConstraintKind, _: &str) -> Option<String> {
        None
    }

    #[test]
    fn an_alter_is_that_of_the_copy_without_its_demands() {
        for (statement, expected) in [
            ("ALTER TABLE t ADD a INT", "ALTER TABLE `n` ADD a INT"),
            (
                "alter online ignore table if exists `d`.`t`  ADD a INT, ALGORITHM=INPLACE, LOCK = NONE",
                "alter online ignore table if exists `n`  ADD a INT    ",
            ),
            (
                "ALTER TABLE t ALGORITHM=COPY, ADD lock INT",
                "ALTER TABLE `n`   ADD lock INT",
            ),
            (
                "ALTER TABLE t DROP COLUMN lock, LOCK=NONE, ADD algorithm INT",
                "ALTER TABLE `n` DROP COLUMN lock,   ADD algorithm INT",
            ),
            (
                "CREATE UNIQUE INDEX i ON t (a, b) COMMENT 'LOCK=NONE' ALGORITHM INPLACE LOCK=NONE",
                "CREATE UNIQUE INDEX i ON `n` (a, b) COMMENT 'LOCK=NONE'  ",
            ),
            ("DROP INDEX i ON d.t", "DROP INDEX i ON `n`"),
        ] {
            assert_eq!(
                alter_of_copy(statement, "`n`", &keep).as_deref(),
                Some(expected),
                "{statement}"
            );
        }
        for statement in [
            "DROP TABLE t",
            "ALTER VIEW v AS SELECT 1",
            "CREATE TABLE t (a INT)",
            "ALTER TABLE t LOCK=NONE",
        ] {
            assert_eq!(alter_of_copy(statement, "`n`", &keep), None, "{statement}");
        }
    }

    #[test]
    fn the_body_of_a_trigger_follows_its_head() {
        for (create, body) in [
            (
                "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET NEW.a = 1",
                "SET NEW.a = 1",
            ),
            (
                "CREATE DEFINER=`each row`@`%` TRIGGER t AFTER UPDATE ON x FOR EACH ROW FOLLOWS `u` BEGIN END;",
                "BEGIN END",
            ),
        ] {
            assert_eq!(trigger_body(create), Some(body));
        }
    }

    #[test]
    fn a_foreign_key_follows_its_columns() {
        let text = "FOREIGN KEY (`a`, `b`) REFERENCES `t (a)` (`a`, `x`) ON DELETE CASCADE";
        let rename = |name: &str| (name == "a").then(|| "n`1".to_owned());
        assert_eq!(
            key_with_columns(text, false, &rename),
            "FOREIGN KEY (`n``1`, `b`) REFERENCES `t (a)` (`a`, `x`) ON DELETE CASCADE"
        );
        assert_eq!(
            key_with_columns(text, true, &rename),
            "FOREIGN KEY (`n``1`, `b`) REFERENCES `t (a)` (`n``1`, `x`) ON DELETE CASCADE"
        );
    }

    #[test]
    fn constraints_get_the_names_of_the_copy() {
        let rename = |kind: ConstraintKind, name: &str| match (kind, name) {
            (ConstraintKind::ForeignKey, "f") => Some("f2".to_owned()),
            (ConstraintKind::Check, "c") => Some("c2".to_owned()),
            _ => None,
        };
        let statement = "ALTER TABLE t DROP FOREIGN KEY f, DROP CONSTRAINT `c`, ADD CONSTRAINT f FOREIGN KEY (a) \
                         REFERENCES p (id), DROP CONSTRAINT x, ADD COLUMN f INT";
        assert_eq!(
            alter_of_copy(statement, "`n`", &rename).as_deref(),
            Some(
                "ALTER TABLE `n` DROP FOREIGN KEY `f2`, DROP CONSTRAINT `c2`, ADD CONSTRAINT `f2` FOREIGN KEY (a) \
                 REFERENCES p (id), DROP CONSTRAINT x, ADD COLUMN f INT"
            )
        );
        let create = "CREATE TABLE `t` (\n  `a` int COMMENT 'CONSTRAINT `f` FOREIGN KEY',\n  CONSTRAINT `f` FOREIGN KEY \
                      (`a`) REFERENCES `p` (`id`) ON DELETE SET NULL,\n  CONSTRAINT `c` CHECK ((`a` > 0))\n) ENGINE=InnoDB";
        let copy = create_of_copy(create, "`n`", &rename).unwrap();
        assert!(
            copy.starts_with("CREATE TABLE `n` (\n  `a` int COMMENT 'CONSTRAINT `f` FOREIGN KEY',"),
            "{copy}"
        );
        assert!(copy.contains("CONSTRAINT `f2` FOREIGN KEY (`a`)"), "{copy}");
        assert!(copy.contains("CONSTRAINT `c2` CHECK ((`a` > 0))"), "{copy}");
        let create_collated = "CREATE TABLE `t` (\n  `a` char(1) COLLATE utf8mb4_bin DEFAULT 'COLLATE utf8mb4_bin',\n  \
                               `b` char(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,\n  `c` char(1) COLLATE x_ci\n) \
                               COLLATE=utf8mb4_bin";
        assert_eq!(
            create_of_copy(create_collated, "`n`", &keep).as_deref(),
            Some(
                "CREATE TABLE `n` (\n  `a` char(1)  DEFAULT 'COLLATE utf8mb4_bin',\n  \
                 `b` char(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,\n  `c` char(1) COLLATE x_ci\n) \
                 COLLATE=utf8mb4_bin"
            )
        );
        assert_eq!(
            foreign_key_texts(create),
            [ForeignKeyText {
                name: "f".to_owned(),
                definition: "FOREIGN KEY (`a`) REFERENCES `p` (`id`) ON DELETE SET NULL".to_owned()
            }]
        );
    }
}
