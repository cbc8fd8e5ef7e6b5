//! Parses the text of configuration variables into values.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::failure::{ConfigFailure, Expected};
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
        None => Err(ConfigFailure::invalid(&setting, Expected::SslMode).into()),
    }
}

pub(super) fn number<T>(setting: Setting<String>, min: T, max: T) -> Result<Setting<T>, Failure>
where
    T: std::str::FromStr + PartialOrd + fmt::Display,
{
    match setting.value.trim().parse::<T>() {
        Ok(value) if value >= min && value <= max => Ok(setting.map(|_| value)),
        _ => {
            let expected = Expected::Number(min.to_string(), max.to_string());
            Err(ConfigFailure::invalid(&setting, expected).into())
        }
    }
}

pub(super) fn milliseconds(setting: Setting<String>, min: u64) -> Result<Setting<Duration>, Failure> {
    // A day: longer waits are a unit mistake (the value is in milliseconds).
    number::<u64>(setting.clone(), min, 86_400_000)
        .map(|setting| setting.map(Duration::from_millis))
        .map_err(|_| ConfigFailure::invalid(&setting, Expected::Milliseconds(min)).into())
}

pub(super) fn boolean(setting: Setting<String>) -> Result<Setting<bool>, Failure> {
    match setting.value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(setting.map(|_| true)),
        "0" | "false" | "no" | "off" => Ok(setting.map(|_| false)),
        _ => Err(ConfigFailure::invalid(&setting, Expected::Boolean).into()),
    }
}
