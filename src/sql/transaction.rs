//! The effect of a statement on the session's transaction.

use super::cursor::TokenCursor;

/// A statement that begins, ends or marks a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatement {
    /// BEGIN, START TRANSACTION; ends the open one.
    Begin,
    /// COMMIT.
    Commit(TransactionEnd),
    /// ROLLBACK of the whole transaction.
    Rollback(TransactionEnd),
    /// SAVEPOINT, ROLLBACK TO SAVEPOINT, RELEASE SAVEPOINT.
    Savepoint,
}

/// The options at the end of a transaction; `None` where `completion_type` decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransactionEnd {
    /// AND CHAIN, AND NO CHAIN.
    pub chain: Option<bool>,
    /// RELEASE, NO RELEASE.
    pub release: Option<bool>,
}

/// The effect of `statement` on the transaction (manual, "START TRANSACTION, COMMIT, and ROLLBACK
/// Statements"); `None` if it does not concern transactions.
pub fn transaction(statement: &str) -> Option<TransactionStatement> {
    let mut cursor = TokenCursor::new(statement);
    let first = cursor.word()?;
    match first.as_str() {
        // MariaDB: BEGIN NOT ATOMIC is a block.
        "BEGIN" if cursor.eat("NOT") => None,
        "BEGIN" => Some(TransactionStatement::Begin),
        "START" => cursor.eat("TRANSACTION").then_some(TransactionStatement::Begin),
        "SAVEPOINT" => Some(TransactionStatement::Savepoint),
        "RELEASE" => cursor.eat("SAVEPOINT").then_some(TransactionStatement::Savepoint),
        "COMMIT" => {
            cursor.eat("WORK");
            Some(TransactionStatement::Commit(end(&mut cursor)))
        }
        "ROLLBACK" => {
            cursor.eat("WORK");
            if cursor.eat("TO") {
                return Some(TransactionStatement::Savepoint);
            }
            Some(TransactionStatement::Rollback(end(&mut cursor)))
        }
        _ => None,
    }
}

fn end(cursor: &mut TokenCursor<'_>) -> TransactionEnd {
    let mut end = TransactionEnd::default();
    if cursor.eat("AND") {
        let no = cursor.eat("NO");
        if cursor.eat("CHAIN") {
            end.chain = Some(!no);
        }
    }
    let no = cursor.eat("NO");
    if cursor.eat("RELEASE") {
        end.release = Some(!no);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::{TransactionEnd, TransactionStatement, transaction};

    #[test]
    fn ends_of_transactions_are_read() {
        use TransactionStatement::{Begin, Commit, Rollback, Savepoint};
        let end = |chain, release| TransactionEnd { chain, release };
        let cases = [
            ("BEGIN", Some(Begin)),
            ("begin work", Some(Begin)),
            ("BEGIN NOT ATOMIC SELECT 1; END", None),
            ("START TRANSACTION READ ONLY", Some(Begin)),
            ("START SLAVE", None),
            ("COMMIT", Some(Commit(end(None, None)))),
            (
                "/* x */ COMMIT /* AND CHAIN */ WORK",
                Some(Commit(end(None, None))),
            ),
            ("COMMIT AND CHAIN", Some(Commit(end(Some(true), None)))),
            (
                "commit work and no chain no release",
                Some(Commit(end(Some(false), Some(false)))),
            ),
            ("COMMIT AND NO CHAIN", Some(Commit(end(Some(false), None)))),
            ("COMMIT RELEASE", Some(Commit(end(None, Some(true))))),
            (
                "ROLLBACK AND CHAIN NO RELEASE",
                Some(Rollback(end(Some(true), Some(false)))),
            ),
            ("ROLLBACK WORK TO SAVEPOINT chain", Some(Savepoint)),
            ("ROLLBACK TO a", Some(Savepoint)),
            ("SAVEPOINT release", Some(Savepoint)),
            ("RELEASE SAVEPOINT a", Some(Savepoint)),
            ("INSERT INTO t VALUES (1)", None),
        ];
        for (statement, expected) in cases {
            assert_eq!(transaction(statement), expected, "{statement}");
        }
    }
}
