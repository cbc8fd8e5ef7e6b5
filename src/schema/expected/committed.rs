//! Files: the committed snapshot, and whatever is written whole.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use serde::Deserialize;

use super::Expected;
use super::unreadable;
use crate::exit::Failure;
use crate::schema::model::{FORMAT, Schema, Text};
use crate::schema::snapshot;

/// What a snapshot says of the database's default collation, if it is there and says something.
pub(crate) fn said_collation(path: &Path) -> Option<Text> {
    /// The one member that is asked for.
    #[derive(Deserialize)]
    struct Head {
        database_collation: Option<Text>,
    }
    let file = File::open(path).ok()?;
    serde_json::from_reader::<_, Head>(BufReader::new(file))
        .ok()?
        .database_collation
}

/// A committed snapshot.
///
/// # Errors
/// It cannot be read, is none, or is of a newer format.
pub(crate) fn read_snapshot(path: &Path, live: &Schema) -> Result<Expected, Failure> {
    /// What every format has.
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let open = || {
        File::open(path)
            .map(BufReader::new)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Failure::usage(
                    format!("there is no snapshot {}", path.display()),
                    "write it with --write (and --replay sandbox if the account may create no database)",
                ),
                _ => unreadable(path, &error),
            })
    };
    let broken = |error: serde_json::Error| {
        Failure::usage(
            format!("{} is no schema snapshot: {error}", path.display()),
            "write it again with --write",
        )
    };
    let head: Head = serde_json::from_reader(open()?).map_err(broken)?;
    if head.format != FORMAT {
        return Err(Failure::usage(
            format!(
                "{} has format {}, this dbtool reads format {FORMAT}",
                path.display(),
                head.format
            ),
            "use the dbtool version that wrote it, or write it again with --write",
        ));
    }
    let schema = snapshot::read(open()?, live).map_err(broken)?;
    Ok(Expected {
        schema,
        source: format!("the snapshot {}", path.display()),
        ..Expected::default()
    })
}

/// Writes the snapshot in one step, so that a reader never sees half of it.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_snapshot(expected: &Expected, path: &Path) -> Result<(), Failure> {
    let mut schema = expected.schema.clone();
    schema.database_collation = expected.relies_on_default.then_some(schema.collation);
    schema.keep_used_collations();
    write_file(path, |out| {
        serde_json::to_writer_pretty(&mut *out, &schema)?;
        out.write_all(b"\n")
    })
}

/// Writes a file as a whole or not at all: what was there stays until all is written.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<tempfile::NamedTempFile>) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let whole = || -> std::io::Result<()> {
        let file = tempfile::Builder::new()
            .permissions(shared_permissions())
            .tempfile_in(folder)?;
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        let file = out.into_inner().map_err(|error| error.into_error())?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    whole().map_err(|error| {
        Failure::usage(
            format!("cannot write {}: {error}", path.display()),
            "correct the path or its folder's permissions",
        )
    })
}

/// A file like any other, subject to the umask.
fn shared_permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}
