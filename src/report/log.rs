//! Writes log lines to standard error, above any progress bar and safe for a terminal.

use std::fmt;
use std::io;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

use super::style::{Style, paint};
use super::{ReportSettings, terminal};
use crate::exit::{Failure, ProcessFailure};

/// Writes log lines to standard error and suspends progress bars meanwhile. Never fails.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogWriter;

/// The writer for a `tracing` subscriber.
pub fn log_writer() -> LogWriter {
    LogWriter
}

impl io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        terminal::write_stderr(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogWriter {
    type Writer = LogWriter;

    fn make_writer(&self) -> LogWriter {
        *self
    }
}

/// Formats an event as one line: `level target: message field=value`.
struct EventLine {
    style: Style,
}

impl<S, N> FormatEvent<S, N> for EventLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = String::new();
        context
            .field_format()
            .format_fields(Writer::new(&mut fields), event)?;
        let metadata = event.metadata();
        let (name, level) = match *metadata.level() {
            Level::ERROR => ("error", self.style.bad("error")),
            Level::WARN => ("warn", self.style.warn("warn")),
            Level::INFO => ("info", self.style.ok("info")),
            Level::DEBUG => ("debug", self.style.dim("debug")),
            Level::TRACE => ("trace", self.style.dim("trace")),
        };
        let target = self.style.dim(metadata.target());
        let line = format!(
            "{level}{:1$} {target}: {fields}",
            "",
            5_usize.saturating_sub(name.len())
        );
        writeln!(writer, "{}", paint(&line, self.style.color))
    }
}

/// The log filter: `RUST_LOG` if set, otherwise from `-q` and `-v`. The driver's events need `-vvv`.
fn targets(verbose: u8, quiet: bool, rust_log: Option<&str>) -> Result<Targets, Failure> {
    if let Some(text) = rust_log.filter(|text| !text.trim().is_empty()) {
        return text
            .parse()
            .map_err(|error: tracing_subscriber::filter::ParseError| {
                ProcessFailure::LogFilter {
                    text: text.to_owned(),
                    error: error.to_string(),
                }
                .into()
            });
    }
    Ok(match (quiet, verbose) {
        (true, _) => Targets::new().with_default(LevelFilter::ERROR),
        (false, 0) => Targets::new().with_default(LevelFilter::WARN),
        (false, 1) => Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("dbtool", LevelFilter::INFO),
        (false, 2) => Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("dbtool", LevelFilter::DEBUG),
        (false, _) => Targets::new().with_default(LevelFilter::TRACE),
    })
}

/// Sends `tracing` events to standard error. `rust_log` is the value of `RUST_LOG`, if set.
/// A second call has no effect.
///
/// # Errors
/// A usage [`Failure`] if `rust_log` is not a filter.
pub fn init_logging(settings: &ReportSettings, rust_log: Option<&str>) -> Result<(), Failure> {
    let targets = targets(settings.verbose, settings.quiet, rust_log)?;
    let color = settings.stderr_color();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(EventLine {
            style: Style { color },
        })
        .with_writer(log_writer())
        .with_filter(targets);
    // An error means that a subscriber is already set, as in a test process.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{EventLine, Style, targets};
    use std::io;
    use std::sync::{Arc, Mutex};
    use tracing::Level;
    use tracing_subscriber::prelude::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("lock").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_safe_and_filtered() {
        let sink = Buffer::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .event_format(EventLine {
                style: Style { color: false },
            })
            .with_writer(move || writer.clone())
            .with_filter(targets(1, false, None).expect("a filter"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(target: "dbtool::db", user = "evil\u{1b}[2J", "connected\nERROR forged");
            tracing::debug!(target: "dbtool::db", "hidden");
            tracing::info!(target: "mysql_async", "hidden");
        });
        let text = String::from_utf8(sink.0.lock().expect("lock").clone()).expect("UTF-8");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.starts_with("info  dbtool::db: connected\\nERROR forged"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn levels() {
        let enabled = |verbose, quiet, rust_log: Option<&str>, target: &str, level| {
            targets(verbose, quiet, rust_log)
                .expect("a filter")
                .would_enable(target, &level)
        };
        assert!(enabled(0, false, None, "dbtool", Level::WARN));
        assert!(!enabled(0, false, None, "dbtool", Level::INFO));
        assert!(enabled(2, false, None, "dbtool", Level::DEBUG));
        assert!(!enabled(2, false, None, "mysql_async", Level::INFO));
        assert!(enabled(3, false, None, "mysql_async", Level::TRACE));
        assert!(!enabled(3, true, None, "dbtool", Level::WARN));
        assert!(enabled(0, true, Some("dbtool=trace"), "dbtool::db", Level::TRACE));
        assert!(!enabled(
            0,
            false,
            Some("dbtool=trace"),
            "mysql_async",
            Level::WARN
        ));
        let failure = targets(0, false, Some("dbtool=loud")).expect_err("no filter");
        assert!(
            failure.what.contains("RUST_LOG") && failure.what.contains("dbtool=loud"),
            "{failure}"
        );
    }
}
