//! The application's migrations, embedded in the binary so that a sandbox needs no checkout.

use std::fs;
use std::io;
use std::path::Path;

/// File name and text of each migration, in order.
pub const MIGRATIONS: &[(&str, &str)] = &[
    (
        "001_core_schema.sql",
        include_str!("../../migrations/001_core_schema.sql"),
    ),
    (
        "002_rename_taxes_to_service_fee.sql",
        include_str!("../../migrations/002_rename_taxes_to_service_fee.sql"),
    ),
    (
        "003_profile_image_mediumtext.sql",
        include_str!("../../migrations/003_profile_image_mediumtext.sql"),
    ),
    (
        "004_payment_history_and_refunds.sql",
        include_str!("../../migrations/004_payment_history_and_refunds.sql"),
    ),
    (
        "005_messaging.sql",
        include_str!("../../migrations/005_messaging.sql"),
    ),
];

/// The version of the last migration.
pub fn latest() -> u32 {
    MIGRATIONS
        .iter()
        .filter_map(|(name, _)| name.get(..3)?.parse().ok())
        .max()
        .unwrap_or(0)
}

/// Writes all migrations into `folder`, which must not exist.
///
/// # Errors
/// A file cannot be written.
pub fn write_to(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    for (name, text) in MIGRATIONS {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{MIGRATIONS, latest, write_to};
    use std::collections::BTreeSet;
    use std::fs;

    #[test]
    fn every_migration_of_the_repository_is_carried() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let files: BTreeSet<String> = fs::read_dir(folder)
            .expect("the folder of migrations")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| name.ends_with(".sql"))
            .collect();
        let carried: BTreeSet<String> = MIGRATIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(files, carried);
        assert_eq!(latest() as usize, files.len());
    }

    #[test]
    fn they_are_written_byte_for_byte() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = dir.path().join("migrations");
        write_to(&folder).expect("written");
        for (name, text) in MIGRATIONS {
            assert_eq!(fs::read_to_string(folder.join(name)).expect("a file"), *text);
        }
        assert!(write_to(&folder).is_err());
    }
}
