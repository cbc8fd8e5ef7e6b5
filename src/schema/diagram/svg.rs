//! The scene as SVG.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::place::{Frame, HEAD, LETTER, MARGIN, MARK_LETTERS, Places, ROW};
use super::scene::{Box, Link, Row, Scene, State};

const STYLE: &str = "\
svg{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;background:#fff}\
.box>.body{fill:#fff;stroke:#8a94a6}.box>.head{fill:#33415c}.box .name{fill:#fff;font-weight:bold;font-size:13px}\
.ty{fill:#6b7280}.null{fill:#9aa3b2}.pk{fill:#b7791f;font-weight:bold}.fk{fill:#2b6cb0;font-weight:bold}\
.uk{fill:#6b46c1;font-weight:bold}.more{fill:#9aa3b2;font-style:italic}\
.link{fill:none;stroke:#64748b;stroke-width:1.3}.link.missing{stroke:#c53030;stroke-dasharray:6 4}\
.link.extra{stroke:#2f855a;stroke-width:2}.link.different{stroke:#c05621;stroke-width:2}\
.box.missing>.head{fill:#c53030}.box.extra>.head{fill:#2f855a}.box.different>.head{fill:#c05621}\
.box.missing>.body{stroke:#c53030;stroke-dasharray:6 4}.box.extra>.body{stroke:#2f855a}.box.different>.body{stroke:#c05621}\
.row.missing{fill:#fed7d7}.row.extra{fill:#c6f6d5}.row.different{fill:#feebc8}\
.cluster{fill:#f1f5f9;stroke:#dbe2ea}.link.far{stroke-width:1;stroke-opacity:.45}\
.title{font-size:15px;font-weight:bold;fill:#1f2937}.legend{fill:#6b7280}";

/// Draws the scene. Within a page the title is the page's own.
pub(super) fn draw(scene: &Scene, places: &Places, within_page: bool) -> String {
    let mut out = String::new();
    let (width, height) = (places.width, places.height);
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">"
    );
    let _ = writeln!(
        out,
        "<title>{}</title>\n<style>{STYLE}</style>",
        escape(&scene.title)
    );
    if !within_page {
        let _ = writeln!(out, "<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>");
        let _ = writeln!(
            out,
            "<text class=\"title\" x=\"{MARGIN}\" y=\"30\">{}</text>",
            escape(&scene.title)
        );
    }
    for Frame { x, y, width, height } in &places.clusters {
        let _ = writeln!(
            out,
            "<rect class=\"cluster\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"12\"/>"
        );
    }
    let mut lanes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for link in &scene.links {
        let lane = lanes.entry((link.child.0, link.parent.0)).or_default();
        draw_link(scene, link, *lane, places, &mut out);
        *lane += 1;
    }
    for (one, frame) in scene.boxes.iter().zip(&places.frames) {
        draw_box(one, frame, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

/// Text for XML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn draw_box(one: &Box, frame: &Frame, out: &mut String) {
    let Frame { x, y, width, height } = *frame;
    let name = escape(&one.name);
    let _ = writeln!(
        out,
        "<g class=\"box {}\" data-table=\"{name}\">",
        one.state.class()
    );
    let _ = writeln!(
        out,
        "<rect class=\"body\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\"/>"
    );
    let _ = writeln!(
        out,
        "<path class=\"head\" d=\"M{x} {}V{}a5 5 0 0 1 5-5H{}a5 5 0 0 1 5 5V{}Z\"/>",
        y + HEAD,
        y + 5.0,
        x + width - 5.0,
        y + HEAD
    );
    let _ = writeln!(
        out,
        "<text class=\"name\" x=\"{}\" y=\"{}\">{name}</text>",
        x + 10.0,
        y + 18.0
    );
    for (at, row) in one.rows.iter().enumerate() {
        draw_row(row, frame, y + HEAD + at as f64 * ROW, out);
    }
    if one.left_out > 0 {
        let baseline = y + HEAD + one.rows.len() as f64 * ROW + 15.0;
        let _ = writeln!(
            out,
            "<text class=\"more\" x=\"{}\" y=\"{baseline}\">{} more</text>",
            x + 10.0,
            one.left_out
        );
    }
    out.push_str("</g>\n");
}

fn draw_row(row: &Row, frame: &Frame, top: f64, out: &mut String) {
    let (x, baseline) = (frame.x, top + 15.0);
    if row.state != State::Same {
        let _ = writeln!(
            out,
            "<rect class=\"row {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{ROW}\"/>",
            row.state.class(),
            x + 1.0,
            top + 2.0,
            frame.width - 2.0
        );
    }
    let mark = match (row.primary, row.foreign, row.unique) {
        (true, true, _) => Some(("pk", "PF")),
        (true, false, _) => Some(("pk", "PK")),
        (false, true, _) => Some(("fk", "FK")),
        (false, false, true) => Some(("uk", "UK")),
        _ => None,
    };
    if let Some((class, text)) = mark {
        let _ = write!(
            out,
            "<text class=\"{class}\" x=\"{}\" y=\"{baseline}\">{text}</text>",
            x + 8.0
        );
    }
    let sign = match row.state {
        State::Missing => "- ",
        State::Extra => "+ ",
        State::Different => "~ ",
        State::Same => "",
    };
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{baseline}\">{sign}{}</text>",
        x + 8.0 + (MARK_LETTERS - 1.0) * LETTER,
        escape(&row.name)
    );
    let null = if row.nullable {
        "<tspan class=\"null\">?</tspan>"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "<text class=\"ty\" x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{}{null}</text>",
        x + frame.width - 8.0,
        escape(&row.ty)
    );
}

/// The middle of a row, or of the head.
fn row_middle(frame: &Frame, row: Option<usize>) -> f64 {
    match row {
        Some(at) => frame.y + HEAD + (at as f64 + 0.5) * ROW + 2.0,
        None => frame.y + HEAD / 2.0,
    }
}

/// One end of a link: where it touches its box, and whether it leaves to the right.
#[derive(Clone, Copy)]
struct End {
    x: f64,
    y: f64,
    right: bool,
}

impl End {
    fn new(frame: &Frame, row: Option<usize>, right: bool) -> End {
        End {
            x: if right { frame.x + frame.width } else { frame.x },
            y: row_middle(frame, row),
            right,
        }
    }

    /// So far away from the box.
    fn out(self, distance: f64) -> f64 {
        if self.right {
            self.x + distance
        } else {
            self.x - distance
        }
    }
}

/// Distance of two links between the same boxes.
const LANE: f64 = 5.0;

fn draw_link(scene: &Scene, link: &Link, lane: usize, places: &Places, out: &mut String) {
    let (parent, child) = (places.frames[link.parent.0], places.frames[link.child.0]);
    let (from, to) = (link.parent.0, link.child.0);
    let middle = |frame: &Frame| frame.x + frame.width / 2.0;
    let own = from == to;
    let forth = middle(&parent) <= middle(&child);
    let start = End::new(&parent, link.parent.1, own || forth);
    let end = End::new(&child, link.child.1, own || !forth);

    let (sx, ex) = (start.out(16.0), end.out(16.0));
    // Links between clusters have no way laid out for them: they stay in the background.
    let far = if !own && !places.ways.contains_key(&(from.min(to), from.max(to))) {
        " far"
    } else {
        ""
    };
    let mut path = format!("M{} {}H{sx}", start.x, start.y);
    if own {
        let _ = write!(
            path,
            "C{} {} {} {} {ex} {}",
            sx + 30.0,
            start.y,
            ex + 30.0,
            end.y,
            end.y
        );
    } else {
        let mut passes = places
            .ways
            .get(&(from.min(to), from.max(to)))
            .cloned()
            .unwrap_or_default();
        if !forth {
            passes.reverse();
        }
        let mut at = (sx, start.y);
        for pass in passes {
            let y = pass.y + lane as f64 * LANE;
            let (near, far) = if forth {
                (pass.left, pass.right)
            } else {
                (pass.right, pass.left)
            };
            curve(&mut path, at, (near, y));
            let _ = write!(path, "H{far}");
            at = (far, y);
        }
        curve(&mut path, at, (ex, end.y));
    }
    let _ = write!(path, "H{}", end.x);
    feet(link, start, end, &mut path);
    let title = format!(
        "{}: {} → {}",
        link.name, scene.boxes[link.child.0].name, scene.boxes[link.parent.0].name
    );
    let _ = writeln!(
        out,
        "<path class=\"link {}{far}\" data-from=\"{}\" data-to=\"{}\" d=\"{path}\"><title>{}</title></path>",
        link.state.class(),
        escape(&scene.boxes[link.child.0].name),
        escape(&scene.boxes[link.parent.0].name),
        escape(&title)
    );
}

/// A curve that begins and ends level.
fn curve(path: &mut String, from: (f64, f64), to: (f64, f64)) {
    let half = ((from.0 + to.0) / 2.0).round();
    let _ = write!(path, "C{half} {} {half} {} {} {}", from.1, to.1, to.0, to.1);
}

/// Crow's feet: many (or one) and none (or one) at the child, one or none at the parent.
fn feet(link: &Link, parent: End, child: End, path: &mut String) {
    let (x, y) = (child.x, child.y);
    if link.single {
        let bar = child.out(6.0);
        let _ = write!(path, "M{bar} {}V{}", y - 5.0, y + 5.0);
    } else {
        let tip = child.out(11.0);
        let _ = write!(path, "M{x} {}L{tip} {y}L{x} {}", y - 6.0, y + 6.0);
    }
    let ring = child.out(14.5);
    let _ = write!(path, "M{} {y}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0", ring - 3.5);
    let bar = parent.out(6.0);
    let _ = write!(path, "M{bar} {}V{}", parent.y - 5.0, parent.y + 5.0);
    if link.optional {
        let ring = parent.out(12.5);
        let _ = write!(
            path,
            "M{} {}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0",
            ring - 3.5,
            parent.y
        );
    } else {
        let bar = parent.out(10.0);
        let _ = write!(path, "M{bar} {}V{}", parent.y - 5.0, parent.y + 5.0);
    }
}
