//! `dbtool completions` and `dbtool man`: text made from the command line's own description.

use clap::CommandFactory;

use crate::cli::Cli;
use crate::exit::Failure;
use crate::report::Reporter;

/// Writes completions for `shell` to standard output.
pub fn completions(report: &Reporter, shell: clap_complete::Shell) {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dbtool", &mut text);
    report.out(&String::from_utf8_lossy(&text));
}

/// Writes the manual page to standard output.
///
/// # Errors
/// The page could not be made.
pub fn man(report: &Reporter) -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| {
            Failure::usage(
                format!("cannot write the manual page: {error}"),
                "see dbtool --help instead",
            )
        })?;
    report.out(&String::from_utf8_lossy(&page));
    Ok(())
}
