//! Parses `mysql://user:pass@host:port/db?options`.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use url::Url;

use super::source::{Lookup, Origin, Setting};
use super::url_options::UrlOptions;
use crate::exit::Failure;
use crate::secret::Secret;

/// URL schemes that frameworks use for these servers: SQLAlchemy and Django append the driver after
/// a `+`, Rails names adapters, JDBC adds a prefix.
const SCHEMES: [&str; 5] = ["mysql", "mariadb", "mysql2", "trilogy", "mysqls"];

/// The values in the URL, each with the URL's origin.
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
    /// Parses `DATABASE_URL` (or its flag). No message shows the URL: it may hold a password.
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

const URL_FORM_HINT: &str = "write mysql://user:password@host:port/database; percent-encode special characters such as \
                    @ : / ? # % in the password";

fn parse(setting: &Setting<String>) -> Result<UrlParts, Failure> {
    let origin = &setting.origin;
    let url = plain_url(setting)?;
    if url.fragment().is_some() {
        return Err(invalid_url(origin, "holds a '#'", "percent-encode it as %23"));
    }
    // After the account and the host, an '@' comes from a password that was not encoded.
    let option_name = url
        .query()
        .and_then(|query| query.split('=').next())
        .unwrap_or_default();
    if url.path().contains('@') || option_name.contains('@') {
        return Err(invalid_url(origin, "holds an '@' after the host", URL_FORM_HINT));
    }
    let options = options(&url, origin);
    if (url.password().is_some() || options.password.is_some()) && matches!(origin, Origin::Flag(_)) {
        return Err(invalid_url(
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
                invalid_url(
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
        return Err(invalid_url(
            origin,
            "names more than a database after the host",
            "end it with /DATABASE",
        ));
    }
    if !options.foreign.is_empty() {
        let names = options.foreign.join(", ");
        tracing::info!("options of the database URL ({origin}) that concern only other programs: {names}");
    }
    Ok(UrlParts {
        host: decoded(
            url.host_str()
                .unwrap_or_default()
                .trim_start_matches('[')
                .trim_end_matches(']'),
        )?,
        port: decoded(&url.port().map(|port| port.to_string()).unwrap_or_default())?,
        user: decoded(url.username())?.or(options.user),
        password: decoded(url.password().unwrap_or_default())?
            .map(|text| text.map(Secret::new))
            .or(options.password),
        database: decoded(path)?,
        notes: options.notes,
        options: options.known,
    })
}

/// The URL with the scheme `mysql`, for which the parser has no special rules.
fn plain_url(setting: &Setting<String>) -> Result<Url, Failure> {
    let origin = &setting.origin;
    let text = setting.value.trim();
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    // Without the slashes, the parser would take everything, the password included, as the database's name.
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(invalid_url(
            origin,
            "is not a URL: there is no '://'",
            URL_FORM_HINT,
        ));
    };
    let family = scheme.split('+').next().unwrap_or_default().to_ascii_lowercase();
    if !SCHEMES.contains(&family.as_str()) {
        let problem = if family.bytes().all(|b| b.is_ascii_alphanumeric()) {
            format!("starts with {family}://")
        } else {
            "does not start with mysql://".to_owned()
        };
        return Err(invalid_url(
            origin,
            &problem,
            "start it with mysql:// or mariadb://",
        ));
    }
    // SQLAlchemy omits the host if a socket follows.
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let host = if rest[..end].ends_with('@') {
        "localhost"
    } else {
        ""
    };
    let (account, rest) = rest.split_at(end);
    Url::parse(&format!("mysql://{account}{host}{rest}"))
        .map_err(|error| invalid_url(origin, &format!("is not a URL: {error}"), URL_FORM_HINT))
}

fn options(url: &Url, origin: &Origin) -> UrlOptions {
    let mut parsed = UrlOptions::default();
    for (name, value) in url.query_pairs() {
        let setting = Setting {
            value: value.into_owned(),
            origin: origin.clone(),
        };
        parsed.add(&name, setting);
    }
    if let Some(mode) = parsed.implied_mode.take() {
        parsed.known.entry("ssl-mode").or_insert(mode);
    }
    parsed
}

fn invalid_url(origin: &Origin, problem: &str, next: &str) -> Failure {
    Failure::usage(format!("the database URL ({origin}) {problem}"), next)
}
