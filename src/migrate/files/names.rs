//! Names of files: a migration's version and direction, or no migration.

use super::layout::{dialect_of, lettered_label, lettered_name};
use super::version::Version;

/// The parts of a migration file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameParts<'a> {
    /// The number the name begins with.
    pub(super) version: Version,
    /// The version as the file writes it.
    pub(super) label: &'a str,
    /// The name without ending.
    pub(super) name: &'a str,
    /// What the file does.
    pub(super) role: Role,
}

/// What a file does, as far as its name says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `1_x.sql`, `1_x.up.sql`: applies the migration.
    Up,
    /// `1_x.down.sql`: takes it back.
    Down,
    /// `V1__x.sql`: applies the migration.
    LetteredUp,
    /// `U1__x.sql`: takes V1 back with Flyway, and is a migration of its own with refinery.
    Undo,
    /// `R__x.sql`: runs whenever it has changed.
    Repeatable,
    /// `B1__x.sql`: makes an empty database what the migrations up to 1 would.
    Baseline,
}

impl Role {
    /// Whether the name begins with a letter, as Flyway and refinery have it.
    pub(super) fn is_lettered(self) -> bool {
        !matches!(self, Role::Up | Role::Down)
    }
}

/// What kind of file a name belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NameKind<'a> {
    /// A migration.
    Migration(NameParts<'a>),
    /// Looks like a migration and is not read as one: applying the others without it could be wrong. Why.
    Unread(&'static str),
    /// Perhaps meant as a migration, or left by an editor: worth a warning. Why it is none.
    Ignored(&'static str),
    /// Something else.
    Other,
}

/// Endings of copies that editors and version control leave.
const COPIES: [&str; 9] = ["~", ".bak", ".orig", ".rej", ".swp", ".swo", ".tmp", ".old", "#"];
/// Programs that other tools run as migrations.
const PROGRAMS: [&str; 14] = [
    "go", "js", "mjs", "cjs", "ts", "py", "php", "rb", "pl", "sh", "java", "kt", "cs", "xml",
];
/// Endings of what takes a migration back with other tools.
const BACKWARDS: [&str; 6] = [
    ".undo",
    ".rollback",
    ".revert",
    ".downgrade",
    ".backward",
    ".reverse",
];
const SHAPE: &str = "its name is not NUMBER_name.sql";
const UNNUMBERED: &str = "migration files are named NUMBER_name.sql";

/// The kind of the file with this name.
pub(super) fn kind(file: &str) -> NameKind<'_> {
    let lower = file.to_ascii_lowercase();
    if COPIES.iter().any(|ending| lower.ends_with(ending)) {
        return if lower.contains(".sql") {
            NameKind::Ignored(UNNUMBERED)
        } else {
            NameKind::Other
        };
    }
    if file.starts_with('.') {
        return NameKind::Other;
    }
    let Some(stem) = lower.strip_suffix(".sql").map(|stem| &file[..stem.len()]) else {
        let numbered = is_numbered(&lower);
        let program = lower
            .rsplit_once('.')
            .is_some_and(|(_, ending)| PROGRAMS.contains(&ending));
        return match () {
            () if numbered && lower.contains(".sql") => NameKind::Unread("its name does not end in .sql"),
            () if numbered && program => NameKind::Unread("it is a program, not SQL"),
            () => NameKind::Other,
        };
    };
    if !is_numbered(&lower) && !lower.strip_prefix('v').is_some_and(begins_with_number) {
        return NameKind::Ignored(UNNUMBERED);
    }
    if let Some(Err(other)) = dialect_of(stem) {
        return NameKind::Ignored(other);
    }
    match lettered_name(stem).unwrap_or_else(|| parts(stem)) {
        Ok(parts) => NameKind::Migration(parts),
        Err(why) => NameKind::Unread(why),
    }
}

/// Whether a file's name says that it applies a migration, and that another takes it back.
pub(super) fn is_up_file(file: &str) -> bool {
    file.to_ascii_lowercase().ends_with(".up.sql")
}

/// The kind of the folder with this name.
pub(super) fn folder_kind(name: &str) -> NameKind<'_> {
    let lower = name.to_ascii_lowercase();
    if is_numbered(&lower) && !name.bytes().all(|byte| byte.is_ascii_digit()) || lower.ends_with(".sql") {
        NameKind::Unread("it is a folder")
    } else {
        NameKind::Other
    }
}

/// Whether a name, in lower case, begins as migrations do: a number, or Flyway's letter with one.
fn is_numbered(lower: &str) -> bool {
    let after = lower.trim_start_matches(|c: char| c.is_whitespace() || "_-+".contains(c));
    let flyway = after
        .strip_prefix(['v', 'u', 'b'])
        .is_some_and(|rest| begins_with_number(rest) && rest.contains("__"))
        || after.starts_with("r__");
    begins_with_number(after) || flyway
}

/// Digits of other scripts count: a person reads a number.
fn begins_with_number(text: &str) -> bool {
    text.starts_with(char::is_numeric)
}

fn parts(stem: &str) -> Result<NameParts<'_>, &'static str> {
    let ending = |ending: &str| {
        let (name, tail) = stem.split_at_checked(stem.len().checked_sub(ending.len())?)?;
        tail.eq_ignore_ascii_case(ending).then_some(name)
    };
    let (name, role) = match (ending(".down"), ending(".up")) {
        (Some(name), _) => (name, Role::Down),
        (_, Some(name)) => (name, Role::Up),
        _ => (stem, Role::Up),
    };
    if !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            false => SHAPE,
            true => {
                "it is named as Flyway names files; NUMBER_name.sql applies a migration, NUMBER_name.down.sql takes it back"
            }
        });
    }
    if BACKWARDS.iter().any(|back| ending(back).is_some()) {
        return Err("its name says that it takes a migration back; NUMBER_name.down.sql does");
    }
    let label = label(name);
    let digits: String = label.chars().filter(char::is_ascii_digit).collect();
    // A time is name enough.
    let is_time = label.len() == name.len() && (10..=17).contains(&digits.len());
    let rest = match is_time {
        true => "x",
        false => name[label.len()..].strip_prefix(['_', '-']).ok_or(SHAPE)?,
    };
    if rest.is_empty() {
        return Err(SHAPE);
    }
    if label.len() == digits.len() && digits.len() == 4 && is_date(rest) {
        return Err("whether its number is the year or the date is not clear; write the date as one number");
    }
    let number: u64 = digits.parse().map_err(|_| "its number is too large")?;
    fits(name)?;
    Ok(NameParts {
        version: number.into(),
        label,
        name,
        role,
    })
}

/// The history keeps the name in 255 characters.
pub(super) fn fits(name: &str) -> Result<(), &'static str> {
    match name.chars().count() > 255 {
        true => Err("its name is longer than 255 characters"),
        false => Ok(()),
    }
}

/// The version as a name writes it: its digits, `2024_01_31_120000`, or what is behind Flyway's letter.
pub(super) fn label(name: &str) -> &str {
    if let Some(label) = lettered_label(name) {
        return label;
    }
    let shape: String = name
        .chars()
        .take(18)
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    if shape == "9999_99_99_999999_" {
        return &name[..17];
    }
    let end = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    &name[..end]
}

/// Whether the text after four digits continues like a date.
fn is_date(rest: &str) -> bool {
    let mut pieces = rest.split(['_', '-']);
    let two = |piece: Option<&str>| {
        piece.is_some_and(|piece| piece.len() == 2 && piece.bytes().all(|byte| byte.is_ascii_digit()))
    };
    two(pieces.next()) && two(pieces.next())
}
