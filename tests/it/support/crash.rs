//! A private server that can be killed and started again on the same data directory.

use std::process::{Child, Command, Stdio};

use super::{Admin, PATIENCE, Server, Signal, is_alive, signal, wait_until};

/// A server and, once it was killed, its successor. Dropping it leaves nothing.
pub struct Crashing {
    // Ended before the server's directory goes.
    again: Option<Again>,
    server: Server,
    command: Vec<String>,
    pid: u32,
}

/// Started again; ends with the test.
struct Again(Child);

impl Again {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Crashing {
    /// Starts a server whose commits outlive a SIGKILL of it, as those of a server with the usual settings do.
    pub fn start(builder: super::Builder) -> Crashing {
        let server = builder
            .arg("--innodb-flush-log-at-trx-commit=1")
            .arg("--innodb-doublewrite=ON")
            .start();
        let cmdline = std::fs::read(format!("/proc/{}/cmdline", server.pid())).expect("a process");
        let command = cmdline
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty() && !word.starts_with(b"--init-file"))
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        Crashing {
            again: None,
            pid: server.pid(),
            server,
            command,
        }
    }

    /// The server; its process id is that of its first start.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Ends the running server with SIGKILL, and returns when it is gone.
    pub fn kill(&mut self) {
        signal(self.pid, Signal::KILL);
        drop(self.again.take());
        wait_until(PATIENCE, "the server is gone", || !is_alive(self.pid));
    }

    fn spawn(&self) -> Child {
        Command::new(&self.command[0])
            .args(&self.command[1..])
            .current_dir(self.server.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server program")
    }

    /// Starts it again, and returns a connection to it.
    pub fn start_again(&mut self) -> Admin {
        let mut admin = None;
        wait_until(PATIENCE, "the server is back", || {
            // It ends again where another program has taken its port meanwhile.
            if self.again.as_mut().is_none_or(Again::has_ended) {
                let again = Again(self.spawn());
                self.pid = again.0.id();
                self.again = Some(again);
            }
            admin = Admin::try_connect(&self.server.socket());
            admin.is_some()
        });
        admin.expect("waited for")
    }
}
