//! The picture: gauge and history above, the list in the middle, keys below.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{RenderDirection, Sparkline, SparklineBar, Widget};

use super::cells::clean;
use super::lists::{columns, sorted_column};
use super::panes;
use super::state::{Tab, View};
use crate::connections::Facts;
use crate::report::{count, plural, timestamp};

/// The smallest terminal that shows anything useful.
pub(super) const LEAST: (u16, u16) = (50, 12);

/// Draws the view.
pub fn draw(view: &mut View, frame: &mut Frame) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (width, height) = LEAST;
        let line = format!("the terminal is too small: {width} by {height} are needed; q quits");
        put(buffer, area, 0, 0, &line, Style::new());
        return;
    }
    title(view, buffer, area);
    gauge(view, buffer, area);
    history(view, buffer, area);
    tabs(view, buffer, area);
    let body = Rect::new(area.x, area.y + 6, area.width, area.height - 7);
    if view.help {
        panes::help(buffer, body);
    } else if view.detail.is_some() && body.height >= 8 {
        let upper = Rect::new(body.x, body.y, body.width, body.height * 2 / 5);
        let lower = Rect::new(
            body.x,
            body.y + upper.height,
            body.width,
            body.height - upper.height,
        );
        table(view, buffer, upper);
        panes::detail(view, buffer, lower);
    } else {
        table(view, buffer, body);
    }
    bottom(view, buffer, area);
    if let Some(question) = &view.question {
        panes::question(question, buffer, body);
    }
}

/// The colours, unless there are none.
impl View {
    pub(super) fn tone(&self, color: Color) -> Style {
        match self.color {
            true => Style::new().fg(color),
            false => Style::new(),
        }
    }
}

/// Writes text at a place of `area`, cut at its right edge.
pub(super) fn put(buffer: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) {
    if y < area.height && x < area.width {
        let width = usize::from(area.width - x);
        buffer.set_stringn(area.x + x, area.y + y, text, width, style);
    }
}

/// The same at the right edge.
fn put_right(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) {
    let width = u16::try_from(text.chars().count()).unwrap_or(area.width);
    put(buffer, area, area.width.saturating_sub(width), y, text, style);
}

fn title(view: &View, buffer: &mut Buffer, area: Rect) {
    let who = match &view.facts {
        Some(facts) if !facts.server.is_empty() => {
            format!("{} as {}", clean(&facts.server), clean(&facts.account))
        }
        Some(_) => "no answer from the server; seen from this host alone".to_owned(),
        None => "connecting".to_owned(),
    };
    put(
        buffer,
        area,
        0,
        0,
        &who,
        Style::new().add_modifier(Modifier::BOLD),
    );
    let when = view.sampled.map(timestamp).unwrap_or_default();
    let when = when.split_once('T').map_or(String::new(), |(_, time)| {
        format!(" {}", time.replace('Z', " UTC"))
    });
    let pace = match view.paused {
        true => " PAUSED".to_owned(),
        false => format!(" every {} s", view.interval.as_secs_f64()),
    };
    put_right(buffer, area, 0, &format!("{pace}{when}"), Style::new());
}

fn gauge(view: &View, buffer: &mut Buffer, area: Rect) {
    let Some(facts) = view.facts.as_deref() else {
        return;
    };
    if facts.max_connections == 0 {
        let held: u64 = facts.holders().iter().map(|holder| holder.connections).sum();
        let line = format!("processes of this host hold {}", plural(held, "connection"));
        put(buffer, area, 0, 1, &line, view.tone(Color::Yellow));
        return;
    }
    let share = facts.in_use as f64 / facts.max_connections as f64;
    let color = match share {
        share if share >= 0.9 => Color::Red,
        share if share >= 0.75 => Color::Yellow,
        _ => Color::Green,
    };
    let width = (area.width / 4).clamp(10, 40);
    let filled = ((share * f64::from(width)).round() as u16).min(width);
    let bar: String = (0..width).map(|at| if at < filled { '█' } else { '░' }).collect();
    put(buffer, area, 0, 1, &bar, view.tone(color));
    put(buffer, area, width + 1, 1, &numbers(facts), Style::new());
}

/// `12 of 30 in use, 3 running, 18 free, peak 25`.
fn numbers(facts: &Facts) -> String {
    let mut line = format!(
        "{} of {} in use, {} running, {} free, peak {}",
        count(facts.in_use),
        count(facts.max_connections),
        count(facts.others_running()),
        count(facts.free()),
        count(facts.peak)
    );
    if let Some(limit) = facts.account_limit {
        line.push_str(&format!(", account {} of {limit}", facts.account_in_use()));
    }
    if facts.unseen() > 0 {
        line.push_str(&format!(", {} not visible", count(facts.unseen())));
    }
    line
}

/// The connections in use over time, the newest at the right; the top is the server's limit.
fn history(view: &View, buffer: &mut Buffer, area: Rect) {
    let rows = Rect::new(area.x, area.y + 2, area.width, 3);
    let limit = view.facts.as_deref().map_or(0, |facts| facts.max_connections);
    let seen = view.history.iter().flatten().copied().max().unwrap_or(0);
    let newest = view.history.iter().rev().take(usize::from(area.width));
    let bars: Vec<SparklineBar> = newest.map(|value| SparklineBar::from(*value)).collect();
    Sparkline::default()
        .data(bars)
        .max(limit.max(seen).max(1))
        .direction(RenderDirection::RightToLeft)
        .absent_value_symbol("·")
        .style(view.tone(Color::Cyan))
        .render(rows, buffer);
}

fn tabs(view: &View, buffer: &mut Buffer, area: Rect) {
    let mut x = 0;
    for tab in Tab::ALL {
        let name = match tab {
            Tab::Processes => "Processes".to_owned(),
            Tab::Groups => format!("By {}", view.grouping.word()),
            Tab::Connections => "Connections".to_owned(),
            Tab::Locks => "Locks".to_owned(),
        };
        let text = format!(
            " {} {name} {} ",
            tab.index() + 1,
            count(view.lists[tab.index()].len() as u64)
        );
        let mut style = Style::new();
        if tab == view.tab {
            style = style.add_modifier(Modifier::REVERSED);
        }
        put(buffer, area, x, 5, &text, style);
        x += u16::try_from(text.chars().count()).unwrap_or(0);
    }
    let mut right = Vec::new();
    if let (Tab::Connections, Some(within)) = (view.tab, &view.within) {
        right.push(format!("of {}", within.words()));
    }
    if view.hide_idle {
        right.push("idle hidden".to_owned());
    }
    match (&view.typing, view.filter.as_str()) {
        (Some(text), _) => right.push(format!("filter: {}_", clean(text))),
        (None, "") => {}
        (None, text) => right.push(format!("filter: {}", clean(text))),
    }
    if !right.is_empty() {
        put_right(
            buffer,
            area,
            5,
            &format!(" {}", right.join(", ")),
            view.tone(Color::Yellow),
        );
    }
}

fn table(view: &mut View, buffer: &mut Buffer, area: Rect) {
    let rows = usize::from(area.height.saturating_sub(1));
    view.page = rows;
    let length = view.list().len();
    let arrangement = view.arrangement();
    // The row with the cursor stays on the screen.
    arrangement.top = arrangement.top.min(length.saturating_sub(rows));
    if arrangement.position < arrangement.top {
        arrangement.top = arrangement.position;
    } else if arrangement.position >= arrangement.top + rows {
        arrangement.top = arrangement.position + 1 - rows;
    }
    let (top, position) = (arrangement.top, arrangement.position);
    let (order, reverse) = (arrangement.sort, arrangement.reverse);
    let Some(facts) = view.facts() else { return };
    let columns = columns(view.tab, view.grouping);
    let shown: Vec<Vec<String>> = (top..length.min(top + rows))
        .map(|at| view.list().cells(view.tab, &facts, at))
        .collect();
    let sorted = sorted_column(view.tab, order);
    let heading = |index: usize| {
        let mark = match (sorted == Some(index), reverse) {
            (false, _) => "",
            (true, false) => "▼",
            (true, true) => "▲",
        };
        format!("{}{mark}", columns[index].0)
    };
    let headings: Vec<String> = (0..columns.len()).map(heading).collect();
    let widths = widths(view.tab, area.width, &headings, &shown);
    let mut x = 0;
    for (index, (_, number)) in columns.iter().enumerate() {
        let width = widths[index];
        if width == 0 {
            continue;
        }
        let column = Rect::new(
            area.x + x.min(area.width),
            area.y,
            width.min(area.width.saturating_sub(x)),
            area.height,
        );
        let place = |text: &str| match number {
            true => width.saturating_sub(width_of(text)),
            false => 0,
        };
        let style = Style::new().add_modifier(Modifier::BOLD);
        put(
            buffer,
            column,
            place(&headings[index]),
            0,
            &headings[index],
            style,
        );
        for (at, row) in shown.iter().enumerate() {
            if let (Some(cell), Ok(y)) = (row.get(index), u16::try_from(at + 1)) {
                put(buffer, column, place(cell), y, cell, Style::new());
            }
        }
        x += width + 2;
    }
    if length == 0 {
        let words = nothing(view, &facts);
        put(
            buffer,
            area,
            0,
            1,
            words,
            Style::new().add_modifier(Modifier::DIM),
        );
    } else if let Ok(y) = u16::try_from(position - top + 1) {
        let cursor = Rect::new(area.x, area.y + y, area.width, 1).intersection(area);
        buffer.set_style(cursor, Style::new().add_modifier(Modifier::REVERSED));
    }
}

/// The widths of the columns. The last one has the rest, no other more than a fifth; 0 is left out: in a narrow
/// terminal a statement says more than a host does.
fn widths(tab: Tab, width: u16, headings: &[String], rows: &[Vec<String>]) -> Vec<u16> {
    let widest = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index));
        let cells = cells.map(|cell| width_of(cell));
        cells.chain([width_of(&headings[index])]).max().unwrap_or(0)
    };
    let last = headings.len() - 1;
    let mut widths: Vec<u16> = (0..last)
        .map(|index| widest(index).min((width / 5).max(12)))
        .collect();
    let rest = |widths: &[u16]| {
        let taken: u16 = widths.iter().filter(|one| **one > 0).map(|one| one + 2).sum();
        width.saturating_sub(taken)
    };
    if tab == Tab::Connections {
        for index in LEFT_OUT {
            if rest(&widths) < 30 {
                widths[index] = 0;
            }
        }
    }
    widths.push(rest(&widths));
    widths
}

/// Columns of connections that a narrow terminal does without, the first of them first: host, database,
/// transaction.
const LEFT_OUT: [usize; 3] = [5, 6, 3];

fn nothing(view: &View, facts: &Facts) -> &'static str {
    match view.tab {
        Tab::Connections if view.within.is_some() => {
            "no connection of what was opened is left; Esc shows all"
        }
        _ if !view.filter.is_empty() || view.typing.is_some() => {
            "nothing contains this filter; Esc removes it"
        }
        Tab::Processes => "no process of this host that can be seen holds a connection",
        Tab::Locks if facts.sees_transactions => "nobody waits for a lock",
        Tab::Locks => "no lock that can be seen; GRANT PROCESS ON *.* shows who waits for whose rows",
        _ if facts.server.is_empty() => "the server shows its connections again when it answers",
        _ => "no connection",
    }
}

fn width_of(text: &str) -> u16 {
    u16::try_from(ratatui::text::Span::raw(text).width()).unwrap_or(u16::MAX)
}

fn bottom(view: &View, buffer: &mut Buffer, area: Rect) {
    let y = area.height - 1;
    let (text, style) = match (&view.failure, &view.message) {
        (Some(failure), _) => (clean(failure), view.tone(Color::Red)),
        (None, Some(message)) => (clean(message), view.tone(Color::Yellow)),
        (None, None) => (
            "q quit  ? help  1-4 views  ↑↓ move  Enter open  k end  / filter  s sort  g group  p pause"
                .to_owned(),
            Style::new().add_modifier(Modifier::DIM),
        ),
    };
    put(buffer, area, 0, y, &text, style);
}
