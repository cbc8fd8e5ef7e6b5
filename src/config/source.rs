//! The sources of configuration values and their order of precedence.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::env_file::EnvFile;
use super::failure::ConfigFailure;
use super::var::Var;
use crate::cancel::Cancel;
use crate::exit::Failure;

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A command-line flag, by its name with dashes.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// A variable in a `.env` file.
    EnvFile {
        /// Path of the file.
        path: PathBuf,
        /// Name of the variable.
        name: &'static str,
    },
    /// Not set; the built-in default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "flag {name}"),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::EnvFile { path, name } => write!(f, "{} {name}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// A built-in default.
    pub fn default(value: T) -> Self {
        Setting {
            value,
            origin: Origin::Default,
        }
    }

    /// Transforms the value and keeps the origin.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting {
            value: change(self.value),
            origin: self.origin,
        }
    }
}

/// All inputs of a configuration, as plain values, so that tests need no process environment.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Flags that were given, by the variable they set: value and the flag's name.
    pub flags: BTreeMap<&'static str, (String, &'static str)>,
    /// The process's environment.
    pub environment: BTreeMap<String, String>,
    /// The `.env` file, if one was found.
    pub env_file: Option<EnvFile>,
    /// Cancels a wait for a file that is a pipe.
    pub cancel: Cancel,
}

/// Looks a variable up in flags, environment and `.env`, in this order.
pub(super) struct Lookup<'a> {
    sources: &'a Sources,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Lookup { sources }
    }

    /// The variable's value; an empty one counts as not set, as CI systems pass
    /// undefined secrets as empty variables.
    pub(super) fn get(&self, name: &'static str) -> Option<Setting<String>> {
        debug_assert!(Var::find(name).is_some(), "{name} is not among the variables");
        self.flag(name).or_else(|| self.variable(name))
    }

    /// The variable's default.
    pub(super) fn default(&self, name: &'static str) -> Setting<String> {
        let default = Var::find(name).and_then(|var| var.default);
        debug_assert!(default.is_some(), "{name} has no default");
        Setting::default(default.unwrap_or_default().to_owned())
    }

    /// The variable's value, or its default.
    pub(super) fn or_default(&self, name: &'static str) -> Setting<String> {
        self.get(name).unwrap_or_else(|| self.default(name))
    }

    fn flag(&self, name: &'static str) -> Option<Setting<String>> {
        let (value, flag) = self.sources.flags.get(name)?;
        Some(Setting {
            value: value.clone(),
            origin: Origin::Flag(flag),
        })
    }

    pub(super) fn cancel(&self) -> &'a Cancel {
        &self.sources.cancel
    }

    fn variable(&self, name: &'static str) -> Option<Setting<String>> {
        debug_assert!(Var::find(name).is_some(), "{name} is not among the variables");
        let in_environment = self
            .sources
            .environment
            .get(name)
            .filter(|value| !value.is_empty());
        if let Some(value) = in_environment {
            return Some(Setting {
                value: value.clone(),
                origin: Origin::Environment(name),
            });
        }
        let file = self.sources.env_file.as_ref()?;
        let value = file.variables.get(name).filter(|value| !value.is_empty())?;
        let origin = Origin::EnvFile {
            path: file.path.clone(),
            name,
        };
        Some(Setting {
            value: value.clone(),
            origin,
        })
    }

    /// A value that can be set by its own variable (the part) or in the URL. A flag overrides the
    /// environment; otherwise part and URL must agree.
    pub(super) fn merged(
        &self,
        name: &'static str,
        in_url: Option<Setting<String>>,
    ) -> Result<Option<Setting<String>>, Failure> {
        let url_is_flag = matches!(
            in_url,
            Some(Setting {
                origin: Origin::Flag(_),
                ..
            })
        );
        match (self.flag(name), in_url) {
            (Some(part), Some(url)) if url_is_flag && part.value != url.value => {
                Err(disagreement(name, &part, &url))
            }
            (Some(part), _) => Ok(Some(part)),
            (None, Some(url)) if url_is_flag => Ok(Some(url)),
            (None, url) => match (self.variable(name), url) {
                (Some(part), Some(url)) if !same_value(name, &part.value, &url.value) => {
                    Err(disagreement(name, &part, &url))
                }
                (part, url) => Ok(part.or(url)),
            },
        }
    }
}

/// Whether two texts mean the same value of `name`.
fn same_value(name: &str, one: &str, other: &str) -> bool {
    match name {
        "DB_HOST" | "DB_SSL_MODE" => one.eq_ignore_ascii_case(other),
        _ => one == other,
    }
}

fn disagreement(name: &str, part: &Setting<String>, url: &Setting<String>) -> Failure {
    let (name, part, url) = (name.to_owned(), part.clone(), url.clone());
    ConfigFailure::Disagreement { name, part, url }.into()
}
