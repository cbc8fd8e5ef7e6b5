//! Draws a schema as SVG, as one self-contained HTML file, or as text for Mermaid or Graphviz.
//!
//! `graph` turns tables and foreign keys into boxes and links; `layout` computes their positions with
//! `layering` (columns and their order), `coordinates` (heights), `edges` (routes of links) and
//! `packing` (components on the page), all of which share the types of `geometry`; each format writes
//! the result as it goes. The same schema gives the same bytes on every run.

mod clustering;
mod coordinates;
mod dot;
mod edges;
mod geometry;
mod graph;
mod html;
mod layering;
mod layout;
mod legend;
mod mermaid;
mod packing;
mod svg;
#[cfg(test)]
mod tests;
mod xml;

use std::io::{self, Write};
use std::path::Path;

use super::diff::Difference;
use super::model::Schema;
use crate::exit::Failure;
use crate::schema::failure::SchemaFailure;
use graph::Graph;

/// Output formats of a diagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// An SVG drawing.
    Svg,
    /// An HTML page with the drawing, search, zoom and details.
    Html,
    /// Text for Mermaid.
    Mermaid,
    /// Text for Graphviz.
    Dot,
}

impl Picture {
    /// The format given by a file's extension.
    ///
    /// # Errors
    /// The extension is not known (exit 2).
    pub fn from_path(path: &Path) -> Result<Picture, Failure> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => Ok(Picture::Svg),
            Some("html" | "htm") => Ok(Picture::Html),
            Some("mmd" | "mermaid") => Ok(Picture::Mermaid),
            Some("dot" | "gv") => Ok(Picture::Dot),
            _ => Err(SchemaFailure::PictureFormat {
                path: path.to_owned(),
            }
            .into()),
        }
    }

    /// Draws the live schema, with missing objects added from the expected one and differences
    /// coloured.
    ///
    /// # Errors
    /// Writing to `out` failed.
    pub fn draw(
        self,
        title: &str,
        live: &Schema,
        expected: Option<&Schema>,
        drift: &[Difference],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let graph = Graph::new(title, live, expected, drift);
        match self {
            Picture::Svg => svg::draw(&graph, &layout::lay_out(&graph), out),
            Picture::Html => html::draw(&graph, live, expected, drift, out),
            Picture::Mermaid => mermaid::draw(&graph, out),
            Picture::Dot => dot::draw(&graph, out),
        }
    }
}
