//! Renders results and messages; the only module that knows a terminal.
//!
//! A command returns an [`Outcome`]; [`Reporter::emit`] renders it to standard output as
//! text, JSON, JUnit XML, GitHub annotations or Prometheus metrics. Everything else
//! (progress, warnings, errors, logs) goes to standard error. Text from a server passes
//! through [`visible`] or a [`Page`], which escape terminal control sequences.

mod check;
mod clock;
mod confirm;
mod file;
mod github;
mod human;
mod json;
mod junit;
mod log;
mod page;
mod progress;
mod prometheus;
mod sarif;
mod screen;
mod style;
mod table;
mod terminal;

use std::cell::RefCell;
use std::fmt::Display;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub use crate::escape::{is_hidden, visible};
pub use check::{Check, CheckStatus, Tally};
pub use clock::{clock, moment};
pub use human::{bytes, count, duration, plural, timestamp};
pub(crate) use json::Compact;
pub use log::{LogWriter, init_logging, log_writer};
pub use page::Page;
pub use progress::{Progress, bar_text};
pub use prometheus::{Metric, MetricKind, Sample};
pub use sarif::DocumentedCheck;
pub use screen::{Key, Screen, ScreenEvent, restore_terminal};
pub use style::Style;
pub use table::{RowSink, Table};

use crate::exit::{Exit, Failure, ProcessFailure};
use style::paint;
use terminal::{Environment, StdoutError};

/// Output format of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object; its `schema` member names its shape.
    Json,
    /// JUnit XML for CI servers.
    Junit,
    /// Text and annotations for GitHub Actions.
    Github,
    /// Metrics for the textfile collector of node_exporter.
    Prometheus,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR, CLICOLOR=0 or TERM=dumb is set; elsewhere with CLICOLOR_FORCE.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Options that control how results and messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportSettings {
    /// Output format of the result.
    pub format: Format,
    /// When to use colour.
    pub color: ColorChoice,
    /// Suppress status lines and progress; warnings and errors are still shown.
    pub quiet: bool,
    /// Number of `-v` flags.
    pub verbose: u8,
}

impl ReportSettings {
    fn stderr_color(&self) -> bool {
        Environment::read().color(self.color, terminal::stderr_is_terminal())
    }
}

/// The result of a command, which can be rendered in each format and determines the exit code.
pub trait Outcome {
    /// The exit code.
    fn exit(&self) -> Exit {
        Exit::Done
    }

    /// Whether a run that ended after a signal exits as interrupted, whatever the outcome says.
    fn is_cut_short_by_signals(&self) -> bool {
        true
    }

    /// Name of the command, e.g. `migrate-status`; part of the JSON `schema` member.
    fn name(&self) -> &'static str;

    /// Writes the result for people.
    fn text(&self, page: &mut Page);

    /// The result as a JSON object, whose members `docs/json.md` describes.
    fn json(&self) -> Json<'_>;

    /// The result as named checks, for JUnit and GitHub.
    fn checks(&self) -> Vec<Check> {
        Vec::new()
    }

    /// Passes the checks on one by one: those of a large report do not fit into memory together. May be called more
    /// than once.
    fn each_check(&self, visit: &mut dyn FnMut(Check)) {
        self.checks().into_iter().for_each(visit);
    }

    /// What the groups of its checks are about, for SARIF.
    fn documented_checks(&self) -> Vec<DocumentedCheck> {
        Vec::new()
    }

    /// The file that the result goes to instead of standard output.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// The result as metrics, for Prometheus.
    fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }
}

/// A JSON object that is serialized while it is written, because a large result may not fit into the memory budget.
pub type Json<'a> = Box<dyn erased_serde::Serialize + 'a>;

/// Receives a result in parts.
type Sink = Rc<dyn Fn(&[u8])>;

/// Adapts a sink to [`io::Write`].
struct SinkWriter<'a>(&'a Sink);

impl io::Write for SinkWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many bytes are collected before they go to a sink.
const SINK_BUFFER: usize = 32 * 1024;

/// Shows results, status and progress. Clones share their state.
#[derive(Debug, Clone)]
pub struct Reporter {
    state: Arc<ReporterState>,
}

#[derive(Debug)]
struct ReporterState {
    settings: ReportSettings,
    stdout_color: bool,
    stderr_color: bool,
    /// Whether progress bars can be redrawn in place.
    bars: bool,
}

impl Reporter {
    /// A reporter for this process's standard streams.
    pub fn new(settings: ReportSettings) -> Self {
        let environment = Environment::read();
        let stderr_terminal = terminal::stderr_is_terminal();
        Reporter {
            state: Arc::new(ReporterState {
                settings,
                stdout_color: settings.format == Format::Text
                    && environment.color(settings.color, terminal::stdout_is_terminal()),
                stderr_color: environment.color(settings.color, stderr_terminal),
                bars: stderr_terminal && !environment.is_dumb(),
            }),
        }
    }

    /// A status line on standard error; suppressed by `--quiet`.
    pub fn status(&self, line: impl Display) {
        if !self.state.settings.quiet {
            self.stderr_line(&line.to_string());
        }
    }

    /// An event of a long task as a line of JSON on standard error, with `--format json`; nothing otherwise.
    pub fn event(&self, event: &serde_json::Value) {
        let settings = &self.state.settings;
        if settings.format == Format::Json && !settings.quiet {
            terminal::write_stderr(&format!("{event}\n"));
        }
    }

    /// A warning on standard error; an annotation with `--format github`.
    pub fn warn(&self, line: impl Display) {
        let line = line.to_string();
        if self.state.settings.format == Format::Github {
            terminal::write_stderr(&format!("{}\n", github::annotation("warning", &visible(&line))));
        } else {
            self.stderr_line(&format!("{} {line}", self.style().warn("warning:")));
        }
    }

    /// Reports the failure that ends the run on standard error: what happened, and what to do next (may be empty).
    pub fn error(&self, what: &str, next: &str) {
        if self.state.settings.format == Format::Github {
            let mut message = visible(what);
            if !next.is_empty() {
                message.push_str("\nnext: ");
                message.push_str(&visible(next));
            }
            terminal::write_stderr(&format!("{}\n", github::annotation("error", &message)));
            return;
        }
        // A server's message may contain line breaks: indent each further line below the first.
        let mut lines = what.lines();
        let first = lines.next().unwrap_or_default();
        self.stderr_line(&format!("{} {first}", self.style().bad("error:")));
        for line in lines {
            self.stderr_line(&format!("  {line}"));
        }
        for (index, line) in next.lines().enumerate() {
            let label = if index == 0 {
                self.style().strong("next:")
            } else {
                "     ".into()
            };
            self.stderr_line(&format!("  {label} {line}"));
        }
    }

    /// Styled spans for [`Reporter::status`] and [`Reporter::warn`].
    pub fn style(&self) -> Style {
        Style {
            color: self.state.stderr_color,
        }
    }

    fn stderr_line(&self, line: &str) {
        let mut text = paint(line, self.state.stderr_color);
        if self.state.settings.format == Format::Github {
            text = github::escape_line(&text);
        }
        text.push('\n');
        terminal::write_stderr(&text);
    }

    /// Progress of a long task on standard error: a bar on a terminal, a line every ten
    /// seconds elsewhere, nothing with `--quiet`. Without a total it shows the elapsed time.
    pub fn progress(&self, total: Option<u64>, label: &str) -> Progress {
        if self.state.settings.quiet {
            Progress::hidden()
        } else if self.state.bars {
            Progress::bar(total, label, self.state.stderr_color, Duration::ZERO)
        } else {
            Progress::lines(total, label)
        }
    }

    /// Progress of one statement of a server that has run for `already`.
    pub fn statement_progress(&self, label: &str, already: Duration) -> Progress {
        if self.state.settings.quiet {
            Progress::hidden()
        } else if self.state.bars {
            Progress::bar(None, label, self.state.stderr_color, already)
        } else {
            Progress::statement_lines(label, already)
        }
    }

    /// Shows the result on standard output in the chosen format.
    pub fn emit(&self, outcome: &dyn Outcome) {
        self.render(outcome, &(Rc::new(terminal::write_stdout) as Sink));
    }

    fn render(&self, outcome: &dyn Outcome, sink: &Sink) {
        let write = |text: &str| sink(text.as_bytes());
        match self.state.settings.format {
            Format::Text => self.page(outcome, Rc::clone(sink)),
            Format::Json => json::write(outcome.name(), &*outcome.json(), sink),
            Format::Junit => junit::write(outcome.name(), &|visit| outcome.each_check(visit), sink),
            Format::Github => {
                let raw_sink = Rc::clone(sink);
                self.page(
                    outcome,
                    Rc::new(move |lines| raw_sink(&github::escape_lines(lines))),
                );
                outcome.each_check(&mut |check| write(&github::annotate(&check)));
            }
            Format::Sarif => sarif::write(
                &outcome.documented_checks(),
                &|visit| outcome.each_check(visit),
                sink,
            ),
            Format::Prometheus => write(&prometheus::render(&outcome.metrics())),
        }
    }

    /// Shows an object on one line of standard output, with a `schema` member first: for commands that go on.
    pub fn json_line(&self, name: &str, value: &dyn erased_serde::Serialize) {
        json::write_line(name, value, &(Rc::new(terminal::write_stdout) as Sink));
    }

    /// Writes the result to a file instead, so that a reader finds the old or the new text and nothing between.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn emit_to(&self, path: &Path, outcome: &dyn Outcome) -> Result<(), Failure> {
        file::write(path, &self.rendered(outcome))
    }

    fn rendered(&self, outcome: &dyn Outcome) -> Vec<u8> {
        let shown = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&shown);
        let sink: Sink = Rc::new(move |part: &[u8]| sink.borrow_mut().extend_from_slice(part));
        match self.format() {
            Format::Text => {
                let mut page = Page::new(false, None).with_sink(sink);
                outcome.text(&mut page);
                page.finish();
            }
            _ => self.render(outcome, &sink),
        }
        shown.take()
    }

    fn page(&self, outcome: &dyn Outcome, sink: Sink) {
        let page = Page::new(self.state.stdout_color, terminal::stdout_width());
        let mut page = page.with_sink(sink);
        outcome.text(&mut page);
        page.finish();
    }

    /// Writes text to standard output unchanged: rows of a migration's SELECT, completions,
    /// a manual page. Text from a server must pass [`visible`] first. Once the reader has closed
    /// the pipe (`| head`), text is discarded without a failure.
    pub fn out(&self, text: &str) {
        terminal::write_stdout(text.as_bytes());
    }

    /// The failure to write to standard output, e.g. a full disk. A closed pipe is not a failure.
    pub fn stdout_error(&self) -> Option<Failure> {
        match terminal::stdout_error()? {
            StdoutError::BrokenPipe => None,
            StdoutError::Other(reason) => Some(
                ProcessFailure::CannotWrite {
                    reason: reason.to_string(),
                }
                .into(),
            ),
        }
    }

    /// Whether standard output accepts no more, so that producing more is wasted work.
    pub fn stdout_closed(&self) -> bool {
        terminal::stdout_error().is_some()
    }

    /// The chosen format.
    pub fn format(&self) -> Format {
        self.state.settings.format
    }

    /// Whether `-v` was given.
    pub fn verbose(&self) -> bool {
        self.state.settings.verbose > 0
    }

    /// Whether `--quiet` was given.
    pub fn quiet(&self) -> bool {
        self.state.settings.quiet
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal(&self) -> bool {
        terminal::stdout_is_terminal()
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, CheckStatus, Format, Metric, Outcome, Page, ReportSettings, Reporter};
    use serde_json::json;
    use std::cell::RefCell;
    use std::rc::Rc;

    struct SampleOutcome;

    impl Outcome for SampleOutcome {
        fn name(&self) -> &'static str {
            "sample"
        }

        fn text(&self, page: &mut Page) {
            page.line("::error::forged");
            page.checks(&self.checks());
        }

        fn json(&self) -> super::Json<'_> {
            Box::new(json!({"checks": self.checks()}))
        }

        fn checks(&self) -> Vec<Check> {
            vec![
                Check::new("group", "good", CheckStatus::Passed),
                Check::new("group", "bad", CheckStatus::Failed)
                    .message("2 rows")
                    .detail("id 7\nid 8"),
                Check::new("other", "unseen", CheckStatus::Skipped).message("no PROCESS"),
            ]
        }

        fn metrics(&self) -> Vec<Metric> {
            vec![Metric::gauge("sample_rows", "Rows.", 2.0)]
        }
    }

    fn rendered(format: Format) -> String {
        let reporter = Reporter::new(ReportSettings {
            format,
            color: super::ColorChoice::Never,
            ..ReportSettings::default()
        });
        let shown = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&shown);
        let sink: super::Sink = Rc::new(move |part| sink.borrow_mut().extend_from_slice(part));
        reporter.render(&SampleOutcome, &sink);
        String::from_utf8(shown.take()).expect("text")
    }

    #[test]
    fn each_format() {
        assert_eq!(
            rendered(Format::Text),
            "::error::forged\n\n\
             group\n\
             \x20 ok       good\n\
             \x20 FAILED   bad: 2 rows\n\
             \x20            id 7\n\
             \x20            id 8\n\n\
             other\n\
             \x20 skipped  unseen: no PROCESS\n\n\
             1 passed, 1 failed, 1 skipped\n"
        );
        let value: serde_json::Value = serde_json::from_str(&rendered(Format::Json)).expect("JSON");
        assert_eq!(value["schema"], "dbtool.sample/1");
        assert_eq!(value["checks"][1]["status"], "failed");
        assert_eq!(value["checks"][1]["duration_ms"], 0.0);
        assert!(rendered(Format::Junit).contains("<testsuite name=\"group\" tests=\"2\" failures=\"1\""));
        let github = rendered(Format::Github);
        assert!(github.starts_with("\\::error::forged\n"), "{github}");
        assert!(github.ends_with(
            "::error title=group%3A bad::2 rows%0Aid 7%0Aid 8\n::notice title=other%3A unseen::no PROCESS\n"
        ));
        assert_eq!(
            rendered(Format::Prometheus),
            "# HELP sample_rows Rows.\n# TYPE sample_rows gauge\nsample_rows 2\n"
        );
    }
}
