//! What can be wrong with the configuration: of each failure what happened, what to do next, and its exit code, which is
//! always 2. No text shows a password.

use std::io;
use std::path::{Path, PathBuf};

use super::source::{Origin, Setting};
use crate::exit::{Failure, visible, visible_path};

/// A failure of the configuration.
#[derive(Debug)]
pub(super) enum ConfigFailure {
    /// No account is configured.
    NoUser,
    /// No database is configured.
    NoDatabase,
    /// A variable's value cannot be used.
    InvalidValue {
        setting: Setting<String>,
        expected: Expected,
    },
    /// A variable and the URL say two things.
    Disagreement {
        name: String,
        part: Setting<String>,
        url: Setting<String>,
    },
    /// The database URL cannot be used.
    Url { origin: Origin, fault: UrlFault },
    /// The host is a URL or a path.
    NotAHost { origin: Origin },
    /// The host ends with a port.
    HostWithPort { origin: Origin },
    /// A socket and a host of another machine are set.
    TwoServers {
        socket: Setting<String>,
        host: Setting<String>,
    },
    /// A password and a file with the password are set.
    TwoPasswords { plain: Origin, file: Origin },
    /// The URL's password and the other one differ.
    PasswordsDiffer { url: Origin, part: Origin },
    /// The password's file cannot be used.
    PasswordFile { file: Setting<String>, problem: String },
    /// The mode of TLS checks the server, and there is no authority.
    NoAuthority { mode: &'static str, origin: Origin },
    /// One of the two files of a client certificate is not set.
    IncompletePair {
        given: &'static str,
        origin: Origin,
        missing: &'static str,
    },
    /// A file for TLS cannot be read.
    TlsFile {
        name: &'static str,
        file: Setting<PathBuf>,
        error: io::Error,
    },
    /// An environment file cannot be read.
    EnvFile { path: PathBuf, problem: String },
    /// A line of an environment file cannot be used.
    EnvFileLine {
        path: PathBuf,
        line: usize,
        problem: String,
    },
}

/// The values that a variable takes.
#[derive(Debug)]
pub(super) enum Expected {
    /// A mode of TLS.
    SslMode,
    /// A whole number in this range.
    Number(String, String),
    /// Milliseconds, at least this many.
    Milliseconds(u64),
    /// A boolean.
    Boolean,
}

/// Why a database URL cannot be used.
#[derive(Debug)]
pub(super) enum UrlFault {
    /// It has no scheme.
    NoScheme,
    /// It has another scheme; `None` if that may be part of a secret.
    Scheme(Option<String>),
    /// The parser refuses it.
    Malformed(url::ParseError),
    /// It has a fragment.
    Fragment,
    /// An `@` follows the host.
    AtAfterHost,
    /// It is a flag and has a password.
    PasswordInFlag,
    /// It is not UTF-8 when it is decoded.
    NotUtf8,
    /// Its path has several parts.
    SeveralNames,
    /// It lists several servers, or has a server in the form of another program.
    Servers,
}

impl Expected {
    fn next(&self) -> String {
        match self {
            Expected::SslMode => {
                "use one of disabled, preferred, required, verify-ca, verify-identity".to_owned()
            }
            Expected::Number(min, max) => format!("use a whole number from {min} to {max}"),
            Expected::Milliseconds(min) => {
                format!("use milliseconds, a whole number from {min} to 86400000")
            }
            Expected::Boolean => "use true or false".to_owned(),
        }
    }
}

const URL_FORM_HINT: &str = "write mysql://user:password@host:port/database; percent-encode special characters such as \
                    @ : / ? # % in the password";

impl UrlFault {
    fn texts(&self) -> (String, &'static str) {
        let (what, next) = match self {
            UrlFault::NoScheme => ("is not a URL: there is no '://'", URL_FORM_HINT),
            UrlFault::Scheme(Some(scheme)) => {
                let what = format!("starts with {}://", visible(scheme));
                return (what, "start it with mysql:// or mariadb://");
            }
            UrlFault::Scheme(None) => (
                "does not start with mysql://",
                "start it with mysql:// or mariadb://",
            ),
            UrlFault::Malformed(error) => return (format!("is not a URL: {error}"), URL_FORM_HINT),
            UrlFault::Fragment => ("holds a '#'", "percent-encode it as %23"),
            UrlFault::AtAfterHost => ("holds an '@' after the host", URL_FORM_HINT),
            UrlFault::PasswordInFlag => (
                "holds a password, which every user of this machine can read in the process list",
                "set DATABASE_URL or DB_PASSWORD in the environment or a .env file, or use DB_PASSWORD_FILE",
            ),
            UrlFault::NotUtf8 => ("is not UTF-8 after percent-decoding", "encode it as UTF-8"),
            UrlFault::SeveralNames => (
                "names more than a database after the host",
                "end it with /DATABASE",
            ),
            UrlFault::Servers => (
                "names several servers, or one in another form than HOST:PORT",
                "name the one server to work on: mysql://user:password@host:port/database",
            ),
        };
        (what.to_owned(), next)
    }
}

impl ConfigFailure {
    pub(super) fn url(origin: &Origin, fault: UrlFault) -> ConfigFailure {
        let origin = origin.clone();
        ConfigFailure::Url { origin, fault }
    }

    pub(super) fn invalid(setting: &Setting<String>, expected: Expected) -> ConfigFailure {
        let setting = setting.clone();
        ConfigFailure::InvalidValue { setting, expected }
    }

    pub(super) fn env_file(path: &Path, problem: impl ToString) -> ConfigFailure {
        ConfigFailure::EnvFile {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }
}

crate::exit::raised_as_failure!(ConfigFailure);

impl From<ConfigFailure> for Failure {
    fn from(failure: ConfigFailure) -> Failure {
        use ConfigFailure as F;
        let shown = |origin: &Origin| visible(&origin.to_string());
        match failure {
            F::NoUser => Failure::usage(
                "no database account is configured",
                "set DATABASE_URL, or DB_USER with DB_PASSWORD and DB_NAME, in the environment or a .env file \
                 (see .env.example); `dbtool config` shows what is set, `dbtool sandbox` tries dbtool without any \
                 server",
            ),
            F::NoDatabase => Failure::usage(
                "no database is named",
                "set DB_NAME, use --db-name, or end DATABASE_URL with /NAME",
            ),
            F::InvalidValue { setting, expected } => Failure::usage(
                format!(
                    "'{}' is not a valid value, set by {}",
                    visible(&setting.value),
                    shown(&setting.origin)
                ),
                expected.next(),
            ),
            F::Disagreement { name, part, url } => Failure::usage(
                format!(
                    "{name} is '{}' ({}) but the database URL says '{}' ({})",
                    visible(&part.value),
                    shown(&part.origin),
                    visible(&url.value),
                    shown(&url.origin)
                ),
                format!("unset {name} or the URL, so that one of them decides"),
            ),
            F::Url { origin, fault } => {
                let (what, next) = fault.texts();
                Failure::usage(format!("the database URL ({}) {what}", shown(&origin)), next)
            }
            // Not shown: a URL may hold a password.
            F::NotAHost { origin } => Failure::usage(
                format!("the value set by {} is not a host name", shown(&origin)),
                "write the name or address alone; a whole URL belongs into DATABASE_URL, a socket's path into DB_SOCKET",
            ),
            F::HostWithPort { origin } => Failure::usage(
                format!("the host set by {} ends with a port", shown(&origin)),
                "write the host alone into DB_HOST, and its port into DB_PORT",
            ),
            F::TwoServers { socket, host } => Failure::usage(
                format!(
                    "DB_SOCKET={} ({}) and the host {} ({}) are two different servers",
                    visible(&socket.value),
                    shown(&socket.origin),
                    visible(&host.value),
                    shown(&host.origin)
                ),
                "unset one of them: a unix socket is always a server on this machine",
            ),
            F::TwoPasswords { plain, file } => Failure::usage(
                format!(
                    "both DB_PASSWORD ({}) and DB_PASSWORD_FILE ({}) are set",
                    shown(&plain),
                    shown(&file)
                ),
                "unset one of them",
            ),
            F::PasswordsDiffer { url, part } => Failure::usage(
                format!(
                    "the password in DATABASE_URL ({}) and the one from {} differ",
                    shown(&url),
                    shown(&part)
                ),
                "keep the password in one place",
            ),
            F::PasswordFile { file, problem } => Failure::usage(
                format!(
                    "DB_PASSWORD_FILE={} ({}): {problem}",
                    visible(&file.value),
                    shown(&file.origin)
                ),
                "give the path of a readable file that holds the password and nothing else",
            ),
            F::NoAuthority { mode, origin } => Failure::usage(
                format!(
                    "DB_SSL_MODE={mode} ({}) needs an authority to check against, and DB_SSL_CA is not set",
                    shown(&origin)
                ),
                "set DB_SSL_CA to the PEM file of the certificate authority",
            ),
            F::IncompletePair {
                given,
                origin,
                missing,
            } => Failure::usage(
                format!("{given} is set ({}) but {missing} is not", shown(&origin)),
                format!("a client certificate needs both files: set {missing}, or unset {given}"),
            ),
            F::TlsFile { name, file, error } => Failure::usage(
                format!(
                    "{name}={} ({}): {error}",
                    visible_path(&file.value),
                    shown(&file.origin)
                ),
                "give the path of a readable PEM file",
            ),
            F::EnvFile { path, problem } => Failure::usage(
                format!(
                    "cannot read the environment file {}: {problem}",
                    visible_path(&path)
                ),
                "correct the path or its permissions, or use --no-env-file",
            ),
            F::EnvFileLine { path, line, problem } => Failure::usage(
                format!("{}: line {line} {}", visible_path(&path), visible(&problem)),
                "write NAME=value, and values with spaces or special characters in single quotes",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::checks::{HOSTILE, check_each};

    #[test]
    fn each_names_a_next_step_and_escapes_values() {
        use ConfigFailure as F;
        let name = || HOSTILE.to_owned();
        let origin = || Origin::EnvFile {
            path: name().into(),
            name: "DB_HOST",
        };
        let setting = || Setting {
            value: name(),
            origin: origin(),
        };
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let number = || Expected::Number("1".to_owned(), "2".to_owned());
        let file = Setting {
            value: PathBuf::from(HOSTILE),
            origin: origin(),
        };
        let mut cases = vec![
            F::NoUser,
            F::NoDatabase,
            F::Disagreement {
                name: "DB_HOST".to_owned(),
                part: setting(),
                url: setting(),
            },
            F::NotAHost { origin: origin() },
            F::HostWithPort { origin: origin() },
            F::TwoServers {
                socket: setting(),
                host: setting(),
            },
            F::TwoPasswords {
                plain: origin(),
                file: origin(),
            },
            F::PasswordsDiffer {
                url: origin(),
                part: origin(),
            },
            F::PasswordFile {
                file: setting(),
                problem: "it is not UTF-8".to_owned(),
            },
            F::NoAuthority {
                mode: "verify-ca",
                origin: origin(),
            },
            F::IncompletePair {
                given: "DB_SSL_CERT",
                origin: origin(),
                missing: "DB_SSL_KEY",
            },
            F::TlsFile {
                name: "DB_SSL_CA",
                file,
                error: denied(),
            },
            F::env_file(Path::new(HOSTILE), denied()),
            F::EnvFileLine {
                path: name().into(),
                line: 1,
                problem: name(),
            },
        ];
        let expected = [
            Expected::SslMode,
            number(),
            Expected::Milliseconds(1),
            Expected::Boolean,
        ];
        cases.extend(expected.map(|expected| F::invalid(&setting(), expected)));
        let faults = [
            UrlFault::NoScheme,
            UrlFault::Scheme(None),
            UrlFault::Scheme(Some(name())),
            UrlFault::Malformed(url::ParseError::EmptyHost),
            UrlFault::Fragment,
            UrlFault::AtAfterHost,
            UrlFault::PasswordInFlag,
            UrlFault::NotUtf8,
            UrlFault::SeveralNames,
        ];
        cases.extend(faults.map(|fault| F::url(&origin(), fault)));
        let cases = cases.into_iter().map(|failure| (failure, 2)).collect();
        check_each(include_str!("failure.rs"), "ConfigFailure", cases, &[]);
    }
}
