//! Questions to the kernel about sockets: sock_diag(7).

use std::io;

// Numbers of linux/netlink.h.
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const MESSAGE_HEADER: usize = 16;

/// A question to which the kernel answers with a message for each socket.
pub(super) fn question(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(MESSAGE_HEADER + body.len()).unwrap_or_default();
    let mut bytes = Vec::with_capacity(MESSAGE_HEADER + body.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(20_u16.to_ne_bytes()); // SOCK_DIAG_BY_FAMILY
    bytes.extend(0x301_u16.to_ne_bytes()); // NLM_F_REQUEST | NLM_F_DUMP
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// Asks, and hands over each message of the answer.
///
/// # Errors
/// The kernel does not tell.
#[cfg(target_os = "linux")]
pub(super) fn each_message(question: &[u8], mut seen: impl FnMut(&[u8])) -> io::Result<()> {
    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    // A kernel that does not answer must not hold up the picture.
    rustix::net::sockopt::set_socket_timeout(
        &socket,
        rustix::net::sockopt::Timeout::Recv,
        Some(std::time::Duration::from_millis(500)),
    )?;
    rustix::net::sendto(
        &socket,
        question,
        SendFlags::empty(),
        &netlink::SocketAddrNetlink::new(0, 0),
    )?;
    let mut buffer = vec![0_u8; 32 * 1024];
    loop {
        let (length, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if !each_in(buffer.get(..length).unwrap_or_default(), &mut seen)? {
            return Ok(());
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn each_message(_question: &[u8], _seen: impl FnMut(&[u8])) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Hands over the messages of one answer; false after the last.
fn each_in(mut answer: &[u8], seen: &mut impl FnMut(&[u8])) -> io::Result<bool> {
    while let (Some(length), Some(kind)) = (u32_at(answer, 0), u16_at(answer, 4)) {
        let length = length as usize;
        match kind {
            NLMSG_DONE => return Ok(false),
            NLMSG_ERROR => {
                let code = u32_at(answer, MESSAGE_HEADER).unwrap_or_default().cast_signed();
                return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
            }
            _ => {}
        }
        match answer.get(MESSAGE_HEADER..length) {
            Some(message) => seen(message),
            None => return Ok(false),
        }
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(true)
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_broken_answer_is_no_message() {
        for answer in [&[][..], &[1, 1, 1], &[1; 16], &[1; 19], &[0xFF; 64]] {
            let _ = super::each_in(answer, &mut |_| {});
        }
    }
}
