//! Where the budget lies, who may touch it, and that one server is one budget however it is addressed.

use crate::support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use support::exit_path::{CONNECTIONS_OF_APP, Sampler, exit_path};
use support::{Cmd, NOBODY, Output, PATIENCE, Running, Server, wait_until};

/// Both processes that the limit leaves for work.
fn occupy(command: impl Fn(&[&str]) -> Cmd) -> Vec<Running> {
    let mut holders: Vec<Running> = (0..2).map(|_| command(&["idle", "60000"]).spawn()).collect();
    for holder in &mut holders {
        holder.wait_for("idle");
    }
    holders
}

#[track_caller]
fn assert_waits(command: Cmd) {
    let output = command.env("DB_ACQUIRE_TIMEOUT", "500").run();
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stderr.contains("held by exit-path idle"), "{output}");
}

/// A folder with this mode.
fn folder(mode: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(mode)).expect("a mode");
    folder
}

/// The slot files in a folder.
fn slots(folder: &Path) -> Vec<PathBuf> {
    let mut slots: Vec<PathBuf> = fs::read_dir(folder)
        .expect("entries")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains(".slot."))
        .collect();
    slots.sort();
    slots
}

fn in_folder(server: &Server, way: &[&str], folder: &Path) -> Cmd {
    exit_path(server, way).env("DB_BUDGET_DIR", folder)
}

#[test]
fn one_server_is_one_budget_however_it_is_addressed() {
    let server = Server::start();
    let first = support::dbtool();
    let command = |way: &[&str]| exit_path(&server, way).share_folders(&first);
    let sampler = Sampler::start(&server, CONNECTIONS_OF_APP);
    let holders = occupy(command);
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for host in ["localhost", "127.0.0.2", "0.0.0.0", "::ffff:127.0.0.1", &hostname] {
        assert_waits(command(&["success"]).env("DB_HOST", host));
    }
    let by_socket = |way: &[&str]| {
        command(way)
            .env_remove("DB_HOST")
            .env_remove("DB_PORT")
            .env("DB_SOCKET", server.socket())
    };
    // Never asked before, and known to be this server's once it was.
    assert_waits(by_socket(&["success"]));
    drop(holders);
    wait_until(PATIENCE, "no connection of app", || {
        server.admin().number(CONNECTIONS_OF_APP) == 0
    });
    let holders = occupy(by_socket);
    assert_waits(command(&["success"]));
    drop(holders);
    let (peak, _) = sampler.finish();
    assert_eq!(peak, 2);
}

#[test]
fn first_contacts_by_different_addresses_at_once_stay_within_the_limit() {
    let server = Server::start();
    let first = support::dbtool();
    let sampler = Sampler::start(&server, CONNECTIONS_OF_APP);
    let running: Vec<Running> = (0..12)
        .map(|number| {
            let command = exit_path(&server, &["two"]).share_folders(&first);
            let command = if number % 2 == 0 {
                command
            } else {
                command
                    .env_remove("DB_HOST")
                    .env_remove("DB_PORT")
                    .env("DB_SOCKET", server.socket())
            };
            command.spawn()
        })
        .collect();
    for running in running {
        let output = running.wait();
        assert_eq!(output.code, Some(0), "{output}");
    }
    let (peak, samples) = sampler.finish();
    assert!((1..=3).contains(&peak), "peak {peak} in {samples} samples");
}

#[test]
fn a_server_that_is_down_keeps_nobody_from_another() {
    let server = Server::start();
    let first = support::dbtool();
    let command = |way: &[&str]| exit_path(&server, way).share_folders(&first);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = listener.local_addr().expect("an address").port();
    drop(listener);
    let mut waiting = command(&["success"]).env("DB_PORT", closed.to_string()).spawn();
    waiting.wait_for("trying again");
    let output = command(&["success"]).run();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(waiting.poll().is_none(), "it still waits for its server");
}

#[test]
fn no_variable_moves_the_budget_of_a_user() {
    let server = Server::start();
    // Each has runtime and temporary folders of its own.
    let command = |way: &[&str]| exit_path(&server, way).env_remove("DB_BUDGET_DIR");
    let holders = occupy(command);
    assert_waits(command(&["success"]));
    assert_waits(
        command(&["success"])
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("TMPDIR"),
    );
    drop(holders);
    let uid = rustix::process::geteuid().as_raw();
    let place = PathBuf::from(format!("/tmp/dbtool-{uid}"));
    assert_eq!(fs::metadata(place).expect("the folder").mode() & 0o777, 0o700);
}

#[test]
fn a_folder_that_is_deleted_while_it_is_in_use_still_counts() {
    let server = Server::start();
    for what in ["folder", "files"] {
        let shared = folder(0o700);
        let place = shared.path().join("slots");
        let command = |way: &[&str]| in_folder(&server, way, &place);
        let sampler = Sampler::start(&server, CONNECTIONS_OF_APP);
        let holders = occupy(command);
        if what == "folder" {
            fs::remove_dir_all(&place).expect("removed");
        } else {
            for slot in slots(&place) {
                fs::remove_file(slot).expect("removed");
            }
        }
        let output = command(&["success"]).env("DB_ACQUIRE_TIMEOUT", "500").run();
        assert_eq!(output.code, Some(3), "{what}: {output}");
        drop(holders);
        let output = command(&["success"]).run();
        assert_eq!(output.code, Some(0), "{what}: {output}");
        // One more looks who the server is, since that was deleted too; the reserve is not in use.
        let (peak, _) = sampler.finish();
        assert!(peak <= 3, "{what}: {peak}");
    }
}

#[test]
fn what_stands_in_place_of_a_slot_is_named() {
    let server = Server::start();
    for obstacle in ["folder", "link", "second name", "pipe"] {
        let place = folder(0o700);
        // One slot for work.
        let command = || {
            in_folder(&server, &["success"], place.path())
                .env("DB_ACQUIRE_TIMEOUT", "2000")
                .env("DB_CONNECTION_LIMIT", "2")
        };
        let output = command().run();
        assert_eq!(output.code, Some(0), "{output}");
        let target = folder(0o700);
        let victim = target.path().join("victim");
        fs::write(&victim, "precious").expect("a file");
        for slot in slots(place.path()) {
            fs::remove_file(&slot).expect("removed");
            match obstacle {
                "folder" => fs::create_dir(&slot).expect("made"),
                "link" => symlink(&victim, &slot).expect("made"),
                "second name" => {
                    fs::write(&victim, "precious").expect("a file");
                    let _ = fs::hard_link(&victim, &slot);
                }
                _ => {
                    let made = std::process::Command::new("mkfifo").arg(&slot).status();
                    assert!(made.expect("mkfifo").success());
                }
            }
        }
        let output = command().run();
        assert_eq!(output.code, Some(3), "{obstacle}: {output}");
        let words = match obstacle {
            "folder" => "it is a folder",
            "link" => "it is a symbolic link",
            "second name" => "it has more than one name",
            _ => "it is not a regular file",
        };
        for word in [words, ".slot.0", "--no-shared-budget"] {
            assert!(output.stderr.contains(word), "no {word}: {output}");
        }
        assert_eq!(fs::read_to_string(&victim).expect("the file"), "precious");
    }
}

#[test]
fn folders_that_others_may_rearrange_are_refused() {
    let server = Server::start();
    for (mode, owner, words) in [
        (0o777, None, "sticky bit"),
        (0o770, None, "sticky bit"),
        (0o1777, Some(NOBODY), "belongs to another user"),
        (0o755, Some(NOBODY), "belongs to another user"),
    ] {
        let place = folder(mode);
        if let Some(owner) = owner {
            std::os::unix::fs::chown(place.path(), Some(owner), None).expect("run as root");
        }
        let output = in_folder(&server, &["success"], place.path()).run();
        assert_eq!(output.code, Some(0), "{output}");
        for word in ["cannot be shared", words, "DB_BUDGET_DIR="] {
            assert!(output.stderr.contains(word), "{mode:o}: no {word}: {output}");
        }
        assert_eq!(fs::read_dir(place.path()).expect("entries").count(), 0);
    }
}

#[test]
fn users_share_a_folder_that_is_open_to_all_without_trusting_each_other() {
    let server = Server::start();
    let shared = folder(0o1777);
    let command = |way: &[&str]| in_folder(&server, way, shared.path());
    // Another user was there first, with links in the place of all that can be foreseen.
    let other = command(&["success"]).by_nobody().run();
    assert_eq!(other.code, Some(0), "{other}");
    assert_eq!(other.stderr, "", "{other}");
    for slot in slots(shared.path()) {
        let about = fs::metadata(&slot).expect("a slot");
        assert_eq!(
            (about.uid(), about.mode() & 0o777),
            (NOBODY, 0o644),
            "{}",
            slot.display()
        );
    }
    // Both count together, each sees who the other is, and none writes into the other's files.
    let mut holders = vec![
        command(&["idle", "60000"]).by_nobody().spawn(),
        command(&["idle", "60000"]).spawn(),
    ];
    for holder in &mut holders {
        holder.wait_for("idle");
    }
    let held = texts_of(NOBODY, shared.path());
    for waiting in [command(&["success"]), command(&["success"]).by_nobody()] {
        let output = waiting.env("DB_ACQUIRE_TIMEOUT", "500").run();
        assert_eq!(output.code, Some(3), "{output}");
        assert_eq!(
            output.stderr.matches("exit-path idle (pid").count(),
            4,
            "{output}"
        );
    }
    assert_eq!(texts_of(NOBODY, shared.path()), held);
    drop(holders);
    let root = command(&["success"]).run();
    assert_eq!(root.code, Some(0), "{root}");
}

/// What another user's files hold, by name.
fn texts_of(uid: u32, folder: &Path) -> Vec<(PathBuf, String)> {
    let mut texts: Vec<(PathBuf, String)> = fs::read_dir(folder)
        .expect("entries")
        .flatten()
        .filter(|entry| entry.metadata().expect("a file").uid() == uid)
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).expect("a text");
            (entry.path(), text)
        })
        .collect();
    texts.sort();
    texts
}

#[test]
fn links_of_another_user_lead_nowhere() {
    let server = Server::start();
    let shared = folder(0o1777);
    let command = || in_folder(&server, &["success"], shared.path()).env("DB_ACQUIRE_TIMEOUT", "2000");
    let output = command().run();
    assert_eq!(output.code, Some(0), "{output}");
    let elsewhere = folder(0o755);
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "precious").expect("a file");
    let names: Vec<PathBuf> = fs::read_dir(shared.path())
        .expect("entries")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    for name in &names {
        fs::remove_file(name).expect("removed");
        symlink(&victim, name).expect("a link");
        let about = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        let uid = Some(rustix::process::Uid::from_raw(NOBODY));
        rustix::fs::chownat(rustix::fs::CWD, name, uid, None, about).expect("run as root");
    }
    let output: Output = command().run();
    assert!(output.stderr.contains("symbolic link"), "{output}");
    assert_eq!(fs::read_to_string(&victim).expect("the file"), "precious");
    let mode = fs::metadata(&victim).expect("the file").mode();
    assert_eq!(mode & 0o777, 0o644, "the file's mode");
}
