//! Splits an expression printed by a server into tokens.

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExprToken {
    /// A quoted name, without its quotes.
    Name(String),
    /// A bare word in lower case: keyword, function, unit.
    Word(String),
    /// A number as written.
    Number(String),
    /// A string's value.
    Text(String),
    /// An operator.
    Operator(&'static str),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `.` between names
    Dot,
}

impl ExprToken {
    /// Whether this token must be followed by an operand, so that a minus after it is a sign.
    pub(super) fn wants_operand(&self) -> bool {
        match self {
            ExprToken::Operator(_) | ExprToken::Open | ExprToken::Comma => true,
            ExprToken::Word(word) => is_keyword(word) && !matches!(word.as_str(), "end" | "null"),
            _ => false,
        }
    }

    /// Appends the token as SQL.
    pub(super) fn print(&self, out: &mut String) {
        match self {
            ExprToken::Name(name) => {
                out.push('`');
                out.push_str(&name.replace('`', "``"));
                out.push('`');
            }
            ExprToken::Word(text) | ExprToken::Number(text) => out.push_str(text),
            ExprToken::Text(text) => out.push_str(&quote(text)),
            ExprToken::Operator(text) => out.push_str(text),
            ExprToken::Open => out.push('('),
            ExprToken::Close => out.push(')'),
            ExprToken::Comma => out.push(','),
            ExprToken::Dot => out.push('.'),
        }
    }
}

/// Whether a token is one of these words.
pub(super) fn is_word(token: Option<&ExprToken>, any_of: &[&str]) -> bool {
    matches!(token, Some(ExprToken::Word(word)) if any_of.contains(&word.as_str()))
}

/// A string literal that every server reads alike under every `sql_mode` except NO_BACKSLASH_ESCAPES.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for letter in text.chars() {
        match letter {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{1a}' => out.push_str("\\Z"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

/// The comment that MariaDB writes before `1 is null`, as which it prints `a is null` for a NOT NULL column.
const REMARK: &str = "/*always not null*/";

/// Operators, longest first.
const OPERATORS: &[&str] = &[
    "->>", "<=>", "->", "<=", ">=", "<>", "!=", "<<", ">>", "&&", "||", ":=", "<", ">", "=", "+", "-", "*",
    "/", "%", "^", "|", "&", "~", "!", "@", "?", ":", ";", "{", "}",
];

/// Words that can precede a parenthesis without being a call, and words that end an operand.
const KEYWORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "as",
    "asc",
    "between",
    "binary",
    "by",
    "case",
    "collate",
    "cross",
    "desc",
    "distinct",
    "div",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "for",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "intersect",
    "interval",
    "is",
    "join",
    "lateral",
    "left",
    "like",
    "limit",
    "member",
    "mod",
    "natural",
    "not",
    "null",
    "of",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "recursive",
    "regexp",
    "right",
    "select",
    "separator",
    "some",
    "sounds",
    "straight_join",
    "then",
    "union",
    "using",
    "when",
    "where",
    "with",
    "xor",
];

/// Whether a parenthesis after `word` is not an argument list.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.binary_search(&word).is_ok()
}

/// The tokens of `text`; `None` if it cannot be tokenised (comments, unclosed quotes).
pub(super) fn tokens(text: &str) -> Option<Vec<ExprToken>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(remarked) = rest.strip_prefix(REMARK) {
            rest = remarked.trim_start();
            continue;
        }
        let (token, used) = match first {
            '`' => {
                let (name, used) = quoted(rest, '`')?;
                (ExprToken::Name(name), used)
            }
            '\'' | '"' => {
                let (text, used) = quoted(rest, first)?;
                (ExprToken::Text(text), used)
            }
            '(' => (ExprToken::Open, 1),
            ')' => (ExprToken::Close, 1),
            ',' => (ExprToken::Comma, 1),
            '0'..='9' => number(rest),
            '.' if rest[1..].starts_with(|next: char| next.is_ascii_digit()) => number(rest),
            '.' => (ExprToken::Dot, 1),
            '#' => return None,
            _ if rest.starts_with("/*") || rest.starts_with("-- ") => return None,
            _ if word_char(first) => {
                let used = rest.find(|next| !word_char(next)).unwrap_or(rest.len());
                let after_dot = out.last() == Some(&ExprToken::Dot);
                let word = &rest[..used];
                let quotes = after_dot || rest[used..].starts_with('.') || names_a_query(&rest[used..]);
                let token = match quotes {
                    true => ExprToken::Name(word.to_owned()),
                    false => ExprToken::Word(word.to_ascii_lowercase()),
                };
                (token, used)
            }
            _ => {
                let operator = OPERATORS.iter().find(|operator| rest.starts_with(**operator))?;
                (ExprToken::Operator(operator), operator.len())
            }
        };
        out.push(token);
        rest = rest[used..].trim_start();
    }
    Some(out)
}

/// Whether the word before `after` names a common table expression, which MariaDB does not quote.
fn names_a_query(after: &str) -> bool {
    let keyword = |text: &str, word: &str| {
        let start = text.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let after = match after.strip_prefix('(').and_then(|list| list.split_once(')')) {
        Some((columns, rest)) if columns.starts_with('`') => rest,
        _ => after,
    };
    let query = after.trim_start();
    let query = keyword(query, "as").then(|| query[2..].trim_start());
    let query = query.and_then(|query| query.strip_prefix('('));
    query.is_some_and(|query| keyword(query.trim_start_matches('('), "select"))
}

fn word_char(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// Whether `text` contains `word` as a separate word, also in strings and comments.
pub(crate) fn has_bare_word(text: &str, word: &str) -> bool {
    text.split(|letter| !word_char(letter))
        .any(|part| part.eq_ignore_ascii_case(word))
}

/// A number: digits, point, exponent, or hexadecimal.
fn number(text: &str) -> (ExprToken, usize) {
    if text.starts_with("0x") || text.starts_with("0X") {
        let used = text[2..]
            .find(|next: char| !next.is_ascii_hexdigit())
            .map_or(text.len(), |at| at + 2);
        return (ExprToken::Number(text[..used].to_ascii_lowercase()), used);
    }
    let mut used = 0;
    let mut last = ' ';
    for next in text.chars() {
        let sign = (next == '+' || next == '-') && (last == 'e' || last == 'E');
        if !(next.is_ascii_digit() || next == '.' || next == 'e' || next == 'E' || sign) {
            break;
        }
        last = next;
        used += next.len_utf8();
    }
    (ExprToken::Number(text[..used].to_ascii_lowercase()), used)
}

/// The value between quotes, and its length in bytes including the quotes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            match letters.peek() {
                Some((_, next)) if *next == quote => {
                    out.push(quote);
                    letters.next();
                }
                _ => return Some((out, at + quote.len_utf8())),
            }
        } else if letter == '\\' && quote != '`' {
            let (_, escaped) = letters.next()?;
            unescaped(escaped, &mut out);
        } else {
            out.push(letter);
        }
    }
    None
}

/// What a backslash before `letter` means.
fn unescaped(letter: char, out: &mut String) {
    match letter {
        '0' => out.push('\0'),
        'b' => out.push('\u{8}'),
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        'Z' => out.push('\u{1a}'),
        '%' | '_' => out.extend(['\\', letter]),
        other => out.push(other),
    }
}

/// Whether a backslash stands outside quotes: MySQL's INFORMATION_SCHEMA escapes the quotes of
/// generated columns, checks and default expressions (measured with 9.7).
pub(super) fn has_bare_backslash(text: &str) -> bool {
    let mut inside = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (inside, letter) {
            (None, '\\') => return true,
            (None, '\'' | '"' | '`') => inside = Some(letter),
            (Some('\'' | '"'), '\\') => {
                letters.next();
            }
            (Some(quote), letter) if letter == quote => inside = None,
            _ => {}
        }
    }
    false
}

/// Removes one level of backslash escapes.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped) => unescaped(escaped, &mut out),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// The value of a quoted literal; `None` if `text` is not one.
pub(crate) fn literal_value(text: &str) -> Option<String> {
    let quote = text
        .chars()
        .next()
        .filter(|first| *first == '\'' || *first == '"')?;
    let (value, used) = quoted(text, quote)?;
    (used == text.len()).then_some(value)
}
