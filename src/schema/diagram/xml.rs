//! Escapes text for markup and scripts.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;

use crate::report::{Compact, is_hidden};

/// A text escaped for use between tags or in an attribute.
pub(super) struct XmlText<'a>(pub(super) &'a str);

impl fmt::Display for XmlText<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let special = |letter: char| "&<>\"'".contains(letter) || is_hidden(letter);
        while let Some((at, letter)) = rest.char_indices().find(|(_, letter)| special(*letter)) {
            out.write_str(&rest[..at])?;
            out.write_str(match letter {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                // Names can contain control characters, markup cannot.
                _ => "\u{fffd}",
            })?;
            rest = &rest[at + letter.len_utf8()..];
        }
        out.write_str(rest)
    }
}

/// Writes a value as JSON into a script element.
pub(super) fn script(value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(ScriptWriter(out), Compact))?;
    Ok(())
}

/// Writes JSON into a script element, where `<` could start the end tag or a comment. In JSON it
/// occurs only within strings, where it can be escaped.
struct ScriptWriter<W>(W);

impl<W: Write> Write for ScriptWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for (at, part) in bytes.split(|byte| *byte == b'<').enumerate() {
            if at > 0 {
                self.0.write_all(b"\\u003c")?;
            }
            self.0.write_all(part)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        for (text, written) in [
            ("plain é 日本", "plain é 日本"),
            ("a<b>&\"c'", "a&lt;b&gt;&amp;&quot;c&#39;"),
            ("</script>", "&lt;/script&gt;"),
            ("tab\there\u{1}\n", "tab\u{fffd}here\u{fffd}\u{fffd}"),
            ("", ""),
        ] {
            assert_eq!(XmlText(text).to_string(), written);
        }
        for text in ["</script>", "<!--<script>", "a<b", "<<"] {
            let mut out = Vec::new();
            script(&text, &mut out).expect("memory takes all");
            let written = String::from_utf8(out).expect("it is text");
            assert!(!written.contains('<'), "{written}");
            let read: String = serde_json::from_str(&written).expect("it is JSON");
            assert_eq!(read, text);
        }
    }
}
