//! `dbtool test-conversations`: what the application lists and writes, and what must hold over all data.

use std::time::Duration;

use serde_json::json;

use crate::cli::test_conversations::TestConversationsArgs;
use crate::context::Context;
use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, Session};
use crate::exit::Failure;
use crate::report::{Check, CheckStatus, Table};
use crate::stays::check_report::{CheckReport, Detail};
use crate::stays::conversations::listing::{Listed, Listings};
use crate::stays::conversations::{api, invariants, round_trip};
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

/// A user by email address.
const USER_BY_EMAIL: &str = "SELECT id, email FROM users WHERE email = ?";

/// A user by id.
const USER_BY_ID: &str = "SELECT id, email FROM users WHERE id = ?";

/// The user with the most conversations; any user when there are none.
const BUSIEST: &str = "SELECT u.id, u.email FROM users u JOIN (SELECT user_id, COUNT(*) AS taken_part \
     FROM conversation_participants GROUP BY user_id ORDER BY taken_part DESC, user_id LIMIT 1) b ON b.user_id = u.id";

/// Any user.
const ANY_USER: &str = "SELECT id, email FROM users ORDER BY id LIMIT 1";

/// How many users have conversations.
const USERS: &str = "SELECT COUNT(DISTINCT user_id) FROM conversation_participants";

/// Users with conversations, in ranges: those after `?`.
const NEXT_USERS: &str =
    "SELECT DISTINCT user_id FROM conversation_participants WHERE user_id > ? ORDER BY user_id LIMIT 500";

/// A spread of users that is the same each time.
const SAMPLE: &str = "SELECT user_id FROM (SELECT DISTINCT user_id FROM conversation_participants) everyone \
     ORDER BY CRC32(user_id), user_id LIMIT ?";

/// How many lines of a user's list are shown.
const SHOWN: usize = 10;

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

    let user = chosen_user(&mut session, args).await?;
    let listings = list(context, &mut session, args, user.as_ref().map(|(id, _)| *id)).await?;
    let shown = listings.finish(context, &mut session, slow, &mut report).await?;
    if let Some((id, email)) = user.as_ref().filter(|_| !args.all_users) {
        show(&mut report, *id, email, &shown);
    }

    let progress = context.report.progress(Some(invariants::COUNT), "invariants");
    invariants::run(&mut session, &progress, &mut report.checks).await?;
    drop(progress);

    let skip = |reason: &str| {
        Check::new("write round trip, rolled back", "write", CheckStatus::Skipped).message(reason)
    };
    let id = user.as_ref().map(|(id, _)| *id);
    match user {
        _ if args.read_only => report.checks.push(skip("--read-only")),
        _ if server.read_only => report.checks.push(skip("the server is read-only")),
        None => report.checks.push(skip("there is no user")),
        Some((id, _)) => report
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

async fn chosen_user(
    session: &mut Session,
    args: &TestConversationsArgs,
) -> anyhow::Result<Option<(u64, String)>> {
    let queries = match &args.user {
        Some(id) if id.parse::<u64>().is_ok() => vec![Query::new(USER_BY_ID).bind(id.as_str())],
        Some(email) => vec![Query::new(USER_BY_EMAIL).bind(email.as_str())],
        None => vec![Query::new(BUSIEST), Query::new(ANY_USER)],
    };
    for query in queries {
        if let Some(row) = session.first::<Row>(query).await? {
            return Ok(Some((
                get(&row, 0).unwrap_or_default(),
                text(&row, 1).unwrap_or_default(),
            )));
        }
    }
    match &args.user {
        Some(wanted) => Err(Failure::usage(
            format!("there is no user {wanted:?}"),
            "give --user the email address or the id of a row in users, or leave it out for the busiest",
        )
        .into()),
        None => Ok(None),
    }
}

async fn list(
    context: &Context,
    session: &mut Session,
    args: &TestConversationsArgs,
    user: Option<u64>,
) -> anyhow::Result<Listings> {
    let mut listings = Listings::default();
    if !args.all_users {
        if let Some(user) = user {
            listings.add(session, user).await?;
        }
        return Ok(listings);
    }
    let sample = match args.sample {
        Some(sample) => Some(ids(session, Query::new(SAMPLE).bind(sample)).await?),
        None => None,
    };
    let total = match &sample {
        Some(sample) => sample.len() as u64,
        None => session
            .first::<Row>(USERS)
            .await?
            .and_then(|row| get(&row, 0))
            .unwrap_or_default(),
    };
    let progress = context.report.progress(Some(total), "users");
    let whole_sample = sample.is_some();
    let mut range = match sample {
        Some(sample) => sample,
        None => ids(session, Query::new(NEXT_USERS).bind(0_u64)).await?,
    };
    while let Some(last) = range.last().copied() {
        for user in range {
            listings.add(session, user).await?;
            progress.inc(1);
        }
        if whole_sample {
            break;
        }
        range = ids(session, Query::new(NEXT_USERS).bind(last)).await?;
    }
    Ok(listings)
}

async fn ids(session: &mut Session, query: Query) -> Result<Vec<u64>, DbError> {
    Ok(session
        .rows::<Row>(query)
        .await?
        .iter()
        .filter_map(|row| get(row, 0))
        .collect())
}

/// The start of the user's list, as the application shows it.
fn show(report: &mut CheckReport, id: u64, email: &str, lines: &[Listed]) {
    report.member("user", json!({"id": id, "email": email}));
    let listed: Vec<_> = lines
        .iter()
        .take(SHOWN)
        .map(|line| {
            json!({
                "id": line.id,
                "title": line.title,
                "last_message": line.last_message,
                "last_message_at": line.last_at,
                "unread": line.unread,
                "participants": line.participants,
            })
        })
        .collect();
    report.member("listing", listed);
    report
        .details
        .push(Detail::Heading(format!("Conversations of {email} (user {id})")));
    if lines.is_empty() {
        report.details.push(Detail::Line("none".into()));
        return;
    }
    let mut table = Table::new(["id", "title", "last message", "at", "unread", "participants"])
        .right(&[0, 4, 5])
        .indent(2);
    for line in lines.iter().take(SHOWN) {
        let message: String = line
            .last_message
            .as_deref()
            .unwrap_or("-")
            .chars()
            .take(40)
            .collect();
        table.row([
            line.id.to_string(),
            line.title.clone().unwrap_or_else(|| "-".into()),
            message,
            line.last_at.clone().unwrap_or_else(|| "-".into()),
            line.unread.to_string(),
            line.participants.to_string(),
        ]);
    }
    report.details.push(Detail::Table(table));
    if lines.len() > SHOWN {
        report.details.push(Detail::Line(format!("… the first {SHOWN}")));
    }
}
