//! The supervisor: a small shell process that owns a sandbox's directory and server.
//!
//! No server may outlive its owner (dbtool), not even after SIGKILL, and a process cannot clean up
//! after its own SIGKILL. So the server is the child of a supervisor, whose standard input is a pipe
//! that only the owner holds: when the owner ends, for whatever reason, the kernel closes the pipe,
//! the supervisor reads end-of-file, stops the server and removes the directory. The supervisor also
//! creates the directory, so that the directory has an owner at all times.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

/// Time a server has to shut down before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The supervisor's program. `$1` is the directory, `$2` its mode. Each line read names a step: a
/// script in the directory, run in the background; its exit is reported as `ended STATUS`. Signals
/// are trapped, not ignored, because the server would inherit an ignored signal; SIGPIPE is sent if
/// the owner ends before it has read a report.
const PROGRAM: &str = r#"
dir=$1
umask 077
trap : HUP INT TERM PIPE
mkdir -m "$2" "$dir" 2>&1 || exit 1
echo made
job=
while read -r step; do
  rm -f "$dir/pid"
  (trap : HUP INT TERM PIPE; sh "$dir/$step"; echo "ended $?") </dev/null &
  job=$!
done
tries=0
while [ -n "$job" ] && kill -0 "$job" 2>/dev/null; do
  pid=$(cat "$dir/pid" 2>/dev/null)
  if [ -n "$pid" ]; then
    if [ "$tries" -eq 0 ]; then kill -TERM "$pid"; fi
    if [ "$tries" -ge 20 ]; then kill -KILL "$pid"; fi
    tries=$((tries + 1))
  fi 2>/dev/null
  sleep 0.1
done
wait
rm -rf "$dir"
"#;

/// The last reported state of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Running or about to start.
    Running,
    /// Ended with this exit status, as reported by the shell.
    Ended(i32),
}

/// A supervisor, its directory and at most one running step.
#[derive(Debug)]
pub struct Supervisor {
    dir: PathBuf,
    child: Child,
    commands: Option<ChildStdin>,
    reports: ChildStdout,
    unread: Vec<u8>,
    pid: Option<Pid>,
    step: StepState,
    /// Whether this supervisor created the directory; one that existed before must not be removed.
    created: bool,
}

impl Supervisor {
    /// Starts a supervisor, which creates `dir` with this mode (octal digits).
    ///
    /// # Errors
    /// The shell cannot be started, or the directory exists or cannot be created.
    pub fn start(dir: &Path, mode: &str) -> io::Result<Supervisor> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", PROGRAM, "dbtool-sandbox-supervisor"])
            .arg(dir)
            .arg(mode)
            // A process group of its own: Ctrl+C in a terminal reaches the owner, which stops the server in order.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(commands), Some(reports)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the supervisor has no pipes"));
        };
        let mut supervisor = Supervisor {
            dir: dir.to_path_buf(),
            child,
            commands: Some(commands),
            reports,
            unread: Vec::new(),
            pid: None,
            step: StepState::Ended(0),
            created: false,
        };
        match supervisor.line(Duration::from_secs(10))? {
            Some(line) if line == "made" => {
                supervisor.created = true;
                Ok(supervisor)
            }
            Some(line) => Err(io::Error::other(line)),
            None => Err(io::Error::other("the sandbox's supervisor process did not start")),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts a program as the next step. Its output is appended to `log`, its input comes from `input`.
    ///
    /// # Errors
    /// The step's script cannot be written, or the supervisor has ended.
    pub fn run(
        &mut self,
        name: &str,
        command: &[String],
        input: Option<&Path>,
        log: &Path,
    ) -> io::Result<()> {
        let words: Vec<String> = command.iter().map(|word| quote(word)).collect();
        let input = input.unwrap_or(Path::new("/dev/null"));
        let script = format!(
            "echo $$ >{pid}\necho \"pid $$\"\nexec {command} <{input} >>{log} 2>&1\n",
            pid = quote(&self.dir.join("pid").to_string_lossy()),
            command = words.join(" "),
            input = quote(&input.to_string_lossy()),
            log = quote(&log.to_string_lossy()),
        );
        std::fs::write(self.dir.join(name), script)?;
        self.pid = None;
        self.step = StepState::Running;
        let commands = self
            .commands
            .as_mut()
            .ok_or_else(|| io::Error::other("the supervisor was dismissed"))?;
        commands.write_all(format!("{name}\n").as_bytes())?;
        commands.flush()
    }

    /// The state of the step, after waiting up to `timeout` for a report.
    ///
    /// # Errors
    /// The supervisor itself has ended.
    pub fn step(&mut self, timeout: Duration) -> io::Result<StepState> {
        if self.step == StepState::Running
            && let Some(line) = self.line(timeout)?
        {
            self.note(&line);
        }
        Ok(self.step)
    }

    /// The process id of the running step, once it is known.
    pub fn pid(&self) -> Option<u32> {
        self.pid
            .and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
    }

    /// Stops the running step: SIGTERM first, unless `at_once`.
    pub fn stop(&mut self, at_once: bool) {
        let started = Instant::now();
        let mut signal = if at_once { Signal::KILL } else { Signal::TERM };
        let mut sent = None;
        while self.step == StepState::Running {
            if let Some(pid) = self.pid.filter(|_| sent != Some(signal)) {
                // An error means that it has ended already; its exit is still reported.
                let _ = kill_process(pid, signal);
                sent = Some(signal);
            }
            if self.step(Duration::from_millis(50)).is_err() {
                break;
            }
            if started.elapsed() > STOP_TIMEOUT {
                signal = Signal::KILL;
            }
            if started.elapsed() > STOP_TIMEOUT * 2 {
                break;
            }
        }
    }

    /// Waits until the supervisor has removed the directory and ended.
    pub fn dismiss(&mut self) {
        if self.commands.take().is_none() {
            return;
        }
        let _ = self.child.wait();
        // The supervisor removes the directory; this covers a supervisor that was killed.
        if self.created && self.dir.exists() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }

    fn note(&mut self, line: &str) {
        if let Some(pid) = line.strip_prefix("pid ") {
            self.pid = pid.parse().ok().and_then(Pid::from_raw);
        } else if let Some(status) = line.strip_prefix("ended ") {
            self.step = StepState::Ended(status.parse().unwrap_or(-1));
            self.pid = None;
        }
    }

    /// The supervisor's next line; `None` after `timeout`.
    fn line(&mut self, timeout: Duration) -> io::Result<Option<String>> {
        let until = Instant::now() + timeout;
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut fds = [PollFd::from_borrowed_fd(self.reports.as_fd(), PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let mut buffer = [0u8; 512];
            let read = self.reports.read(&mut buffer)?;
            if read == 0 {
                self.step = StepState::Ended(-1);
                return Err(io::Error::other(
                    "the sandbox's supervisor process ended unexpectedly",
                ));
            }
            self.unread.extend_from_slice(&buffer[..read]);
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // An orderly shutdown is requested before the drop.
        self.stop(true);
        self.dismiss();
    }
}

/// Quotes a word for the shell.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{StepState, Supervisor, quote};
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn quoted_words_come_back_unchanged() {
        for word in ["plain", "it's", "a b\nc", "$(x) `y` \\ \"q\"", "", "''"] {
            let output = Command::new("/bin/sh")
                .args(["-c", &format!("printf %s {}", quote(word))])
                .output()
                .expect("a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }

    #[test]
    fn a_step_is_run_reported_and_stopped_and_the_directory_removed() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let dir = parent.path().join("kept");
        let mut supervisor = Supervisor::start(&dir, "700").expect("a supervisor");
        assert!(dir.is_dir());
        let log = dir.join("log");
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        supervisor
            .run("first", &words(&["sh", "-c", "echo out; exit 3"]), None, &log)
            .expect("a step");
        while supervisor.step(Duration::from_secs(5)).expect("news") == StepState::Running {}
        assert_eq!(
            supervisor.step(Duration::ZERO).expect("news"),
            StepState::Ended(3)
        );
        assert_eq!(std::fs::read_to_string(&log).expect("the log"), "out\n");
        supervisor
            .run("second", &words(&["sleep", "600"]), None, &log)
            .expect("a step");
        drop(supervisor);
        assert!(!dir.exists());
    }

    #[test]
    fn an_existing_directory_is_refused() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        assert!(Supervisor::start(parent.path(), "700").is_err());
        assert!(parent.path().exists());
    }
}
