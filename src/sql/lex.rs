//! The tokens of MySQL's and MariaDB's SQL, as far as splitting and classifying need them.
//!
//! Rules from the MySQL 8.4 manual, "Comments" and "String Literals": `-- ` needs white space, a control
//! character or the end after its dashes, `#` runs to the end of the line, `/* */` does not nest,
//! the inside of `/*! */` and MariaDB's `/*M! */` is SQL, quotes are doubled or (not in backticks)
//! escaped by a backslash unless the sql_mode has NO_BACKSLASH_ESCAPES.

use std::ops::Range;

use memchr::memchr2;

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// White space.
    Space,
    /// A comment to the end of the line, without its line break.
    LineComment,
    /// A `/* */` comment or a `/*+ */` hint.
    BlockComment,
    /// `/*!` or `/*M!` with its version number; what follows is SQL.
    ExecOpen,
    /// The `*/` that closes an executable comment.
    ExecClose,
    /// A bare word: keyword, identifier or number.
    Word,
    /// `` `identifier` ``.
    Backtick,
    /// `'string'`.
    Single,
    /// `"string"`, or an identifier under ANSI_QUOTES.
    Double,
    /// `\g` or `\G`: the client's other way to end a statement.
    Go,
    /// Any other single character.
    Other,
}

impl TokenKind {
    /// Whether the token is more than white space or a comment.
    pub(super) fn significant(self) -> bool {
        !matches!(
            self,
            TokenKind::Space | TokenKind::LineComment | TokenKind::BlockComment
        )
    }
}

/// One token: its kind and its bytes in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) range: Range<usize>,
}

/// A quote or comment without its end; the offset is where it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unterminated {
    pub(super) what: &'static str,
    pub(super) at: usize,
}

/// Reads tokens from `text`, one at a time.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    pos: usize,
    backslash_escapes: bool,
    /// Offsets of the executable comments that are open.
    exec: Vec<usize>,
}

/// The byte order mark that some editors write before UTF-8; a syntax error for the servers.
const BOM: char = '\u{feff}';

/// White space for the servers; a no-break space is part of a word for them.
pub(super) fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\u{b}'
}

/// Whether a character may be part of an unquoted identifier ("Schema Object Names": `[0-9a-zA-Z$_]` and U+0080 up).
pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, pos: usize, backslash_escapes: bool) -> Self {
        Lexer {
            text,
            pos,
            backslash_escapes,
            exec: Vec::new(),
        }
    }

    /// Continues where another lexer over a longer or shorter part of the same text stopped.
    pub(super) fn resume(text: &'a str, pos: usize, backslash_escapes: bool, exec: Vec<usize>) -> Self {
        Lexer {
            text,
            pos,
            backslash_escapes,
            exec,
        }
    }

    /// Positions of the executable comments that are still open.
    pub(super) fn into_open(self) -> Vec<usize> {
        self.exec
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    /// Continues at `pos`, which must be a character boundary.
    pub(super) fn jump(&mut self, pos: usize) {
        self.pos = pos;
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    /// Whether an executable comment is open, and where it opened.
    pub(super) fn open_exec(&self) -> Option<usize> {
        self.exec.last().copied()
    }

    /// Whether `delimiter` is next. A delimiter of letters must not be the middle of a word.
    pub(super) fn at_delimiter(&self, delimiter: &str) -> bool {
        let bytes = self.text.as_bytes();
        // Fast path: most bytes are not its first byte.
        if bytes.get(self.pos) != delimiter.as_bytes().first() || !self.rest().starts_with(delimiter) {
            return false;
        }
        let letter = |c: char| c.is_alphanumeric() || c == '_';
        let cuts_before = delimiter.starts_with(letter) && self.text[..self.pos].ends_with(letter);
        let cuts_after =
            delimiter.ends_with(letter) && self.text[self.pos + delimiter.len()..].starts_with(letter);
        !cuts_before && !cuts_after
    }

    /// The next token, or `None` at the end. Words end early where `delimiter` begins.
    pub(super) fn next(&mut self, delimiter: &str) -> Result<Option<Token>, Unterminated> {
        let rest = self.rest();
        let Some(byte) = rest.as_bytes().first().copied() else {
            return Ok(None);
        };
        // Any character outside ASCII is part of a word, except a byte order mark.
        let first = if byte.is_ascii() { char::from(byte) } else { BOM };
        let start = self.pos;
        let after = rest.as_bytes().get(1).copied();
        let (kind, len) = match first {
            BOM if start == 0 && rest.starts_with(BOM) => (TokenKind::Space, BOM.len_utf8()),
            c if is_space(c) => (TokenKind::Space, run_of(rest, |byte| is_space(char::from(byte)))),
            '#' => (TokenKind::LineComment, line(rest)),
            '-' if starts_dash_comment(rest) => (TokenKind::LineComment, line(rest)),
            '/' if after == Some(b'*') => self.block(rest)?,
            '*' if after == Some(b'/') && self.exec.pop().is_some() => (TokenKind::ExecClose, 2),
            '\'' => (
                TokenKind::Single,
                self.quoted(rest, b'\'', "string in single quotes")?,
            ),
            '"' => (
                TokenKind::Double,
                self.quoted(rest, b'"', "string in double quotes")?,
            ),
            '`' => (
                TokenKind::Backtick,
                self.quoted(rest, b'`', "identifier in backticks")?,
            ),
            '\\' if matches!(after, Some(b'g' | b'G')) => (TokenKind::Go, 2),
            c if is_word(c) => (TokenKind::Word, self.word(delimiter)),
            c => (TokenKind::Other, c.len_utf8()),
        };
        self.pos = start + len;
        Ok(Some(Token {
            kind,
            range: start..self.pos,
        }))
    }

    fn word(&self, delimiter: &str) -> usize {
        let rest = self.rest();
        if !delimiter.starts_with(is_word) {
            return run_of(rest, |byte| !byte.is_ascii() || is_word(char::from(byte)));
        }
        let mut probe = self.clone_at(self.pos);
        for (index, c) in rest.char_indices() {
            probe.pos = self.pos + index;
            if !is_word(c) || index > 0 && !delimiter.is_empty() && probe.at_delimiter(delimiter) {
                return index;
            }
        }
        rest.len()
    }

    fn clone_at(&self, pos: usize) -> Lexer<'a> {
        Lexer {
            text: self.text,
            pos,
            backslash_escapes: self.backslash_escapes,
            exec: Vec::new(),
        }
    }

    fn block(&mut self, rest: &str) -> Result<(TokenKind, usize), Unterminated> {
        for opener in ["/*!", "/*M!"] {
            if let Some(inside) = rest.strip_prefix(opener) {
                self.exec.push(self.pos);
                // Five or six digits directly after the mark are the version, as the servers read them.
                let digits = inside.bytes().take(6).take_while(u8::is_ascii_digit).count();
                let version = if digits >= 5 { digits } else { 0 };
                return Ok((TokenKind::ExecOpen, opener.len() + version));
            }
        }
        match rest[2..].find("*/") {
            Some(index) => Ok((TokenKind::BlockComment, 2 + index + 2)),
            None => Err(Unterminated {
                what: "comment",
                at: self.pos,
            }),
        }
    }

    fn quoted(&self, rest: &str, quote: u8, what: &'static str) -> Result<usize, Unterminated> {
        let bytes = rest.as_bytes();
        let escapes = self.backslash_escapes && quote != b'`';
        let mut index = 1;
        // Quote and backslash are ASCII, so they are never part of another UTF-8 character.
        let escape = if escapes { b'\\' } else { quote };
        while let Some(found) = bytes.get(index..).and_then(|rest| memchr2(quote, escape, rest)) {
            index += found + 1;
            if bytes.get(index - 1) == Some(&quote) && bytes.get(index) != Some(&quote) {
                return Ok(index);
            }
            // A doubled quote, or an escaped character.
            index += 1;
        }
        Err(Unterminated { what, at: self.pos })
    }
}

fn line(rest: &str) -> usize {
    memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len())
}

/// The number of leading bytes that `of_kind` accepts.
fn run_of(text: &str, of_kind: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(|byte| !of_kind(byte)).unwrap_or(text.len())
}

fn starts_dash_comment(rest: &str) -> bool {
    rest.strip_prefix("--").is_some_and(|tail| {
        tail.chars()
            .next()
            .is_none_or(|c| is_space(c) || c.is_ascii_control())
    })
}
