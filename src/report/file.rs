//! A result in a file, which its readers see whole.

use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::exit::{Failure, ProcessFailure};

/// Writes beside the file and renames: whoever reads meanwhile has the old text or the new one.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    replace(path, bytes).map_err(|error| {
        let path = path.to_path_buf();
        ProcessFailure::CannotWriteFile { path, error }.into()
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = target_of(path)?;
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        // The collector of node_exporter reads files with the ending .prom only.
        .prefix(".dbtool-")
        .suffix(".tmp")
        // Less what the umask takes, as for any file: the reader is usually another user.
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

/// The file that a link leads to. A device or a pipe is no file to be replaced.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => path.canonicalize(),
        Ok(_) => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_path_buf()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.prom");
        write(&path, b"one\n").expect("written");
        let open = std::fs::File::open(&path).expect("the file");
        write(&path, b"two\n").expect("written");
        // Who had it open still has the old text.
        assert_eq!(io::read_to_string(open).expect("text"), "one\n");
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "two\n");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        write(&link, b"three\n").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "three\n");
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 2);
    }

    #[test]
    fn a_device_or_a_folder_is_not_replaced() {
        for path in ["/dev/null", "/tmp", "/dev/null/x"] {
            let failure = write(Path::new(path), b"x").expect_err(path);
            assert!(failure.what.contains(path), "{}", failure.what);
        }
    }
}
