//! `dbtool completions`: a shell's completions, generated from the command line's definition.

use clap::CommandFactory;

use crate::cli::Cli;
use crate::report::Reporter;

/// Writes completions for `shell` to standard output.
pub fn run(report: &Reporter, shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dbtool", &mut script);
    report.out(&String::from_utf8_lossy(&script));
}
