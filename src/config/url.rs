//! `mysql://user:pass@host:port/db?options` taken apart.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use url::Url;

use super::source::{Lookup, Origin, Setting};
use crate::exit::Failure;
use crate::secret::Secret;

/// Options that may stand after the `?`.
const OPTIONS: [&str; 5] = ["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket"];

/// The values found in the URL, each with the URL's origin.
#[derive(Debug, Default)]
pub(super) struct UrlParts {
    pub(super) host: Option<Setting<String>>,
    pub(super) port: Option<Setting<String>>,
    pub(super) user: Option<Setting<String>>,
    pub(super) password: Option<Setting<Secret>>,
    pub(super) database: Option<Setting<String>>,
    options: BTreeMap<String, Setting<String>>,
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

fn parse(setting: &Setting<String>) -> Result<UrlParts, Failure> {
    let origin = &setting.origin;
    let url = Url::parse(setting.value.trim()).map_err(|error| {
        bad(origin, &format!("is not a URL: {error}"), "write mysql://user:password@host:port/database; percent-encode special characters such as @ : / ? # in the password")
    })?;
    if !matches!(url.scheme(), "mysql" | "mariadb") {
        let problem = format!("starts with {}://", url.scheme());
        return Err(bad(origin, &problem, "start it with mysql:// or mariadb://"));
    }
    if url.fragment().is_some() {
        return Err(bad(origin, "holds a '#'", "percent-encode it as %23"));
    }
    if url.password().is_some() && matches!(origin, Origin::Flag(_)) {
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
    Ok(UrlParts {
        host: decoded(
            url.host_str()
                .unwrap_or_default()
                .trim_start_matches('[')
                .trim_end_matches(']'),
        )?,
        port: decoded(&url.port().map(|port| port.to_string()).unwrap_or_default())?,
        user: decoded(url.username())?,
        password: decoded(url.password().unwrap_or_default())?.map(|text| text.map(Secret::new)),
        database: decoded(path)?,
        options: options(&url, origin)?,
    })
}

fn options(url: &Url, origin: &Origin) -> Result<BTreeMap<String, Setting<String>>, Failure> {
    let mut found = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        let name = name.to_ascii_lowercase().replace('_', "-");
        if !OPTIONS.contains(&name.as_str()) {
            let problem = format!("has the unknown option '{name}'");
            return Err(bad(
                origin,
                &problem,
                &format!("known options: {}", OPTIONS.join(", ")),
            ));
        }
        found.insert(
            name,
            Setting {
                value: value.into_owned(),
                origin: origin.clone(),
            },
        );
    }
    Ok(found)
}

fn bad(origin: &Origin, problem: &str, next: &str) -> Failure {
    Failure::usage(format!("the database URL ({origin}) {problem}"), next)
}
