//! A sandbox from its server's start to its end.

use std::time::Duration;

use anyhow::Context as _;

use super::account::Account;
use super::credentials::Credentials;
use super::discover::ServerBinary;
use super::failure::SandboxFailure;
use super::server::{PrivateServer, ServerOptions};
use crate::context::AppContext;

/// Name of the sandbox's database and of its user.
const DATABASE: &str = "demo";
const USER: &str = "demo";

/// How often a waiting sandbox looks whether its server still runs.
const WATCH: Duration = Duration::from_millis(500);

/// A server and what is needed to fill and use it.
pub struct Sandbox {
    // Dropped first to last: the server stops before anything else is let go.
    /// The server.
    pub server: PrivateServer,
    /// How to connect to it.
    pub access: Credentials,
    /// The context of the program that it is for.
    pub(super) app: AppContext,
}

impl Sandbox {
    /// Starts a private server with an empty database and an account for it.
    ///
    /// # Errors
    /// The server does not start, or a signal arrives meanwhile.
    pub async fn start(app: &AppContext, binary: ServerBinary) -> anyhow::Result<Sandbox> {
        let account = Account::generate(USER, DATABASE);
        let mut options = ServerOptions::new(binary);
        options.setup = account.setup();
        options.cancel = app.cancel.clone();
        // Waits in short steps and looks at the token itself.
        let server = tokio::task::spawn_blocking(move || PrivateServer::start(&options))
            .await
            .context("starting the server")??;
        Ok(Sandbox {
            access: Credentials {
                dir: server.dir().to_path_buf(),
                port: server.port(),
                account,
            },
            server,
            app: app.clone(),
        })
    }

    /// Waits for a signal, or for the server to end by itself, and returns which of them ended the wait.
    pub async fn wait(&mut self) -> anyhow::Error {
        loop {
            if let Err(signal) = self.app.cancel.sleep(WATCH).await {
                return signal.into();
            }
            if !self.server.is_running() {
                let log = self.server.log_tail();
                return SandboxFailure::Ended { log }.into();
            }
        }
    }

    /// Stops the server and removes everything.
    ///
    /// # Errors
    /// The task that stops the server panicked.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Sandbox { server, .. } = self;
        tokio::task::spawn_blocking(move || server.stop())
            .await
            .context("stopping the server")
    }
}
