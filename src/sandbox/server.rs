//! Starts and removes a private server.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::distr::Alphanumeric;

use super::failure::{DiskStep, SandboxFailure, ServerFault};
use super::{mariadb, mysql};
use crate::cancel::Cancel;
use crate::exit::Failure;
use crate::sandbox::discover::ServerBinary;
use crate::sandbox::readiness;
use crate::sandbox::run_as::RunAs;
use crate::sandbox::supervisor::{StepState, Supervisor};
use crate::sandbox::template::Template;

/// Time limit for creating a data directory, and for the start. Measured on two cores: 0.5 s and
/// 0.2 s for MariaDB 10.11, 2.5 s and 1 s for MySQL 9.7; a busy CI machine is slower.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// The longest path of a unix socket, without its terminating NUL (unix(7); 104 on macOS).
const LONGEST_SOCKET_PATH: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// Number of ports to try: another process may take a free port before the server binds it.
const PORT_TRIES: usize = 5;

/// Options of a private server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The server program.
    pub binary: ServerBinary,
    /// `max_connections`.
    pub max_connections: u32,
    /// Buffer pool size in bytes.
    pub buffer_pool: u64,
    /// Redo log size in bytes. MariaDB and MySQL reject blobs that are large compared with it.
    pub redo_log: u64,
    /// More server arguments, which override those set here.
    pub args: Vec<String>,
    /// Statements, each on one line, that the server runs before it accepts connections.
    pub setup: Vec<String>,
    /// A template of the data directory: copied if it exists, created if not.
    pub template: Option<PathBuf>,
    /// Stop with SIGKILL: the data directory is discarded.
    pub stop_at_once: bool,
    /// Cancels the start.
    pub cancel: Cancel,
}

impl ServerOptions {
    /// Options with a sandbox's default sizes.
    pub fn new(binary: ServerBinary) -> Self {
        ServerOptions {
            binary,
            max_connections: 30,
            buffer_pool: 64 << 20,
            redo_log: 96 << 20,
            args: Vec::new(),
            setup: Vec::new(),
            template: None,
            stop_at_once: false,
            cancel: Cancel::new(),
        }
    }
}

/// A running private server. Dropping it stops the server and removes its directory.
#[derive(Debug)]
pub struct PrivateServer {
    supervisor: Supervisor,
    binary: ServerBinary,
    port: u16,
    pid: u32,
    stop_at_once: bool,
}

impl PrivateServer {
    /// Starts a server in a directory of its own and waits until it accepts logins. `root` can log in
    /// over the socket without a password; over TCP only the accounts that `setup` creates can log in.
    ///
    /// # Errors
    /// A failure that quotes the end of the server's log, or a cancellation.
    pub fn start(options: &ServerOptions) -> Result<PrivateServer, Failure> {
        let run_as = RunAs::choose(&[&parent_folder(), &options.binary.share, &options.binary.program]);
        let supervisor = make_directory(run_as).map_err(at(DiskStep::CreateDirectory))?;
        let files = ServerFiles::create(supervisor.dir(), run_as).map_err(at(DiskStep::FillDirectory))?;
        let mut starting = Starting {
            supervisor,
            files,
            options,
        };
        starting.prepare()?;
        let (port, pid) = starting.serve()?;
        Ok(PrivateServer {
            supervisor: starting.supervisor,
            binary: options.binary.clone(),
            port,
            pid,
            stop_at_once: options.stop_at_once,
        })
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The unix socket.
    pub fn socket(&self) -> PathBuf {
        self.dir().join("run/s.sock")
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The sandbox's directory, which will be removed.
    pub fn dir(&self) -> &Path {
        self.supervisor.dir()
    }

    /// The server program.
    pub fn binary(&self) -> &ServerBinary {
        &self.binary
    }

    /// The end of the server's log.
    pub fn log_tail(&self) -> String {
        log_tail(&self.dir().join("run/server.log"))
    }

    /// Whether the server still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.supervisor.step(Duration::ZERO), Ok(StepState::Running))
    }

    /// Stops the server and removes the directory before it returns.
    pub fn stop(mut self) {
        self.shut();
    }

    fn shut(&mut self) {
        self.supervisor.stop(self.stop_at_once);
        self.supervisor.dismiss();
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        self.shut();
    }
}

/// The failure of a step on disk.
fn at(step: DiskStep) -> impl Fn(io::Error) -> SandboxFailure + Copy {
    move |error| SandboxFailure::Disk { step, error }
}

/// The parent folder of sandboxes: the temporary folder, or `/tmp` if a socket's path would be too long in it.
fn parent_folder() -> PathBuf {
    let temporary = std::env::temp_dir();
    let longest = temporary.as_os_str().len() + "/dbtool-12345678/run/s.sock".len();
    let fits = temporary.is_absolute() && longest <= LONGEST_SOCKET_PATH;
    if fits { temporary } else { PathBuf::from("/tmp") }
}

fn make_directory(run_as: RunAs) -> io::Result<Supervisor> {
    let parent = parent_folder();
    // A server that runs as another user must reach its folders inside, but must not list them.
    let mode = if matches!(run_as, RunAs::Other { .. }) {
        "711"
    } else {
        "700"
    };
    let mut last = io::Error::other("no name was free");
    for _ in 0..3 {
        let name: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(8)
            .map(char::from)
            .collect();
        match Supervisor::start(&parent.join(format!("dbtool-{name}")), mode) {
            Ok(supervisor) => return Ok(supervisor),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Paths inside a sandbox's directory.
#[derive(Debug)]
struct ServerFiles {
    data: PathBuf,
    run: PathBuf,
    log: PathBuf,
    socket: PathBuf,
    init_file: PathBuf,
    run_as: RunAs,
}

impl ServerFiles {
    /// Creates the folders that the server writes to and changes their owner to its user. Root of a
    /// restricted user namespace cannot change owners and runs the server itself.
    fn create(dir: &Path, run_as: RunAs) -> io::Result<Self> {
        let (data, run) = (dir.join("data"), dir.join("run"));
        let mut run_as = run_as;
        for folder in [&run, &data] {
            DirBuilder::new().mode(0o700).create(folder)?;
            if run_as.give(folder).is_err() {
                run_as = RunAs::Root;
            }
        }
        Ok(ServerFiles {
            data,
            log: run.join("server.log"),
            socket: run.join("s.sock"),
            init_file: run.join("init.sql"),
            run,
            run_as,
        })
    }

    /// Writes a file that only the server's user can read.
    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        fs::write(path, "")?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        fs::write(path, text)?;
        self.run_as.give(path)
    }
}

/// A server that is starting.
struct Starting<'a> {
    supervisor: Supervisor,
    files: ServerFiles,
    options: &'a ServerOptions,
}

impl Starting<'_> {
    /// Creates the data directory: from a template, or by running the server.
    fn prepare(&mut self) -> Result<(), Failure> {
        let on_disk = at(DiskStep::FillDirectory);
        let template = self
            .options
            .template
            .as_deref()
            .map(Template::lock)
            .transpose()
            .map_err(on_disk)?;
        if let Some(template) = &template
            && template.copy_to(&self.files.data).map_err(on_disk)?
        {
            give_recursively(&self.files.data, self.files.run_as).map_err(on_disk)?;
            return Ok(());
        }
        self.initialise()?;
        if let Some(template) = &template {
            template.keep(&self.files.data).map_err(on_disk)?;
        }
        Ok(())
    }

    fn initialise(&mut self) -> Result<(), Failure> {
        let on_disk = at(DiskStep::Initialise);
        let mut command = self.command();
        let flavor = self.options.binary.flavor;
        command.push(flavor.pick(mysql::INITIALISE, mariadb::INITIALISE).to_owned());
        let input = match flavor.pick(mysql::NEEDS_SYSTEM_TABLES, mariadb::NEEDS_SYSTEM_TABLES) {
            false => None,
            true => {
                let sql = system_tables(&self.options.binary.share)
                    .map_err(|error| SandboxFailure::BrokenPackage { error })?;
                let path = self.files.run.join("bootstrap.sql");
                self.files.write(&path, &sql).map_err(on_disk)?;
                Some(path)
            }
        };
        self.supervisor
            .run("init", &command, input.as_deref(), &self.files.log)
            .map_err(on_disk)?;
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            self.check_cancelled()?;
            match self.supervisor.step(Duration::from_millis(50)).map_err(on_disk)? {
                StepState::Ended(0) => break,
                StepState::Ended(_) => return Err(self.with_log(ServerFault::NoData)),
                StepState::Running if Instant::now() > deadline => {
                    return Err(self.with_log(ServerFault::SlowData));
                }
                StepState::Running => {}
            }
        }
        input.map_or(Ok(()), fs::remove_file).map_err(on_disk)?;
        Ok(())
    }

    /// Starts the server on a free port. Returns the port and the process id.
    fn serve(&mut self) -> Result<(u16, u32), Failure> {
        let on_disk = at(DiskStep::Start);
        for attempt in 1.. {
            let port = free_port().map_err(on_disk)?;
            let mut command = self.command();
            command.extend(serving_arguments(self.options, &self.files, port));
            if !self.options.setup.is_empty() {
                self.files
                    .write(&self.files.init_file, &(self.options.setup.join("\n") + "\n"))
                    .map_err(on_disk)?;
                command.push(format!("--init-file={}", self.files.init_file.display()));
            }
            command.extend(self.options.args.iter().cloned());
            self.supervisor
                .run("server", &command, None, &self.files.log)
                .map_err(on_disk)?;
            if let Some(pid) = self.wait_until_ready(attempt < PORT_TRIES)? {
                // It may contain a password, and the server has read it.
                let _ = fs::remove_file(&self.files.init_file);
                return Ok((port, pid));
            }
        }
        Err(self.with_log(ServerFault::NoPort))
    }

    /// The server's process id once it accepts logins; `None` if its port was taken and another can be tried.
    fn wait_until_ready(&mut self, may_retry: bool) -> Result<Option<u32>, Failure> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            self.check_cancelled()?;
            let step = self
                .supervisor
                .step(Duration::from_millis(10))
                .map_err(at(DiskStep::Watch))?;
            if step != StepState::Running {
                if may_retry && log_tail(&self.files.log).contains("Address already in use") {
                    let _ = fs::remove_file(&self.files.log);
                    return Ok(None);
                }
                return Err(self.with_log(ServerFault::NotStarted));
            }
            if self.files.socket.exists()
                && readiness::login(&self.files.socket).is_ok()
                && let Some(pid) = self.supervisor.pid()
            {
                return Ok(Some(pid));
            }
            if Instant::now() > deadline {
                return Err(self.with_log(ServerFault::NoConnections));
            }
        }
    }

    fn check_cancelled(&self) -> Result<(), Failure> {
        self.options.cancel.check().map_err(Failure::from)
    }

    fn with_log(&self, fault: ServerFault) -> Failure {
        SandboxFailure::Server {
            flavor: self.options.binary.flavor,
            fault,
            log: log_tail(&self.files.log),
        }
        .into()
    }

    /// The program and the arguments common to all its starts.
    fn command(&self) -> Vec<String> {
        let binary = &self.options.binary;
        let mut command = vec![
            binary.program.display().to_string(),
            "--no-defaults".to_owned(),
            format!("--basedir={}", binary.basedir.display()),
            format!("--datadir={}", self.files.data.display()),
            format!("--lc-messages-dir={}", binary.share.display()),
            format!("--tmpdir={}", self.files.run.display()),
            // The default is a fixed folder (which may not exist) or the whole file system.
            format!("--secure-file-priv={}", self.files.run.display()),
            format!("--innodb-buffer-pool-size={}", self.options.buffer_pool),
            "--skip-log-bin".to_owned(),
            // The data is temporary: do not wait for the disk.
            "--innodb-flush-log-at-trx-commit=0".to_owned(),
            "--loose-innodb-flush-method=nosync".to_owned(),
            "--loose-skip-innodb-doublewrite".to_owned(),
        ];
        command.extend(self.files.run_as.arguments());
        let redo_log = self.options.redo_log;
        let storage = binary
            .flavor
            .pick(mysql::storage(redo_log), mariadb::storage(redo_log));
        command.extend(storage);
        command
    }
}

/// The arguments of a server that accepts connections.
fn serving_arguments(options: &ServerOptions, files: &ServerFiles, port: u16) -> Vec<String> {
    let mut arguments = vec![
        format!("--socket={}", files.socket.display()),
        format!("--pid-file={}", files.run.join("server.pid").display()),
        format!("--port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--max-connections={}", options.max_connections),
        // Also restricts root, who has no password, to the socket: 127.0.0.1 is then not `localhost`.
        "--skip-name-resolve".to_owned(),
        "--innodb-buffer-pool-load-at-startup=OFF".to_owned(),
        "--innodb-buffer-pool-dump-at-shutdown=OFF".to_owned(),
        "--innodb-fast-shutdown=2".to_owned(),
    ];
    arguments.push(
        options
            .binary
            .flavor
            .pick(mysql::FEATURES_OFF, mariadb::FEATURES_OFF)
            .to_owned(),
    );
    arguments
}

/// A port that is free at this moment.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// SQL that creates MariaDB's system tables: the files of `mariadb-install-db` (a script that some
/// packages omit), without the help texts (half of the time) and the anonymous users.
fn system_tables(share: &Path) -> io::Result<String> {
    let mut sql = String::from("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n");
    for file in [
        "system_tables.sql",
        "performance_tables.sql",
        "system_tables_data.sql",
        "sys_schema.sql",
    ] {
        let paths = ["mariadb", "mysql"].map(|prefix| share.join(format!("{prefix}_{file}")));
        let path = paths.iter().find(|path| path.is_file()).unwrap_or(&paths[0]);
        let text = fs::read(path).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))
        })?;
        sql.push_str(&String::from_utf8_lossy(&text));
        sql.push('\n');
    }
    // Root without a password may use the socket only: remove host names of this machine and the empty user.
    sql.push_str("DELETE FROM mysql.global_priv WHERE User='' OR (User='root' AND Host<>'localhost');\n");
    Ok(sql)
}

fn give_recursively(folder: &Path, run_as: RunAs) -> io::Result<()> {
    if run_as == RunAs::CurrentUser {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        run_as.give(&entry.path())?;
        if entry.file_type()?.is_dir() {
            give_recursively(&entry.path(), run_as)?;
        }
    }
    Ok(())
}

/// The last lines of a log, without notes if there are other lines.
fn log_tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let errors: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("[Note]") && !line.contains("[System]"))
        .collect();
    let lines = if errors.is_empty() {
        text.lines().collect()
    } else {
        errors
    };
    let start = lines.len().saturating_sub(12);
    lines[start..]
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
