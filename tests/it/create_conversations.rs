//! `dbtool create-conversations`: the rule, its awkward cases, and what it withstands.

use crate::support;
use crate::support::market;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use market::{Booking, Conversation, Counts, Market, model};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::{Server, Signal, wait_until};

const STATUSES: [&str; 5] = ["pending", "confirmed", "completed", "cancelled", "refunded"];

fn booking(id: i64, property: i64, guest: i64, host: i64) -> Booking {
    Booking {
        id,
        property: Some(property),
        guest: Some(guest),
        host: Some(host),
        status: "confirmed",
    }
}

fn conversation(property: i64, booking: Option<i64>, participants: &[i64]) -> Conversation {
    Conversation {
        property: Some(property),
        booking,
        participants: participants.iter().copied().collect(),
    }
}

/// Fills an empty market, runs dbtool and returns what it counted and what is there then.
fn outcome(
    bookings: &[Booking],
    conversations: &[Conversation],
    args: &[&str],
) -> (Counts, Vec<Conversation>, serde_json::Value) {
    let market = Market::start();
    market.fill(bookings, conversations);
    let json = market.run(args);
    (Counts::read(&json), market.conversations(), json)
}

#[test]
fn an_uncovered_booking_gets_a_conversation_with_both_participants() {
    let (counts, after, _) = outcome(&[booking(1, 1, 3, 1), booking(2, 2, 3, 2)], &[], &[]);
    assert_eq!(
        counts,
        Counts {
            bookings: 2,
            created: 2,
            ..Counts::default()
        }
    );
    assert_eq!(
        after,
        [
            conversation(1, Some(1), &[1, 3]),
            conversation(2, Some(2), &[2, 3])
        ]
    );
}

#[test]
fn a_booking_is_covered_by_its_own_conversation_or_by_one_of_both_people_about_the_property() {
    let before = [
        conversation(1, Some(1), &[3, 1]),
        conversation(1, Some(9), &[1, 4, 5]),
        conversation(2, None, &[1, 3]),
    ];
    let bookings = [booking(1, 1, 3, 1), booking(2, 1, 4, 1), booking(9, 1, 5, 1)];
    let (counts, after, _) = outcome(&bookings, &before, &[]);
    assert_eq!(
        counts,
        Counts {
            bookings: 3,
            covered: 3,
            ..Counts::default()
        }
    );
    assert_eq!(after, market::sorted(before.to_vec()));
}

#[test]
fn guest_and_host_in_swapped_roles_share_a_conversation() {
    let (counts, after, _) = outcome(&[booking(1, 1, 3, 4), booking(2, 1, 4, 3)], &[], &[]);
    assert_eq!((counts.created, counts.covered), (1, 1));
    assert_eq!(after, [conversation(1, Some(1), &[3, 4])]);
}

#[test]
fn the_only_matching_conversation_without_booking_is_linked_to_the_earliest_booking() {
    let before = [conversation(1, None, &[1, 3])];
    let bookings = [booking(7, 1, 3, 1), booking(5, 1, 3, 1), booking(6, 1, 3, 1)];
    let (counts, after, _) = outcome(&bookings, &before, &[]);
    assert_eq!(
        counts,
        Counts {
            bookings: 3,
            linked: 1,
            covered: 2,
            ..Counts::default()
        }
    );
    assert_eq!(after, [conversation(1, Some(5), &[1, 3])]);
}

#[test]
fn one_of_several_conversations_without_booking_is_not_linked() {
    let before = [conversation(1, None, &[1, 3]), conversation(1, None, &[1, 3])];
    let (counts, after, _) = outcome(&[booking(5, 1, 3, 1)], &before, &[]);
    assert_eq!((counts.linked, counts.covered), (0, 1));
    assert_eq!(after, before);
}

#[test]
fn linking_keeps_a_conversations_place_in_the_list() {
    let market = Market::start();
    market.fill(&[booking(5, 1, 3, 1)], &[conversation(1, None, &[1, 3])]);
    market
        .admin()
        .exec("UPDATE app.conversations SET updated_at = '2024-05-06 07:08:09'");
    assert_eq!(market.run(&[])["linked"], 1);
    let touched = market
        .admin()
        .value("SELECT CAST(updated_at AS CHAR) FROM app.conversations WHERE booking_id = 5");
    assert_eq!(touched, "2024-05-06 07:08:09");
}

#[test]
fn several_bookings_of_one_guest_share_a_conversation_unless_each_gets_its_own() {
    let bookings = [booking(1, 1, 3, 1), booking(2, 1, 3, 1), booking(3, 1, 4, 1)];
    let (shared, _, _) = outcome(&bookings, &[], &[]);
    assert_eq!((shared.created, shared.covered), (2, 1));
    let (own, after, _) = outcome(&bookings, &[], &["--per-booking"]);
    assert_eq!((own.created, own.covered), (3, 0));
    assert_eq!(after.len(), 3);
}

#[test]
fn a_host_at_their_own_property_is_one_participant_and_reported() {
    let bookings = [booking(4, 1, 1, 1), booking(5, 1, 3, 1)];
    let (counts, after, json) = outcome(&bookings, &[conversation(1, None, &[1, 3])], &[]);
    assert_eq!((counts.created, counts.linked), (1, 1));
    assert_eq!(
        json["guest_is_host"],
        serde_json::json!({ "created": 1, "bookings": [4] })
    );
    assert_eq!(
        after,
        [conversation(1, Some(4), &[1]), conversation(1, Some(5), &[1, 3])]
    );
}

#[test]
fn bookings_that_lack_somebody_or_something_are_skipped_with_the_reason() {
    let whole = booking(1, 1, 3, 1);
    let bookings = [
        Booking { guest: None, ..whole },
        Booking {
            id: 2,
            host: None,
            ..whole
        },
        Booking {
            id: 3,
            property: None,
            ..whole
        },
        Booking { id: 4, ..whole },
    ];
    let (counts, after, _) = outcome(&bookings, &[], &[]);
    assert_eq!(
        counts,
        Counts {
            bookings: 4,
            created: 1,
            without_people: 2,
            without_property: 1,
            ..Counts::default()
        }
    );
    assert_eq!(after, [conversation(1, Some(4), &[1, 3])]);
}

#[test]
fn a_conversation_of_a_booking_gets_the_people_it_lacks() {
    let market = Market::start();
    let bookings = [
        booking(1, 1, 3, 1),
        // Of the same people: covered by the repaired conversation of 1.
        booking(2, 1, 3, 1),
        booking(3, 2, 4, 2),
        booking(4, 3, 3, 3),
        booking(5, 4, 5, 4),
        Booking {
            status: "cancelled",
            ..booking(6, 4, 6, 4)
        },
        booking(7, 5, 7, 5),
    ];
    let own = |property, id, people: &[i64]| conversation(property, Some(id), people);
    market.fill(
        &bookings,
        &[
            own(1, 1, &[]),
            own(2, 3, &[9, 4]),
            own(3, 4, &[]),
            own(4, 5, &[5, 4]),
            own(4, 6, &[]),
            conversation(5, None, &[7, 5]),
        ],
    );
    let expected = Counts {
        bookings: 6,
        linked: 1,
        repaired: 3,
        covered: 2,
        ..Counts::default()
    };
    let before = market.conversations();
    assert_eq!(Counts::read(&market.run(&["--dry-run"])), expected);
    assert_eq!(market.conversations(), before, "nothing was to change");
    assert_eq!(market.run(&["--limit", "2"])["repaired"], 2);
    let rest = market.run(&["--property", "3"]);
    assert_eq!((&rest["repaired"], &rest["created"]), (&1.into(), &0.into()));
    assert_eq!(
        Counts::read(&market.run(&[])),
        Counts {
            repaired: 0,
            covered: 5,
            ..expected
        }
    );
    let after = market::sorted(vec![
        own(1, 1, &[1, 3]),
        own(2, 3, &[2, 4, 9]),
        own(3, 4, &[3]),
        own(4, 5, &[4, 5]),
        own(4, 6, &[]),
        own(5, 7, &[5, 7]),
    ]);
    assert_eq!(market.conversations(), after);
    let output = market.command(&["--dry-run"]).run();
    assert!(!output.stdout.contains("repaired"), "{output}");
    market
        .admin()
        .exec("DELETE FROM conversation_participants WHERE user_id = 9 OR user_id = 4");
    let output = market.command(&[]).run();
    assert!(
        output.stdout.contains("2  got the participants") && output.stdout.contains("(repaired)"),
        "{output}"
    );
}

#[test]
fn very_new_bookings_are_left_to_the_application() {
    let market = Market::start();
    market.fill(
        &[booking(1, 1, 3, 1), booking(2, 2, 3, 2), booking(3, 3, 3, 3)],
        &[],
    );
    market
        .admin()
        .exec("UPDATE bookings SET created_at = IF(id = 2, NULL, NOW() - INTERVAL 10 MINUTE) WHERE id < 3");
    let run = |args: &[&str]| {
        let output = market
            .server
            .dbtool()
            .args(["create-conversations", "--format", "json"])
            .args(args)
            .run();
        assert_eq!(output.code, Some(0), "{output}");
        serde_json::from_str::<serde_json::Value>(&output.stdout).unwrap()
    };
    for (args, bookings, too_new) in [
        (&["--dry-run", "--older-than", "1h"][..], 1, 2),
        (&["--dry-run", "--older-than", "0"], 3, 0),
        (&["--dry-run"], 2, 1),
        (&[], 2, 1),
    ] {
        let json = run(args);
        assert_eq!(
            (&json["bookings"], &json["too_new"]),
            (&bookings.into(), &too_new.into()),
            "{args:?}"
        );
    }
    let output = market.server.dbtool().args(["create-conversations"]).run();
    assert!(
        output.stdout.contains("1 booking made within the last 5"),
        "{output}"
    );
    assert_eq!(market.conversations().len(), 2);
}

#[test]
fn filters_choose_the_bookings() {
    let bookings: Vec<Booking> = (1..=10)
        .map(|id| Booking {
            status: STATUSES[id as usize % 5],
            ..booking(id, 1 + id % 2, 10 + id, 1 + id % 2)
        })
        .collect();
    let market = Market::start();
    market.fill(&bookings, &[]);
    market
        .admin()
        .exec("UPDATE app.bookings SET created_at = '2024-01-01 12:00:00'");
    market
        .admin()
        .exec("UPDATE app.bookings SET created_at = '2024-03-01 00:00:00' WHERE id > 8");
    let would = |args: &[&str]| {
        let json = market.run(&[&["--dry-run"], args].concat());
        (
            json["created"].as_u64().unwrap(),
            json["bookings"].as_u64().unwrap(),
        )
    };
    assert_eq!(would(&[]), (6, 6));
    assert_eq!(would(&["--status", "cancelled,refunded"]), (4, 4));
    assert_eq!(would(&["--property", "2"]), (3, 3));
    assert_eq!(
        would(&[
            "--since",
            "2024-03-01",
            "--status",
            "pending,confirmed,completed,cancelled,refunded"
        ]),
        (2, 2)
    );
    assert_eq!(would(&["--property", "99"]), (0, 0));
    assert_eq!(market.conversations(), []);
}

#[test]
fn the_limit_ends_a_run_and_the_next_goes_on() {
    let bookings: Vec<Booking> = (1..=10)
        .map(|id| booking(id, 1 + id % 2, 10 + id, 1 + id % 2))
        .collect();
    let market = Market::start();
    market.fill(&bookings, &[]);
    let created: Vec<u64> = (0..4)
        .map(|_| {
            market.run(&["--limit", "4", "--max-rows", "3"])["created"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(created, [4, 4, 2, 0]);
    assert_eq!(market.conversations().len(), 10);
}

#[test]
fn missing_tables_are_named_with_the_command_that_brings_them() {
    let server = Server::start();
    let run = || server.dbtool().args(["create-conversations"]).run();
    let output = run();
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("there is no table properties"), "{output}");
    assert!(output.stderr.contains("dbtool migrate 005"), "{output}");
    market::migrate(&server, 1..=4);
    let output = run();
    assert_eq!(output.code, Some(2), "{output}");
    assert!(
        output
            .stderr
            .contains("there is no table conversations, no table conversation_participants in app"),
        "{output}"
    );
    assert!(output.stderr.contains("dbtool migrate 005"), "{output}");
}

#[test]
fn bad_arguments_are_usage_errors_that_connect_to_nothing() {
    for args in [
        ["--since", "yesterday"],
        ["--since", "2023-02-29"],
        ["--status", "paid"],
        ["--limit", "0"],
        ["--target-ms", "0"],
        ["--max-load", "Threads_running"],
        ["--property", "x"],
    ] {
        let output = support::dbtool().args(["create-conversations"]).args(args).run();
        assert_eq!(output.code, Some(2), "{args:?}: {output}");
    }
}

#[test]
fn a_busy_server_is_waited_for_and_an_unknown_variable_is_a_usage_error() {
    let market = Market::start();
    market.fill(&[booking(1, 1, 3, 1)], &[]);
    let command = |limit: &str| {
        market
            .server
            .dbtool()
            .args(["create-conversations", "--max-load", limit])
    };
    let output = command("Threads_rumming=1").run();
    assert_eq!(output.code, Some(2), "{output}");
    // The connection that asks counts as running, so this limit is never met.
    let mut running = command("Threads_running=0").spawn();
    wait_until(support::PATIENCE, "a pause", || {
        running.stderr_so_far().contains("pausing while Threads_running")
    });
    running.signal(Signal::INT);
    let output = running.wait();
    assert_eq!(output.code, Some(130), "{output}");
    // Wherever a run is interrupted it says what is done, and what to do.
    for words in [
        "interrupted by SIGINT (after 0 created and 0 linked)",
        "run the command again",
    ] {
        assert!(output.stderr.contains(words), "no {words}: {output}");
    }
    assert_eq!(market.conversations(), []);
}

#[test]
fn an_account_with_one_connection_is_enough() {
    let market = Market::start();
    let bookings: Vec<Booking> = (1..=8).map(|id| booking(id, 1, 10 + id, 1)).collect();
    market.fill(&bookings, &[]);
    market.admin().exec("ALTER USER app WITH MAX_USER_CONNECTIONS 1");
    let output = market.command(&["--max-rows", "1"]).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(output.stderr, "", "{output}");
    assert_eq!(market.conversations().len(), 8);
}

#[test]
fn a_range_that_waits_too_long_for_a_lock_is_tried_again() {
    let market = Market::start();
    market.fill(&[booking(1, 1, 3, 1)], &[]);
    let (mut holder, mut admin) = (market.admin(), market.admin());
    holder.exec("START TRANSACTION");
    holder.exec("UPDATE properties SET title = 'held' WHERE id = 1");
    let waits = admin.status("Innodb_row_lock_waits");
    let running = market.command(&["--format", "json"]).spawn();
    wait_until(support::PATIENCE, "a second attempt", || {
        admin.status("Innodb_row_lock_waits") >= waits + 2
    });
    assert_eq!(market.conversations(), []);
    holder.exec("COMMIT");
    let output = running.wait();
    assert_eq!(output.code, Some(0), "{output}");
    let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(json["created"], 1, "{output}");
    assert!(json["retries"].as_u64().unwrap() >= 1, "{output}");
    assert_eq!(market.conversations(), [conversation(1, Some(1), &[1, 3])]);
}

#[test]
fn replica_lag_that_may_not_be_seen_is_said_and_does_not_stop_the_run() {
    let market = Market::start();
    market.fill(&[booking(1, 1, 3, 1)], &[]);
    let output = market.command(&["--max-lag", "5"]).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(
        output.stderr.matches("--max-lag has no effect").count(),
        1,
        "{output}"
    );
    assert_eq!(market.conversations().len(), 1);
}

#[test]
fn the_rule_is_that_of_the_model_on_random_markets() {
    let market = Market::start();
    let id = |most: i64| (1..=most).prop_map(Some);
    let sometimes = |ids: BoxedStrategy<Option<i64>>| prop_oneof![9 => ids, 1 => Just(None)];
    let bookings = prop::collection::vec(
        (
            sometimes(id(3).boxed()),
            sometimes(id(4).boxed()),
            sometimes(id(4).boxed()),
            prop::sample::select(&STATUSES[..]),
        ),
        0..24,
    );
    let conversations = prop::collection::vec(
        (
            sometimes(id(3).boxed()),
            prop_oneof![2 => Just(None), 1 => id(24).boxed()],
            prop::collection::btree_set(1_i64..=4, 0..4),
        ),
        0..8,
    );
    let strategy = (
        bookings,
        conversations,
        any::<bool>(),
        prop::sample::select(vec!["1", "2", "3", "50"]),
    );
    let mut runner = TestRunner::new(Config {
        cases: 150,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&strategy, |(bookings, conversations, per_booking, rows)| {
            let bookings: Vec<Booking> = bookings
                .into_iter()
                .zip(1..)
                .map(|((property, guest, host, status), id)| Booking {
                    id,
                    property,
                    guest,
                    host,
                    status,
                })
                .collect();
            let conversations: Vec<Conversation> = conversations
                .into_iter()
                .map(|(property, booking, participants)| Conversation {
                    property,
                    booking: booking.filter(|&id| id <= bookings.len() as i64),
                    participants,
                })
                .collect();
            market.fill(&bookings, &conversations);
            let (expected, after) = model(&bookings, &conversations, per_booking);
            let mut args = vec!["--max-rows", rows];
            args.extend(per_booking.then_some("--per-booking"));

            let planned = Counts::read(&market.run(&[&["--dry-run"], &args[..]].concat()));
            prop_assert_eq!(&planned, &expected);
            prop_assert_eq!(market.conversations(), market::sorted(conversations));
            prop_assert_eq!(&Counts::read(&market.run(&args)), &expected);
            prop_assert_eq!(market.conversations(), after.clone());
            let again = Counts::read(&market.run(&args));
            prop_assert_eq!((again.created, again.linked), (0, 0));
            prop_assert_eq!(market.conversations(), after);
            Ok(())
        })
        .unwrap();
}

#[test]
fn two_runs_and_a_writing_application_leave_no_duplicate_and_no_gap() {
    let market = Market::start();
    market.demo(3_000);
    market.admin().exec("DELETE FROM app.conversations");
    let over = AtomicBool::new(false);
    let (written, runs) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| market.write_until(&over));
        let backfills: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut created = 0;
                    while !over.load(Ordering::Relaxed) {
                        created += market.run(&["--max-rows", "200"])["created"].as_u64().unwrap();
                    }
                    created
                })
            })
            .collect();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(50));
        }
        over.store(true, Ordering::Relaxed);
        let created: Vec<u64> = backfills.into_iter().map(|run| run.join().unwrap()).collect();
        (writer.join().unwrap(), created)
    });
    let last = market.run(&[])["created"].as_u64().unwrap();
    // Counts are rows really changed: together with the application's they are all there is.
    let all = market.admin().number("SELECT COUNT(*) FROM app.conversations");
    assert_eq!(
        all,
        runs.iter().sum::<u64>() + last + written.conversations,
        "{runs:?} {last} {written:?}"
    );
    assert!(written.bookings > 100, "{written:?}");
    market.assert_exactly_one_each();
}

/// Kills runs on this market until `kills` of them were, or one is done before it can be killed.
fn kill_runs(market: &Market, kills: usize, delays: &mut impl Iterator<Item = Duration>) -> usize {
    let mut admin = market.admin();
    for killed in 0..kills {
        let before = admin.number("SELECT COUNT(*) FROM conversations");
        let mut running = market.command(&["--max-rows", "12"]).spawn();
        wait_until(support::PATIENCE, "the first changes of a run", || {
            running.poll().is_some() || admin.number("SELECT COUNT(*) FROM conversations") > before
        });
        std::thread::sleep(delays.next().unwrap());
        running.signal(Signal::KILL);
        let output = running.wait();
        if output.code == Some(0) {
            return killed;
        }
        assert_eq!(output.signal, Some(9), "{output}");
        let half = admin.number(
            "SELECT COUNT(*) FROM conversations AS c \
             WHERE NOT EXISTS (SELECT 1 FROM conversation_participants AS p WHERE p.conversation_id = c.id)",
        );
        assert_eq!(half, 0, "a conversation without participants after kill {killed}");
    }
    kills
}

#[test]
fn a_run_killed_at_any_moment_is_resumed_by_running_it_again() {
    let market = Market::start();
    market.demo(3_000);
    let whole = market.copy("whole");
    assert!(whole.run(&[])["created"].as_u64().unwrap() > 300);
    let expected = whole.conversations();

    let mut killed = 0;
    let mut delays = (0_u64..).map(|step| Duration::from_micros(step * 7919 % 60 * 100));
    while killed < 50 {
        // A fast machine is through with all bookings after a few kills.
        let again = market.copy(&format!("after_{killed}"));
        let kills = kill_runs(&again, 50 - killed, &mut delays);
        assert_ne!(kills, 0, "a run was done before it could be killed");
        killed += kills;
        again.run(&[]);
        assert!(
            again.conversations() == expected,
            "the conversations differ after {kills} kills"
        );
    }
}
