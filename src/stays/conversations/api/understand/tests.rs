use serde_json::json;

use super::super::names::Mapping;
use super::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.into(),
        ..Answer::default()
    }
}

fn page(body: &Value, maps: &[&str]) -> Result<Page, Misfit> {
    let maps: Vec<Mapping> = maps.iter().map(|text| text.parse().unwrap()).collect();
    read(&answer(200, &body.to_string()), &Mappings(maps))
}

#[test]
fn lists_of_several_shapes() {
    let items = json!([{"id": 7}]);
    for body in [
        json!([{"id": 7}]),
        json!({"conversations": items}),
        json!({"results": items, "count": 1}),
        json!({"result": items}),
        json!({"threads": items}),
        json!({"data": {"items": items}}),
        json!({"data": {"conversations": items, "total": 1}}),
        json!({"success": true, "data": {"data": items}}),
        json!({"payload": {"list": items}}),
        json!({"response": {"body": {"rows": items}}}),
        json!({"_embedded": {"conversations": items}}),
        json!({"conversations": {"edges": [{"node": {"id": 7}}]}}),
        json!({"messages": items}),
        json!({"myOwnName": items, "count": 1}),
        json!([{"conversation": {"id": 7}}]),
        json!([{"conversation_id": "7"}]),
        json!([{"threadId": 7.0}]),
    ] {
        let page = page(&body, &[]).unwrap_or_else(|error| panic!("{body}: {error:?}"));
        assert_eq!(
            page.shown.iter().map(|shown| shown.id).collect::<Vec<_>>(),
            [7],
            "{body}"
        );
    }
    assert!(page(&json!({"conversations": []}), &[]).unwrap().shown.is_empty());
    let body = json!({"one": [{"id": 1}], "other": [{"id": 2}], "two": {"three": [{"key": {"number": 7}}]}});
    assert!(page(&body, &[]).is_err());
    assert_eq!(
        page(&body, &["list=two.three", "id=key.number"]).unwrap().shown[0].id,
        7
    );
}

#[test]
fn parts_of_several_names() {
    let cabin = || Said::Is("Cabin".to_owned());
    for (item, title) in [
        (json!({"title": "Cabin"}), cabin()),
        (json!({"property_title": "Cabin", "name": "Ann"}), cabin()),
        (
            json!({"property": {"id": 3, "title": "Cabin"}, "subject": "x"}),
            cabin(),
        ),
        (json!({"listing": {"name": "Cabin"}}), cabin()),
        (json!({"title": {"text": "Cabin"}}), cabin()),
        (json!({"title": null, "propertyTitle": "Cabin"}), cabin()),
        (json!({"conversation": {"title": "Cabin"}}), cabin()),
        (json!({"name": "Cabin"}), cabin()),
        (json!({"title": null}), Said::Null),
        (json!({"title": 5}), Said::Odd("5".into())),
        (
            json!({"title": {"en": "Cabin"}}),
            Said::Odd("{\"en\":\"Cabin\"}".into()),
        ),
        (json!({}), Said::Absent),
    ] {
        let mut item = item;
        item["id"] = json!(1);
        assert_eq!(page(&json!([item]), &[]).unwrap().shown[0].title, title, "{item}");
    }
    for name in [
        "last_message",
        "lastMessage",
        "last_message_text",
        "lastMessageText",
        "preview",
        "content",
        "latestMessage",
        "lastMessagePreview",
        "snippet",
        "last_message_content",
        "LastMessage",
    ] {
        let item = json!([{"id": 1, name: "hi"}]);
        assert_eq!(
            page(&item, &[]).unwrap().shown[0].last_message,
            Said::Is("hi".into()),
            "{name}"
        );
    }
    for value in [
        json!({"message": "hi"}),
        json!({"id": 3, "content": "hi"}),
        json!([{"text": "hi"}]),
    ] {
        let item = json!([{"id": 1, "lastMessage": value}]);
        assert_eq!(
            page(&item, &[]).unwrap().shown[0].last_message,
            Said::Is("hi".into()),
            "{item}"
        );
    }
    let item = json!([{"id": 1, "a": {"words": "hi"}, "n": 4}]);
    let shown = &page(&item, &["last_message=a.words", "unread=n"]).unwrap().shown[0];
    assert_eq!(shown.last_message, Said::Is("hi".into()));
    assert_eq!(shown.unread, Said::Is(Unread::Count(4)));
    for (value, unread) in [
        (json!(2), Said::Is(Unread::Count(2))),
        (json!("2"), Said::Is(Unread::Count(2))),
        (json!(2.0), Said::Is(Unread::Count(2))),
        (json!({"count": 2}), Said::Is(Unread::Count(2))),
        (json!(true), Said::Is(Unread::Any(true))),
        (json!(null), Said::Null),
        (json!(-1), Said::Odd("-1".into())),
        (json!(99.5), Said::Odd("99.5".into())),
        (json!("lots"), Said::Odd("\"lots\"".into())),
    ] {
        let item = json!([{"id": 1, "unread": value}]);
        assert_eq!(page(&item, &[]).unwrap().shown[0].unread, unread, "{item}");
    }
}

#[test]
fn what_is_no_list_is_named_with_a_next_step() {
    let redirect = Answer {
        location: "https://h/login?token=abc".into(),
        ..answer(302, "")
    };
    let html = Answer {
        content_type: "text/html; charset=utf-8".into(),
        ..answer(200, "\n<!doctype html>\n<p>\u{1b}[31mHi")
    };
    for (answer, what, next) in [
        (
            redirect,
            "answered 302 to https://h/login?token=**** after",
            "use the address",
        ),
        (
            html,
            "no JSON but HTML, of type text/html: <!doctype html> <p>",
            "page for people",
        ),
        (answer(401, "no"), "answered 401 after 0.0 ms: no", "--token-env"),
        (answer(403, "no"), "answered 403", "--token-env"),
        (answer(404, "no"), "answered 404", "above /conversations"),
        (answer(429, "no"), "answered 429", "wait"),
        (answer(500, "oh\u{1b}[31m no"), "answered 500", "log"),
        (
            answer(200, "oh\u{1b}[31m no"),
            "no JSON but without a content type: oh",
            "log",
        ),
        (answer(200, ""), "the answer (200) is empty", "--api-url"),
        (answer(204, ""), "the answer (204) is empty", "--api-url"),
        (
            answer(200, "{}"),
            "no list of conversations: {}",
            "--api-map list=",
        ),
        (answer(200, "7"), "no list of conversations: 7", "--api-map list="),
        (answer(200, "[{}]"), "no numeric `id`: {}", "--api-map id="),
        (
            answer(200, "[{\"id\": \"abc\"}]"),
            "no numeric `id`",
            "--api-map id=",
        ),
    ] {
        let misfit = read(&answer, &Mappings::default()).expect_err(what);
        assert!(misfit.what.contains(what), "{misfit:?}\n{what}");
        assert!(misfit.next.contains(next), "{misfit:?}\n{next}");
        assert!(!misfit.what.contains('\u{1b}'), "{misfit:?}");
    }
}
