//! The rule `definer`.

use crate::schema::lint::Finding;
use crate::schema::lint::rule::rule;

rule! {
    /// # What it does
        /// Finds views, triggers, routines and events whose DEFINER is not an account of `--allow-definer`. Without that
        /// option it has no findings.
    ///
    /// # Why it matters
    /// They run with the privileges of that account for every caller, and fail with error 1449 once the account is dropped.
    ///
    /// # Example
    /// With `--allow-definer 'app@%'`:
    /// ```sql
    /// CREATE DEFINER = 'root'@'localhost' VIEW totals AS SELECT 1 AS total;
    /// ```
    ///
    /// # Fix
    /// Create it again as one of the allowed accounts, or with such an account as its DEFINER.
    /// ```sql
    /// CREATE OR REPLACE DEFINER = 'app'@'%' VIEW totals AS SELECT 1 AS total;
    /// ```
    id: "definer",
    severity: Breaks,
    summary: "programs whose DEFINER is not among the allowed accounts",
    why: "a program runs with the privileges of its DEFINER, and fails once that account is dropped",
    // Definers belong to a server and are not part of a schema; `definers` receives them separately.
    check: |_, _| {},
}

/// A view, trigger, routine or event with its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defined {
    /// `view`, `trigger`, `procedure`, `function` or `event`.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// `user@host`.
    pub definer: String,
}

/// The findings on programs whose account is not among `allowed`, which are patterns like `app@%` where `*`
/// stands for any text.
pub fn definers(programs: &[Defined], allowed: &[String]) -> Vec<Finding> {
    let others = programs.iter().filter(|program| {
        !allowed
            .iter()
            .any(|pattern| crate::schema::ignore::matches(pattern, &program.definer))
    });
    others
        .map(|program| {
            RULE.finding(
                program.name.clone(),
                format!("the {} has the definer {}", program.kind, program.definer),
                "create it again as one of the allowed accounts, or with such an account as its DEFINER"
                    .to_owned(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_outside_the_list_are_found() {
        let program = |name: &str, definer: &str| Defined {
            kind: "view".to_owned(),
            name: name.to_owned(),
            definer: definer.to_owned(),
        };
        let programs = [
            program("a", "app@%"),
            program("b", "root@localhost"),
            program("c", "app@10.0.0.1"),
        ];
        let found = |allowed: &[&str]| {
            let allowed: Vec<String> = allowed.iter().map(|account| (*account).to_owned()).collect();
            let findings = definers(&programs, &allowed).into_iter();
            findings.map(|finding| finding.object).collect::<Vec<_>>()
        };
        assert_eq!(found(&["app@%"]), ["b", "c"]);
        assert_eq!(found(&["app@*", "root@localhost"]), Vec::<String>::new());
    }
}
