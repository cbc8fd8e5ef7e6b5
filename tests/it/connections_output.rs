//! `dbtool check-connections --format prometheus` and `--output`: what a monitoring reads, by a parser of the format
//! that is not ours.

use crate::support;

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;

use openmetrics_parser::prometheus::parse_prometheus;
use openmetrics_parser::{MetricsExposition, PrometheusType, PrometheusValue};
use support::{Admin, Cmd, Server, dbtool};

type Exposition = MetricsExposition<PrometheusType, PrometheusValue>;

#[track_caller]
fn parsed(text: &str) -> Exposition {
    parse_prometheus(text).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}

fn as_root(server: &Server) -> Cmd {
    dbtool()
        .env("DB_SOCKET", server.socket())
        .env("DB_USER", "root")
        .args(["check-connections", "--format", "prometheus"])
}

/// The one value of a metric without labels.
#[track_caller]
fn value(metrics: &Exposition, name: &str) -> f64 {
    let family = metrics
        .families
        .get(name)
        .unwrap_or_else(|| panic!("no metric {name}"));
    let samples: Vec<_> = family.iter_samples().collect();
    assert_eq!(samples.len(), 1, "{name}");
    match &samples[0].value {
        PrometheusValue::Gauge(number) | PrometheusValue::Unknown(number) => number.as_f64(),
        PrometheusValue::Counter(counter) => counter.value.as_f64(),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn metrics_are_what_the_format_and_its_conventions_want() {
    let server = Server::start();
    // A name that would end a label, a line or a quotation.
    let name = "a\"b\\c}\nd";
    let mut admin = server.admin();
    admin.exec("CREATE USER 'a\"b\\\\c}\\nd'@'%' IDENTIFIED BY 'word'");
    let _odd = Admin::connect_tcp(server.port(), name, "word", "");
    let _held: Vec<Admin> = (0..3).map(|_| server.connect_as(server.account())).collect();
    let output = as_root(&server).run();
    assert_eq!(output.code, Some(0), "{output}");
    let metrics = parsed(&output.stdout);
    for (name, family) in &metrics.families {
        assert!(name.starts_with("dbtool_mysql_"), "{name}");
        assert!(family.help.ends_with('.'), "{name}: {}", family.help);
        let counts = family.family_type == PrometheusType::Counter;
        assert_eq!(
            name.ends_with("_total"),
            counts,
            "{name} is {:?}",
            family.family_type
        );
    }
    assert_eq!(value(&metrics, "dbtool_mysql_up"), 1.0);
    assert_eq!(value(&metrics, "dbtool_mysql_max_connections"), 30.0);
    let in_use = value(&metrics, "dbtool_mysql_connections_in_use");
    assert_eq!(value(&metrics, "dbtool_mysql_connections_free"), 30.0 - in_use);
    assert!(value(&metrics, "dbtool_mysql_connection_attempts_total") >= in_use);

    let groups = &metrics.families["dbtool_mysql_connections"];
    assert_eq!(groups.get_label_names(), ["command", "host", "program", "user"]);
    let mut by_user: HashMap<String, f64> = HashMap::new();
    for sample in groups.iter_samples() {
        let labels = sample.get_labelset().expect("labels");
        let user = labels.get_label_value("user").expect("a user").to_owned();
        let PrometheusValue::Gauge(number) = &sample.value else {
            panic!("{sample:?}")
        };
        *by_user.entry(user).or_default() += number.as_f64();
    }
    assert_eq!(by_user["app"], 3.0);
    // The line break is escaped as a terminal's text is, too.
    assert_eq!(by_user["a\"b\\c}\\nd"], 1.0, "{by_user:?}");
}

#[test]
fn the_file_is_replaced_and_only_by_a_whole_one() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("connections.prom");
    for held in [1.0, 2.0] {
        let _held: Vec<Admin> = (0..held as u32)
            .map(|_| server.connect_as(server.account()))
            .collect();
        let output = as_root(&server).arg("--output").arg(&file).run();
        assert_eq!(output.code, Some(0), "{output}");
        assert!(output.stdout.is_empty(), "{output}");
        let metrics = parsed(&std::fs::read_to_string(&file).expect("the file"));
        assert_eq!(value(&metrics, "dbtool_mysql_up"), 1.0);
    }
    let mode = std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777;
    assert_eq!(mode & 0o600, 0o600, "{mode:o}");
    // Findings are an exit code; the file is written all the same.
    let output = as_root(&server)
        .args(["--min-free", "30", "--output"])
        .arg(&file)
        .run();
    assert_eq!(output.code, Some(1), "{output}");

    server.kill();
    support::wait_until(support::PATIENCE, "the end of the server", || {
        !support::is_alive(server.pid())
    });
    let output = as_root(&server)
        .args(["--wait", "0s", "--output"])
        .arg(&file)
        .run();
    assert_eq!(output.code, Some(3), "{output}");
    let metrics = parsed(&std::fs::read_to_string(&file).expect("the file"));
    assert_eq!(value(&metrics, "dbtool_mysql_up"), 0.0, "{output}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_full_server_is_written_to_the_file_as_such() {
    let server = Server::builder().max_connections(10).start();
    let mut held = Vec::new();
    while let Ok(one) = server.try_connect_as(server.account()) {
        held.push(one);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let run = |format: &str| {
        let file = folder.path().join(format);
        let output = server
            .dbtool()
            .args([
                "check-connections",
                "--wait",
                "0s",
                "--format",
                format,
                "--output",
            ])
            .arg(&file)
            .run();
        assert_eq!(output.code, Some(3), "{output}");
        assert!(output.stdout.is_empty(), "{output}");
        std::fs::read_to_string(&file).expect("the file")
    };
    assert_eq!(value(&parsed(&run("prometheus")), "dbtool_mysql_up"), 0.0);
    assert!(run("json").contains("dbtool.check-connections-local/1"));
    assert!(run("text").contains("The server has no room"));
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let server = Server::start();
    for (path, words) in [
        ("/nowhere/connections.prom", "No such file or directory"),
        ("/dev/null", "it is not a regular file"),
    ] {
        let output = as_root(&server).args(["--output", path]).run();
        assert_eq!(output.code, Some(4), "{output}");
        let what = format!("could not write the result to {path}: {words}");
        assert!(output.stderr.contains(&what), "{output}");
    }
}
