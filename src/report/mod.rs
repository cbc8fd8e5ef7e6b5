//! The only room that knows a terminal.
//!
//! A command returns an [`Outcome`]; [`Reporter::emit`] renders it to standard output as
//! text, JSON, JUnit XML, GitHub annotations or Prometheus metrics. Everything else
//! (progress, warnings, errors, logs) goes to standard error. Text from a server passes
//! through [`visible`] or a [`Page`] and can therefore give a terminal no orders.

mod check;
mod confirm;
mod github;
mod human;
mod json;
mod junit;
mod log;
mod progress;
mod prometheus;
mod style;
mod terminal;
mod text;

use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;

pub use check::{Check, CheckStatus, Tally};
pub use human::{bytes, count, duration, plural};
pub(crate) use json::Compact;
pub use log::{LogWriter, init_logging, log_writer};
pub use progress::Progress;
pub use prometheus::{Metric, MetricKind, Sample};
pub use style::{Style, is_hidden, visible};
pub use text::{Page, Table};

use crate::exit::{Exit, Failure};
use style::paint;
use terminal::{Environment, StdoutError};

/// The shape of the result on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object, its shape named by its `schema` member.
    Json,
    /// JUnit XML for CI servers.
    Junit,
    /// Text and annotations for GitHub Actions.
    Github,
    /// Metrics for the textfile collector of node_exporter.
    Prometheus,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR, CLICOLOR=0 or TERM=dumb say no; elsewhere with CLICOLOR_FORCE.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How results and messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// The shape of the result.
    pub format: Format,
    /// When to colour.
    pub color: ColorChoice,
    /// No status lines and no progress; warnings and errors stay.
    pub quiet: bool,
    /// How many times `-v` was given.
    pub verbose: u8,
}

impl Settings {
    fn stderr_color(&self) -> bool {
        Environment::read().color(self.color, terminal::stderr_is_terminal())
    }
}

/// The result of a command: it knows how to become each format and which exit code it means.
pub trait Outcome {
    /// The exit code.
    fn exit(&self) -> Exit {
        Exit::Done
    }

    /// The command's name, as in `migrate-status`; names the JSON shape.
    fn name(&self) -> &'static str;

    /// Writes the result for people.
    fn text(&self, page: &mut Page);

    /// The result as a JSON object, whose members `docs/json.md` describes.
    fn json(&self) -> Json<'_>;

    /// The result as named checks, for JUnit and GitHub.
    fn checks(&self) -> Vec<Check> {
        Vec::new()
    }

    /// The result as metrics, for Prometheus.
    fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }
}

/// A JSON object that is written as it is made: a result may be larger than this process should be.
pub type Json<'a> = Box<dyn erased_serde::Serialize + 'a>;

/// Where a result goes, part by part.
type Sink = Rc<dyn Fn(&[u8])>;

/// Shows results, status and progress. Clones share one state.
#[derive(Debug, Clone)]
pub struct Reporter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    stdout_color: bool,
    stderr_color: bool,
    /// Whether progress may draw over itself.
    bars: bool,
}

impl Reporter {
    /// A reporter for this process's standard streams.
    pub fn new(settings: Settings) -> Self {
        let environment = Environment::read();
        let stderr_terminal = terminal::stderr_is_terminal();
        Reporter {
            inner: Arc::new(Inner {
                settings,
                stdout_color: settings.format == Format::Text
                    && environment.color(settings.color, terminal::stdout_is_terminal()),
                stderr_color: environment.color(settings.color, stderr_terminal),
                bars: stderr_terminal && !environment.dumb(),
            }),
        }
    }

    /// A line on standard error about what is going on; not with `--quiet`.
    pub fn status(&self, line: impl Display) {
        if !self.inner.settings.quiet {
            self.stderr_line(&line.to_string());
        }
    }

    /// A warning on standard error; an annotation with `--format github`.
    pub fn warn(&self, line: impl Display) {
        let line = line.to_string();
        if self.inner.settings.format == Format::Github {
            terminal::write_stderr(&format!("{}\n", github::annotation("warning", &visible(&line))));
        } else {
            self.stderr_line(&format!("{} {line}", self.style().warn("warning:")));
        }
    }

    /// The failure that ends the run, on standard error: what happened, and what to do next (may be empty).
    pub fn error(&self, what: &str, next: &str) {
        if self.inner.settings.format == Format::Github {
            let mut message = visible(what);
            if !next.is_empty() {
                message.push_str("\nnext: ");
                message.push_str(&visible(next));
            }
            terminal::write_stderr(&format!("{}\n", github::annotation("error", &message)));
            return;
        }
        // A server's message may hold line breaks: each further line is indented below the first.
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
            color: self.inner.stderr_color,
        }
    }

    fn stderr_line(&self, line: &str) {
        let mut text = paint(line, self.inner.stderr_color);
        if self.inner.settings.format == Format::Github {
            text = github::disarm(&text);
        }
        text.push('\n');
        terminal::write_stderr(&text);
    }

    /// Progress of a long task on standard error: a bar on a terminal, a line every ten
    /// seconds elsewhere, nothing with `--quiet`. Without a total it counts time.
    pub fn progress(&self, total: Option<u64>, label: &str) -> Progress {
        if self.inner.settings.quiet {
            Progress::hidden()
        } else if self.inner.bars {
            Progress::bar(total, label, self.inner.stderr_color)
        } else {
            Progress::lines(total, label)
        }
    }

    /// Shows the result on standard output in the chosen format.
    pub fn emit(&self, outcome: &dyn Outcome) {
        self.render(outcome, &(Rc::new(terminal::write_stdout) as Sink));
    }

    fn render(&self, outcome: &dyn Outcome, sink: &Sink) {
        let write = |text: &str| sink(text.as_bytes());
        match self.inner.settings.format {
            Format::Text => self.page(outcome, Rc::clone(sink)),
            Format::Json => json::write(outcome.name(), &*outcome.json(), sink),
            Format::Junit => write(&junit::render(outcome.name(), &outcome.checks())),
            Format::Github => {
                let disarmed = Rc::clone(sink);
                self.page(outcome, Rc::new(move |lines| disarmed(&github::disarmed(lines))));
                write(&github::render(&outcome.checks()));
            }
            Format::Prometheus => write(&prometheus::render(&outcome.metrics())),
        }
    }

    fn page(&self, outcome: &dyn Outcome, sink: Sink) {
        let page = Page::new(self.inner.stdout_color, terminal::stdout_width());
        let mut page = page.into_sink(sink);
        outcome.text(&mut page);
        page.finish();
    }

    /// Text on standard output exactly as it is: rows of a migration's SELECT, completions,
    /// a manual page. What came from a server must pass [`visible`] first. After the reader
    /// has gone (`| head`) it is discarded, and that is no failure.
    pub fn out(&self, text: &str) {
        terminal::write_stdout(text.as_bytes());
    }

    /// Why output is missing, if it is: a full disk, for one. A reader that has gone is no error.
    pub fn stdout_error(&self) -> Option<Failure> {
        match terminal::stdout_error()? {
            StdoutError::BrokenPipe => None,
            StdoutError::Other(reason) => Some(Failure::new(
                Exit::Statement,
                format!("could not write the result to standard output: {reason}"),
                "the work itself was done; make room where the output goes and ask for the result again",
            )),
        }
    }

    /// Whether the reader of standard output has gone, so that producing more is wasted work.
    pub fn stdout_closed(&self) -> bool {
        terminal::stdout_error().is_some()
    }

    /// The chosen format.
    pub fn format(&self) -> Format {
        self.inner.settings.format
    }

    /// Whether `-v` was given.
    pub fn verbose(&self) -> bool {
        self.inner.settings.verbose > 0
    }

    /// Whether `--quiet` was given.
    pub fn quiet(&self) -> bool {
        self.inner.settings.quiet
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal(&self) -> bool {
        terminal::stdout_is_terminal()
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, CheckStatus, Format, Metric, Outcome, Page, Reporter, Settings};
    use serde_json::json;
    use std::cell::RefCell;
    use std::rc::Rc;

    struct Sample;

    impl Outcome for Sample {
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
        let reporter = Reporter::new(Settings {
            format,
            color: super::ColorChoice::Never,
            ..Settings::default()
        });
        let shown = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&shown);
        let sink: super::Sink = Rc::new(move |part| sink.borrow_mut().extend_from_slice(part));
        reporter.render(&Sample, &sink);
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
