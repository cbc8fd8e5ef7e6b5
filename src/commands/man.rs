//! `dbtool man`: the manual page, generated from the command line's definition.

use clap::CommandFactory;

use crate::cli::Cli;
use crate::commands::failure::CommandFailure;
use crate::exit::Failure;
use crate::report::Reporter;

/// Writes the manual page to standard output.
///
/// # Errors
/// The page could not be generated.
pub fn run(report: &Reporter) -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| CommandFailure::ManualPage { error })?;
    report.out(&String::from_utf8_lossy(&page));
    Ok(())
}
