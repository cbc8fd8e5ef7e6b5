//! The shapes that the layout steps and the formats share.

/// Width of a letter of the monospaced font, in pixels.
pub(super) const LETTER_WIDTH: f64 = 7.25;
/// Height of a row.
pub(super) const ROW_HEIGHT: f64 = 18.0;
/// Height of a box's head.
pub(super) const HEAD_HEIGHT: f64 = 26.0;
/// Space around the whole diagram.
pub(super) const MARGIN: f64 = 24.0;
/// Letters reserved for the marks before a column's name.
pub(super) const MARK_LETTERS: f64 = 4.0;

/// The corners of a link's route: vertical at this x, to this y.
pub(super) type Bends = Vec<(f64, f64)>;

/// The position and size of a box.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Frame {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// One end of a link.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct LinkEnd {
    /// Distance below the upper edge of the box.
    pub(super) dy: f64,
    /// Half the height of its end mark, which is smaller if several links end at one row.
    pub(super) half: f64,
    /// Whether it is at the right side of the box.
    pub(super) right: bool,
    /// Links that leave their parent at the same port share their route as far as possible.
    pub(super) port: usize,
}

/// The width of a text in letters; East Asian letters and emoji count twice.
pub(super) fn letters(text: &str) -> f64 {
    let wide = |letter: char| {
        matches!(u32::from(letter),
            0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F
            | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD)
    };
    text.chars()
        .map(|letter| if wide(letter) { 2.0 } else { 1.0 })
        .sum()
}
