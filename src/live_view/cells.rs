//! Text for cells of the terminal: names from a server are hostile.

use crate::escape::visible;

/// `text` as it may stand in a cell: control characters and those that change the text around them as escapes.
pub(super) fn clean(text: &str) -> String {
    let shown = visible(text);
    match shown.contains(is_mark) {
        true => shown.replace(is_mark, ""),
        false => shown,
    }
}

/// The characters that pages use as marks of colour; they mean nothing here and take no room.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{206a}'..='\u{206f}')
}

/// Whether `part`, in lower case, stands in `text`.
pub(super) fn holds(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_invisible_is_left() {
        assert_eq!(
            clean("a\u{1b}[2J\r\nb\u{9b}\u{202e}"),
            "a\\x1b[2J\\r\\nb\\x9b\\u{202e}"
        );
        assert_eq!(clean("a\u{206b}b\u{206f}"), "ab");
        assert_eq!(clean("Zoë 東京"), "Zoë 東京");
    }
}
