//! What only calls itself a server is a plain failure: no crash, no hang, whatever it sends.

use crate::support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use support::{Cmd, dbtool};

/// A packet with its header.
fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a short packet").to_le_bytes();
    let mut bytes = vec![length[0], length[1], length[2], sequence];
    bytes.extend_from_slice(body);
    bytes
}

/// The greeting of MySQL 8.0 (manual, "Protocol::HandshakeV10").
fn greeting() -> Vec<u8> {
    let mut body = b"\x0a8.0.36\0".to_vec();
    body.extend_from_slice(&7_u32.to_le_bytes());
    body.extend_from_slice(b"12345678\0");
    body.extend_from_slice(&[0xff, 0xf7, 0xff, 2, 0, 0xff, 0xdf, 21]);
    body.extend_from_slice(&[0; 10]);
    body.extend_from_slice(b"123456789012\0mysql_native_password\0");
    packet(0, &body)
}

const OK: [u8; 7] = [0, 0, 0, 2, 0, 0, 0];

/// Answers the first `good` commands with OK and the next with `bytes`, then closes.
fn serve(mut client: TcpStream, good: usize, bytes: &[u8]) -> std::io::Result<()> {
    client.write_all(&greeting())?;
    let login = read_packet(&mut client)?;
    client.write_all(&packet(login + 1, &OK))?;
    for _ in 0..good {
        read_packet(&mut client)?;
        client.write_all(&packet(1, &OK))?;
    }
    read_packet(&mut client)?;
    client.write_all(bytes)?;
    client.shutdown(std::net::Shutdown::Write)?;
    let _ = client.read_to_end(&mut Vec::new());
    Ok(())
}

fn read_packet(client: &mut TcpStream) -> std::io::Result<u8> {
    let mut header = [0; 4];
    client.read_exact(&mut header)?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
    let mut body = vec![0; usize::try_from(length).expect("a length")];
    client.read_exact(&mut body)?;
    Ok(header[3])
}

/// A command for a server that does this with each connection.
fn command(act: impl Fn(TcpStream) + Send + Sync + 'static) -> Cmd {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            act(client);
        }
    });
    dbtool()
        .arg("check-connections")
        .env("DB_PORT", port.to_string())
        .env("DB_USER", "app")
        .env("DB_PASSWORD", "hush-hush")
        .env("DB_ACQUIRE_TIMEOUT", "700")
}

#[track_caller]
fn assert_fails_plainly(command: Cmd, what: &str) {
    let output = command.run();
    assert!(matches!(output.code, Some(3 | 4)), "{what}: {output}");
    assert!(
        output.stderr.starts_with("error: ") || output.stderr.contains("\nerror: "),
        "{what}: {output}"
    );
    assert!(!output.stderr.contains("bug of its own"), "{what}: {output}");
    assert!(!output.to_string().contains("hush"), "{what}: {output}");
}

#[test]
fn answers_that_make_no_sense_are_plain_failures() {
    let mut answers: Vec<(String, Vec<u8>)> = vec![
        (
            "the largest column count".into(),
            packet(1, &[0xfe, 255, 255, 255, 255, 255, 255, 255, 255]),
        ),
        (
            "a column count of 2^62".into(),
            packet(1, &[0xfe, 0, 0, 0, 0, 0, 0, 0, 0x40]),
        ),
        (
            "a column count of 70,000".into(),
            packet(1, &[0xfd, 0x70, 0x11, 1]),
        ),
        ("a column count cut short".into(), packet(1, &[0xfe, 255])),
        ("a request for a file".into(), packet(1, b"\xfb/etc/passwd")),
        ("nothing".into(), packet(1, &[])),
        ("an OK cut short".into(), packet(1, &[0])),
        ("an error cut short".into(), packet(1, &[0xff])),
        ("an end of rows".into(), packet(1, &[0xfe])),
        ("another sequence".into(), packet(9, &OK)),
        ("a length without a body".into(), vec![255, 255, 255, 1]),
        (
            "HTTP".into(),
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec(),
        ),
    ];
    // A column, and then a description and rows of random bytes, the same in each run.
    let mut state = 7_u32;
    for number in 0..40 {
        let mut bytes = packet(1, &[1]);
        for sequence in 2..5 {
            let body: Vec<u8> = (0..17 + number)
                .map(|_| {
                    state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                    (state >> 16) as u8
                })
                .collect();
            bytes.extend(packet(sequence, &body));
        }
        answers.push((format!("random bytes {number}"), bytes));
    }
    for (what, bytes) in answers {
        for good in [0, 1] {
            let bytes = bytes.clone();
            let act = move |client| {
                let _ = serve(client, good, &bytes);
            };
            assert_fails_plainly(command(act), &format!("{what} after {good} answers"));
        }
    }
}

#[test]
fn greetings_that_make_no_sense_are_plain_failures() {
    let whole = greeting();
    let mut greetings: Vec<Vec<u8>> = (0..whole.len())
        .step_by(5)
        .map(|end| whole[..end].to_vec())
        .collect();
    greetings.extend((4..whole.len()).step_by(6).map(|end| packet(0, &whole[4..end])));
    greetings.push(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec());
    greetings.push(packet(0, &[0xff]));
    for bytes in greetings {
        let what = format!("{bytes:?}");
        let act = move |mut client: TcpStream| {
            let _ = client.write_all(&bytes);
            let _ = client.shutdown(std::net::Shutdown::Write);
            let _ = client.read(&mut [0; 512]);
        };
        assert_fails_plainly(command(act), &what);
    }
}
