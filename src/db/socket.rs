//! Duplicates the driver's socket, so that the server's FIN can be awaited after COM_QUIT.
//!
//! The driver sends COM_QUIT and closes without waiting. The server still counts the connection for a
//! moment, and on a busy machine the next dbtool process is then counted in addition. Reading the
//! socket until the server has closed its end avoids this.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::net::TcpStream;

/// File descriptors of this process that are sockets.
pub(super) fn open_sockets() -> BTreeSet<i32> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return BTreeSet::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let target = std::fs::read_link(entry.path()).ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            target.to_str()?.starts_with("socket:").then_some(number)
        })
        .collect()
}

/// A duplicate of the one connected socket that has appeared since `before` was taken.
/// `None` where the kernel cannot do it (systems other than Linux, or pidfd_getfd forbidden).
pub(super) fn duplicate_new(before: &BTreeSet<i32>) -> Option<SocketHandle> {
    #[cfg(target_os = "linux")]
    {
        let me = rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())
            .ok()?;
        open_sockets()
            .difference(before)
            .filter_map(|fd| {
                rustix::process::pidfd_getfd(&me, *fd, rustix::process::PidfdGetfdFlags::empty()).ok()
            })
            .find(|socket| rustix::net::getpeername(socket).is_ok())
            .map(|socket| SocketHandle { socket })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = before;
        None
    }
}

/// A duplicate descriptor of a connection's socket.
pub(super) struct SocketHandle {
    socket: OwnedFd,
}

impl SocketHandle {
    /// Waits until the server has closed its end, at most `bound`; returns whether it has.
    pub(super) async fn closed_by_server(self, bound: Duration) -> bool {
        // Only reading is used, which is the same for every kind of socket. The kernel wakes this task: a timer would
        // take a millisecond at least.
        let Ok(socket) = TcpStream::from_std(self.socket.into()) else {
            return false;
        };
        let closed = async {
            let mut rest = [0_u8; 512];
            loop {
                match socket.try_read(&mut rest) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if socket.readable().await.is_err() {
                            return;
                        }
                    }
                    Ok(0) | Err(_) => return,
                }
            }
        };
        tokio::time::timeout(bound, closed).await.is_ok()
    }
}
