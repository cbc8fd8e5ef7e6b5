//! The options of an application's database URL, mapped to dbtool's own.

use std::collections::BTreeMap;

use super::source::Setting;
use crate::secret::Secret;

/// The options of a URL, sorted by their meaning for dbtool.
#[derive(Debug, Default)]
pub(super) struct UrlOptions {
    /// Options that dbtool uses, by its own names.
    pub(super) known: BTreeMap<&'static str, Setting<String>>,
    /// The TLS mode that other programs' switches imply; an explicit mode takes precedence.
    pub(super) implied_mode: Option<Setting<String>>,
    /// The account, as JDBC passes it.
    pub(super) user: Option<Setting<String>>,
    /// The account's password, as JDBC passes it.
    pub(super) password: Option<Setting<Secret>>,
    /// Names of options that concern only other programs.
    pub(super) foreign: Vec<String>,
    /// Warnings; whole sentences.
    pub(super) notes: Vec<String>,
}

/// Synonyms of dbtool's own options (`_` equals `-`, case is ignored), from the MySQL client, JDBC,
/// Prisma, SQLAlchemy's drivers, Rails and mysql2.
const NAMES: [(&str, &str); 21] = [
    ("ssl-mode", "ssl-mode"),
    ("sslmode", "ssl-mode"),
    ("ssl-ca", "ssl-ca"),
    ("sslca", "ssl-ca"),
    ("sslrootcert", "ssl-ca"),
    ("serversslcert", "ssl-ca"),
    ("ssl-cert", "ssl-cert"),
    ("sslclientcert", "ssl-cert"),
    ("ssl-key", "ssl-key"),
    ("sslkey", "ssl-key"),
    ("socket", "socket"),
    ("unix-socket", "socket"),
    ("unixsocket", "socket"),
    ("socketpath", "socket"),
    ("localsocket", "socket"),
    ("user", "user"),
    ("username", "user"),
    ("password", "password"),
    ("passwd", "password"),
    ("usessl", "tls"),
    ("tls", "tls"),
];

/// Switches of other programs that request TLS.
const TLS_SWITCHES: [&str; 4] = ["requiressl", "ssl", "require-ssl", "ssl-disabled"];

/// Options of other programs that request verification of the server's certificate.
const VERIFYING: [&str; 5] = [
    "sslaccept",
    "verifyservercertificate",
    "ssl-verify-cert",
    "ssl-verify-identity",
    "ssl-verify-server-cert",
];

/// Options of other programs that do not concern a maintenance run: pools, timeouts, character sets
/// and driver behaviour.
const FOREIGN: [&str; 112] = [
    "adapter",
    "advisory-locks",
    "allowcleartextpasswords",
    "allowloadlocalinfile",
    "allowmultiqueries",
    "allownativepasswords",
    "allowoldpasswords",
    "allowpublickeyretrieval",
    "application-name",
    "auth-plugin",
    "autocommit",
    "autoreconnect",
    "bignumberstrings",
    "binary-prefix",
    "cacheprepstmts",
    "characterencoding",
    "charset",
    "checkconnliveness",
    "checkout-timeout",
    "clientfoundrows",
    "collation",
    "columnswithalias",
    "conn-health-checks",
    "conn-max-age",
    "connect-timeout",
    "connection-limit",
    "connectionattributes",
    "connectioncollation",
    "connectionlimit",
    "connectiontimezone",
    "connecttimeout",
    "createdatabaseifnotexist",
    "cursorclass",
    "database",
    "database-tasks",
    "datestrings",
    "debug",
    "decimalnumbers",
    "default-storage-engine",
    "defaultfetchsize",
    "enablekeepalive",
    "encoding",
    "failoverreadonly",
    "flags",
    "idle-timeout",
    "init-command",
    "interpolateparams",
    "isolation-level",
    "keepalive",
    "loc",
    "local-infile",
    "logging",
    "max-connections",
    "max-idle-time",
    "max-open-conns",
    "maxallowedpacket",
    "maxreconnects",
    "min-connections",
    "multiplestatements",
    "multistatements",
    "namedplaceholders",
    "noaccesstoprocedurebodies",
    "nullcatalogmeanscurrent",
    "parsetime",
    "pgbouncer",
    "pool",
    "pool-recycle",
    "pool-size",
    "pool-timeout",
    "prepared-statements",
    "queuelimit",
    "read-default-file",
    "read-timeout",
    "readtimeout",
    "reaping-frequency",
    "reconnect",
    "rejectreadonly",
    "rewritebatchedstatements",
    "schema",
    "serverpubkey",
    "servertimezone",
    "serverversion",
    "sessionvariables",
    "sockettimeout",
    "ssl-check-hostname",
    "sslidentity",
    "sslpassword",
    "statement-cache-size",
    "statement-timeout",
    "strict",
    "supportbignumbers",
    "synchronize",
    "timeout",
    "timezone",
    "tinyint1isbit",
    "trustservercertificate",
    "use-unicode",
    "useaffectedrows",
    "usecompression",
    "usecursorfetch",
    "useinformationschema",
    "usejdbccomplianttimezoneshift",
    "uselegacydatetimecode",
    "useserverprepstmts",
    "useunicode",
    "variables",
    "version",
    "waitforconnections",
    "write-timeout",
    "writetimeout",
    "yearisdatetype",
    "zerodatetimebehavior",
];

/// The mode in dbtool's own words; those of libpq and of MariaDB's connectors are known too.
fn own_mode(value: String) -> String {
    match value.to_ascii_lowercase().replace('_', "-").as_str() {
        "disable" => "disabled".to_owned(),
        "allow" | "prefer" => "preferred".to_owned(),
        "require" | "trust" => "required".to_owned(),
        "verify-full" => "verify-identity".to_owned(),
        _ => value,
    }
}

impl UrlOptions {
    /// Adds one option; `name` as written.
    pub(super) fn add(&mut self, name: &str, setting: Setting<String>) {
        let plain = name.to_ascii_lowercase().replace('_', "-");
        // Rails: variables[sql_mode].
        let plain = plain.split('[').next().unwrap_or_default();
        let known = NAMES
            .iter()
            .find(|(other, _)| *other == plain)
            .map(|(_, own)| *own);
        match known {
            Some("user") => self.user = Some(setting),
            Some("password") => self.password = Some(setting.map(Secret::new)),
            // Prisma uses this name for the authority's file; dbtool's `ssl-cert` is the client's certificate.
            _ if plain == "sslcert" => {
                self.known.insert("ssl-ca", setting);
            }
            Some("tls") => self.tls_switch(name, setting),
            Some("ssl-mode") => {
                self.known.insert("ssl-mode", setting.map(own_mode));
            }
            Some(own) => {
                self.known.insert(own, setting);
            }
            // libpq's way of naming a socket's folder or file, which some programs share.
            None if plain == "host" && setting.value.starts_with('/') => {
                self.known.insert("socket", setting);
            }
            None if TLS_SWITCHES.contains(&plain) => self.tls_switch(name, setting),
            None if VERIFYING.contains(&plain) => self.verifying(name, &setting),
            None if FOREIGN.contains(&plain) => self.foreign.push(name.to_owned()),
            None => self.notes.push(format!(
                "the database URL ({}) has the option '{name}', which dbtool does not know and ignores",
                setting.origin
            )),
        }
    }

    fn tls_switch(&mut self, name: &str, setting: Setting<String>) {
        let plain = name.to_ascii_lowercase().replace('_', "-");
        let mode = match (plain.as_str(), setting.value.to_ascii_lowercase().as_str()) {
            ("ssl-disabled", "true" | "1") => "disabled",
            ("ssl-disabled", _) => return,
            (_, "false" | "0" | "") => "disabled",
            (_, "preferred") => "preferred",
            ("usessl", _) => "preferred",
            // Go's `tls=true` verifies against the system's authorities; a JSON value may request it.
            _ => "required",
        };
        if mode != "disabled" || plain == "usessl" || plain == "ssl-disabled" || plain == "tls" {
            self.implied_mode = Some(setting.map(|_| mode.to_owned()));
        }
    }

    fn verifying(&mut self, name: &str, setting: &Setting<String>) {
        let value = setting.value.to_ascii_lowercase();
        if matches!(value.as_str(), "strict" | "true" | "1") {
            self.notes.push(format!(
                "the database URL ({}) asks for a verified certificate by '{name}'; dbtool verifies one only with \
                 DB_SSL_CA and DB_SSL_MODE=verify-identity",
                setting.origin
            ));
        }
        // `accept_invalid_certs` is Prisma's default: encrypted without verification, even with an authority.
        if matches!(value.as_str(), "strict" | "true" | "1" | "accept_invalid_certs") {
            self.tls_switch("tls", setting.clone());
        }
    }
}
