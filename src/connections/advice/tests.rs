use super::*;
use std::time::Duration;

fn client(user: &str, seconds: u64) -> Connection {
    Connection {
        user: user.into(),
        host: "web1".into(),
        command: "Sleep".into(),
        time: Duration::from_secs(seconds),
        ..Connection::default()
    }
}

fn calm() -> Facts {
    Facts {
        account: "app@%".into(),
        max_connections: 30,
        in_use: 3,
        peak: 10,
        attempts: 1_000,
        wait_timeout: 28_800,
        connections: vec![client("app", 1), client("app", 2)],
        ..Facts::default()
    }
}

#[test]
fn a_calm_server_needs_no_advice() {
    assert_eq!(advise(&calm()), []);
    assert_eq!(advise(&Facts::default()), []);
}

#[test]
fn each_advice_names_its_numbers() {
    let cases: Vec<(Facts, &[&str])> = vec![
        (
            Facts {
                refused: 7,
                counts_refusals: true,
                peak: 30,
                ..calm()
            },
            &["7 connections refused", "30 of 30"],
        ),
        (
            Facts {
                in_use: 30,
                max_connections: 30,
                connections: vec![Connection {
                    id: 17,
                    ..client("job", 40)
                }],
                user_limit: Some(9),
                ..calm()
            },
            &[
                "no connection is left; connection 17 of job from web1",
                "--kill --id 17",
            ],
        ),
        (
            Facts { peak: 26, ..calm() },
            &[
                "26 of 30 connections (86 %)",
                "before the next peak",
                "lower the pool of app from web1, which holds 2 connections now",
            ],
        ),
        (
            Facts {
                account_limit: Some(2),
                ..calm()
            },
            &["app@% holds 2 of the 2", "--kill --user app --idle 60s"],
        ),
        (
            Facts {
                connections: vec![client("app", 90), client("app", 61), client("job", 600)],
                ..calm()
            },
            &[
                "3 of the 3 connections seen",
                "2 of them app from web1",
                "8 h 0 min",
                "dbtool check-connections --kill --user app --idle 60s --including-writers",
            ],
        ),
        (
            Facts {
                connections: vec![Connection {
                    id: 17,
                    transaction: Some(Duration::from_secs(65)),
                    ..client("app", 1)
                }],
                ..calm()
            },
            &["1 connection asleep", "connection 17 of app", "1 min 5 s"],
        ),
        (
            Facts {
                in_use: 20,
                connections: vec![client("app", 1); 20],
                ..calm()
            },
            &[
                "app holds 20 of the server's 30",
                "ALTER USER 'app'@'%' WITH MAX_USER_CONNECTIONS 24",
            ],
        ),
        (
            Facts {
                aborted_clients: 60,
                ..calm()
            },
            &["60 of 1,000", "Aborted_clients"],
        ),
        (
            Facts {
                aborted_connects: 160,
                ..calm()
            },
            &["160 of 1,000", "Aborted_connects"],
        ),
    ];
    for (facts, parts) in cases {
        let advice = advise(&facts);
        assert_eq!(advice.len(), 1, "{advice:?}");
        let text = format!("{} {}", advice[0].because, advice[0].advice);
        for part in parts {
            assert!(text.contains(part), "{part:?} not in {text:?}");
        }
    }
}

#[test]
fn few_events_say_nothing() {
    assert_eq!(
        advise(&Facts {
            aborted_clients: 9,
            attempts: 10,
            ..calm()
        }),
        []
    );
}
