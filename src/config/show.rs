//! The configuration as lines for people, secrets as stars.

use std::path::PathBuf;

use super::{Address, Config, Origin, Setting};

/// One line of `dbtool config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigLine {
    /// The variable's name.
    pub name: &'static str,
    /// Its value as text; secrets as stars; `None` when not set.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: String,
}

impl Config {
    /// Every value with its origin, secrets as stars.
    pub fn lines(&self) -> Vec<ConfigLine> {
        let address_lines = match &self.address.value {
            Address::Tcp { host, port } => [
                line("DB_HOST", Some((host.clone(), &self.address.origin))),
                line("DB_PORT", Some((port.to_string(), &self.port_origin))),
                line("DB_SOCKET", None),
            ],
            Address::Socket(path) => [
                line("DB_HOST", None),
                line("DB_PORT", None),
                line(
                    "DB_SOCKET",
                    Some((path.display().to_string(), &self.address.origin)),
                ),
            ],
        };
        let shown = |setting: &Setting<PathBuf>| setting.value.display().to_string();
        let timeout = match self.timeout.value {
            Some(limit) => format!("{} ms", limit.as_millis()),
            None => "none".to_owned(),
        };
        let mut lines = Vec::from(address_lines);
        lines.extend([
            line(
                "DB_USER",
                self.user.as_ref().map(|user| (user.value.clone(), &user.origin)),
            ),
            line(
                "DB_PASSWORD",
                self.password.as_ref().map(|p| (p.value.to_string(), &p.origin)),
            ),
            line(
                "DB_NAME",
                self.database.as_ref().map(|d| (d.value.clone(), &d.origin)),
            ),
            line(
                "DB_CONNECTION_LIMIT",
                Some((
                    self.connection_limit.value.to_string(),
                    &self.connection_limit.origin,
                )),
            ),
            line(
                "DB_FLEET_CONNECTION_LIMIT",
                self.fleet_limit
                    .as_ref()
                    .map(|l| (l.value.to_string(), &l.origin)),
            ),
            line(
                "DB_ACQUIRE_TIMEOUT",
                Some((
                    format!("{} ms", self.acquire_timeout.value.as_millis()),
                    &self.acquire_timeout.origin,
                )),
            ),
            line("DB_TIMEOUT", Some((timeout, &self.timeout.origin))),
            line(
                "DB_SSL_MODE",
                Some((self.ssl_mode.value.name().to_owned(), &self.ssl_mode.origin)),
            ),
            line("DB_SSL_CA", self.ssl_ca.as_ref().map(|p| (shown(p), &p.origin))),
            line(
                "DB_SSL_CERT",
                self.ssl_cert.as_ref().map(|p| (shown(p), &p.origin)),
            ),
            line("DB_SSL_KEY", self.ssl_key.as_ref().map(|p| (shown(p), &p.origin))),
            line(
                "DB_ADMIN_PORT",
                self.admin_port.as_ref().map(|p| (p.value.to_string(), &p.origin)),
            ),
            line(
                "DB_SHARED_BUDGET",
                Some((self.shared_budget.value.to_string(), &self.shared_budget.origin)),
            ),
            line(
                "DB_BUDGET_DIR",
                self.budget_dir.as_ref().map(|p| (shown(p), &p.origin)),
            ),
        ]);
        lines
    }
}

fn line(name: &'static str, value: Option<(String, &Origin)>) -> ConfigLine {
    match value {
        Some((value, origin)) => ConfigLine {
            name,
            value: Some(value),
            origin: origin.to_string(),
        },
        None => ConfigLine {
            name,
            value: None,
            origin: "not set".to_owned(),
        },
    }
}
