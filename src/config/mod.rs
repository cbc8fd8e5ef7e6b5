//! Resolves flags, environment, `.env` file and defaults into one typed [`Config`] that records the
//! origin of every value. [`VARS`] lists the variables.

mod address;
mod env_file;
mod failure;
mod parse;
mod password;
mod small_file;
mod source;
mod url;
mod url_options;
mod var;
mod vars;

use std::path::{Path, PathBuf};

pub use address::{Address, is_loopback};
pub use env_file::EnvFile;
pub use source::{Origin, Setting, Sources};
pub use var::{Argument, Flag, Scope, Var, example_file, names};
pub use vars::{Config, VARS};

use crate::exit::Failure;
use failure::ConfigFailure;

/// Holds the sandbox's directory for programs inside it. If it is set, dbtool reads no `.env`:
/// a command in a sandbox must not reach another server.
pub const SANDBOX_VARIABLE: &str = "DBTOOL_SANDBOX";

/// TLS requirement of the connection; the names are those of the MySQL client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never encrypted.
    Disabled,
    /// Encrypted when the server offers it, plain otherwise.
    Preferred,
    /// Always encrypted; the certificate is not checked.
    Required,
    /// The certificate must be signed by the given authority; its name is not checked.
    VerifyCa,
    /// The certificate must be signed by the given authority and issued for the host.
    VerifyIdentity,
}

impl SslMode {
    const NAMES: [(&'static str, SslMode); 5] = [
        ("disabled", SslMode::Disabled),
        ("preferred", SslMode::Preferred),
        ("required", SslMode::Required),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-identity", SslMode::VerifyIdentity),
    ];

    /// The name used in configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, mode)| *mode == self)
            .map_or("preferred", |(name, _)| name)
    }

    /// Whether the server's certificate is checked against an authority.
    pub fn verifies(self) -> bool {
        matches!(self, SslMode::VerifyCa | SslMode::VerifyIdentity)
    }
}

/// One line of `dbtool config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigLine {
    /// Variable name, as in the environment.
    pub name: &'static str,
    /// The value as text, secrets masked; `None` when not set.
    pub value: Option<String>,
    /// Where the value was set.
    pub origin: String,
}

impl Config {
    /// Every value with its origin, secrets masked.
    pub fn lines(&self) -> Vec<ConfigLine> {
        let shown = VARS.iter().filter_map(|var| Some((var, var.show?)));
        shown
            .map(|(var, show)| match show(self) {
                Some((value, origin)) => ConfigLine {
                    name: var.name,
                    value: Some(if var.secret { "****".to_owned() } else { value }),
                    origin: origin.to_string(),
                },
                None => ConfigLine {
                    name: var.name,
                    value: None,
                    origin: "not set".to_owned(),
                },
            })
            .collect()
    }

    /// The account's name; empty if none is configured.
    pub fn user_name(&self) -> &str {
        self.user.as_ref().map_or("", |name| &name.value)
    }

    /// Requires an account to connect as.
    ///
    /// # Errors
    /// No account is configured (exit 2).
    pub fn require_user(&self) -> Result<(), Failure> {
        match self.user {
            Some(_) => Ok(()),
            None => Err(ConfigFailure::NoUser.into()),
        }
    }

    /// The name of the database to work in.
    ///
    /// # Errors
    /// No account is configured (exit 2).
    pub fn require_database(&self) -> Result<&str, Failure> {
        self.database
            .as_ref()
            .map(|name| name.value.as_str())
            .ok_or_else(|| ConfigFailure::NoDatabase.into())
    }

    /// Whether the server is on this machine.
    pub fn is_local(&self) -> bool {
        match &self.address.value {
            Address::Socket(_) => true,
            Address::Tcp { host, .. } => is_loopback(host),
        }
    }

    pub(super) fn check_tls_files(&self) -> Result<(), Failure> {
        if self.ssl_mode.value == SslMode::Disabled {
            return Ok(());
        }
        if self.ssl_mode.value.verifies() && self.ssl_ca.is_none() {
            return Err(ConfigFailure::NoAuthority {
                mode: self.ssl_mode.value.name(),
                origin: self.ssl_mode.origin.clone(),
            }
            .into());
        }
        match (&self.ssl_cert, &self.ssl_key) {
            (Some(cert), None) => return Err(incomplete_pair("DB_SSL_CERT", cert, "DB_SSL_KEY")),
            (None, Some(key)) => return Err(incomplete_pair("DB_SSL_KEY", key, "DB_SSL_CERT")),
            _ => {}
        }
        let files = [
            ("DB_SSL_CA", &self.ssl_ca),
            ("DB_SSL_CERT", &self.ssl_cert),
            ("DB_SSL_KEY", &self.ssl_key),
        ];
        for (name, file) in files
            .into_iter()
            .filter_map(|(name, file)| Some((name, file.as_ref()?)))
        {
            if let Err(error) = open_regular(&file.value) {
                let file = file.clone();
                return Err(ConfigFailure::TlsFile { name, file, error }.into());
            }
        }
        Ok(())
    }
}

/// Checks that a regular file can be opened. Rejects a pipe without opening it: opening would wait for
/// a writer, and the driver reads these files once per connection.
fn open_regular(path: &Path) -> std::io::Result<()> {
    if std::fs::metadata(path)?.is_file() {
        return std::fs::File::open(path).map(drop);
    }
    Err(std::io::Error::other("it is not a regular file"))
}

fn incomplete_pair(given: &'static str, setting: &Setting<PathBuf>, missing: &'static str) -> Failure {
    ConfigFailure::IncompletePair {
        given,
        origin: setting.origin.clone(),
        missing,
    }
    .into()
}
