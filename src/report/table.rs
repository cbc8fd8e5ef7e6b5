//! Tables of text cells. Only a few rows at a time are laid out, because a row that is laid out takes kilobytes.

use std::fmt::Display;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width, presets};
use unicode_width::UnicodeWidthStr;

use super::style::Style;
use crate::escape::visible;

/// The rows that are laid out at a time; a table of no more rows than that is laid out as a whole.
const BLOCK: usize = 100;
/// The spaces behind a column.
const GAP: u16 = 2;
/// A column of a long table is never made narrower than this to fit a terminal.
const NARROWEST: u16 = 10;

/// Receives the rows of a table.
pub type RowSink<'a> = dyn FnMut(Vec<String>) + 'a;

/// A table of text cells; cells may hold styled spans.
#[derive(Debug, Clone, Default)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
    indent: usize,
}

impl Table {
    /// A table with these column headers.
    pub fn new<H: Display>(headers: impl IntoIterator<Item = H>) -> Self {
        Table {
            headers: headers.into_iter().map(|header| header.to_string()).collect(),
            ..Table::default()
        }
    }

    /// Aligns these columns (counted from 0) to the right, e.g. for numbers.
    #[must_use]
    pub fn right(mut self, columns: &[usize]) -> Self {
        self.right = columns.to_vec();
        self
    }

    /// Indents the whole table by this many spaces.
    #[must_use]
    pub fn indent(mut self, spaces: usize) -> Self {
        self.indent = spaces;
        self
    }

    /// Adds a row.
    pub fn row<C: Display>(&mut self, cells: impl IntoIterator<Item = C>) -> &mut Self {
        self.rows
            .push(cells.into_iter().map(|cell| visible(&cell.to_string())).collect());
        self
    }

    /// Whether the table has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Passes the lines of the table to `line`.
    pub(super) fn render(mut self, style: Style, width: Option<u16>, line: &mut dyn FnMut(String)) {
        let rows = std::mem::take(&mut self.rows);
        if rows.len() > BLOCK {
            let all = |sink: &mut RowSink<'_>| rows.iter().for_each(|row| sink(row.clone()));
            self.render_rows(style, width, &all, line);
            return;
        }
        let mut block = self.block(style, width, true);
        for row in rows {
            block.add_row(row);
        }
        self.lines(block, None, line);
    }

    /// Passes the lines of the table with these rows to `line`: first measures them, then lays them out in blocks.
    pub(super) fn render_rows(
        &self,
        style: Style,
        width: Option<u16>,
        rows: &dyn Fn(&mut RowSink<'_>),
        line: &mut dyn FnMut(String),
    ) {
        let cells_width = |cell: &String| u16::try_from(cell.width()).unwrap_or(u16::MAX);
        let mut widths: Vec<u16> = self.headers.iter().map(cells_width).collect();
        rows(&mut |row| {
            for (widest, cell) in widths.iter_mut().zip(&row) {
                *widest = cells_width(&visible(cell)).max(*widest);
            }
        });
        if let Some(width) = width {
            let indent = u16::try_from(self.indent).unwrap_or(0);
            fit(&mut widths, width.saturating_sub(indent));
        }
        let mut block = self.block(style, width, true);
        rows(&mut |row| {
            block.add_row(row.iter().map(|cell| visible(cell)).collect::<Vec<_>>());
            if block.row_count() >= BLOCK {
                let full = std::mem::replace(&mut block, self.block(style, width, false));
                self.lines(full, Some(&widths), line);
            }
        });
        if block.row_count() > 0 || block.header().is_some() {
            self.lines(block, Some(&widths), line);
        }
    }

    /// A part of the table without rows.
    fn block(&self, style: Style, width: Option<u16>, with_header: bool) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        match width {
            Some(width) => {
                let indent = u16::try_from(self.indent).unwrap_or(0);
                table
                    .set_content_arrangement(ContentArrangement::Dynamic)
                    .set_width(width.saturating_sub(indent).max(20));
            }
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        if with_header {
            let headers = self.headers.iter().map(|header| style.strong(header));
            table.set_header(headers.collect::<Vec<_>>());
        }
        table
    }

    /// Passes the lines of a part to `line`; its columns have these widths, or as much as they need.
    fn lines(&self, mut block: comfy_table::Table, widths: Option<&[u16]>, line: &mut dyn FnMut(String)) {
        for (index, column) in block.column_iter_mut().enumerate() {
            column.set_padding((0, GAP));
            if self.right.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if let Some(width) = widths.and_then(|widths| widths.get(index)) {
                let width = width.saturating_add(GAP);
                column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
            }
        }
        let indent = " ".repeat(self.indent);
        block.lines().for_each(|one| line(format!("{indent}{one}")));
    }
}

/// Makes the widest columns narrower until all of them fit, with the spaces between them.
fn fit(widths: &mut [u16], available: u16) {
    let gaps = widths.len().saturating_sub(1) * usize::from(GAP);
    let total = |widths: &[u16]| widths.iter().map(|width| usize::from(*width)).sum::<usize>() + gaps;
    while total(widths) > usize::from(available) {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Table, fit};
    use crate::report::Page;

    #[test]
    fn a_long_table_is_laid_out_as_one() {
        let row = |number: usize| {
            [
                format!("row {number}"),
                "ü".repeat(number % 7),
                format!("{}", number * number),
            ]
        };
        let header = || Table::new(["NAME", "BAR", "NUMBER"]).right(&[2]).indent(2);
        let count = BLOCK * 3 + 1;
        let mut table = header();
        for number in 0..count {
            table.row(row(number));
        }
        let mut held = Page::plain();
        held.table(table);
        let mut streamed = Page::plain();
        streamed.long_table(&header(), &|sink| {
            (0..count).for_each(|number| sink(row(number).to_vec()))
        });
        let text = streamed.into_text();
        assert_eq!(held.into_text(), text);
        assert_eq!(text.lines().count(), count + 1);
        assert!(
            text.starts_with("  NAME     BAR     NUMBER\n  row 0                 0\n"),
            "{text}"
        );
        assert!(
            text.lines()
                .all(|line| line.chars().count() == text.lines().next().unwrap_or_default().len())
        );
        let mut empty = Page::plain();
        empty.long_table(&header(), &|_| {});
        assert_eq!(empty.into_text(), "  NAME  BAR  NUMBER\n");
    }

    #[test]
    fn only_the_widest_columns_give_way() {
        let fitted = |mut widths: Vec<u16>, available| {
            fit(&mut widths, available);
            widths
        };
        assert_eq!(fitted(vec![5, 100, 20], 80), [5, 51, 20]);
        assert_eq!(fitted(vec![5, 60, 50], 59), [5, 25, 25]);
        assert_eq!(fitted(vec![5, 60, 50], 10), [5, 10, 10]);
    }
}
