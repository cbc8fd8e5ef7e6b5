//! Flags every command that connects understands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::config::{Argument, VARS};

/// Flags that override the environment.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING)]
pub struct ConnectionArgs {
    /// Those that stand for a variable.
    #[command(flatten)]
    pub variables: VariableArgs,
    /// Read this file instead of the nearest .env
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "no_env_file")]
    pub env_file: Option<PathBuf>,
    /// Read no .env file
    #[arg(long, global = true, hide_short_help = true)]
    pub no_env_file: bool,
}

const HEADING: &str = "Connection";

/// The flags of [`VARS`] that were given, by the variable they stand for: value and the flag's name. All are taken
/// as text: the configuration checks them together with the environment, so that a bad value reads the same
/// wherever it was set.
#[derive(Debug, Clone, Default)]
pub struct VariableArgs(BTreeMap<&'static str, (String, &'static str)>);

impl ConnectionArgs {
    /// The flags that were given, by the variable they stand for.
    pub fn as_variables(&self) -> BTreeMap<&'static str, (String, &'static str)> {
        self.variables.0.clone()
    }
}

impl Args for VariableArgs {
    fn augment_args(command: Command) -> Command {
        let flags = VARS.iter().filter_map(|var| Some((var, var.flag.as_ref()?)));
        command.args(flags.map(|(var, flag)| {
            let arg = Arg::new(var.name)
                .long(flag.name.trim_start_matches('-'))
                .help(var.help(flag))
                .help_heading(HEADING)
                .hide_short_help(flag.advanced)
                .global(true);
            match flag.argument {
                Argument::Value(name) => arg.value_name(name),
                Argument::Fixed(_) => arg.action(ArgAction::SetTrue),
            }
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for VariableArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let flags = VARS.iter().filter_map(|var| Some((var, var.flag.as_ref()?)));
        let given = flags.filter_map(|(var, flag)| {
            let value = match flag.argument {
                Argument::Value(_) => matches.get_one::<String>(var.name)?.clone(),
                Argument::Fixed(value) => matches.get_flag(var.name).then(|| value.to_owned())?,
            };
            Some((var.name, (value, flag.name)))
        });
        Ok(VariableArgs(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.extend(Self::from_arg_matches(matches)?.0);
        Ok(())
    }
}
