//! The context that every command receives: the pool, the cancellation token, the reporter.

use std::path::PathBuf;
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::cli::connection::ConnectionArgs;
use crate::config::{Config, EnvFile, SANDBOX_VARIABLE, Sources};
use crate::db::Db;
use crate::db::guard::Pools;
use crate::exit::Failure;
use crate::report::Reporter;

/// Context before any configuration is read, for commands that need no database.
#[derive(Clone)]
pub struct AppContext {
    /// Shows results, status and progress.
    pub report: Reporter,
    /// Set by signals.
    pub cancel: Cancel,
    /// New pools are registered with the guard here.
    pub pools: Pools,
    /// The connection flags.
    pub flags: ConnectionArgs,
}

/// A run with a database: one pool, shared by everything the command does.
#[derive(Clone)]
pub struct Context {
    /// The configuration in force.
    pub config: Config,
    /// The pool.
    pub db: Db,
    /// Shows results, status and progress.
    pub report: Reporter,
    /// Set by signals; every wait listens to it.
    pub cancel: Cancel,
    /// The context of the program, to build a context for another server.
    pub app: AppContext,
}

impl AppContext {
    /// Reads flags, environment and `.env` into a configuration.
    ///
    /// # Errors
    /// See [`Config::resolve`].
    pub fn config(&self) -> Result<Config, Failure> {
        let config = Config::resolve(&self.sources()?)?;
        match &config.env_file {
            Some(path) => tracing::debug!("read {}", path.display()),
            None => tracing::debug!("read no .env file"),
        }
        for note in &config.notes {
            self.report.warn(note);
        }
        Ok(config)
    }

    /// The context of `command` for the configured server. Opens nothing.
    ///
    /// # Errors
    /// As [`AppContext::config`] and [`AppContext::context_for`].
    pub fn context(&self, command: &str) -> Result<Context, Failure> {
        self.context_for(self.config()?, command)
    }

    /// The context of `command` for the server that `config` names. Opens nothing.
    ///
    /// # Errors
    /// No account is configured.
    pub fn context_for(&self, config: Config, command: &str) -> Result<Context, Failure> {
        let report = self.report.clone();
        let notice = Arc::new(move |text: &str| report.warn(text));
        config.require_user()?;
        tracing::info!(
            "{command} as {}@{}, database {}, at most {} connections, TLS {}",
            config.user_name(),
            config.address.value,
            config.database.as_ref().map_or("(none)", |name| &name.value),
            config.connection_limit.value,
            config.ssl_mode.value.name()
        );
        let db = Db::new(&config, command, self.cancel.clone(), notice);
        self.pools.register(&db);
        Ok(Context {
            config,
            db,
            report: self.report.clone(),
            cancel: self.cancel.clone(),
            app: self.clone(),
        })
    }

    /// The sources that the configuration is read from.
    ///
    /// # Errors
    /// The `.env` file cannot be read or understood.
    pub fn sources(&self) -> Result<Sources, Failure> {
        Ok(Sources {
            flags: self.flags.as_variables(),
            // Variables that are not UTF-8 cannot be ours.
            environment: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            env_file: self.env_file()?,
            cancel: self.cancel.clone(),
        })
    }

    fn env_file(&self) -> Result<Option<EnvFile>, Failure> {
        // Inside a sandbox the environment says everything; a file would lead to another server.
        let in_sandbox = std::env::var_os(SANDBOX_VARIABLE).is_some();
        match (&self.flags.env_file, self.flags.no_env_file || in_sandbox) {
            (_, true) => Ok(None),
            (Some(path), false) => EnvFile::read(path, &self.cancel).map(Some),
            (None, false) => {
                let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
                EnvFile::nearest(&here, &self.cancel)
            }
        }
    }
}
