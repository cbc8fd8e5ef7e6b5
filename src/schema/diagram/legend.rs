//! The legend: explains the marks and colours that occur in the diagram.

use std::io::{self, Write};

use super::geometry::{LETTER_WIDTH, letters};
use super::graph::{DRIFT, DriftState, Graph};

/// Height of a legend line.
const LINE: f64 = 20.0;
/// Width of a symbol.
const SYMBOL_WIDTH: f64 = 34.0;
/// Width of a letter; the font is a little smaller than that of the diagram.
const SMALL_LETTER: f64 = LETTER_WIDTH * 11.0 / 12.0;

/// The symbol before an explanation.
enum LegendSymbol {
    /// Letters in the style of a CSS class.
    Mark(&'static str, &'static str),
    /// A line with the end mark of a link, starting at the edge of a box on its left.
    Foot(&'static str),
    /// A link between clusters.
    Far,
    /// A row with drift.
    Drift(DriftState),
}

const ONE: &str = "M0 0H30M6 -5V5M10 -5V5";
const NONE_OR_ONE: &str = "M0 0H30M6 -5V5M8 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0";
const MANY: &str = "M0 0H30M0 -6L11 0L0 6M11 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0";

/// A legend with the positions of its items.
pub(super) struct Legend {
    items: Vec<(f64, f64, LegendSymbol, &'static str)>,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Legend {
    /// Arranges the items in lines of at most this width.
    pub(super) fn new(graph: &Graph, width: f64) -> Legend {
        let (mut items, mut x, mut y, mut widest) = (Vec::new(), 0.0, 0.0, 0.0f64);
        for (sample, words) in samples(graph) {
            let own = SYMBOL_WIDTH + letters(words) * SMALL_LETTER;
            if x > 0.0 && x + own > width {
                (x, y) = (0.0, y + LINE);
            }
            items.push((x, y, sample, words));
            x += own;
            widest = widest.max(x);
            x += 22.0;
        }
        Legend {
            height: if items.is_empty() { 0.0 } else { y + LINE },
            items,
            width: widest.ceil(),
        }
    }

    /// Draws the legend with its corner at this position.
    pub(super) fn draw(&self, left: f64, top: f64, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "<g class=\"legend\">")?;
        for (x, y, sample, words) in &self.items {
            let (x, y) = (left + x, top + y);
            let base = y + 14.0;
            match sample {
                LegendSymbol::Mark(class, text) => {
                    write!(
                        out,
                        "<text class=\"{class}\" x=\"{}\" y=\"{base}\">{text}</text>",
                        x + 8.0
                    )?;
                }
                LegendSymbol::Foot(path) => write!(
                    out,
                    "<path class=\"link\" transform=\"translate({x} {})\" d=\"{path}\"/>",
                    y + 10.0
                )?,
                LegendSymbol::Far => write!(
                    out,
                    "<g class=\"link far same\"><path class=\"way\" d=\"M{x} {}h26\"/></g>",
                    y + 10.0
                )?,
                LegendSymbol::Drift(state) => write!(
                    out,
                    "<rect class=\"row {}\" stroke=\"{}\" x=\"{x}\" y=\"{}\" width=\"26\" height=\"14\" rx=\"3\"/>\
                     <text x=\"{}\" y=\"{base}\">{}</text>",
                    state.class(),
                    state.colour(),
                    y + 3.0,
                    x + 9.0,
                    state.sign().trim()
                )?,
            }
            writeln!(
                out,
                "<text x=\"{}\" y=\"{base}\">{words}</text>",
                x + SYMBOL_WIDTH
            )?;
        }
        writeln!(out, "</g>")
    }
}

fn samples(graph: &Graph) -> Vec<(LegendSymbol, &'static str)> {
    let marks = ["PK", "FK", "PF", "UK"].map(|mark| rows(graph).any(|row| row.mark() == mark));
    let exactly_one = graph.links.iter().any(|link| !link.optional);
    let none_or_one = graph.links.iter().any(|link| link.optional || link.single);
    let many = graph.links.iter().any(|link| !link.single);
    let nullable = rows(graph).any(|row| row.nullable && row.leads_to.is_none());
    let left_out = graph.boxes.iter().any(|table_box| table_box.left_out > 0);
    let far = graph.links.iter().any(|link| link.far);
    let mut out: Vec<(bool, LegendSymbol, &'static str)> = vec![
        (marks[0], LegendSymbol::Mark("pk", "PK"), "primary key"),
        (marks[1], LegendSymbol::Mark("fk", "FK"), "foreign key"),
        (
            marks[2],
            LegendSymbol::Mark("pk", "PF"),
            "primary and foreign key",
        ),
        (marks[3], LegendSymbol::Mark("uk", "UK"), "unique"),
        (nullable, LegendSymbol::Mark("null", "?"), "may be NULL"),
        (exactly_one, LegendSymbol::Foot(ONE), "exactly one"),
        (none_or_one, LegendSymbol::Foot(NONE_OR_ONE), "none or one"),
        (many, LegendSymbol::Foot(MANY), "any number"),
        (far, LegendSymbol::Far, "to another group"),
        (
            left_out,
            LegendSymbol::Mark("more", "n"),
            "more columns, none of them a key",
        ),
    ];
    let drift = DRIFT.into_iter();
    out.extend(drift.map(|(state, words)| (has(graph, state), LegendSymbol::Drift(state), words)));
    let there = out.into_iter().filter(|(there, ..)| *there);
    there.map(|(_, sample, words)| (sample, words)).collect()
}

fn rows<'a>(graph: &'a Graph) -> impl Iterator<Item = &'a super::graph::BoxRow> {
    graph.boxes.iter().flat_map(|table_box| &table_box.rows)
}

fn has(graph: &Graph, state: DriftState) -> bool {
    graph.boxes.iter().any(|table_box| table_box.state == state)
        || rows(graph).any(|row| row.state == state)
        || graph.links.iter().any(|link| link.state == state)
}
