//! How migration files divide into an up script and a down script.
//!
//! Each tool's layout is a file of its own that knows the tool's marks: comments at the beginning of a line.
//! A file is of the layout of its first mark. A comment that looks like such a mark, of no layout known
//! here, stops a run before it begins ([`suspicion`]): a down script must never run as part of the up script.

mod dbmate;
mod dialect;
mod evidence;
mod flyway;
mod foreign;
mod golang_migrate;
mod goose;
mod laravel;
mod liquibase;
mod mybatis;
mod native;
mod rails;
mod rambler;
mod refinery;
mod sip_hash;
mod sql_migrate;
mod sqlx;
mod suspicion;

pub(super) use dialect::dialect_of;
pub(super) use evidence::{MarkEvidence, NameEvidence, by_names, speaks};
pub(super) use flyway::{label as lettered_label, name as lettered_name};
pub use foreign::{ForeignHistory, ForeignRow, ForeignState, RowMeaning};
pub use liquibase::changesets;
pub(super) use suspicion::{Suspicion, suspicion};

/// A part of a migration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilePart {
    /// Applies the migration.
    Up,
    /// Takes it back.
    Down,
}

/// The meaning of a comment at the beginning of a line in one of the layouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LayoutMark {
    /// The file is of this layout; nothing begins.
    Header,
    /// A part begins.
    Part(FilePart),
    /// Everything up to the line with [`LayoutMark::RawEnd`] is one statement.
    RawBegin,
    /// Ends such a statement.
    RawEnd,
    /// Belongs to the layout and changes nothing here.
    Passed,
    /// The layout has it and dbtool does not support it: the reason.
    Refused(String),
}

/// A tool's layout.
#[derive(Debug)]
pub(super) struct FileLayout {
    /// What `--layout` and `adopt --from` call it.
    pub(super) id: &'static str,
    /// The tool.
    pub(super) name: &'static str,
    /// What names of files speak for it, in a few words; `None` where they do not, or where other names are as likely.
    names: fn(&NameEvidence) -> Option<&'static str>,
    /// The table in which the tool keeps what is applied.
    pub(super) history: Option<&'static ForeignHistory>,
    /// How it writes the beginning of the part that applies a migration, for messages; `None` where
    /// the file begins with it.
    pub(super) up: Option<&'static str>,
    /// Whether every line that begins with two dashes is a comment to the tool.
    pub(super) dashes_comment: bool,
    /// The mark that a comment makes, given with its `--`, `#` or `/* */`, trimmed. `inside` says that the
    /// file is known to be of this layout.
    mark: fn(comment: &str, inside: bool) -> Option<LayoutMark>,
}

/// Every layout, the most explicit marks first, then the most explicit names.
const LAYOUTS: [&FileLayout; 13] = [
    &dbmate::LAYOUT,
    &goose::LAYOUT,
    &sql_migrate::LAYOUT,
    &rambler::LAYOUT,
    &mybatis::LAYOUT,
    &liquibase::LAYOUT,
    &flyway::LAYOUT,
    &refinery::LAYOUT,
    &laravel::LAYOUT,
    &sqlx::LAYOUT,
    &golang_migrate::LAYOUT,
    &rails::LAYOUT,
    &native::LAYOUT,
];

/// A tool's layout of files, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// What `--layout` and `adopt --from` call it.
    pub id: &'static str,
    /// The tool's name.
    pub name: &'static str,
}

impl FileLayout {
    /// What a layout is that is known by the names of its files alone.
    const BY_NAMES: FileLayout = FileLayout {
        id: "",
        name: "",
        names: any_name,
        history: None,
        up: None,
        dashes_comment: false,
        mark: |_, _| None,
    };
}

impl Default for Layout {
    fn default() -> Layout {
        Layout::OWN
    }
}

impl Layout {
    /// Files as dbtool itself names them.
    pub const OWN: Layout = Layout::of(&native::LAYOUT);
    pub(super) const DBMATE: Layout = Layout::of(&dbmate::LAYOUT);
    pub(super) const FLYWAY: Layout = Layout::of(&flyway::LAYOUT);
    pub(super) const REFINERY: Layout = Layout::of(&refinery::LAYOUT);

    pub(super) const fn of(layout: &FileLayout) -> Layout {
        Layout {
            id: layout.id,
            name: layout.name,
        }
    }

    /// The layout with this id.
    pub fn with_id(id: &str) -> Option<Layout> {
        LAYOUTS
            .iter()
            .find(|layout| layout.id == id)
            .map(|layout| Layout::of(layout))
    }

    /// The table of the tool in which it keeps what is applied.
    pub fn history(self) -> Option<&'static ForeignHistory> {
        LAYOUTS.iter().find(|layout| layout.id == self.id)?.history
    }

    /// Every tool of which dbtool can read what is applied.
    pub fn with_history() -> impl Iterator<Item = (Layout, &'static ForeignHistory)> {
        LAYOUTS
            .iter()
            .filter_map(|layout| Some((Layout::of(layout), layout.history?)))
    }

    /// Whether marks in its files are what it is known by.
    pub(super) fn has_marks(self) -> bool {
        const MARKED: [&FileLayout; 5] = [
            &goose::LAYOUT,
            &sql_migrate::LAYOUT,
            &rambler::LAYOUT,
            &mybatis::LAYOUT,
            &liquibase::LAYOUT,
        ];
        MARKED.iter().any(|layout| layout.id == self.id)
    }

    /// Whether its files are named with a letter: `V1__name.sql`.
    pub fn is_lettered(self) -> bool {
        self == Layout::FLYWAY || self == Layout::REFINERY
    }
}

/// No name speaks for it: its marks do.
fn any_name(_names: &NameEvidence) -> Option<&'static str> {
    None
}

/// The mark a comment makes, and in which layout. `known` is the file's layout, once that is known.
pub(super) fn mark(
    comment: &str,
    known: Option<&'static FileLayout>,
) -> Option<(&'static FileLayout, LayoutMark)> {
    let comment = comment.trim();
    LAYOUTS.iter().find_map(|layout| {
        let inside = known.is_some_and(|known| known.name == layout.name);
        Some((*layout, (layout.mark)(comment, inside)?))
    })
}

/// The words of a comment behind its dashes; `None` for another kind of comment.
fn dashed(comment: &str) -> Option<&str> {
    comment.strip_prefix("--").map(str::trim)
}

/// The word behind a tool's sign, and the rest: `+goose Up` gives `Up`.
fn annotation<'a>(comment: &'a str, sign: &str) -> Option<&'a str> {
    let text = dashed(comment)?;
    let head = text
        .get(..sign.len())
        .filter(|head| head.eq_ignore_ascii_case(sign))?;
    let rest = &text[head.len()..];
    rest.starts_with(char::is_whitespace).then(|| rest.trim())
}

/// `Up`, `Down`, `StatementBegin` and `StatementEnd` as goose and its relatives write them.
fn common(word: &str) -> Option<LayoutMark> {
    Some(match word.to_ascii_lowercase().as_str() {
        "up" => LayoutMark::Part(FilePart::Up),
        "down" => LayoutMark::Part(FilePart::Down),
        "statementbegin" => LayoutMark::RawBegin,
        "statementend" => LayoutMark::RawEnd,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
