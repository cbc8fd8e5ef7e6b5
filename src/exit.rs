//! Exit codes, and [`Failure`], the form in which every failure is reported.

use std::fmt;

use crate::cancel::{Cancelled, Signal};

/// The exit status of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, nothing wrong.
    Done,
    /// 1: the check found something (drift, a failing test, pending migrations, low headroom).
    Findings,
    /// 2: bad usage or configuration, or a database without the tables needed; nothing was attempted.
    Usage,
    /// 3: could not connect, or no free connection.
    Connect,
    /// 4: a statement failed.
    Statement,
    /// 5: another run holds the lock.
    Locked,
    /// The exit code of the command that a sandbox ran, passed on.
    ChildExit(u8),
    /// 101: dbtool itself is at fault (a panic).
    Bug,
    /// 130, 143 or 129: interrupted, after clean-up.
    Interrupted(Signal),
}

impl Exit {
    /// The numeric process exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Connect => 3,
            Exit::Statement => 4,
            Exit::Locked => 5,
            Exit::ChildExit(code) => code,
            Exit::Bug => 101,
            Exit::Interrupted(signal) => signal.exit_code(),
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit.code())
    }
}

/// A failure as the user sees it: what happened to what, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code this failure means.
    pub exit: Exit,
    /// What happened, to what. No trailing full stop, no secret.
    pub what: String,
    /// What the user can do next. Empty when there is nothing sensible to add.
    pub next: String,
}

impl Failure {
    /// A failure with an exit code of its own.
    pub fn new(exit: Exit, what: impl Into<String>, next: impl Into<String>) -> Self {
        Failure {
            exit,
            what: what.into(),
            next: next.into(),
        }
    }

    /// Bad usage or configuration (exit 2).
    pub fn usage(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, next)
    }

    /// No connection to be had (exit 3).
    pub fn connect(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Connect, what, next)
    }

    /// A statement, or work on the server, failed (exit 4).
    pub fn statement(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Statement, what, next)
    }

    /// Another run holds the lock (exit 5).
    pub fn locked(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Locked, what, next)
    }
}

impl From<Cancelled> for Failure {
    fn from(cancelled: Cancelled) -> Self {
        Self::new(Exit::Interrupted(cancelled.0), cancelled.to_string(), "")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}
