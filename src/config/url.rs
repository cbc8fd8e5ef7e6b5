//! Parses `mysql://user:pass@host:port/db?options`.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use url::Url;

use super::failure::{ConfigFailure, UrlFault};
use super::source::{Lookup, Origin, Setting};
use super::url_options::UrlOptions;
use crate::exit::Failure;
use crate::secret::Secret;

/// URL schemes that frameworks use for these servers: SQLAlchemy and Django append the driver after
/// a `+`, Rails and Doctrine name adapters, JDBC adds a prefix.
const SCHEMES: [&str; 8] = [
    "mysql",
    "mariadb",
    "mysql2",
    "trilogy",
    "mysqls",
    "mysqli",
    "pdo-mysql",
    "pdo_mysql",
];

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

fn parse(setting: &Setting<String>) -> Result<UrlParts, Failure> {
    let origin = &setting.origin;
    let url = plain_url(setting)?;
    if url.fragment().is_some() {
        return Err(ConfigFailure::url(origin, UrlFault::Fragment).into());
    }
    // After the account and the host, an '@' comes from a password that was not encoded.
    let option_name = url
        .query()
        .and_then(|query| query.split('=').next())
        .unwrap_or_default();
    if url.path().contains('@') || option_name.contains('@') {
        return Err(ConfigFailure::url(origin, UrlFault::AtAfterHost).into());
    }
    let options = options(&url, origin);
    if (url.password().is_some() || options.password.is_some()) && matches!(origin, Origin::Flag(_)) {
        return Err(ConfigFailure::url(origin, UrlFault::PasswordInFlag).into());
    }
    let decoded = |text: &str| -> Result<Option<Setting<String>>, Failure> {
        if text.is_empty() {
            return Ok(None);
        }
        let value = percent_decode_str(text)
            .decode_utf8()
            .map_err(|_| ConfigFailure::url(origin, UrlFault::NotUtf8))?
            .into_owned();
        Ok(Some(Setting {
            value,
            origin: origin.clone(),
        }))
    };
    let path = url.path().trim_matches('/');
    if path.contains('/') {
        return Err(ConfigFailure::url(origin, UrlFault::SeveralNames).into());
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
    // `docker run --env-file` keeps the quotes of its file.
    let unquoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    let text = unquoted.unwrap_or(text);
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    // Without the slashes, the parser would take everything, the password included, as the database's name.
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(ConfigFailure::url(origin, UrlFault::NoScheme).into());
    };
    let family = scheme.split('+').next().unwrap_or_default().to_ascii_lowercase();
    if !SCHEMES.contains(&family.as_str()) {
        let plain = family.bytes().all(|b| b.is_ascii_alphanumeric());
        return Err(ConfigFailure::url(origin, UrlFault::Scheme(plain.then_some(family))).into());
    }
    // SQLAlchemy omits the host if a socket follows.
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let host = if rest[..end].ends_with('@') {
        "localhost"
    } else {
        ""
    };
    let (account, rest) = rest.split_at(end);
    let server = account.rsplit_once('@').map_or(account, |(_, server)| server);
    if server.contains([',', '(']) {
        return Err(ConfigFailure::url(origin, UrlFault::Servers).into());
    }
    // The parser drops these characters.
    let kept = |text: &str| {
        text.replace('\t', "%09")
            .replace('\n', "%0A")
            .replace('\r', "%0D")
    };
    Url::parse(&format!("mysql://{}{host}{}", kept(account), kept(rest)))
        .map_err(|error| ConfigFailure::url(origin, UrlFault::Malformed(error)).into())
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
