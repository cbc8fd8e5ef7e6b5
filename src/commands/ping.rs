//! `dbtool ping`: is the server ready for this account?

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::ping::PingArgs;
use crate::context::Context;
use crate::db::node_state::NodeState;
use crate::db::{DbError, ErrorKind, Session};
use crate::report::{Json, Outcome, Page, duration};

/// Statements whose fastest answer counts: the first one may wait for a thread of the server.
const ROUNDS: u32 = 3;

const TLS: &str = "SHOW SESSION STATUS WHERE Variable_name IN ('Ssl_version', 'Ssl_cipher')";

/// Connects, and asks.
///
/// # Errors
/// No connection could be had within the patience, or it was lost.
pub async fn run(ctx: &Context, args: &PingArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let started = Instant::now();
    let mut session = match args.wait.is_zero() {
        true => ctx.db.brief_session_at_once().await?,
        false => ctx.db.brief_session_within(args.wait).await?,
    };
    let connected = started.elapsed();
    let server = ctx.db.server().await?;
    let node = NodeState::of(&mut session, server.flavor).await?;
    if let Some(why) = node.as_ref().and_then(|node| node.unusable.as_ref()) {
        let next = "connect to another server, or look at this one with `dbtool check-connections`";
        return Err(DbError::new(ErrorKind::Connect, crate::escape::visible(why), next).into());
    }
    let latency = latency(&mut session).await?;
    let mut tls = Tls::default();
    for (name, value) in session.rows::<(String, String)>(TLS).await? {
        let value = Some(value).filter(|value| !value.is_empty());
        match name.as_str() {
            "Ssl_version" => tls.version = value,
            _ => tls.cipher = value,
        }
    }
    Ok(Box::new(Answer {
        node: node.map(|node| node.text),
        server: server.name(),
        address: ctx.config.address.value.to_string(),
        account: server.account.clone(),
        database: ctx.config.database.as_ref().map(|name| name.value.clone()),
        connected,
        latency,
        tls,
    }))
}

async fn latency(session: &mut Session) -> anyhow::Result<Duration> {
    let mut fastest = Duration::MAX;
    for _ in 0..ROUNDS {
        let asked = Instant::now();
        session.execute("DO 0").await?;
        fastest = fastest.min(asked.elapsed());
    }
    Ok(fastest)
}

/// How the connection is encrypted.
#[derive(Debug, Default)]
struct Tls {
    version: Option<String>,
    cipher: Option<String>,
}

/// A server that answered.
#[derive(Debug)]
struct Answer {
    server: String,
    node: Option<String>,
    address: String,
    account: String,
    database: Option<String>,
    connected: Duration,
    latency: Duration,
    tls: Tls,
}

impl Outcome for Answer {
    fn name(&self) -> &'static str {
        "ping"
    }

    fn text(&self, page: &mut Page) {
        let database = self.database.as_deref().map_or_else(
            || "no database".to_owned(),
            |database| format!("database {}", crate::escape::visible(database)),
        );
        page.line(format!(
            "{} at {} answers in {} (connected in {})",
            self.server,
            self.address,
            duration(self.latency),
            duration(self.connected)
        ));
        if let Some(node) = &self.node {
            page.line(crate::escape::visible(node));
        }
        page.line(format!(
            "account {}, {database}, {}",
            self.account,
            self.tls.version.as_deref().unwrap_or("not encrypted")
        ));
    }

    fn json(&self) -> Json<'_> {
        let tls = self
            .tls
            .version
            .as_ref()
            .map(|version| json!({"version": version, "cipher": self.tls.cipher}));
        Box::new(json!({
            "server": self.server,
            "node": self.node,
            "address": self.address,
            "account": self.account,
            "database": self.database,
            "connect_ms": milliseconds(self.connected),
            "latency_ms": milliseconds(self.latency),
            "tls": tls,
        }))
    }
}

fn milliseconds(time: Duration) -> Value {
    json!((time.as_secs_f64() * 1_000_000.0).round() / 1_000.0)
}
