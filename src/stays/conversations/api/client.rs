//! Asks the application: one GET at a time, on a thread of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use url::Url;

use crate::context::Context;
use crate::exit::Failure;
use crate::report::duration;
use crate::secret::Secret;
use crate::stays::failure::StaysFailure;

/// A list larger than this is not one an application sends.
const LARGEST_ANSWER: u64 = 4 << 20;

/// What asks.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    timeout: Duration,
}

/// What the application answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub status: u16,
    pub content_type: String,
    /// Where a redirect leads.
    pub location: String,
    /// The Link header.
    pub link: String,
    /// GitLab's X-Next-Page header.
    pub next_page: String,
    pub body: String,
    pub took: Duration,
}

/// Why there is no answer, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Silence {
    pub what: String,
    pub next: String,
}

impl Client {
    /// A client that waits up to `timeout` for each answer and trusts the certificates of the
    /// authorities in `ca`, or else the usual public ones.
    ///
    /// # Errors
    /// The file cannot be read or holds no certificate.
    pub fn new(timeout: Duration, ca: Option<&Path>) -> Result<Client, Failure> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = ca {
            tls = tls.root_certs(RootCerts::new_with_certs(&authorities(path)?));
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(tls.build())
            .user_agent(concat!("dbtool/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Client { agent, timeout })
    }

    /// Asks. A cancelled run does not wait for the answer.
    pub async fn get(
        &self,
        context: &Context,
        url: &Url,
        authorization: Option<Secret>,
    ) -> anyhow::Result<Result<Answer, Silence>> {
        let (client, url) = (self.clone(), url.clone());
        let (sender, answer) = tokio::sync::oneshot::channel();
        std::thread::Builder::new().name("http".into()).spawn(move || {
            let _ = sender.send(client.ask(&url, authorization.as_ref()));
        })?;
        Ok(context.cancel.or(answer).await??)
    }

    fn ask(&self, url: &Url, authorization: Option<&Secret>) -> Result<Answer, Silence> {
        let mut request = self.agent.get(url.as_str()).header("Accept", "application/json");
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization.reveal());
        }
        let started = Instant::now();
        let mut response = request.call().map_err(|error| self.silence(url, &error))?;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let mut answer = Answer {
            status: response.status().as_u16(),
            content_type: header("content-type"),
            location: header("location"),
            link: header("link"),
            next_page: header("x-next-page"),
            ..Answer::default()
        };
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER);
        let body = body.read_to_vec().map_err(|error| self.silence(url, &error))?;
        if body.starts_with(b"\x1f\x8b") {
            return Err(Silence {
                what: "the answer is compressed with gzip, which the request does not accept".into(),
                next:
                    "have the application, or the proxy before it, compress only what Accept-Encoding allows"
                        .into(),
            });
        }
        let body = String::from_utf8_lossy(&body);
        answer.body = body.strip_prefix('\u{feff}').unwrap_or(&body).to_owned();
        answer.took = started.elapsed();
        Ok(answer)
    }

    fn silence(&self, url: &Url, error: &ureq::Error) -> Silence {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let say = |what: String, next: &str| Silence {
            what,
            next: next.to_owned(),
        };
        // The errors of TLS come wrapped in several ways: their names are in the text of all.
        let text = format!("{error:?}");
        if let Some((what, next)) = certificate(&text, host) {
            return say(what, next);
        }
        let unknown_host = format!("the host name {host} is not known");
        let correct_host = "correct --api-url, or the name service of this machine";
        match error {
            ureq::Error::Timeout(_) => say(
                format!("no answer within {}", duration(self.timeout)),
                "see whether the application is up and not stuck; --api-timeout gives it longer",
            ),
            ureq::Error::HostNotFound => say(unknown_host, correct_host),
            // What the resolver of the C library says comes as an error of no kind of its own.
            ureq::Error::Io(error) if error.to_string().contains("lookup address") => {
                say(unknown_host, correct_host)
            }
            ureq::Error::Io(error) => match error.kind() {
                std::io::ErrorKind::ConnectionRefused => say(
                    format!("nothing listens on port {port} of {host} (connection refused)"),
                    "start the application, or correct --api-url",
                ),
                std::io::ErrorKind::ConnectionReset
                | std::io::ErrorKind::ConnectionAborted
                | std::io::ErrorKind::BrokenPipe
                | std::io::ErrorKind::UnexpectedEof => say(
                    "the connection was closed before there was an answer".into(),
                    "see the application's log; an address for https does not answer http, nor the other way round",
                ),
                _ => say(
                    format!("the connection failed: {error}"),
                    "see whether the application is up and can be reached from here",
                ),
            },
            ureq::Error::BodyExceedsLimit(_) => say(
                format!(
                    "the answer is larger than {}",
                    crate::report::bytes(LARGEST_ANSWER)
                ),
                "--api-url has to lead to the list of one user's conversations",
            ),
            ureq::Error::Http(_) => say(
                "the request cannot be written: a header cannot hold the token's characters".into(),
                "see whether the variable of --token-env holds the token and nothing else",
            ),
            ureq::Error::Protocol(error) => say(
                format!("what answered does not speak HTTP as it should ({error})"),
                "correct the port of --api-url, or http to https",
            ),
            other => say(
                format!("the request failed: {other}"),
                "see whether the application is up and can be reached from here",
            ),
        }
    }
}

/// An error of TLS in words.
fn certificate(text: &str, host: &str) -> Option<(String, &'static str)> {
    const KNOWN: [(&str, &str, &str); 9] = [
        (
            "UnknownIssuer",
            "is signed by an authority that is not trusted",
            "--api-ca FILE names the certificate of the authority that signed it (PEM)",
        ),
        (
            "CaUsedAsEndEntity",
            "is that of an authority and not of a server",
            "have a certificate for the server signed by it, and name the authority's with --api-ca",
        ),
        (
            "NotValidForName",
            "is for another name",
            "use a name that the certificate has in --api-url",
        ),
        (
            "NotValidYet",
            "is not valid yet",
            "see whether the clock of this machine is right",
        ),
        (
            "Expired",
            "has expired",
            "renew it; see whether the clock of this machine is right",
        ),
        ("Revoked", "was revoked", "renew it"),
        (
            "BadSignature",
            "was not signed by the authority that it names",
            "name the right authority with --api-ca",
        ),
        (
            "UnsupportedCertVersion",
            "is of version 1, which is not accepted",
            "renew it as version 3",
        ),
        (
            "InvalidCertificate",
            "is not accepted",
            "see what `openssl s_client -connect HOST:PORT` says about it",
        ),
    ];
    for (name, what, next) in KNOWN {
        if text.contains(name) {
            return Some((format!("the certificate of {host} {what} ({name})"), next));
        }
    }
    if text.contains("InvalidContentType") || text.contains("InvalidMessage") {
        return Some((
            format!("{host} does not speak TLS on this port"),
            "write http:// in --api-url, or correct the port",
        ));
    }
    let tls = text.starts_with("Rustls(") || text.starts_with("Tls(") || text.contains("AlertReceived");
    tls.then(|| {
        (
            format!("no TLS connection with {host}: {text}"),
            "see what `openssl s_client -connect HOST:PORT` says about it",
        )
    })
}

fn authorities(path: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| StaysFailure::AuthorityUnreadable {
        path: path.to_owned(),
        error,
    })?;
    let found: Vec<Certificate<'static>> = parse_pem(&bytes)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        let path = path.to_owned();
        return Err(StaysFailure::NoAuthority { path }.into());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_host_is_named() {
        let client = Client::new(Duration::from_secs(1), None).unwrap();
        let url = Url::parse("http://nowhere.invalid/api").unwrap();
        let lookup = std::io::Error::other("failed to lookup address information: Name or service not known");
        for error in [ureq::Error::HostNotFound, ureq::Error::Io(lookup)] {
            let silence = client.silence(&url, &error);
            assert_eq!(silence.what, "the host name nowhere.invalid is not known");
            assert!(silence.next.contains("--api-url"));
        }
    }
}
