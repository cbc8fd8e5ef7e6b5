//! Why a private server or a sandbox does not start: of each failure what happened, what to do next, and its exit code.

use std::io;
use std::path::PathBuf;

use crate::db::Flavor;
use crate::exit::{Exit, Failure, visible, visible_path};

/// A failure of a private server.
#[derive(Debug)]
pub(super) enum SandboxFailure {
    /// No server program was found.
    NoProgram { wanted: Wanted },
    /// A server program cannot be run.
    CannotRun { program: PathBuf, error: io::Error },
    /// A program is not a server.
    NotAServer { program: PathBuf, printed: String },
    /// The message files of a server program were not found.
    NoMessageFiles { program: PathBuf },
    /// A step on disk failed.
    Disk { step: DiskStep, error: io::Error },
    /// The server's package lacks a file.
    BrokenPackage { error: io::Error },
    /// The server did not do this; `log` is the end of its log.
    Server {
        flavor: Flavor,
        fault: ServerFault,
        log: String,
    },
    /// The sandbox's server ended by itself.
    Ended { log: String },
    /// There is no such migration to start with.
    NoSuchVersion { version: u32, latest: u32 },
    /// The demo data does not fit the schema.
    NoRoomForData { needed: u32 },
    /// The sandbox could not be migrated.
    NotMigrated { version: String, code: u8 },
}

/// The server program that is looked for.
#[derive(Debug)]
pub(super) enum Wanted {
    /// One of either family.
    Any,
    /// One of this family.
    Family(&'static str),
    /// The one fetched under this name.
    Fetched(String),
}

/// A step on disk.
#[derive(Debug, Clone, Copy)]
pub(super) enum DiskStep {
    /// The sandbox's directory is created.
    CreateDirectory,
    /// It is filled.
    FillDirectory,
    /// The data directory is initialised.
    Initialise,
    /// The server is started.
    Start,
    /// The server is watched.
    Watch,
}

/// What a server did not do.
#[derive(Debug, Clone, Copy)]
pub(super) enum ServerFault {
    /// It could not create its data directory.
    NoData,
    /// It took too long to create its data directory.
    SlowData,
    /// It found no free port.
    NoPort,
    /// It ended at its start.
    NotStarted,
    /// It did not accept connections in time.
    NoConnections,
}

const INSTALL_HINT: &str = "install one (no service is needed): \
Debian/Ubuntu `apt-get install mariadb-server-core mariadb-client-core`, \
Fedora `dnf install mariadb-server`, macOS `brew install mariadb`; \
or unpack MySQL without touching the system with `scripts/fetch-server mysql`; \
or name a program with DBTOOL_SERVER=/path/to/mariadbd";
const TEMP_HINT: &str = "check that the temporary folder (TMPDIR) exists, is writable and has space";
const LOG_HINT: &str = "the lines above are the end of the server's log; free what it lacks, \
or name another server with DBTOOL_SERVER";

impl ServerFault {
    fn as_str(self) -> &'static str {
        match self {
            ServerFault::NoData => "could not create its data directory",
            ServerFault::SlowData => "did not finish creating its data directory",
            ServerFault::NoPort => "found no free port",
            ServerFault::NotStarted => "did not start",
            ServerFault::NoConnections => "did not accept connections",
        }
    }
}

crate::exit::raised_as_failure!(SandboxFailure);

impl From<SandboxFailure> for Failure {
    fn from(failure: SandboxFailure) -> Failure {
        use SandboxFailure as F;
        match failure {
            F::NoProgram { wanted } => Failure::usage(
                match wanted {
                    Wanted::Any => "no MariaDB or MySQL server program was found on this machine".to_owned(),
                    Wanted::Family(family) => {
                        format!("no {family} server program was found on this machine")
                    }
                    Wanted::Fetched(name) => format!("no server called {} was found", visible(&name)),
                },
                INSTALL_HINT,
            ),
            F::CannotRun { program, error } => Failure::usage(
                format!(
                    "cannot run the server program {}: {error}",
                    visible_path(&program)
                ),
                INSTALL_HINT,
            ),
            F::NotAServer { program, printed } => Failure::usage(
                format!(
                    "{} is not a MariaDB or MySQL server: `--version` printed {printed:?}",
                    visible_path(&program)
                ),
                INSTALL_HINT,
            ),
            F::NoMessageFiles { program } => Failure::usage(
                format!(
                    "the message files of {} were not found in the share folder beside it",
                    visible_path(&program)
                ),
                INSTALL_HINT,
            ),
            F::Disk { step, error } => Failure::connect(
                match step {
                    DiskStep::CreateDirectory => format!("cannot create the sandbox's directory: {error}"),
                    DiskStep::FillDirectory => format!("cannot fill the sandbox's directory: {error}"),
                    DiskStep::Initialise => format!("cannot initialise a data directory: {error}"),
                    DiskStep::Start => format!("cannot start the server: {error}"),
                    DiskStep::Watch => error.to_string(),
                },
                TEMP_HINT,
            ),
            F::BrokenPackage { error } => {
                Failure::connect(error.to_string(), "reinstall the server's package")
            }
            F::Server { flavor, fault, log } => Failure::connect(
                format!("the private {flavor} server {}\n{}", fault.as_str(), shown(&log)),
                LOG_HINT,
            ),
            F::Ended { log } => Failure::new(
                Exit::Connect,
                format!("the sandbox's server ended by itself\n{}", shown(&log)),
                "the lines above are the end of its log; start the sandbox again",
            ),
            F::NoSuchVersion { version, latest } => Failure::usage(
                format!("there is no migration {version:03}: the last one is {latest:03}"),
                "use a lower version or --migrated-to latest",
            ),
            F::NoRoomForData { needed } => Failure::usage(
                format!("the demo data needs migration {needed:03}"),
                "leave out --bookings, or migrate at least to 002",
            ),
            F::NotMigrated { version, code } => Failure::statement(
                format!("the sandbox could not be migrated to {version} (exit code {code})"),
                "see the message above",
            ),
        }
    }
}

/// Lines of a log.
fn shown(log: &str) -> String {
    log.lines().map(visible).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::checks::{HOSTILE, check_each};

    #[test]
    fn each_names_a_next_step_and_escapes_names() {
        use SandboxFailure as F;
        let name = || HOSTILE.to_owned();
        let program = || PathBuf::from(HOSTILE);
        let log = || HOSTILE.replace('\n', " ") + "\nlast line";
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let mut cases = vec![
            (F::NoProgram { wanted: Wanted::Any }, 2),
            (
                F::NoProgram {
                    wanted: Wanted::Family("MySQL"),
                },
                2,
            ),
            (
                F::NoProgram {
                    wanted: Wanted::Fetched(name()),
                },
                2,
            ),
            (
                F::CannotRun {
                    program: program(),
                    error: denied(),
                },
                2,
            ),
            (
                F::NotAServer {
                    program: program(),
                    printed: name(),
                },
                2,
            ),
            (F::NoMessageFiles { program: program() }, 2),
            (F::BrokenPackage { error: denied() }, 3),
            (F::Ended { log: log() }, 3),
            (
                F::NoSuchVersion {
                    version: 9,
                    latest: 7,
                },
                2,
            ),
            (F::NoRoomForData { needed: 2 }, 2),
            (
                F::NotMigrated {
                    version: "002".to_owned(),
                    code: 4,
                },
                4,
            ),
        ];
        let steps = [
            DiskStep::CreateDirectory,
            DiskStep::FillDirectory,
            DiskStep::Initialise,
            DiskStep::Start,
            DiskStep::Watch,
        ];
        cases.extend(steps.map(|step| {
            (
                F::Disk {
                    step,
                    error: denied(),
                },
                3,
            )
        }));
        let faults = [
            ServerFault::NoData,
            ServerFault::SlowData,
            ServerFault::NoPort,
            ServerFault::NotStarted,
            ServerFault::NoConnections,
        ];
        let server = |fault| F::Server {
            flavor: Flavor::MariaDb,
            fault,
            log: log(),
        };
        cases.extend(faults.map(|fault| (server(fault), 3)));
        check_each(include_str!("failure.rs"), "SandboxFailure", cases, &[]);
    }
}
