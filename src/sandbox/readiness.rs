//! Checks whether a starting server accepts logins.
//!
//! It does a complete login with COM_QUIT: the server counts a connection that is just closed in
//! `Aborted_connects`, which the users of a sandbox watch. The packets are those of the
//! client/server protocol, version 10 (MySQL internals manual, "Connection Phase").

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

const CLIENT_LONG_PASSWORD: u32 = 1;
const CLIENT_PROTOCOL_41: u32 = 0x200;
const CLIENT_TRANSACTIONS: u32 = 0x2000;
const CLIENT_SECURE_CONNECTION: u32 = 0x8000;
const CLIENT_PLUGIN_AUTH: u32 = 0x8_0000;
const COM_QUIT: u8 = 1;
const OK: u8 = 0;
const AUTH_SWITCH: u8 = 0xfe;
const AUTH_MORE: u8 = 0x01;

/// Time limit of one read or write once the socket accepts connections.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Logs in as `root` without a password over the socket and closes with COM_QUIT.
///
/// # Errors
/// The login did not succeed, which is normal while a server starts.
pub fn login(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let (sequence, greeting) = read_packet(&mut stream)?;
    let plugin = plugin_of(&greeting)?;
    write_packet(&mut stream, sequence + 1, &response(&plugin))?;
    loop {
        let (sequence, answer) = read_packet(&mut stream)?;
        match answer.first() {
            Some(&OK) => break,
            // An empty password is an empty response to native_password and a single NUL to the sha2 plugin.
            Some(&AUTH_SWITCH) if answer[1..].starts_with(b"caching_sha2_password\0") => {
                write_packet(&mut stream, sequence + 1, &[0])?;
            }
            Some(&AUTH_SWITCH) => write_packet(&mut stream, sequence + 1, &[])?,
            Some(&AUTH_MORE) => {}
            _ => return Err(login_error(&answer)),
        }
    }
    write_packet(&mut stream, 0, &[COM_QUIT])?;
    // The server closes the connection after COM_QUIT; wait for that, so that no connection remains.
    let _ = stream.read(&mut [0u8; 1]);
    Ok(())
}

fn read_packet(stream: &mut UnixStream) -> io::Result<(u8, Vec<u8>)> {
    let mut header = [0u8; 4];
    stream.read_exact(&mut header)?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize;
    let mut packet = vec![0u8; length];
    stream.read_exact(&mut packet)?;
    Ok((header[3], packet))
}

fn write_packet(stream: &mut UnixStream, sequence: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len())
        .map_err(io::Error::other)?
        .to_le_bytes();
    let mut packet = vec![length[0], length[1], length[2], sequence];
    packet.extend_from_slice(payload);
    stream.write_all(&packet)
}

/// The authentication plugin named in a greeting.
fn plugin_of(greeting: &[u8]) -> io::Result<String> {
    if greeting.first() != Some(&10) {
        return Err(login_error(greeting));
    }
    // version text, NUL, thread id 4, salt 8, filler 1, flags 2, charset 1, status 2, flags 2,
    // salt length 1, reserved 10, rest of the salt, plugin name, NUL
    let version = greeting
        .iter()
        .skip(1)
        .position(|byte| *byte == 0)
        .map_or(greeting.len(), |end| end + 2);
    let salt = greeting.get(version + 20).copied().unwrap_or(0);
    let start = version + 31 + usize::from(salt.saturating_sub(8).max(13));
    let name = greeting.get(start..).unwrap_or_default();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// The login packet of root without a password.
fn response(plugin: &str) -> Vec<u8> {
    let flags = CLIENT_LONG_PASSWORD
        | CLIENT_PROTOCOL_41
        | CLIENT_TRANSACTIONS
        | CLIENT_SECURE_CONNECTION
        | CLIENT_PLUGIN_AUTH;
    let mut packet = Vec::new();
    packet.extend_from_slice(&flags.to_le_bytes());
    packet.extend_from_slice(&(1u32 << 24).to_le_bytes());
    packet.push(45); // utf8mb4
    packet.extend_from_slice(&[0; 23]);
    packet.extend_from_slice(b"root\0");
    packet.push(0); // length of the scrambled password
    packet.extend_from_slice(plugin.as_bytes());
    packet.push(0);
    packet
}

fn login_error(packet: &[u8]) -> io::Error {
    // Error packet: 0xff, 2 bytes of code, '#' and 5 characters of SQLSTATE, then the text.
    let text = packet.get(3..).unwrap_or_default();
    let text = if text.first() == Some(&b'#') {
        text.get(6..).unwrap_or_default()
    } else {
        text
    };
    io::Error::other(format!(
        "the server rejected the login: {}",
        String::from_utf8_lossy(text)
    ))
}

#[cfg(test)]
mod tests {
    use super::plugin_of;

    #[test]
    fn the_plugin_stands_at_the_end_of_the_greeting() {
        let mut greeting = vec![10];
        greeting.extend_from_slice(b"5.5.5-10.11.6-MariaDB\0");
        greeting.extend_from_slice(&[1, 0, 0, 0]);
        greeting.extend_from_slice(b"abcdefgh\0");
        greeting.extend_from_slice(&[0xfe, 0xf7, 45, 2, 0, 0xff, 0x81, 21]);
        greeting.extend_from_slice(&[0; 10]);
        greeting.extend_from_slice(b"ijklmnopqrst\0");
        greeting.extend_from_slice(b"mysql_native_password\0");
        assert_eq!(
            plugin_of(&greeting).ok().as_deref(),
            Some("mysql_native_password")
        );
        assert!(plugin_of(&[0xff, 0x10, 0x04, b'#']).is_err());
        assert!(plugin_of(&[]).is_err());
        assert_eq!(plugin_of(&[10]).ok().as_deref(), Some(""));
    }
}
