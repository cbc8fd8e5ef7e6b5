//! The commands of the command-line client that files contain.
//!
//! Measured with the clients of MariaDB 10.11 and MySQL 9.7: a command is a line that starts with its name, where
//! no statement is pending and the line has no delimiter; or a statement that consists of it; or a
//! backslash with its letter, anywhere outside quotes.

use super::lex::{Lexer, TokenKind};

/// The meaning of a client command for the statements of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClientCommand {
    /// None: it concerns only what the client displays.
    Nothing,
    /// Changes the database from here on.
    Use(String),
    /// Inserts the statements of another file; its name.
    Source(String),
    /// Not allowed in a migration; the reason.
    Refused(String),
}

/// Commands that concern only what a client displays, and whether they take arguments.
const DISPLAY_COMMANDS: [(&str, bool); 14] = [
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

/// The command in a line or a whole statement, if it is one.
pub(super) fn command(line: &str) -> Option<ClientCommand> {
    let line = line.trim();
    let (word, arguments) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let arguments = arguments.trim();
    let lower = word.to_ascii_lowercase();
    if DISPLAY_COMMANDS
        .iter()
        .any(|(name, takes)| *name == lower && (*takes || arguments.is_empty()))
        || lower == "warnings" && arguments.is_empty()
    {
        return Some(ClientCommand::Nothing);
    }
    match lower.as_str() {
        "use" if !arguments.is_empty() => Some(ClientCommand::Use(used(arguments))),
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
pub(super) fn short(letter: char, rest: &str, delimiter: &str) -> (ClientCommand, usize) {
    let end = rest.find(delimiter).map_or(rest.len(), |at| at + delimiter.len());
    let argument = rest[..end].trim_end_matches(delimiter).trim();
    match letter {
        'p' | 'W' | 'w' | '#' | 's' | 't' | 'n' => (ClientCommand::Nothing, 0),
        'h' | '?' | 'P' | 'R' | 'T' => (ClientCommand::Nothing, end),
        'u' => (ClientCommand::Use(used(argument)), end),
        'C' => (charset(argument), end),
        '.' => (source(rest.trim()), rest.len()),
        '!' | 'e' | 'q' | 'r' | 'x' => (refused(&format!("\\{letter}")), end),
        _ => (
            ClientCommand::Refused(format!("the client has no command \\{letter}")),
            0,
        ),
    }
}

/// The rest of the line is the file's name.
fn source(name: &str) -> ClientCommand {
    let end = |c: char| c.is_whitespace() || c.is_control();
    ClientCommand::Source(name.trim_end_matches(end).to_owned())
}

fn charset(name: &str) -> ClientCommand {
    match name.to_ascii_lowercase().as_str() {
        "utf8mb4" | "utf8" | "utf8mb3" => ClientCommand::Nothing,
        _ => {
            ClientCommand::Refused("migrations are read as UTF-8, so there is no charset command".to_owned())
        }
    }
}

fn refused(name: &str) -> ClientCommand {
    ClientCommand::Refused(match name {
        "exit" | "quit" | "\\q" => {
            format!("the client would end here ({name}) and not read the rest; remove it")
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
pub fn as_sent(text: String, backslash_escapes: bool) -> String {
    let text = match memchr::memchr(b'\r', text.as_bytes()) {
        Some(_) => text.replace("\r\n", "\n"),
        None => text,
    };
    if !text.contains("\\\n") {
        return text;
    }
    let mut lexer = Lexer::new(&text, 0, backslash_escapes);
    let mut out = String::with_capacity(text.len());
    while let Ok(Some(token)) = lexer.next("") {
        let piece = &text[token.range.clone()];
        match token.kind {
            TokenKind::Other if piece == "\\" && lexer.rest().starts_with('\n') => {}
            TokenKind::Single | TokenKind::Double if backslash_escapes => {
                let mut chars = piece.chars().peekable();
                while let Some(c) = chars.next() {
                    match (c, chars.peek()) {
                        ('\\', Some('\n')) => {}
                        ('\\', Some(_)) => {
                            out.push(c);
                            out.extend(chars.next());
                        }
                        _ => out.push(c),
                    }
                }
            }
            _ => out.push_str(piece),
        }
    }
    out
}
