//! Assigns the tables of a component to columns and orders them: computed by the layout library, with
//! parents to the left of their children and few crossings. The library's positions are not used,
//! because it leaves much space and does not know the rows of a box.

use std::collections::BTreeSet;

use layout::core::base::Orientation;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, ShapeKind};
use layout::topo::layout::VisualGraph;

use super::geometry::Frame;
use super::graph::Link;

/// Desired ratio of a component's height to its width, about that of a screen.
const ASPECT: f64 = 0.62;
/// Estimated space around a box, horizontally and vertically.
const SPACING: (f64, f64) = (80.0, 28.0);

/// A render backend that records the boxes of the layout library instead of drawing them.
#[derive(Default)]
struct BoxRecorder {
    boxes: Vec<(usize, Point, Point)>,
}

impl RenderBackend for BoxRecorder {
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

/// The columns of a component from left to right, each from top to bottom.
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
    let mut recorder = BoxRecorder::default();
    graph.do_it(false, false, false, &mut recorder);
    let mut boxes: Vec<(f64, f64, usize)> = recorder
        .boxes
        .iter()
        .map(|(at, corner, size)| (corner.x + size.x / 2.0, corner.y, *at))
        .collect();
    boxes.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut columns: Vec<(f64, Vec<(f64, usize)>)> = Vec::new();
    for (middle, y, at) in boxes {
        match columns.last_mut() {
            // The boxes of a layer have the same centre.
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

/// Splits columns that are much higher than the component should be: forty children of one table
/// would otherwise be in one column.
fn fold(columns: Vec<Vec<usize>>, frames: &[Frame]) -> Vec<Vec<usize>> {
    let area: f64 = columns
        .iter()
        .flatten()
        .map(|at| (frames[*at].width + SPACING.0) * (frames[*at].height + SPACING.1))
        .sum();
    let ideal = (area * ASPECT).sqrt();
    let mut out = Vec::new();
    for column in columns {
        let height: f64 = column.iter().map(|at| frames[*at].height + SPACING.1).sum();
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
