//! Runs the dbtool binary, and other programs, in a clean environment.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

use super::PATIENCE;

/// The binary, with no server set.
pub fn dbtool() -> Cmd {
    Cmd::new(env!("CARGO_BIN_EXE_dbtool"))
}

/// Sends a signal to a process; one that is gone is no error.
pub fn signal(pid: u32, signal: Signal) {
    let _ = kill_process(to_pid(pid), signal);
}

/// Whether a process exists (a zombie does not count).
pub fn is_alive(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X'])),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => rustix::process::test_kill_process(to_pid(pid)).is_ok(),
    }
}

fn to_pid(pid: u32) -> Pid {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process id")
}

/// A command to run: no variable inherited but `PATH`, a home, runtime, temporary, budget and working
/// folder of its own.
pub struct Cmd {
    command: Command,
    folders: Arc<TempDir>,
    input: Option<Vec<u8>>,
    keep_stdin_open: bool,
    closed_stdout: bool,
    patience: Duration,
}

/// Has programs begin with the usual answer to SIGHUP where the tests run under `nohup`: what is handled here is
/// not ignored there.
fn stop_ignoring_hangups() {
    static HANDLED: std::sync::Once = std::sync::Once::new();
    HANDLED.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        // The lowest bit is SIGHUP's.
        if mask.is_some_and(|mask| mask.trim().ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f'])) {
            let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::default());
        }
    });
}

/// The id of the user who owns nothing.
pub const NOBODY: u32 = 65_534;

impl Cmd {
    /// A program by path or name.
    pub fn new(program: impl AsRef<OsStr>) -> Cmd {
        let folders = tempfile::Builder::new()
            .prefix("dbtool-test-")
            .tempdir()
            .expect("a temporary folder");
        let mut command = Command::new(program);
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        for (variable, name) in [("HOME", "home"), ("XDG_RUNTIME_DIR", "run"), ("TMPDIR", "tmp")] {
            let folder = folders.path().join(name);
            std::fs::create_dir(&folder).expect("a folder");
            command.env(variable, folder);
        }
        // Else all tests of this user would share one budget folder.
        command.env("DB_BUDGET_DIR", folders.path().join("run/dbtool"));
        let work = folders.path().join("work");
        std::fs::create_dir(&work).expect("a folder");
        command.current_dir(work);
        Cmd {
            command,
            folders: Arc::new(folders),
            input: None,
            keep_stdin_open: false,
            closed_stdout: false,
            patience: PATIENCE * 2,
        }
    }

    /// More arguments.
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.command.args(args);
        self
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// The arguments so far.
    pub fn arguments(&self) -> Vec<String> {
        let words = self.command.get_args();
        words.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    pub(super) fn program(&self) -> &OsStr {
        self.command.get_program()
    }

    pub(super) fn variables(&self) -> Vec<(OsString, OsString)> {
        let set = self.command.get_envs();
        set.filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect()
    }

    pub(super) fn folder(&self) -> Option<&Path> {
        self.command.get_current_dir()
    }

    /// Sets a variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Unsets a variable.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// The working directory.
    pub fn dir(mut self, path: impl AsRef<Path>) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Where its folders `home`, `run`, `tmp` and `work` are. They go with the command; two
    /// commands use the same ones after [`Cmd::share_folders`].
    pub fn folders(&self) -> PathBuf {
        self.folders.path().to_path_buf()
    }

    /// Its folders, for a look at them after the command has ended.
    pub fn keep_folders(&self) -> Arc<TempDir> {
        Arc::clone(&self.folders)
    }

    /// Uses the home, runtime and temporary folder of another command, as two runs of one user do.
    pub fn share_folders(mut self, other: &Cmd) -> Self {
        self.folders = Arc::clone(&other.folders);
        for (variable, name) in [("HOME", "home"), ("XDG_RUNTIME_DIR", "run"), ("TMPDIR", "tmp")] {
            self.command.env(variable, self.folders.path().join(name));
        }
        let budget = self.folders.path().join("run/dbtool");
        self.command.env("DB_BUDGET_DIR", budget);
        self.command.current_dir(self.folders.path().join("work"));
        self
    }

    /// What it reads on its standard input; nothing unless told.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Leaves standard input open, for [`Running::write`].
    pub fn open_stdin(mut self) -> Self {
        self.keep_stdin_open = true;
        self
    }

    /// Gives it a standard output that nobody reads: every write fails with a broken pipe.
    pub fn closed_stdout(mut self) -> Self {
        self.closed_stdout = true;
        self
    }

    /// Runs it as a user who owns nothing, from folders that this user may enter; only root may.
    pub fn by_nobody(self) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folders = self.folders();
        for path in [folders.clone(), folders.join("work")] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        self.user(NOBODY)
    }

    /// Runs it as another user; only root may.
    pub fn user(mut self, uid: u32) -> Self {
        self.command.uid(uid).gid(uid);
        self
    }

    /// How long it may run before it is killed and the test fails; twice [`PATIENCE`] by default.
    #[allow(dead_code, reason = "only the benches run longer than the default")]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts it.
    #[track_caller]
    pub fn spawn(mut self) -> Running {
        let piped = self.input.is_some() || self.keep_stdin_open;
        self.command
            .stdin(if piped { Stdio::piped() } else { Stdio::null() });
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.closed_stdout {
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            self.command.stdout(writer);
        }
        stop_ignoring_hangups();
        let described = format!("{:?}", self.command.get_program());
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {described}: {error}"));
        let mut stdin = child.stdin.take();
        if let (Some(input), Some(pipe)) = (&self.input, &mut stdin) {
            // A program that ends without reading is not an error here.
            let _ = pipe.write_all(input);
        }
        if !self.keep_stdin_open {
            stdin = None;
        }
        let stdout = Gathered::start(child.stdout.take());
        let stderr = Gathered::start(child.stderr.take());
        let status_file = File::open(format!("/proc/{}/status", child.id())).ok();
        Running {
            child,
            stdin,
            stdout,
            stderr,
            status_file,
            peak: None,
            data_peak: None,
            ended: None,
            deadline: Instant::now() + self.patience,
            _folders: self.folders,
        }
    }
}

/// A stream read by a thread of its own, so that no pipe fills up.
struct Gathered {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Gathered {
    fn start(source: Option<impl Read + Send + 'static>) -> Gathered {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let thread = source.map(|mut source| {
            std::thread::spawn(move || {
                let mut buffer = [0u8; 8192];
                while let Ok(read @ 1..) = source.read(&mut buffer) {
                    sink.lock()
                        .expect("the other side does not panic")
                        .extend_from_slice(&buffer[..read]);
                }
            })
        });
        Gathered { bytes, thread }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("the reader does not panic")).into_owned()
    }

    fn all(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.so_far()
    }
}

/// A command that runs. Dropping it kills it.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Gathered,
    stderr: Gathered,
    status_file: Option<File>,
    peak: Option<u64>,
    data_peak: Option<u64>,
    ended: Option<ExitStatus>,
    deadline: Instant,
    _folders: Arc<TempDir>,
}

impl Running {
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) {
        if self.poll().is_none() {
            self::signal(self.pid(), signal);
        }
    }

    /// Writes to its standard input.
    #[track_caller]
    pub fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("started with open_stdin");
        stdin
            .write_all(text.as_bytes())
            .expect("the program reads its input");
    }

    /// What it wrote so far.
    pub fn stdout_so_far(&self) -> String {
        self.stdout.so_far()
    }

    /// What it wrote so far.
    pub fn stderr_so_far(&self) -> String {
        self.stderr.so_far()
    }

    /// Waits until either output contains `text`.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.poll().is_some();
            if ended {
                // Its last words may still be in the pipes.
                self.stdout.all();
                self.stderr.all();
            }
            let (stdout, stderr) = (self.stdout.so_far(), self.stderr.so_far());
            if stdout.contains(text) || stderr.contains(text) {
                return;
            }
            let why = if ended { "it ended" } else { "it is silent" };
            assert!(
                !ended && Instant::now() < deadline,
                "{why}: no {text:?} in\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether it has ended, noting its memory on the way.
    pub fn poll(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.note_peak();
            self.ended = self.child.try_wait().expect("a child of ours");
        }
        self.ended
    }

    /// The process's high-water mark is gone once it has ended, hence read over and over. What
    /// grows in the last millisecond is missed; the child's `ru_maxrss` is no better, because
    /// it starts from the memory of the process that forked.
    fn note_peak(&mut self) {
        let Some(file) = &mut self.status_file else { return };
        let mut text = String::new();
        if file.seek(SeekFrom::Start(0)).is_ok() && file.read_to_string(&mut text).is_ok() {
            let value = |name: &str| -> Option<u64> {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            };
            self.peak = self.peak.max(value("VmHWM:"));
            self.data_peak = self.data_peak.max(value("RssAnon:"));
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        self.stdin = None;
        let status = loop {
            if let Some(status) = self.poll() {
                break status;
            }
            if Instant::now() > self.deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                self.ended = None;
                panic!(
                    "it ran too long and was killed\n--- stdout\n{}\n--- stderr\n{}",
                    self.stdout.so_far(),
                    self.stderr.so_far()
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        Output {
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
            max_rss_kb: self.peak,
            max_data_kb: self.data_peak,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What a command left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Its peak resident memory in KiB; none where the system has no `/proc`.
    pub max_rss_kb: Option<u64>,
    /// The part of it that is the program's data, not its code, in KiB, as sampled.
    pub max_data_kb: Option<u64>,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit code {:?}, signal {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.signal, self.stdout, self.stderr
        )
    }
}
