//! The rule `drop-partition`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::{AlterAction, PartitionChange};

rule! {
    /// # What it does
    /// Finds DROP PARTITION and TRUNCATE PARTITION.
    ///
    /// # Why it matters
    /// The rows of the partition are gone, and neither can be rolled back.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE logs (id INT, y INT) PARTITION BY RANGE (y) (PARTITION p0 VALUES LESS THAN (2020));
    /// -- 002_change.sql
    /// ALTER TABLE logs DROP PARTITION p0;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE logs (id INT, y INT) PARTITION BY RANGE (y) (PARTITION p0 VALUES LESS THAN (2020));
    /// -- 002_change.sql
    /// -- the rows are in the archive
    /// -- dbtool:lint-ignore drop-partition, blocking-change
    /// ALTER TABLE logs DROP PARTITION p0;
    /// ```
    id: "drop-partition",
    category: "destructive",
    severity: Error,
    summary: "partitions that are dropped or emptied with their rows",
    why: "the rows of the partition are gone, and nothing can be rolled back",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    for (name, _, action) in view.changes() {
        if let AlterAction::Partition(PartitionChange::Drop | PartitionChange::Truncate) = action {
            out.push(Fault::new(&name.name, "rows of a partition are removed"));
        }
    }
}
