//! The rule `changed-file`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::FileView;

rule! {
    /// # What it does
    /// With `--since`: finds a migration that the revision has with another text.
    ///
    /// # Why it matters
    /// A database on which it is applied already never gets the change, and `migrate` stops there because the checksum
    /// differs.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// SELECT 'the revision has this file with another text';
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 002_correction.sql
    /// SELECT 'a new file that makes the change';
    /// ```
    id: "changed-file",
    category: "order",
    severity: Error,
    summary: "migrations that were changed",
    why: "a database on which it is applied already never gets the change",
    File: check,
}

fn check(view: &FileView<'_>, out: &mut Vec<Fault>) {
    let Some(changed) = view.changed else { return };
    if changed.changed.contains(&view.migration.up) && !view.migration.version.is_repeatable() {
        let what = format!("{} has it with another text", changed.revision);
        out.push(Fault::new(view.file(), what));
    }
}
