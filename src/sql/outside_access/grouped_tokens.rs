//! The tokens of a statement with their parentheses.

use crate::sql::cursor::{SqlToken, TokenCursor};

/// A token and the group of parentheses around it.
pub(super) struct GroupedToken<'a> {
    pub(super) tok: SqlToken<'a>,
    pub(super) group: usize,
}

/// The tokens of a statement.
pub(super) struct GroupedTokens<'a> {
    pub(super) list: Vec<GroupedToken<'a>>,
    /// The group around each group, and where it opens.
    pub(super) around: Vec<(usize, usize)>,
}

impl<'a> GroupedTokens<'a> {
    /// Reads the tokens of a statement.
    pub(super) fn new(statement: &'a str) -> GroupedTokens<'a> {
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
    pub(super) fn value(&self, at: usize) -> Option<&'a str> {
        match self.list.get(at)?.tok {
            SqlToken::Word(word) => Some(word),
            SqlToken::Name(quoted) => Some(&quoted[1..quoted.len() - 1]),
            _ => None,
        }
    }

    /// The character, if the token is one.
    pub(super) fn char(&self, at: usize) -> Option<char> {
        match self.list.get(at)?.tok {
            SqlToken::Char(letter) => Some(letter),
            _ => None,
        }
    }

    /// `DATABASE()` or `SCHEMA()`.
    pub(super) fn is_current(&self, at: usize) -> bool {
        let call = self.list.get(at);
        call.is_some_and(|token| token.tok.is("DATABASE") || token.tok.is("SCHEMA"))
            && self.char(at + 1) == Some('(')
            && self.char(at + 2) == Some(')')
    }

    /// The number of tokens of `alias.` before a column.
    pub(super) fn qualifier(&self, at: usize) -> usize {
        let dot = at.checked_sub(1).is_some_and(|at| self.char(at) == Some('.'));
        if dot && at > 1 { 2 } else { 0 }
    }

    /// Whether group `outer` is, or is around, group `inner`.
    pub(super) fn holds(&self, outer: usize, inner: usize) -> bool {
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
    pub(super) fn always(&self, select: usize, at: usize) -> bool {
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
    pub(super) fn names(&self, database: &str) -> bool {
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
