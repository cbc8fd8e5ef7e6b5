//! Reads an answer: which list of conversations it holds, and what it says about each.

use std::collections::VecDeque;

use serde_json::Value;

use super::client::Answer;
use super::names::{
    AnswerPart, HOLDERS, IDS, LAST_MESSAGES, LISTS, Mappings, PERHAPS_TITLES, TEXTS, TITLES, UNREADS,
    WRAPPERS, at, mapped, member, plain,
};
use crate::report::visible;

/// How deep in an answer its list may be.
const DEEPEST: usize = 4;

/// How many characters of an unfit value or answer are shown.
const SHOWN: usize = 120;

/// What an answer says about one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Said<T> {
    /// Nothing: no member of a known name.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// This.
    Is(T),
    /// Something that cannot be it.
    Odd(String),
}

/// A conversation as the application shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    pub id: u64,
    pub title: Said<String>,
    /// The title's name, where it may be something else.
    pub perhaps_title: Option<String>,
    pub last_message: Said<String>,
    pub unread: Said<Unread>,
}

/// The answer about unread messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    Count(u64),
    /// Only whether there are any.
    Any(bool),
}

/// A page of the list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub value: Value,
    pub shown: Vec<Shown>,
    /// The members of the first conversation, for advice.
    pub members: String,
}

/// Why an answer is no list, and what to do about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub what: String,
    pub next: String,
}

/// The conversations in an answer.
///
/// # Errors
/// The status says no, the body is no JSON, or it holds no list of conversations.
pub(crate) fn read(answer: &Answer, mappings: &Mappings) -> Result<Page, Misfit> {
    if !(200..300).contains(&answer.status) {
        return Err(refused(answer));
    }
    let value: Value = serde_json::from_str(&answer.body).map_err(|error| no_json(answer, &error))?;
    let list = list(&value, mappings).ok_or_else(|| Misfit {
        what: format!(
            "the answer holds no list of conversations: {}",
            start(&answer.body)
        ),
        next: "see whether --api-url leads to the list; --api-map list=PATH says where in the answer it is"
            .into(),
    })?;
    let mut shown = Vec::with_capacity(list.len());
    for item in list {
        shown.push(conversation(item, mappings).ok_or_else(|| Misfit {
            what: format!(
                "a conversation in the answer has no numeric `id`: {}",
                start(&item.to_string())
            ),
            next: "--api-map id=PATH says which member is the id in the table conversations".into(),
        })?);
    }
    let members = list.first().map(members).unwrap_or_default();
    Ok(Page {
        shown,
        members,
        value,
    })
}

fn refused(answer: &Answer) -> Misfit {
    let next = match answer.status {
        300..=399 => {
            "use the address it leads to as --api-url, or give a token with --token-env if it is a log-in page"
        }
        401 | 403 => {
            "give the token of a user who may list these conversations with --token-env; it may have expired"
        }
        404 | 405 | 410 => {
            "correct --api-url: it is the address above /conversations, such as http://127.0.0.1:3000/api"
        }
        429 => "wait until the application's limit on requests lets you in again",
        500..=599 => "see the application's log",
        _ => "see what the application expects of this request",
    };
    let leads = match answer.location.as_str() {
        "" => String::new(),
        location => format!(" to {}", located(location)),
    };
    let body = match start(&answer.body) {
        body if body.is_empty() => String::new(),
        body => format!(": {body}"),
    };
    Misfit {
        what: format!(
            "answered {}{leads} after {}{body}",
            answer.status,
            crate::report::duration(answer.took)
        ),
        next: next.into(),
    }
}

/// Where a redirect leads, without the values of its query.
fn located(location: &str) -> String {
    match url::Url::parse(location) {
        Ok(url) => super::address::shown(&url),
        Err(_) => {
            let path = location.split(['?', '#']).next().unwrap_or_default();
            visible(path).chars().take(SHOWN).collect()
        }
    }
}

fn no_json(answer: &Answer, error: &serde_json::Error) -> Misfit {
    let kind = match answer.content_type.split(';').next().unwrap_or_default().trim() {
        "" => "without a content type".to_owned(),
        kind => format!("of type {}", start(kind)),
    };
    let body = answer.body.trim_start();
    if body.is_empty() {
        return Misfit {
            what: format!("the answer ({}) is empty, {kind}", answer.status),
            next: "see whether --api-url leads to the list, and the application's log".into(),
        };
    }
    let html = body.starts_with('<');
    Misfit {
        what: format!(
            "the answer is no JSON but {}{kind}: {}",
            if html { "HTML, " } else { "" },
            start(body)
        ),
        next: if html {
            "correct --api-url: this is a page for people (perhaps a log-in), not the application's API"
                .into()
        } else {
            format!("see the application's log ({error})")
        },
    }
}

/// The beginning of a text from outside, fit to be shown.
fn start(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(SHOWN).collect();
    let words = visible(&words.join(" "));
    match words.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// The list: where `--api-map` says, the answer itself, or what has the name of one, from outside in.
fn list<'v>(value: &'v Value, mappings: &Mappings) -> Option<&'v Vec<Value>> {
    if let Some(path) = mappings.path(AnswerPart::List) {
        return mapped(value, path)?.as_array();
    }
    let fits = |list: &&Vec<Value>| list.iter().all(Value::is_object);
    let mut waiting = VecDeque::from([(value, 0)]);
    while let Some((value, depth)) = waiting.pop_front() {
        if let Some(list) = value.as_array().filter(fits) {
            return Some(list);
        }
        let Some(object) = value.as_object() else { continue };
        let named = LISTS
            .iter()
            .filter_map(|name| member(object, name)?.1.as_array())
            .find(fits);
        if named.is_some() {
            return named;
        }
        if depth < DEEPEST {
            let inner = HOLDERS.iter().filter_map(|name| member(object, name));
            waiting.extend(inner.map(|(_, value)| (value, depth + 1)));
        }
    }
    // One list of objects under a name nobody foresaw.
    let object = value.as_object()?;
    let mut lists = object
        .values()
        .filter_map(Value::as_array)
        .filter(|list| !list.is_empty())
        .filter(fits);
    lists.next().filter(|_| lists.next().is_none())
}

fn conversation(item: &Value, mappings: &Mappings) -> Option<Shown> {
    let wrapped = WRAPPERS
        .iter()
        .find_map(|name| at(item, name).filter(|value| value.is_object()));
    let sides = [Some(item), wrapped];
    let find = |part: AnswerPart, names: &[&str]| -> Option<&Value> {
        if let Some(path) = mappings.path(part) {
            return mapped(item, path);
        }
        let mut found = sides
            .iter()
            .flatten()
            .flat_map(|side| names.iter().filter_map(|name| at(side, name)));
        let first = found.next()?;
        // A null is taken only if no other name has a value.
        if first.is_null() {
            found.find(|value| !value.is_null()).or(Some(first))
        } else {
            Some(first)
        }
    };
    let id = sides
        .iter()
        .flatten()
        .find_map(|side| match mappings.path(AnswerPart::Id) {
            Some(path) => number(mapped(side, path)?),
            None => IDS.iter().find_map(|name| number(at(side, name)?)),
        })?;
    let mut title = text(
        find(AnswerPart::Title, &TITLES),
        &["text", "title", "name", "rendered"],
    );
    let mut perhaps_title = None;
    if matches!(title, Said::Absent | Said::Null) && mappings.path(AnswerPart::Title).is_none() {
        let perhaps = PERHAPS_TITLES
            .iter()
            .find_map(|name| Some((name, at(item, name)?.as_str()?)));
        if let Some((name, found)) = perhaps {
            title = Said::Is(found.to_owned());
            perhaps_title = Some((*name).to_owned());
        }
    }
    Some(Shown {
        id,
        title,
        perhaps_title,
        last_message: text(find(AnswerPart::LastMessage, &LAST_MESSAGES), &TEXTS),
        unread: unread(find(AnswerPart::Unread, &UNREADS)),
    })
}

/// A text, or the text in an object (or in the only object of a list).
fn text(value: Option<&Value>, inner: &[&str]) -> Said<String> {
    match value {
        None => Said::Absent,
        Some(Value::Null) => Said::Null,
        Some(Value::String(text)) => Said::Is(text.clone()),
        Some(Value::Array(list)) if list.len() == 1 && list[0].is_object() => text(list.first(), inner),
        Some(Value::Array(list)) if list.is_empty() => Said::Null,
        Some(object @ Value::Object(_)) => {
            let found = inner
                .iter()
                .find_map(|name| at(object, name).filter(|value| !value.is_object()));
            match found {
                None => Said::Odd(start(&object.to_string())),
                found => text(found, &[]),
            }
        }
        Some(other) => Said::Odd(start(&other.to_string())),
    }
}

fn unread(value: Option<&Value>) -> Said<Unread> {
    match value {
        None => Said::Absent,
        Some(Value::Null) => Said::Null,
        Some(Value::Bool(any)) => Said::Is(Unread::Any(*any)),
        Some(object @ Value::Object(_)) => match ["count", "unread", "total"]
            .iter()
            .find_map(|name| at(object, name))
        {
            Some(inner) if !inner.is_object() => unread(Some(inner)),
            _ => Said::Odd(start(&object.to_string())),
        },
        Some(value) => match number(value) {
            Some(count) => Said::Is(Unread::Count(count)),
            None => Said::Odd(start(&value.to_string())),
        },
    }
}

/// A whole number, also one that is sent as text or with a fraction of nothing.
pub(crate) fn number(value: &Value) -> Option<u64> {
    let whole =
        |number: f64| (number >= 0.0 && number.fract() == 0.0 && number < 9e15).then_some(number as u64);
    value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok())
        .or_else(|| whole(value.as_f64()?))
}

/// The names of an object's members.
fn members(item: &Value) -> String {
    let Some(object) = item.as_object() else {
        return String::new();
    };
    let names: Vec<String> = object
        .keys()
        .filter(|name| !plain(name).is_empty())
        .take(12)
        .map(|name| start(name))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
