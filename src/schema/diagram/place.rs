//! Where things stand: each connected part is laid out in layers, parents on the left of their
//! children, and the parts are packed in rows; tables without links stand in a grid below.

use std::collections::BTreeMap;

use layout::core::base::Orientation;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;

use super::scene::{Box, Scene};

/// Width of a letter of the monospaced font, in pixels.
pub(super) const LETTER: f64 = 7.2;
/// Height of a row.
pub(super) const ROW: f64 = 18.0;
/// Height of a box's head.
pub(super) const HEAD: f64 = 26.0;
/// Room around everything.
pub(super) const MARGIN: f64 = 24.0;
/// Room between parts.
const GAP: f64 = 48.0;
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

/// All places.
pub(super) struct Places {
    /// Of each box of the scene.
    pub(super) frames: Vec<Frame>,
    /// The points that the links between two boxes pass, from the first box to the second.
    pub(super) ways: BTreeMap<(usize, usize), Vec<(f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// How large a box is.
fn size(one: &Box) -> (f64, f64) {
    let row = |row: &super::scene::Row| row.name.chars().count() + row.ty.chars().count() + 2;
    let letters = one.rows.iter().map(row).max().unwrap_or(0) as f64 + MARK_LETTERS;
    let head = one.name.chars().count() as f64 * 1.15 + 2.0;
    let rows = one.rows.len() + usize::from(one.left_out > 0);
    let width = (letters.max(head) * LETTER + 20.0).ceil();
    (width.max(120.0), HEAD + rows as f64 * ROW + 6.0)
}

/// Finds a place for everything.
pub(super) fn place(scene: &Scene) -> Places {
    let frames: Vec<Frame> = scene
        .boxes
        .iter()
        .map(|one| {
            let (width, height) = size(one);
            Frame {
                width,
                height,
                ..Frame::default()
            }
        })
        .collect();
    let mut places = Places {
        frames,
        ways: BTreeMap::new(),
        width: 0.0,
        height: 0.0,
    };
    let mut parts = parts(scene);
    // The largest first; the order of names decides among equals.
    parts.sort_by_key(|part| (std::cmp::Reverse(part.len()), part[0]));
    let (linked, single): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.len() > 1);
    let mut sizes: Vec<(Vec<usize>, f64, f64)> = linked
        .into_iter()
        .map(|part| {
            let (width, height) = layers(scene, &part, &mut places);
            (part, width, height)
        })
        .collect();
    sizes.extend(single.into_iter().map(|part| {
        let frame = places.frames[part[0]];
        (part, frame.width, frame.height)
    }));
    pack(&sizes, &mut places);
    places
}

/// The connected parts, as indices of boxes.
fn parts(scene: &Scene) -> Vec<Vec<usize>> {
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

/// What the layout library draws, caught instead of drawn.
#[derive(Default)]
struct Catcher {
    boxes: Vec<(usize, Point)>,
    paths: Vec<((usize, usize), Vec<(f64, f64)>)>,
}

impl RenderBackend for Catcher {
    fn draw_rect(
        &mut self,
        xy: Point,
        _: Point,
        _: &StyleAttr,
        properties: Option<String>,
        _: Option<ClipHandle>,
    ) {
        if let Some(at) = properties.and_then(|text| text.parse().ok()) {
            self.boxes.push((at, xy));
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _: bool,
        _: (bool, bool),
        _: &StyleAttr,
        properties: Option<String>,
        _: &str,
    ) {
        let ends = properties.as_deref().and_then(|text| text.split_once(' '));
        let Some((Ok(from), Ok(to))) = ends.map(|(from, to)| (from.parse(), to.parse())) else {
            return;
        };
        // The first and the last stand at the boxes; each holds its control point first.
        let inner = path.get(1..path.len().saturating_sub(1)).unwrap_or_default();
        self.paths.push((
            (from, to),
            inner.iter().map(|(_, point)| (point.x, point.y)).collect(),
        ));
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}
    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}
    fn draw_text(&mut self, _: Point, _: &str, _: &StyleAttr) {}
    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

/// Lays one part out with its corner at the origin; returns its size.
fn layers(scene: &Scene, part: &[usize], places: &mut Places) -> (f64, f64) {
    let mut graph = VisualGraph::new(Orientation::LeftToRight);
    let mut handles = BTreeMap::new();
    for at in part {
        let frame = places.frames[*at];
        let element = Element::create_with_properties(
            ShapeKind::new_box(""),
            StyleAttr::simple(),
            Orientation::LeftToRight,
            Point::new(frame.width, frame.height),
            at.to_string(),
        );
        handles.insert(*at, graph.add_node(element));
    }
    let mut seen = std::collections::BTreeSet::new();
    for link in &scene.links {
        let (from, to) = (link.parent.0, link.child.0);
        let (Some(one), Some(other)) = (handles.get(&from), handles.get(&to)) else {
            continue;
        };
        if from != to && seen.insert((from.min(to), from.max(to))) {
            let arrow = Arrow {
                properties: Some(format!("{from} {to}")),
                ..Arrow::default()
            };
            graph.add_edge(arrow, *one, *other);
        }
    }
    let mut caught = Catcher::default();
    graph.do_it(false, false, false, &mut caught);
    settle(&caught, places)
}

/// Moves what was caught to the origin.
fn settle(caught: &Catcher, places: &mut Places) -> (f64, f64) {
    let left = caught
        .boxes
        .iter()
        .map(|(_, at)| at.x)
        .fold(f64::INFINITY, f64::min);
    let points = caught
        .paths
        .iter()
        .flat_map(|(_, points)| points.iter().map(|(_, y)| *y));
    let top = caught
        .boxes
        .iter()
        .map(|(_, at)| at.y)
        .chain(points.clone())
        .fold(f64::INFINITY, f64::min);
    let bottom = points.fold(0.0, f64::max);
    let (mut width, mut height) = (0.0f64, bottom - top);
    for (at, corner) in &caught.boxes {
        let frame = &mut places.frames[*at];
        (frame.x, frame.y) = ((corner.x - left).round(), (corner.y - top).round());
        width = width.max(frame.x + frame.width);
        height = height.max(frame.y + frame.height);
    }
    for (ends, points) in &caught.paths {
        let moved = points
            .iter()
            .map(|(x, y)| ((x - left).round(), (y - top).round()))
            .collect();
        places.ways.insert(*ends, moved);
    }
    (width, height)
}

/// Puts the parts side by side in rows of about the same width.
fn pack(sizes: &[(Vec<usize>, f64, f64)], places: &mut Places) {
    let area: f64 = sizes
        .iter()
        .map(|(_, width, height)| (width + GAP) * (height + GAP))
        .sum();
    let widest = sizes.iter().map(|(_, width, _)| *width).fold(0.0, f64::max);
    let limit = widest.max((area * 1.5).sqrt()).max(600.0);
    let (mut x, mut y, mut row) = (0.0, 0.0, 0.0f64);
    for (part, width, height) in sizes {
        if x > 0.0 && x + width > limit {
            (x, y, row) = (0.0, y + row + GAP, 0.0);
        }
        let (dx, dy) = (MARGIN + x, MARGIN * 2.0 + y);
        for at in part {
            let frame = &mut places.frames[*at];
            (frame.x, frame.y) = (frame.x + dx, frame.y + dy);
        }
        for ((from, _), points) in &mut places.ways {
            if part.contains(from) {
                points.iter_mut().for_each(|(x, y)| (*x, *y) = (*x + dx, *y + dy));
            }
        }
        x += width + GAP;
        row = row.max(*height);
        places.width = places.width.max(dx + width + MARGIN);
        places.height = places.height.max(dy + height + MARGIN);
    }
    places.width = places.width.max(MARGIN * 2.0 + 200.0).ceil();
    places.height = places.height.max(MARGIN * 3.0).ceil();
}
