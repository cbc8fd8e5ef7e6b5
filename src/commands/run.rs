//! `dbtool run`: another program takes its turn in the connection budget.

use serde_json::json;

use crate::cli::run::RunArgs;
use crate::config::{Address, Config};
use crate::context::AppContext;
use crate::exit::{Exit, Failure};
use crate::report::{Json, Outcome, Page};
use crate::sandbox::run_command;

/// Waits for the slots, runs the command, and frees the slots.
///
/// # Errors
/// The budget is smaller than what is wanted, the server cannot be reached, no slots become free in time, or the
/// command cannot be started. That the command itself fails is an outcome, not an error.
pub async fn run(app: &AppContext, args: &RunArgs) -> anyhow::Result<Box<dyn Outcome>> {
    let ctx = app.context("run")?;
    let available = ctx.db.budget().work_slots();
    let wanted = args.connections.unwrap_or(available);
    refuse_more_than_the_budget(&ctx.config, available, wanted)?;
    let slots = ctx.db.reserve(wanted).await?;
    tracing::info!("took {} slots of the budget", slots.len());
    // A dbtool within the command counts within these slots and not beside them.
    let nested = tempfile::Builder::new().prefix("dbtool-run-").tempdir()?;
    let mut set = server_variables(&ctx.config);
    set.push(("DB_CONNECTION_LIMIT", slots.len().to_string()));
    set.push(("DB_BUDGET_DIR", nested.path().display().to_string()));
    let code = run_command::run(&args.command, &set, &[], &ctx.cancel).await?;
    drop(slots);
    Ok(Box::new(Ran { code }))
}

fn refuse_more_than_the_budget(config: &Config, slots: u32, wanted: u32) -> Result<(), Failure> {
    if config.fleet_limit.is_some() {
        return Err(Failure::usage(
            "dbtool run takes part in the budget of this host only, and DB_FLEET_CONNECTION_LIMIT is set",
            "unset DB_FLEET_CONNECTION_LIMIT for this command, if the command may connect whatever other hosts do",
        ));
    }
    if wanted > slots {
        let limit = config.connection_limit.value;
        return Err(Failure::usage(
            format!(
                "the command wants {wanted} connections, and DB_CONNECTION_LIMIT={limit} leaves {slots} for work (one is \
                 kept for diagnostics and for ending statements)"
            ),
            format!(
                "lower --connections, or raise DB_CONNECTION_LIMIT to {} if the server has room",
                wanted + 1
            ),
        ));
    }
    Ok(())
}

/// The variables that name the server and the account.
fn server_variables(config: &Config) -> Vec<(&'static str, String)> {
    let mut set = match &config.address.value {
        Address::Tcp { host, port } => vec![("DB_HOST", host.clone()), ("DB_PORT", port.to_string())],
        Address::Socket(path) => vec![("DB_SOCKET", path.display().to_string())],
    };
    set.push(("DB_USER", config.user_name().to_owned()));
    if let Some(password) = &config.password {
        set.push(("DB_PASSWORD", password.value.reveal().to_owned()));
    }
    if let Some(database) = &config.database {
        set.push(("DB_NAME", database.value.clone()));
    }
    let tls = [
        ("DB_SSL_CA", &config.ssl_ca),
        ("DB_SSL_CERT", &config.ssl_cert),
        ("DB_SSL_KEY", &config.ssl_key),
    ];
    set.push(("DB_SSL_MODE", config.ssl_mode.value.name().to_owned()));
    for (name, file) in tls {
        set.extend(file.as_ref().map(|file| (name, file.value.display().to_string())));
    }
    set
}

/// A command that ran. Its output was its own; its exit code is passed on.
struct Ran {
    code: u8,
}

impl Outcome for Ran {
    fn exit(&self) -> Exit {
        Exit::ChildExit(self.code)
    }

    fn name(&self) -> &'static str {
        "run"
    }

    /// The command has had the signal, and its exit code says what it made of it.
    fn is_cut_short_by_signals(&self) -> bool {
        false
    }

    fn text(&self, _page: &mut Page) {}

    fn json(&self) -> Json<'_> {
        Box::new(json!({ "exit_code": self.code }))
    }
}
