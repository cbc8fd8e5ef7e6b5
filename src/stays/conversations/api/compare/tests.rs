use super::*;

fn line(id: u64, unread: u64) -> Listed {
    Listed {
        id,
        title: Some(format!("T{id}")),
        last_message: Some("hello there".into()),
        last_at: Some(format!("2025-01-01 10:00:{id:02}")),
        unread,
        ..Listed::default()
    }
}

fn same(id: u64, unread: u64) -> Shown {
    Shown {
        id,
        title: Said::Is(format!("T{id}")),
        perhaps_title: None,
        last_message: Said::Is("hello…".into()),
        unread: Said::Is(Unread::Count(unread)),
    }
}

fn checks(expected: &[Listed], shown: &[Shown]) -> Vec<Check> {
    let expected = Expected {
        before: expected.to_vec(),
        after: expected.to_vec(),
        whole: true,
    };
    let gathered = Gathered {
        shown: shown.to_vec(),
        members: "id, preview".into(),
        ..Gathered::default()
    };
    compare(&expected, &gathered)
}

fn of_status(checks: Vec<Check>, status: CheckStatus) -> Vec<String> {
    let found = checks.into_iter().filter(|check| check.status == status);
    found.map(|check| check.name).collect()
}

#[test]
fn differences_are_found() {
    let failed =
        |expected: &[Listed], shown: &[Shown]| of_status(checks(expected, shown), CheckStatus::Failed);
    let expected = [line(2, 0), line(1, 3)];
    assert!(failed(&expected, &[same(2, 0), same(1, 3)]).is_empty());
    assert_eq!(failed(&expected, &[same(2, 0)]), ["every conversation is listed"]);
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
    assert_eq!(
        failed(&expected, &[same(2, 0), same(2, 0), same(1, 3)]),
        ["no conversation is listed twice"]
    );
    let wrong = Shown {
        last_message: Said::Is("bye".into()),
        title: Said::Is("X".into()),
        ..same(2, 0)
    };
    assert_eq!(
        failed(&expected, &[wrong, same(1, 3)]),
        ["titles are right", "last messages are right"]
    );
    let none = Shown {
        last_message: Said::Null,
        ..same(2, 0)
    };
    assert_eq!(
        failed(&expected, &[none, same(1, 3)]),
        ["last messages are right"]
    );
    let any = Shown {
        unread: Said::Is(Unread::Any(true)),
        ..same(2, 0)
    };
    assert_eq!(failed(&expected, &[any, same(1, 3)]), ["unread counts are right"]);
}

#[test]
fn of_equal_times_either_comes_first() {
    let at = |id, at: &str| Listed {
        last_at: Some(at.into()),
        ..line(id, 0)
    };
    let expected = [
        at(2, "2025-01-01 10:00:00"),
        at(1, "2025-01-01 10:00:00"),
        at(3, "2025-01-01 09:00:00"),
    ];
    let shown = [same(1, 0), same(2, 0), same(3, 0)];
    assert!(of_status(checks(&expected, &shown), CheckStatus::Failed).is_empty());
    let silent = Listed {
        last_message: None,
        last_at: None,
        ..line(4, 0)
    };
    let expected = [at(2, "2025-01-01 10:00:00"), silent, at(3, "2025-01-01 09:00:00")];
    let quiet = Shown {
        last_message: Said::Absent,
        ..same(4, 0)
    };
    for shown in [
        [quiet.clone(), same(2, 0), same(3, 0)],
        [same(2, 0), same(3, 0), quiet],
    ] {
        assert!(of_status(checks(&expected, &shown), CheckStatus::Failed).is_empty());
    }
}

#[test]
fn what_is_not_compared_is_skipped() {
    for unread in [
        Said::Absent,
        Said::Null,
        Said::Odd("-1".into()),
        Said::Odd("\"lots\"".into()),
    ] {
        let shown = [Shown { unread, ..same(2, 0) }, same(1, 3)];
        let checks = checks(&[line(2, 0), line(1, 3)], &shown);
        let check = &checks[6];
        assert_eq!(
            (check.status, check.name.as_str()),
            (CheckStatus::Skipped, "unread counts are right")
        );
        assert_eq!(
            check.message,
            "not compared in 1 of 2 conversations, right in the others"
        );
        assert!(
            check.details[1].contains("--api-map unread=NAME") && check.details[1].contains("preview"),
            "{check:?}"
        );
    }
    let blank = Shown {
        id: 2,
        ..Shown::default()
    };
    let all = checks(&[line(2, 0)], &[blank]);
    assert!(
        all[6].message.contains("no conversation has an unread count"),
        "{:?}",
        all[6]
    );
    assert_eq!(
        of_status(all, CheckStatus::Skipped),
        [
            "the newest comes first",
            "titles are right",
            "last messages are right",
            "unread counts are right"
        ]
    );
    let perhaps = |text: &str| Shown {
        title: Said::Is(text.into()),
        perhaps_title: Some("name".into()),
        ..same(2, 0)
    };
    assert_eq!(
        checks(&[line(2, 0)], &[perhaps("Ann")])[4].status,
        CheckStatus::Skipped
    );
    assert_eq!(
        checks(&[line(2, 0)], &[perhaps("T2")])[4].status,
        CheckStatus::Passed
    );
}

#[test]
fn a_conversation_that_changes_meanwhile_is_left_out() {
    let expected = Expected {
        before: vec![line(2, 0), line(1, 3)],
        after: vec![line(3, 0), line(2, 1), line(1, 3)],
        whole: true,
    };
    let gathered = Gathered {
        shown: vec![same(3, 0), same(2, 1), same(1, 3)],
        ..Gathered::default()
    };
    assert!(of_status(compare(&expected, &gathered), CheckStatus::Failed).is_empty());
}

#[test]
fn an_incomplete_list_says_what_was_read() {
    let expected = || Expected {
        before: vec![line(2, 0), line(1, 3)],
        after: vec![line(2, 0), line(1, 3)],
        whole: true,
    };
    let gathered = |unread_pages: Option<&str>| Gathered {
        shown: vec![same(2, 0)],
        unread_pages: unread_pages.map(str::to_owned),
        pages: 1,
        ..Gathered::default()
    };
    let check = &compare(&expected(), &gathered(None))[0];
    assert_eq!(check.status, CheckStatus::Failed);
    assert!(
        check.message.contains("ends after 1 of 2 conversations"),
        "{check:?}"
    );
    let check = &compare(&expected(), &gathered(Some("has_more")))[0];
    assert_eq!(check.message, "incomplete: 1 of 2 read; has_more");
    assert!(check.details[1].contains("--api-map next=PATH"), "{check:?}");
}

#[test]
fn previews_are_beginnings_of_sensible_length() {
    let long = "x".repeat(READ);
    let longer = format!("{long}yz");
    for (shown, expected, right) in [
        ("about house 3", "about house 3", true),
        (" about  house 3\n", "about house 3", true),
        ("about hou…", "about house 3", true),
        ("about hou...", "about house 3", true),
        ("about", "about house 3", false),
        ("a", "about house 3", false),
        ("a…", "about house 3", false),
        ("…", "about house 3", false),
        ("", "about house 3", false),
        ("about house 4", "about house 3", false),
        ("about house 3 and 4", "about house 3", false),
        ("about house 3…", "about house 3", true),
        ("twenty characters of", "twenty characters of it and more", true),
        ("twenty characters o", "twenty characters of it and more", false),
        ("Hello...", "Hello...", true),
        ("line one line two", "line one\nline two", true),
        (&longer, &long, true),
        (&long[..150], &long, true),
        ("xxxxxy", &long, false),
    ] {
        assert_eq!(is_preview(shown, expected), right, "{shown:?} of {expected:?}");
    }
}
