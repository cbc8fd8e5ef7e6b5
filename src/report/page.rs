//! Text output: lines, headings, key-value pairs and tables.

use std::fmt::Display;

use super::Sink;
use super::check::{Check, CheckStatus, Tally};
use super::human;
use super::style::{Style, paint};
use super::table::{RowSink, Table};
use crate::escape::visible;

/// A page of text being written. Every line is made safe for a terminal; spans are styled with
/// [`Page::style`], never with escape sequences.
pub struct Page {
    text: String,
    style: Style,
    width: Option<u16>,
    /// Receives finished lines in blocks of about [`FLUSH_BYTES`].
    sink: Option<Sink>,
}

/// Bytes that a page with a sink buffers.
const FLUSH_BYTES: usize = 32 * 1024;

impl Page {
    /// An empty page. `width` is that of the terminal, `None` if the output is not a terminal.
    pub(super) fn new(color: bool, width: Option<u16>) -> Self {
        Page {
            text: String::new(),
            style: Style { color },
            width,
            sink: None,
        }
    }

    /// The same page, which writes its lines to `sink` in blocks, and the rest in [`Page::finish`].
    pub(super) fn with_sink(mut self, sink: Sink) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Writes finished lines to the sink, except the last two, which [`Page::blank`] inspects.
    fn flush_lines(&mut self) {
        let Some(sink) = self.sink.as_ref().filter(|_| self.text.len() > FLUSH_BYTES) else {
            return;
        };
        let mut ends = self.text.rmatch_indices('\n').map(|(at, _)| at + 1);
        if let Some(end) = ends.nth(2) {
            sink(&self.text.as_bytes()[..end]);
            self.text.drain(..end);
        }
    }

    /// Writes the remaining text to the sink.
    pub(super) fn finish(self) {
        if let Some(sink) = self.sink {
            sink(self.text.as_bytes());
        }
    }

    /// A page as written to a file or pipe: no colour, no width. For tests of an outcome's text.
    pub fn plain() -> Self {
        Self::new(false, None)
    }

    /// Styled spans for use in lines and cells.
    pub fn style(&self) -> Style {
        self.style
    }

    /// One line. A line break within it is shown as `\n`: use [`Page::block`] for text of several lines.
    pub fn line(&mut self, line: impl Display) {
        let painted = paint(&line.to_string(), self.style.color);
        self.text.push_str(painted.trim_end());
        self.text.push('\n');
        self.flush_lines();
    }

    /// Text of several lines, such as a statement, each indented by `indent` spaces.
    pub fn block(&mut self, indent: usize, text: impl Display) {
        for line in text.to_string().lines() {
            self.line(format_args!("{:indent$}{line}", ""));
        }
    }

    /// A script for another program, unchanged.
    pub fn verbatim(&mut self, script: &str) {
        for line in script.split_inclusive('\n') {
            self.text.push_str(line);
            self.flush_lines();
        }
    }

    /// An empty line, unless the page is empty or its last line already is.
    pub fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A heading, separated by an empty line from the text above it.
    pub fn heading(&mut self, heading: &str) {
        self.blank();
        self.line(self.style.strong(heading));
    }

    /// A key and its value, values aligned for keys of up to 24 characters.
    pub fn kv(&mut self, key: &str, value: impl Display) {
        let padding = 24_usize.saturating_sub(key.chars().count());
        self.line(format_args!("  {key}{:padding$}  {value}", ""));
    }

    /// A table, fitted to the terminal's width; one line per row if the output is not a terminal.
    pub fn table(&mut self, table: Table) {
        let (style, width) = (self.style, self.width);
        table.render(style, width, &mut |line| self.line(line));
    }

    /// A table of any number of rows, of which only a few are in memory: `rows` passes all of them on, and is called
    /// twice. `table` has the headers.
    pub fn long_table(&mut self, table: &Table, rows: &dyn Fn(&mut RowSink<'_>)) {
        let (style, width) = (self.style, self.width);
        table.render_rows(style, width, rows, &mut |line| self.line(line));
    }

    /// Checks by group, failures with their details, and the tally as the last line.
    pub fn checks(&mut self, checks: &[Check]) {
        let mut group = None;
        for check in checks {
            if group != Some(&check.group) {
                self.heading(&check.group);
                group = Some(&check.group);
            }
            let mark = match check.status {
                CheckStatus::Passed => self.style.ok("ok"),
                CheckStatus::Failed => self.style.bad("FAILED"),
                CheckStatus::Warned => self.style.warn("warning"),
                CheckStatus::Skipped => self.style.dim("skipped"),
            };
            let padding = 8_usize.saturating_sub(check.status.as_str().len());
            // A check derived from the work of another has no duration of its own.
            let duration = if check.duration.is_zero() {
                String::new()
            } else {
                let duration = human::duration(check.duration);
                self.style.dim(format_args!("({duration})"))
            };
            let colon = if check.message.is_empty() { "" } else { ": " };
            self.line(format_args!(
                "  {mark}{:padding$} {}{colon}{}  {duration}",
                "",
                check.name,
                visible(&check.message)
            ));
            for detail in &check.details {
                self.block(13, detail);
            }
        }
        self.blank();
        self.line(Tally::from_checks(checks).sentence(self.style));
    }

    /// The finished text.
    pub fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::{FLUSH_BYTES, Page, Sink, Table};

    fn sample() -> Table {
        let mut table = Table::new(["user", "connections"]).right(&[1]);
        table.row(["root", "1"]);
        table.row(["evil\u{1b}[2J\nuser", "12345"]);
        table
    }

    #[test]
    fn a_long_page_goes_out_in_parts_and_is_the_same() {
        use std::cell::RefCell;
        use std::rc::Rc;
        let fill = |page: &mut Page| {
            for n in 0..3000 {
                page.heading(&format!("heading ü {n}"));
                page.line(format_args!("line {n}"));
                page.blank();
                page.verbatim(&"script;\n".repeat(n % 5));
            }
        };
        let parts: Rc<RefCell<Vec<String>>> = Rc::default();
        let seen = Rc::clone(&parts);
        let sink: Sink = Rc::new(move |part| {
            let text = String::from_utf8(part.to_vec()).expect("whole characters");
            seen.borrow_mut().push(text);
        });
        let mut page = Page::plain().with_sink(sink);
        fill(&mut page);
        page.finish();
        let mut whole = Page::plain();
        fill(&mut whole);
        let parts = parts.borrow();
        assert_eq!(parts.concat(), whole.into_text());
        assert!(parts.len() > 2 && parts.iter().all(|part| part.len() < 2 * FLUSH_BYTES));
    }

    #[test]
    fn a_piped_page_is_plain() {
        let mut page = Page::plain();
        page.heading("Connections");
        page.kv("max_connections", 30);
        page.kv("a key that is longer than any", "x");
        page.blank();
        page.table(sample());
        page.blank();
        page.blank();
        page.line("tail \u{7}");
        page.block(2, "SELECT 1\n  FROM t");
        assert_eq!(
            page.into_text(),
            "Connections\n\
             \x20 max_connections           30\n\
             \x20 a key that is longer than any  x\n\
             \n\
             user               connections\n\
             root                         1\n\
             evil\\x1b[2J\\nuser        12345\n\
             \n\
             tail \\x07\n\
             \x20 SELECT 1\n\
             \x20   FROM t\n"
        );
    }

    #[test]
    fn a_table_fits_the_terminal_and_colour_does_not_change_its_layout() {
        let wide = "word ".repeat(40);
        let texts: Vec<String> = [false, true]
            .into_iter()
            .map(|color| {
                let mut page = Page::new(color, Some(40));
                let style = page.style();
                let mut table = Table::new(["id", "statement"]);
                table.row([style.bad("17"), wide.clone()]);
                table.row(["18".to_string(), style.warn("x".repeat(90))]);
                page.table(table);
                page.into_text()
            })
            .collect();
        let mut bare = texts[1].clone();
        for sequence in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[31m", "\u{1b}[33m"] {
            bare = bare.replace(sequence, "");
        }
        assert!(texts[1].contains("\u{1b}[31m17\u{1b}[0m"));
        let trimmed = |text: &str| {
            text.lines()
                .map(|line| line.trim_end().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(trimmed(&bare), trimmed(&texts[0]));
        assert!(
            texts[0].lines().all(|line| line.chars().count() <= 40),
            "{}",
            texts[0]
        );
    }
}
