//! The `.env` file, which usually belongs to the application.
//!
//! The application's own parser is more lenient than dotenvy and treats `$` differently: dotenvy turns
//! `pa$word` into `pa`, while the usual parsers of Node, Python and PHP keep it. The file is therefore
//! read in two steps. The first, here, accepts the syntax those parsers have in common and rewrites
//! every assignment in dotenvy's strict form; the second, dotenvy itself, unquotes and expands
//! `${NAME}`. A malformed line is an error only if it names a variable of dbtool.
//!
//! Common syntax (dotenv for Node 16, python-dotenv 1, phpdotenv 5): `export` may precede the
//! name; a value in single quotes or backticks is literal; one in double quotes may contain `\n`, `\r`,
//! `\t`, `\"`, `\\` and `\$`; quoted values may have several lines; ` #` begins a comment. `${NAME}` is
//! expanded where NAME is set above in the file or in the environment and stays as it is elsewhere;
//! `${NAME:-other}` (dotenv-expand, python-dotenv, Docker Compose) is `other` there. A bare `$` is a dollar sign.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failure::ConfigFailure;
use super::small_file::{ReadError, read_small};
use super::var::Var;
use crate::cancel::Cancel;
use crate::exit::Failure;

/// Maximum wait for an environment file that is a pipe.
const PIPE_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest environment file accepted, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// A `.env` file's variables.
#[derive(Debug, Clone, Default)]
pub struct EnvFile {
    /// Its path.
    pub path: PathBuf,
    /// Variables by name, unquoted and expanded.
    pub variables: BTreeMap<String, String>,
    /// Warnings about lines that other parsers may read differently; whole sentences without any value.
    pub notes: Vec<String>,
}

impl EnvFile {
    /// The nearest `.env`, walking up from `start`.
    ///
    /// # Errors
    /// The file exists and cannot be read, or a variable of dbtool in it is malformed.
    pub fn nearest(start: &Path, cancel: &Cancel) -> Result<Option<EnvFile>, Failure> {
        start
            .ancestors()
            .map(|folder| folder.join(".env"))
            .find(|path| path.is_file())
            .map(|path| EnvFile::read(&path, cancel))
            .transpose()
    }

    /// Reads one `.env` file. Nothing is put into the process's environment.
    ///
    /// # Errors
    /// The file cannot be read, or a variable of dbtool in it is malformed. The message names the
    /// line, never its text: it may hold a password.
    pub fn read(path: &Path, cancel: &Cancel) -> Result<EnvFile, Failure> {
        let text = match read_small(path, MAX_BYTES, PIPE_TIMEOUT, cancel) {
            Ok(text) => text,
            Err(ReadError::Cancelled(cancelled)) => return Err(cancelled.into()),
            Err(error) => return Err(ConfigFailure::env_file(path, error).into()),
        };
        if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
            let problem = "it is in UTF-16; save it as UTF-8";
            return Err(ConfigFailure::env_file(path, problem).into());
        }
        let known = |name: &str| std::env::var_os(name).is_some();
        let strict = strict_form(&text, known).map_err(|(line, problem)| {
            let path = path.to_owned();
            ConfigFailure::EnvFileLine { path, line, problem }
        })?;
        let variables = dotenvy::from_read_iter(strict.text.as_bytes())
            .collect::<Result<_, _>>()
            // Its text is not repeated: it may hold a password.
            .map_err(|_| ConfigFailure::env_file(path, "it is not in the form NAME=value"))?;
        let notes = strict.notes.into_iter();
        Ok(EnvFile {
            path: path.to_owned(),
            variables,
            notes: notes.map(|note| format!("{}: {note}", path.display())).collect(),
        })
    }
}

/// An environment file rewritten in dotenvy's strict form.
#[derive(Debug, Default)]
struct StrictFile {
    text: String,
    names: Vec<String>,
    notes: Vec<String>,
}

/// How a value is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
    Backtick,
}

/// Rewrites `text` in dotenvy's strict form; `in_environment` tests whether the environment sets a name.
/// The error is the 1-based line number of a malformed variable of dbtool, and the problem.
fn strict_form(text: &[u8], in_environment: impl Fn(&str) -> bool) -> Result<StrictFile, (usize, String)> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    // Invalid UTF-8 becomes U+FFFD, which no variable of dbtool may contain.
    let mut text = String::from_utf8_lossy(text);
    if !text.contains('\n') && text.contains('\r') {
        text = text.replace('\r', "\n").into();
    }
    let mut strict = StrictFile::default();
    let mut rest: &str = &text;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let Some((name, value)) = assignment(line) else {
            if let Some(name) = malformed_variable(line) {
                return Err((number, format!("names {name} and is not NAME=value")));
            }
            rest = after;
            continue;
        };
        let is_own_variable = Var::find(name).is_some();
        let offset = value.as_ptr() as usize - rest.as_ptr() as usize;
        let (value, quote, used) = match quoted(&rest[offset..]) {
            Some((value, quote, used)) => (value, quote, offset + used),
            None if is_own_variable && value.starts_with(['"', '\'', '`']) => {
                return Err((
                    number,
                    format!("sets {name} to a value whose quotes do not match"),
                ));
            }
            None => (unquoted(value).to_owned(), Quote::None, line.len()),
        };
        if is_own_variable && value.contains('\u{fffd}') {
            return Err((number, format!("sets {name} to bytes that are not UTF-8")));
        }
        if is_own_variable && quote == Quote::None && value.contains('#') {
            strict.notes.push(format!(
                "line {number}: the value of {name} holds a '#' outside quotes, where some programs end the value; \
                 write it in single quotes"
            ));
        }
        number += rest[..used].matches('\n').count();
        rest = rest[used..].split_once('\n').map_or("", |(_, after)| after);
        strict.push(name, &value, quote, &in_environment);
    }
    Ok(strict)
}

impl StrictFile {
    /// Adds one assignment, quoted so that dotenvy reads exactly `value`, except that it expands `${NAME}`.
    fn push(&mut self, name: &str, value: &str, quote: Quote, in_environment: &impl Fn(&str) -> bool) {
        self.text.push_str(name);
        self.text.push_str("=\"");
        let mut rest = value;
        while let Some(c) = rest.chars().next() {
            let expands = matches!(quote, Quote::None | Quote::Double);
            if let Some(length) = nested_reference(rest).filter(|_| expands) {
                for c in rest[..length].chars() {
                    self.push_literally(c);
                }
                rest = &rest[length..];
                continue;
            }
            let reference = if expands { reference(rest) } else { None };
            if let Some(reference) = reference {
                let Reference { name, other, length } = reference;
                if in_environment(name) || self.names.iter().any(|known| known == name) {
                    self.text.extend(["${", name, "}"]);
                    rest = &rest[length..];
                    continue;
                }
                if let Some(other) = other {
                    for c in other.chars() {
                        self.push_literally(c);
                    }
                    rest = &rest[length..];
                    continue;
                }
            }
            rest = &rest[c.len_utf8()..];
            let (c, escaped) = match (quote, c, rest.chars().next()) {
                (Quote::Double, '\\', Some(next)) if "nrt\"\\$".contains(next) => {
                    rest = &rest[1..];
                    let meant = match next {
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        other => other,
                    };
                    (meant, true)
                }
                _ => (c, false),
            };
            // A line end within quotes is one character, whatever the file's line ends are.
            if c != '\r' || escaped || !rest.starts_with('\n') {
                self.push_literally(c);
            }
        }
        self.text.push_str("\"\n");
        self.names.push(name.to_owned());
    }

    fn push_literally(&mut self, c: char) {
        match c {
            '\n' => self.text.push_str("\\n"),
            '\\' | '"' | '$' => self.text.extend(['\\', c]),
            other => self.text.push(other),
        }
    }
}

/// Name and raw value of `NAME=value`, with or without `export`; `None` for anything else.
fn assignment(line: &str) -> Option<(&str, &str)> {
    // Editors and web pages leave characters without a width at the start of a line.
    let line = line.trim().trim_start_matches(['\u{200b}', '\u{feff}']);
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let name = match name.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => name,
    };
    is_name(name).then_some((name, value.trim_start()))
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
}

/// The variable of dbtool at the start of a line that is not an assignment.
fn malformed_variable(line: &str) -> Option<&'static str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let end = line
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(line.len());
    Var::find(&line[..end]).map(|var| var.name)
}

/// A quoted value at the start of `text`, its quote, and its length in bytes. Only a comment may
/// follow on its last line; otherwise the quote is an ordinary character.
fn quoted(text: &str) -> Option<(String, Quote, usize)> {
    let (quote, mark) = match text.chars().next()? {
        '"' => (Quote::Double, '"'),
        '\'' => (Quote::Single, '\''),
        '`' => (Quote::Backtick, '`'),
        _ => return None,
    };
    let body = &text[1..];
    let mut escaped = false;
    let end = body.char_indices().find_map(|(index, c)| {
        if escaped {
            escaped = false;
            return None;
        }
        escaped = quote == Quote::Double && c == '\\';
        (c == mark).then_some(index)
    })?;
    let used = 1 + end + 1;
    let tail = text[used..].lines().next().unwrap_or_default().trim();
    (tail.is_empty() || tail.starts_with('#')).then(|| (body[..end].to_owned(), quote, used))
}

/// A value without quotes, up to a comment (a `#` after white space).
fn unquoted(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    let comment = value
        .match_indices('#')
        .find(|(index, _)| value[..*index].ends_with([' ', '\t']));
    value[..comment.map_or(value.len(), |(index, _)| index)].trim_end()
}

/// A reference to another variable.
struct Reference<'a> {
    name: &'a str,
    /// The value if that variable is not set.
    other: Option<&'a str>,
    /// Bytes of the reference.
    length: usize,
}

/// The bytes of a reference at the start of `text` with another one within its other value: that is not read.
fn nested_reference(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("${")?;
    let (name, other) = inner.split_once('-')?;
    let is_nested = other[..other.find('}')?].contains("${");
    if !is_nested || !is_name(name.strip_suffix(':').unwrap_or(name)) {
        return None;
    }
    let mut open = 1;
    for (index, c) in inner.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some("${".len() + index + 1);
        }
    }
    None
}

/// `${NAME}`, `${NAME-other}` or `${NAME:-other}` at the start of `text`; one within another is not read.
fn reference(text: &str) -> Option<Reference<'_>> {
    let inner = text.strip_prefix("${")?;
    let inner = &inner[..inner.find('}')?];
    let (name, other) = match inner.split_once('-') {
        Some((name, other)) => (name.strip_suffix(':').unwrap_or(name), Some(other)),
        None => (inner, None),
    };
    (is_name(name) && !inner.contains("${")).then_some(Reference {
        name,
        other,
        length: inner.len() + 3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(text: &[u8]) -> BTreeMap<String, String> {
        let strict = strict_form(text, |_| false).expect("a readable file");
        dotenvy::from_read_iter(strict.text.as_bytes())
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{error} in {}", strict.text))
    }

    #[test]
    fn values_are_what_the_application_sees() {
        for (written, value) in [
            ("x", "x"),
            ("  x y  ", "x y"),
            ("abc # a comment", "abc"),
            ("pa#ss", "pa#ss"),
            ("# nothing", ""),
            ("pa$word1", "pa$word1"),
            ("\"abc$\"", "abc$"),
            ("\"pa$word\" # a comment", "pa$word"),
            ("$(id)", "$(id)"),
            ("${UNKNOWN}x", "${UNKNOWN}x"),
            ("${ABOVE}x", "upx"),
            ("${UNKNOWN:-d\"$1}x", "d\"$1x"),
            ("${UNKNOWN-}x", "x"),
            ("\"${ABOVE:-d}x\"", "upx"),
            ("'${UNKNOWN:-d}'", "${UNKNOWN:-d}"),
            ("${A:-${B:-c}}", "${A:-${B:-c}}"),
            ("\"${ABOVE}x\"", "upx"),
            ("'${ABOVE}x'", "${ABOVE}x"),
            ("\\${ABOVE}", "\\up"),
            ("\"\\${ABOVE}\"", "${ABOVE}"),
            ("a\\b", "a\\b"),
            ("'a\\b\"c'", "a\\b\"c"),
            ("\"a\\\"b\\\\c\\d\"", "a\"b\\c\\d"),
            ("\"two\\nlines\"", "two\nlines"),
            ("\"two\nlines\"", "two\nlines"),
            ("'two\r\nlines' # x\r", "two\nlines"),
            ("`it's \"so\"`", "it's \"so\""),
            ("it's", "it's"),
            ("a=b=c", "a=b=c"),
            ("über", "über"),
        ] {
            let text = format!("ABOVE=up\nexport DB_PASSWORD ={written}\nDB_NAME=after\n");
            let found = variables(text.as_bytes());
            assert_eq!(found["DB_PASSWORD"], value, "{written}");
            assert_eq!(found["DB_NAME"], "after", "{written}");
        }
    }

    #[test]
    fn line_ends_of_every_system_and_marks_of_editors_are_understood() {
        for text in [
            "\u{feff}DB_USER=app\r\nDB_NAME=shop\r\n",
            "DB_USER=app\rDB_NAME=shop\r",
            "\u{200b}DB_USER=app\n\u{feff}DB_NAME=shop",
        ] {
            let found = variables(text.as_bytes());
            assert_eq!(
                (found["DB_USER"].as_str(), found["DB_NAME"].as_str()),
                ("app", "shop"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn foreign_lines_are_nobodys_business() {
        for foreign in [
            &b"APP_NAME=My App"[..],
            b"GREETING=Bob's app",
            b"CRON=*/5 * * * *",
            b"[db]",
            b"CITY=Z\xfcrich",
            b"# caf\xe9",
            b"X='unclosed",
            b"X=\"unclosed",
            b"X=\"a\" b \"c",
            b"KEY: value",
            b"no assignment at all",
            b"2FA=yes",
            b"A-B=c",
            b"=x",
            b"X=${DB_NAME",
            b"MY DB_NAME=x",
        ] {
            let text = [foreign, b"\nDB_NAME=\"shop\"\r\n"].concat();
            let shown = String::from_utf8_lossy(foreign);
            assert_eq!(variables(&text)["DB_NAME"], "shop", "{shown}");
        }
    }

    #[test]
    fn spoiled_lines_about_a_variable_of_ours_are_named() {
        for (line, words) in [
            (&b"DB_PASSWORD hush"[..], "is not NAME=value"),
            (b"export DB_PASSWORD", "is not NAME=value"),
            (b"DB_PASSWORD: hush", "is not NAME=value"),
            (b"DB_PASSWORD='hush", "quotes do not match"),
            (b"DB_PASSWORD=\"hush\"er", "quotes do not match"),
            (b"DB_PASSWORD=h\xfcsh", "not UTF-8"),
        ] {
            let text = [b"A=\"1\n2\"\nB=x\n", line, b"\n"].concat();
            let (number, problem) = strict_form(&text, |_| false).expect_err("a spoiled line");
            assert_eq!(number, 4, "{problem}");
            assert!(
                problem.contains(words) && problem.contains("DB_PASSWORD"),
                "{problem}"
            );
            assert!(!problem.contains("hush"), "{problem}");
        }
    }

    #[test]
    fn what_other_readers_may_take_otherwise_is_noted() {
        let strict = strict_form(b"X=a#b\nDB_PASSWORD=a#b\n", |_| false).expect("a readable file");
        assert_eq!(strict.notes.len(), 1);
        assert!(strict.notes[0].contains("line 2: the value of DB_PASSWORD"));
    }
}
