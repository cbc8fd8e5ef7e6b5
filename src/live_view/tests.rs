//! The view without a terminal: samples and keys in, frames out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::draw::draw;
use super::keys::Action;
use super::question::Target;
use super::state::{Detail, Look, Tab, View};
use crate::connections::{Connection, Explained, Facts, LockKind, LockWait, What};
use crate::host_processes::{Client, Clients, Process};
use crate::report::Key;

const NOW: Duration = Duration::from_secs(1_795_855_354);

fn node() -> Process {
    Process {
        pid: 24_002,
        command: "/usr/bin/node /srv/shop/server.js".into(),
        user: Some("deploy".into()),
        parent: Some((812, "pm2".into())),
        ..Process::default()
    }
}

fn facts() -> Facts {
    let client = |id, user: &str, command: &str, seconds| Connection {
        id,
        user: user.into(),
        host: "10.0.0.7".into(),
        port: Some(50_000),
        database: Some("shop".into()),
        command: command.into(),
        time: Duration::from_secs(seconds),
        ..Connection::default()
    };
    let pool = (0..6).map(|number| Connection {
        process: Some(node().into()),
        ..client(20 + number, "shop", "Sleep", 10 * (number + 1))
    });
    let mut connections: Vec<Connection> = pool.collect();
    connections.extend([
        Connection {
            transaction: Some(Duration::from_secs(95)),
            rows_changed: Some(3),
            blocks: true,
            program: Some("report.py".into()),
            ..client(31, "reports", "Sleep", 90)
        },
        Connection {
            state: "Updating".into(),
            statement: Some("UPDATE bookings SET status = 'confirmed' WHERE id = 7".into()),
            program: Some("api".into()),
            ..client(32, "shop", "Query", 41)
        },
        Connection {
            own: true,
            ..client(40, "root", "Query", 0)
        },
    ]);
    Facts {
        server: "MariaDB 10.11.6".into(),
        account: "root@localhost".into(),
        max_connections: 30,
        in_use: 9,
        running: 2,
        peak: 25,
        sees_transactions: true,
        lock_waits: vec![LockWait {
            waiter: 32,
            blocker: Some(31),
            kind: LockKind::Row,
            table: Some("shop.bookings".into()),
        }],
        local: Clients {
            processes: vec![Client {
                process: node().into(),
                tcp: Vec::new(),
                unix: 6,
            }],
            ..Clients::default()
        },
        connections,
        ..Facts::default()
    }
}

/// A view that has seen a few samples.
fn view() -> View {
    let mut view = View::new(Duration::from_secs(2), false);
    for in_use in [4, 7, 12, 18, 25, 21, 14] {
        let facts = Facts { in_use, ..facts() };
        view.sample(Look::Seen(facts), UNIX_EPOCH + NOW);
    }
    view.sample(Look::Seen(facts()), UNIX_EPOCH + NOW);
    view
}

fn press(view: &mut View, keys: &str) {
    for letter in keys.chars() {
        let key = match letter {
            '\n' => Key::Enter,
            '\u{1b}' => Key::Esc,
            letter => Key::Char(letter),
        };
        assert!(
            view.key(key)
                .is_none_or(|action| matches!(action, Action::Detail(_) | Action::Sample))
        );
    }
}

fn frame(view: &mut View, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a terminal");
    terminal.draw(|frame| draw(view, frame)).expect("a frame");
    let buffer = terminal.backend().buffer();
    let line = |y| {
        let cells = (0..columns).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    (0..rows).map(line).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_frame(name: &str, view: &mut View) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../tests/snapshots/live_view");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text = frame(view, 100, 24);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn each_tab_has_its_picture() {
    let mut view = view();
    assert_frame("processes", &mut view);
    press(&mut view, "2");
    assert_frame("by_user", &mut view);
    press(&mut view, "3");
    assert_frame("connections", &mut view);
    press(&mut view, "4");
    assert_frame("locks", &mut view);
    press(&mut view, "?");
    assert_frame("help", &mut view);
}

#[test]
fn the_pane_of_a_connection() {
    let mut view = view();
    press(&mut view, "3");
    view.key(Key::Down);
    assert!(matches!(view.key(Key::Enter), Some(Action::Detail(32))));
    view.show_detail(Detail {
        id: 32,
        statement: Some("UPDATE bookings\n  SET status = 'confirmed'\n  WHERE id = 7".into()),
        ..Detail::default()
    });
    assert!(matches!(view.key(Key::Char('e')), Some(Action::Explain(32))));
    view.show_detail(Detail {
        id: 32,
        plan: Some(Explained {
            columns: ["id", "select_type", "table", "type", "key", "rows"]
                .map(str::to_owned)
                .to_vec(),
            rows: vec![
                ["1", "SIMPLE", "bookings", "range", "PRIMARY", "1"]
                    .map(str::to_owned)
                    .to_vec(),
            ],
            refused: None,
        }),
        ..Detail::default()
    });
    // What comes for another connection is not this one's.
    view.show_detail(Detail {
        id: 31,
        statement: Some("DROP TABLE bookings".into()),
        ..Detail::default()
    });
    assert_frame("detail", &mut view);
    // The pane goes with the cursor, and closes.
    assert!(matches!(view.key(Key::Up), Some(Action::Detail(31))));
    press(&mut view, "\u{1b}");
    assert_eq!(view.detail_id(), None);
}

#[test]
fn a_kill_is_done_after_a_yes_and_only_to_what_nothing_protects() {
    let mut view = view();
    press(&mut view, "2/shop\nk");
    assert_frame("question", &mut view);
    let Some(Action::Kill(Target::Connections { what, targets, .. }, false)) = view.key(Key::Char('y'))
    else {
        panic!("a yes is a yes")
    };
    assert_eq!((what, targets.len()), (What::Connection, 7));

    // Statements: of those connections that run one.
    press(&mut view, "K");
    let Some(Action::Kill(Target::Connections { what, targets, .. }, false)) = view.key(Key::Char('y'))
    else {
        panic!("a yes is a yes")
    };
    assert_eq!((what, targets.len()), (What::Query, 1));

    press(&mut view, "\u{1b}3k");
    assert_frame("question_writer", &mut view);
    assert!(
        view.key(Key::Char('y')).is_none(),
        "there is nothing to say yes to"
    );
    assert!(frame(&mut view, 100, 24).contains("nothing was ended"));
    press(&mut view, "kw");
    let Some(Action::Kill(Target::Connections { targets, .. }, true)) = view.key(Key::Char('y')) else {
        panic!("a yes is a yes")
    };
    assert_eq!(targets[0].id, 31);

    press(&mut view, "1k");
    assert!(frame(&mut view, 100, 24).contains("ask this process to end (SIGTERM)?"));
    press(&mut view, "n");
    for key in [Key::Char('q'), Key::Enter, Key::Esc, Key::Char(' ')] {
        press(&mut view, "1k");
        assert!(view.key(key).is_none(), "{key:?} is no yes");
    }
}

#[test]
fn the_cursor_stays_with_its_row() {
    let mut view = view();
    press(&mut view, "3");
    for _ in 0..4 {
        view.key(Key::Down);
    }
    let selected = view.selected();
    let mut now = facts();
    now.connections.remove(0);
    now.connections.insert(
        0,
        Connection {
            id: 99,
            user: "new".into(),
            command: "Query".into(),
            time: Duration::from_secs(500),
            ..Connection::default()
        },
    );
    view.sample(Look::Seen(now), SystemTime::now());
    assert_eq!(view.selected(), selected);
    // A row that has gone leaves the cursor where it was.
    let position = view.arrangements[Tab::Connections.index()].position;
    let mut now = facts();
    now.connections.retain(|one| Some(one.id) != selected);
    view.sample(Look::Seen(now), SystemTime::now());
    let after = view.arrangements[Tab::Connections.index()].position;
    assert!(after.abs_diff(position) <= 1 && view.selected().is_some());
    view.sample(Look::Seen(Facts::default()), SystemTime::now());
    assert_eq!(view.selected(), None);
    for key in [
        Key::Down,
        Key::Up,
        Key::End,
        Key::Enter,
        Key::Char('k'),
        Key::Char('e'),
    ] {
        assert!(view.key(key).is_none(), "{key:?} on an empty list");
    }
}

#[test]
fn filters_and_orders() {
    let mut view = view();
    press(&mut view, "3");
    let ids = |view: &View| -> Vec<u64> { (0..).map_while(|at| view.list().key(at)).collect() };
    assert_eq!(ids(&view)[..2], [31, 32], "what matters most comes first");
    press(&mut view, "s");
    assert_eq!(ids(&view), [20, 21, 22, 23, 24, 25, 31, 32]);
    press(&mut view, "r");
    assert_eq!(ids(&view), [32, 31, 25, 24, 23, 22, 21, 20]);
    press(&mut view, "rs");
    assert_eq!(ids(&view)[0], 31, "the longest time comes first");
    for (filter, number) in [
        ("REPORT", 1),
        ("24002", 6),
        ("server.js", 6),
        ("32", 1),
        ("bookings", 1),
        ("x", 0),
    ] {
        press(&mut view, &format!("/{filter}\n"));
        assert_eq!(ids(&view).len(), number, "{filter}");
    }
    press(&mut view, "\u{1b}i");
    assert_eq!(ids(&view).len(), 2, "idle ones without a transaction are hidden");
    // An order for each column, and back.
    press(&mut view, "i");
    let first = ids(&view);
    press(&mut view, &"s".repeat(10));
    assert_eq!(ids(&view), first);
    // A row of another list opens what it holds.
    press(&mut view, "1\n");
    assert_eq!(ids(&view).len(), 6);
    press(&mut view, "\u{1b}2\n");
    assert_eq!(ids(&view).len(), 7);
    assert!(frame(&mut view, 100, 24).contains("of user shop"));
}

#[test]
fn a_server_that_is_away_leaves_what_this_host_sees() {
    let mut view = view();
    let outside = Facts {
        local: facts().local,
        ..Facts::default()
    };
    let look = Look::Failed("Connection refused; trying again".into(), outside);
    view.sample(look, UNIX_EPOCH + NOW);
    assert_frame("away", &mut view);
    view.sample(Look::Seen(facts()), UNIX_EPOCH + NOW);
    assert!(frame(&mut view, 100, 24).contains("connected again"));
}

#[test]
fn every_size_has_a_picture() {
    let mut view = view();
    for keys in ["1", "3\n", "k", "n?"] {
        press(&mut view, keys);
        for columns in [1, 2, 10, 49, 50, 51, 80, 200] {
            for rows in [1, 2, 11, 12, 13, 20, 60] {
                let shown = frame(&mut view, columns, rows);
                if (columns < 50 || rows < 12) && columns > 30 {
                    assert_eq!(shown.trim().lines().count(), 1, "{shown}");
                }
            }
        }
    }
}

#[test]
fn hostile_names_stay_in_their_cells() {
    let mut view = view();
    let mut now = facts();
    for one in &mut now.connections {
        one.user = "a\u{1b}[2J\n\u{202e}b".into();
        one.statement = Some("SELECT '\u{9b}31m\r\n\u{206b}'".into());
    }
    now.server = "\u{1b}c".into();
    view.sample(Look::Seen(now), UNIX_EPOCH + NOW);
    for keys in ["1", "2", "3", "\n", "k"] {
        press(&mut view, keys);
        let shown = frame(&mut view, 120, 40);
        let hidden = |c: char| c != '\n' && crate::escape::is_hidden(c);
        assert!(!shown.contains(hidden), "{shown:?}");
    }
    press(&mut view, "n");
    assert!(frame(&mut view, 120, 40).contains("a\\x1b[2J\\n\\u{202e}b"));
}

#[test]
fn colour_only_where_it_is_wanted() {
    for color in [false, true] {
        let mut view = View::new(Duration::from_secs(2), color);
        view.sample(Look::Seen(facts()), UNIX_EPOCH + NOW);
        let mut terminal = Terminal::new(TestBackend::new(100, 24)).expect("a terminal");
        terminal.draw(|frame| draw(&mut view, frame)).expect("a frame");
        let cells = terminal.backend().buffer().content();
        let coloured = cells.iter().any(|cell| cell.fg != ratatui::style::Color::Reset);
        assert_eq!(coloured, color);
    }
}
