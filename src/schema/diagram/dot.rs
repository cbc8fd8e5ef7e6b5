//! The scene for Graphviz.

use std::fmt;
use std::io::{self, Write};

use super::scene::{Box, DRIFT, Link, Row, Scene, State, cut};
use super::xml::Xml;
use crate::report::is_hidden;

/// A text in quotes. A backslash may begin a name for something else in a label.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        out.write_char('"')?;
        for letter in self.0.chars() {
            match letter {
                '"' => out.write_str("\\\"")?,
                '\\' => out.write_str("\\\\")?,
                letter if is_hidden(letter) => out.write_char('\u{fffd}')?,
                letter => out.write_char(letter)?,
            }
        }
        out.write_char('"')
    }
}

/// Draws the scene.
pub(super) fn draw(scene: &Scene, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "digraph {} {{", Quoted(scene.title))?;
    write!(
        out,
        "  graph [rankdir=LR, nodesep=0.4, ranksep=1.2, labelloc=t, fontname=monospace, fontsize=12, label=<<b>{}</b>",
        Xml(scene.title)
    )?;
    for (state, words) in DRIFT.iter().filter(|_| scene.drift) {
        let (colour, sign) = (state.colour(), state.sign().trim());
        write!(out, "<br/><font color=\"{colour}\">{sign} {words}</font>")?;
    }
    writeln!(
        out,
        ">]\n  node [shape=plain, fontname=monospace, fontsize=10]\n  edge [dir=both]"
    )?;
    for one in scene.boxes.iter().filter(|_| scene.clusters.is_empty()) {
        draw_box(one, out)?;
    }
    for (number, cluster) in scene.clusters.iter().enumerate() {
        let alone = cluster.len() == 1;
        if !alone {
            writeln!(
                out,
                "  subgraph cluster_{number} {{ label=\"\" style=rounded color=\"#dbe2ea\" bgcolor=\"#f1f5f9\""
            )?;
        }
        for at in cluster {
            draw_box(&scene.boxes[*at], out)?;
        }
        if !alone {
            writeln!(out, "  }}")?;
        }
    }
    for link in &scene.links {
        draw_link(scene, link, out)?;
    }
    writeln!(out, "}}")
}

fn draw_box(one: &Box, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "  {} [label=<<table bgcolor=\"white\" border=\"1\" cellborder=\"0\" cellspacing=\"0\"><tr><td bgcolor=\"{}\">\
         <font color=\"white\"><b>{}{}</b></font></td></tr>",
        Quoted(&one.name),
        one.state.colour(),
        one.state.sign(),
        Xml(&one.name)
    )?;
    for (at, row) in one.rows.iter().enumerate() {
        draw_row(row, at, out)?;
    }
    if one.left_out > 0 {
        write!(out, "<tr><td align=\"left\">{} more</td></tr>", one.left_out)?;
    }
    writeln!(out, "</table>>]")
}

fn draw_row(row: &Row, at: usize, out: &mut impl Write) -> io::Result<()> {
    let colour = match row.state {
        State::Same => "black",
        state => state.colour(),
    };
    let (ty, short) = cut(&row.ty);
    write!(
        out,
        "<tr><td port=\"c{at}\" align=\"left\"><font color=\"{colour}\">{}{}{}{} {}{}</font></td></tr>",
        row.mark(),
        if row.mark().is_empty() { "" } else { " " },
        row.state.sign(),
        Xml(&row.name),
        Xml(ty),
        if short { "…" } else { "" }
    )
}

fn draw_link(scene: &Scene, link: &Link, out: &mut impl Write) -> io::Result<()> {
    // A table's link to itself would else run through the table.
    let (leaves, enters) = match link.parent.0 == link.child.0 {
        true => ("e", "e"),
        false => ("e", "w"),
    };
    let end = |(at, row): (usize, Option<usize>), side, out: &mut dyn Write| {
        write!(out, "{}", Quoted(&scene.boxes[at].name))?;
        row.map_or(Ok(()), |row| write!(out, ":c{row}:{side}"))
    };
    let head = if link.single { "teeodot" } else { "crowodot" };
    let tail = if link.optional { "teeodot" } else { "teetee" };
    let (colour, style) = match link.state {
        State::Same => ("#64748b", ""),
        State::Missing => (link.state.colour(), ", style=dashed, penwidth=2"),
        state => (state.colour(), ", penwidth=2"),
    };
    write!(out, "  ")?;
    end(link.parent, leaves, out)?;
    write!(out, " -> ")?;
    end(link.child, enters, out)?;
    writeln!(
        out,
        " [arrowhead={head}, arrowtail={tail}, color=\"{colour}\"{style}, tooltip={}]",
        Quoted(&link.name)
    )
}
