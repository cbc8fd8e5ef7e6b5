//! A TCP proxy that understands the framing of the MySQL protocol, to stop a client at an exact point.
//!
//! It counts the commands of a client (manual, "MySQL Packets": a packet whose sequence number is 0 begins
//! a command), and holds everything at the one it was told to stop at. The product is not changed for that.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Where to stop; commands are counted from 1 over all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The command never reaches the server.
    Before(usize),
    /// The server has the command; its answer reaches nobody, and is not waited for.
    During(usize),
    /// The server has answered; the answer reaches nobody.
    After(usize),
}

#[derive(Default)]
struct State {
    commands: Vec<String>,
    reached: bool,
    cut: bool,
    deliver: bool,
    closed: bool,
    sockets: Vec<TcpStream>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stop: Option<Stop>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Says that the point is reached, and waits until the connections are cut, or what is held is to be
    /// delivered after all: then it is true.
    fn hold(&self) -> bool {
        let mut state = self.lock();
        state.reached = true;
        self.changed.notify_all();
        while !state.cut && !state.closed && !state.deliver {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        state.deliver
    }
}

/// A running proxy; dropping it cuts what goes through it.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

const QUERY: u8 = 0x03;
const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;

impl Proxy {
    /// Passes connections on to a server on 127.0.0.1.
    pub fn start(server: u16, stop: Option<Stop>) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            stop,
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.lock().closed {
                    return;
                }
                let (Ok(client), Ok(upstream)) = (client, TcpStream::connect(("127.0.0.1", server))) else {
                    continue;
                };
                serve(&accepting, client, upstream);
            }
        });
        Proxy { port, shared }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until everything is held at the point to stop at, or `ended` says that it never will be.
    pub fn wait_reached(&self, patience: Duration, mut ended: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut state = self.shared.lock();
        loop {
            if state.reached {
                return true;
            }
            let over = ended();
            if over {
                return state.reached;
            }
            assert!(Instant::now() < deadline, "neither stopped nor ended");
            let waited = self.shared.changed.wait_timeout(state, Duration::from_millis(2));
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    /// Cuts every connection; later ones pass unhindered.
    pub fn cut(&self) {
        let mut state = self.shared.lock();
        state.cut = true;
        for socket in state.sockets.drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
    }

    /// Passes on what is held at a [`Stop::Before`], whose client is gone meanwhile, and closes that connection.
    pub fn deliver(&self) {
        self.shared.lock().deliver = true;
        self.shared.changed.notify_all();
    }

    /// The commands so far: the text of a query or of what is prepared, else the command's number.
    pub fn commands(&self) -> Vec<String> {
        self.shared.lock().commands.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.cut();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(shared: &Arc<Shared>, client: TcpStream, upstream: TcpStream) {
    let answer_held = Arc::new(Mutex::new(false));
    {
        let mut state = shared.lock();
        for socket in [&client, &upstream] {
            let _ = socket.set_nodelay(true);
            state.sockets.extend(socket.try_clone());
        }
    }
    let (Ok(client_in), Ok(upstream_in)) = (client.try_clone(), upstream.try_clone()) else {
        return;
    };
    let (sharing, holding) = (Arc::clone(shared), Arc::clone(&answer_held));
    std::thread::spawn(move || {
        let _ = commands(&sharing, client_in, &upstream, &holding);
        let _ = upstream.shutdown(Shutdown::Both);
    });
    let sharing = Arc::clone(shared);
    std::thread::spawn(move || {
        answers(&sharing, upstream_in, &client, &answer_held);
        let _ = client.shutdown(Shutdown::Both);
    });
}

/// Passes packets of the client on, counting commands.
fn commands(
    shared: &Shared,
    mut client: TcpStream,
    mut upstream: &TcpStream,
    answer_held: &Mutex<bool>,
) -> std::io::Result<()> {
    loop {
        let mut head = [0; 4];
        client.read_exact(&mut head)?;
        let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
        let mut packet = head.to_vec();
        packet.resize(4 + length, 0);
        client.read_exact(&mut packet[4..])?;
        let mut during = false;
        if head[3] == 0 {
            let number = {
                let mut state = shared.lock();
                state.commands.push(describe(&packet[4..]));
                state.commands.len()
            };
            match shared.stop {
                Some(Stop::Before(stop)) if stop == number => {
                    return match shared.hold() {
                        true => upstream.write_all(&packet),
                        false => Ok(()),
                    };
                }
                Some(Stop::After(stop)) if stop == number => *answer_held.lock().expect("no panic") = true,
                Some(Stop::During(stop)) => during = stop == number,
                _ => {}
            }
        }
        upstream.write_all(&packet)?;
        if during {
            shared.hold();
            return Ok(());
        }
    }
}

fn answers(shared: &Shared, mut upstream: TcpStream, mut client: &TcpStream, answer_held: &Mutex<bool>) {
    let mut buffer = [0; 16 << 10];
    while let Ok(read @ 1..) = upstream.read(&mut buffer) {
        if *answer_held.lock().expect("no panic") {
            shared.hold();
            return;
        }
        if client.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}

fn describe(payload: &[u8]) -> String {
    match payload {
        [QUERY | PREPARE, text @ ..] => String::from_utf8_lossy(text).into_owned(),
        [EXECUTE, ..] => "(execute)".to_owned(),
        [other, ..] => format!("(command {other:#04x})"),
        [] => "(nothing)".to_owned(),
    }
}
