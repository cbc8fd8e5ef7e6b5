//! Writes a graph as Mermaid's erDiagram.

use std::fmt;
use std::io::{self, Write};

use super::graph::{DRIFT, DriftState, Graph, cut};
use crate::report::is_hidden;

/// A column's name or type as Mermaid accepts it: letters, digits and underscores, starting with a letter.
struct MermaidWord<'a>(&'a str);

impl fmt::Display for MermaidWord<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        // Letters of Mermaid's grammar; the range includes the signs × and ÷.
        let is_letter = |letter: char| {
            let shown = ('\u{c0}'..='\u{ffff}').contains(&letter) && !is_hidden(letter);
            letter.is_ascii_alphabetic() || letter == '_' || shown
        };
        let text = self.0.trim_end_matches(')');
        if !text.starts_with(is_letter) {
            out.write_char('_')?;
        }
        let mut last = ' ';
        for letter in text.chars() {
            let letter = if is_letter(letter) || letter.is_ascii_digit() {
                letter
            } else {
                '_'
            };
            // Consecutive replaced characters, such as `',`, become one underscore.
            if letter != '_' || last != '_' || self.0.contains("__") {
                out.write_char(letter)?;
            }
            last = letter;
        }
        Ok(())
    }
}

/// A table's or key's name in quotes, without what ends them or is not taken within.
struct MermaidString<'a>(&'a str);

impl fmt::Display for MermaidString<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        out.write_char('"')?;
        for letter in self.0.chars() {
            out.write_char(match letter {
                '"' => '\u{201d}',
                '%' => '\u{ff05}',
                '\\' => '\u{ff3c}',
                '<' => '\u{2039}',
                '>' => '\u{203a}',
                ';' => '\u{ff1b}',
                '#' => '\u{ff03}',
                letter if is_hidden(letter) => '\u{fffd}',
                letter => letter,
            })?;
        }
        out.write_char('"')
    }
}

/// Writes the graph.
pub(super) fn draw(graph: &Graph, out: &mut impl Write) -> io::Result<()> {
    let mut title = graph.title.to_owned();
    title.retain(|letter| !is_hidden(letter));
    writeln!(out, "---\ntitle: {}\n---\nerDiagram", serde_json::json!(title))?;
    for table_box in &graph.boxes {
        let class = match table_box.state {
            DriftState::Same => String::new(),
            state => format!(":::{}", state.class()),
        };
        writeln!(out, "  {}{class} {{", MermaidString(&table_box.name))?;
        for row in &table_box.rows {
            let keys = [(row.primary, "PK"), (row.foreign, "FK"), (row.unique, "UK")];
            let mut keys = keys.into_iter().filter_map(|(is, key)| is.then_some(key));
            write!(
                out,
                "    {} {}",
                MermaidWord(cut(&row.ty).0),
                MermaidWord(&row.name)
            )?;
            if let Some(key) = keys.next() {
                write!(out, " {key}")?;
            }
            for key in keys {
                write!(out, ", {key}")?;
            }
            match row.state {
                DriftState::Same => writeln!(out)?,
                state => writeln!(out, " \"{}\"", state.class())?,
            }
        }
        writeln!(out, "  }}")?;
    }
    for link in &graph.links {
        let parent = if link.optional { "|o" } else { "||" };
        let child = if link.single { "o|" } else { "o{" };
        let line = if link.state == DriftState::Missing {
            ".."
        } else {
            "--"
        };
        let name = match link.state {
            DriftState::Same => link.name.to_string(),
            state => format!("{}: {}", state.class(), link.name),
        };
        writeln!(
            out,
            "  {} {parent}{line}{child} {} : {}",
            MermaidString(&graph.boxes[link.parent.0].name),
            MermaidString(&graph.boxes[link.child.0].name),
            MermaidString(&name)
        )?;
    }
    for (state, _) in DRIFT.iter().filter(|_| graph.drift) {
        let (class, colour) = (state.class(), state.colour());
        writeln!(
            out,
            "  classDef {class} stroke:{colour},stroke-width:3px,color:{colour}"
        )?;
    }
    Ok(())
}
