//! The migrations as statements, and running them where nothing can be harmed.

use std::path::{Path, PathBuf};

use super::unreadable;
use crate::context::Context;
use crate::db::{DbError, Event, Query, Session};
use crate::exit::Failure;
use crate::sql::{self, Class, Options};

/// A migration file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct File {
    version: u64,
    path: PathBuf,
}

/// The files of `dir` in the order of their versions: `NNN_name.sql`, `NNN_name.up.sql`.
///
/// # Errors
/// The folder cannot be read, or two files have one version.
pub(super) fn discover(dir: &Path) -> Result<Vec<File>, Failure> {
    let entries = std::fs::read_dir(dir).map_err(|error| unreadable(dir, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(dir, &error))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if !name.ends_with(".sql") || name.ends_with(".down.sql") {
            continue;
        }
        let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
        if let Ok(version) = digits.parse() {
            files.push(File { version, path });
        }
    }
    files.sort();
    if let Some(pair) = files.windows(2).find(|pair| pair[0].version == pair[1].version) {
        return Err(Failure::usage(
            format!(
                "{} and {} have one version",
                pair[0].path.display(),
                pair[1].path.display()
            ),
            "give one of them another number",
        ));
    }
    Ok(files)
}

/// The statements of a file that go up.
fn statements(file: &File) -> Result<Vec<(u32, String)>, Failure> {
    let bytes = std::fs::read(&file.path).map_err(|error| unreadable(&file.path, &error))?;
    let broken = |error: sql::SplitError| {
        Failure::usage(
            format!("{}:{error}", file.path.display()),
            "correct the file; nothing was run",
        )
    };
    let text = sql::decode(&bytes).map_err(broken)?;
    let split = sql::split(text, Options::default()).map_err(broken)?;
    let mut up = true;
    let mut out = Vec::new();
    for statement in &split.statements {
        for marker in &statement.markers {
            match marker.text.trim() {
                "migrate:down" => up = false,
                "migrate:up" => up = true,
                _ => {}
            }
        }
        if up {
            out.push((statement.line, statement.text.to_owned()));
        }
    }
    Ok(out)
}

/// Checks that the migrations stay in the database they run in: a replay must not reach the
/// live one by its name, nor change accounts or settings of the server.
///
/// # Errors
/// A statement that does, with its place; a usage failure that may be answered by `--replay sandbox`.
pub(super) fn check_confined(files: &[File], database: &str) -> Result<(), Failure> {
    for file in files {
        for (line, text) in statements(file)? {
            let found = sql::classify(&text);
            let elsewhere = found.objects.iter().any(|object| object.name.schema.is_some());
            let verb = found.verb.as_str();
            let server = found.class == Class::Admin
                || verb.starts_with("USE")
                || verb.contains("DATABASE")
                || verb.contains("SCHEMA")
                || text.to_ascii_uppercase().starts_with("SET GLOBAL");
            if elsewhere || server || mentions(&text, database) {
                return Err(Failure::usage(
                    format!(
                        "{}:{line} names a database or changes the server, so the migrations cannot be \
                         replayed beside the live database: {}",
                        file.path.display(),
                        sql::summary(&text, 60)
                    ),
                    "use --replay sandbox, which replays them on a private server",
                ));
            }
        }
    }
    Ok(())
}

/// Whether a statement qualifies a name with `database`.
fn mentions(text: &str, database: &str) -> bool {
    let (text, database) = (text.to_ascii_lowercase(), database.to_ascii_lowercase());
    if text.contains(&format!("`{database}`.")) {
        return true;
    }
    text.match_indices(&format!("{database}.")).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|letter| letter.is_whitespace() || letter == '(' || letter == ',')
    })
}

/// Runs all migrations in the session's database.
///
/// # Errors
/// A statement failed; the message has its file and line.
pub(super) async fn run(ctx: &Context, session: &mut Session, files: &[File]) -> anyhow::Result<()> {
    let progress = ctx
        .report
        .progress(Some(files.len() as u64), "replaying migrations");
    for file in files {
        for (line, text) in statements(file)? {
            let done = session.run(Query::new(text), |_: Event| {}).await;
            done.map_err(|error: DbError| {
                anyhow::Error::new(error).context(format!("{}:{line}, replayed", file.path.display()))
            })?;
        }
        progress.inc(1);
    }
    progress.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_qualified_name_is_found() {
        assert!(mentions("DROP TABLE `Shop`.users", "shop"));
        assert!(mentions("INSERT INTO shop.users VALUES (1)", "shop"));
        assert!(!mentions("SELECT workshop.id FROM workshop", "shop"));
        assert!(!mentions("SELECT 'x' FROM shop", "shop"));
    }
}
