//! The rule `unknown-effect`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;

rule! {
    /// # What it does
    /// Finds CALL, EXECUTE, SET STATEMENT and anonymous blocks.
    ///
    /// # Why it matters
    /// What they run is not in the file, so that `plan` cannot foresee it; and if one is interrupted, dbtool may have
    /// to ask a person whether it took effect.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CALL fill_orders();
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// INSERT INTO orders (id) SELECT id FROM imported;
    /// ```
    id: "unknown-effect",
    category: "resume",
    severity: Warning,
    summary: "statements whose effect is not in the file",
    why: "if it is interrupted, nobody can tell from the schema whether it took effect",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    if view.found.opaque {
        let verb = view.found.verb.clone();
        out.push(Fault::new(verb, "what it runs and changes is not in the file"));
    }
}
