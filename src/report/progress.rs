//! Progress on standard error: a bar on a terminal, a line at intervals elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::{human, terminal};
use crate::escape::visible;

/// Interval of progress lines when standard error is not a terminal: short enough that a CI job
/// is not considered hung, long enough to keep the log readable.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// Lines at that interval; later ones come at a multiple of it, one a minute.
const FREQUENT_LINES: u32 = 6;

/// Interval of the lines about one statement after the first, which may run for hours.
const STATEMENT_INTERVAL: Duration = Duration::from_secs(60);

/// How wide a bar is.
const BAR_WIDTH: usize = 28;

/// Progress of a long task. Dropping it removes it from the terminal.
#[derive(Debug)]
pub struct Progress(Renderer);

#[derive(Debug)]
enum Renderer {
    Nothing,
    Bar(ProgressBar),
    Lines(Lines),
}

/// A rate, with a decimal only below 10: `67,236/s`, `0.4/s`.
fn per_second(rate: f64) -> String {
    if rate < 9.95 {
        return format!("{rate:.1}/s");
    }
    // A rate is never negative, and a count above 2^53 a second does not occur.
    format!("{}/s", human::count(rate.round() as u64))
}

impl Progress {
    /// Progress that is not shown.
    pub fn hidden() -> Self {
        Progress(Renderer::Nothing)
    }

    /// A bar of a task that has run for `already`; without a total, what is known of it is in the message.
    pub(super) fn bar(total: Option<u64>, label: &str, color: bool, already: Duration) -> Self {
        let bar = terminal::bars().add(match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        });
        let template = match (total, color) {
            (Some(_), true) => {
                "{prefix} {bar:28.green/dim} {human_pos}/{human_len} {rate} eta {eta} {wide_msg}"
            }
            (Some(_), false) => "{prefix} {bar:28} {human_pos}/{human_len} {rate} eta {eta} {wide_msg}",
            (None, _) => "{spinner} {prefix} {elapsed} {wide_msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            // The library's own format of a rate has four decimals.
            let style = style.with_key("rate", |state: &ProgressState, line: &mut dyn std::fmt::Write| {
                let _ = line.write_str(&per_second(state.per_sec()));
            });
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_elapsed(already);
        bar.set_prefix(visible(label));
        // Without a total, `set` may not be called for minutes: the spinner ticks by itself.
        if total.is_none() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Progress(Renderer::Bar(bar))
    }

    pub(super) fn lines(total: Option<u64>, label: &str) -> Self {
        Self::lines_every(LINE_INTERVAL, total, label, |line| terminal::write_stderr(&line))
    }

    /// Lines about one statement that has run for `already`: what is known of it is in the message.
    pub(super) fn statement_lines(label: &str, already: Duration) -> Self {
        let first = LINE_INTERVAL.saturating_sub(already);
        let started = Instant::now().checked_sub(already).unwrap_or_else(Instant::now);
        let times = LineTimes {
            first,
            then: STATEMENT_INTERVAL,
            started,
        };
        let write = |line: String| terminal::write_stderr(&line);
        Progress(Renderer::Lines(Lines::start(times, None, visible(label), write)))
    }

    /// Whether it is drawn in place, so that it may change often.
    pub fn is_redrawn(&self) -> bool {
        matches!(self.0, Renderer::Bar(_))
    }

    fn lines_every(
        every: Duration,
        total: Option<u64>,
        label: &str,
        write: impl Fn(String) + Send + 'static,
    ) -> Self {
        let times = LineTimes {
            first: every,
            then: every,
            started: Instant::now(),
        };
        Progress(Renderer::Lines(Lines::start(times, total, visible(label), write)))
    }

    /// Sets the position.
    pub fn set(&self, position: u64) {
        match &self.0 {
            Renderer::Nothing => {}
            Renderer::Bar(bar) => bar.set_position(position),
            Renderer::Lines(lines) => {
                lines.state.first.get_or_init(|| position);
                lines.state.position.store(position, Ordering::Relaxed);
            }
        }
    }

    /// Advances the position.
    pub fn inc(&self, by: u64) {
        match &self.0 {
            Renderer::Nothing => {}
            Renderer::Bar(bar) => bar.inc(by),
            Renderer::Lines(lines) => {
                lines.state.position.fetch_add(by, Ordering::Relaxed);
            }
        }
    }

    /// Shows the current activity.
    pub fn message(&self, message: impl Into<String>) {
        let message = visible(&message.into());
        match &self.0 {
            Renderer::Nothing => {}
            Renderer::Bar(bar) => bar.set_message(message),
            Renderer::Lines(lines) => {
                *lines.state.message.lock().unwrap_or_else(PoisonError::into_inner) = message
            }
        }
    }

    /// Removes the progress before it is dropped.
    pub fn finish(&self) {
        match &self.0 {
            Renderer::Nothing => {}
            Renderer::Bar(bar) => bar.finish_and_clear(),
            Renderer::Lines(lines) => lines.stop(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
        if let Renderer::Bar(bar) = &self.0 {
            terminal::bars().remove(bar);
        }
    }
}

/// A share of the whole as a bar of text: `━━━━╸─────`.
pub fn bar_text(done: u64, all: u64) -> String {
    let share = if all == 0 { 0.0 } else { done as f64 / all as f64 };
    // A share of the width, never more than it.
    let filled = ((share * BAR_WIDTH as f64) as usize).min(BAR_WIDTH);
    let head = if filled < BAR_WIDTH { "╸" } else { "" };
    let rest = "─".repeat((BAR_WIDTH - filled).saturating_sub(1));
    format!("{}{head}{rest}", "━".repeat(filled))
}

/// When lines are written.
#[derive(Debug, Clone, Copy)]
struct LineTimes {
    /// The first, from now.
    first: Duration,
    /// From then on.
    then: Duration,
    /// When the task began.
    started: Instant,
}

#[derive(Debug)]
struct TaskState {
    label: String,
    total: Option<u64>,
    started: Instant,
    position: AtomicU64,
    /// The position that was set first: what an earlier run did counts for no rate.
    first: OnceLock<u64>,
    message: Mutex<String>,
}

impl TaskState {
    fn line(&self) -> String {
        let position = self.position.load(Ordering::Relaxed);
        let elapsed = self.started.elapsed();
        let mut line = format!("{}:", self.label);
        let mut rest = String::new();
        if let Some(total) = self.total {
            line.push_str(&format!(" {}/{}", human::count(position), human::count(total)));
            if total > 0 {
                line.push_str(&format!(" ({}%)", u128::from(position) * 100 / u128::from(total)));
            }
            let gained = position.saturating_sub(self.first.get().copied().unwrap_or(0));
            rest = remaining(gained, total.saturating_sub(position), elapsed);
        } else if position > 0 {
            line.push_str(&format!(" {}", human::count(position)));
        }
        line.push_str(&format!(" after {}{rest}", human::duration(elapsed)));
        let message = self.message.lock().unwrap_or_else(PoisonError::into_inner);
        if !message.is_empty() {
            line.push_str(&format!(", {message}"));
        }
        line.push('\n');
        line
    }
}

/// The rate of a task, and how long the rest takes at this rate.
fn remaining(gained: u64, rest: u64, elapsed: Duration) -> String {
    let rate = gained as f64 / elapsed.as_secs_f64().max(1e-3);
    if gained == 0 {
        return String::new();
    }
    let left = Duration::from_secs((rest as f64 / rate) as u64);
    format!(", {}, {} left", per_second(rate), human::duration(left))
}

/// A thread that writes a line at intervals, even while the task waits for one long statement.
#[derive(Debug)]
struct Lines {
    state: Arc<TaskState>,
    thread: Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>,
}

impl Lines {
    fn start(
        times: LineTimes,
        total: Option<u64>,
        label: String,
        write: impl Fn(String) + Send + 'static,
    ) -> Self {
        let state = Arc::new(TaskState {
            label,
            total,
            started: times.started,
            position: AtomicU64::new(0),
            first: OnceLock::new(),
            message: Mutex::new(String::new()),
        });
        let (stop, stopped) = mpsc::channel();
        let shared = Arc::clone(&state);
        // If no thread can be started, no lines are written.
        let thread = std::thread::Builder::new()
            .name("progress".into())
            .spawn(move || {
                let mut pause = times.first;
                let mut written = 0;
                while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    write(shared.line());
                    written += 1;
                    pause = times.then;
                    if written >= FREQUENT_LINES {
                        pause = pause.max(times.first * FREQUENT_LINES);
                    }
                }
            })
            .ok();
        Lines {
            state,
            thread: Mutex::new(thread.map(|thread| (stop, thread))),
        }
    }

    fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = thread {
            drop(stop);
            // Waits at most for the line being written, so that none appears after the result.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, bar_text, per_second};
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn rates_are_readable() {
        for (rate, text) in [
            (67_236.149_8, "67,236/s"),
            (12.3, "12/s"),
            (0.44, "0.4/s"),
            (0.0, "0.0/s"),
        ] {
            assert_eq!(per_second(rate), text);
        }
    }

    #[test]
    fn a_share_is_a_bar() {
        for (done, all, filled, length) in [
            (0, 0, 0, 28),
            (0, 10, 0, 28),
            (5, 10, 14, 28),
            (10, 10, 28, 28),
            (9, 3, 28, 28),
        ] {
            let text = bar_text(done, all);
            assert_eq!(text.chars().filter(|c| *c == '━').count(), filled, "{text}");
            assert_eq!(text.chars().count(), length, "{text}");
        }
    }

    #[test]
    fn the_rest_is_estimated_by_what_this_run_did() {
        let text = super::remaining(500, 1_000, Duration::from_secs(10));
        assert_eq!(text, ", 50/s, 20.0 s left");
        assert_eq!(super::remaining(0, 1_000, Duration::from_secs(10)), "");
    }

    #[test]
    fn a_log_gets_lines_until_the_end() {
        let (sender, lines) = mpsc::channel();
        let progress =
            Progress::lines_every(Duration::from_millis(5), Some(2_000), "copy\u{1b}", move |line| {
                let _ = sender.send(line);
            });
        progress.set(400);
        progress.inc(100);
        progress.message("range 3");
        let deadline = Duration::from_secs(20);
        let line = loop {
            let line = lines.recv_timeout(deadline).expect("a line");
            if line.contains("range 3") {
                break line;
            }
        };
        assert!(line.starts_with("copy\\x1b: 500/2,000 (25%) after "), "{line}");
        assert!(line.ends_with(", range 3\n"), "{line}");
        progress.finish();
        // The writer is gone with its thread: what is queued ends in a disconnect, not in a timeout.
        while lines.recv_timeout(deadline).is_ok() {}
        assert_eq!(lines.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }

    #[test]
    fn hidden_progress_takes_every_call() {
        let progress = Progress::hidden();
        progress.set(1);
        progress.inc(1);
        progress.message("x");
        progress.finish();
    }
}
