//! The keeper: a small shell that owns a sandbox's directory and server.
//!
//! No server may outlive its owner, not even one ended by SIGKILL, and a process cannot clean
//! up after its own SIGKILL. So the server is the child of a keeper, whose standard input is a
//! pipe that only the owner holds: when the owner is gone, however it went, the kernel closes
//! the pipe, the keeper reads end-of-file, stops the server and removes the directory. The
//! keeper makes the directory too, so there is no moment at which nobody is in charge of it.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to shut down before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The keeper's program. `$1` is the directory, `$2` its mode. Each line read names a step: a
/// script in the directory, run in the background; its end is told as `ended STATUS`. Signals
/// are trapped, not ignored, because what is ignored would be ignored by the server as well;
/// SIGPIPE comes when the owner is gone before it has read a report.
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

/// What the keeper last said about the step it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It runs, or is about to.
    Running,
    /// It ended with this status, as a shell counts them.
    Ended(i32),
}

/// A keeper, and through it one directory and at most one running step.
#[derive(Debug)]
pub struct Keeper {
    dir: PathBuf,
    child: Child,
    orders: Option<ChildStdin>,
    reports: ChildStdout,
    unread: Vec<u8>,
    pid: Option<Pid>,
    step: Step,
    /// Whether the directory is this keeper's; one that was there before is nobody's to remove.
    made: bool,
}

impl Keeper {
    /// Starts a keeper, which makes `dir` with this mode (octal digits).
    ///
    /// # Errors
    /// When the shell cannot be started, or the directory exists or cannot be made.
    pub fn start(dir: &Path, mode: &str) -> io::Result<Keeper> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", PROGRAM, "dbtool-sandbox-keeper"])
            .arg(dir)
            .arg(mode)
            // A group of its own: Ctrl+C in a terminal reaches the owner, who decides what ends when.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(orders), Some(reports)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the keeper has no pipes"));
        };
        let mut keeper = Keeper {
            dir: dir.to_path_buf(),
            child,
            orders: Some(orders),
            reports,
            unread: Vec::new(),
            pid: None,
            step: Step::Ended(0),
            made: false,
        };
        match keeper.line(Duration::from_secs(10))? {
            Some(line) if line == "made" => {
                keeper.made = true;
                Ok(keeper)
            }
            Some(line) => Err(io::Error::other(line)),
            None => Err(io::Error::other("the sandbox's keeper did not start")),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts a program as the next step. Its output is appended to `log`, its input comes from `input`.
    ///
    /// # Errors
    /// When the step's script cannot be written or the keeper is gone.
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
        self.step = Step::Running;
        let orders = self
            .orders
            .as_mut()
            .ok_or_else(|| io::Error::other("the keeper was dismissed"))?;
        orders.write_all(format!("{name}\n").as_bytes())?;
        orders.flush()
    }

    /// What the step is doing, after waiting up to `patience` for news.
    ///
    /// # Errors
    /// When the keeper itself is gone.
    pub fn step(&mut self, patience: Duration) -> io::Result<Step> {
        if self.step == Step::Running
            && let Some(line) = self.line(patience)?
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

    /// Stops the running step: the polite way first, unless `at_once`.
    pub fn stop(&mut self, at_once: bool) {
        let asked = Instant::now();
        let mut signal = if at_once { Signal::KILL } else { Signal::TERM };
        let mut sent = None;
        while self.step == Step::Running {
            if let Some(pid) = self.pid.filter(|_| sent != Some(signal)) {
                // Failing means that it is gone already; its end is reported all the same.
                let _ = kill_process(pid, signal);
                sent = Some(signal);
            }
            if self.step(Duration::from_millis(50)).is_err() {
                break;
            }
            if asked.elapsed() > STOP_PATIENCE {
                signal = Signal::KILL;
            }
            if asked.elapsed() > STOP_PATIENCE * 2 {
                break;
            }
        }
    }

    /// Lets the keeper remove the directory and end. Nothing is left when this returns.
    pub fn dismiss(&mut self) {
        if self.orders.take().is_none() {
            return;
        }
        let _ = self.child.wait();
        // The keeper removes it; this is for a keeper that somebody killed.
        if self.made && self.dir.exists() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }

    fn note(&mut self, line: &str) {
        if let Some(pid) = line.strip_prefix("pid ") {
            self.pid = pid.parse().ok().and_then(Pid::from_raw);
        } else if let Some(status) = line.strip_prefix("ended ") {
            self.step = Step::Ended(status.parse().unwrap_or(-1));
            self.pid = None;
        }
    }

    /// The next line the keeper says, or none within `patience`.
    fn line(&mut self, patience: Duration) -> io::Result<Option<String>> {
        let until = Instant::now() + patience;
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
                self.step = Step::Ended(-1);
                return Err(io::Error::other("the sandbox's keeper ended unexpectedly"));
            }
            self.unread.extend_from_slice(&buffer[..read]);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Whoever wants an orderly end has asked for it before.
        self.stop(true);
        self.dismiss();
    }
}

/// A word as the shell reads it back unchanged.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{Keeper, Step, quote};
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
        let mut keeper = Keeper::start(&dir, "700").expect("a keeper");
        assert!(dir.is_dir());
        let log = dir.join("log");
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        keeper
            .run("first", &words(&["sh", "-c", "echo out; exit 3"]), None, &log)
            .expect("a step");
        while keeper.step(Duration::from_secs(5)).expect("news") == Step::Running {}
        assert_eq!(keeper.step(Duration::ZERO).expect("news"), Step::Ended(3));
        assert_eq!(std::fs::read_to_string(&log).expect("the log"), "out\n");
        keeper
            .run("second", &words(&["sleep", "600"]), None, &log)
            .expect("a step");
        drop(keeper);
        assert!(!dir.exists());
    }

    #[test]
    fn an_existing_directory_is_refused() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        assert!(Keeper::start(parent.path(), "700").is_err());
        assert!(parent.path().exists());
    }
}
