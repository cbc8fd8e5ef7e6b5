//! How migration files divide into what applies them and what takes them back.

mod native;

/// A part of a migration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Applies the migration.
    Up,
    /// Takes it back.
    Down,
}

/// What a comment at the beginning of a line says in one of the layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A part begins.
    Part(Part),
}

/// The mark a comment makes, given with its `--`, `#` or `/* */`.
pub(super) fn mark(comment: &str) -> Option<Mark> {
    native::mark(comment)
}
