//! Computes the positions of all boxes and links: lays out each connected component, or each cluster of
//! a large graph, in columns and packs the components on the page. Tables without links form a grid.

use std::collections::BTreeMap;

use super::coordinates::BoxColumns;
use super::edges::route_edges;
use super::geometry::{
    Bends, Frame, HEAD_HEIGHT, LETTER_WIDTH, LinkEnd, MARGIN, MARK_LETTERS, ROW_HEIGHT, letters,
};
use super::graph::{BoxRow, DriftState, Graph, TableBox, cut};
use super::{layering, packing};

/// Height of the line with the title.
const TITLE_HEIGHT: f64 = 48.0;
/// Space between components.
const COMPONENT_GAP: f64 = 48.0;
/// Space between boxes without links.
const GRID_GAP: f64 = 24.0;

/// The positions of all boxes and links.
pub(super) struct Placement {
    /// The frame of each box of the graph.
    pub(super) frames: Vec<Frame>,
    /// The ends of each link: at the parent and at the child.
    pub(super) ends: Vec<[LinkEnd; 2]>,
    /// The bends of each link.
    pub(super) bends: Vec<Bends>,
    /// The frame of each cluster of a large graph.
    pub(super) clusters: Vec<Frame>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The text at the right side of a row: its type, or the table its link leads to.
pub(super) fn note(row: &BoxRow) -> (&str, bool) {
    cut(row.leads_to.as_ref().unwrap_or(&row.ty))
}

/// The size of a box.
fn size(table_box: &TableBox) -> (f64, f64) {
    let row = |row: &BoxRow| {
        let (note, cut) = note(row);
        let arrow = if row.leads_to.is_some() { 2.0 } else { 0.0 };
        letters(row.state.sign())
            + letters(&row.name)
            + letters(note)
            + f64::from(u8::from(cut))
            + arrow
            + 2.0
    };
    let widest = table_box.rows.iter().map(row).fold(0.0, f64::max) + MARK_LETTERS;
    // The font of names is a little larger, and bold.
    let head = (letters(&table_box.name) + letters(table_box.state.sign())) * 1.12 + 1.0;
    let rows = table_box.rows.len() + usize::from(table_box.left_out > 0);
    let width = (widest.max(head) * LETTER_WIDTH + 16.0).ceil();
    (width.max(110.0), HEAD_HEIGHT + rows as f64 * ROW_HEIGHT + 6.0)
}

/// Boxes that are laid out together, with their links.
#[derive(Default)]
struct Component {
    boxes: Vec<usize>,
    links: Vec<usize>,
    width: f64,
    height: f64,
}

/// Computes the positions of all boxes and links.
pub(super) fn lay_out(graph: &Graph) -> Placement {
    let sized = |table_box: &TableBox| {
        let (width, height) = size(table_box);
        Frame {
            width,
            height,
            ..Frame::default()
        }
    };
    let mut frames: Vec<Frame> = graph.boxes.iter().map(sized).collect();
    let mut components = components(graph);
    let mut columns: Vec<Vec<Vec<usize>>> = Vec::with_capacity(components.len());
    let mut column_of = vec![0; frames.len()];
    for component in &components {
        let columns_of_component = if component.links.is_empty() {
            Vec::new()
        } else {
            let links: Vec<_> = component.links.iter().map(|at| &graph.links[*at]).collect();
            layering::columns(&component.boxes, &links, &frames)
        };
        for (number, column) in columns_of_component.iter().enumerate() {
            column.iter().for_each(|at| column_of[*at] = number);
        }
        columns.push(columns_of_component);
    }
    let ends = ends(graph, &column_of);
    let mut bends: Vec<Bends> = vec![Vec::new(); graph.links.len()];
    for (component, columns) in components.iter_mut().zip(columns) {
        if columns.is_empty() {
            (component.width, component.height) = grid(&component.boxes, &mut frames);
            continue;
        }
        let links: Vec<_> = component
            .links
            .iter()
            .map(|at| (&graph.links[*at], ends[*at]))
            .collect();
        let (width, height, found) = route_edges(BoxColumns::new(columns), &links, &column_of, &mut frames);
        (component.width, component.height) = (width, height);
        for (at, found) in component.links.iter().zip(found) {
            bends[*at] = found;
        }
    }
    let mut placement = Placement {
        frames,
        ends,
        bends,
        clusters: Vec::new(),
        width: 0.0,
        height: 0.0,
    };
    arrange(&components, !graph.clusters.is_empty(), &mut placement);
    placement
}

/// The components of a graph: its clusters or connected components, then the tables without links.
fn components(graph: &Graph) -> Vec<Component> {
    let groups = if graph.clusters.is_empty() {
        connected(graph)
    } else {
        graph.clusters.clone()
    };
    let mut part_of = vec![0; graph.boxes.len()];
    let mut components: Vec<Component> = Vec::new();
    let mut alone = Component::default();
    let own: std::collections::BTreeSet<usize> = graph
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
        boxes.iter().for_each(|at| part_of[*at] = components.len());
        components.push(Component {
            boxes,
            ..Component::default()
        });
    }
    for (at, link) in graph.links.iter().enumerate().filter(|(_, link)| !link.far) {
        components[part_of[link.child.0]].links.push(at);
    }
    if graph.clusters.is_empty() {
        // Small boxes fit into the gaps between other components.
        components.extend(alone.boxes.into_iter().map(|at| Component {
            boxes: vec![at],
            ..Component::default()
        }));
    } else if !alone.boxes.is_empty() {
        components.push(alone);
    }
    components
}

/// The connected components, as indices of boxes.
fn connected(graph: &Graph) -> Vec<Vec<usize>> {
    let mut component: Vec<usize> = (0..graph.boxes.len()).collect();
    fn root(component: &mut [usize], mut at: usize) -> usize {
        while component[at] != at {
            component[at] = component[component[at]];
            at = component[at];
        }
        at
    }
    for link in &graph.links {
        let (one, other) = (
            root(&mut component, link.child.0),
            root(&mut component, link.parent.0),
        );
        component[one.max(other)] = one.min(other);
    }
    let mut out: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..graph.boxes.len() {
        let root = root(&mut component, at);
        out.entry(root).or_default().push(at);
    }
    out.into_values().collect()
}

/// The links that end at one point of a box: links of one kind to it as the parent, or one link as the child.
#[derive(PartialEq)]
enum Port {
    Parent(bool, DriftState),
    Child(usize),
}

/// A side of a row or of a box's head: the box, the row, and whether it is the right side.
type BoxSide = (usize, Option<usize>, bool);

/// The ends of the links: at the side that faces the other column, and side by side if a row has
/// several.
fn ends(graph: &Graph, column_of: &[usize]) -> Vec<[LinkEnd; 2]> {
    let mut ports: BTreeMap<BoxSide, Vec<(Port, usize)>> = BTreeMap::new();
    let mut count = 0;
    let mut port = |key, one: Port| {
        // Nearly every side has one port, and a vector would allocate space for four.
        let here = ports.entry(key).or_insert_with(|| Vec::with_capacity(1));
        if let Some((_, number)) = here.iter().find(|(other, _)| *other == one) {
            return *number;
        }
        here.push((one, count));
        count += 1;
        count - 1
    };
    let mut out: Vec<[LinkEnd; 2]> = Vec::with_capacity(graph.links.len());
    for (at, link) in graph.links.iter().enumerate() {
        let (from, to) = (column_of[link.parent.0], column_of[link.child.0]);
        let (from_right, to_right) = (link.far || from <= to, !link.far && from >= to);
        let mut end = |(at, row): (usize, Option<usize>), right, one| LinkEnd {
            right,
            port: port((at, row, right), one),
            ..LinkEnd::default()
        };
        out.push([
            end(link.parent, from_right, Port::Parent(link.optional, link.state)),
            end(link.child, to_right, Port::Child(at)),
        ]);
    }
    let mut placement = vec![(0.0, 0.0); count];
    for ((_, row, _), here) in ports {
        let middle = row.map_or(HEAD_HEIGHT / 2.0, |row| {
            HEAD_HEIGHT + row as f64 * ROW_HEIGHT + 11.0
        });
        let many = here.len() as f64;
        let (step, half) = match here.len() {
            1 => (0.0, 6.0),
            2 => (8.0, 3.5),
            _ => (6.0, 2.5),
        };
        for (at, (_, number)) in here.iter().enumerate() {
            placement[*number] = (middle + (at as f64 - (many - 1.0) / 2.0) * step, half);
        }
    }
    for end in out.iter_mut().flatten() {
        (end.dy, end.half) = placement[end.port];
    }
    out
}

/// Arranges boxes without links side by side with the corner at the origin; returns the size.
fn grid(component: &[usize], frames: &mut [Frame]) -> (f64, f64) {
    let sizes: Vec<(f64, f64)> = component
        .iter()
        .map(|at| (frames[*at].width, frames[*at].height))
        .collect();
    let (corners, size) = packing::pack(&sizes, GRID_GAP);
    for (at, corner) in component.iter().zip(corners) {
        (frames[*at].x, frames[*at].y) = corner;
    }
    size
}

/// Arranges the components on the page, with frames if they are clusters.
fn arrange(components: &[Component], framed: bool, placement: &mut Placement) {
    let pad = if framed { MARGIN } else { 0.0 };
    let gap = if framed {
        COMPONENT_GAP / 2.0
    } else {
        COMPONENT_GAP
    };
    let sizes: Vec<(f64, f64)> = components
        .iter()
        .map(|component| (component.width + pad * 2.0, component.height + pad * 2.0))
        .collect();
    let (corners, page) = packing::pack(&sizes, gap);
    for ((component, (x, y)), (width, height)) in components.iter().zip(corners).zip(sizes) {
        let (x, y) = (x + MARGIN, y + TITLE_HEIGHT);
        for at in &component.boxes {
            let frame = &mut placement.frames[*at];
            (frame.x, frame.y) = (frame.x + x + pad, frame.y + y + pad);
        }
        for at in &component.links {
            for bend in &mut placement.bends[*at] {
                *bend = (bend.0 + x + pad, bend.1 + y + pad);
            }
        }
        if framed {
            placement.clusters.push(Frame { x, y, width, height });
        }
    }
    placement.width = (page.0 + MARGIN * 2.0).ceil();
    placement.height = (page.1 + TITLE_HEIGHT + MARGIN).ceil();
}
