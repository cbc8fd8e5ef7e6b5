//! A small application on loopback: answers each request as a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use crate::support::Tls;

/// The token that the application knows.
pub const TOKEN: &str = "s3cret/Token+9";

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path and query.
    pub target: String,
    /// The Authorization header; empty without one.
    pub authorization: String,
}

impl Request {
    /// The value of a query parameter.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// The value of a numeric query parameter, or another number.
    pub fn number(&self, name: &str, otherwise: usize) -> usize {
        self.query(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(otherwise)
    }
}

/// An answer: status line, further headers (each with its line end), body.
pub struct Reply(pub &'static str, pub String, pub String);

/// A list.
pub fn ok(body: &Value) -> Reply {
    Reply(
        "200 OK",
        "Content-Type: application/json\r\n".into(),
        body.to_string(),
    )
}

type Handler = Box<dyn FnMut(&Request) -> Reply + Send>;

/// The application; it ends with the test.
pub struct App {
    /// Its address, above `/conversations`.
    pub url: String,
    handler: Arc<Mutex<Handler>>,
}

impl App {
    /// Speaks HTTP, or with a certificate HTTPS.
    pub fn start(tls: Option<&Tls>) -> App {
        let tls = tls.map(|tls| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let certificate = CertificateDer::from_pem_file(tls.server_cert()).expect("a certificate");
            let key = PrivateKeyDer::from_pem_file(tls.server_key()).expect("a key");
            let config = rustls::ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .expect("a configuration");
            Arc::new(config)
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!(
            "{scheme}://{}/api/v1/messages",
            listener.local_addr().expect("an address")
        );
        let handler: Arc<Mutex<Handler>> = Arc::new(Mutex::new(Box::new(|_| {
            Reply("503 Not Ready", String::new(), String::new())
        })));
        let shared = Arc::clone(&handler);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                // A request that hangs must not hold up the next one.
                std::thread::spawn(move || {
                    let _ = match tls {
                        None => serve(stream, &shared),
                        Some(config) => rustls::ServerConnection::new(config)
                            .map_err(std::io::Error::other)
                            .and_then(|session| serve(rustls::StreamOwned::new(session, stream), &shared)),
                    };
                });
            }
        });
        App { url, handler }
    }

    /// Answers in this way from now on.
    pub fn on(&self, handler: impl FnMut(&Request) -> Reply + Send + 'static) {
        *self.handler.lock().expect("the handler") = Box::new(handler);
    }

    /// Answers everybody who has the token with this list.
    pub fn list(&self, body: Value) {
        self.on(move |request| {
            if request.authorization == format!("Bearer {TOKEN}") {
                ok(&body)
            } else {
                Reply("401 Unauthorized", String::new(), "who are you?".into())
            }
        });
    }
}

fn serve(stream: impl Read + Write, handler: &Mutex<Handler>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = Vec::new();
    reader.read_until(b'\n', &mut first)?;
    let mut line = String::from_utf8_lossy(&first).into_owned();
    if !line.starts_with("GET ") {
        // Such as a client that speaks TLS.
        return reader.into_inner().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut request = Request {
        target,
        authorization: String::new(),
    };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("authorization") {
            request.authorization = value.to_owned();
        }
    }
    let Reply(status, headers, body) = if request.target.starts_with("/api/v1/messages/conversations") {
        (handler.lock().expect("the handler"))(&request)
    } else {
        Reply("404 Not Found", String::new(), "no such path".into())
    };
    if status.is_empty() {
        // Goes away without an answer.
        return Ok(());
    }
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

/// A port of 127.0.0.1 where nothing listens.
pub fn silent_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A port that takes connections and says nothing.
pub fn mute_port() -> (u16, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    (listener.local_addr().expect("an address").port(), listener)
}

/// Takes one connection and keeps it.
pub fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().expect("a connection").0
}
