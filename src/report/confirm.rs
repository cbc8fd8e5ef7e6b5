//! Asks for confirmation before an irreversible action.

use std::io::{self, BufRead, IsTerminal};

use super::Reporter;
use super::style::paint;
use super::terminal;
use crate::cancel::Cancel;
use crate::exit::ProcessFailure;

impl Reporter {
    /// Asks a yes-or-no question on standard error; only `y` and `yes` confirm. End of input is a no.
    ///
    /// # Errors
    /// `ProcessFailure::CannotAsk` if standard input is not a terminal (`--yes` is for scripts), and
    /// [`crate::cancel::Cancelled`] if a signal arrives before the answer.
    pub async fn confirm(&self, cancel: &Cancel, question: &str) -> anyhow::Result<bool> {
        if !io::stdin().is_terminal() {
            let question = question.to_owned();
            return Err(ProcessFailure::CannotAsk { question }.into());
        }
        let question = paint(question, self.style().color);
        terminal::write_stderr(&format!("{question} [y/N] "));
        let (sender, answer) = tokio::sync::oneshot::channel();
        // A blocked read cannot be cancelled: its thread keeps running until the process ends.
        std::thread::Builder::new()
            .name("confirm".into())
            .spawn(move || {
                let mut line = String::new();
                // An unreadable answer counts as no.
                let _ = io::stdin().lock().read_line(&mut line);
                let _ = sender.send(line);
            })?;
        let answer = cancel.or(answer).await;
        if answer.is_err() {
            // The prompt's line is still open: start a new one.
            terminal::write_stderr("\n");
        }
        Ok(is_yes(&answer?.unwrap_or_default()))
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, yes) in [
            ("y\n", true),
            ("YES\r\n", true),
            ("", false),
            ("yeah\n", false),
            ("n\n", false),
        ] {
            assert_eq!(is_yes(answer), yes, "{answer:?}");
        }
    }
}
