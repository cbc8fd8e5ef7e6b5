//! `dbtool test-conversations`: checks the lists and writes of the application, and the invariants of its data.

mod outcome;

use std::time::Duration;

use crate::cli::test_conversations::TestConversationsArgs;
use crate::context::Context;
use crate::db::Session;
use crate::report::{Check, CheckStatus};
use crate::stays::check_report::CheckReport;
use crate::stays::conversations::listing::Listings;
use crate::stays::conversations::users::{self, User};
use crate::stays::conversations::{all_users, api, invariants, round_trip};
use crate::stays::failure::StaysFailure;
use crate::stays::needed::{self, Needed};

/// The columns that mark each table as the messaging of migration 005.
const NEEDED: [Needed; 6] = [
    Needed {
        table: "users",
        columns: &["email"],
        migration: "001",
    },
    Needed {
        table: "properties",
        columns: &["title"],
        migration: "001",
    },
    Needed {
        table: "bookings",
        columns: &["guest_id"],
        migration: "001",
    },
    Needed {
        table: "conversations",
        columns: &["booking_id"],
        migration: "005",
    },
    Needed {
        table: "conversation_participants",
        columns: &["archived_at"],
        migration: "005",
    },
    Needed {
        table: "messages",
        columns: &["conversation_id"],
        migration: "005",
    },
];

/// Runs the checks.
///
/// # Errors
/// Missing tables, an unknown user, bad flags, no connection, or a statement of dbtool's own that fails.
pub async fn run(context: &Context, args: &TestConversationsArgs) -> anyhow::Result<CheckReport> {
    let api = api_options(args).map(api::Api::new).transpose()?;
    let database = context.config.require_database()?;
    let slow = args.slow_ms.map(Duration::from_millis);
    let server = context.db.server().await?;
    let mut session = context.db.session().await?;
    needed::check(&mut session, database, &NEEDED).await?;
    let mut report = CheckReport::new("test-conversations");

    let user = choose_user(&mut session, args.user.as_deref()).await?;
    let id = user.as_ref().map(|user| user.id);
    let listings = match (args.all_users, id) {
        (true, _) => all_users::list(context, &mut session, args.sample).await?,
        (false, Some(id)) => Listings::of(&mut session, id).await?,
        (false, None) => Listings::default(),
    };
    let shown = listings.finish(context, &mut session, slow, &mut report).await?;
    if let Some(user) = user.as_ref().filter(|_| !args.all_users) {
        outcome::show(&mut report, user, &shown);
    }

    let progress = context.report.progress(Some(invariants::COUNT), "invariants");
    invariants::run(&mut session, &progress, &mut report.checks).await?;
    drop(progress);

    let skip = |reason: &str| {
        Check::new("write round trip, rolled back", "write", CheckStatus::Skipped).message(reason)
    };
    match id {
        _ if args.read_only => report.checks.push(skip("--read-only")),
        _ if server.read_only => report.checks.push(skip("the server is read-only")),
        None => report.checks.push(skip("there is no user")),
        Some(id) => report
            .checks
            .extend(round_trip::run(&mut session, id, slow).await?),
    }

    if let (Some(api), Some(id)) = (api, id) {
        // The application may need the connection that is given back here.
        drop(session);
        context.db.close().await;
        report.checks.extend(api::run(context, &api, id, slow).await?);
    }
    Ok(report)
}

/// The options of `--api-url`; `None` without it.
fn api_options(args: &TestConversationsArgs) -> Option<api::ApiOptions> {
    Some(api::ApiOptions {
        url: args.api_url.clone()?,
        token_env: args.token_env.clone(),
        mappings: args.api_map.clone(),
        timeout: args.api_timeout,
        ca: args.api_ca.clone(),
    })
}

/// The user of `--user`, or the one with the most conversations; `None` when there are no users.
async fn choose_user(session: &mut Session, wanted: Option<&str>) -> anyhow::Result<Option<User>> {
    let Some(wanted) = wanted else {
        return Ok(users::busiest(session).await?);
    };
    match users::named(session, wanted).await? {
        Some(user) => Ok(Some(user)),
        None => Err(StaysFailure::NoUser {
            wanted: wanted.to_owned(),
        }
        .into()),
    }
}
