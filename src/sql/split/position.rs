//! A position in a text.

/// A position that only moves forward, so that counting lines and columns stays linear.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextPosition {
    pub(super) at: usize,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Default for TextPosition {
    fn default() -> Self {
        TextPosition {
            at: 0,
            line: 1,
            column: 1,
        }
    }
}

impl TextPosition {
    pub(super) fn advance(&mut self, text: &str, to: usize) {
        // A place asked for twice has been passed already.
        let Some(passed) = text.get(self.at..to) else {
            return;
        };
        let line = match memchr::memrchr(b'\n', passed.as_bytes()) {
            Some(last) => {
                let lines = memchr::memchr_iter(b'\n', passed.as_bytes()).count();
                self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
                self.column = 1;
                &passed[last + 1..]
            }
            None => passed,
        };
        // A byte order mark at the beginning is not a character of the text.
        let line = if self.at == 0 && line.len() == passed.len() {
            line.strip_prefix('\u{feff}').unwrap_or(line)
        } else {
            line
        };
        let characters = u32::try_from(line.chars().count()).unwrap_or(u32::MAX);
        self.column = self.column.saturating_add(characters);
        self.at = to;
    }
}
