//! The scene for Graphviz.

use std::fmt::Write as _;

use super::scene::{Scene, State};
use super::svg::escape;

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn colour(state: State) -> &'static str {
    match state {
        State::Same => "#33415c",
        State::Different => "#c05621",
        State::Extra => "#2f855a",
        State::Missing => "#c53030",
    }
}

/// Draws the scene.
pub(super) fn draw(scene: &Scene) -> String {
    let mut out = format!(
        "digraph {} {{\n  graph [rankdir=LR, nodesep=0.4, ranksep=1.2, label={}, labelloc=t]\n  \
         node [shape=plain, fontname=monospace, fontsize=10]\n  edge [dir=both]\n",
        quoted(&scene.title),
        quoted(&scene.title)
    );
    for one in &scene.boxes {
        let _ = write!(
            out,
            "  {} [label=<<table border=\"1\" cellborder=\"0\" cellspacing=\"0\"><tr><td bgcolor=\"{}\">\
             <font color=\"white\"><b>{}</b></font></td></tr>",
            quoted(&one.name),
            colour(one.state),
            escape(&one.name)
        );
        for (at, row) in one.rows.iter().enumerate() {
            let mark = if row.primary {
                "PK "
            } else if row.foreign {
                "FK "
            } else {
                ""
            };
            let _ = write!(
                out,
                "<tr><td port=\"c{at}\" align=\"left\"><font color=\"{}\">{mark}{} {}</font></td></tr>",
                if row.state == State::Same {
                    "black"
                } else {
                    colour(row.state)
                },
                escape(&row.name),
                escape(&row.ty)
            );
        }
        if one.left_out > 0 {
            let _ = write!(out, "<tr><td align=\"left\">{} more</td></tr>", one.left_out);
        }
        out.push_str("</table>>]\n");
    }
    for link in &scene.links {
        let end = |(at, row): (usize, Option<usize>)| {
            let port = row.map_or(String::new(), |row| format!(":c{row}"));
            format!("{}{port}", quoted(&scene.boxes[at].name))
        };
        let head = if link.single { "teeodot" } else { "crowodot" };
        let tail = if link.optional { "teeodot" } else { "teetee" };
        let style = if link.state == State::Missing {
            ", style=dashed"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "  {} -> {} [arrowhead={head}, arrowtail={tail}, color=\"{}\"{style}, tooltip={}]",
            end(link.parent),
            end(link.child),
            if link.state == State::Same {
                "#64748b"
            } else {
                colour(link.state)
            },
            quoted(&link.name)
        );
    }
    out.push_str("}\n");
    out
}
