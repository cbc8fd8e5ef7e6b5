//! The rule `unknown-rule`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::FileView;

rule! {
    /// # What it does
    /// Finds `-- dbtool:lint-ignore` with a word that is no rule.
    ///
    /// # Why it matters
    /// It accepts nothing: the finding still shows.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// -- dbtool:lint-ignore drop-tabel
    /// SELECT 1;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// -- dbtool:lint-ignore drop-table
    /// SELECT 1;
    /// ```
    id: "unknown-rule",
    category: "naming",
    severity: Warning,
    summary: "lint-ignore comments that name no rule",
    why: "the finding that it means to accept still shows, or a misspelled name hides nothing",
    File: check,
}

fn check(view: &FileView<'_>, out: &mut Vec<Fault>) {
    for rule in view.unknown_rules {
        out.push(Fault::new(view.file(), format!("there is no rule {rule}")));
    }
}
