//! Escapes for characters that are invisible or change the text around them, in text from a server or a file.

use std::path::Path;

/// Whether a character is invisible or changes the text around it: control characters, line
/// separators, and the characters of Unicode's category Cf.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}'
            | '\u{8e2}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'            // no width, direction marks
            | '\u{2028}'..='\u{202e}'            // separators, embeddings and overrides
            | '\u{2060}'..='\u{206f}'            // isolates, deprecated format characters
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// Whether a character must be escaped in text for people: hidden characters, except our own marks,
/// which `report::style::paint` removes, and the joiners used in words and emoji.
pub(crate) fn is_control(character: char) -> bool {
    is_hidden(character) && !matches!(character, '\u{200c}' | '\u{200d}' | '\u{206a}'..='\u{206f}')
}

/// Appends a character as a visible escape.
pub(crate) fn push_escape(out: &mut String, character: char) {
    use std::fmt::Write as _;
    // Writing to a String cannot fail.
    let _ = match character {
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        '\t' => write!(out, "\\t"),
        c if u32::from(c) < 0x100 => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

/// A path as [`visible`] text.
pub fn visible_path(path: &Path) -> String {
    visible(&path.display().to_string())
}

/// `text` with every control character, newlines and tabs included, as a visible escape.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_control(character) {
            push_escape(&mut out, character);
        } else {
            out.push(character);
        }
    }
    out
}
