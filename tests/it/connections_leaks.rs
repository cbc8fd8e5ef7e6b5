//! Scripts in other languages that leak connections: found, named and freed, wherever on this host they run.

use crate::support;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use support::{Cmd, PATIENCE, Running, Server, dbtool, wait_until};

/// A client without a driver, which every Debian has the language for: it opens connections of an account without a
/// password, and leaves them open. Its arguments: how many, then the path of a socket or a port.
const LEAK: &str = r#"
use strict; use Socket;
sub get { my ($socket, $length) = @_; my $all = '';
  while (length($all) < $length) { sysread($socket, my $some, $length - length($all)) or die "closed: $!"; $all .= $some }
  $all }
sub packet { my ($socket) = @_; my ($low, $high, $number) = unpack('vCC', get($socket, 4)); get($socket, $low | $high << 16) }
my ($count, $where) = @ARGV; my @held;
for (1 .. $count) {
  my $socket;
  if ($where =~ m{^/}) { socket($socket, AF_UNIX, SOCK_STREAM, 0) or die; connect($socket, pack_sockaddr_un($where)) or die "connect: $!" }
  else { socket($socket, AF_INET, SOCK_STREAM, 0) or die; connect($socket, pack_sockaddr_in($where, inet_aton('127.0.0.1'))) or die "connect: $!" }
  packet($socket);
  # CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH; the user, and an empty answer to the challenge.
  my $login = pack('VVC x23', 0x88200, 1 << 24, 45) . "leaker\0\0caching_sha2_password\0";
  syswrite($socket, pack('vCC', length($login), 0, 1) . $login);
  # A request for another method of logging in gets an empty answer too.
  my ($answer, $next) = (packet($socket), 3);
  while (ord($answer) != 0) {
    die "refused: $answer" if ord($answer) == 255;
    if (ord($answer) == 254) { syswrite($socket, pack('vCC', 0, 0, $next)); $next += 2 }
    $answer = packet($socket);
  }
  push @held, $socket;
}
$| = 1; print "holds\n"; sleep 600;
"#;

/// A server with an account that the script can log in to.
fn server() -> Server {
    let server = Server::start();
    let mut admin = server.admin();
    admin.exec("CREATE USER 'leaker'@'%'");
    admin.exec("CREATE USER 'leaker'@'localhost'");
    server
}

/// The script as a file of its own name, so that its process is told from others.
fn script(command: &Cmd, name: &str, text: &str) -> PathBuf {
    let path = command.folders().join("work").join(name);
    std::fs::write(&path, text).expect("a script");
    path
}

fn leak(server: &Server, count: usize, way: Way) -> Running {
    let command = Cmd::new("perl");
    let path = script(&command, "leak.pl", LEAK);
    start(command.arg(path).args([count.to_string(), way.address(server)]))
}

fn start(command: Cmd) -> Running {
    let mut running = command.spawn();
    running.wait_for("holds");
    running
}

#[allow(clippy::print_stderr, reason = "a test that cannot run here says so")]
fn not_run(why: &str) {
    eprintln!("NOT RUN: {why}");
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Tcp,
    Socket,
}

impl Way {
    fn address(self, server: &Server) -> String {
        match self {
            Way::Tcp => server.port().to_string(),
            Way::Socket => server.socket().display().to_string(),
        }
    }
}

fn as_root(server: &Server) -> Cmd {
    dbtool()
        .env("DB_SOCKET", server.socket())
        .env("DB_USER", "root")
        .arg("check-connections")
}

fn held(server: &Server) -> u64 {
    server
        .admin()
        .number("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'leaker'")
}

/// The line of this process in the first part of the page.
#[track_caller]
fn line_of(output: &support::Output, pid: u32) -> String {
    let start = format!("  {pid} ");
    let line = output.stdout.lines().find(|line| line.starts_with(&start));
    line.unwrap_or_else(|| panic!("no line of {pid}: {output}"))
        .to_owned()
}

#[test]
fn leaks_of_a_script_are_named_and_freed_over_tcp_and_over_the_socket() {
    let server = server();
    for way in [Way::Tcp, Way::Socket] {
        let (leaking, kept) = (leak(&server, 3, way), leak(&server, 2, way));
        let pid = leaking.pid();
        let output = as_root(&server).run();
        let line = line_of(&output, pid);
        assert!(
            line.contains("perl ") && line.contains("leak.pl"),
            "{way:?}: {output}"
        );
        // Through a socket nothing tells which of the server's connections is whose.
        let (counted, idle) = (
            line.contains(": 3 connections"),
            line.contains(", 3 idle, longest "),
        );
        assert!(counted && idle == matches!(way, Way::Tcp), "{way:?}: {output}");
        assert!(
            line_of(&output, kept.pid()).contains(": 2 connections"),
            "{way:?}: {output}"
        );
        let output = as_root(&server)
            .args(["--kill", "--processes", "--process", &pid.to_string(), "--yes"])
            .run();
        assert_eq!(output.code, Some(0), "{way:?}: {output}");
        assert!(
            output.stdout.contains("of 1 process: 1 ended"),
            "{way:?}: {output}"
        );
        wait_until(PATIENCE, "the server lets go of them", || held(&server) == 2);
        drop((leaking, kept));
        wait_until(PATIENCE, "the server lets go of the rest", || held(&server) == 0);
    }
}

#[test]
fn a_process_line_says_at_what_time_it_was_started_and_by_whom() {
    let server = server();
    // A zone without changes, whose time no machine has by chance.
    let (zone, ahead) = ("ABC-05:37", Duration::from_secs((5 * 60 + 37) * 60));
    let clock = || {
        let minutes = (SystemTime::now() + ahead)
            .duration_since(UNIX_EPOCH)
            .expect("now")
            .as_secs()
            / 60;
        format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
    };
    let before = clock();
    let leaking = leak(&server, 1, Way::Tcp);
    let after = clock();
    let output = as_root(&server).env("TZ", zone).run();
    let line = line_of(&output, leaking.pid());
    let user = std::env::var("USER").ok().filter(|user| !user.is_empty());
    let by = user.map_or(" by ".to_owned(), |user| {
        format!(" by {user}, parent {} ", std::process::id())
    });
    assert!(
        [before, after]
            .iter()
            .any(|time| line.contains(&format!(", started {time}{by}"))),
        "{line}"
    );
}

/// Brings the loopback of a new network namespace up, which needs no program but perl.
const LOOPBACK: &str = "use Socket; socket(my $s, AF_INET, SOCK_DGRAM, 0) or die; \
    ioctl($s, 0x8914, my $request = pack('a16 s x14', 'lo', 1)) or die \"loopback: $!\";";

/// A command in a network namespace of its own.
fn apart(command: &str, args: &[String]) -> Cmd {
    Cmd::new("unshare").args(["-n", "--", command]).args(args)
}

#[test]
fn a_process_in_another_network_namespace_counts_when_it_comes_through_the_socket_and_not_for_its_port() {
    let server = server();
    let tried = apart("true", &[]).run();
    if tried.code != Some(0) {
        not_run(&format!(
            "no network namespace can be made here; as root on a host one can: {tried}"
        ));
        return;
    }
    // Through the socket's path there is a way to this server.
    let folder = Cmd::new("true");
    let path = script(&folder, "leak.pl", LEAK);
    let args = [
        path.display().to_string(),
        "2".to_owned(),
        Way::Socket.address(&server),
    ];
    let through_socket = start(apart("perl", &args));
    // On the same port number of its own loopback another program listens.
    let text = format!(
        "{LOOPBACK} socket(my $l, AF_INET, SOCK_STREAM, 0); bind($l, pack_sockaddr_in({port}, INADDR_LOOPBACK)) or die; \
         listen($l, 5); socket(my $c, AF_INET, SOCK_STREAM, 0); connect($c, pack_sockaddr_in({port}, INADDR_LOOPBACK)) or die; \
         accept(my $a, $l); $| = 1; print \"holds\\n\"; sleep 600",
        port = server.port()
    );
    let elsewhere = start(apart("perl", &["-e".to_owned(), text]));
    let output = as_root(&server).run();
    assert!(
        line_of(&output, through_socket.pid()).contains(": 2 connections"),
        "{output}"
    );
    let other = format!("  {} ", elsewhere.pid());
    assert!(
        !output.stdout.lines().any(|line| line.starts_with(&other)),
        "{output}"
    );
}

/// The folder of a control group of a container that nobody runs, for a process.
struct Group(PathBuf);

impl Group {
    /// In the first hierarchy that lets a group be made: version 2 in one place, version 1 by controller.
    fn new(id: &str) -> Option<Group> {
        let roots = ["", "unified", "pids", "systemd", "freezer"];
        roots.iter().find_map(|root| {
            let parent = PathBuf::from("/sys/fs/cgroup").join(root);
            let folder = parent.join(format!("docker-{id}.scope"));
            let is_group = parent.join("cgroup.procs").exists();
            (is_group && std::fs::create_dir(&folder).is_ok()).then_some(Group(folder))
        })
    }

    fn take(&self, pid: u32) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).expect("a process in the group");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel takes a moment to see that it is empty.
        let gone = || std::fs::remove_dir(&self.0).is_ok() || !self.0.exists();
        wait_until(PATIENCE, "the group is empty", gone);
    }
}

#[test]
fn a_process_in_a_container_is_named_with_it_and_with_the_command_that_stops_it() {
    let server = server();
    let id = format!("{:064x}", 0xabc_def0_0000_u64 + u64::from(std::process::id()));
    let Some(group) = Group::new(&id) else {
        // How the kernel's text is read is tested without a group as well (src/host_processes/place.rs).
        not_run("no control group can be made here; as root on a host one can");
        return;
    };
    let leaking = leak(&server, 2, Way::Tcp);
    group.take(leaking.pid());
    let output = as_root(&server).run();
    let line = line_of(&output, leaking.pid());
    assert!(
        line.contains(&format!(", in container {} (docker)", &id[..12])),
        "{output}"
    );
    let output = as_root(&server).args(["--format", "json"]).run();
    let value: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let processes = value["local"]["processes"].as_array().expect("a list");
    let of_it = processes.iter().find(|one| one["pid"] == leaking.pid());
    let stop = format!("docker stop {}", &id[..12]);
    assert_eq!(of_it.expect("the process")["end_with"], stop.as_str(), "{output}");
    drop(leaking);
}

/// A command in a terminal, as `script` of util-linux makes one; what is written to it is typed.
fn in_terminal(server: &Server, args: &str) -> Running {
    let command = format!(
        "'{}' check-connections --kill {args}",
        env!("CARGO_BIN_EXE_dbtool")
    );
    Cmd::new("script")
        .args(["-q", "-e", "-c", &command, "/dev/null"])
        .env("DB_SOCKET", server.socket())
        .env("DB_USER", "root")
        .open_stdin()
        .spawn()
}

#[test]
fn the_question_on_a_terminal_decides_and_what_ended_meanwhile_is_counted_apart() {
    let server = server();
    let (first, second) = (leak(&server, 1, Way::Tcp), leak(&server, 1, Way::Tcp));
    for answer in ["n\n", "\n", "yeah\n", "\u{4}"] {
        let mut asked = in_terminal(&server, "--user leaker");
        asked.wait_for("end 2 connections? [y/N]");
        asked.write(answer);
        let output = asked.wait();
        assert_eq!(output.code, Some(2), "{answer:?}: {output}");
        assert!(
            output.stdout.contains("nothing was ended"),
            "{answer:?}: {output}"
        );
        assert_eq!(held(&server), 2, "{answer:?}: {output}");
    }
    let mut asked = in_terminal(&server, "--user leaker");
    asked.wait_for("end 2 connections? [y/N]");
    // No connection is held while a person thinks.
    let own = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'root'";
    wait_until(PATIENCE, "no connection of its own", || {
        server.admin().number(own) == 2
    });
    drop(first);
    wait_until(PATIENCE, "the first has ended", || held(&server) == 1);
    asked.write("y\n");
    let output = asked.wait();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(
        output
            .stdout
            .contains("of 2 connections: 1 ended, 1 had ended meanwhile"),
        "{output}"
    );
    wait_until(PATIENCE, "the second has ended", || held(&server) == 0);
    drop(second);
}
