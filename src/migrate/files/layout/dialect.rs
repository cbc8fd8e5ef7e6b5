//! Names that say for which server a file is: `1_x.mysql.up.sql`, `1_x.postgres.sql`.

/// The servers that are not of MySQL's family, by the words that names have for them, and why their files are none.
const OTHERS: [(&[&str], &str); 7] = [
    (
        &[
            "postgres",
            "postgresql",
            "pg",
            "pgsql",
            "cockroach",
            "cockroachdb",
        ],
        "its name says that it is for PostgreSQL",
    ),
    (&["sqlite", "sqlite3"], "its name says that it is for SQLite"),
    (&["mssql", "sqlserver"], "its name says that it is for SQL Server"),
    (&["oracle"], "its name says that it is for Oracle"),
    (&["h2", "hsqldb"], "its name says that it is for H2 or HSQLDB"),
    (&["clickhouse"], "its name says that it is for ClickHouse"),
    (&["db2"], "its name says that it is for Db2"),
];

/// What a stem (`1_x.mysql.up`) says about the server: it is of this family (`Ok`), or of another, and then why the
/// file is not read. `None` where it says nothing.
pub(in crate::migrate::files) fn dialect_of(stem: &str) -> Option<Result<(), &'static str>> {
    let mut words = stem.rsplit('.');
    let mut word = words.next()?.to_ascii_lowercase();
    if matches!(word.as_str(), "up" | "down") {
        word = words.next()?.to_ascii_lowercase();
    }
    // The name itself is no ending.
    words.next()?;
    if matches!(word.as_str(), "mysql" | "mariadb") {
        return Some(Ok(()));
    }
    let other = OTHERS.iter().find(|(names, _)| names.contains(&word.as_str()))?;
    Some(Err(other.1))
}
