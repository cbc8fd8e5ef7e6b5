//! The same expectations over HTTP, against the running application.
//!
//! No connection to the database is held while the application is asked: it may need the last one
//! itself. What is expected is read before the application's list and, where something differs,
//! again after it, so that a message that arrives meanwhile is no fault of the application.

mod address;
mod client;
mod compare;
mod names;
mod pages;
mod understand;

use std::collections::HashSet;
use std::time::Duration;

use url::Url;

use super::listing::{self, Listed, speed};
use crate::answer_map::Mapping;
use crate::context::Context;
use crate::db::{DbError, Session};
use crate::exit::Failure;
use crate::report::{Check, CheckStatus, visible};
use address::Address;
use client::{Answer, Client, Silence};
use compare::{Expected, Gathered, compare};
use names::Mappings;
use pages::{Next, following};
use understand::Misfit;

const GROUP: &str = "API";

/// Statements the whole server has run so far.
const STATEMENTS: &str = "SHOW GLOBAL STATUS LIKE 'Questions'";

/// Fewer conversations say nothing about statements per conversation.
const ENOUGH: usize = 5;

/// Pages of one list that are read.
const PAGES: usize = 50;

/// How often both lists are read before a difference counts, and the pauses between.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// Where the application is, who asks, and how its answers are read.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    address: Address,
    client: Client,
    mappings: Mappings,
}

/// The reason why the application's list could not be read.
enum ListFailure {
    Silent(Silence),
    Misfit(Misfit),
}

/// The application's list and how it was got.
struct Fetched {
    gathered: Gathered,
    /// The slowest answer.
    took: Duration,
}

/// How to reach the application, and where the parts of its answer are.
#[derive(Debug, Clone)]
pub(crate) struct ApiOptions {
    /// The URL of the list.
    pub url: String,
    /// The environment variable that has the token.
    pub token_env: Option<String>,
    /// Paths of parts of the answer.
    pub mappings: Vec<Mapping>,
    /// Time limit of one request.
    pub timeout: std::time::Duration,
    /// A file with the certificates of authorities.
    pub ca: Option<std::path::PathBuf>,
}

impl Api {
    /// Checks the options.
    ///
    /// # Errors
    /// A bad address, an unset variable, a file without certificates. None of it shows a secret.
    pub fn new(options: ApiOptions) -> Result<Api, Failure> {
        Ok(Api {
            address: Address::new(&options.url, options.token_env.as_deref())?,
            client: Client::new(options.timeout, options.ca.as_deref())?,
            mappings: Mappings(options.mappings),
        })
    }

    async fn ask(&self, context: &Context, url: &Url) -> anyhow::Result<Result<Answer, Silence>> {
        self.client
            .get(context, url, self.address.authorization.clone())
            .await
    }

    /// Reads the list, page after page, until it ends or has all that is `wanted`.
    async fn fetch(&self, context: &Context, wanted: usize) -> anyhow::Result<Result<Fetched, ListFailure>> {
        let mut fetched = Fetched {
            gathered: Gathered::default(),
            took: Duration::ZERO,
        };
        let gathered = &mut fetched.gathered;
        let mut known = HashSet::new();
        let mut url = self.address.url.clone();
        loop {
            let answer = match self.ask(context, &url).await? {
                Ok(answer) => answer,
                Err(silence) => return Ok(Err(ListFailure::Silent(silence))),
            };
            fetched.took = fetched.took.max(answer.took);
            let page = match understand::read(&answer, &self.mappings) {
                Ok(page) => page,
                Err(mut misfit) => {
                    if gathered.pages > 0 {
                        misfit.what = format!("page {}: {}", gathered.pages + 1, misfit.what);
                    }
                    return Ok(Err(ListFailure::Misfit(misfit)));
                }
            };
            let length = page.shown.len();
            let new = page.shown.iter().filter(|line| known.insert(line.id)).count();
            if gathered.pages == 0 {
                gathered.members = page.members;
            }
            // A page that repeats what is known already leads nowhere, and is none of the list.
            if gathered.pages > 0 && new == 0 {
                if length > 0 {
                    gathered.unread_pages =
                        Some("the next page has the same conversations as the ones before".into());
                }
                return Ok(Ok(fetched));
            }
            gathered.pages += 1;
            gathered.shown.extend(page.shown);
            let so_far = (length, gathered.shown.len());
            match following(&answer, &page.value, &url, so_far, &self.mappings) {
                Next::End => return Ok(Ok(fetched)),
                Next::Unknown(said) => {
                    gathered.unread_pages = Some(format!(
                        "the answer says that there is more ({said}), but not where"
                    ));
                    return Ok(Ok(fetched));
                }
                Next::At(_) if known.len() >= wanted => return Ok(Ok(fetched)),
                Next::At(_) if gathered.pages >= PAGES => {
                    gathered.unread_pages = Some(format!("only the first {PAGES} pages are read"));
                    return Ok(Ok(fetched));
                }
                Next::At(next) => url = next,
            }
        }
    }
}

/// Compares the application's list with the database's.
///
/// # Errors
/// The database cannot be read, or the run is cancelled.
pub(crate) async fn run(
    context: &Context,
    api: &Api,
    user: u64,
    slow: Option<Duration>,
) -> anyhow::Result<Vec<Check>> {
    let mut checks = checks(context, api, user, slow).await?;
    // Whatever the application answered with: here is where it leaves.
    for check in &mut checks {
        check.message = api.address.hide(&check.message);
        for detail in &mut check.details {
            *detail = api.address.hide(detail);
        }
    }
    Ok(checks)
}

async fn checks(
    context: &Context,
    api: &Api,
    user: u64,
    slow: Option<Duration>,
) -> anyhow::Result<Vec<Check>> {
    const FAST: &str = "the application answers fast";
    let mut pauses = PAUSES.iter();
    let (compared, fetched) = loop {
        let (before, whole) = expected(context, user).await?;
        // Where more than is kept is expected, only the first ones are compared.
        let wanted = if whole { usize::MAX } else { before.len() };
        let fetched = match api.fetch(context, wanted).await? {
            Ok(fetched) => fetched,
            Err(unread) => {
                let skipped = Check::new(GROUP, FAST, CheckStatus::Skipped)
                    .message("it gave no answer that could be used");
                return Ok(vec![unusable(api, unread), skipped]);
            }
        };
        let mut expected_lists = Expected {
            after: before.clone(),
            before,
            whole,
        };
        let mut compared = compare(&expected_lists, &fetched.gathered);
        if !any_failed(&compared) {
            break (compared, fetched);
        }
        let (after, still_whole) = expected(context, user).await?;
        expected_lists.after = after;
        expected_lists.whole &= still_whole;
        compared = compare(&expected_lists, &fetched.gathered);
        match pauses.next() {
            Some(pause) if any_failed(&compared) => context.cancel.sleep(*pause).await?,
            _ => break (compared, fetched),
        }
    };
    let listed = fetched.gathered.shown.len();
    let mut checks = vec![speed(GROUP, FAST, &api.address.shown(), fetched.took, slow, &[])];
    checks.extend(compared);
    checks.push(chattiness(api, context, listed).await?);
    if api.address.has_token {
        checks.push(stranger(api, context).await?);
    }
    Ok(checks)
}

fn any_failed(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.status == CheckStatus::Failed)
}

/// The start of the user's list as it is now, and whether that is all of it. The connection is
/// closed again before this returns.
async fn expected(context: &Context, user: u64) -> Result<(Vec<Listed>, bool), DbError> {
    let mut session = context.db.session().await?;
    let list = listing::head(&mut session, user).await;
    close(context, session).await;
    list
}

/// Gives a connection back and waits until its slot is free.
async fn close(context: &Context, session: Session) {
    drop(session);
    context.db.close().await;
}

fn unusable(api: &Api, failure: ListFailure) -> Check {
    let (name, what, next) = match failure {
        ListFailure::Silent(silence) => ("the application answers", silence.what, silence.next),
        ListFailure::Misfit(misfit) => ("the application lists conversations", misfit.what, misfit.next),
    };
    Check::new(GROUP, name, CheckStatus::Failed)
        .message(format!("GET {}: {}", api.address.shown(), visible(&what)))
        .detail(format!("next: {next}"))
}

async fn statements(context: &Context) -> Result<u64, DbError> {
    let mut session = context.db.session().await?;
    let row = session.first::<(String, String)>(STATEMENTS).await;
    close(context, session).await;
    Ok(row?
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or_default())
}

/// Whether the application runs a statement for each conversation. Others use the server too, so
/// the smaller of two counts is taken, and it is a hint, not a failure.
async fn chattiness(api: &Api, context: &Context, listed: usize) -> anyhow::Result<Check> {
    const NAME: &str = "one list is a handful of statements";
    let skipped = |reason: String| Check::new(GROUP, NAME, CheckStatus::Skipped).message(reason);
    if listed < ENOUGH {
        return Ok(skipped(format!("{listed} conversations are too few to tell")));
    }
    // Counting takes a few statements itself, of connecting and asking.
    let first = statements(context).await?;
    let second = statements(context).await?;
    let own = second.saturating_sub(first);
    let mut fewest = u64::MAX;
    let mut at = second;
    for _ in 0..2 {
        if let Err(silence) = api.ask(context, &api.address.url).await? {
            return Ok(skipped(visible(&silence.what)));
        }
        let now = statements(context).await?;
        fewest = fewest.min(now.saturating_sub(at).saturating_sub(own));
        at = now;
    }
    let message =
        format!("the server ran {fewest} statements while the application listed {listed} conversations");
    Ok(if fewest >= listed as u64 {
        Check::new(GROUP, NAME, CheckStatus::Warned)
            .message(message)
            .detail("an N+1 if nobody else was at work: fetch titles, last messages and counts with the list")
    } else {
        Check::new(GROUP, NAME, CheckStatus::Passed).message(message)
    })
}

/// Whether the list is refused to who has no token.
async fn stranger(api: &Api, context: &Context) -> anyhow::Result<Check> {
    const NAME: &str = "without a token the list is refused";
    Ok(match api.client.get(context, &api.address.url, None).await? {
        Ok(answer) if matches!(answer.status, 401 | 403) => {
            Check::new(GROUP, NAME, CheckStatus::Passed).took(answer.took)
        }
        Ok(answer) if matches!(answer.status, 302 | 303 | 307) => {
            Check::new(GROUP, NAME, CheckStatus::Passed)
                .message(format!("answered {}, which leads elsewhere", answer.status))
                .took(answer.took)
        }
        Ok(answer) => Check::new(GROUP, NAME, CheckStatus::Failed)
            .message(format!("answered {} instead of 401 or 403", answer.status))
            .detail("next: have the application ask for a token before it lists anybody's conversations")
            .took(answer.took),
        Err(silence) => Check::new(GROUP, NAME, CheckStatus::Skipped).message(visible(&silence.what)),
    })
}
