//! The scene for Mermaid's erDiagram.

use std::fmt::Write as _;

use super::scene::{Scene, State};

/// A word that Mermaid takes as a name or type: anything else becomes an underscore.
fn word(text: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || "_(),-".contains(letter) {
            letter
        } else {
            '_'
        }
    };
    let out: String = text.replace(", ", ",").chars().map(plain).collect();
    if out.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        out
    } else {
        format!("_{out}")
    }
}

/// A table's name, quoted.
fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "'"))
}

/// Draws the scene.
pub(super) fn draw(scene: &Scene) -> String {
    let mut out = format!(
        "---\ntitle: {}\n---\nerDiagram\n",
        scene.title.replace(['\n', ':'], " ")
    );
    for one in &scene.boxes {
        let _ = writeln!(out, "  {} {{", name(&one.name));
        for row in &one.rows {
            let keys: Vec<&str> = [(row.primary, "PK"), (row.foreign, "FK"), (row.unique, "UK")]
                .into_iter()
                .filter_map(|(is, key)| is.then_some(key))
                .collect();
            let keys = if keys.is_empty() {
                String::new()
            } else {
                format!(" {}", keys.join(", "))
            };
            let state = match row.state {
                State::Same => String::new(),
                state => format!(" \"{}\"", state.class()),
            };
            let ty = word(&row.ty.replace('…', "").replace(['(', ')'], "_").replace(',', "_"));
            let _ = writeln!(
                out,
                "    {} {}{keys}{state}",
                ty.trim_end_matches('_'),
                word(&row.name)
            );
        }
        out.push_str("  }\n");
    }
    for link in &scene.links {
        let parent = if link.optional { "|o" } else { "||" };
        let child = if link.single { "o|" } else { "o{" };
        let line = if link.state == State::Missing { ".." } else { "--" };
        let (from, to) = (&scene.boxes[link.parent.0].name, &scene.boxes[link.child.0].name);
        let _ = writeln!(
            out,
            "  {} {parent}{line}{child} {} : {}",
            name(from),
            name(to),
            name(&link.name)
        );
    }
    out
}
