//! The program examples/exit_paths.rs, which uses the library in ways that no command does.

use std::path::{Path, PathBuf};

use super::{Account, Cmd, Server};

/// The program, configured to connect as dbtool does.
pub fn exit_path(server: &Server, way: &[&str]) -> Cmd {
    exit_path_as(server, server.account(), way)
}

/// The program, configured to connect as `account`.
pub fn exit_path_as(server: &Server, account: &Account, way: &[&str]) -> Cmd {
    Cmd::new(program())
        .args(way)
        .env("DB_HOST", "127.0.0.1")
        .env("DB_PORT", server.port().to_string())
        .env("DB_USER", &account.user)
        .env("DB_PASSWORD", account.password.reveal())
        .env("DB_NAME", &account.database)
}

fn program() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_dbtool"))
        .parent()
        .expect("a folder");
    let program = folder.join("examples/exit_paths");
    assert!(
        program.exists(),
        "{} is missing: build it with `cargo build --example exit_paths` (a plain `cargo test` does)",
        program.display()
    );
    program
}

/// The slots under a command's runtime folder that some process holds.
pub fn held_slots(folders: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(folders.join("run/dbtool")) else {
        return Vec::new();
    };
    files
        .flatten()
        .map(|file| file.path())
        .filter(|path| path.to_string_lossy().contains(".slot."))
        .filter(|path| std::fs::File::open(path).is_ok_and(|file| file.try_lock().is_err()))
        .collect()
}

/// How many connections the account `app` has, by the server's processlist.
pub const CONNECTIONS_OF_APP: &str = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'";

/// Samples the number of `app`'s connections until told to stop; gives the highest.
pub struct Sampler {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: std::thread::JoinHandle<(u64, u64)>,
}

impl Sampler {
    /// Starts sampling `server` about every millisecond with `query`, whose answer is a number.
    pub fn start(server: &Server, query: &'static str) -> Sampler {
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = stop.clone();
        let mut admin = server.admin();
        let thread = std::thread::spawn(move || {
            let (mut peak, mut samples) = (0, 0);
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                peak = peak.max(admin.number(query));
                samples += 1;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            (peak, samples)
        });
        Sampler { stop, thread }
    }

    /// The highest number seen, and how many samples were taken.
    pub fn finish(self) -> (u64, u64) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        self.thread.join().expect("the sampler asks without error")
    }
}
