//! The variables that a command finds its server in.

use crate::config::{Address, Config};

/// The variables that name the server and the account.
pub fn server_variables(config: &Config) -> Vec<(&'static str, String)> {
    let mut set = match &config.address.value {
        Address::Tcp { host, port } => vec![("DB_HOST", host.clone()), ("DB_PORT", port.to_string())],
        Address::Socket(path) => vec![("DB_SOCKET", path.display().to_string())],
    };
    set.push(("DB_USER", config.user_name().to_owned()));
    if let Some(password) = &config.password {
        set.push(("DB_PASSWORD", password.value.reveal().to_owned()));
    }
    if let Some(database) = &config.database {
        set.push(("DB_NAME", database.value.clone()));
    }
    let tls = [
        ("DB_SSL_CA", &config.ssl_ca),
        ("DB_SSL_CERT", &config.ssl_cert),
        ("DB_SSL_KEY", &config.ssl_key),
    ];
    set.push(("DB_SSL_MODE", config.ssl_mode.value.name().to_owned()));
    for (name, file) in tls {
        set.extend(file.as_ref().map(|file| (name, file.value.display().to_string())));
    }
    set
}
