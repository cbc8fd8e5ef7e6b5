//! The description of a configuration variable.

use super::Origin;
use super::vars::{Config, VARS};

/// A variable; its flag, its line in `dbtool config` and its lines in `.env.example` are derived from it.
#[derive(Debug)]
pub struct Var {
    /// Name in the environment and in `.env`.
    pub name: &'static str,
    /// The flag that overrides it, if there is one.
    pub flag: Option<Flag>,
    /// Default value, as text.
    pub default: Option<&'static str>,
    /// Whether the value is masked when shown.
    pub secret: bool,
    /// The part of the configuration it belongs to.
    pub scope: Scope,
    /// Its value for `dbtool config`; `None` for a variable that only sets other variables' values.
    pub(super) show: Option<Show>,
    /// Comment above it in `.env.example`; empty if it continues a group.
    pub(super) comment: &'static str,
    /// Its value in `.env.example`.
    pub(super) sample: ExampleValue,
}

/// The value of a variable in a configuration, as text; `None` when it is not set.
pub(super) type Show = fn(&Config) -> Option<(String, &Origin)>;

/// A command-line flag that sets a variable.
#[derive(Debug)]
pub struct Flag {
    /// Name, with dashes.
    pub name: &'static str,
    /// Whether it takes a value.
    pub argument: Argument,
    /// Help text; the variable's name and default are appended.
    pub help: &'static str,
    /// Whether it appears in the long help only.
    pub advanced: bool,
}

/// The argument of a flag.
#[derive(Debug)]
pub enum Argument {
    /// A value, with this placeholder in the help.
    Value(&'static str),
    /// No argument; the flag sets this value.
    Fixed(&'static str),
}

/// The part of the configuration a variable belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Which database, as which account. `check-schema --expect` replaces these.
    Database,
    /// How to connect to the server. A sandbox replaces these and those of `Database`.
    Server,
    /// The run, independent of the server.
    Run,
}

/// A value in `.env.example`.
#[derive(Debug)]
pub(super) enum ExampleValue {
    /// An active line to fill in.
    Set(&'static str),
    /// A line that is commented out.
    Commented(&'static str),
}

impl Var {
    /// The variable of this name.
    pub(super) fn find(name: &str) -> Option<&'static Var> {
        VARS.iter().find(|var| var.name == name)
    }

    /// Help text of its flag.
    pub fn help(&self, flag: &Flag) -> String {
        let env = match flag.argument {
            Argument::Value(_) => self.name.to_owned(),
            Argument::Fixed(value) => format!("{}={value}", self.name),
        };
        let mut help = format!("{} [env: {env}]", flag.help);
        if let (Some(default), Argument::Value(_)) = (self.default, &flag.argument) {
            help.push_str(&format!(" [default: {default}]"));
        }
        help
    }
}

/// The names of the variables of `scope` and of the scopes before it.
pub fn names(scope: Scope) -> Vec<&'static str> {
    let of_scope = VARS.iter().filter(|var| var.scope <= scope);
    of_scope.map(|var| var.name).collect()
}

/// The head of `.env.example`.
const EXAMPLE_HEAD: &str = "\
# Copy to .env (never commit that one) and keep what you need.
# Precedence: flag, environment, .env (nearest, walking up), default.
# `dbtool config` shows every value and where it came from, secrets as stars.
# The file may be an application's: lines that are not about these variables do not matter.
# Put values with spaces or special characters (# ' \" \\) in single quotes. A '$' is a dollar sign;
# ${NAME} is replaced where NAME is set above or in the environment, but not in single quotes.
";

/// The file `.env.example`.
pub fn example_file() -> String {
    let mut text = EXAMPLE_HEAD.to_owned();
    for var in VARS {
        if !var.comment.is_empty() {
            text.push('\n');
            text.extend(var.comment.lines().map(|line| format!("# {line}\n")));
        }
        let line = match var.sample {
            ExampleValue::Set(value) => format!("{}={value}\n", var.name),
            ExampleValue::Commented(value) => format!("#{}={value}\n", var.name),
        };
        text.push_str(&line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn every_default_can_be_used() {
        let config = Config::resolve(&Sources::default()).expect("the defaults");
        for line in config.lines() {
            let default = VARS
                .iter()
                .find(|var| var.name == line.name && var.default.is_some());
            let value = line.value.is_some().then_some(line.name);
            assert_eq!(value, default.map(|var| var.name), "{line:?}");
        }
    }

    #[test]
    fn names_and_flags_are_unique_and_no_flag_takes_a_secret() {
        let names: std::collections::BTreeSet<_> = VARS.iter().map(|var| var.name).collect();
        assert_eq!(names.len(), VARS.len());
        let flags = VARS.iter().filter_map(|var| var.flag.as_ref());
        assert!(flags.clone().all(|flag| flag.name.starts_with("--")));
        let names: std::collections::BTreeSet<_> = flags.clone().map(|flag| flag.name).collect();
        assert_eq!(names.len(), flags.count());
        let secret = VARS.iter().filter(|var| var.secret && var.flag.is_some());
        // The URL's flag is rejected if it holds a password.
        assert_eq!(secret.map(|var| var.name).collect::<Vec<_>>(), ["DATABASE_URL"]);
    }
}
