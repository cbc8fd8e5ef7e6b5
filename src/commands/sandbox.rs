//! `dbtool sandbox`: a private server with demo data, for a command or until Ctrl+C.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use crate::cli::sandbox::{SandboxArgs, Target};
use crate::config::{Config, Sources};
use crate::context::{AppContext, Context};
use crate::exit::{Exit, Failure};
use crate::report::{self, Json, Outcome, Page};
use crate::sandbox::credentials::{Credentials, connection_variables};
use crate::sandbox::demo::{self, DemoSpec};
use crate::sandbox::{Account, PrivateServer, ServerOptions, embedded, find_server, run_command};

/// Name of the sandbox's database and of its user.
const DATABASE: &str = "demo";
const USER: &str = "demo";

/// The demo data fits the schema at this version; later migrations then carry it along.
const DATA_VERSION: u32 = 2;
/// From this version on large profile images fit.
const IMAGE_VERSION: u32 = 3;

/// How many bookings the demo data has unless told.
const DEFAULT_BOOKINGS: u64 = 1_000;

/// How often a waiting sandbox looks whether its server still runs.
const WATCH: Duration = Duration::from_millis(500);

/// Runs a sandbox and everything in it; nothing is left when this returns.
///
/// # Errors
/// No server is found or it does not start, a migration or the data fails, or the command
/// cannot be started. That the command itself fails is an outcome, not an error.
pub async fn run(app: &AppContext, args: &SandboxArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let plan = Plan::of(args)?;
    refuse_other_servers(app)?;
    let binary = find_server(args.server.as_deref())?;
    app.report.status(format_args!("starting a private {binary} ..."));
    let account = Account::generate(USER, DATABASE);
    let mut options = ServerOptions::new(binary);
    options.setup = account.setup();
    options.cancel = app.cancel.clone();
    let started = Instant::now();
    // Waits in short steps and looks at the token itself.
    let server = tokio::task::spawn_blocking(move || PrivateServer::start(&options))
        .await
        .context("starting the server")??;
    let mut sandbox = Sandbox {
        access: Credentials {
            dir: server.dir().to_path_buf(),
            port: server.port(),
            account,
        },
        server,
        app: app.clone(),
    };
    let ended = sandbox.live(&plan, args, started).await;
    let Sandbox { server, .. } = sandbox;
    tokio::task::spawn_blocking(move || server.stop())
        .await
        .context("stopping the server")?;
    app.report.status("sandbox stopped and removed");
    ended
}

/// What to put into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    version: u32,
    demo: Option<DemoSpec>,
}

impl Plan {
    fn of(args: &SandboxArgs) -> Result<Plan, Failure> {
        let version = match args.migrated_to {
            Target::None => 0,
            Target::Version(version) => version,
            Target::Latest => embedded::latest(),
        };
        if version > embedded::latest() {
            return Err(Failure::usage(
                format!(
                    "there is no migration {version:03}: the last one is {:03}",
                    embedded::latest()
                ),
                "use a lower version or --migrated-to latest",
            ));
        }
        let fits = version >= DATA_VERSION;
        let bookings = args.bookings.unwrap_or(if fits { DEFAULT_BOOKINGS } else { 0 });
        if bookings > 0 && !fits {
            return Err(Failure::usage(
                format!("the demo data needs migration {DATA_VERSION:03}"),
                "leave out --bookings, or migrate at least to 002",
            ));
        }
        let demo = (bookings > 0).then_some(DemoSpec {
            bookings,
            seed: args.seed,
        });
        Ok(Plan { version, demo })
    }
}

/// A sandbox has its own server; flags that name another one are a misunderstanding.
fn refuse_other_servers(app: &AppContext) -> Result<(), Failure> {
    for (variable, (_, flag)) in app.flags.as_variables() {
        if connection_variables().contains(&variable) {
            return Err(Failure::usage(
                format!("{flag} names a server, but a sandbox brings its own"),
                format!("leave out {flag}, or put it after `--` if it belongs to the command"),
            ));
        }
    }
    Ok(())
}

/// A server and what is needed to fill and use it.
struct Sandbox {
    // Dropped first to last: the server stops before anything else is let go.
    server: PrivateServer,
    access: Credentials,
    app: AppContext,
}

impl Sandbox {
    async fn live(
        &mut self,
        plan: &Plan,
        args: &SandboxArgs,
        started: Instant,
    ) -> anyhow::Result<Box<dyn Outcome>> {
        self.access.write_files().context("writing the sandbox's files")?;
        let filled = self.fill(plan).await?;
        self.app.cancel.check()?;
        let ready = Ready {
            server: self.server.binary().to_string(),
            client: client_name(&self.server),
            socket: self.server.socket().display().to_string(),
            access: self.access.clone(),
            version: plan.version,
            filled,
        };
        self.app.report.status(format_args!(
            "ready after {}: {}",
            report::duration(started.elapsed()),
            ready.contents()
        ));
        if args.command.is_empty() {
            self.app.report.emit(&ready);
            self.wait().await
        } else {
            let code = run_command::run(
                &args.command,
                &self.access.variables(),
                &connection_variables(),
                &self.app.cancel,
            )
            .await?;
            Ok(Box::new(Ran { code }))
        }
    }

    /// Migrates and loads the demo data: at the version it fits, so that later migrations
    /// have rows to work on, as they will have in earnest.
    async fn fill(&self, plan: &Plan) -> anyhow::Result<Option<demo::RowCounts>> {
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
            return Err(Failure::statement(
                format!("the sandbox could not be migrated to {version} (exit code {code})"),
                "see the message above",
            )
            .into());
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

    /// Waits for a signal, or for the server to end by itself.
    async fn wait(&mut self) -> anyhow::Result<Box<dyn Outcome>> {
        loop {
            self.app.cancel.sleep(WATCH).await?;
            if !self.server.is_running() {
                return Err(Failure::connect(
                    format!("the sandbox's server ended by itself\n{}", self.server.log_tail()),
                    "the lines above are the end of its log; start the sandbox again",
                )
                .into());
            }
        }
    }
}

fn client_name(server: &PrivateServer) -> &'static str {
    server.binary().flavor.id()
}

/// A sandbox that waits to be used.
struct Ready {
    server: String,
    client: &'static str,
    socket: String,
    access: Credentials,
    version: u32,
    filled: Option<demo::RowCounts>,
}

impl Ready {
    fn contents(&self) -> String {
        let schema = match self.version {
            0 => "an empty database".to_owned(),
            version => format!("migrated to {version:03}"),
        };
        match &self.filled {
            None => schema,
            Some(rows) => format!(
                "{schema}, with {} users, {} properties, {} bookings, {} messages",
                report::count(rows.users),
                report::count(rows.properties),
                report::count(rows.bookings),
                report::count(rows.messages)
            ),
        }
    }
}

impl Outcome for Ready {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn text(&self, page: &mut Page) {
        let (client, cnf) = (self.client, self.access.client_file());
        page.line(format_args!(
            "{} on 127.0.0.1:{}, {}",
            self.server,
            self.access.port,
            self.contents()
        ));
        page.blank();
        page.kv(
            "SQL prompt",
            format_args!("{client} --defaults-file={}", cnf.display()),
        );
        page.kv(
            "as root",
            format_args!("{client} --no-defaults --socket={} --user=root", self.socket),
        );
        page.kv(
            "environment",
            format_args!(". {}", self.access.env_file().display()),
        );
        page.blank();
        page.line("Ctrl+C stops it and removes everything.");
    }

    fn json(&self) -> Json<'_> {
        Box::new(json!({
            "server": self.server,
            "host": "127.0.0.1",
            "port": self.access.port,
            "socket": self.socket,
            "user": self.access.account.user,
            "database": self.access.account.database,
            "directory": self.access.dir.display().to_string(),
            "defaults_file": self.access.client_file().display().to_string(),
            "env_file": self.access.env_file().display().to_string(),
            "migrated_to": self.version,
            "bookings": self.filled.map_or(0, |rows| rows.bookings),
        }))
    }
}

/// A command that ran in a sandbox. Its output was its own; only its exit code is passed on.
struct Ran {
    code: u8,
}

impl Outcome for Ran {
    fn exit(&self) -> Exit {
        Exit::ChildExit(self.code)
    }

    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn text(&self, _page: &mut Page) {}

    fn json(&self) -> Json<'_> {
        Box::new(json!({ "exit_code": self.code }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, Target};
    use crate::cli::sandbox::SandboxArgs;

    fn args(bookings: Option<u64>, migrated_to: Target) -> SandboxArgs {
        SandboxArgs {
            bookings,
            seed: 7,
            migrated_to,
            server: None,
            command: Vec::new(),
        }
    }

    #[test]
    fn data_needs_the_schema_it_fits() {
        for (bookings, target, expected) in [
            (None, Target::Version(2), Some((2, Some(1_000)))),
            (Some(5), Target::Latest, Some((5, Some(5)))),
            (Some(0), Target::Version(3), Some((3, None))),
            (None, Target::None, Some((0, None))),
            (None, Target::Version(1), Some((1, None))),
            (Some(5), Target::None, None),
            (Some(5), Target::Version(1), None),
            (None, Target::Version(999), None),
        ] {
            let plan = Plan::of(&args(bookings, target)).ok();
            let found = plan.map(|plan| (plan.version, plan.demo.map(|demo| demo.bookings)));
            assert_eq!(found, expected, "{bookings:?} {target:?}");
        }
    }
}
