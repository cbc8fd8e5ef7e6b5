//! The possible effects of a statement or a stored program's body on rows: the tables it writes and the
//! programs it calls, by name, and whether it ends transactions or runs dynamic SQL.
//!
//! Only as much is read as this needs; an uncertain effect is reported.

use super::cursor::{SqlToken, TokenCursor};
use super::statement::ObjectName;
use super::variables::assigned_variables;

/// The possible effects of a piece of SQL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Tables or views whose rows it may change.
    pub writes: Vec<ObjectName>,
    /// Procedures it calls, and everything that looks like a function call, built in or stored.
    pub calls: Vec<ObjectName>,
    /// The text of each statement that commits the open transaction: DDL, LOCK, COMMIT, START TRANSACTION.
    pub commits: Vec<String>,
    /// The number of statements that run dynamic SQL.
    pub dynamic: usize,
    /// Whether some of it may run more than once.
    pub loops: bool,
    /// Tables and views that its queries read.
    pub reads: Vec<ObjectName>,
    /// What it may leave in the session.
    pub leaves: SessionLeftovers,
}

/// What a stored program may leave in the session that calls it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionLeftovers {
    /// Names that it assigns, lower case: session variables, and perhaps its own parameters.
    pub variables: Vec<String>,
    /// Temporary tables that it creates and does not drop.
    pub temporary: Vec<ObjectName>,
    /// Prepared statements that it does not deallocate, lower case.
    pub prepared: Vec<String>,
}

impl SessionLeftovers {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty() && self.temporary.is_empty() && self.prepared.is_empty()
    }

    /// Adds those of another program.
    pub fn extend(&mut self, other: SessionLeftovers) {
        for name in other.variables {
            push_new(&mut self.variables, name);
        }
        for name in other.temporary {
            push_new(&mut self.temporary, name);
        }
        for name in other.prepared {
            push_new(&mut self.prepared, name);
        }
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Reads the effects of a statement or a body of several.
pub fn effects(text: &str) -> Effects {
    let mut found = Effects::default();
    let mut cursor = TokenCursor::new(text);
    let mut before = String::new();
    // Whether a statement may start here.
    let mut begins = true;
    // In DECLARE … HANDLER FOR conditions the statement may start after each of the conditions.
    let mut handler = false;
    let mut declared: Vec<String> = Vec::new();
    loop {
        let start = cursor.clone();
        let Some(tok) = cursor.next() else {
            found.leaves.variables.retain(|name| !declared.contains(name));
            return found;
        };
        let SqlToken::Word(word) = tok else {
            match tok {
                SqlToken::Name(_) => {
                    cursor = start;
                    call(&mut cursor, &mut found);
                }
                SqlToken::Char(';' | ':') => {
                    begins = true;
                    handler = false;
                }
                _ => begins = handler,
            }
            before.clear();
            continue;
        };
        let word = word.to_ascii_uppercase();
        let opens = cursor.at('(');
        match word.as_str() {
            "INSERT" | "REPLACE" if !opens && before != "OR" && before != "BEFORE" && before != "AFTER" => {
                skip(
                    &mut cursor,
                    &["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"],
                );
                found.writes.extend(cursor.clone().name());
                skip_name(&mut cursor);
            }
            "UPDATE" if !matches!(before.as_str(), "KEY" | "FOR" | "ON" | "BEFORE" | "AFTER") => {
                skip(&mut cursor, &["LOW_PRIORITY", "IGNORE"]);
                tables(&mut cursor, &mut found, &["SET"]);
            }
            "DELETE" if !matches!(before.as_str(), "ON" | "BEFORE" | "AFTER") => {
                // Each form names all its tables between here and WHERE, some of them by their aliases.
                tables(&mut cursor, &mut found, &["WHERE", "ORDER", "LIMIT", "RETURNING"]);
            }
            "LOAD" if begins => {
                while cursor.peek().is_some_and(|tok| !tok.is("TABLE")) {
                    cursor.next();
                }
                cursor.next();
                found.writes.extend(cursor.clone().name());
                skip_name(&mut cursor);
            }
            "CALL" if begins => {
                found.calls.extend(cursor.clone().name());
                skip_name(&mut cursor);
            }
            "EXECUTE" if begins => found.dynamic += 1,
            "LOOP" | "WHILE" | "REPEAT" | "FOR" | "ITERATE" if begins => found.loops = true,
            "COMMIT" | "LOCK" | "UNLOCK" | "RENAME" | "TRUNCATE" | "ALTER" | "GRANT" | "REVOKE"
            | "ANALYZE" | "OPTIMIZE" | "REPAIR" | "CHECK" | "FLUSH" | "CACHE" | "XA" | "INSTALL"
            | "UNINSTALL"
                if begins =>
            {
                found.commits.push(statement(text, &start));
            }
            "ROLLBACK" if begins && !rolls_to_savepoint(&cursor) => {
                found.commits.push(statement(text, &start))
            }
            "START" if begins => found.commits.push(statement(text, &start)),
            "CREATE" | "DROP" if begins => {
                note_temporary(&word, cursor.clone(), &mut found.leaves);
                if !cursor.at_any(&["TEMPORARY", "PREPARE"]) {
                    found.commits.push(statement(text, &start));
                }
            }
            "PREPARE" if begins => {
                let name = cursor.clone().identifier().map(|name| name.to_lowercase());
                found.leaves.prepared.extend(name);
            }
            "DEALLOCATE" if begins => note_temporary(&word, cursor.clone(), &mut found.leaves),
            "DECLARE" if begins => declared.extend(declared_names(cursor.clone())),
            "SET" if begins => {
                let rest = statement(text, &start);
                for name in assigned_variables(&rest) {
                    push_new(&mut found.leaves.variables, name);
                }
                let rest = rest.to_ascii_uppercase();
                if rest.contains("AUTOCOMMIT")
                    || rest.contains("PASSWORD")
                    || rest.starts_with("SET STATEMENT")
                {
                    found.commits.push(rest);
                }
            }
            "FROM" | "JOIN" | "STRAIGHT_JOIN" | "TABLE" => {
                read_tables(cursor.clone(), &mut found.reads);
            }
            _ if cursor.at('(') || cursor.at('.') => {
                cursor = start;
                call(&mut cursor, &mut found);
            }
            _ => {}
        }
        handler |= word == "HANDLER";
        begins = handler
            || matches!(
                word.as_str(),
                "THEN" | "ELSE" | "DO" | "BEGIN" | "LOOP" | "REPEAT" | "ATOMIC" | "ROW"
            );
        before = word;
    }
}

/// The names of `DECLARE a, b INT`, lower case.
fn declared_names(mut cursor: TokenCursor<'_>) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(name) = cursor.identifier() {
        names.push(name.to_lowercase());
        if !cursor.eat_char(',') {
            break;
        }
    }
    names
}

/// CREATE TEMPORARY TABLE, DROP TABLE, DROP PREPARE, DEALLOCATE PREPARE, from behind the first word.
fn note_temporary(verb: &str, mut cursor: TokenCursor<'_>, leaves: &mut SessionLeftovers) {
    if cursor.eat("PREPARE") {
        if let Some(name) = cursor.identifier() {
            leaves.prepared.retain(|other| !other.eq_ignore_ascii_case(&name));
        }
        return;
    }
    let _ = cursor.eat("OR") && cursor.eat("REPLACE");
    let temporary = cursor.eat("TEMPORARY");
    if !cursor.eat("TABLE") && !cursor.eat("TABLES") {
        return;
    }
    cursor.if_exists();
    while let Some(name) = cursor.name() {
        match verb {
            "DROP" => leaves
                .temporary
                .retain(|other| !other.name.eq_ignore_ascii_case(&name.name)),
            _ if temporary => push_new(&mut leaves.temporary, name),
            _ => {}
        }
        if !cursor.eat_char(',') {
            return;
        }
    }
}

/// The names of a list of tables, from behind FROM or JOIN; a subquery has a FROM of its own.
fn read_tables(mut cursor: TokenCursor<'_>, reads: &mut Vec<ObjectName>) {
    loop {
        while cursor.eat_char('(') || cursor.eat("LATERAL") {}
        if cursor.at_any(&["SELECT", "WITH", "VALUES"]) {
            return;
        }
        let Some(name) = cursor.name() else { return };
        push_new(reads, name);
        if cursor.eat("AS") || cursor.at_word() && !cursor.at_any(AFTER_A_TABLE) {
            cursor.next();
        }
        while cursor.eat_char(')') {}
        if !cursor.eat_char(',') {
            return;
        }
    }
}

/// Words that may follow a table and are no alias of it.
const AFTER_A_TABLE: &[&str] = &[
    "WHERE",
    "JOIN",
    "LEFT",
    "RIGHT",
    "INNER",
    "CROSS",
    "NATURAL",
    "STRAIGHT_JOIN",
    "ON",
    "USING",
    "GROUP",
    "ORDER",
    "LIMIT",
    "HAVING",
    "UNION",
    "FOR",
    "SET",
    "PARTITION",
    "USE",
    "FORCE",
    "IGNORE",
];

/// Whether a stored program's body assigns a user variable before it reads it, judged by the order in the
/// text; the name in lower case.
pub fn assigns_first(body: &str, variable: &str) -> bool {
    let mut cursor = TokenCursor::new(body);
    let mut before = None;
    let mut target = false;
    while let Some(tok) = cursor.next() {
        if tok == SqlToken::Char('@')
            && cursor
                .clone()
                .identifier()
                .is_some_and(|name| name.to_lowercase() == variable)
        {
            cursor.next();
            if target {
                return false;
            }
            let set = matches!(before, Some(SqlToken::Word(word)) if word.eq_ignore_ascii_case("SET"));
            let into = matches!(before, Some(SqlToken::Word(word)) if word.eq_ignore_ascii_case("INTO"));
            if !set && !into {
                return false;
            }
            target = true;
        } else if tok == SqlToken::Char(';') && target {
            return true;
        }
        before = Some(tok);
    }
    target
}

fn skip(cursor: &mut TokenCursor<'_>, keywords: &[&str]) {
    while keywords.iter().any(|keyword| cursor.eat(keyword)) {}
}

fn skip_name(cursor: &mut TokenCursor<'_>) {
    let _ = cursor.name();
}

/// Reads a name; it is a call if a parenthesis follows.
fn call(cursor: &mut TokenCursor<'_>, found: &mut Effects) {
    match cursor.name() {
        Some(name) if cursor.at('(') && !found.calls.contains(&name) => found.calls.push(name),
        Some(_) => {}
        None => {
            cursor.next();
        }
    }
}

fn rolls_to_savepoint(cursor: &TokenCursor<'_>) -> bool {
    let mut cursor = cursor.clone();
    cursor.eat("WORK");
    cursor.eat("TO")
}

/// The statement that starts at `start`, up to its semicolon.
fn statement(text: &str, start: &TokenCursor<'_>) -> String {
    let mut cursor = start.clone();
    let from = cursor.pos();
    while cursor.peek().is_some_and(|tok| tok != SqlToken::Char(';')) {
        cursor.next();
    }
    text[from..cursor.pos()].trim().to_owned()
}

/// Reads every name of a list of tables up to one of the keywords, including subqueries and conditions: the
/// names of columns among them match no table.
fn tables(cursor: &mut TokenCursor<'_>, found: &mut Effects, until: &[&str]) {
    let mut depth = 0_usize;
    // A condition follows ON and USING, until the next comma or JOIN.
    let mut table_next = true;
    while let Some(tok) = cursor.peek() {
        match tok {
            SqlToken::Char(';') => return,
            SqlToken::Word(_) if depth == 0 && cursor.at_any(until) => return,
            SqlToken::Char('(') => {
                depth += 1;
                cursor.next();
            }
            SqlToken::Char(')') => {
                depth = depth.saturating_sub(1);
                cursor.next();
            }
            SqlToken::Char(',') => {
                table_next = true;
                cursor.next();
            }
            SqlToken::Word(_) if cursor.at_any(&["FROM", "JOIN", "STRAIGHT_JOIN", "USING"]) => {
                table_next = true;
                cursor.next();
            }
            SqlToken::Word(_)
                if cursor.at_any(&[
                    "LOW_PRIORITY",
                    "QUICK",
                    "IGNORE",
                    "INNER",
                    "LEFT",
                    "RIGHT",
                    "OUTER",
                    "CROSS",
                    "NATURAL",
                    "LATERAL",
                    "SELECT",
                    "AS",
                ]) =>
            {
                cursor.next();
            }
            SqlToken::Word(_) if cursor.at_any(&["ON"]) => {
                table_next = false;
                cursor.next();
            }
            SqlToken::Word(_) | SqlToken::Name(_) => {
                let name = cursor.name();
                if cursor.at('(') {
                    found.calls.extend(name);
                } else if table_next {
                    // `t.*` of a DELETE over several tables.
                    found.writes.extend(name);
                    table_next = false;
                }
            }
            _ => {
                cursor.next();
            }
        }
    }
}

#[cfg(test)]
mod tests;
