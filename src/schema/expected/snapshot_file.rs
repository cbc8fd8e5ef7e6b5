//! Reads and writes the committed snapshot; writes files atomically.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use serde::Deserialize;

use super::ExpectedSchema;
use crate::schema::failure::SchemaFailure;
use crate::schema::model::{FORMAT, Schema, Symbol};
use crate::schema::snapshot;

/// The database's default collation in a snapshot, if the file exists and contains one.
pub(crate) fn collation_in_snapshot(path: &Path) -> Option<Symbol> {
    /// The member to read.
    #[derive(Deserialize)]
    struct CollationMember {
        database_collation: Option<Symbol>,
    }
    let file = File::open(path).ok()?;
    serde_json::from_reader::<_, CollationMember>(BufReader::new(file))
        .ok()?
        .database_collation
}

/// Reads a committed snapshot.
///
/// # Errors
/// It cannot be read, is not a snapshot, or has another format.
pub(crate) fn read_snapshot(path: &Path, live: &Schema) -> Result<ExpectedSchema, SchemaFailure> {
    /// The member common to all formats.
    #[derive(Deserialize)]
    struct FormatMember {
        format: u32,
    }
    let open = || {
        File::open(path)
            .map(BufReader::new)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => SchemaFailure::NoSnapshot {
                    path: path.to_owned(),
                },
                _ => SchemaFailure::unreadable(path, error),
            })
    };
    let broken = |error| SchemaFailure::NotASnapshot {
        path: path.to_owned(),
        error,
    };
    let head: FormatMember = serde_json::from_reader(open()?).map_err(broken)?;
    if head.format != FORMAT {
        return Err(SchemaFailure::SnapshotFormat {
            path: path.to_owned(),
            found: head.format,
            known: FORMAT,
        });
    }
    let schema = snapshot::read(open()?, live).map_err(broken)?;
    Ok(ExpectedSchema {
        schema,
        source: format!("the snapshot {}", path.display()),
        ..ExpectedSchema::default()
    })
}

/// Writes the snapshot atomically, so that a reader never sees a part of it.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_snapshot(expected: &ExpectedSchema, path: &Path) -> Result<(), SchemaFailure> {
    let mut schema = expected.schema.clone();
    schema.database_collation = expected.relies_on_default.then_some(schema.collation);
    schema.retain_used_collations();
    write_file(path, |out| {
        serde_json::to_writer_pretty(&mut *out, &schema)?;
        out.write_all(b"\n")
    })
}

/// Writes a file atomically: an existing file is replaced only after all data is written.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<tempfile::NamedTempFile>) -> std::io::Result<()>,
) -> Result<(), SchemaFailure> {
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
    whole().map_err(|error| SchemaFailure::Unwritable {
        path: path.to_owned(),
        error,
    })
}

/// The permissions of an ordinary file, subject to the umask.
fn shared_permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}
