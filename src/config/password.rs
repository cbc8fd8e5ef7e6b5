//! Reads the password from a variable, a file or the URL.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::Setting;
use super::failure::ConfigFailure;
use super::small_file::{ReadError, read_small};
use super::source::Lookup;
use super::url::UrlParts;
use crate::cancel::Cancel;
use crate::exit::Failure;
use crate::secret::Secret;

/// Largest password file accepted, in bytes.
const MAX_BYTES: usize = 64 * 1024;

pub(super) fn password(
    lookup: &Lookup<'_>,
    url: &UrlParts,
    timeout: Duration,
) -> Result<Option<Setting<Secret>>, Failure> {
    let plain = lookup.get("DB_PASSWORD");
    let file = lookup.get("DB_PASSWORD_FILE");
    if let (Some(plain), Some(file)) = (&plain, &file) {
        let (plain, file) = (plain.origin.clone(), file.origin.clone());
        return Err(ConfigFailure::TwoPasswords { plain, file }.into());
    }
    let part = match file {
        None => plain.map(|setting| setting.map(Secret::new)),
        Some(file) => Some(read_password(&file, timeout, lookup.cancel())?),
    };
    match (&part, &url.password) {
        (Some(part), Some(in_url)) if part.value != in_url.value => {
            let (url, part) = (in_url.origin.clone(), part.origin.clone());
            Err(ConfigFailure::PasswordsDiffer { url, part }.into())
        }
        (None, in_url) => Ok(in_url.clone()),
        (part, _) => Ok(part.clone()),
    }
}

fn read_password(
    file: &Setting<String>,
    timeout: Duration,
    cancel: &Cancel,
) -> Result<Setting<Secret>, Failure> {
    let unusable = |problem: &dyn fmt::Display| ConfigFailure::PasswordFile {
        file: file.clone(),
        problem: problem.to_string(),
    };
    let bytes = match read_small(Path::new(&file.value), MAX_BYTES, timeout, cancel) {
        Ok(bytes) => bytes,
        Err(ReadError::Cancelled(cancelled)) => return Err(cancelled.into()),
        Err(error) => return Err(unusable(&error).into()),
    };
    let text = String::from_utf8(bytes).map_err(|_| unusable(&"it is not UTF-8"))?;
    // Editors and `echo` end a file with a newline that is not part of the password.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(Setting {
        value: Secret::new(text),
        origin: file.origin.clone(),
    })
}
