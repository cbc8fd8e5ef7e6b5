//! Flags of `dbtool sandbox`.

use std::ffi::OsString;
use std::str::FromStr;

use clap::Args;

/// Run a private throwaway server with demo data
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  dbtool sandbox                                  keep it until Ctrl+C, print how to connect
  dbtool sandbox -- dbtool migrate status         run a command against it
  dbtool sandbox --bookings 100000 -- ./load.sh   with more data
  dbtool sandbox --migrated-to none -- my-tests   with an empty database

The command finds the server in DB_HOST, DB_PORT, DB_USER, DB_PASSWORD and DB_NAME. Its exit
code is passed on. Server, files and socket are gone afterwards, however the command ends.")]
pub struct SandboxArgs {
    /// How many bookings the demo data has [default: 1000; 0 is no data at all]
    #[arg(long, value_name = "N")]
    pub bookings: Option<u64>,
    /// Same seed, same demo data
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
    /// Apply migrations up to this version: a number, `latest` or `none`
    #[arg(long, value_name = "VERSION", default_value = "002")]
    pub migrated_to: Target,
    /// The server: `mariadb`, `mysql`, the name of a fetched one, or the path of a program
    /// [env: DBTOOL_SERVER] [default: the first found]
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// What to run against it; without a command it runs until Ctrl+C
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// How far the sandbox's schema is to be migrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An empty database.
    None,
    /// Up to and including this version.
    Version(u32),
    /// To the end.
    Latest,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Target::None),
            "latest" => Ok(Target::Latest),
            number => match number.parse() {
                Ok(0) => Ok(Target::None),
                Ok(version) => Ok(Target::Version(version)),
                Err(_) => Err("use a version such as 002, latest, or none".to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn targets_are_numbers_or_words() {
        for (text, expected) in [
            ("none", Some(Target::None)),
            ("000", Some(Target::None)),
            ("latest", Some(Target::Latest)),
            ("002", Some(Target::Version(2))),
            ("5", Some(Target::Version(5))),
            ("", None),
            ("-1", None),
            ("two", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }
}
