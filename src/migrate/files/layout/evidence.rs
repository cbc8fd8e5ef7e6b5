//! Which layout a folder has: what its names and marks say, and where they contradict each other.

use super::{LAYOUTS, Layout, LayoutMark};
use crate::migrate::files::names::{NameParts, Role};

/// What the names of a folder's migrations have in common.
#[derive(Debug, Clone, Default)]
pub(in crate::migrate::files) struct NameEvidence {
    files: u32,
    lettered: u32,
    flyway_only: bool,
    up_suffix: u32,
    downs: u32,
    times: u32,
    split_times: u32,
}

impl NameEvidence {
    /// Adds a file. `up_suffix` says that it ends in `.up.sql`.
    pub(in crate::migrate::files) fn add(&mut self, parts: &NameParts<'_>, up_suffix: bool) {
        let digits = parts.label.bytes().all(|byte| byte.is_ascii_digit());
        self.files += 1;
        self.lettered += u32::from(parts.role.is_lettered());
        self.flyway_only |=
            matches!(parts.role, Role::Repeatable | Role::Baseline) || parts.role.is_lettered() && !digits;
        self.up_suffix += u32::from(up_suffix);
        self.downs += u32::from(parts.role == Role::Down);
        self.times += u32::from(digits && parts.label.len() == 14);
        self.split_times += u32::from(!parts.role.is_lettered() && !digits);
    }

    pub(super) fn are_lettered(&self) -> bool {
        self.lettered > 0 && self.lettered == self.files
    }

    pub(super) fn is_flyway_only(&self) -> bool {
        self.are_lettered() && self.flyway_only
    }

    pub(super) fn are_pairs(&self) -> bool {
        self.files > 0 && self.up_suffix + self.downs == self.files
    }

    pub(super) fn are_times(&self) -> bool {
        self.files > 0 && self.times == self.files
    }

    pub(super) fn are_split_times(&self) -> bool {
        self.files > 0 && self.split_times == self.files
    }
}

/// The layout that the names speak for, and which.
pub(in crate::migrate::files) fn by_names(names: &NameEvidence) -> (Layout, &'static str) {
    LAYOUTS
        .iter()
        .find_map(|layout| Some((Layout::of(layout), (layout.names)(names)?)))
        .unwrap_or((Layout::OWN, ""))
}

/// The layouts whose marks stand in the files of a folder.
#[derive(Debug, Clone, Default)]
pub(in crate::migrate::files) struct MarkEvidence {
    /// Each once, with the first file that has a mark of it.
    found: Vec<(Layout, std::path::PathBuf)>,
}

impl MarkEvidence {
    /// Adds what a file has.
    pub(in crate::migrate::files) fn add(&mut self, layout: Layout, path: &std::path::Path) {
        if !self.found.iter().any(|(known, _)| *known == layout) {
            self.found.push((layout, path.to_owned()));
        }
    }

    /// Each layout with marks, and a file that has them.
    pub(in crate::migrate::files) fn found(&self) -> &[(Layout, std::path::PathBuf)] {
        &self.found
    }
}

/// Whether a mark says which layout a file has.
pub(in crate::migrate::files) fn speaks(mark: &LayoutMark) -> bool {
    matches!(mark, LayoutMark::Part(_) | LayoutMark::Header)
}
