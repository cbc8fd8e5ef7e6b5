//! Where the application is, who asks, and what of that must never be shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::exit::Failure;
use crate::report::visible;
use crate::secret::Secret;
use crate::stays::failure::{ApiUrlFault, StaysFailure};

/// Shown in the place of a secret.
const STARS: &str = "****";

/// Shorter values of a query are not searched for in texts: `1` stands in too many.
const SHORTEST: usize = 4;

/// The list's address and the credentials for it.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// The list: without user and password, with the query it was given.
    pub url: Url,
    /// The value of the Authorization header.
    pub authorization: Option<Secret>,
    /// Whether a token was given, so that the list can be asked for without it.
    pub has_token: bool,
    secrets: Vec<Secret>,
}

impl Address {
    /// Checks the base URL, appends `/conversations` to its path where that is not its end, and takes
    /// the token out of the environment variable that `token_env` names.
    ///
    /// # Errors
    /// No HTTP address, no such variable, or two ways to log in at once. None of it shows a secret.
    pub fn new(base: &str, token_env: Option<&str>) -> Result<Address, Failure> {
        let wrong = |fault| StaysFailure::ApiUrl { fault };
        // The text is not shown: it may hold a password and be anything.
        let mut url = Url::parse(base.trim()).map_err(|_| wrong(ApiUrlFault::Malformed))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(ApiUrlFault::Scheme(url.scheme().to_owned())).into());
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong(ApiUrlFault::NoHost).into());
        }
        let mut secrets = Vec::new();
        let token = token_env.map(token).transpose()?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (
            decoded(url.username()),
            decoded(url.password().unwrap_or_default()),
        );
        let authorization = match (&token, user.is_empty() && password.is_empty()) {
            (Some(_), false) => {
                return Err(StaysFailure::TwoLogins.into());
            }
            (Some(token), true) => Some(format!("Bearer {}", token.reveal())),
            (None, false) => Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))),
            (None, true) => None,
        };
        if let Some((_, value)) = authorization.as_deref().and_then(|value| value.split_once(' ')) {
            secrets.push(Secret::new(value));
        }
        secrets.extend(
            [&password]
                .into_iter()
                .filter(|text| !text.is_empty())
                .map(Secret::new),
        );
        // A URL with a host has both.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.set_fragment(None);
        secrets.extend(
            url.query_pairs()
                .filter(|(_, value)| value.chars().count() >= SHORTEST)
                .map(|(_, value)| Secret::new(value)),
        );
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
        }
        if url.path_segments().and_then(Iterator::last) != Some("conversations")
            && let Ok(mut path) = url.path_segments_mut()
        {
            path.push("conversations");
        }
        Ok(Address {
            url,
            authorization: authorization.map(Secret::new),
            has_token: token.is_some(),
            secrets,
        })
    }

    /// The address as it may be shown: the values of the query as stars.
    pub fn shown(&self) -> String {
        shown(&self.url)
    }

    /// Puts stars in the place of every secret in a text, also of those in the spellings of HTML, JSON and URLs.
    pub fn hide(&self, text: &str) -> String {
        let mut hidden = text.to_owned();
        for secret in &self.secrets {
            for spelling in spellings(secret.reveal()) {
                hidden = hidden.replace(&spelling, STARS);
            }
        }
        hidden
    }
}

/// A URL without the values of its query.
pub(crate) fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    let _ = bare.set_username("").and_then(|()| bare.set_password(None));
    let names: Vec<String> = url
        .query_pairs()
        .map(|(name, _)| format!("{}={STARS}", visible(&name)))
        .collect();
    let query = if names.is_empty() {
        String::new()
    } else {
        format!("?{}", names.join("&"))
    };
    format!("{}{query}", visible(bare.as_str()))
}

/// How a text may be written by an application that repeats it.
fn spellings(text: &str) -> Vec<String> {
    let json = serde_json::Value::from(text).to_string();
    let json = json.trim_matches('"').to_owned();
    let html = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let mut all = vec![
        text.to_owned(),
        json.replace('/', "\\/"),
        json,
        html,
        encoded.to_ascii_lowercase(),
        encoded,
        STANDARD.encode(text),
    ];
    // The longest first: one may be the beginning of another.
    all.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
    all.dedup();
    all
}

/// The token in the variable `name`. What stands there instead of a name may be the token itself,
/// and is shown only where it is plainly a name.
fn token(name: &str) -> Result<Secret, Failure> {
    let value = std::env::var(name).unwrap_or_default();
    let value = value.trim();
    if !value.is_empty() {
        return Ok(Secret::new(value));
    }
    let words = ["TOKEN", "KEY", "AUTH", "JWT", "BEARER", "SECRET", "PASS"];
    let plainly = name.len() <= 40
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        && words.iter().any(|word| name.contains(word));
    let name = plainly.then(|| name.to_owned());
    Err(StaysFailure::NoToken { name }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_appended_and_the_query_kept() {
        for (base, url) in [
            (
                "http://127.0.0.1:3000/api/",
                "http://127.0.0.1:3000/api/conversations",
            ),
            ("http://h/api/conversations", "http://h/api/conversations"),
            ("http://h/api/conversations/", "http://h/api/conversations"),
            ("http://h", "http://h/conversations"),
            ("http://h/a?apikey=K", "http://h/a/conversations?apikey=K"),
            ("http://h/?a=1&b=2#top", "http://h/conversations?a=1&b=2"),
            ("http://bob:pw@h/api", "http://h/api/conversations"),
            (
                "https://[::1]:8443/api/v1/messages",
                "https://[::1]:8443/api/v1/messages/conversations",
            ),
        ] {
            assert_eq!(Address::new(base, None).unwrap().url.as_str(), url, "{base}");
        }
        for base in [
            "ftp://bob:hunter2@h",
            "nonsense?hunter2",
            "bob:hunter2@h",
            "http://",
            "",
        ] {
            let failure = Address::new(base, None).expect_err(base);
            assert!(!failure.what.contains("hunter2"), "{}", failure.what);
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let address = Address::new("http://bob:hunt%2Fer2@h/a?apikey=K3y%22s3cret&page=1", None).unwrap();
        assert_eq!(address.shown(), "http://h/a/conversations?apikey=****&page=****");
        let text = r#"bob:hunt/er2 hunt%2Fer2 hunt\/er2 K3y"s3cret K3y\"s3cret K3y&quot;s3cret Basic Ym9iOmh1bnQvZXIy page 1"#;
        assert_eq!(
            address.hide(text),
            "bob:**** **** **** **** **** **** Basic **** page 1"
        );
        let failure = Address::new("http://h", Some("abcdef0123456789")).expect_err("not set");
        assert!(!format!("{failure:?}").contains("abcdef"), "{failure}");
        let failure = Address::new("http://h", Some("DBTOOL_NO_SUCH_TOKEN")).expect_err("not set");
        assert!(failure.what.contains("DBTOOL_NO_SUCH_TOKEN"), "{failure}");
    }
}
