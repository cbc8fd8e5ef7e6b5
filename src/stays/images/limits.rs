//! The limits of the column and the server: their checks, and the change that raises each.

use super::column::Column;
use super::settings::Settings;
use crate::report::{Check, CheckStatus, bytes, count};

const GROUP: &str = "limits";

/// The limit that refuses a larger image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The column's type.
    Column,
    /// max_allowed_packet.
    Packet,
    /// The redo log's size.
    Redo,
    /// No limit up to `--max`.
    Asked,
    /// Another limit, in the server's words.
    Other(String),
}

impl Limit {
    /// The limit's name and, where there is one, the change that lifts it to `size` bytes.
    pub fn explain(&self, column: &Column, settings: &Settings, size: u64) -> (String, Option<String>) {
        match self {
            Limit::Column => (
                format!(
                    "the column's type {} holds {} characters",
                    column.declared,
                    count(column.capacity())
                ),
                Some(column.wider(size)),
            ),
            Limit::Packet => {
                let enough = (size + (1 << 20)).next_power_of_two().min(1 << 30);
                (
                    format!(
                        "max_allowed_packet is {} ({})",
                        count(settings.packet),
                        bytes(settings.packet)
                    ),
                    Some(format!(
                        "SET GLOBAL max_allowed_packet = {enough} and the same in the server's configuration; new \
                         connections have it, and clients and proxies have a limit of their own"
                    )),
                )
            }
            Limit::Redo => {
                let (name, size) = settings.redo.unwrap_or(("innodb_log_file_size", 0));
                (
                    format!("the redo log ({name}) is {}", bytes(size)),
                    Some(format!("raise {name} to at least ten times the largest image")),
                )
            }
            Limit::Asked => ("none met up to --max".into(), None),
            Limit::Other(words) => (format!("the server says: {words}"), None),
        }
    }
}

/// The checks of the limits: whether each allows an image of `need` bytes.
pub(crate) fn limit_checks(column: &Column, settings: &Settings, need: u64) -> Vec<Check> {
    let mut checks = Vec::new();
    let judged = |name: &str, good: bool, bad: CheckStatus, message: String, fix: Option<String>| {
        let mut check =
            Check::new(GROUP, name, if good { CheckStatus::Passed } else { bad }).message(message);
        check
            .details
            .extend(fix.filter(|_| !good).map(|fix| format!("fix: {fix}")));
        check
    };
    let (limit, fix) = Limit::Column.explain(column, settings, need);
    let wide = column.capacity() >= need;
    checks.push(judged(
        "the column is wide enough",
        wide,
        CheckStatus::Failed,
        limit,
        fix,
    ));

    let (limit, fix) = Limit::Packet.explain(column, settings, need);
    let smaller = settings.packet.min(settings.global_packet);
    // The statement around the image is small, but not nothing.
    let fits = smaller > need + 256;
    checks.push(judged(
        "a statement with the image fits a packet",
        fits,
        CheckStatus::Failed,
        limit,
        fix,
    ));

    let strict = Settings::is_strict(&settings.global_sql_mode) && Settings::is_strict(&settings.sql_mode);
    checks.push(judged(
        "a too large image is refused, not cut in silence",
        strict,
        CheckStatus::Failed,
        if strict {
            String::new()
        } else {
            "sql_mode is not strict: what does not fit is cut".into()
        },
        Some("add STRICT_TRANS_TABLES to sql_mode, globally and in the application's session".into()),
    ));

    if let Some((name, size)) = settings.redo {
        let (limit, fix) = Limit::Redo.explain(column, settings, need);
        let roomy = size / 10 >= need;
        let message = if roomy {
            format!("{name} is {}", bytes(size))
        } else {
            limit
        };
        checks.push(judged(
            "the redo log is ten times the image",
            roomy,
            CheckStatus::Warned,
            message,
            fix,
        ));
    }
    checks
}
