//! The scene for Mermaid's erDiagram.

use std::fmt;
use std::io::{self, Write};

use super::scene::{DRIFT, Scene, State, cut};
use crate::report::is_hidden;

/// A column's name or type as Mermaid takes it: letters, digits and underscores, a letter first.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        // What it knows as a letter, of which the first two are not the signs × and ÷.
        let letter = |one: char| {
            let shown = ('\u{c0}'..='\u{ffff}').contains(&one) && !is_hidden(one);
            one.is_ascii_alphabetic() || one == '_' || shown
        };
        let text = self.0.trim_end_matches(')');
        if !text.starts_with(letter) {
            out.write_char('_')?;
        }
        let mut last = ' ';
        for one in text.chars() {
            let one = if letter(one) || one.is_ascii_digit() {
                one
            } else {
                '_'
            };
            // What becomes of `',` is one underscore.
            if one != '_' || last != '_' || self.0.contains("__") {
                out.write_char(one)?;
            }
            last = one;
        }
        Ok(())
    }
}

/// A table's or key's name in quotes, without what ends them or is not taken within.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        out.write_char('"')?;
        for one in self.0.chars() {
            out.write_char(match one {
                '"' => '\u{201d}',
                '%' => '\u{ff05}',
                '\\' => '\u{ff3c}',
                '<' => '\u{2039}',
                '>' => '\u{203a}',
                ';' => '\u{ff1b}',
                '#' => '\u{ff03}',
                one if is_hidden(one) => '\u{fffd}',
                one => one,
            })?;
        }
        out.write_char('"')
    }
}

/// Draws the scene.
pub(super) fn draw(scene: &Scene, out: &mut impl Write) -> io::Result<()> {
    let mut title = scene.title.to_owned();
    title.retain(|letter| !is_hidden(letter));
    writeln!(out, "---\ntitle: {}\n---\nerDiagram", serde_json::json!(title))?;
    for one in &scene.boxes {
        let class = match one.state {
            State::Same => String::new(),
            state => format!(":::{}", state.class()),
        };
        writeln!(out, "  {}{class} {{", Quoted(&one.name))?;
        for row in &one.rows {
            let keys = [(row.primary, "PK"), (row.foreign, "FK"), (row.unique, "UK")];
            let mut keys = keys.into_iter().filter_map(|(is, key)| is.then_some(key));
            write!(out, "    {} {}", Word(cut(&row.ty).0), Word(&row.name))?;
            if let Some(key) = keys.next() {
                write!(out, " {key}")?;
            }
            for key in keys {
                write!(out, ", {key}")?;
            }
            match row.state {
                State::Same => writeln!(out)?,
                state => writeln!(out, " \"{}\"", state.class())?,
            }
        }
        writeln!(out, "  }}")?;
    }
    for link in &scene.links {
        let parent = if link.optional { "|o" } else { "||" };
        let child = if link.single { "o|" } else { "o{" };
        let line = if link.state == State::Missing { ".." } else { "--" };
        let name = match link.state {
            State::Same => link.name.to_string(),
            state => format!("{}: {}", state.class(), link.name),
        };
        writeln!(
            out,
            "  {} {parent}{line}{child} {} : {}",
            Quoted(&scene.boxes[link.parent.0].name),
            Quoted(&scene.boxes[link.child.0].name),
            Quoted(&name)
        )?;
    }
    for (state, _) in DRIFT.iter().filter(|_| scene.drift) {
        let (class, colour) = (state.class(), state.colour());
        writeln!(
            out,
            "  classDef {class} stroke:{colour},stroke-width:3px,color:{colour}"
        )?;
    }
    Ok(())
}
