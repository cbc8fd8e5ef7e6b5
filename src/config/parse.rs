//! Parses the text of configuration variables into values.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{Setting, SslMode};
use crate::exit::Failure;

pub(super) fn path(setting: Setting<String>) -> Setting<PathBuf> {
    setting.map(PathBuf::from)
}

pub(super) fn parse_ssl_mode(setting: Setting<String>) -> Result<Setting<SslMode>, Failure> {
    let name = setting.value.to_ascii_lowercase().replace('_', "-");
    let mode = SslMode::NAMES
        .iter()
        .find(|(mode_name, _)| *mode_name == name)
        .map(|(_, mode)| *mode);
    match mode {
        Some(mode) => Ok(setting.map(|_| mode)),
        None => Err(invalid_value(
            &setting,
            "use one of disabled, preferred, required, verify-ca, verify-identity",
        )),
    }
}

pub(super) fn number<T>(setting: Setting<String>, min: T, max: T) -> Result<Setting<T>, Failure>
where
    T: std::str::FromStr + PartialOrd + fmt::Display,
{
    match setting.value.trim().parse::<T>() {
        Ok(value) if value >= min && value <= max => Ok(setting.map(|_| value)),
        _ => Err(invalid_value(
            &setting,
            &format!("use a whole number from {min} to {max}"),
        )),
    }
}

pub(super) fn milliseconds(setting: Setting<String>, min: u64) -> Result<Setting<Duration>, Failure> {
    // A day: longer waits are a unit mistake (the value is in milliseconds).
    number::<u64>(setting.clone(), min, 86_400_000)
        .map(|setting| setting.map(Duration::from_millis))
        .map_err(|_| {
            invalid_value(
                &setting,
                &format!("use milliseconds, a whole number from {min} to 86400000"),
            )
        })
}

pub(super) fn boolean(setting: Setting<String>) -> Result<Setting<bool>, Failure> {
    match setting.value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(setting.map(|_| true)),
        "0" | "false" | "no" | "off" => Ok(setting.map(|_| false)),
        _ => Err(invalid_value(&setting, "use true or false")),
    }
}

/// The message for a value that cannot be used; `setting.origin` names the variable.
fn invalid_value(setting: &Setting<String>, next: &str) -> Failure {
    Failure::usage(
        format!(
            "'{}' is not a valid value, set by {}",
            setting.value, setting.origin
        ),
        next,
    )
}
