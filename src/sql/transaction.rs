//! What a statement does to the session's transaction.

use super::words::Words;

/// A statement that begins, ends or marks a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// BEGIN, START TRANSACTION; ends the open one.
    Begin,
    /// COMMIT.
    Commit(End),
    /// ROLLBACK of the whole transaction.
    Rollback(End),
    /// ROLLBACK TO SAVEPOINT, SAVEPOINT, RELEASE SAVEPOINT.
    Mark,
}

/// What comes after the end of a transaction; `None` where `completion_type` decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// AND CHAIN, AND NO CHAIN.
    pub chain: Option<bool>,
    /// RELEASE, NO RELEASE.
    pub release: Option<bool>,
}

/// What `statement` does to the transaction (manual, "START TRANSACTION, COMMIT, and ROLLBACK
/// Statements"); `None` when it is about something else.
pub fn transaction(statement: &str) -> Option<Transaction> {
    let mut words = Words::new(statement);
    let first = words.word()?;
    match first.as_str() {
        // MariaDB: BEGIN NOT ATOMIC is a block.
        "BEGIN" if words.eat("NOT") => None,
        "BEGIN" => Some(Transaction::Begin),
        "START" => words.eat("TRANSACTION").then_some(Transaction::Begin),
        "SAVEPOINT" => Some(Transaction::Mark),
        "RELEASE" => words.eat("SAVEPOINT").then_some(Transaction::Mark),
        "COMMIT" => {
            words.eat("WORK");
            Some(Transaction::Commit(end(&mut words)))
        }
        "ROLLBACK" => {
            words.eat("WORK");
            if words.eat("TO") {
                return Some(Transaction::Mark);
            }
            Some(Transaction::Rollback(end(&mut words)))
        }
        _ => None,
    }
}

fn end(words: &mut Words<'_>) -> End {
    let mut end = End::default();
    if words.eat("AND") {
        let no = words.eat("NO");
        if words.eat("CHAIN") {
            end.chain = Some(!no);
        }
    }
    let no = words.eat("NO");
    if words.eat("RELEASE") {
        end.release = Some(!no);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::{End, Transaction, transaction};

    #[test]
    fn ends_of_transactions_are_read() {
        use Transaction::{Begin, Commit, Mark, Rollback};
        let end = |chain, release| End { chain, release };
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
            ("ROLLBACK WORK TO SAVEPOINT chain", Some(Mark)),
            ("ROLLBACK TO a", Some(Mark)),
            ("SAVEPOINT release", Some(Mark)),
            ("RELEASE SAVEPOINT a", Some(Mark)),
            ("INSERT INTO t VALUES (1)", None),
        ];
        for (statement, expected) in cases {
            assert_eq!(transaction(statement), expected, "{statement}");
        }
    }
}
