//! Ending a process of this host: through a pidfd, so that a reused id is never hit.

use std::fmt;

use super::Process;

/// Why a process is not, or cannot be, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It has ended by itself.
    Gone,
    /// It belongs to another user.
    NotOurs,
    /// The system refused in these words.
    Failed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Gone => f.write_str("had ended meanwhile"),
            Refusal::NotOurs => f.write_str("belongs to another user: run this as root (sudo -E)"),
            Refusal::Failed(why) => write!(f, "the system refused: {why}"),
        }
    }
}

/// A process that cannot become another one while this value lives.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct Held(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Held {
    /// Takes hold of exactly this process: the same id, start and command line.
    ///
    /// # Errors
    /// It has ended, or cannot be taken hold of.
    pub fn of(process: &Process) -> Result<Held, Refusal> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(Refusal::Gone)?;
        let held = Held(pidfd_open(pid, PidfdFlags::empty()).map_err(refusal)?);
        // Looked at after it is held: what has this id now keeps it.
        let now = super::process(process.pid).ok_or(Refusal::Gone)?;
        match now.started == process.started && now.command == process.command {
            true => Ok(held),
            false => Err(Refusal::Gone),
        }
    }

    /// Asks it to end (SIGTERM), or ends it (SIGKILL).
    ///
    /// # Errors
    /// It has ended, or belongs to another user.
    pub fn end(&self, at_once: bool) -> Result<(), Refusal> {
        use rustix::process::{Signal, pidfd_send_signal};
        let signal = if at_once { Signal::KILL } else { Signal::TERM };
        pidfd_send_signal(&self.0, signal).map_err(refusal)
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

#[cfg(target_os = "linux")]
fn refusal(error: rustix::io::Errno) -> Refusal {
    match error {
        rustix::io::Errno::SRCH => Refusal::Gone,
        rustix::io::Errno::PERM => Refusal::NotOurs,
        other => Refusal::Failed(other.to_string()),
    }
}

/// Elsewhere no process can be held on to.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct Held;

#[cfg(not(target_os = "linux"))]
impl Held {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn of(_process: &Process) -> Result<Held, Refusal> {
        Err(Refusal::Failed(
            "only Linux keeps a process's id from being reused".into(),
        ))
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn end(&self, _at_once: bool) -> Result<(), Refusal> {
        Err(Refusal::Gone)
    }

    /// Nothing is held.
    pub fn has_ended(&self) -> bool {
        true
    }
}

/// This process and those that started it.
pub fn own_ancestors() -> Vec<u32> {
    let mut ancestors = vec![std::process::id()];
    let mut next = std::process::id();
    while let Some((parent, _)) = super::process(next).and_then(|process| process.parent) {
        if parent == 0 || ancestors.contains(&parent) {
            break;
        }
        ancestors.push(parent);
        next = parent;
    }
    ancestors
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn only_exactly_the_process_that_was_seen_is_ended() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .expect("a child");
        let seen = loop {
            // Until it has become the other program.
            let seen = super::super::process(child.id()).expect("a process");
            if seen.command == "sleep 600" {
                break seen;
            }
        };
        let earlier = Process {
            started: UNIX_EPOCH.checked_add(Duration::from_secs(1)),
            ..seen.clone()
        };
        assert_eq!(Held::of(&earlier).map(|_| ()), Err(Refusal::Gone));
        let held = Held::of(&seen).expect("the child");
        assert!(!held.has_ended());
        held.end(false).expect("a signal");
        child.wait().expect("its end");
        assert!(held.has_ended());
        assert_eq!(held.end(false), Err(Refusal::Gone));
        assert_eq!(Held::of(&seen).map(|_| ()), Err(Refusal::Gone));
    }

    #[test]
    fn the_own_ancestors_are_known() {
        let ancestors = own_ancestors();
        assert_eq!(ancestors[0], std::process::id());
        assert_eq!(ancestors[1], std::os::unix::process::parent_id());
    }
}
