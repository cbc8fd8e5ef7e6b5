//! Colour, and protection against terminal escapes in text from a server.
//!
//! User names, statements and comments come from a server and may contain any character. All
//! text for a terminal passes [`visible`](crate::escape::visible) or [`paint`], which turn every control character into
//! a visible escape. Style is therefore represented not by escape sequences but by marks
//! (invisible, deprecated format characters that no real text uses), and only [`paint`] turns
//! marks into one of five fixed colour sequences.

use std::fmt::Display;

use crate::escape::{is_control, push_escape};

/// The meaning of a span of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Ok,
    Bad,
    Warn,
    Dim,
    Strong,
}

impl Tone {
    const ALL: [Tone; 5] = [Tone::Ok, Tone::Bad, Tone::Warn, Tone::Dim, Tone::Strong];

    fn mark(self) -> char {
        match self {
            Tone::Ok => '\u{206a}',
            Tone::Bad => '\u{206b}',
            Tone::Warn => '\u{206c}',
            Tone::Dim => '\u{206d}',
            Tone::Strong => '\u{206e}',
        }
    }

    fn sequence(self) -> &'static str {
        match self {
            Tone::Ok => "\u{1b}[32m",
            Tone::Bad => "\u{1b}[31m",
            Tone::Warn => "\u{1b}[33m",
            Tone::Dim => "\u{1b}[2m",
            Tone::Strong => "\u{1b}[1m",
        }
    }
}

const END_MARK: char = '\u{206f}';
const RESET: &str = "\u{1b}[0m";

/// Styles spans of text; does nothing when colour is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub(super) color: bool,
}

impl Style {
    /// Success.
    pub fn ok(self, text: impl Display) -> String {
        self.span(Tone::Ok, text)
    }

    /// Failure.
    pub fn bad(self, text: impl Display) -> String {
        self.span(Tone::Bad, text)
    }

    /// Warning.
    pub fn warn(self, text: impl Display) -> String {
        self.span(Tone::Warn, text)
    }

    /// Secondary information.
    pub fn dim(self, text: impl Display) -> String {
        self.span(Tone::Dim, text)
    }

    /// Emphasis.
    pub fn strong(self, text: impl Display) -> String {
        self.span(Tone::Strong, text)
    }

    /// Marks each word separately, so that a span wrapped by a table does not continue into the next cell.
    fn span(self, tone: Tone, text: impl Display) -> String {
        let text = text.to_string();
        if !self.color {
            return text;
        }
        let mut marked = String::with_capacity(text.len() + 8);
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end_matches(char::is_whitespace);
            if !word.is_empty() {
                marked.push(tone.mark());
                marked.push_str(word);
                marked.push(END_MARK);
            }
            marked.push_str(&piece[word.len()..]);
        }
        marked
    }
}

/// One line for a terminal or a file: control characters made visible (except tabs), marks
/// turned into colour or removed.
pub(super) fn paint(line: &str, color: bool) -> String {
    let mut out = String::with_capacity(line.len() + 16);
    let mut open = false;
    for character in line.chars() {
        let tone = Tone::ALL.into_iter().find(|tone| tone.mark() == character);
        if let Some(tone) = tone {
            if color {
                out.push_str(tone.sequence());
                open = true;
            }
        } else if character == END_MARK {
            if open {
                out.push_str(RESET);
                open = false;
            }
        } else {
            // A span contains no white space: one that is still open here was cut by a table.
            if open && character.is_whitespace() {
                out.push_str(RESET);
                open = false;
            }
            if is_control(character) && character != '\t' {
                push_escape(&mut out, character);
            } else {
                out.push(character);
            }
        }
    }
    if open {
        out.push_str(RESET);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Style, paint};
    use crate::escape::visible;
    use proptest::prelude::*;

    #[test]
    fn controls_become_visible() {
        for (text, shown) in [
            ("plain", "plain"),
            ("a\u{1b}[2Jb", "a\\x1b[2Jb"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{9b}31m", "\\x9b31m"),
            ("\u{7f}\0", "\\x7f\\x00"),
            ("user\u{202e}gpj", "user\\u{202e}gpj"),
            ("a\u{200b}b\u{e0041}", "a\\u{200b}b\\u{e0041}"),
            ("\u{1f469}\u{200d}\u{1f4bb}", "\u{1f469}\u{200d}\u{1f4bb}"),
            ("Zoë 東京 🏠", "Zoë 東京 🏠"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn spans_become_colour_or_nothing() {
        let on = Style { color: true };
        let off = Style { color: false };
        assert_eq!(paint(&off.bad("two words"), false), "two words");
        assert_eq!(
            paint(&on.bad("two words"), true),
            "\u{1b}[31mtwo\u{1b}[0m \u{1b}[31mwords\u{1b}[0m"
        );
        // A span styled for a terminal and written to a file leaves no trace.
        assert_eq!(paint(&on.ok("yes"), false), "yes");
        // Text that holds an escape cannot smuggle it in through a span.
        assert_eq!(paint(&on.dim("\u{1b}c"), true), "\u{1b}[2m\\x1bc\u{1b}[0m");
    }

    #[test]
    fn a_span_cut_in_two_ends_at_the_next_space() {
        let marked = Style { color: true }.warn("abcdef");
        let cut: String = marked.chars().take(4).collect();
        assert_eq!(
            paint(&format!("{cut}  next"), true),
            "\u{1b}[33mabc\u{1b}[0m  next"
        );
        assert_eq!(paint(&cut, true), "\u{1b}[33mabc\u{1b}[0m");
    }

    proptest! {
        #[test]
        fn nothing_painted_without_colour_holds_a_control(text in any::<String>()) {
            prop_assert!(!paint(&text, false).chars().any(|c| c.is_control() && c != '\t'));
            prop_assert!(!visible(&text).chars().any(char::is_control));
        }

        #[test]
        fn with_colour_only_our_own_sequences_remain(text in any::<String>()) {
            let mut rest = paint(&text, true);
            for sequence in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"] {
                rest = rest.replace(sequence, "");
            }
            let escaped = rest.contains('\u{1b}');
            prop_assert!(!escaped);
        }
    }
}
