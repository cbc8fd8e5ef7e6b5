//! Query plans: full scans, and the index that would end them.

use std::collections::BTreeMap;

use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, Session};
use crate::report::{Check, CheckStatus, count, visible};

/// The leading columns of every index on the tables of the listing.
const INDEXES: &str = "SELECT table_name, index_name, column_name FROM information_schema.statistics \
     WHERE table_schema = DATABASE() AND table_name IN ('users', 'properties', 'conversations', \
     'conversation_participants', 'messages') ORDER BY table_name, index_name, seq_in_index";

/// How the listing reaches a table: its name there, the table, the columns an index must begin
/// with, and the statement that makes one.
struct Path {
    aliases: &'static [&'static str],
    table: &'static str,
    columns: &'static [&'static str],
    fix: &'static str,
}

const PATHS: [Path; 6] = [
    Path {
        aliases: &["me"],
        table: "conversation_participants",
        columns: &["user_id"],
        fix: "CREATE INDEX idx_conversation_participants_user ON conversation_participants (user_id, archived_at)",
    },
    Path {
        aliases: &["o", "t"],
        table: "conversation_participants",
        columns: &["conversation_id"],
        fix: "ALTER TABLE conversation_participants ADD PRIMARY KEY (conversation_id, user_id)",
    },
    Path {
        aliases: &["l", "n"],
        table: "messages",
        columns: &["conversation_id", "created_at"],
        fix: "CREATE INDEX idx_messages_conversation ON messages (conversation_id, created_at)",
    },
    Path {
        aliases: &["m"],
        table: "messages",
        columns: &["id"],
        fix: "ALTER TABLE messages ADD PRIMARY KEY (id)",
    },
    Path {
        aliases: &["c"],
        table: "conversations",
        columns: &["id"],
        fix: "ALTER TABLE conversations ADD PRIMARY KEY (id)",
    },
    Path {
        aliases: &["u", "w"],
        table: "users",
        columns: &["id"],
        fix: "ALTER TABLE users ADD PRIMARY KEY (id)",
    },
];

/// A scan of fewer rows is what an optimiser rightly chooses for a small table.
const SMALL: u64 = 1_000;

/// One line of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Step {
    select: String,
    table: String,
    access: String,
    key: String,
    rows: u64,
    extra: String,
}

impl Step {
    /// The step as shown below a check.
    pub fn line(&self) -> String {
        let key = if self.key.is_empty() {
            "no index"
        } else {
            &self.key
        };
        visible(
            format!(
                "{} {}: {} ({key}), {} rows {}",
                self.select,
                self.table,
                self.access,
                count(self.rows),
                self.extra
            )
            .trim_end(),
        )
    }

    fn is_full_scan(&self) -> bool {
        // A derived table (`<derived2>`) has no index to be read by.
        matches!(self.access.as_str(), "ALL" | "index") && !self.table.starts_with('<')
    }
}

/// The plan of a query.
pub(crate) async fn explain(session: &mut Session, query: Query) -> Result<Vec<Step>, DbError> {
    let rows = session.rows::<Row>(query).await?;
    let named = |row: &Row, name: &str| {
        let index = row
            .columns_ref()
            .iter()
            .position(|column| column.name_str().eq_ignore_ascii_case(name))?;
        text(row, index).or_else(|| get::<u64>(row, index).map(|number| number.to_string()))
    };
    Ok(rows
        .iter()
        .map(|row| Step {
            select: named(row, "select_type").unwrap_or_default(),
            table: named(row, "table").unwrap_or_default(),
            access: named(row, "type").unwrap_or_default(),
            key: named(row, "key").unwrap_or_default(),
            rows: named(row, "rows")
                .and_then(|rows| rows.parse().ok())
                .unwrap_or_default(),
            extra: named(row, "Extra").unwrap_or_default(),
        })
        .collect())
}

/// A check that no step of the plan reads a whole large table.
pub(crate) fn full_scans(group: &str, steps: &[Step]) -> Check {
    const NAME: &str = "the list reads no whole table";
    let scans: Vec<&Step> = steps.iter().filter(|step| step.is_full_scan()).collect();
    let large: Vec<&&Step> = scans.iter().filter(|step| step.rows >= SMALL).collect();
    if large.is_empty() {
        let message = match scans.len() {
            0 => "every step uses an index".to_string(),
            _ => format!(
                "whole tables are read, but of fewer than {} rows each",
                count(SMALL)
            ),
        };
        return Check::new(group, NAME, CheckStatus::Passed).message(message);
    }
    let mut check = Check::new(group, NAME, CheckStatus::Failed).message(format!(
        "{} of {} steps read a whole table or index",
        large.len(),
        steps.len()
    ));
    for step in large {
        let path = PATHS
            .iter()
            .find(|path| path.aliases.contains(&step.table.as_str()));
        // Per row of the outer query: what an N+1 costs, within the server.
        let again = if step.select.contains("DEPENDENT") {
            ", again for each conversation"
        } else {
            ""
        };
        let table = path.map_or(step.table.as_str(), |path| path.table);
        check
            .details
            .push(format!("{} rows of {table} are read{again}", count(step.rows)));
        if let Some(path) = path {
            check.details.push(format!("fix: {}", path.fix));
        }
    }
    check.details.extend(steps.iter().map(Step::line));
    check
}

/// A check that the indexes the listing lives on exist, however small the tables still are.
pub(crate) async fn indexes(session: &mut Session) -> Result<Check, DbError> {
    let mut indexes: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in session.rows::<Row>(INDEXES).await? {
        let (table, index, column) = (text(&row, 0), text(&row, 1), text(&row, 2));
        indexes
            .entry((table.unwrap_or_default(), index.unwrap_or_default()))
            .or_default()
            .push(column.unwrap_or_default());
    }
    let indexes: Vec<(String, Vec<String>)> = indexes
        .into_iter()
        .map(|((table, _), columns)| (table, columns))
        .collect();
    Ok(missing_indexes(&indexes))
}

fn missing_indexes(indexes: &[(String, Vec<String>)]) -> Check {
    const NAME: &str = "the list has the indexes it needs";
    let missing: Vec<&Path> = PATHS
        .iter()
        .filter(|path| {
            !indexes.iter().any(|(table, columns)| {
                table == path.table
                    && columns.len() >= path.columns.len()
                    && columns
                        .iter()
                        .zip(path.columns)
                        .all(|(have, want)| have.eq_ignore_ascii_case(want))
            })
        })
        .collect();
    if missing.is_empty() {
        return Check::new("listing", NAME, CheckStatus::Passed);
    }
    let mut check = Check::new("listing", NAME, CheckStatus::Failed).message(format!(
        "{} missing: rows are searched again for each conversation (N+1 within the server)",
        missing.len()
    ));
    check.details = missing.iter().map(|path| format!("fix: {}", path.fix)).collect();
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(select: &str, table: &str, access: &str, rows: u64) -> Step {
        Step {
            select: select.into(),
            table: table.into(),
            access: access.into(),
            rows,
            ..Step::default()
        }
    }

    #[test]
    fn large_scans_fail_and_name_the_index() {
        let steps = [
            step("PRIMARY", "me", "ref", 12),
            step("DEPENDENT SUBQUERY", "l", "ALL", 1_000_000),
            step("PRIMARY", "<derived2>", "ALL", 1_000_000),
            step("PRIMARY", "p", "ALL", 20),
        ];
        let check = full_scans("listing", &steps);
        assert_eq!(check.status, CheckStatus::Failed);
        assert_eq!(
            check.details[0],
            "1,000,000 rows of messages are read, again for each conversation"
        );
        assert!(check.details[1].contains("ON messages (conversation_id, created_at)"));
        assert_eq!(full_scans("listing", &steps[2..]).status, CheckStatus::Passed);
    }

    #[test]
    fn an_index_counts_by_its_leading_columns() {
        let have = |table: &str, columns: &[&str]| {
            (
                table.to_string(),
                columns.iter().map(ToString::to_string).collect::<Vec<_>>(),
            )
        };
        let mut indexes = vec![
            have("users", &["id"]),
            have("conversations", &["ID"]),
            have("conversation_participants", &["conversation_id", "user_id"]),
            have("conversation_participants", &["user_id", "archived_at"]),
            have("messages", &["id"]),
            have("messages", &["conversation_id", "created_at", "id"]),
        ];
        assert_eq!(missing_indexes(&indexes).status, CheckStatus::Passed);
        indexes[5] = have("messages", &["created_at", "conversation_id"]);
        let check = missing_indexes(&indexes);
        assert_eq!(check.status, CheckStatus::Failed);
        assert_eq!(
            check.details,
            ["fix: CREATE INDEX idx_messages_conversation ON messages (conversation_id, created_at)"]
        );
    }
}
