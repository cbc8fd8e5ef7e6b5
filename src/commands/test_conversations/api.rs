//! The same expectations over HTTP, against the running application.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::listing::{Listed, speed};
use crate::commands::verdict::Offenders;
use crate::context::Context;
use crate::db::{DbError, Session};
use crate::exit::Failure;
use crate::report::{Check, CheckStatus, duration, visible};
use crate::secret::Secret;

const GROUP: &str = "API";

/// Statements the whole server has run so far.
const STATEMENTS: &str = "SHOW GLOBAL STATUS LIKE 'Questions'";

/// A list larger than this is not one an application sends.
const LARGEST_ANSWER: u64 = 4 << 20;

const PATIENCE: Duration = Duration::from_secs(30);

/// Fewer conversations say nothing about statements per conversation.
const ENOUGH: usize = 5;

/// Where the application is, and who asks.
#[derive(Debug, Clone)]
pub(super) struct Api {
    url: String,
    token: Option<Secret>,
}

/// What the application answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: String,
    took: Duration,
}

/// A conversation as the application shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Shown {
    id: u64,
    title: Option<String>,
    last_message: Option<String>,
    unread: Option<u64>,
}

impl Api {
    /// Checks the URL and takes the token out of the environment.
    pub fn new(url: &str, token_env: Option<&str>) -> Result<Api, Failure> {
        let parsed = url::Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        if parsed.is_none_or(|url| url.host_str().is_none()) {
            return Err(Failure::usage(
                format!("--api-url is {url:?}, which is no HTTP address"),
                "write it as http://127.0.0.1:3000/api",
            ));
        }
        let token = match token_env {
            None => None,
            Some(name) => Some(
                std::env::var(name)
                    .ok()
                    .filter(|token| !token.is_empty())
                    .map(Secret::new)
                    .ok_or_else(|| {
                        Failure::usage(
                            format!("--token-env names {name}, which is not set or empty"),
                            format!("set {name} to the user's bearer token"),
                        )
                    })?,
            ),
        };
        let url = url.trim_end_matches('/');
        let url = if url.ends_with("/conversations") {
            url.to_string()
        } else {
            format!("{url}/conversations")
        };
        Ok(Api { url, token })
    }

    /// Asks on a thread of its own, so that a cancelled run need not wait for the answer.
    async fn ask(&self, context: &Context, token: Option<Secret>) -> anyhow::Result<Result<Answer, String>> {
        let url = self.url.clone();
        let (sender, answer) = tokio::sync::oneshot::channel();
        std::thread::Builder::new().name("http".into()).spawn(move || {
            let _ = sender.send(get(&url, token.as_ref()));
        })?;
        Ok(context.cancel.or(answer).await??)
    }
}

fn get(url: &str, token: Option<&Secret>) -> Result<Answer, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("dbtool/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut request = agent.get(url).header("Accept", "application/json");
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {}", token.reveal()));
    }
    let started = Instant::now();
    let mut response = request.call().map_err(|error| error.to_string())?;
    let body = response
        .body_mut()
        .with_config()
        .limit(LARGEST_ANSWER)
        .read_to_string();
    Ok(Answer {
        status: response.status().as_u16(),
        body: body.map_err(|error| error.to_string())?,
        took: started.elapsed(),
    })
}

/// Compares the application's list with the database's, asked before and after it.
pub(super) async fn run(
    context: &Context,
    session: &mut Session,
    api: &Api,
    expected: &[Listed],
    slow: Option<Duration>,
) -> anyhow::Result<Vec<Check>> {
    let mut checks = Vec::new();
    let before = statements(session).await?;
    let answer = api.ask(context, api.token.clone()).await?;
    let after = statements(session).await?;
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => {
            checks.push(
                Check::new(GROUP, "the application answers", CheckStatus::Failed)
                    .message(format!("GET {}: {}", api.url, visible(&reason)))
                    .detail("next: start the application, or correct --api-url"),
            );
            return Ok(checks);
        }
    };
    checks.push(speed(
        GROUP,
        "the application answers fast",
        &api.url,
        answer.took,
        slow,
        &[],
    ));
    let shown = match understand(&answer) {
        Ok(shown) => shown,
        Err(reason) => {
            checks.push(
                Check::new(GROUP, "the application lists conversations", CheckStatus::Failed).message(reason),
            );
            return Ok(checks);
        }
    };
    checks.extend(compare(expected, &shown));
    checks.push(chattiness(api, context, session, (before, after), shown.len()).await?);
    if api.token.is_some() {
        checks.push(stranger(api.ask(context, None).await?));
    }
    Ok(checks)
}

async fn statements(session: &mut Session) -> Result<u64, DbError> {
    let row = session.first::<(String, String)>(STATEMENTS).await?;
    Ok(row
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or_default())
}

/// Whether the application runs a statement for each conversation. Others use the server too, so
/// the smaller of two counts is taken, and it is a hint, not a failure.
async fn chattiness(
    api: &Api,
    context: &Context,
    session: &mut Session,
    (before, after): (u64, u64),
    listed: usize,
) -> anyhow::Result<Check> {
    const NAME: &str = "one list is a handful of statements";
    if listed < ENOUGH {
        let reason = format!("{listed} conversations are too few to tell");
        return Ok(Check::new(GROUP, NAME, CheckStatus::Skipped).message(reason));
    }
    let again = statements(session).await?;
    let _ = api.ask(context, api.token.clone()).await?;
    let last = statements(session).await?;
    // Counting is itself one statement.
    let ran = after
        .saturating_sub(before)
        .min(last.saturating_sub(again))
        .saturating_sub(1);
    let message =
        format!("the server ran {ran} statements while the application listed {listed} conversations");
    Ok(if ran as usize >= listed {
        Check::new(GROUP, NAME, CheckStatus::Warned)
            .message(message)
            .detail("an N+1 if nobody else was at work: fetch titles, last messages and counts with the list")
    } else {
        Check::new(GROUP, NAME, CheckStatus::Passed).message(message)
    })
}

fn stranger(answer: Result<Answer, String>) -> Check {
    const NAME: &str = "without a token the list is refused";
    match answer {
        Ok(answer) if matches!(answer.status, 401 | 403) => {
            Check::new(GROUP, NAME, CheckStatus::Passed).took(answer.took)
        }
        Ok(answer) => Check::new(GROUP, NAME, CheckStatus::Failed)
            .message(format!("answered {} instead of 401 or 403", answer.status))
            .took(answer.took),
        Err(reason) => Check::new(GROUP, NAME, CheckStatus::Skipped).message(visible(&reason)),
    }
}

/// The conversations in an answer: an array, or an object that holds one as `conversations`, `data` or `items`.
fn understand(answer: &Answer) -> Result<Vec<Shown>, String> {
    if !(200..300).contains(&answer.status) {
        let start: String = visible(&answer.body).chars().take(120).collect();
        return Err(format!(
            "answered {} after {}: {start}",
            answer.status,
            duration(answer.took)
        ));
    }
    let value: Value =
        serde_json::from_str(&answer.body).map_err(|error| format!("the answer is no JSON: {error}"))?;
    let list = match &value {
        Value::Array(list) => Some(list),
        Value::Object(members) => {
            ["conversations", "data", "items"]
                .iter()
                .find_map(|name| match members.get(*name)? {
                    Value::Array(list) => Some(list),
                    Value::Object(inner) => inner.get("conversations")?.as_array(),
                    _ => None,
                })
        }
        _ => None,
    };
    let list = list
        .ok_or("the answer holds no list of conversations (an array, or `conversations`, `data`, `items`)")?;
    list.iter()
        .map(|item| shown(item).ok_or_else(|| "a conversation in the answer has no numeric `id`".to_string()))
        .collect()
}

fn shown(item: &Value) -> Option<Shown> {
    let member = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| item.get(*name))
            .filter(|value| !value.is_null())
    };
    let last = member(&["lastMessage", "last_message"]);
    Some(Shown {
        id: number(member(&["id", "conversationId", "conversation_id"])?)?,
        title: member(&["title", "propertyTitle", "property_title"])
            .and_then(Value::as_str)
            .map(str::to_string),
        last_message: last
            .and_then(|last| {
                last.as_str().or_else(|| {
                    ["message", "text", "content", "body"]
                        .iter()
                        .find_map(|name| last.get(*name)?.as_str())
                })
            })
            .map(str::to_string),
        unread: member(&["unreadCount", "unread_count", "unread"]).and_then(number),
    })
}

/// A number, also one that is sent as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn compare(expected: &[Listed], shown: &[Shown]) -> Vec<Check> {
    let (mut missing, mut extra, mut titles, mut messages, mut unread) = (
        Offenders::default(),
        Offenders::default(),
        Offenders::default(),
        Offenders::default(),
        Offenders::default(),
    );
    // The application may page its list: only what it shows is judged, and only from its start.
    let within = &expected[..expected.len().min(shown.len().max(1))];
    for line in within {
        let Some(answer) = shown.iter().find(|answer| answer.id == line.id) else {
            missing.add(|| format!("conversation {}", line.id));
            continue;
        };
        if answer.title.is_some() && answer.title != line.title {
            titles.add(|| {
                format!(
                    "conversation {}: {:?}, expected {:?}",
                    line.id, answer.title, line.title
                )
            });
        }
        if !same_message(line, answer) {
            messages.add(|| {
                format!(
                    "conversation {}: {:?}, expected {:?}",
                    line.id, answer.last_message, line.last_message
                )
            });
        }
        if answer.unread.is_some_and(|unread| unread != line.unread) {
            unread.add(|| {
                format!(
                    "conversation {}: {:?}, expected {}",
                    line.id, answer.unread, line.unread
                )
            });
        }
    }
    if expected.len() < super::listing::KEPT {
        for answer in shown
            .iter()
            .filter(|answer| !expected.iter().any(|line| line.id == answer.id))
        {
            extra.add(|| format!("conversation {}", answer.id));
        }
    }
    let order: Vec<u64> = shown.iter().map(|answer| answer.id).collect();
    let wanted: Vec<u64> = expected
        .iter()
        .map(|line| line.id)
        .filter(|id| order.contains(id))
        .collect();
    let known: Vec<u64> = order.iter().copied().filter(|id| wanted.contains(id)).collect();
    let good = format!("{} conversations", shown.len());
    let order = if wanted == known {
        Check::new(GROUP, "the newest comes first", CheckStatus::Passed)
    } else {
        Check::new(GROUP, "the newest comes first", CheckStatus::Failed)
            .message("the order differs from the database's")
    };
    vec![
        missing.check(GROUP, "every conversation is listed", &good, "missing"),
        extra.check(
            GROUP,
            "no conversation is listed that should not be",
            "",
            "archived, deleted or another user's",
        ),
        order,
        titles.check(GROUP, "titles are right", "", "differ"),
        messages.check(GROUP, "last messages are right", "", "differ"),
        unread.check(GROUP, "unread counts are right", "", "differ"),
    ]
}

/// The database's text is cut at 200 characters, the application's perhaps sooner.
fn same_message(line: &Listed, answer: &Shown) -> bool {
    match (&line.last_message, &answer.last_message) {
        (Some(expected), Some(shown)) => {
            let shown = shown.trim_end_matches(['…', '.']);
            let length = shown.chars().count().min(expected.chars().count());
            expected.chars().take(length).eq(shown.chars().take(length))
                && (length > 0 || expected.is_empty())
        }
        (None, Some(shown)) => shown.is_empty(),
        (_, None) => line.last_message.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.into(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn answers_of_several_shapes() {
        let expected = Shown {
            id: 7,
            title: Some("Cabin".into()),
            last_message: Some("hi".into()),
            unread: Some(2),
        };
        for body in [
            r#"[{"id": 7, "title": "Cabin", "lastMessage": "hi", "unreadCount": 2}]"#,
            r#"{"conversations": [{"id": "7", "property_title": "Cabin", "last_message": {"message": "hi"}, "unread_count": "2"}]}"#,
            r#"{"success": true, "data": {"conversations": [{"conversationId": 7, "title": "Cabin", "lastMessage": {"content": "hi"}, "unread": 2}]}}"#,
        ] {
            assert_eq!(
                understand(&answer(200, body)),
                Ok(vec![expected.clone()]),
                "{body}"
            );
        }
        for (status, body, reason) in [
            (500, "oh\u{1b}[31m no", "answered 500"),
            (200, "<html>", "no JSON"),
            (200, "{}", "no list"),
            (200, "[{}]", "no numeric `id`"),
        ] {
            let error = understand(&answer(status, body)).expect_err("not understood");
            assert!(error.contains(reason) && !error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn differences_are_found() {
        let line = |id: u64, unread| Listed {
            id,
            title: Some(format!("T{id}")),
            last_message: Some("hello there".into()),
            unread,
            ..Listed::default()
        };
        let same = |id: u64, unread| Shown {
            id,
            title: Some(format!("T{id}")),
            last_message: Some("hello…".into()),
            unread: Some(unread),
        };
        let failed = |expected: &[Listed], shown: &[Shown]| {
            compare(expected, shown)
                .into_iter()
                .filter(|check| check.status == CheckStatus::Failed)
                .map(|check| check.name)
                .collect::<Vec<_>>()
        };
        let expected = [line(2, 0), line(1, 3)];
        assert!(failed(&expected, &[same(2, 0), same(1, 3)]).is_empty());
        assert!(failed(&expected, &[same(2, 0)]).is_empty(), "a page of the list");
        assert_eq!(
            failed(&expected, &[same(1, 3), same(2, 0)]),
            ["the newest comes first"]
        );
        assert_eq!(
            failed(&expected, &[same(2, 1), same(1, 3)]),
            ["unread counts are right"]
        );
        assert_eq!(failed(&expected, &[]), ["every conversation is listed"]);
        assert_eq!(
            failed(&expected, &[same(2, 0), same(9, 0)]),
            [
                "every conversation is listed",
                "no conversation is listed that should not be"
            ]
        );
        let wrong = Shown {
            last_message: Some("bye".into()),
            title: Some("X".into()),
            ..same(2, 0)
        };
        assert_eq!(
            failed(&expected, &[wrong, same(1, 3)]),
            ["titles are right", "last messages are right"]
        );
    }

    #[test]
    fn addresses() {
        for (url, path) in [
            (
                "http://127.0.0.1:3000/api/",
                Some("http://127.0.0.1:3000/api/conversations"),
            ),
            ("http://h/api/conversations", Some("http://h/api/conversations")),
            ("ftp://h", None),
            ("nonsense", None),
        ] {
            assert_eq!(
                Api::new(url, None).ok().map(|api| api.url).as_deref(),
                path,
                "{url}"
            );
        }
        let failure = Api::new("http://h", Some("DBTOOL_NO_SUCH_TOKEN")).expect_err("not set");
        assert!(failure.what.contains("DBTOOL_NO_SUCH_TOKEN"), "{failure}");
    }
}
