//! Where things stand: each connected part, or cluster of a large scene, is laid out in columns,
//! and the parts are packed; tables without links stand in a grid of their own.

use std::collections::BTreeMap;

use super::align::Stacks;
use super::route::{Turns, route};
use super::scene::{Box, Row, Scene, State, cut};
use super::{layers, pack};

/// Width of a letter of the monospaced font, in pixels.
pub(super) const LETTER: f64 = 7.25;
/// Height of a row.
pub(super) const ROW: f64 = 18.0;
/// Height of a box's head.
pub(super) const HEAD: f64 = 26.0;
/// Room around everything.
pub(super) const MARGIN: f64 = 24.0;
/// Height of the line with the title.
pub(super) const TITLE: f64 = 48.0;
/// Room between parts.
const GAP: f64 = 48.0;
/// Room between boxes without links.
const GRID: f64 = 24.0;
/// Letters of the marks before a column's name.
pub(super) const MARK_LETTERS: f64 = 4.0;

/// A box's place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Frame {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// One end of a link.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct End {
    /// Below the upper edge of the box.
    pub(super) dy: f64,
    /// Half the height of its mark: several may end at one row.
    pub(super) half: f64,
    /// Whether it is at the right side of the box.
    pub(super) right: bool,
    /// Links that leave their parent at the same plug go together as far as they can.
    pub(super) plug: usize,
}

/// All places.
pub(super) struct Places {
    /// Of each box of the scene.
    pub(super) frames: Vec<Frame>,
    /// The end at the parent and the one at the child of each link.
    pub(super) ends: Vec<[End; 2]>,
    /// The turns of each link between them.
    pub(super) turns: Vec<Turns>,
    /// Around each cluster of a large scene.
    pub(super) clusters: Vec<Frame>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// How wide a text is, in letters: those of East Asia and pictures take two.
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

/// What stands at the right of a row: its type, or the table that it leads to.
pub(super) fn note(row: &Row) -> (&str, bool) {
    cut(row.leads_to.as_ref().unwrap_or(&row.ty))
}

/// How large a box is.
fn size(one: &Box) -> (f64, f64) {
    let row = |row: &Row| {
        let (note, cut) = note(row);
        let arrow = if row.leads_to.is_some() { 2.0 } else { 0.0 };
        letters(row.state.sign())
            + letters(&row.name)
            + letters(note)
            + f64::from(u8::from(cut))
            + arrow
            + 2.0
    };
    let widest = one.rows.iter().map(row).fold(0.0, f64::max) + MARK_LETTERS;
    // Names are a little larger than the rest, and bold.
    let head = (letters(&one.name) + letters(one.state.sign())) * 1.12 + 1.0;
    let rows = one.rows.len() + usize::from(one.left_out > 0);
    let width = (widest.max(head) * LETTER + 16.0).ceil();
    (width.max(110.0), HEAD + rows as f64 * ROW + 6.0)
}

/// Boxes that are laid out together, and their links.
#[derive(Default)]
struct Part {
    boxes: Vec<usize>,
    links: Vec<usize>,
    width: f64,
    height: f64,
}

/// Finds a place for everything.
pub(super) fn place(scene: &Scene) -> Places {
    let sized = |one: &Box| {
        let (width, height) = size(one);
        Frame {
            width,
            height,
            ..Frame::default()
        }
    };
    let mut frames: Vec<Frame> = scene.boxes.iter().map(sized).collect();
    let mut parts = parts(scene);
    let mut columns: Vec<Vec<Vec<usize>>> = Vec::with_capacity(parts.len());
    let mut column_of = vec![0; frames.len()];
    for part in &parts {
        let of_part = if part.links.is_empty() {
            Vec::new()
        } else {
            let links: Vec<_> = part.links.iter().map(|at| &scene.links[*at]).collect();
            layers::columns(&part.boxes, &links, &frames)
        };
        for (number, column) in of_part.iter().enumerate() {
            column.iter().for_each(|at| column_of[*at] = number);
        }
        columns.push(of_part);
    }
    let ends = ends(scene, &column_of);
    let mut turns: Vec<Turns> = vec![Vec::new(); scene.links.len()];
    for (part, columns) in parts.iter_mut().zip(columns) {
        if columns.is_empty() {
            (part.width, part.height) = grid(&part.boxes, &mut frames);
            continue;
        }
        let links: Vec<_> = part
            .links
            .iter()
            .map(|at| (&scene.links[*at], ends[*at]))
            .collect();
        let (width, height, found) = route(Stacks::new(columns), &links, &column_of, &mut frames);
        (part.width, part.height) = (width, height);
        for (at, found) in part.links.iter().zip(found) {
            turns[*at] = found;
        }
    }
    let mut places = Places {
        frames,
        ends,
        turns,
        clusters: Vec::new(),
        width: 0.0,
        height: 0.0,
    };
    arrange(&parts, !scene.clusters.is_empty(), &mut places);
    places
}

/// The parts of a scene: its clusters, or what hangs together; then the tables without links.
fn parts(scene: &Scene) -> Vec<Part> {
    let groups = if scene.clusters.is_empty() {
        connected(scene)
    } else {
        scene.clusters.clone()
    };
    let mut part_of = vec![0; scene.boxes.len()];
    let mut parts: Vec<Part> = Vec::new();
    let mut alone = Part::default();
    let own: std::collections::BTreeSet<usize> = scene
        .links
        .iter()
        .filter(|link| link.child.0 == link.parent.0)
        .map(|link| link.child.0)
        .collect();
    for boxes in groups {
        if boxes.len() == 1 && !own.contains(&boxes[0]) {
            alone.boxes.extend(boxes);
            continue;
        }
        boxes.iter().for_each(|at| part_of[*at] = parts.len());
        parts.push(Part {
            boxes,
            ..Part::default()
        });
    }
    for (at, link) in scene.links.iter().enumerate().filter(|(_, link)| !link.far) {
        parts[part_of[link.child.0]].links.push(at);
    }
    if scene.clusters.is_empty() {
        // A few fit into what the others leave.
        parts.extend(alone.boxes.into_iter().map(|at| Part {
            boxes: vec![at],
            ..Part::default()
        }));
    } else if !alone.boxes.is_empty() {
        parts.push(alone);
    }
    parts
}

/// The connected parts, as indices of boxes.
fn connected(scene: &Scene) -> Vec<Vec<usize>> {
    let mut part: Vec<usize> = (0..scene.boxes.len()).collect();
    fn root(part: &mut [usize], mut at: usize) -> usize {
        while part[at] != at {
            part[at] = part[part[at]];
            at = part[at];
        }
        at
    }
    for link in &scene.links {
        let (one, other) = (root(&mut part, link.child.0), root(&mut part, link.parent.0));
        part[one.max(other)] = one.min(other);
    }
    let mut out: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..scene.boxes.len() {
        let root = root(&mut part, at);
        out.entry(root).or_default().push(at);
    }
    out.into_values().collect()
}

/// What ends at one place of a box: links of one kind to it as a parent, or one link as a child.
#[derive(PartialEq)]
enum Plug {
    Parent(bool, State),
    Child(usize),
}

/// A box, one of its rows or its head, and whether its right side.
type Port = (usize, Option<usize>, bool);

/// Where the links end: at the side that faces the other column, and beside each other where a
/// row has several.
fn ends(scene: &Scene, column_of: &[usize]) -> Vec<[End; 2]> {
    let mut plugs: BTreeMap<Port, Vec<(Plug, usize)>> = BTreeMap::new();
    let mut count = 0;
    let mut plug = |key, one: Plug| {
        // Nearly every place has one, and a vector's own first step is room for four.
        let here = plugs.entry(key).or_insert_with(|| Vec::with_capacity(1));
        if let Some((_, number)) = here.iter().find(|(other, _)| *other == one) {
            return *number;
        }
        here.push((one, count));
        count += 1;
        count - 1
    };
    let mut out: Vec<[End; 2]> = Vec::with_capacity(scene.links.len());
    for (at, link) in scene.links.iter().enumerate() {
        let (from, to) = (column_of[link.parent.0], column_of[link.child.0]);
        let (from_right, to_right) = (link.far || from <= to, !link.far && from >= to);
        let mut end = |(at, row): (usize, Option<usize>), right, one| End {
            right,
            plug: plug((at, row, right), one),
            ..End::default()
        };
        out.push([
            end(link.parent, from_right, Plug::Parent(link.optional, link.state)),
            end(link.child, to_right, Plug::Child(at)),
        ]);
    }
    let mut places = vec![(0.0, 0.0); count];
    for ((_, row, _), here) in plugs {
        let middle = row.map_or(HEAD / 2.0, |row| HEAD + row as f64 * ROW + 11.0);
        let many = here.len() as f64;
        let (step, half) = match here.len() {
            1 => (0.0, 6.0),
            2 => (8.0, 3.5),
            _ => (6.0, 2.5),
        };
        for (at, (_, number)) in here.iter().enumerate() {
            places[*number] = (middle + (at as f64 - (many - 1.0) / 2.0) * step, half);
        }
    }
    for end in out.iter_mut().flatten() {
        (end.dy, end.half) = places[end.plug];
    }
    out
}

/// Boxes without links, side by side with the corner at the origin; returns the size.
fn grid(part: &[usize], frames: &mut [Frame]) -> (f64, f64) {
    let sizes: Vec<(f64, f64)> = part
        .iter()
        .map(|at| (frames[*at].width, frames[*at].height))
        .collect();
    let (corners, size) = pack::pack(&sizes, GRID);
    for (at, corner) in part.iter().zip(corners) {
        (frames[*at].x, frames[*at].y) = corner;
    }
    size
}

/// Puts the parts on the page, in frames if they are clusters.
fn arrange(parts: &[Part], framed: bool, places: &mut Places) {
    let pad = if framed { MARGIN } else { 0.0 };
    let gap = if framed { GAP / 2.0 } else { GAP };
    let sizes: Vec<(f64, f64)> = parts
        .iter()
        .map(|part| (part.width + pad * 2.0, part.height + pad * 2.0))
        .collect();
    let (corners, page) = pack::pack(&sizes, gap);
    for ((part, (x, y)), (width, height)) in parts.iter().zip(corners).zip(sizes) {
        let (x, y) = (x + MARGIN, y + TITLE);
        for at in &part.boxes {
            let frame = &mut places.frames[*at];
            (frame.x, frame.y) = (frame.x + x + pad, frame.y + y + pad);
        }
        for at in &part.links {
            for turn in &mut places.turns[*at] {
                *turn = (turn.0 + x + pad, turn.1 + y + pad);
            }
        }
        if framed {
            places.clusters.push(Frame { x, y, width, height });
        }
    }
    places.width = (page.0 + MARGIN * 2.0).ceil();
    places.height = (page.1 + TITLE + MARGIN).ceil();
}
