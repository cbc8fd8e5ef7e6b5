//! `dbtool migrate create` and `dbtool migrate drop`.

use std::time::Duration;

use crate::cli::migrate::{MigrateAction, MigrateArgs};
use crate::context::AppContext;
use crate::migrate::outcome::MessageOutcome;
use crate::migrate::whole_database;

/// Creates or drops the database, over a connection that chooses none.
pub(super) async fn change(
    app: &AppContext,
    args: &MigrateArgs,
    action: &MigrateAction,
) -> anyhow::Result<MessageOutcome> {
    let mut config = app.config()?;
    let database = config.require_database()?.to_owned();
    config.database = None;
    let ctx = app.context_for(config, "migrate")?;
    match action {
        MigrateAction::Create { collation } => {
            whole_database::create(&ctx, &database, collation.as_deref()).await
        }
        action => {
            let yes = matches!(action, MigrateAction::Drop { yes: true });
            whole_database::drop(&ctx, &database, Duration::from_secs(args.lock_wait), yes).await
        }
    }
}
