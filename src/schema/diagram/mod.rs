//! The schema as a picture: SVG, one self-contained HTML file, Mermaid, or Graphviz.
//!
//! `scene` says what is to be seen, `place` where, and each format writes it as it goes. The
//! same schema gives the same bytes on every run.

mod align;
mod cluster;
mod dot;
mod html;
mod layers;
mod legend;
mod mermaid;
mod pack;
mod place;
mod route;
mod scene;
mod svg;
#[cfg(test)]
mod tests;
mod xml;

use std::io::{self, Write};
use std::path::Path;

use super::diff::Difference;
use super::model::Schema;
use crate::exit::Failure;
use scene::Scene;

/// More tables than this, and only their keys are shown.
const LARGE: usize = 30;

/// The formats of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// A drawing.
    Svg,
    /// A page with the drawing, search, zoom and details.
    Html,
    /// Text for Mermaid.
    Mermaid,
    /// Text for Graphviz.
    Dot,
}

impl Picture {
    /// The format that a file's name asks for.
    ///
    /// # Errors
    /// Its extension is none of ours (exit 2).
    pub fn of(path: &Path) -> Result<Picture, Failure> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => Ok(Picture::Svg),
            Some("html" | "htm") => Ok(Picture::Html),
            Some("mmd" | "mermaid") => Ok(Picture::Mermaid),
            Some("dot" | "gv") => Ok(Picture::Dot),
            _ => Err(Failure::usage(
                format!("--diagram {}: the name does not say which format", path.display()),
                "end it with .svg, .html, .mmd or .dot",
            )),
        }
    }

    /// Draws the live schema; what is missing from it is taken from the expected one, and
    /// differences are coloured.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn draw(
        self,
        title: &str,
        live: &Schema,
        expected: Option<&Schema>,
        drift: &[Difference],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let scene = Scene::new(title, live, expected, drift);
        match self {
            Picture::Svg => svg::draw(&scene, &place::place(&scene), out),
            Picture::Html => html::draw(&scene, live, expected, drift, out),
            Picture::Mermaid => mermaid::draw(&scene, out),
            Picture::Dot => dot::draw(&scene, out),
        }
    }
}
