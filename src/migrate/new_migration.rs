//! `dbtool migrate new NAME`: an empty migration with the next version.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::failure::MigrateFailure;
use super::outcome::MessageOutcome;
use crate::exit::Failure;
use crate::migrate::files::{Folder, Migration, Source};

/// Creates the file or files, and the folder if needed.
///
/// # Errors
/// The folder cannot be written or read, or the name has no usable character.
pub fn create(source: &Source, name: &str, with_down: bool) -> Result<MessageOutcome, Failure> {
    let dir = source
        .dirs
        .first()
        .map_or(Path::new("migrations"), PathBuf::as_path);
    let name = file_name(name);
    if name.is_empty() {
        return Err(MigrateFailure::NameWithoutLetters.into());
    }
    fs::create_dir_all(dir).map_err(|error| unwritable(dir, error))?;
    let folder = Folder::find_all(source)?;
    let numbered = |migration: &&Migration| !migration.version.is_repeatable();
    let (next, width) = match folder.migrations.iter().rfind(numbered) {
        Some(last) => {
            let number = last.label.split('.').next().unwrap_or_default();
            let digits = number.bytes().filter(u8::is_ascii_digit).count();
            (last.version.next_number(), digits)
        }
        None => (1, 3),
    };
    let number = format!("{next:0width$}");
    let names = match (folder.layout.is_lettered(), with_down) {
        (true, false) => vec![format!("V{number}__{name}.sql")],
        (true, true) => vec![format!("V{number}__{name}.sql"), format!("U{number}__{name}.sql")],
        (false, false) => vec![format!("{number}_{name}.sql")],
        (false, true) => vec![
            format!("{number}_{name}.up.sql"),
            format!("{number}_{name}.down.sql"),
        ],
    };
    let mut created: Vec<PathBuf> = Vec::new();
    for file in names {
        let path = dir.join(file);
        let mut file = fs::File::create_new(&path).map_err(|error| unwritable(&path, error))?;
        file.write_all(format!("-- {}\n", name.replace('_', " ")).as_bytes())
            .map_err(|error| unwritable(&path, error))?;
        created.push(path);
    }
    let files: Vec<String> = created.iter().map(|path| path.display().to_string()).collect();
    Ok(MessageOutcome {
        name: "migrate-new",
        line: files.join("\n"),
        json: json!({ "version": number, "files": files }),
    })
}

/// A file name for every system: letters, digits and single underscores.
fn file_name(name: &str) -> String {
    let words = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").chars().take(100).collect()
}

fn unwritable(path: &Path, error: std::io::Error) -> MigrateFailure {
    let path = path.to_owned();
    MigrateFailure::CannotCreate { path, error }
}

#[cfg(test)]
mod tests {
    use super::{Source, file_name};

    fn create(
        dir: &std::path::Path,
        name: &str,
        down: bool,
    ) -> Result<super::MessageOutcome, crate::exit::Failure> {
        super::create(&Source::of(dir), name, down)
    }

    #[test]
    fn names_become_file_names() {
        for (name, expected) in [
            ("Add phone-to users!", "Add_phone_to_users"),
            ("../x", "x"),
            ("__a__", "a"),
            ("é漢", "é漢"),
            ("/", ""),
        ] {
            assert_eq!(file_name(name), expected);
        }
    }

    #[test]
    fn the_next_version_follows_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("migrations");
        assert!(
            create(&folder, "first", false)
                .unwrap()
                .line
                .ends_with("001_first.sql")
        );
        let second = create(&folder, "second", true).unwrap().line;
        assert!(second.contains("002_second.up.sql\n") && second.ends_with("002_second.down.sql"));
        std::fs::write(folder.join("0099_x.sql"), "").unwrap();
        assert!(create(&folder, "x", false).unwrap().line.ends_with("0100_x.sql"));
        let flyway = dir.path().join("flyway");
        std::fs::create_dir(&flyway).unwrap();
        std::fs::write(flyway.join("V1.9__x.sql"), "").unwrap();
        let created = create(&flyway, "x", true).unwrap().line;
        assert!(
            created.contains("V2__x.sql\n") && created.ends_with("U2__x.sql"),
            "{created}"
        );
    }
}
