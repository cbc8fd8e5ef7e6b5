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
use super::{LARGE, cluster};

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

/// Where a link passes a layer: straight from its left to its right edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pass {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) y: f64,
}

/// All places.
pub(super) struct Places {
    /// Of each box of the scene.
    pub(super) frames: Vec<Frame>,
    /// The layers that the links between two boxes pass, from the left to the right.
    pub(super) ways: BTreeMap<(usize, usize), Vec<Pass>>,
    /// Around each cluster of a large scene.
    pub(super) clusters: Vec<Frame>,
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
    let large = frames.len() > LARGE;
    let mut places = Places {
        frames,
        ways: BTreeMap::new(),
        clusters: Vec::new(),
        width: 0.0,
        height: 0.0,
    };
    let parts = if large {
        cluster::clusters(scene)
    } else {
        parts(scene)
    };
    let (linked, single): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.len() > 1);
    let mut sizes: Vec<(Vec<usize>, f64, f64)> = Vec::new();
    for part in linked {
        let (width, height) = layers(scene, &part, &mut places);
        sizes.push((part, width, height));
    }
    let single: Vec<usize> = single.into_iter().flatten().collect();
    if !single.is_empty() {
        let (width, height) = grid(&single, &mut places);
        sizes.push((single, width, height));
    }
    // The highest first, as shelves are filled; the order of names decides among equals.
    sizes.sort_by(|one, other| other.2.total_cmp(&one.2).then(one.0[0].cmp(&other.0[0])));
    pack(&sizes, large, &mut places);
    places
}

/// Boxes without links, side by side with the corner at the origin; returns the size.
fn grid(part: &[usize], places: &mut Places) -> (f64, f64) {
    let area: f64 = part
        .iter()
        .map(|at| (places.frames[*at].width + GAP) * (places.frames[*at].height + GAP))
        .sum();
    let limit = (area * 1.6).sqrt();
    let (mut x, mut y, mut row, mut width) = (0.0, 0.0, 0.0f64, 0.0f64);
    for at in part {
        let frame = &mut places.frames[*at];
        if x > 0.0 && x + frame.width > limit {
            (x, y, row) = (0.0, y + row + GAP / 2.0, 0.0);
        }
        (frame.x, frame.y) = (x, y);
        x += frame.width + GAP / 2.0;
        row = row.max(frame.height);
        width = width.max(x - GAP / 2.0);
    }
    (width, y + row)
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

/// A link's boxes and the points that its way passes.
type Way = ((usize, usize), Vec<(f64, f64)>);

/// What the layout library draws, caught instead of drawn.
#[derive(Default)]
struct Catcher {
    boxes: Vec<(usize, Point)>,
    paths: Vec<Way>,
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
    for ((one, other), points) in &caught.paths {
        let mut passes: Vec<Pass> = points
            .iter()
            .map(|(x, y)| pass(caught, places, x - left, y - top))
            .collect();
        passes.sort_by(|one, other| one.left.total_cmp(&other.left));
        places.ways.insert((*one.min(other), *one.max(other)), passes);
    }
    (width, height)
}

/// The layer around a point: its boxes have their middles on one line.
fn pass(caught: &Catcher, places: &Places, x: f64, y: f64) -> Pass {
    let middle = |frame: &&Frame| (frame.x + frame.width / 2.0 - x).abs() < 2.0;
    let layer = || {
        caught
            .boxes
            .iter()
            .map(|(at, _)| &places.frames[*at])
            .filter(middle)
    };
    Pass {
        left: layer().map(|frame| frame.x).fold(x, f64::min).round(),
        right: layer()
            .map(|frame| frame.x + frame.width)
            .fold(x, f64::max)
            .round(),
        y: y.round(),
    }
}

/// Puts the parts side by side in rows of about the same width, in frames if they are clusters.
fn pack(sizes: &[(Vec<usize>, f64, f64)], framed: bool, places: &mut Places) {
    let gap = if framed { GAP * 2.0 } else { GAP };
    let area: f64 = sizes
        .iter()
        .map(|(_, width, height)| (width + gap) * (height + gap))
        .sum();
    let widest = sizes.iter().map(|(_, width, _)| *width).fold(0.0, f64::max);
    let limit = widest.max((area * 1.7).sqrt()).max(600.0);
    let (mut x, mut y, mut row) = (0.0, 0.0, 0.0f64);
    for (part, width, height) in sizes {
        if x > 0.0 && x + width > limit {
            (x, y, row) = (0.0, y + row + gap, 0.0);
        }
        let (dx, dy) = (MARGIN * 2.0 + x, MARGIN * 3.0 + y);
        for at in part {
            let frame = &mut places.frames[*at];
            (frame.x, frame.y) = (frame.x + dx, frame.y + dy);
        }
        for ((one, _), passes) in &mut places.ways {
            if part.contains(one) {
                let moved = |pass: &Pass| Pass {
                    left: pass.left + dx,
                    right: pass.right + dx,
                    y: pass.y + dy,
                };
                passes.iter_mut().for_each(|pass| *pass = moved(pass));
            }
        }
        if framed {
            let (x, y) = (dx - MARGIN, dy - MARGIN);
            places.clusters.push(Frame {
                x,
                y,
                width: width + MARGIN * 2.0,
                height: height + MARGIN * 2.0,
            });
        }
        x += width + gap;
        row = row.max(*height);
        places.width = places.width.max(dx + width + MARGIN * 2.0);
        places.height = places.height.max(dy + height + MARGIN * 2.0);
    }
    places.width = places.width.max(MARGIN * 2.0 + 200.0).ceil();
    places.height = places.height.max(MARGIN * 3.0).ceil();
}
