//! Shows the start of a user's list in the report of `dbtool test-conversations`.

use serde_json::json;

use crate::report::Table;
use crate::stays::check_report::{CheckReport, Detail};
use crate::stays::conversations::listing::Listed;
use crate::stays::conversations::users::User;

/// The number of lines shown.
const SHOWN: usize = 10;

/// The start of the user's list, as the application shows it.
pub(super) fn show(report: &mut CheckReport, user: &User, lines: &[Listed]) {
    let User { id, email } = user;
    report.member("user", json!({"id": id, "email": email}));
    let listed: Vec<_> = lines
        .iter()
        .take(SHOWN)
        .map(|line| {
            json!({
                "id": line.id,
                "title": line.title,
                "last_message": line.last_message,
                "last_message_at": line.last_at,
                "unread": line.unread,
                "participants": line.participants,
            })
        })
        .collect();
    report.member("listing", listed);
    report
        .details
        .push(Detail::Heading(format!("Conversations of {email} (user {id})")));
    if lines.is_empty() {
        report.details.push(Detail::Line("none".into()));
        return;
    }
    let mut table = Table::new(["id", "title", "last message", "at", "unread", "participants"])
        .right(&[0, 4, 5])
        .indent(2);
    for line in lines.iter().take(SHOWN) {
        let message: String = line
            .last_message
            .as_deref()
            .unwrap_or("-")
            .chars()
            .take(40)
            .collect();
        table.row([
            line.id.to_string(),
            line.title.clone().unwrap_or_else(|| "-".into()),
            message,
            line.last_at.clone().unwrap_or_else(|| "-".into()),
            line.unread.to_string(),
            line.participants.to_string(),
        ]);
    }
    report.details.push(Detail::Table(table));
    if lines.len() > SHOWN {
        report.details.push(Detail::Line(format!("… the first {SHOWN}")));
    }
}
