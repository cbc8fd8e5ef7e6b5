//! The requirements of a run: tables, columns, and the indexes that keep ranges cheap.

use crate::db::{Session, quote_name};
use crate::stays::needed::{self, Needed};

/// Indexes of those tables by the column they begin with.
const INDEXES: &str = "SELECT TABLE_NAME, COLUMN_NAME, INDEX_NAME FROM information_schema.STATISTICS \
     WHERE TABLE_SCHEMA = DATABASE() AND SEQ_IN_INDEX = 1 AND SUB_PART IS NULL AND TABLE_NAME IN \
     ('bookings', 'conversations', 'conversation_participants') \
     ORDER BY TABLE_NAME, COLUMN_NAME, INDEX_NAME";

/// Whether a conversation's property is a foreign key: what makes its insert wait for the property's lock.
const PROPERTY_KEY: &str = "SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE \
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'conversations' AND COLUMN_NAME = 'property_id' \
     AND REFERENCED_TABLE_NAME = 'properties'";

/// The tables and columns that the backfill reads and writes.
const NEEDED: [Needed; 4] = [
    Needed {
        table: "properties",
        columns: &["id"],
        migration: "001",
    },
    Needed {
        table: "bookings",
        columns: &["id", "property_id", "guest_id", "host_id", "status", "created_at"],
        migration: "001",
    },
    Needed {
        table: "conversations",
        columns: &["id", "property_id", "booking_id", "updated_at"],
        migration: "005",
    },
    Needed {
        table: "conversation_participants",
        columns: &["conversation_id", "user_id"],
        migration: "005",
    },
];

/// Indexes that ranges rely on: their name in the statements, table and first column.
const WANTED: [(&str, &str, &str); 4] = [
    ("{bookings_by_property}", "bookings", "property_id"),
    ("{conversations_by_booking}", "conversations", "booking_id"),
    ("{conversations_by_property}", "conversations", "property_id"),
    ("{participants_by_user}", "conversation_participants", "user_id"),
];

/// Index hints for the statements. Without them the plan depends on statistics that lag behind
/// while a table grows from empty, and a plan that is right for an empty table reads all of a
/// full one for each range.
#[derive(Debug, Clone, Default)]
pub struct Hints(Vec<(&'static str, String)>);

impl Hints {
    /// Replaces the placeholders of a statement.
    pub fn fill(&self, sql: &str) -> String {
        self.0.iter().fold(sql.to_owned(), |sql, (placeholder, hint)| {
            sql.replace(placeholder, hint)
        })
    }
}

/// The results of the inspection.
#[derive(Debug)]
pub struct Inspection {
    /// The index hints.
    pub hints: Hints,
    /// Warnings about everything that makes the run slower or less safe.
    pub warnings: Vec<String>,
}

/// Inspects the session's database.
///
/// # Errors
/// A table or column is missing, or a statement fails.
pub async fn inspect(session: &mut Session, database: &str) -> anyhow::Result<Inspection> {
    needed::check(session, database, &NEEDED).await?;
    let indexes: Vec<(String, String, String)> = session.rows(INDEXES).await?;
    let mut warnings = Vec::new();
    let mut hints = Vec::new();
    for (placeholder, table, column) in WANTED {
        let index = indexes
            .iter()
            .find(|(name, first, _)| name == table && first.eq_ignore_ascii_case(column));
        if index.is_none() {
            warnings.push(format!(
                "{table} has no index that begins with {column}: every range reads the whole table; \
                 CREATE INDEX idx_{table}_{column} ON {table} ({column}) fixes it"
            ));
        }
        let hint = index.map_or(String::new(), |(_, _, name)| {
            format!("FORCE INDEX ({})", quote_name(name))
        });
        hints.push((placeholder, hint));
    }
    let keys: Option<(u64,)> = session.first(PROPERTY_KEY).await?;
    if keys.is_none_or(|(count,)| count == 0) {
        warnings.push(
            "conversations.property_id is no foreign key to properties: conversations that the application \
             adds during the run are not held back and may duplicate those made here"
                .to_owned(),
        );
    }
    Ok(Inspection {
        hints: Hints(hints),
        warnings,
    })
}
