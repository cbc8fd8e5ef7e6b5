//! `--watch`: looks again and again; a live view on a terminal, a line for each look elsewhere.

use std::time::Duration;

use super::samples;
use crate::connections::Sampler;
use crate::context::Context;
use crate::live_view;

/// Runs until somebody leaves it.
///
/// # Errors
/// No connection could be had for a reason that does not pass, the terminal is gone, or the run was cancelled.
pub async fn run(context: &Context, every: Duration) -> anyhow::Result<()> {
    let sampler = Sampler::new(context);
    if context.report.has_screen() {
        live_view::run(context, sampler, every).await
    } else {
        samples::run(context, sampler, every).await
    }
}
