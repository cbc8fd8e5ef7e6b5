//! The rule `out-of-order`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::FileView;

rule! {
    /// # What it does
    /// With `--since`: finds a new file whose version is not higher than the newest one of that revision.
    ///
    /// # Why it matters
    /// Where the later migration is applied already, `migrate` stops at this one as out of order; elsewhere both run in
    /// another order than they were tested in.
    ///
    /// # Example
    /// ```sql
    /// -- 002_late.sql
    /// SELECT 'a new file, where the revision has 003_newest.sql';
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 004_late.sql
    /// SELECT 'a new file, where the revision has 003_newest.sql';
    /// ```
    id: "out-of-order",
    category: "order",
    severity: Error,
    summary: "new migrations before others that exist already",
    why: "where the later one is applied already, this one is out of order",
    File: check,
}

fn check(view: &FileView<'_>, out: &mut Vec<Fault>) {
    let Some(changed) = view.changed else { return };
    let Some((newest, name)) = &changed.newest else {
        return;
    };
    if changed.added.contains(&view.migration.up) && view.migration.version <= *newest {
        let what = format!("it is new, and {} has {name} already", changed.revision);
        out.push(Fault::new(view.file(), what));
    }
}
