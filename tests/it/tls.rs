//! The TLS modes, against a server with a certificate of its own and one without.

use crate::support;

use support::exit_path::exit_path;
use support::{Cmd, Output, Server, Tls};

/// The cipher of the session, or nothing for a plain one.
const CIPHER: &str =
    "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'";
const CIPHER_MYSQL: &str =
    "SELECT variable_value FROM performance_schema.session_status WHERE variable_name = 'Ssl_cipher'";

fn ask(server: &Server, mode: &str) -> Cmd {
    let query = if support::is_mysql() { CIPHER_MYSQL } else { CIPHER };
    exit_path(server, &["rows", query])
        .env("DB_SSL_MODE", mode)
        .env("DB_ACQUIRE_TIMEOUT", "3000")
}

#[track_caller]
fn assert_encrypted(output: &Output, encrypted: bool) {
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(!output.stdout.trim().is_empty(), encrypted, "{output}");
}

#[track_caller]
fn assert_refused(output: &Output, words: &[&str]) {
    assert_eq!(output.code, Some(3), "{output}");
    for word in words {
        assert!(output.stderr.contains(word), "no {word:?}: {output}");
    }
    assert!(!output.stderr.contains("trying again"), "{output}");
}

#[test]
fn every_mode_against_a_server_with_a_good_certificate() {
    let tls = Tls::local();
    let server = Server::builder().tls(&tls).start();
    let before = server.counters();
    assert_encrypted(&ask(&server, "disabled").run(), false);
    // On loopback there is nothing to hide from.
    assert_encrypted(&ask(&server, "preferred").run(), false);
    assert_encrypted(&ask(&server, "required").run(), true);
    for mode in ["verify-ca", "verify-identity"] {
        assert_encrypted(&ask(&server, mode).env("DB_SSL_CA", tls.ca()).run(), true);
    }
    server.assert_unchanged(&before);
}

#[test]
fn a_server_that_insists_on_tls_gets_it_in_preferred_mode() {
    let server = Server::builder()
        .tls(&Tls::local())
        .arg("--require-secure-transport=ON")
        .start();
    assert_encrypted(&ask(&server, "preferred").run(), true);
    let disabled = ask(&server, "disabled").run();
    // MariaDB 10.11 answers as to a wrong password.
    let code = if support::is_mysql() { "3159" } else { "1045" };
    assert_refused(&disabled, &[code, "DB_SSL_MODE=required"]);
}

#[test]
fn an_unknown_authority_is_refused_when_it_is_to_be_verified() {
    let server = Server::builder().tls(&Tls::local()).start();
    let other = Tls::local();
    for mode in ["verify-ca", "verify-identity"] {
        assert_refused(
            &ask(&server, mode).env("DB_SSL_CA", other.ca()).run(),
            &["certificate", "DB_SSL_CA"],
        );
    }
    assert_encrypted(&ask(&server, "required").run(), true);
}

#[test]
fn another_name_in_the_certificate_matters_only_to_verify_identity() {
    let tls = Tls::for_names(&["db.example"]);
    let server = Server::builder().tls(&tls).start();
    let with_ca = |mode| ask(&server, mode).env("DB_SSL_CA", tls.ca());
    assert_encrypted(&with_ca("verify-ca").run(), true);
    assert_refused(&with_ca("verify-identity").run(), &["not valid for name"]);
}

#[test]
fn a_client_certificate_is_shown_to_a_server_that_asks() {
    let tls = Tls::local();
    let server = Server::builder().tls(&tls).start();
    server.admin().exec("ALTER USER app REQUIRE X509");
    let with_ca = || ask(&server, "verify-identity").env("DB_SSL_CA", tls.ca());
    assert_refused(&with_ca().run(), &["1045"]);
    let with_cert = with_ca()
        .env("DB_SSL_CERT", tls.client_cert())
        .env("DB_SSL_KEY", tls.client_key())
        .run();
    assert_encrypted(&with_cert, true);
}

#[test]
fn a_server_without_tls_is_refused_when_tls_is_required() {
    let off = if support::is_mysql() {
        "--tls-version="
    } else {
        "--skip-ssl"
    };
    let server = Server::builder().arg(off).start();
    assert_refused(
        &ask(&server, "required").run(),
        &["does not offer it", "DB_SSL_MODE=preferred"],
    );
    assert_encrypted(&ask(&server, "preferred").run(), false);
}

#[test]
fn a_file_that_is_no_certificate_is_a_clear_failure() {
    let server = Server::builder().tls(&Tls::local()).start();
    let command = ask(&server, "verify-ca");
    let file = command.folders().join("work/ca.pem");
    std::fs::write(&file, "this is no certificate\n").expect("a file");
    let output = command.env("DB_SSL_CA", &file).run();
    assert_refused(&output, &["DB_SSL_CA"]);
}

/// Certificates without any name, as those are that MySQL makes for itself.
#[test]
fn a_certificate_without_names_is_verified_by_its_authority_alone() {
    let tls = Tls::for_names(&[]);
    let server = Server::builder().tls(&tls).start();
    let with_ca = |mode: &str, ca: std::path::PathBuf| ask(&server, mode).env("DB_SSL_CA", ca);
    assert_encrypted(&with_ca("verify-ca", tls.ca()).run(), true);
    assert_refused(
        &with_ca("verify-identity", tls.ca()).run(),
        &["not valid for name", "DB_SSL_MODE=verify-ca"],
    );
    let other = Tls::for_names(&[]);
    assert_refused(
        &with_ca("verify-ca", other.ca()).run(),
        &["does not come from the authority", "DB_SSL_CA"],
    );
}

#[test]
fn a_certificate_that_signed_itself_is_named_as_such() {
    let authority = Tls::self_signed(true);
    let server = Server::builder().tls(&authority).start();
    for mode in ["verify-ca", "verify-identity"] {
        assert_refused(
            &ask(&server, mode).env("DB_SSL_CA", authority.ca()).run(),
            &["self-signed", "basicConstraints=CA:FALSE", "DB_SSL_MODE=required"],
        );
    }
    drop(server);
    // What the advice says leads to a connection.
    let plain = Tls::self_signed(false);
    let server = Server::builder().tls(&plain).start();
    for mode in ["verify-ca", "verify-identity"] {
        assert_encrypted(&ask(&server, mode).env("DB_SSL_CA", plain.ca()).run(), true);
    }
}
