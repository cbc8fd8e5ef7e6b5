//! Where the rest of a list is.

use serde_json::{Map, Value};
use url::Url;

use super::client::Answer;
use super::names::{AnswerPart, HOLDERS, Mappings, mapped, member, plain};
use super::understand::number;

/// How deep in an answer its links to pages may be.
const DEEPEST: usize = 3;

/// What comes after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing, as far as the answer tells.
    End,
    /// A page at this address.
    At(Url),
    /// More, but how to get it is not said; what says so.
    Unknown(String),
}

/// What an answer tells about pages: its members, by the holder they are in.
struct Told<'v>(Vec<(String, &'v Map<String, Value>)>);

impl<'v> Told<'v> {
    fn of(value: &'v Value) -> Told<'v> {
        let mut told = Vec::new();
        let mut waiting = vec![(String::new(), value, 0)];
        while let Some((name, value, depth)) = waiting.pop() {
            let Some(object) = value.as_object() else { continue };
            if depth < DEEPEST {
                for (key, value) in object {
                    let key = plain(key);
                    if HOLDERS.contains(&key.as_str()) {
                        waiting.push((key, value, depth + 1));
                    }
                }
            }
            told.push((name, object));
        }
        Told(told)
    }

    /// The first value of one of these names that is not null, with its name as written.
    fn find(&self, names: &[&str]) -> Option<(&'v str, &'v Value)> {
        names.iter().find_map(|name| {
            self.0
                .iter()
                .filter_map(|(_, object)| member(object, name))
                .find(|(_, value)| {
                    !value.is_null() && !value.is_object() && !value.is_array() || name == &"next"
                })
                .filter(|(_, value)| !value.is_null())
        })
    }

    fn number(&self, names: &[&str]) -> Option<u64> {
        names.iter().find_map(|name| {
            self.0
                .iter()
                .find_map(|(_, object)| number(member(object, name)?.1))
        })
    }

    fn says(&self, names: &[&str]) -> Option<&'v str> {
        let (name, value) = self.find(names)?;
        (value.as_bool() == Some(true) || number(value).is_some_and(|number| number > 0)).then_some(name)
    }
}

/// Where the page after this one is. `here` is this page's address, `length` the conversations on
/// it, `gathered` those of all pages so far. Always an address of the same host: the token goes nowhere else.
pub(crate) fn following(
    answer: &Answer,
    value: &Value,
    here: &Url,
    (length, gathered): (usize, usize),
    mappings: &Mappings,
) -> Next {
    let param = mappings.path(AnswerPart::NextParam);
    if let Some(path) = mappings.path(AnswerPart::Next) {
        return match mapped(value, path) {
            Some(Value::String(text)) if is_address(text) => at(here, text),
            Some(Value::String(text)) if !text.is_empty() => with(here, param.unwrap_or("cursor"), text),
            Some(Value::Number(number)) => with(here, param.unwrap_or("page"), &number.to_string()),
            _ => Next::End,
        };
    }
    if let Some(target) = linked(&answer.link) {
        return at(here, target);
    }
    if !answer.next_page.is_empty() {
        return with(here, param.unwrap_or("page"), &answer.next_page);
    }
    let told = Told::of(value);
    let more = told.says(&[
        "hasmore",
        "hasnext",
        "hasnextpage",
        "hasmorepages",
        "more",
        "morepages",
        "next",
    ]);
    match told.find(&[
        "next",
        "nextpageurl",
        "nexturl",
        "nextlink",
        "nexthref",
        "nextpagelink",
        "nextpage",
    ]) {
        Some((_, Value::String(text))) if is_address(text) => return at(here, text),
        Some((_, Value::Object(link))) => {
            let target = ["href", "url"]
                .iter()
                .find_map(|name| member(link, name)?.1.as_str());
            if let Some(target) = target {
                return at(here, target);
            }
        }
        Some((_, Value::Number(page))) => return with(here, param.unwrap_or("page"), &page.to_string()),
        Some((_, Value::String(text))) if !text.is_empty() => {
            let name = if text.bytes().all(|byte| byte.is_ascii_digit()) {
                "page"
            } else {
                "cursor"
            };
            return with(here, param.unwrap_or(name), text);
        }
        _ => {}
    }
    let cursors = [
        "nextcursor",
        "nextpagecursor",
        "nextpagetoken",
        "nexttoken",
        "nextoffset",
        "nextpagenumber",
        "continuationtoken",
        "endcursor",
    ];
    if let Some((name, value)) = told.find(&cursors) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // A cursor's end is told beside it.
        let ended = plain(name) == "endcursor" && more.is_none();
        if !text.is_empty() && text != "false" && !ended {
            return with(here, param.unwrap_or(&cursor_parameter(name)), &text);
        }
    }
    let total = told.number(&[
        "total",
        "totalcount",
        "totalresults",
        "totalitems",
        "totalelements",
        "totalrecords",
        "count",
    ]);
    // Spring counts from 0.
    let zero_based = told.0.iter().any(|(name, object)| {
        let has = |name: &str| member(object, name).is_some();
        has("number") && (name == "page" || has("pageable") || has("last") && has("size"))
    });
    let page = told
        .number(&["currentpage", "pagenumber", "pageno", "pageindex", "page"])
        .or_else(|| told.number(&["number"]).filter(|_| zero_based));
    let pages = told.number(&[
        "totalpages",
        "pages",
        "lastpage",
        "pagecount",
        "pagescount",
        "numpages",
    ]);
    let said = match (more, total, page, pages) {
        (Some(name), ..) => Some(name.to_owned()),
        (None, _, Some(page), Some(pages)) if page + u64::from(zero_based) < pages => {
            Some(format!("page {page} of {pages}"))
        }
        (None, Some(total), ..) if total > gathered as u64 => Some(format!("a total of {total}")),
        _ => None,
    };
    let Some(said) = said else { return Next::End };
    if let Some(page) = page.or_else(|| asked(here, "page")) {
        return with(here, param.unwrap_or("page"), &(page + 1).to_string());
    }
    for name in ["offset", "skip", "start"] {
        if let Some(offset) = told.number(&[name]).or_else(|| asked(here, name)) {
            return with(here, param.unwrap_or(name), &(offset + length as u64).to_string());
        }
    }
    match told.number(&["limit", "take"]) {
        Some(_) => with(here, param.unwrap_or("offset"), &gathered.to_string()),
        None => Next::Unknown(said),
    }
}

/// The parameter that takes the value of a member: `nextPageToken` goes to `pageToken`.
fn cursor_parameter(name: &str) -> String {
    match plain(name).as_str() {
        "nextcursor" | "nextpagecursor" => "cursor".into(),
        "endcursor" => "after".into(),
        "nextpagetoken" if name.contains('_') => "page_token".into(),
        "nextpagetoken" => "pageToken".into(),
        "nexttoken" => "token".into(),
        "nextoffset" => "offset".into(),
        "nextpagenumber" => "page".into(),
        _ => name.to_owned(),
    }
}

fn is_address(text: &str) -> bool {
    text.starts_with(['/', '?']) || text.starts_with("http://") || text.starts_with("https://")
}

/// The target of a Link header's `rel="next"`.
fn linked(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let next = parameters.split(';').any(|parameter| {
            let parameter = parameter.trim().replace(['"', '\'', ' '], "");
            parameter.eq_ignore_ascii_case("rel=next")
        });
        next.then_some(target)
    })
}

fn asked(here: &Url, name: &str) -> Option<u64> {
    let (_, value) = here.query_pairs().find(|(key, _)| key == name)?;
    value.parse().ok()
}

/// The page at an address from the answer, on our own host, with what our query had and it has not.
fn at(here: &Url, target: &str) -> Next {
    let Ok(target) = here.join(target) else {
        return Next::Unknown("a link that is no address".into());
    };
    let mut url = here.clone();
    url.set_path(target.path());
    url.set_query(target.query());
    let has: Vec<String> = target.query_pairs().map(|(name, _)| name.into_owned()).collect();
    for (name, value) in here.query_pairs() {
        if !has.iter().any(|other| other == &name) {
            url.query_pairs_mut().append_pair(&name, &value);
        }
    }
    Next::At(url)
}

/// This address with another value of a parameter.
fn with(here: &Url, name: &str, value: &str) -> Next {
    let others: Vec<(String, String)> = here
        .query_pairs()
        .filter(|(key, _)| key != name)
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    let mut url = here.clone();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, value);
    Next::At(url)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::names::Mapping;
    use super::*;

    fn next(body: &Value, link: &str, maps: &[&str]) -> String {
        let here = Url::parse("http://h:1/api/conversations?apikey=K").unwrap();
        let maps: Vec<Mapping> = maps.iter().map(|text| text.parse().unwrap()).collect();
        let answer = Answer {
            link: link.into(),
            ..Answer::default()
        };
        match following(&answer, body, &here, (2, 2), &Mappings(maps)) {
            Next::End => "end".into(),
            Next::Unknown(said) => format!("unknown: {said}"),
            Next::At(url) => url
                .as_str()
                .trim_start_matches("http://h:1/api/conversations?")
                .to_owned(),
        }
    }

    #[test]
    fn the_next_page_is_found_by_what_answers_say() {
        for (body, expected) in [
            (json!([]), "end"),
            (json!({"items": [], "next": null}), "end"),
            (json!({"hasMore": false, "nextCursor": null}), "end"),
            (json!({"total": 2, "page": 1}), "end"),
            (json!({"count": 2}), "end"),
            (json!({"page": 2, "total_pages": 2}), "end"),
            (
                json!({"pageInfo": {"endCursor": "abc", "hasNextPage": false}}),
                "end",
            ),
            (json!({"next": "/api/conversations?page=2"}), "page=2&apikey=K"),
            (
                json!({"next": "http://inside:80/api/conversations?page=2&apikey=L"}),
                "page=2&apikey=L",
            ),
            (json!({"next": "?cursor=x%26y"}), "cursor=x%26y&apikey=K"),
            (json!({"next": 2}), "apikey=K&page=2"),
            (json!({"next": "b64=="}), "apikey=K&cursor=b64%3D%3D"),
            (
                json!({"links": {"next": "/api/conversations?page=2"}}),
                "page=2&apikey=K",
            ),
            (
                json!({"_links": {"next": {"href": "/api/conversations?page=2"}}}),
                "page=2&apikey=K",
            ),
            (
                json!({"data": {"next_page_url": "http://h:1/api/conversations?page=2"}}),
                "page=2&apikey=K",
            ),
            (json!({"meta": {"next_cursor": "abc"}}), "apikey=K&cursor=abc"),
            (json!({"nextPageToken": "abc"}), "apikey=K&pageToken=abc"),
            (json!({"next_page_token": "abc"}), "apikey=K&page_token=abc"),
            (
                json!({"pageInfo": {"endCursor": "abc", "hasNextPage": true}}),
                "apikey=K&after=abc",
            ),
            (json!({"nextPage": 2}), "apikey=K&page=2"),
            (
                json!({"pagination": {"page": 1, "totalPages": 3}}),
                "apikey=K&page=2",
            ),
            (
                json!({"pagination": {"page": 1, "limit": 2, "total": 7}}),
                "apikey=K&page=2",
            ),
            (
                json!({"current_page": 1, "last_page": 3, "data": []}),
                "apikey=K&page=2",
            ),
            (json!({"page": {"number": 0, "totalPages": 2}}), "apikey=K&page=1"),
            (json!({"page": {"number": 1, "totalPages": 2}}), "end"),
            (
                json!({"content": [], "number": 0, "size": 2, "last": false, "totalPages": 4, "totalElements": 7}),
                "apikey=K&page=1",
            ),
            (
                json!({"response_metadata": {"next_cursor": "abc"}}),
                "apikey=K&cursor=abc",
            ),
            (json!({"limit": 2, "offset": 0, "total": 7}), "apikey=K&offset=2"),
            (json!({"limit": 2, "total": 7}), "apikey=K&offset=2"),
            (json!({"skip": 0, "has_more": true}), "apikey=K&skip=2"),
            (json!({"page": 1, "hasMore": true}), "apikey=K&page=2"),
            (json!({"has_more": true}), "unknown: has_more"),
            (json!({"total": 7}), "unknown: a total of 7"),
        ] {
            assert_eq!(next(&body, "", &[]), expected, "{body}");
        }
        let link =
            r#"<http://h:1/api/conversations?page=1>; rel="prev", </api/conversations?page=3>; rel="next""#;
        assert_eq!(next(&json!([]), link, &[]), "page=3&apikey=K");
        let body = json!({"more": {"from": "abc"}});
        assert_eq!(
            next(&body, "", &["next=more.from", "next_param=start"]),
            "apikey=K&start=abc"
        );
    }
}
