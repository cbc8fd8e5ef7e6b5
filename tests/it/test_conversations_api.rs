//! `dbtool test-conversations --api-url` against a small application: right ones pass, whatever they call
//! things, and what is wrong is found, said, and no secret is shown.

use crate::support;
use crate::support::market;

#[allow(dead_code)]
mod app;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use app::{App, Reply, TOKEN, ok};
use serde_json::{Value, json};
use support::{Cmd, Output, Server, Signal, Tls, wait_until};

/// A host with seven conversations, one with each of two guests in turn, about house 1 to 7: the newest is 7.
fn filled() -> Server {
    let server = Server::start();
    market::migrate(&server, 1..=5);
    let mut admin = server.admin();
    admin.exec("USE app");
    admin.exec(
        "INSERT INTO users (id, email, password_hash, first_name, last_name) VALUES \
         (1, 'host@example.com', 'x', 'Hanna', 'Host'), (2, 'guest@example.com', 'x', 'Gus', 'Guest')",
    );
    for id in 1..=7 {
        admin.exec(&format!(
            "INSERT INTO properties (id, host_id, title, description, property_type, address, city, country, \
             price_per_night) VALUES ({id}, 1, 'House {id}', 'd', 'house', 'a', 'c', 'n', 10)"
        ));
        admin.exec(&format!(
            "INSERT INTO conversations (id, property_id, created_at) VALUES ({id}, {id}, '2025-01-01')"
        ));
        admin.exec(&format!(
            "INSERT INTO conversation_participants (conversation_id, user_id) VALUES ({id}, 1), ({id}, 2)"
        ));
        admin.exec(&format!(
            "INSERT INTO messages (conversation_id, sender_id, recipient_id, message, is_read, created_at) \
             VALUES ({id}, 2, 1, 'about house {id}', {}, '2025-01-01 10:00:0{id}')",
            id % 2
        ));
    }
    server
}

/// The conversation `id` as the application lists it.
fn item(id: usize) -> Value {
    json!({"id": id, "title": format!("House {id}"), "last_message_text": format!("about house {id}"),
           "unread_count": (id + 1) % 2})
}

/// Some of the list, the newest first.
fn items(ids: impl IntoIterator<Item = usize>) -> Vec<Value> {
    ids.into_iter().map(item).collect()
}

fn all() -> Vec<Value> {
    items((1..=7).rev())
}

fn command(server: &Server, url: &str, args: &[&str]) -> Cmd {
    server
        .dbtool()
        .env("APP_TOKEN", TOKEN)
        .args([
            "test-conversations",
            "--read-only",
            "--user",
            "host@example.com",
            "--api-url",
            url,
        ])
        .args(args)
}

fn run(server: &Server, app: &App, args: &[&str]) -> Output {
    let token = ["--format", "json", "--token-env", "APP_TOKEN"];
    command(server, &app.url, &token).args(args).run()
}

/// The checks of the API, by name.
#[track_caller]
fn checks(output: &Output) -> Vec<Value> {
    let value: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"));
    let checks = value["checks"].as_array().expect("checks").clone();
    checks
        .into_iter()
        .filter(|check| check["group"] == "API")
        .collect()
}

#[track_caller]
fn check(output: &Output, name: &str) -> Value {
    let checks = checks(output);
    let found = checks.iter().find(|check| check["name"] == name);
    found
        .unwrap_or_else(|| panic!("no check {name:?}\n{output}"))
        .clone()
}

#[track_caller]
fn assert_right(output: &Output, why: &str) {
    assert_eq!(output.code, Some(0), "{why}\n{output}");
    for check in checks(output) {
        assert!(
            ["passed", "warned"].contains(&check["status"].as_str().unwrap()),
            "{why}: {check}"
        );
    }
}

#[test]
fn a_right_application_passes_whatever_it_calls_things() {
    let server = filled();
    let app = App::start(None);
    let renamed = |names: [&str; 4]| -> Vec<Value> {
        let members = ["id", "title", "last_message_text", "unread_count"];
        all()
            .iter()
            .map(|item| {
                let pairs = members.iter().zip(names);
                Value::Object(
                    pairs
                        .map(|(from, to)| (to.to_owned(), item[*from].clone()))
                        .collect(),
                )
            })
            .collect()
    };
    for body in [
        json!({"success": true, "data": all()}),
        json!(all()),
        json!({"results": renamed(["conversationId", "propertyTitle", "lastMessageText", "unreadCount"])}),
        json!({"data": {"items": renamed(["id", "title", "preview", "unread"]), "total": 7}}),
        json!({"threads": renamed(["id", "property_title", "content", "unreadMessages"]), "has_more": false}),
        json!({"data": all().iter().map(|item| json!({"id": item["id"], "attributes": item})).collect::<Vec<_>>()}),
    ] {
        app.list(body.clone());
        assert_right(&run(&server, &app, &[]), &body.to_string());
    }
    app.on(|_| {
        let mut reply = ok(&json!(all()));
        reply.2.insert(0, '\u{feff}');
        reply
    });
    let output = command(&server, &app.url, &["--format", "json"]).run();
    assert_right(&output, "a byte order mark");
    let body: Vec<Value> = all()
        .into_iter()
        .map(|item| json!({"key": item["id"], "about": {"house": item["title"]}, "newest": [item["last_message_text"]], "n": item["unread_count"]}))
        .collect();
    app.list(json!({"a": [], "b": {"c": body}}));
    let maps = [
        "list=b.c",
        "id=key",
        "title=about.house",
        "last_message=newest.0",
        "unread=n",
    ];
    let args: Vec<&str> = maps.iter().flat_map(|map| ["--api-map", map]).collect();
    assert_right(&run(&server, &app, &args), "mapped");

    // Of two at the same time either may come first.
    server
        .admin()
        .exec("UPDATE app.messages SET created_at = '2025-01-01 10:00:07' WHERE conversation_id IN (6, 7)");
    for order in [[7, 6], [6, 7]] {
        app.list(json!(items(order.into_iter().chain((1..=5).rev()))));
        assert_right(&run(&server, &app, &[]), "equal times");
    }
    // The query of the base address stays, and the path goes before it.
    app.on(|request| match request.query("apikey").as_deref() {
        Some("K3y-0f-Bob") => ok(&json!(all())),
        _ => Reply("403 Forbidden", String::new(), request.target.clone()),
    });
    let url = format!("{}?apikey=K3y-0f-Bob", app.url);
    let output = command(&server, &url, &["--format", "json"]).run();
    assert_right(&output, "a query");
    assert!(
        !output.stdout.contains("K3y-0f-Bob") && output.stdout.contains("?apikey=****"),
        "{output}"
    );
}

#[test]
fn every_page_is_read_and_what_is_missing_is_found() {
    let server = filled();
    let app = App::start(None);
    // Three a page, in the ways that applications page.
    let page = |number: usize| items((1..=7).rev().skip((number - 1) * 3).take(3));
    type Pager = Box<dyn Fn(&app::Request) -> Reply + Send>;
    let pagers: Vec<(&str, Pager)> = vec![
        (
            "has_more and page",
            Box::new(move |request| {
                let number = request.number("page", 1);
                ok(&json!({"data": page(number), "page": number, "has_more": number < 3}))
            }),
        ),
        (
            "next link",
            Box::new(move |request| {
                let number = request.number("p", 1);
                let next = (number < 3).then(|| format!("/api/v1/messages/conversations?p={}", number + 1));
                ok(&json!({"conversations": page(number), "next": next}))
            }),
        ),
        (
            "cursor",
            Box::new(move |request| {
                let number = request.number("cursor", 1);
                ok(
                    &json!({"items": page(number), "nextCursor": (number < 3).then(|| (number + 1).to_string())}),
                )
            }),
        ),
        (
            "offset, limit and total",
            Box::new(move |request| {
                let offset = request.number("offset", 0);
                ok(
                    &json!({"items": items((1..=7).rev().skip(offset).take(3)), "offset": offset, "limit": 3, "total": 7}),
                )
            }),
        ),
        (
            "X-Next-Page header",
            Box::new(move |request| {
                let number = request.number("page", 1);
                let mut reply = ok(&json!(page(number)));
                let next = if number < 3 {
                    (number + 1).to_string()
                } else {
                    String::new()
                };
                reply.1.push_str(&format!("X-Next-Page: {next}\r\n"));
                reply
            }),
        ),
        (
            "pages of Spring",
            Box::new(move |request| {
                let number = request.number("page", 0);
                ok(
                    &json!({"content": page(number + 1), "number": number, "size": 3, "last": number == 2, "totalElements": 7}),
                )
            }),
        ),
        (
            "Link header",
            Box::new(move |request| {
                let number = request.number("page", 1);
                let mut reply = ok(&json!(page(number)));
                if number < 3 {
                    reply.1.push_str(&format!(
                        "Link: </api/v1/messages/conversations?page={}>; rel=\"next\"\r\n",
                        number + 1
                    ));
                }
                reply
            }),
        ),
    ];
    for (name, pager) in pagers {
        app.on(pager);
        let args = ["--format", "json"];
        let output = command(&server, &app.url, &args).run();
        assert_right(&output, name);
        assert_eq!(
            check(&output, "every conversation is listed")["message"],
            "7 conversations on 3 pages",
            "{name}"
        );
    }

    let listed = "every conversation is listed";
    for (body, check_of, message) in [
        (
            json!(items([7])),
            listed,
            "incomplete: the list ends after 1 of 7 conversations",
        ),
        (
            json!({"data": items([7, 6]), "has_more": true}),
            listed,
            "incomplete: 2 of 7 read; the answer says that there is more (has_more)",
        ),
        (
            json!({"data": items([7, 6]), "page": 1, "has_more": true}),
            listed,
            "the same conversations as the ones before",
        ),
        (json!(items([7, 6, 5, 3, 2, 1])), listed, "1 missing"),
        (
            json!(items([7, 6, 5, 4, 3, 2, 1, 8])),
            "no conversation is listed that should not be",
            "1 archived",
        ),
        (
            json!(items([7, 6, 5, 4, 3, 3, 2, 1])),
            "no conversation is listed twice",
            "1 listed more than once",
        ),
        (
            json!(items([6, 7, 5, 4, 3, 2, 1])),
            "the newest comes first",
            "1 places",
        ),
    ] {
        app.list(body.clone());
        let output = run(&server, &app, &[]);
        assert_eq!(output.code, Some(1), "{body}\n{output}");
        let failed: Vec<Value> = checks(&output)
            .into_iter()
            .filter(|check| check["status"] == "failed")
            .collect();
        assert_eq!(failed.len(), 1, "{body}\n{output}");
        assert_eq!(failed[0]["name"], check_of, "{body}");
        assert!(
            failed[0]["message"].as_str().unwrap().contains(message),
            "{}",
            failed[0]
        );
    }
}

#[test]
fn what_cannot_be_compared_is_skipped_and_what_is_wrong_fails() {
    let server = filled();
    let app = App::start(None);
    let with = |member: &str, value: Value| -> Value {
        let mut list = all();
        for item in &mut list {
            item[member] = value.clone();
        }
        json!(list)
    };
    let without = |member: &str| -> Value {
        let mut list = all();
        for item in &mut list {
            item.as_object_mut().expect("an object").remove(member);
        }
        json!(list)
    };
    let (titles, messages, unread) = (
        "titles are right",
        "last messages are right",
        "unread counts are right",
    );
    for (body, name, status, words) in [
        (
            without("unread_count"),
            unread,
            "skipped",
            "no conversation has an unread count",
        ),
        (with("unread_count", json!(null)), unread, "skipped", "null"),
        (with("unread_count", json!(-1)), unread, "skipped", "-1"),
        (with("unread_count", json!(99.5)), unread, "skipped", "99.5"),
        (with("unread_count", json!("lots")), unread, "skipped", "lots"),
        (
            with("unread_count", json!(3)),
            unread,
            "failed",
            "conversation 7: 3, expected 0",
        ),
        (without("title"), titles, "skipped", "--api-map title=NAME"),
        (with("title", json!({"en": "House"})), titles, "skipped", "en"),
        (
            with("title", json!("House 9")),
            titles,
            "failed",
            "conversation 7: \\\"House 9\\\", expected \\\"House 7\\\"",
        ),
        (
            without("last_message_text"),
            messages,
            "skipped",
            "--api-map last_message=NAME",
        ),
        (
            with("last_message_text", json!("a")),
            messages,
            "failed",
            "\\\"a\\\", expected \\\"about house 7\\\"",
        ),
        (
            with("last_message_text", json!("a…")),
            messages,
            "failed",
            "expected",
        ),
        (
            with("last_message_text", json!("about hou…")),
            messages,
            "passed",
            "7 compared",
        ),
        (
            with("last_message_text", json!(null)),
            messages,
            "failed",
            "nothing, expected",
        ),
    ] {
        app.list(body.clone());
        let output = run(&server, &app, &[]);
        let found = check(&output, name);
        assert_eq!(found["status"], status, "{body}\n{found}");
        assert!(found.to_string().contains(words), "{words}\n{found}");
        assert_eq!(output.code, Some(i32::from(status == "failed")), "{output}");
    }
}

#[test]
fn a_message_that_arrives_meanwhile_is_no_fault_of_the_application() {
    let server = filled();
    let app = App::start(None);
    let mut admin = server.admin();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    app.on(move |request| {
        if request.authorization.is_empty() {
            return Reply("401 Unauthorized", String::new(), String::new());
        }
        // The first two times a message arrives just before the list is made.
        let time = counted.fetch_add(1, Ordering::Relaxed) + 1;
        if time <= 2 {
            admin.exec(&format!(
                "INSERT INTO app.messages (conversation_id, sender_id, recipient_id, message, created_at) \
                 VALUES ({time}, 2, 1, 'new {time}', '2025-01-01 10:00:1{time}')"
            ));
        }
        let rows = admin.query(
            "SELECT c.id, m.message, (SELECT COUNT(*) FROM app.messages n WHERE n.conversation_id = c.id AND n.is_read = 0) \
             FROM app.conversations c JOIN app.messages m ON m.id = (SELECT l.id FROM app.messages l \
             WHERE l.conversation_id = c.id ORDER BY created_at DESC LIMIT 1) ORDER BY m.created_at DESC",
        );
        let list: Vec<Value> = rows
            .into_iter()
            .map(|row| json!({"id": row[0], "title": format!("House {}", row[0].as_ref().unwrap()), "last_message": row[1], "unread": row[2]}))
            .collect();
        ok(&json!(list))
    });
    assert_right(&run(&server, &app, &[]), "a message arrives");
    assert!(asked.load(Ordering::Relaxed) >= 2, "the list was read once");
}

#[test]
fn no_secret_is_shown_in_any_format() {
    let server = filled();
    let app = App::start(None);
    let echo = |request: &app::Request| format!("{} {}", request.authorization, request.target);
    type Text = Box<dyn Fn(&app::Request) -> String + Send>;
    type Echo = Box<dyn FnMut(&app::Request) -> Reply + Send>;
    let echoes: [fn(Text) -> Echo; 4] = [
        |echo| Box::new(move |request| Reply("500 Oops", String::new(), format!("<b>{}</b>", echo(request)))),
        |echo| Box::new(move |request| Reply("200 OK", String::new(), echo(request))),
        |echo| {
            Box::new(move |request| {
                Reply(
                    "302 Found",
                    format!("Location: /login?from={}\r\n", echo(request)),
                    String::new(),
                )
            })
        },
        |echo| {
            Box::new(move |request| {
                let text = echo(request);
                ok(&json!([{"id": 7, "title": text, "last_message": text, text.clone(): text}]))
            })
        },
    ];
    let host = app.url.trim_start_matches("http://").to_owned();
    let basic = "Ym9iOmh1bnRlcjIvUFc=";
    for make in echoes {
        app.on(make(Box::new(echo)));
        for format in ["text", "json", "junit", "github"] {
            let url = format!("{}?apikey=K3y-0f-Bob", app.url);
            let output = command(
                &server,
                &url,
                &["--token-env", "APP_TOKEN", "--format", format, "-vv"],
            )
            .run();
            assert_eq!(output.code, Some(1), "{output}");
            let url = format!("http://bob:hunter2%2FPW@{host}");
            let other = command(&server, &url, &["--format", format]).run();
            assert_eq!(other.code, Some(1), "{other}");
            for secret in [TOKEN, "s3cret", "K3y-0f-Bob", "hunter2", basic] {
                for text in [&output.stdout, &output.stderr, &other.stdout, &other.stderr] {
                    assert!(!text.contains(secret), "{secret} in {format}:\n{text}");
                }
            }
            assert!(output.stdout.contains("****"), "{output}");
        }
    }
    // The token where its variable's name should be.
    let output = command(&server, &app.url, &["--token-env", "s3cret9Token"]).run();
    assert_eq!(output.code, Some(2), "{output}");
    assert!(
        output.stderr.contains("name of the variable") && !output.stderr.contains("s3cret9"),
        "{output}"
    );
    for url in ["ftp://bob:hunter2@h/", "bob:hunter2@h", "http://?apikey=hunter2"] {
        let output = command(&server, url, &[]).run();
        assert_eq!(output.code, Some(2), "{output}");
        assert!(!output.stderr.contains("hunter2"), "{output}");
    }
}

#[test]
fn what_goes_wrong_is_said_in_plain_words() {
    let server = filled();
    let app = App::start(None);
    let page = "<!doctype html><title>Log in</title>";
    for (status, headers, body, said, next) in [
        (
            "200 OK",
            "Content-Type: text/html\r\n",
            page,
            "HTML, of type text/html: <!doctype html>",
            "page for people",
        ),
        (
            "302 Found",
            "Location: https://login.example/?next=a\r\n",
            "",
            "answered 302 to https://login.example/?next=****",
            "--token-env",
        ),
        ("401 Unauthorized", "", "no token", "answered 401", "--token-env"),
        (
            "404 Not Found",
            "",
            "nothing",
            "answered 404",
            "above /conversations",
        ),
        ("500 Oops", "", "Traceback \u{1b}[31m", "answered 500", "log"),
        (
            "200 OK",
            "",
            "{\"messages\": 5}",
            "no list of conversations",
            "--api-map list=",
        ),
    ] {
        app.on(move |_| Reply(status, headers.to_owned(), body.to_owned()));
        let output = run(&server, &app, &[]);
        assert_eq!(output.code, Some(1), "{output}");
        let found = check(&output, "the application lists conversations");
        assert!(found["message"].as_str().unwrap().contains(said), "{found}");
        assert!(found["details"].to_string().contains(next), "{found}");
        assert!(!output.stdout.contains('\u{1b}'), "{output}");
        assert_eq!(
            check(&output, "the application answers fast")["status"],
            "skipped",
            "{output}"
        );
    }
    app.on(|_| Reply("", String::new(), String::new()));
    let closing = app.url.clone();
    let (mute, _listener) = app::mute_port();
    let silent = app::silent_port();
    let tls = Tls::local();
    let secure = App::start(Some(&tls));
    secure.list(json!(all()));
    let other = Tls::for_names(&["elsewhere.example"]);
    let misnamed = App::start(Some(&other));
    let plain = secure.url.replace("https", "http");
    let ca = |tls: &Tls| tls.ca().display().to_string();
    for (url, args, said, next) in [
        (closing, vec![], "closed before there was an answer", "log"),
        (
            format!("http://127.0.0.1:{silent}"),
            vec![],
            "nothing listens on port",
            "start the application",
        ),
        (
            format!("http://127.0.0.1:{mute}"),
            vec!["--api-timeout".to_owned(), "300ms".into()],
            "no answer within 300",
            "--api-timeout",
        ),
        (
            secure.url.clone(),
            vec![],
            "certificate of 127.0.0.1 is signed by an authority that is not trusted",
            "--api-ca",
        ),
        (
            misnamed.url.clone(),
            vec!["--api-ca".into(), ca(&other)],
            "is for another name",
            "a name that the certificate has",
        ),
        (
            app.url.replace("http:", "https:"),
            vec![],
            "does not speak TLS",
            "http://",
        ),
        (plain, vec![], "", "https"),
    ] {
        let args: Vec<&str> = ["--format", "json"]
            .into_iter()
            .chain(args.iter().map(String::as_str))
            .collect();
        let output = command(&server, &url, &args).run();
        assert_eq!(output.code, Some(1), "{url}\n{output}");
        let found = check(&output, "the application answers");
        assert!(
            found["message"].as_str().unwrap().contains(said),
            "{url}: {found}"
        );
        assert!(found["details"].to_string().contains(next), "{url}: {found}");
    }
    let trusted = [
        "--token-env",
        "APP_TOKEN",
        "--format",
        "json",
        "--api-ca",
        &ca(&tls),
    ];
    assert_right(
        &command(&server, &secure.url, &trusted).run(),
        "a certificate of a named authority",
    );
    let output = command(&server, &secure.url, &["--api-ca", "/dev/null"]).run();
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("holds no certificate"), "{output}");
}

#[test]
fn no_connection_is_held_while_the_application_is_asked_and_ctrl_c_ends_the_wait() {
    let server = filled();
    let before = server.counters();
    let (port, listener) = app::mute_port();
    let mut running = command(
        &server,
        &format!("http://127.0.0.1:{port}"),
        &["--api-timeout", "10min"],
    )
    .spawn();
    let asking = app::accept(&listener);
    let mut admin = server.admin();
    let connections = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'";
    wait_until(support::PATIENCE, "the connection is given back", || {
        admin.number(connections) == 0
    });
    // All slots are free for others.
    let output = server
        .dbtool()
        .env("DB_CONNECTION_LIMIT", "1")
        .args(["migrate", "status", "--dir"])
        .arg(support::migrations::shipped())
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    running.signal(Signal::INT);
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output}");
    drop(asking);
    drop(admin);
    server.assert_unchanged(&before);
}
