//! The rule `file-name`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::FileView;

rule! {
    /// # What it does
    /// Finds a version with another number of digits than the first one, and a name with white space or without words.
    ///
    /// # Why it matters
    /// `ls` and reviews list the files in another order than they run, and a name without words says nothing.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// SELECT 1;
    /// -- 2_more.sql
    /// SELECT 2;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// SELECT 1;
    /// -- 002_more.sql
    /// SELECT 2;
    /// ```
    id: "file-name",
    category: "naming",
    severity: Warning,
    summary: "file names that sort or read otherwise than the rest",
    why: "tools and people list the files in another order than they run",
    File: check,
}

fn check(view: &FileView<'_>, out: &mut Vec<Fault>) {
    let label = &view.migration.label;
    let first = view
        .folder
        .migrations
        .first()
        .map_or(0, |first| first.label.len());
    // Dotted versions and repeatable migrations have no width.
    let is_number = label.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && label.len() != first {
        let what = format!("its version has {} digits, the first has {first}", label.len());
        out.push(Fault::new(view.file(), what));
    }
    let name = &view.migration.name;
    if name.contains(char::is_whitespace) {
        out.push(Fault::new(view.file(), "its name has white space"));
    }
    if !name.contains(char::is_alphabetic) {
        out.push(Fault::new(view.file(), "its name has no words"));
    }
}
