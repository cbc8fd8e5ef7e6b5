//! `mysql://user:pass@host:port/db?options` taken apart.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use url::Url;

use super::source::{Lookup, Origin, Setting};
use super::url_options::Options;
use crate::exit::Failure;
use crate::secret::Secret;

/// What an application's framework writes before the `://` for the same servers: SQLAlchemy and
/// Django name the driver after a `+`, Rails has adapters, JDBC a prefix of its own.
const SCHEMES: [&str; 5] = ["mysql", "mariadb", "mysql2", "trilogy", "mysqls"];

/// The values found in the URL, each with the URL's origin.
#[derive(Debug, Default)]
pub(super) struct UrlParts {
    pub(super) host: Option<Setting<String>>,
    pub(super) port: Option<Setting<String>>,
    pub(super) user: Option<Setting<String>>,
    pub(super) password: Option<Setting<Secret>>,
    pub(super) database: Option<Setting<String>>,
    /// Warnings; whole sentences.
    pub(super) notes: Vec<String>,
    options: BTreeMap<&'static str, Setting<String>>,
}

impl UrlParts {
    /// Reads `DATABASE_URL` (or its flag). No message shows the URL: it may hold a password.
    pub(super) fn read(lookup: &Lookup<'_>) -> Result<UrlParts, Failure> {
        match lookup.get("DATABASE_URL") {
            Some(setting) => parse(&setting),
            None => Ok(UrlParts::default()),
        }
    }

    pub(super) fn option(&self, name: &str) -> Option<Setting<String>> {
        self.options.get(name).cloned()
    }
}

const FORM: &str = "write mysql://user:password@host:port/database; percent-encode special characters such as \
                    @ : / ? # % in the password";

fn parse(setting: &Setting<String>) -> Result<UrlParts, Failure> {
    let origin = &setting.origin;
    let url = plain_url(setting)?;
    if url.fragment().is_some() {
        return Err(bad(origin, "holds a '#'", "percent-encode it as %23"));
    }
    // Beyond the account and the host an '@' is the end of a password that was not encoded.
    let option_name = url
        .query()
        .and_then(|query| query.split('=').next())
        .unwrap_or_default();
    if url.path().contains('@') || option_name.contains('@') {
        return Err(bad(origin, "holds an '@' after the host", FORM));
    }
    let found = options(&url, origin);
    if (url.password().is_some() || found.password.is_some()) && matches!(origin, Origin::Flag(_)) {
        return Err(bad(
            origin,
            "holds a password, which every user of this machine can read in the process list",
            "set DATABASE_URL or DB_PASSWORD in the environment or a .env file, or use DB_PASSWORD_FILE",
        ));
    }
    let decoded = |text: &str| -> Result<Option<Setting<String>>, Failure> {
        if text.is_empty() {
            return Ok(None);
        }
        let value = percent_decode_str(text)
            .decode_utf8()
            .map_err(|_| {
                bad(
                    origin,
                    "is not UTF-8 after percent-decoding",
                    "encode it as UTF-8",
                )
            })?
            .into_owned();
        Ok(Some(Setting {
            value,
            origin: origin.clone(),
        }))
    };
    let path = url.path().trim_start_matches('/');
    if path.contains('/') {
        return Err(bad(
            origin,
            "names more than a database after the host",
            "end it with /DATABASE",
        ));
    }
    if !found.foreign.is_empty() {
        let names = found.foreign.join(", ");
        tracing::info!("options of the database URL ({origin}) that are other programs' business: {names}");
    }
    Ok(UrlParts {
        host: decoded(
            url.host_str()
                .unwrap_or_default()
                .trim_start_matches('[')
                .trim_end_matches(']'),
        )?,
        port: decoded(&url.port().map(|port| port.to_string()).unwrap_or_default())?,
        user: decoded(url.username())?.or(found.user),
        password: decoded(url.password().unwrap_or_default())?
            .map(|text| text.map(Secret::new))
            .or(found.password),
        database: decoded(path)?,
        notes: found.notes,
        options: found.known,
    })
}

/// The URL with a scheme that the parser knows nothing special about.
fn plain_url(setting: &Setting<String>) -> Result<Url, Failure> {
    let origin = &setting.origin;
    let text = setting.value.trim();
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    // Without the slashes all the rest would be taken for a database's name, password and all.
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(bad(origin, "is not a URL: there is no '://'", FORM));
    };
    let family = scheme.split('+').next().unwrap_or_default().to_ascii_lowercase();
    if !SCHEMES.contains(&family.as_str()) {
        let problem = if family.bytes().all(|b| b.is_ascii_alphanumeric()) {
            format!("starts with {family}://")
        } else {
            "does not start with mysql://".to_owned()
        };
        return Err(bad(origin, &problem, "start it with mysql:// or mariadb://"));
    }
    // SQLAlchemy leaves the host out where a socket follows.
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let host = if rest[..end].ends_with('@') {
        "localhost"
    } else {
        ""
    };
    let (account, rest) = rest.split_at(end);
    Url::parse(&format!("mysql://{account}{host}{rest}"))
        .map_err(|error| bad(origin, &format!("is not a URL: {error}"), FORM))
}

fn options(url: &Url, origin: &Origin) -> Options {
    let mut found = Options::default();
    for (name, value) in url.query_pairs() {
        let setting = Setting {
            value: value.into_owned(),
            origin: origin.clone(),
        };
        found.add(&name, setting);
    }
    if let Some(mode) = found.implied_mode.take() {
        found.known.entry("ssl-mode").or_insert(mode);
    }
    found
}

fn bad(origin: &Origin, problem: &str, next: &str) -> Failure {
    Failure::usage(format!("the database URL ({origin}) {problem}"), next)
}
