//! Writes a graph for Graphviz.

use std::fmt;
use std::io::{self, Write};

use super::graph::{BoxRow, DRIFT, DriftState, Graph, Link, TableBox, cut};
use super::xml::XmlText;
use crate::report::is_hidden;

/// A text in quotes, with backslashes escaped: in a label they start an escape sequence.
struct DotString<'a>(&'a str);

impl fmt::Display for DotString<'_> {
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

/// Writes the graph.
pub(super) fn draw(graph: &Graph, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "digraph {} {{", DotString(graph.title))?;
    write!(
        out,
        "  graph [rankdir=LR, nodesep=0.4, ranksep=1.2, labelloc=t, fontname=monospace, fontsize=12, label=<<b>{}</b>",
        XmlText(graph.title)
    )?;
    for (state, words) in DRIFT.iter().filter(|_| graph.drift) {
        let (colour, sign) = (state.colour(), state.sign().trim());
        write!(out, "<br/><font color=\"{colour}\">{sign} {words}</font>")?;
    }
    writeln!(
        out,
        ">]\n  node [shape=plain, fontname=monospace, fontsize=10]\n  edge [dir=both]"
    )?;
    for table_box in graph.boxes.iter().filter(|_| graph.clusters.is_empty()) {
        draw_box(table_box, out)?;
    }
    for (number, cluster) in graph.clusters.iter().enumerate() {
        let alone = cluster.len() == 1;
        if !alone {
            writeln!(
                out,
                "  subgraph cluster_{number} {{ label=\"\" style=rounded color=\"#dbe2ea\" bgcolor=\"#f1f5f9\""
            )?;
        }
        for at in cluster {
            draw_box(&graph.boxes[*at], out)?;
        }
        if !alone {
            writeln!(out, "  }}")?;
        }
    }
    for link in &graph.links {
        draw_link(graph, link, out)?;
    }
    writeln!(out, "}}")
}

fn draw_box(table_box: &TableBox, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "  {} [label=<<table bgcolor=\"white\" border=\"1\" cellborder=\"0\" cellspacing=\"0\"><tr><td bgcolor=\"{}\">\
         <font color=\"white\"><b>{}{}</b></font></td></tr>",
        DotString(&table_box.name),
        table_box.state.colour(),
        table_box.state.sign(),
        XmlText(&table_box.name)
    )?;
    for (at, row) in table_box.rows.iter().enumerate() {
        draw_row(row, at, out)?;
    }
    if table_box.left_out > 0 {
        write!(
            out,
            "<tr><td align=\"left\">{} more</td></tr>",
            table_box.left_out
        )?;
    }
    writeln!(out, "</table>>]")
}

fn draw_row(row: &BoxRow, at: usize, out: &mut impl Write) -> io::Result<()> {
    let colour = match row.state {
        DriftState::Same => "black",
        state => state.colour(),
    };
    let (ty, short) = cut(&row.ty);
    write!(
        out,
        "<tr><td port=\"c{at}\" align=\"left\"><font color=\"{colour}\">{}{}{}{} {}{}</font></td></tr>",
        row.mark(),
        if row.mark().is_empty() { "" } else { " " },
        row.state.sign(),
        XmlText(&row.name),
        XmlText(ty),
        if short { "…" } else { "" }
    )
}

fn draw_link(graph: &Graph, link: &Link, out: &mut impl Write) -> io::Result<()> {
    // A table's link to itself would otherwise cross the table.
    let (leaves, enters) = match link.parent.0 == link.child.0 {
        true => ("e", "e"),
        false => ("e", "w"),
    };
    let end = |(at, row): (usize, Option<usize>), side, out: &mut dyn Write| {
        write!(out, "{}", DotString(&graph.boxes[at].name))?;
        row.map_or(Ok(()), |row| write!(out, ":c{row}:{side}"))
    };
    let head = if link.single { "teeodot" } else { "crowodot" };
    let tail = if link.optional { "teeodot" } else { "teetee" };
    let (colour, style) = match link.state {
        DriftState::Same => ("#64748b", ""),
        DriftState::Missing => (link.state.colour(), ", style=dashed, penwidth=2"),
        state => (state.colour(), ", penwidth=2"),
    };
    write!(out, "  ")?;
    end(link.parent, leaves, out)?;
    write!(out, " -> ")?;
    end(link.child, enters, out)?;
    writeln!(
        out,
        " [arrowhead={head}, arrowtail={tail}, color=\"{colour}\"{style}, tooltip={}]",
        DotString(&link.name)
    )
}
