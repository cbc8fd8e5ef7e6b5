//! Replicas that must not lag while rows are copied.

use std::time::{Duration, Instant};

use super::OnlineSettings;
use crate::batch::{Lag, replica_lag};
use crate::config::Address;
use crate::context::Context;
use crate::db::Session;
use crate::exit::Failure;
use crate::report::visible;

/// The interval at which they are asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// The port of an address without one.
const PORT: u16 = 3306;

/// The replicas, each with a connection of its own within the budget for that server.
pub(super) struct Replicas {
    list: Vec<Replica>,
    max_lag: u64,
    asked: Option<Instant>,
}

struct Replica {
    name: String,
    ctx: Context,
    session: Option<Session>,
}

impl Replicas {
    /// Connects to each and reads its lag.
    ///
    /// # Errors
    /// One cannot be reached or asked, or is no replica.
    pub(super) async fn open(ctx: &Context, settings: &OnlineSettings) -> anyhow::Result<Replicas> {
        let mut list = Vec::new();
        for name in &settings.replicas {
            let mut config = ctx.config.clone();
            let address = address(name)?;
            config.address = config.address.map(|_| address);
            let mut replica = Replica {
                name: visible(name),
                ctx: ctx.app.context_for(config, "migrate")?,
                session: None,
            };
            if matches!(replica.lag().await?, Lag::None) {
                return Err(Failure::usage(
                    format!("nothing was run: {} (--replica) is no replica", replica.name),
                    "name the servers that read the changes of this one",
                )
                .into());
            }
            list.push(replica);
        }
        Ok(Replicas {
            list,
            max_lag: settings.max_lag.unwrap_or(u64::MAX),
            asked: None,
        })
    }

    /// Waits until none lags too much. A replica that cannot be asked counts as one that does.
    pub(super) async fn wait(&mut self, ctx: &Context) -> anyhow::Result<()> {
        if self.list.is_empty() || self.asked.is_some_and(|asked| asked.elapsed() < INTERVAL) {
            return Ok(());
        }
        let mut told = false;
        while let Some(reason) = self.reason().await {
            if !std::mem::replace(&mut told, true) {
                ctx.report.status(format!("pausing while {reason}"));
            }
            ctx.cancel.sleep(INTERVAL).await?;
        }
        self.asked = Some(Instant::now());
        Ok(())
    }

    async fn reason(&mut self) -> Option<String> {
        for replica in &mut self.list {
            let name = replica.name.clone();
            match replica.lag().await {
                Ok(Lag::Seconds(lag)) if lag > self.max_lag => {
                    return Some(format!("replica {name} lags {lag} s, above {} s", self.max_lag));
                }
                Ok(Lag::Stopped) => return Some(format!("replication of {name} is stopped")),
                Ok(_) => {}
                Err(error) => {
                    replica.session = None;
                    return Some(format!("replica {name} cannot be asked: {error}"));
                }
            }
        }
        None
    }
}

impl Replica {
    async fn lag(&mut self) -> anyhow::Result<Lag> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(self.ctx.db.session().await?),
        };
        Ok(replica_lag(&self.ctx, session).await?)
    }
}

/// HOST, HOST:PORT, or [ADDRESS]:PORT.
fn address(text: &str) -> Result<Address, Failure> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
        _ => (text, Some(PORT)),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match port {
        Some(port) if !host.is_empty() && !host.contains(['/', '@']) => Ok(Address::Tcp {
            host: host.to_owned(),
            port,
        }),
        // The text is not shown: it may hold a password.
        _ => Err(Failure::usage(
            "a --replica is not of the form HOST or HOST:PORT",
            "give the host alone; the account and the password are those of the run",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_has_a_host_and_perhaps_a_port() {
        for (text, expected) in [
            ("db2", Some("db2:3306")),
            ("db2:3307", Some("db2:3307")),
            ("::1", Some("[::1]:3306")),
            ("[::1]:3307", Some("[::1]:3307")),
            ("db2:x", None),
            ("u:p@db2", None),
            ("", None),
        ] {
            let found = address(text).ok().map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
