//! The tokens of MySQL's and MariaDB's SQL, as far as splitting and classifying need them.
//!
//! Rules from the MySQL 8.4 manual, "Comments" and "String Literals": `-- ` needs white space, a control
//! character or the end after its dashes, `#` runs to the end of the line, `/* */` does not nest,
//! the inside of `/*! */` and MariaDB's `/*M! */` is SQL, quotes are doubled or (not in backticks)
//! escaped by a backslash unless the sql_mode has NO_BACKSLASH_ESCAPES.

use std::ops::Range;

use memchr::memchr2;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// White space.
    Space,
    /// A comment to the end of the line, without its line break.
    LineComment,
    /// A `/* */` comment or a `/*+ */` hint: nothing the parser sees on its own.
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

impl Kind {
    /// Whether the server's parser sees the token at all.
    pub(super) fn significant(self) -> bool {
        !matches!(self, Kind::Space | Kind::LineComment | Kind::BlockComment)
    }
}

/// One token: its kind and its bytes in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
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

/// The byte order mark some editors put before UTF-8; the servers take it for a syntax error.
const BOM: char = '\u{feff}';

/// White space as the servers see it; a no-break space is part of a word to them.
pub(super) fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\u{b}'
}

/// Whether a character may stand in a bare identifier ("Schema Object Names": `[0-9a-zA-Z$_]` and U+0080 up).
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

    /// Goes on where another lexer over a longer or shorter part of the same text stopped.
    pub(super) fn resume(text: &'a str, pos: usize, backslash_escapes: bool, exec: Vec<usize>) -> Self {
        Lexer {
            text,
            pos,
            backslash_escapes,
            exec,
        }
    }

    /// Where executable comments opened that are still open.
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

    /// Whether `delimiter` stands here. A delimiter of letters must not be the middle of a word.
    pub(super) fn at_delimiter(&self, delimiter: &str) -> bool {
        let bytes = self.text.as_bytes();
        // Most bytes are not even its first.
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
        // Whatever is not ASCII is part of a word, but for a byte order mark.
        let first = if byte.is_ascii() { char::from(byte) } else { BOM };
        let start = self.pos;
        let after = rest.as_bytes().get(1).copied();
        let (kind, len) = match first {
            BOM if start == 0 && rest.starts_with(BOM) => (Kind::Space, BOM.len_utf8()),
            c if is_space(c) => (Kind::Space, run_of(rest, |byte| is_space(char::from(byte)))),
            '#' => (Kind::LineComment, line(rest)),
            '-' if starts_dash_comment(rest) => (Kind::LineComment, line(rest)),
            '/' if after == Some(b'*') => self.block(rest)?,
            '*' if after == Some(b'/') && self.exec.pop().is_some() => (Kind::ExecClose, 2),
            '\'' => (Kind::Single, self.quoted(rest, b'\'', "string in single quotes")?),
            '"' => (Kind::Double, self.quoted(rest, b'"', "string in double quotes")?),
            '`' => (
                Kind::Backtick,
                self.quoted(rest, b'`', "identifier in backticks")?,
            ),
            '\\' if matches!(after, Some(b'g' | b'G')) => (Kind::Go, 2),
            c if is_word(c) => (Kind::Word, self.word(delimiter)),
            c => (Kind::Other, c.len_utf8()),
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

    fn block(&mut self, rest: &str) -> Result<(Kind, usize), Unterminated> {
        for opener in ["/*!", "/*M!"] {
            if let Some(inside) = rest.strip_prefix(opener) {
                self.exec.push(self.pos);
                // Five or six digits directly after the mark are the version, as the servers read them.
                let digits = inside.bytes().take(6).take_while(u8::is_ascii_digit).count();
                let version = if digits >= 5 { digits } else { 0 };
                return Ok((Kind::ExecOpen, opener.len() + version));
            }
        }
        match rest[2..].find("*/") {
            Some(index) => Ok((Kind::BlockComment, 2 + index + 2)),
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
            // The doubled quote, or what the backslash escapes.
            index += 1;
        }
        Err(Unterminated { what, at: self.pos })
    }
}

fn line(rest: &str) -> usize {
    memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len())
}

/// How many bytes at the beginning are of a kind.
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
