//! Fills a sandbox: its files, the migrations, and the demo data.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;

use super::credentials::connection_variables;
use super::demo::{self, DemoSpec};
use super::embedded;
use super::failure::SandboxFailure;
use super::plan::{DATA_VERSION, IMAGE_VERSION, Plan};
use super::started::Sandbox;
use crate::config::{Config, Sources};
use crate::context::Context;
use crate::run_command;

impl Sandbox {
    /// Writes the files, migrates and loads the demo data: at the version it fits, so that later migrations
    /// have rows to work on, as in production.
    ///
    /// # Errors
    /// A file cannot be written, a migration or the data fails, or a signal arrives.
    pub async fn fill(&self, plan: &Plan) -> anyhow::Result<Option<demo::RowCounts>> {
        self.access.write_files().context("writing the sandbox's files")?;
        if plan.version == 0 {
            return Ok(None);
        }
        let migrations = self.access.dir.join("migrations");
        embedded::write_to(&migrations).context("writing the migrations")?;
        let Some(spec) = &plan.demo else {
            self.migrate(&migrations, plan.version).await?;
            return Ok(None);
        };
        self.migrate(&migrations, DATA_VERSION).await?;
        let context = self.context()?;
        let mut summary = self.load(&context, spec).await?;
        if plan.version >= IMAGE_VERSION {
            self.migrate(&migrations, IMAGE_VERSION).await?;
            let mut session = context.db.session().await?;
            summary.images = demo::fill_images(&mut session, spec).await?;
        }
        // While the command runs, its processes have the connection budget to themselves.
        context.db.close().await;
        if plan.version > IMAGE_VERSION {
            self.migrate(&migrations, plan.version).await?;
        }
        Ok(Some(summary))
    }

    async fn load(&self, context: &Context, spec: &DemoSpec) -> anyhow::Result<demo::RowCounts> {
        let progress = self.app.report.progress(None, "demo data");
        let mut session = context.db.session().await?;
        let summary = demo::fill(&mut session, spec, |done, _| progress.set(done)).await;
        progress.finish();
        summary.context("loading the demo data")
    }

    /// Migrates as a user would, with this very program.
    async fn migrate(&self, folder: &Path, version: u32) -> anyhow::Result<()> {
        let program = std::env::current_exe().context("finding this program")?;
        let version = format!("{version:03}");
        let words: Vec<OsString> = vec![
            program.into(),
            "--quiet".into(),
            "migrate".into(),
            "--dir".into(),
            folder.into(),
            // Nobody else is on this server.
            "--allow-blocking".into(),
            version.clone().into(),
        ];
        let code = run_command::run_silently(
            &words,
            &self.access.variables(),
            &connection_variables(),
            &self.app.cancel,
        )
        .await?;
        self.app.cancel.check()?;
        if code != 0 {
            return Err(SandboxFailure::NotMigrated { version, code }.into());
        }
        Ok(())
    }

    /// A context for the sandbox's own server: its variables, and of the user's configuration
    /// only what tunes a connection.
    fn context(&self) -> anyhow::Result<Context> {
        let mut environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| !connection_variables().contains(&name.as_str()))
            .collect();
        let own = self.access.variables().into_iter();
        environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let config = Config::resolve(&Sources {
            flags: self.app.flags.as_variables(),
            environment,
            env_file: None,
            cancel: self.app.cancel.clone(),
        })?;
        Ok(self.app.context_for(config, "sandbox")?)
    }
}
