//! Which table stands in which column of its part, and in which order: found by the layout
//! library, parents on the left of their children and with few crossings. The library leaves
//! much room and knows no rows, so the places themselves are not taken from it.

use std::collections::BTreeSet;

use layout::core::base::Orientation;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;

use super::place::Frame;
use super::scene::Link;

/// Height of a part by its width, about that of a screen.
const ASPECT: f64 = 0.62;
/// Room that a box takes beyond its own size, as an estimate.
const AROUND: (f64, f64) = (80.0, 28.0);

/// The boxes that the layout library draws, caught instead of drawn.
#[derive(Default)]
struct Catcher {
    boxes: Vec<(usize, Point, Point)>,
}

impl RenderBackend for Catcher {
    fn draw_rect(
        &mut self,
        corner: Point,
        size: Point,
        _: &StyleAttr,
        properties: Option<String>,
        _: Option<ClipHandle>,
    ) {
        if let Some(at) = properties.and_then(|text| text.parse().ok()) {
            self.boxes.push((at, corner, size));
        }
    }

    fn draw_arrow(
        &mut self,
        _: &[(Point, Point)],
        _: bool,
        _: (bool, bool),
        _: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
    }
    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}
    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}
    fn draw_text(&mut self, _: Point, _: &str, _: &StyleAttr) {}
    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

/// The columns of a part from the left to the right, each from the top to the bottom.
pub(super) fn columns(part: &[usize], links: &[&Link], frames: &[Frame]) -> Vec<Vec<usize>> {
    let mut graph = VisualGraph::new(Orientation::LeftToRight);
    let handles: Vec<_> = part
        .iter()
        .map(|at| {
            graph.add_node(Element::create_with_properties(
                ShapeKind::new_box(""),
                StyleAttr::simple(),
                Orientation::LeftToRight,
                Point::new(frames[*at].width, frames[*at].height),
                at.to_string(),
            ))
        })
        .collect();
    let handle = |at: usize| part.binary_search(&at).ok().map(|at| handles[at]);
    let mut seen = BTreeSet::new();
    for link in links {
        let (from, to) = (link.parent.0, link.child.0);
        if let (Some(one), Some(other)) = (handle(from), handle(to))
            && from != to
            && seen.insert((from.min(to), from.max(to)))
        {
            graph.add_edge(Arrow::default(), one, other);
        }
    }
    let mut caught = Catcher::default();
    graph.do_it(false, false, false, &mut caught);
    let mut boxes: Vec<(f64, f64, usize)> = caught
        .boxes
        .iter()
        .map(|(at, corner, size)| (corner.x + size.x / 2.0, corner.y, *at))
        .collect();
    boxes.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut columns: Vec<(f64, Vec<(f64, usize)>)> = Vec::new();
    for (middle, y, at) in boxes {
        match columns.last_mut() {
            // The boxes of a layer have their middles on one line.
            Some((last, column)) if middle - *last < 4.0 => column.push((y, at)),
            _ => columns.push((middle, vec![(y, at)])),
        }
    }
    let sorted = columns.into_iter().map(|(_, mut column)| {
        column.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        column.into_iter().map(|(_, at)| at).collect()
    });
    fold(sorted.collect(), frames)
}

/// Folds columns that are much higher than the part should be: of a table that forty others
/// refer to, those would stand in one.
fn fold(columns: Vec<Vec<usize>>, frames: &[Frame]) -> Vec<Vec<usize>> {
    let area: f64 = columns
        .iter()
        .flatten()
        .map(|at| (frames[*at].width + AROUND.0) * (frames[*at].height + AROUND.1))
        .sum();
    let ideal = (area * ASPECT).sqrt();
    let mut out = Vec::new();
    for column in columns {
        let height: f64 = column.iter().map(|at| frames[*at].height + AROUND.1).sum();
        let times = if height > ideal * 1.4 {
            (height / ideal).round().max(1.0) as usize
        } else {
            1
        };
        for first in 0..times.min(column.len()) {
            out.push(column.iter().copied().skip(first).step_by(times).collect());
        }
    }
    out
}
