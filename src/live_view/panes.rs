//! What lies over the list: the details of a connection, a question, the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Clear, Paragraph, Widget, Wrap};

use super::cells::clean;
use super::draw::put;
use super::question::Question;
use super::state::{Detail, View};
use crate::connections::{Connection, Explained, Facts, duration_of};
use crate::report::plural;

const KEYS: [(&str, &str); 17] = [
    ("q, Ctrl+C", "quit"),
    (
        "1 2 3 4, Tab",
        "processes of this host, groups, connections, locks",
    ),
    ("↑ ↓ PgUp PgDn Home End", "move the cursor"),
    (
        "Enter",
        "open: what a process or group holds; a connection's details",
    ),
    (
        "e",
        "the plan of the statement that the connection runs (EXPLAIN)",
    ),
    ("← →", "move the text of the details"),
    (
        "k",
        "end: the connection, those of the group, or the process (asks first)",
    ),
    ("K", "end the statement only; the connection stays (asks first)"),
    (
        "/",
        "filter: rows that contain a text, or with this id; Esc removes it",
    ),
    ("s, r", "sort by the next column; the other way round"),
    ("g", "group by user, host, program, database, command"),
    ("i", "hide idle connections without a transaction, or show them"),
    ("p, Space", "pause, and go on"),
    ("Ctrl+L", "draw everything anew"),
    ("Ctrl+Z", "stop; fg continues"),
    ("?", "this page"),
    ("", ""),
];

/// The keys.
pub(super) fn help(buffer: &mut Buffer, area: Rect) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    for (y, (keys, what)) in (0..).zip(KEYS) {
        put(buffer, area, 1, y, keys, bold);
        put(buffer, area, 25, y, what, Style::new());
    }
}

/// A question over the list.
pub(super) fn question(question: &Question, buffer: &mut Buffer, body: Rect) {
    let mut lines = question.lines.clone();
    let mut answers = Vec::new();
    if question.possible {
        answers.push("y yes");
    }
    if question.writers {
        answers.push("w those that changed rows, too: the server rolls them back");
    }
    answers.push(if question.possible {
        "any other key: no"
    } else {
        "any other key: back"
    });
    lines.push(answers.join("   "));
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(body.height)
        .min(body.height);
    let area = Rect::new(body.x, body.y, body.width, height);
    Clear.render(area, buffer);
    let rule = "─".repeat(usize::from(area.width));
    put(buffer, area, 0, 0, &rule, Style::new());
    let last = lines.len() - 1;
    for (at, line) in lines.iter().enumerate() {
        // The answers are seen, however little room there is.
        let y = if at == last {
            height - 2
        } else {
            u16::try_from(at + 1).unwrap_or(height)
        };
        let style = match at == 0 || at == last {
            true => Style::new().add_modifier(Modifier::BOLD),
            false => Style::new(),
        };
        if at == last || y < height - 2 {
            put(buffer, area, 1, y, line, style);
        }
    }
    put(buffer, area, 0, height - 1, &rule, Style::new());
}

/// All that is known of the connection under the cursor.
pub(super) fn detail(view: &View, buffer: &mut Buffer, area: Rect) {
    let (Some(detail), Some(facts)) = (&view.detail, view.facts.as_deref()) else {
        return;
    };
    let rule = format!(
        "── connection {} {}",
        detail.id,
        "─".repeat(usize::from(area.width))
    );
    put(buffer, area, 0, 0, &rule, Style::new());
    let inner = Rect::new(area.x, area.y + 1, area.width, area.height.saturating_sub(1));
    Paragraph::new(text(detail, facts))
        .wrap(Wrap { trim: false })
        .scroll((detail.scroll, 0))
        .render(inner, buffer);
}

fn text(detail: &Detail, facts: &Facts) -> String {
    let Some(one) = facts.connections.iter().find(|one| one.id == detail.id) else {
        return "it has ended, or cannot be seen any more".to_owned();
    };
    let mut lines = vec![about(one)];
    if let Some(process) = &one.process {
        let mut line = format!("process {}: {}", process.pid, process.command);
        if let Some((pid, name)) = &process.parent {
            line.push_str(&format!(", parent {pid} {name}"));
        }
        if let Some(user) = &process.user {
            line.push_str(&format!(", of {user}"));
        }
        lines.push(line);
    } else if let Some(program) = &one.program {
        let pid = one
            .client_pid
            .map_or(String::new(), |pid| format!(", process {pid}"));
        lines.push(format!("program {program}{pid} (says the client)"));
    }
    if facts.lock_waits.iter().any(|wait| wait.blocker == Some(one.id)) {
        let tree = facts.lock_tree();
        let holds = tree.iter().filter(|(id, _)| *id == one.id);
        lines.extend(holds.map(|(_, line)| line.trim_start().to_owned()));
    }
    for wait in facts.lock_waits.iter().filter(|wait| wait.waiter == one.id) {
        let table = wait
            .table
            .as_ref()
            .map_or(String::new(), |table| format!(" of {table}"));
        let holder = match wait.blocker {
            Some(id) => format!("connection {id} holds"),
            None => "the server does not say who holds".to_owned(),
        };
        lines.push(format!("waits for a {}{table}: {holder} it", wait.kind.words()));
    }
    match detail.statement.as_ref().or(one.statement.as_ref()) {
        Some(statement) => lines.push(format!("statement: {statement}")),
        None => lines.push("no statement is running".to_owned()),
    }
    let mut text: Vec<String> = lines.iter().flat_map(|line| broken(line)).collect();
    match &detail.plan {
        Some(plan) => text.extend(plan_lines(plan)),
        None if one.statement.is_some() => text.push("e shows its plan".to_owned()),
        None => {}
    }
    text.join("\n")
}

/// A line for each line of a statement.
fn broken(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| clean(&line.replace('\t', "  ")))
}

fn about(one: &Connection) -> String {
    let mut line = format!("{}@{}", one.user, one.host);
    if let Some(port) = one.port {
        line.push_str(&format!(":{port}"));
    }
    if let Some(database) = &one.database {
        line.push_str(&format!(", database {database}"));
    }
    line.push_str(&format!(", {} for {}", one.command, duration_of(one.time)));
    if !one.state.is_empty() {
        line.push_str(&format!(" ({})", one.state));
    }
    if let Some(age) = one.transaction {
        line.push_str(&format!(", in a transaction for {}", duration_of(age)));
    }
    if let Some(rows) = one.rows_changed {
        line.push_str(&format!(" that changed {}", plural(rows, "row")));
    }
    line
}

/// The plan as a table, or why there is none.
fn plan_lines(plan: &Explained) -> Vec<String> {
    if let Some(refused) = &plan.refused {
        return vec![format!("no plan: {}", clean(refused))];
    }
    let clean_row = |row: &Vec<String>| row.iter().map(|cell| clean(cell)).collect::<Vec<_>>();
    let mut rows = vec![clean_row(&plan.columns)];
    rows.extend(plan.rows.iter().map(clean_row));
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..plan.columns.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec!["plan:".to_owned()];
    lines.extend(rows.iter().map(line));
    lines
}
