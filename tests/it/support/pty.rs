//! A command in a terminal: what it shows, and in which state it leaves the terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use tempfile::TempDir;

use super::PATIENCE;
use super::cmd::{Cmd, Signal, signal};

/// A command that runs in a terminal of its own. Dropping it kills it.
pub struct Pty {
    child: Child,
    master: File,
    /// The command's side, held open so that the terminal outlives it.
    side: OwnedFd,
    before: Termios,
    screen: Arc<Mutex<vt100::Parser>>,
    ended: Option<(Option<i32>, Option<i32>)>,
    _folders: Arc<TempDir>,
}

impl Cmd {
    /// Starts it in a terminal of this size.
    #[track_caller]
    pub fn in_terminal(self, columns: u16, rows: u16) -> Pty {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let side = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its side");
        set_size(&side, columns, rows);
        let before = tcgetattr(&side).expect("its modes");
        // setsid makes it the terminal of the command's session, so that signals of the terminal arrive.
        let stream = || Stdio::from(side.try_clone().expect("a stream"));
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(self.program()).args(self.arguments());
        command
            .env_clear()
            .envs(self.variables())
            .env("TERM", "xterm-256color");
        if let Some(folder) = self.folder() {
            command.current_dir(folder);
        }
        command.stdin(stream()).stdout(stream()).stderr(stream());
        let child = command.spawn().expect("setsid (util-linux) runs the command");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(columns), 0)));
        let mut master = File::from(master);
        let (mut output, sink) = (master.try_clone().expect("a copy"), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut buffer = [0u8; 8192];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                sink.lock().expect("no panic").process(&buffer[..read]);
            }
        });
        master.flush().expect("a terminal");
        Pty {
            child,
            master,
            side,
            before,
            screen,
            ended: None,
            _folders: self.keep_folders(),
        }
    }
}

fn cells(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a size")
}

fn set_size(side: &OwnedFd, columns: u16, rows: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(side, size).expect("the terminal takes its size");
}

impl Pty {
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its peak resident memory so far in KiB; none where the system has no `/proc`.
    pub fn peak_kb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.master
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let mut screen = self.screen.lock().expect("no panic");
        screen.screen_mut().set_size(cells(rows), cells(columns));
        set_size(&self.side, columns, rows);
    }

    /// Sends a signal.
    pub fn signal(&mut self, number: Signal) {
        if self.poll().is_none() {
            signal(self.pid(), number);
        }
    }

    /// What the terminal shows.
    pub fn frame(&self) -> String {
        self.screen.lock().expect("no panic").screen().contents()
    }

    /// Whether it shows the alternate screen, and whether it hides the cursor.
    pub fn is_taken(&self) -> (bool, bool) {
        let parser = self.screen.lock().expect("no panic");
        (parser.screen().alternate_screen(), parser.screen().hide_cursor())
    }

    /// Waits until the frame is as it should be; panics with the last one.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, mut fits: impl FnMut(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let frame = self.frame();
            if fits(&frame) {
                return frame;
            }
            let ended = self.poll();
            assert!(
                Instant::now() < deadline && ended.is_none(),
                "waited in vain: {what} (ended: {ended:?})\n{frame}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the frame contains a text.
    #[track_caller]
    pub fn wait_for_text(&mut self, text: &str) -> String {
        self.wait_for(text, |frame| frame.contains(text))
    }

    /// As [`Pty::wait_for_text`], of a command that has ended.
    #[track_caller]
    pub fn wait_for_end_text(&self, text: &str) -> String {
        super::wait_until(PATIENCE, text, || self.frame().contains(text));
        self.frame()
    }

    /// Whether anything on the screen has a colour.
    pub fn has_colour(&self) -> bool {
        let parser = self.screen.lock().expect("no panic");
        let screen = parser.screen();
        let (rows, columns) = screen.size();
        (0..rows.get()).any(|row| {
            (0..columns.get()).any(|column| {
                screen
                    .cell(row, column)
                    .is_some_and(|cell| cell.fgcolor() != vt100::Color::Default)
            })
        })
    }

    /// The exit code and the signal, if it has ended.
    pub fn poll(&mut self) -> Option<(Option<i32>, Option<i32>)> {
        if self.ended.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.ended = Some((status.code(), status.signal()));
        }
        self.ended
    }

    /// Waits for the end: the exit code. The terminal must be as it was before.
    #[track_caller]
    pub fn wait(&mut self) -> Option<i32> {
        super::wait_until(PATIENCE, "the end of the command", || self.poll().is_some());
        self.assert_restored();
        self.poll().and_then(|(code, _)| code)
    }

    /// Fails unless the terminal is as it was before the command had it.
    #[track_caller]
    pub fn assert_restored(&mut self) {
        // The last bytes may still be on their way through the thread that reads them.
        super::wait_until(PATIENCE, "the ordinary screen and the cursor", || {
            self.is_taken() == (false, false)
        });
        let now = tcgetattr(&self.side).expect("its modes");
        let modes = |of: &Termios| (of.input_modes, of.output_modes, of.control_modes, of.local_modes);
        assert_eq!(modes(&now), modes(&self.before), "the modes of the terminal");
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if self.poll().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
