//! Exit codes, and [`Failure`], the form in which every failure is reported. What can fail in an area is an enum in its
//! `failure.rs`, which becomes a [`Failure`].

/// Has `?` turn what can fail in an area into the [`Failure`] that an `anyhow::Error` carries to the end of the run.
macro_rules! raised_as_failure {
    ($failures:ty) => {
        impl From<$failures> for anyhow::Error {
            fn from(failure: $failures) -> anyhow::Error {
                $crate::exit::Failure::from(failure).into()
            }
        }
    };
}
pub(crate) use raised_as_failure;

mod failure;

use std::fmt;

pub(crate) use failure::ProcessFailure;

pub(crate) use crate::escape::{visible, visible_path};

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

/// Checks of the failures of an area, for its tests.
#[cfg(test)]
pub(crate) mod checks {
    use std::collections::BTreeSet;
    use std::fmt::Debug;

    use super::Failure;
    use crate::escape::is_control;

    /// A name that must not reach a terminal as it is.
    pub(crate) const HOSTILE: &str = "a\nb\u{1b}[31mc\u{202e}d";

    /// Checks failures made of hostile names, each with its exit code. `source` is the file of the enum `name`, each
    /// of whose variants must be among `cases`; `without_next` are those that need no advice.
    pub(crate) fn check_each<F: Debug + Into<Failure>>(
        source: &str,
        name: &str,
        cases: Vec<(F, u8)>,
        without_next: &[&str],
    ) {
        let mut seen = BTreeSet::new();
        for (case, code) in cases {
            let variant: String = format!("{case:?}")
                .chars()
                .take_while(|character| character.is_alphanumeric())
                .collect();
            let failure: Failure = case.into();
            assert_eq!(failure.exit.code(), code, "{variant}");
            assert!(
                !failure.what.is_empty() && !failure.what.ends_with('.'),
                "{variant}"
            );
            assert_eq!(
                failure.next.is_empty(),
                without_next.contains(&variant.as_str()),
                "{variant}: {}",
                failure.next
            );
            for text in [&failure.what, &failure.next] {
                // A log has several lines; a name never adds one.
                let hidden = |character| is_control(character) && character != '\n';
                assert!(
                    !text.contains(hidden) && !text.contains("a\nb"),
                    "{variant}: {text:?}"
                );
            }
            seen.insert(variant);
        }
        assert_eq!(seen, variants(source, name), "the cases of {name}");
    }

    /// The names of an enum's variants, from its source as rustfmt writes it.
    fn variants(source: &str, name: &str) -> BTreeSet<String> {
        let body = source
            .split(&format!("enum {name} {{\n"))
            .nth(1)
            .unwrap_or_default();
        let body = body.split("\n}").next().unwrap_or_default();
        body.lines()
            .filter_map(|line| line.strip_prefix("    "))
            .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
            .map(|line| line.chars().take_while(|c| c.is_alphanumeric()).collect())
            .collect()
    }
}
