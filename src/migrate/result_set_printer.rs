//! Prints the result sets of a migration's statements, in bounded memory.

use crate::db::{Event, Row, Value};
use crate::report::{Format, Reporter, visible};

/// Maximum width of a column, in characters.
const MAX_WIDTH: usize = 60;
/// Rows read before the column widths are fixed.
const LOOK_AHEAD: usize = 50;

/// Prints result sets to standard output as they arrive.
pub struct ResultSetPrinter<'a> {
    report: &'a Reporter,
    names: Vec<String>,
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
    /// Rows of all result sets; `None` until there is one.
    total: Option<u64>,
}

impl<'a> ResultSetPrinter<'a> {
    /// A printer for one statement.
    pub fn new(report: &'a Reporter) -> Self {
        ResultSetPrinter {
            report,
            names: Vec::new(),
            waiting: Vec::new(),
            widths: None,
            total: None,
        }
    }

    /// Processes a part of the statement's answer.
    pub fn event(&mut self, event: Event) {
        match event {
            Event::Columns(names) => {
                self.finish();
                self.total.get_or_insert(0);
                self.names = names.iter().map(|name| clip(name)).collect();
            }
            Event::Row(row) => {
                *self.total.get_or_insert(0) += 1;
                if self.report.format() != Format::Text || self.report.stdout_closed() {
                    return;
                }
                self.waiting.push(cells(&row));
                if self.widths.is_some() || self.waiting.len() >= LOOK_AHEAD {
                    self.flush();
                }
            }
            Event::SetDone(_) => self.finish(),
        }
    }

    /// Ends a result set.
    pub fn finish(&mut self) {
        if self.names.is_empty() {
            return;
        }
        if self.report.format() == Format::Text {
            self.flush();
        }
        self.names.clear();
        self.widths = None;
    }

    /// Rows the statement returned; `None` if it returned no result set.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    fn flush(&mut self) {
        let header = self.widths.is_none();
        let widths = self.widths.get_or_insert_with(|| {
            (0..self.names.len())
                .map(|column| {
                    let cells = self.waiting.iter().filter_map(|row| row.get(column));
                    cells
                        .chain(self.names.get(column))
                        .map(|cell| cell.chars().count())
                        .max()
                        .unwrap_or(0)
                })
                .collect()
        });
        let mut text = String::new();
        if header {
            push_line(&mut text, &self.names, widths);
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            push_line(&mut text, &rules, widths);
        }
        for row in self.waiting.drain(..) {
            push_line(&mut text, &row, widths);
        }
        self.report.out(&text);
    }
}

fn push_line(text: &mut String, cells: &[String], widths: &[usize]) {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        let length = cell.chars().count();
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(length) + 2));
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

fn cells(row: &Row) -> Vec<String> {
    (0..row.len())
        .map(|column| row.as_ref(column).map_or(String::new(), cell))
        .collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::NULL => "NULL".to_owned(),
        Value::Bytes(bytes) => {
            // Enough bytes for the widest column, so that a large value is not copied in full.
            let shown = &bytes[..bytes.len().min(MAX_WIDTH * 4 + 4)];
            clip(&String::from_utf8_lossy(shown))
        }
        other => clip(&other.as_sql(true)),
    }
}

fn clip(text: &str) -> String {
    let mut shown: String = visible(text.get(..MAX_WIDTH * 8).unwrap_or(text))
        .chars()
        .take(MAX_WIDTH + 1)
        .collect();
    if shown.chars().count() > MAX_WIDTH {
        shown.pop();
        shown.pop();
        shown.push('…');
    }
    shown
}
