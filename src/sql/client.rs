//! The commands of the command-line client, as far as files have them.
//!
//! Measured with the clients of MariaDB 10.11 and MySQL 9.7: a command is a line whose first word is one, where
//! no statement is pending and the line has no delimiter; or a statement that consists of it; or a
//! backslash with its letter, anywhere outside quotes.

use super::lex::{Kind, Lexer};

/// What a client command means for the statements of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// Nothing: it is about what the client shows.
    Nothing,
    /// Another database from here on.
    Use(String),
    /// The statements of another file come here; its name.
    Source(String),
    /// Nothing that a migration may do; why.
    Refused(String),
}

/// Commands about what a client shows, and whether arguments may follow.
const SHOWING: [(&str, bool); 14] = [
    ("?", true),
    ("help", true),
    ("clear", false),
    ("ego", false),
    ("go", false),
    ("nopager", false),
    ("notee", false),
    ("nowarning", false),
    ("pager", true),
    ("print", false),
    ("prompt", true),
    ("rehash", false),
    ("status", false),
    ("tee", true),
];

/// The command that a line, or a whole statement, is.
pub(super) fn command(line: &str) -> Option<Command> {
    let line = line.trim();
    let (word, arguments) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let arguments = arguments.trim();
    let lower = word.to_ascii_lowercase();
    if SHOWING
        .iter()
        .any(|(name, takes)| *name == lower && (*takes || arguments.is_empty()))
        || lower == "warnings" && arguments.is_empty()
    {
        return Some(Command::Nothing);
    }
    match lower.as_str() {
        "use" if !arguments.is_empty() => Some(Command::Use(used(arguments))),
        "charset" => Some(charset(arguments)),
        "source" if !arguments.is_empty() => Some(source(arguments)),
        "system" if !arguments.is_empty() => Some(refused("system")),
        "exit" | "quit" | "edit" | "connect" | "resetconnection" if !arguments.starts_with('=') => {
            Some(refused(&lower))
        }
        _ => None,
    }
}

/// The command of a backslash and its letter; `rest` is what follows on the line. With the number of
/// bytes of `rest` that belong to it.
pub(super) fn short(letter: char, rest: &str, delimiter: &str) -> (Command, usize) {
    let end = rest.find(delimiter).map_or(rest.len(), |at| at + delimiter.len());
    let argument = rest[..end].trim_end_matches(delimiter).trim();
    match letter {
        'p' | 'W' | 'w' | '#' | 's' | 't' | 'n' => (Command::Nothing, 0),
        'h' | '?' | 'P' | 'R' | 'T' => (Command::Nothing, end),
        'u' => (Command::Use(used(argument)), end),
        'C' => (charset(argument), end),
        '.' => (source(rest.trim()), rest.len()),
        '!' | 'e' | 'q' | 'r' | 'x' => (refused(&format!("\\{letter}")), end),
        _ => (
            Command::Refused(format!("the client has no command \\{letter}")),
            0,
        ),
    }
}

/// All of the line is the file's name.
fn source(name: &str) -> Command {
    let end = |c: char| c.is_whitespace() || c.is_control();
    Command::Source(name.trim_end_matches(end).to_owned())
}

fn charset(name: &str) -> Command {
    match name.to_ascii_lowercase().as_str() {
        "utf8mb4" | "utf8" | "utf8mb3" => Command::Nothing,
        _ => Command::Refused("migrations are read as UTF-8, so there is no charset command".to_owned()),
    }
}

fn refused(name: &str) -> Command {
    Command::Refused(match name {
        "exit" | "quit" | "\\q" => {
            format!("the client would end here ({name}) and not read the rest; take it out")
        }
        name => format!("a migration cannot have the client's command {name}"),
    })
}

/// `USE` with the name quoted, as the server needs it where the client does not.
fn used(name: &str) -> String {
    let name = match name.chars().next() {
        Some(quote @ ('`' | '"' | '\'')) => name[1..].split(quote).next().unwrap_or_default(),
        _ => name.split([' ', '\t']).next().unwrap_or_default(),
    };
    format!("USE `{}`", name.replace('`', "``"))
}

/// A statement as the clients send it: they read line by line, drop the CR before each LF, in strings too, and the
/// backslash before a line end (in strings only where it escapes; the server would drop it there).
pub fn sent(text: String, backslash_escapes: bool) -> String {
    let text = match memchr::memchr(b'\r', text.as_bytes()) {
        Some(_) => text.replace("\r\n", "\n"),
        None => text,
    };
    if !text.contains("\\\n") {
        return text;
    }
    let mut lexer = Lexer::new(&text, 0, backslash_escapes);
    let mut sent = String::with_capacity(text.len());
    while let Ok(Some(token)) = lexer.next("") {
        let piece = &text[token.range.clone()];
        match token.kind {
            Kind::Other if piece == "\\" && lexer.rest().starts_with('\n') => {}
            Kind::Single | Kind::Double if backslash_escapes => {
                let mut chars = piece.chars().peekable();
                while let Some(c) = chars.next() {
                    match (c, chars.peek()) {
                        ('\\', Some('\n')) => {}
                        ('\\', Some(_)) => {
                            sent.push(c);
                            sent.extend(chars.next());
                        }
                        _ => sent.push(c),
                    }
                }
            }
            _ => sent.push_str(piece),
        }
    }
    sent
}
