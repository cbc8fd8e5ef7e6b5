//! A second hold on a connection's socket, to see the server close its end.
//!
//! The driver sends COM_QUIT and closes without waiting. The server takes the connection off its
//! books a moment later, and on a busy machine that moment is long enough for the next dbtool
//! process to be counted on top. Reading the socket until the server's end is closed removes it.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// File descriptors of this process that are sockets.
pub(super) fn sockets() -> BTreeSet<i32> {
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
/// `None` where the kernel offers no way (other systems than Linux, or pidfd_getfd forbidden).
pub(super) fn hold_new(before: &BTreeSet<i32>) -> Option<Hold> {
    #[cfg(target_os = "linux")]
    {
        let me = rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())
            .ok()?;
        sockets()
            .difference(before)
            .filter_map(|fd| {
                rustix::process::pidfd_getfd(&me, *fd, rustix::process::PidfdGetfdFlags::empty()).ok()
            })
            .find(|socket| rustix::net::getpeername(socket).is_ok())
            .map(|socket| Hold { socket })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = before;
        None
    }
}

/// A duplicate descriptor of a connection's socket.
pub(super) struct Hold {
    socket: OwnedFd,
}

impl Hold {
    /// Waits until the server has closed its end, at most `bound`; says whether it has.
    pub(super) async fn closed_by_server(&self, bound: Duration) -> bool {
        let started = tokio::time::Instant::now();
        let mut pause = Duration::from_micros(50);
        while !self.at_end() {
            if started.elapsed() >= bound {
                return false;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(5));
        }
        true
    }

    /// Reads what is left, without waiting; true at the end of the stream or on an error.
    fn at_end(&self) -> bool {
        let mut rest = [0_u8; 512];
        loop {
            match rustix::net::recv(&self.socket, &mut rest, rustix::net::RecvFlags::DONTWAIT) {
                Ok((0, _)) => return true,
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => return false,
                Err(_) => return true,
            }
        }
    }
}
