//! Draws a graph as SVG.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::geometry::{Frame, HEAD_HEIGHT, LETTER_WIDTH, LinkEnd, MARGIN, MARK_LETTERS, ROW_HEIGHT, letters};
use super::graph::{BoxRow, DriftState, Graph, Link, TableBox};
use super::layout::{Placement, note};
use super::legend::Legend;
use super::xml::XmlText;

const STYLE: &str = "\
svg{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;background:#fff}\
.box>.body{fill:#fff;stroke:#8a94a6}.box>.head{fill:#33415c}.box .name{fill:#fff;font-weight:bold;font-size:13px}\
.ty{fill:#5b6472}.to{fill:#2b6cb0}.null{fill:#8a94a6}.pk{fill:#96600f;font-weight:bold}\
.fk{fill:#2b6cb0;font-weight:bold}.uk{fill:#6b46c1;font-weight:bold}.more{fill:#6b7280;font-style:italic}\
.link{fill:none;stroke:#56637a;stroke-width:1.3}.link.missing{stroke:#c53030;stroke-width:2}\
.link.missing>.way{stroke-dasharray:6 4}\
.link.extra{stroke:#2f855a;stroke-width:2}.link.different{stroke:#b7550f;stroke-width:2}\
.link.far.same{stroke-width:1;stroke-opacity:.8}.link.far.same>.way{stroke-opacity:.3}\
.link:hover{stroke:#2563eb;stroke-width:2.5}.link:hover>.way{stroke-opacity:1}\
.box.missing>.head{fill:#c53030}.box.extra>.head{fill:#2f855a}.box.different>.head{fill:#b7550f}\
.box.missing>.body{stroke:#c53030;stroke-dasharray:6 4}.box.extra>.body{stroke:#2f855a}\
.box.different>.body{stroke:#b7550f}\
.row.missing{fill:#fed7d7}.row.extra{fill:#c6f6d5}.row.different{fill:#feebc8}\
.cluster{fill:#f1f5f9;stroke:#dbe2ea}\
.title{font-size:15px;font-weight:bold;fill:#1f2937}.legend{font-size:11px}.legend text:not([class]){fill:#4b5563}";

/// Minimum width, so that title and legend fit.
const MIN_WIDTH: f64 = 420.0;

/// Draws the graph as a complete SVG file.
pub(super) fn draw(graph: &Graph, placement: &Placement, out: &mut impl Write) -> io::Result<()> {
    let title = letters(graph.title) * LETTER_WIDTH * 1.25 + MARGIN * 2.0;
    let width = placement.width.max(MIN_WIDTH).max(title.ceil());
    let legend = Legend::new(graph, width - MARGIN * 2.0);
    let height = placement.height + legend.height;
    start(width, height, out)?;
    writeln!(out, "<title>{}</title>", XmlText(graph.title))?;
    style(out)?;
    writeln!(out, "<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>")?;
    writeln!(
        out,
        "<text class=\"title\" x=\"{MARGIN}\" y=\"30\">{}</text>",
        XmlText(graph.title)
    )?;
    draw_content(graph, placement, out)?;
    legend.draw(MARGIN, placement.height - 8.0, out)?;
    writeln!(out, "</svg>")
}

/// Draws the graph for a page that has its own title and legend.
pub(super) fn draw_within_page(graph: &Graph, placement: &Placement, out: &mut impl Write) -> io::Result<()> {
    start(placement.width, placement.height, out)?;
    style(out)?;
    draw_content(graph, placement, out)?;
    writeln!(out, "</svg>")
}

/// Draws the legend alone.
pub(super) fn draw_legend(graph: &Graph, out: &mut impl Write) -> io::Result<()> {
    let legend = Legend::new(graph, 560.0);
    start(legend.width, legend.height, out)?;
    legend.draw(0.0, 0.0, out)?;
    writeln!(out, "</svg>")
}

fn start(width: f64, height: f64, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">"
    )
}

fn style(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<style>{STYLE}</style>")
}

fn draw_content(graph: &Graph, placement: &Placement, out: &mut impl Write) -> io::Result<()> {
    for Frame { x, y, width, height } in &placement.clusters {
        writeln!(
            out,
            "<rect class=\"cluster\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"12\"/>"
        )?;
    }
    // Links with drift are drawn above the others.
    for background in [true, false] {
        for (at, link) in graph.links.iter().enumerate() {
            if (link.far && link.state == DriftState::Same) == background {
                draw_link(graph, link, at, placement, out)?;
            }
        }
    }
    for (table_box, frame) in graph.boxes.iter().zip(&placement.frames) {
        draw_box(table_box, frame, out)?;
    }
    Ok(())
}

fn draw_box(table_box: &TableBox, frame: &Frame, out: &mut impl Write) -> io::Result<()> {
    let Frame { x, y, width, height } = *frame;
    let name = XmlText(&table_box.name);
    writeln!(
        out,
        "<g class=\"box {}\" data-table=\"{name}\">",
        table_box.state.class()
    )?;
    writeln!(
        out,
        "<rect class=\"body\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\"/>"
    )?;
    writeln!(
        out,
        "<path class=\"head\" d=\"M{x} {}V{}a5 5 0 0 1 5-5H{}a5 5 0 0 1 5 5V{}Z\"/>",
        y + HEAD_HEIGHT,
        y + 5.0,
        x + width - 5.0,
        y + HEAD_HEIGHT
    )?;
    writeln!(
        out,
        "<text class=\"name\" x=\"{}\" y=\"{}\">{}{name}</text>",
        x + 8.0,
        y + 18.0,
        table_box.state.sign()
    )?;
    for (at, row) in table_box.rows.iter().enumerate() {
        draw_row(row, frame, y + HEAD_HEIGHT + at as f64 * ROW_HEIGHT, out)?;
    }
    if table_box.left_out > 0 {
        let baseline = y + HEAD_HEIGHT + table_box.rows.len() as f64 * ROW_HEIGHT + 15.0;
        writeln!(
            out,
            "<text class=\"more\" x=\"{}\" y=\"{baseline}\">{} more</text>",
            x + 8.0 + (MARK_LETTERS - 1.0) * LETTER_WIDTH,
            table_box.left_out
        )?;
    }
    writeln!(out, "</g>")
}

fn draw_row(row: &BoxRow, frame: &Frame, top: f64, out: &mut impl Write) -> io::Result<()> {
    let (x, baseline) = (frame.x, top + 15.0);
    if row.state != DriftState::Same {
        writeln!(
            out,
            "<rect class=\"row {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{ROW_HEIGHT}\"/>",
            row.state.class(),
            x + 1.0,
            top + 2.0,
            frame.width - 2.0
        )?;
    }
    let mark = row.mark();
    if !mark.is_empty() {
        let class = match mark {
            "FK" => "fk",
            "UK" => "uk",
            _ => "pk",
        };
        write!(
            out,
            "<text class=\"{class}\" x=\"{}\" y=\"{baseline}\">{mark}</text>",
            x + 8.0
        )?;
    }
    write!(
        out,
        "<text x=\"{}\" y=\"{baseline}\">{}{}</text>",
        x + 8.0 + (MARK_LETTERS - 1.0) * LETTER_WIDTH,
        row.state.sign(),
        XmlText(&row.name)
    )?;
    let (class, arrow) = match row.leads_to {
        Some(_) => ("to", "→ "),
        None => ("ty", ""),
    };
    let (text, cut) = note(row);
    write!(
        out,
        "<text class=\"{class}\" x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{arrow}{}",
        x + frame.width - 8.0,
        XmlText(text)
    )?;
    if cut {
        write!(out, "…")?;
    }
    if row.nullable {
        write!(out, "<tspan class=\"null\">?</tspan>")?;
    }
    writeln!(out, "</text>")
}

/// The point where a link touches its box.
struct Touch {
    x: f64,
    y: f64,
    /// 1 to the right, -1 to the left.
    out: f64,
    half: f64,
}

impl Touch {
    fn new(frame: &Frame, end: &LinkEnd) -> Touch {
        Touch {
            x: if end.right { frame.x + frame.width } else { frame.x },
            y: frame.y + end.dy,
            out: if end.right { 1.0 } else { -1.0 },
            half: end.half,
        }
    }

    /// The x coordinate at a distance from the box.
    fn off(&self, distance: f64) -> f64 {
        self.x + self.out * distance
    }

    fn bar(&self, distance: f64, path: &mut String) {
        let (x, half) = (self.off(distance), self.half.min(5.0));
        let _ = write!(path, "M{x} {}V{}", self.y - half, self.y + half);
    }

    fn ring(&self, distance: f64, path: &mut String) {
        let radius = self.half.min(3.5);
        let left = self.off(distance + radius) - radius;
        let (y, across) = (self.y, radius * 2.0);
        let _ = write!(
            path,
            "M{left} {y}a{radius} {radius} 0 1 0 {across} 0a{radius} {radius} 0 1 0 -{across} 0"
        );
    }
}

fn draw_link(
    graph: &Graph,
    link: &Link,
    at: usize,
    placement: &Placement,
    out: &mut impl Write,
) -> io::Result<()> {
    let [start, end] = &placement.ends[at];
    let start = Touch::new(&placement.frames[link.parent.0], start);
    let end = Touch::new(&placement.frames[link.child.0], end);
    let mut path = format!("M{} {}", start.x, start.y);
    if link.far {
        // A link between clusters has no route: draw a curve in the background.
        let (from, to) = (start.off(18.0), end.off(20.0));
        // A curve that turns back must stay within the page's margin.
        let pull = ((to - from) / 2.0).clamp(50.0, 160.0).round();
        let _ = write!(
            path,
            "H{from}C{} {} {} {} {to} {}H{}",
            from + pull,
            start.y,
            to - pull,
            end.y,
            end.y,
            end.x
        );
    } else {
        corners(&start, &end, &placement.bends[at], &mut path);
    }
    let feet = feet(link, &start, &end);
    let (child, parent) = (graph.boxes[link.child.0].name, graph.boxes[link.parent.0].name);
    write!(
        out,
        "<g class=\"link {}{}\" data-from=\"{}\" data-to=\"{}\"><title>{}: {}",
        link.state.class(),
        if link.far { " far" } else { "" },
        XmlText(&child),
        XmlText(&parent),
        XmlText(&link.name),
        XmlText(&child)
    )?;
    columns(&link.key.columns, out)?;
    write!(out, " → {}", XmlText(&parent))?;
    columns(&link.key.references, out)?;
    writeln!(
        out,
        "</title><path class=\"way\" d=\"{path}\"/><path d=\"{feet}\"/></g>"
    )
}

fn columns(list: &[crate::schema::model::Symbol], out: &mut impl Write) -> io::Result<()> {
    for (at, column) in list.iter().enumerate() {
        write!(out, "{}{}", if at == 0 { " (" } else { ", " }, XmlText(column))?;
    }
    write!(out, ")")
}

/// Alternates horizontal and vertical lines with round corners, which distinguish a branch from a crossing.
fn corners(start: &Touch, end: &Touch, bends: &[(f64, f64)], path: &mut String) {
    let (mut from, mut y) = (start.x, start.y);
    for (at, (x, to)) in bends.iter().enumerate() {
        let next = bends.get(at + 1).map_or(end.x, |next| next.0);
        let least = (x - from).abs().min((next - x).abs() / 2.0);
        let round = 6f64.min((to - y).abs() / 2.0).min(least);
        let (down, before, after) = ((to - y).signum(), (x - from).signum(), (next - x).signum());
        let _ = write!(
            path,
            "H{}Q{x} {y} {x} {}V{}Q{x} {to} {} {to}",
            x - before * round,
            y + down * round,
            to - down * round,
            x + after * round
        );
        (from, y) = (x + after * round, *to);
    }
    let _ = write!(path, "H{}", end.x);
}

/// Crow's feet: "any number" or "none or one" at the child, "exactly one" or "none or one" at the parent.
fn feet(link: &Link, parent: &Touch, child: &Touch) -> String {
    let mut path = String::new();
    if link.single {
        child.bar(6.0, &mut path);
        child.ring(8.0, &mut path);
    } else {
        let (x, y, tip) = (child.x, child.y, child.off(11.0));
        let _ = write!(path, "M{x} {}L{tip} {y}L{x} {}", y - child.half, y + child.half);
        child.ring(11.0, &mut path);
    }
    parent.bar(6.0, &mut path);
    if link.optional {
        parent.ring(8.0, &mut path);
    } else {
        parent.bar(10.0, &mut path);
    }
    path
}
