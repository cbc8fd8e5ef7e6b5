//! Every configuration value: where it may come from, which source wins, what is refused.

use crate::support;

use std::fs;

use support::{Cmd, Output, dbtool};

/// `dbtool config` with an account set, so that only the case's own values matter.
fn config() -> Cmd {
    dbtool().arg("config").env("DB_USER", "app")
}

/// The value and origin shown for `name`.
#[track_caller]
fn shown(output: &Output, name: &str) -> (String, String) {
    assert_eq!(output.code, Some(0), "{output}");
    let json: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(json["schema"], "dbtool.config/1");
    let value = &json["values"][name];
    let text = |part: &str| value[part].as_str().unwrap_or("-").to_owned();
    (text("value"), text("origin"))
}

#[track_caller]
fn assert_shown(command: Cmd, name: &str, value: &str, origin: &str) {
    let output = command.args(["--format", "json"]).run();
    let (found, from) = shown(&output, name);
    assert_eq!(found, value, "{name}");
    assert!(from.contains(origin), "{name} is from {from}, not {origin}");
}

#[track_caller]
fn assert_refused(command: Cmd, words: &[&str]) {
    let output = command.run();
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.stdout, "");
    assert!(output.stderr.contains("next: "), "{output}");
    for word in words {
        assert!(output.stderr.contains(word), "no {word:?}: {output}");
    }
}

/// A command whose working folder holds these files.
fn with_files(command: Cmd, files: &[(&str, &str)]) -> Cmd {
    for (name, text) in files {
        let path = command.folders().join("work").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    command
}

#[test]
fn defaults_are_those_of_the_documentation() {
    for (name, value) in [
        ("DB_HOST", "127.0.0.1"),
        ("DB_PORT", "3306"),
        ("DB_CONNECTION_LIMIT", "3"),
        ("DB_ACQUIRE_TIMEOUT", "60000 ms"),
        ("DB_TIMEOUT", "60000 ms"),
        ("DB_SSL_MODE", "preferred"),
        ("DB_SHARED_BUDGET", "true"),
        ("DB_ALLOW_REPLICA", "false"),
    ] {
        assert_shown(config(), name, value, "default");
    }
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let file = [(".env", "DB_CONNECTION_LIMIT=4\n")];
    assert_shown(
        with_files(config(), &file),
        "DB_CONNECTION_LIMIT",
        "4",
        ".env DB_CONNECTION_LIMIT",
    );
    let environment = || config().env("DB_CONNECTION_LIMIT", "5");
    assert_shown(
        with_files(environment(), &file),
        "DB_CONNECTION_LIMIT",
        "5",
        "environment DB_CONNECTION_LIMIT",
    );
    let flag = environment().args(["--connection-limit", "6"]);
    assert_shown(
        with_files(flag, &file),
        "DB_CONNECTION_LIMIT",
        "6",
        "flag --connection-limit",
    );
}

#[test]
fn the_nearest_file_upwards_is_read_unless_told_otherwise() {
    let command = with_files(config(), &[(".env", "DB_NAME=above\n"), ("deep/down/keep", "")]);
    let down = command.folders().join("work/deep/down");
    assert_shown(command.dir(down), "DB_NAME", "above", ".env");
    let other = with_files(
        config(),
        &[(".env", "DB_NAME=near\n"), ("other.env", "DB_NAME=other\n")],
    );
    assert_shown(
        other.args(["--env-file", "other.env"]),
        "DB_NAME",
        "other",
        "other.env",
    );
    let none = with_files(config(), &[(".env", "DB_NAME=near\n")]);
    assert_shown(none.arg("--no-env-file"), "DB_NAME", "-", "not set");
}

#[test]
fn the_url_gives_every_part() {
    let url = "mariadb://us%40er:p%23ss@db.example:3307/shop?ssl-mode=required";
    let command = || dbtool().arg("config").env("DATABASE_URL", url);
    for (name, value) in [
        ("DB_HOST", "db.example"),
        ("DB_PORT", "3307"),
        ("DB_USER", "us@er"),
        ("DB_PASSWORD", "****"),
        ("DB_NAME", "shop"),
        ("DB_SSL_MODE", "required"),
    ] {
        assert_shown(command(), name, value, "environment DATABASE_URL");
    }
    let overridden = command().args(["--db-name", "other"]);
    assert_shown(overridden, "DB_NAME", "other", "flag --db-name");
    let agreeing = command().env("DB_HOST", "DB.example");
    assert_shown(agreeing, "DB_HOST", "DB.example", "environment DB_HOST");
}

#[test]
fn an_ipv6_host_is_taken_from_url_and_part() {
    let url = config().env("DATABASE_URL", "mysql://app@[::1]:3306/x");
    assert_shown(url, "DB_HOST", "::1", "DATABASE_URL");
    assert_shown(config().env("DB_HOST", "::1"), "DB_HOST", "::1", "DB_HOST");
}

#[test]
fn sources_that_disagree_are_refused() {
    let url = || {
        dbtool()
            .arg("config")
            .env("DATABASE_URL", "mysql://app:one@db.example/shop")
    };
    assert_refused(
        url().env("DB_HOST", "other.example"),
        &["DB_HOST", "other.example", "db.example"],
    );
    assert_refused(url().env("DB_NAME", "other"), &["DB_NAME", "'other'", "'shop'"]);
    assert_refused(url().env("DB_PASSWORD", "two"), &["password", "DB_PASSWORD"]);
    assert_refused(
        with_files(url(), &[(".env", "DB_USER=else\n")]),
        &["DB_USER", ".env"],
    );
    let socket = config()
        .env("DB_SOCKET", "/run/x.sock")
        .env("DB_HOST", "db.example");
    assert_refused(socket, &["DB_SOCKET", "db.example"]);
}

#[test]
fn bad_values_name_the_variable_the_value_and_the_source() {
    for (name, value) in [
        ("DB_CONNECTION_LIMIT", "0"),
        ("DB_CONNECTION_LIMIT", "abc"),
        ("DB_CONNECTION_LIMIT", "-1"),
        ("DB_CONNECTION_LIMIT", "1000"),
        ("DB_PORT", "70000"),
        ("DB_PORT", "0"),
        ("DB_ADMIN_PORT", "x"),
        ("DB_ACQUIRE_TIMEOUT", "0"),
        ("DB_ACQUIRE_TIMEOUT", "1.5"),
        ("DB_TIMEOUT", "forever"),
        ("DB_TIMEOUT", "99999999999"),
        ("DB_SSL_MODE", "maybe"),
        ("DB_SHARED_BUDGET", "perhaps"),
        ("DB_FLEET_CONNECTION_LIMIT", "0"),
    ] {
        let quoted = format!("'{value}'");
        assert_refused(config().env(name, value), &[name, &quoted, "environment"]);
        let line = format!("{name}={value}\n");
        assert_refused(with_files(config(), &[(".env", &line)]), &[name, &quoted, ".env"]);
    }
    assert_refused(
        config().args(["--db-port", "70000"]),
        &["'70000'", "flag --db-port"],
    );
}

#[test]
fn bad_urls_are_refused_without_being_shown() {
    for (url, words) in [
        ("postgres://app:hush@h/d", &["postgres://", "mysql://"][..]),
        ("mysql://app:hu#sh@h/d", &["percent-encode"]),
        ("mysql://app:hush@h/d?sslmode=x", &["'x'", "verify-ca"]),
        ("mysql:app:hush@h", &["not a URL"]),
        ("jdbc:mysql:app:hush@h", &["not a URL"]),
        ("app:hush://h/d", &["does not start with mysql://"]),
        ("mysql://app:12/hush@h", &["'@' after the host", "percent-encode"]),
        ("mysql://app:12?hush@h", &["'@' after the host", "percent-encode"]),
        (
            "mysql://app:12@x/hush@h",
            &["'@' after the host", "percent-encode"],
        ),
        ("mysql://app:hush@h/d/e", &["more than a database"]),
        ("mysql://app:hush@h:99999/d", &["not a URL"]),
        ("hush", &["not a URL"]),
        ("jdbc:mysql://h1:3306,h2:3306/d?user=app", &["several servers"]),
        ("jdbc:mysql://address=(host=h)(port=3307)/d", &["several servers"]),
        ("mysql://app:hush@tcp(h:3306)/d", &["HOST:PORT"]),
    ] {
        let output = dbtool().arg("config").env("DATABASE_URL", url).run();
        assert!(!output.stderr.contains("hu"), "{output}");
        assert_refused(dbtool().arg("config").env("DATABASE_URL", url), words);
    }
}

#[test]
fn a_password_on_the_command_line_is_refused() {
    for url in ["mysql://app:hush@h/d", "jdbc:mysql://h/d?user=app&password=hush"] {
        let output = dbtool().args(["config", "--database-url", url]).run();
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains("process list"), "{output}");
        assert!(!output.stderr.contains("hush"), "{output}");
    }
}

#[test]
fn a_url_in_place_of_a_host_is_not_shown() {
    let output = config().env("DB_HOST", "mysql://app:hush@h").run();
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("environment DB_HOST"), "{output}");
    assert!(!output.stderr.contains("hush"), "{output}");
}

#[test]
fn a_host_with_its_port_is_refused_where_the_port_is_to_be_written() {
    assert_refused(config().env("DB_HOST", "localhost:3307"), &["DB_HOST", "DB_PORT"]);
    for host in ["h1,h2", "tcp(h)", "\"h\"", "a host"] {
        assert_refused(config().env("DB_HOST", host), &["is not a host name"]);
    }
}

#[test]
fn the_urls_of_applications_are_understood() {
    for (url, values) in [
        (
            "mysql://app:pw@h/d?connection_limit=5&pool_timeout=10&sslaccept=accept_invalid_certs",
            &[("DB_CONNECTION_LIMIT", "3"), ("DB_SSL_MODE", "required")][..],
        ),
        ("mysql+pymysql://app:pw@h/d?charset=utf8mb4", &[("DB_NAME", "d")]),
        (
            "mysql+mysqldb://app:pw@/d?unix_socket=/run/x.sock",
            &[("DB_SOCKET", "/run/x.sock")],
        ),
        (
            "mysql2://app:pw@h/d?encoding=utf8mb4&pool=5&reconnect=true",
            &[("DB_USER", "app")],
        ),
        (
            "jdbc:mysql://h:3307/d?user=app&password=p@ss&useSSL=false&serverTimezone=UTC",
            &[
                ("DB_USER", "app"),
                ("DB_PASSWORD", "****"),
                ("DB_PORT", "3307"),
                ("DB_SSL_MODE", "disabled"),
            ],
        ),
        (
            "jdbc:mariadb://h/d?user=app&sslMode=REQUIRED",
            &[("DB_SSL_MODE", "required")],
        ),
        (
            "mysql://app:pw@h/d?ssl={\"rejectUnauthorized\":true}&socketPath=/run/x.sock",
            &[("DB_SSL_MODE", "required")],
        ),
        (
            "mysql://app:pw@h/d?ssl-mode=required&useSSL=false",
            &[("DB_SSL_MODE", "required")],
        ),
        (
            "mysql://app:pw@h/d?sslmode=require",
            &[("DB_SSL_MODE", "required")],
        ),
        (
            "mysql://app:pw@h/d?sslmode=prefer",
            &[("DB_SSL_MODE", "preferred")],
        ),
        (
            "jdbc:mariadb://h/d?user=app&sslMode=trust&trustServerCertificate=true",
            &[("DB_SSL_MODE", "required")],
        ),
        (
            "mysql://app:pw@localhost/d?host=/run/x.sock",
            &[("DB_SOCKET", "/run/x.sock")],
        ),
        ("pdo-mysql://app:pw@h/d/?serverVersion=8.0", &[("DB_NAME", "d")]),
        ("'mysqli://app:pw@h/d'", &[("DB_HOST", "h"), ("DB_NAME", "d")]),
        (
            "mysql2://app:pw@h/d?variables[sql_mode]=TRADITIONAL&advisory_locks=false",
            &[("DB_NAME", "d")],
        ),
        (
            "mysql://app:pw@h/d?zeroDateTimeBehavior=convertToNull&tinyInt1isBit=false&supportBigNumbers=true",
            &[("DB_NAME", "d")],
        ),
    ] {
        // A socket goes with no other host.
        let url = if url.contains("ocket") {
            url.replace("@h/", "@localhost/")
        } else {
            url.to_owned()
        };
        let output = dbtool()
            .args(["config", "--format", "json"])
            .env("DATABASE_URL", &url)
            .run();
        assert_eq!(output.stderr, "", "{url}");
        for (name, value) in values {
            assert_eq!(shown(&output, name).0, *value, "{name} of {url}");
        }
    }
}

#[test]
fn options_of_a_url_that_mean_nothing_here_are_said() {
    let command = |url: &str| {
        let output = dbtool().args(["config", "-v"]).env("DATABASE_URL", url).run();
        assert_eq!(output.code, Some(0), "{output}");
        output.stderr
    };
    let unknown = command("mysql://app:hush@h/d?frobnicate=hush2");
    assert!(unknown.contains("'frobnicate'"), "{unknown}");
    let foreign = command("mysql://app:hush@h/d?connection_limit=5&charset=utf8mb4");
    assert!(foreign.contains("connection_limit, charset"), "{foreign}");
    let verified = command("mysql://app:hush@h/d?sslaccept=strict");
    assert!(verified.contains("DB_SSL_MODE=verify-identity"), "{verified}");
    for text in [unknown, foreign, verified] {
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn a_file_shared_with_an_application_is_read_as_the_application_reads_it() {
    let text = b"APP_NAME=My App\nGREETING=Bob's app\nCRON=*/5 * * * *\n[db]\nCITY=Z\xfcrich\n\
        DB_USER=shop\nDB_NAME=${DB_USER}_live # the live one\nDB_HOST=\"${MYSQL_HOST:-db.example}\"\nDB_PASSWORD=\"abc$\"\n";
    let command = dbtool().args(["config", "--format", "json"]);
    fs::write(command.folders().join("work/.env"), text).expect("a file");
    let output = command.run();
    assert_eq!(output.stderr, "", "{output}");
    for (name, value) in [
        ("DB_NAME", "shop_live"),
        ("DB_HOST", "db.example"),
        ("DB_PASSWORD", "****"),
    ] {
        assert_eq!(shown(&output, name).0, value, "{name}");
    }
}

/// Makes a pipe with a name that nobody writes to.
fn silent_pipe(command: &Cmd) -> std::path::PathBuf {
    let path = command.folders().join("work/pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo").success());
    path
}

#[test]
fn a_pipe_without_a_writer_neither_hangs_nor_ignores_signals() {
    let command = config().env("DB_ACQUIRE_TIMEOUT", "300");
    let path = silent_pipe(&command);
    assert_refused(
        command.env("DB_PASSWORD_FILE", &path),
        &["is a pipe", "DB_PASSWORD_FILE="],
    );

    let command = config();
    let path = silent_pipe(&command);
    let mut waiting = command.args(["--verbose", "--env-file"]).arg(&path).spawn();
    waiting.signal(support::Signal::TERM);
    let output = waiting.wait();
    // Before the handlers are in place the signal ends the process by itself.
    assert!(output.code == Some(143) || output.signal == Some(15), "{output}");

    let command = config().env("DB_SSL_MODE", "verify-ca");
    let path = silent_pipe(&command);
    assert_refused(command.env("DB_SSL_CA", &path), &["not a regular file"]);
}

#[test]
fn a_pipe_with_a_writer_gives_the_password() {
    let command = config().args(["--format", "json"]);
    let path = silent_pipe(&command);
    let running = command.env("DB_PASSWORD_FILE", &path).spawn();
    let written = std::thread::spawn(move || fs::write(&path, "hush\n"));
    assert_eq!(shown(&running.wait(), "DB_PASSWORD").0, "****");
    written.join().expect("a thread").expect("somebody reads");
}

#[test]
fn what_is_no_password_file_is_refused() {
    assert_refused(config().env("DB_PASSWORD_FILE", "/dev/zero"), &["more than"]);
    assert_refused(config().env("DB_PASSWORD_FILE", "/"), &["DB_PASSWORD_FILE=/"]);
    let command = config().env("DB_PASSWORD_FILE", "secret");
    fs::write(command.folders().join("work/secret"), b"h\xfcsh").expect("a file");
    assert_refused(command, &["not UTF-8"]);
}

#[test]
fn passwords_are_stars_wherever_they_come_from() {
    for command in [
        config().env("DB_PASSWORD", "hush-hush"),
        dbtool()
            .arg("config")
            .env("DATABASE_URL", "mysql://app:hush-hush@h/d"),
        with_files(config(), &[(".env", "DB_PASSWORD='hush-hush'\n")]),
        with_files(
            config().env("DB_PASSWORD_FILE", "secret"),
            &[("secret", "hush-hush\n")],
        ),
    ] {
        let output = command.arg("-vv").run();
        assert_eq!(output.code, Some(0), "{output}");
        assert!(output.stdout.contains("****"), "{output}");
        assert!(!output.to_string().contains("hush"), "{output}");
    }
}

#[test]
fn two_passwords_and_missing_files_are_refused() {
    let both = config().env("DB_PASSWORD", "a").env("DB_PASSWORD_FILE", "secret");
    assert_refused(both, &["DB_PASSWORD", "DB_PASSWORD_FILE"]);
    assert_refused(
        config().env("DB_PASSWORD_FILE", "nowhere"),
        &["DB_PASSWORD_FILE=nowhere"],
    );
    assert_refused(config().args(["--env-file", "nowhere.env"]), &["nowhere.env"]);
    assert_refused(
        config().env("DB_SSL_CA", "nowhere.pem"),
        &["DB_SSL_CA=nowhere.pem"],
    );
    assert_refused(config().env("DB_SSL_MODE", "verify-ca"), &["DB_SSL_CA"]);
    assert_refused(config().env("DB_SSL_CERT", "cert.pem"), &["DB_SSL_KEY"]);
}

#[test]
fn a_broken_env_file_names_its_line_and_not_its_text() {
    let command = with_files(config(), &[(".env", "DB_NAME=x\nDB_PASSWORD hush\n")]);
    let output = command.run();
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("line 2"), "{output}");
    assert!(!output.stderr.contains("hush"), "{output}");
}

#[test]
fn empty_variables_count_as_not_set() {
    let command = config()
        .env("DB_PORT", "")
        .env("DB_PASSWORD", "")
        .env("DATABASE_URL", "");
    assert_shown(command, "DB_PORT", "3306", "default");
}

#[test]
fn without_an_account_the_message_says_how_to_begin() {
    assert_refused(
        dbtool().arg("check-connections"),
        &["DATABASE_URL", "DB_USER", ".env.example", "dbtool sandbox"],
    );
}

#[test]
fn without_an_account_the_rest_of_the_configuration_is_shown() {
    assert_shown(dbtool().arg("config"), "DB_USER", "-", "not set");
    let command = dbtool().arg("config").env("DB_HOST", "db.example.com");
    assert_shown(command, "DB_HOST", "db.example.com", "DB_HOST");
}

#[test]
fn a_format_a_command_does_not_have_is_refused() {
    assert_refused(
        config().args(["--format", "junit"]),
        &["--format junit", "text, json"],
    );
}

#[test]
fn the_example_file_is_read_and_names_every_variable() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example");
    let text = fs::read_to_string(example).expect("the example");
    let output = dbtool()
        .args(["config", "--format", "json", "--env-file", example])
        .run();
    assert_eq!(shown(&output, "DB_NAME").0, "booking");
    let json: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    for name in json["values"].as_object().expect("values").keys() {
        assert!(
            text.contains(&format!("{name}=")),
            "{name} is missing in .env.example"
        );
    }
}
