//! What the marks and colours mean: only those that are in the picture.

use std::io::{self, Write};

use super::place::{LETTER, letters};
use super::scene::{DRIFT, Scene, State};

/// Height of a line.
const LINE: f64 = 20.0;
/// Width of a sample.
const SAMPLE: f64 = 34.0;
/// Width of a letter: it is a little smaller than those of the picture.
const SMALL: f64 = LETTER * 11.0 / 12.0;

/// What stands before the words.
enum Sample {
    /// Letters in the style of a class.
    Mark(&'static str, &'static str),
    /// A line with a foot, drawn from the edge of a box at its left.
    Foot(&'static str),
    /// A link between clusters.
    Far,
    /// A box.
    Drift(State),
}

const ONE: &str = "M0 0H30M6 -5V5M10 -5V5";
const NONE_OR_ONE: &str = "M0 0H30M6 -5V5M8 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0";
const MANY: &str = "M0 0H30M0 -6L11 0L0 6M11 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0";

/// A legend, with the places of what it says.
pub(super) struct Legend {
    items: Vec<(f64, f64, Sample, &'static str)>,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Legend {
    /// A legend in lines of at most this width.
    pub(super) fn new(scene: &Scene, width: f64) -> Legend {
        let (mut items, mut x, mut y, mut widest) = (Vec::new(), 0.0, 0.0, 0.0f64);
        for (sample, words) in samples(scene) {
            let own = SAMPLE + letters(words) * SMALL;
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

    /// Draws it with its corner here.
    pub(super) fn draw(&self, left: f64, top: f64, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "<g class=\"legend\">")?;
        for (x, y, sample, words) in &self.items {
            let (x, y) = (left + x, top + y);
            let base = y + 14.0;
            match sample {
                Sample::Mark(class, text) => {
                    write!(
                        out,
                        "<text class=\"{class}\" x=\"{}\" y=\"{base}\">{text}</text>",
                        x + 8.0
                    )?;
                }
                Sample::Foot(path) => write!(
                    out,
                    "<path class=\"link\" transform=\"translate({x} {})\" d=\"{path}\"/>",
                    y + 10.0
                )?,
                Sample::Far => write!(
                    out,
                    "<g class=\"link far same\"><path class=\"way\" d=\"M{x} {}h26\"/></g>",
                    y + 10.0
                )?,
                Sample::Drift(state) => write!(
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
            writeln!(out, "<text x=\"{}\" y=\"{base}\">{words}</text>", x + SAMPLE)?;
        }
        writeln!(out, "</g>")
    }
}

fn samples(scene: &Scene) -> Vec<(Sample, &'static str)> {
    let marks = ["PK", "FK", "PF", "UK"].map(|mark| rows(scene).any(|row| row.mark() == mark));
    let one = scene.links.iter().any(|link| !link.optional);
    let none_or_one = scene.links.iter().any(|link| link.optional || link.single);
    let many = scene.links.iter().any(|link| !link.single);
    let nullable = rows(scene).any(|row| row.nullable && row.leads_to.is_none());
    let left_out = scene.boxes.iter().any(|one| one.left_out > 0);
    let far = scene.links.iter().any(|link| link.far);
    let mut out: Vec<(bool, Sample, &'static str)> = vec![
        (marks[0], Sample::Mark("pk", "PK"), "primary key"),
        (marks[1], Sample::Mark("fk", "FK"), "foreign key"),
        (marks[2], Sample::Mark("pk", "PF"), "primary and foreign key"),
        (marks[3], Sample::Mark("uk", "UK"), "unique"),
        (nullable, Sample::Mark("null", "?"), "may be NULL"),
        (one, Sample::Foot(ONE), "exactly one"),
        (none_or_one, Sample::Foot(NONE_OR_ONE), "none or one"),
        (many, Sample::Foot(MANY), "any number"),
        (far, Sample::Far, "to another group"),
        (
            left_out,
            Sample::Mark("more", "n"),
            "more columns, none of them a key",
        ),
    ];
    let drift = DRIFT.into_iter();
    out.extend(drift.map(|(state, words)| (has(scene, state), Sample::Drift(state), words)));
    let there = out.into_iter().filter(|(there, ..)| *there);
    there.map(|(_, sample, words)| (sample, words)).collect()
}

fn rows<'a>(scene: &'a Scene) -> impl Iterator<Item = &'a super::scene::Row> {
    scene.boxes.iter().flat_map(|one| &one.rows)
}

fn has(scene: &Scene, state: State) -> bool {
    scene.boxes.iter().any(|one| one.state == state)
        || rows(scene).any(|row| row.state == state)
        || scene.links.iter().any(|link| link.state == state)
}
