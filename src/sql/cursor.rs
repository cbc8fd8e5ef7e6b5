//! A cursor over the significant tokens of one statement.

use std::ops::Range;

use super::lex::{Lexer, TokenKind};

/// A significant token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SqlToken<'a> {
    /// A bare word.
    Word(&'a str),
    /// A quoted identifier or a string in double quotes, with its quotes.
    Name(&'a str),
    /// A string in single quotes, with its quotes.
    Text(&'a str),
    /// Any other character.
    Char(char),
}

impl SqlToken<'_> {
    /// Whether it is this keyword (given in upper case).
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, SqlToken::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// Reads a statement's tokens; comments are skipped, the inside of executable ones is not.
#[derive(Debug, Clone)]
pub(super) struct TokenCursor<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
}

impl<'a> TokenCursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        TokenCursor {
            text,
            lexer: Lexer::new(text, 0, true),
        }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Option<SqlToken<'a>> {
        self.next_with_range().map(|(_, token)| token)
    }

    /// The next token, and where in the text it is.
    pub(super) fn next_with_range(&mut self) -> Option<(Range<usize>, SqlToken<'a>)> {
        loop {
            // A statement from the splitter has no open quotes; any other text ends here.
            let token = self.lexer.next("").ok().flatten()?;
            let text = &self.text[token.range.clone()];
            let found = match token.kind {
                TokenKind::Word => SqlToken::Word(text),
                TokenKind::Backtick | TokenKind::Double => SqlToken::Name(text),
                TokenKind::Single => SqlToken::Text(text),
                TokenKind::Other => SqlToken::Char(text.chars().next()?),
                _ => continue,
            };
            return Some((token.range, found));
        }
    }

    pub(super) fn peek(&self) -> Option<SqlToken<'a>> {
        self.clone().next()
    }

    pub(super) fn at_end(&self) -> bool {
        self.peek().is_none()
    }

    pub(super) fn pos(&self) -> usize {
        self.lexer.pos()
    }

    /// Whether this character is next.
    pub(super) fn at(&self, c: char) -> bool {
        self.peek() == Some(SqlToken::Char(c))
    }

    /// Whether a bare word is next.
    pub(super) fn at_word(&self) -> bool {
        matches!(self.peek(), Some(SqlToken::Word(_)))
    }

    /// Whether one of these keywords is next.
    pub(super) fn at_any(&self, keywords: &[&str]) -> bool {
        self.peek()
            .is_some_and(|tok| keywords.iter().any(|keyword| tok.is(keyword)))
    }

    /// Takes the next token if it is a bare word; in upper case.
    pub(super) fn word(&mut self) -> Option<String> {
        match self.peek() {
            Some(SqlToken::Word(word)) => {
                self.next();
                Some(word.to_ascii_uppercase())
            }
            _ => None,
        }
    }

    /// Takes this keyword if it is next.
    pub(super) fn eat(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|tok| tok.is(keyword));
        if found {
            self.next();
        }
        found
    }

    /// Takes this character if it is next.
    pub(super) fn eat_char(&mut self, c: char) -> bool {
        let found = self.at(c);
        if found {
            self.next();
        }
        found
    }

    /// Takes `IF EXISTS` or `IF NOT EXISTS`.
    pub(super) fn if_exists(&mut self) -> bool {
        let saved = self.clone();
        if self.eat("IF") {
            self.eat("NOT");
            if self.eat("EXISTS") {
                return true;
            }
        }
        *self = saved;
        false
    }

    /// Takes an identifier, without its quotes.
    pub(super) fn identifier(&mut self) -> Option<String> {
        let found = match self.peek()? {
            SqlToken::Word(word) => word.to_owned(),
            SqlToken::Name(quoted) => {
                let quote = &quoted[..1];
                quoted[1..quoted.len() - 1].replace(&quote.repeat(2), quote)
            }
            _ => return None,
        };
        self.next();
        Some(found)
    }

    /// Takes a name, perhaps with its database.
    pub(super) fn name(&mut self) -> Option<super::statement::ObjectName> {
        let first = self.identifier()?;
        Some(if self.eat_char('.') {
            super::statement::ObjectName {
                schema: Some(first),
                name: self.identifier()?,
            }
        } else {
            super::statement::ObjectName {
                schema: None,
                name: first,
            }
        })
    }

    /// Takes everything up to a comma or an unmatched parenthesis; white space collapsed.
    pub(super) fn rest_of_action(&mut self) -> String {
        let start = self.pos();
        let mut depth = 0_usize;
        while let Some(tok) = self.peek() {
            match tok {
                SqlToken::Char('(') => depth += 1,
                SqlToken::Char(')' | ',') if depth == 0 => break,
                SqlToken::Char(')') => depth -= 1,
                _ => {}
            }
            self.next();
        }
        self.since(start)
    }

    pub(super) fn rest_of_statement(&mut self) {
        while self.next().is_some() {}
    }

    /// The text from `start` to here, white space collapsed.
    pub(super) fn since(&self, start: usize) -> String {
        self.text[start..self.pos()]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }
}
