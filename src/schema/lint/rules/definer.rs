//! The rule `definer`.

use crate::schema::lint::Finding;
use crate::schema::lint::rule::rule;

rule! {
    /// # What it does
    /// Finds views, triggers, routines and events whose DEFINER is no account of `--allow-definer`. Without that option it
    /// finds nothing.
    ///
    /// # Why it matters
    /// They run with the rights of that account, whoever calls them, and fail with error 1449 once the account is gone.
    ///
    /// # Example
    /// With `--allow-definer 'app@%'`:
    /// ```sql
    /// CREATE DEFINER = 'root'@'localhost' VIEW totals AS SELECT 1 AS total;
    /// ```
    ///
    /// # Fix
    /// Make it again as one of the accounts that are allowed, or with their name as its DEFINER.
    /// ```sql
    /// CREATE OR REPLACE DEFINER = 'app'@'%' VIEW totals AS SELECT 1 AS total;
    /// ```
    id: "definer",
    severity: Breaks,
    summary: "programs whose DEFINER is not among the allowed accounts",
    why: "what has an account as its DEFINER runs with that account's rights, and fails once the account is gone",
    // Definers belong to a server and are no part of a schema: `definers` is given them.
    check: |_, _| {},
}

/// A view, trigger, routine or event with its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defined {
    /// `view`, `trigger`, `procedure`, `function` or `event`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `user@host`.
    pub definer: String,
}

/// The findings on programs whose account is not among `allowed`, which are patterns like `app@%` where `*`
/// stands for any text.
pub fn definers(programs: &[Defined], allowed: &[String]) -> Vec<Finding> {
    let others = programs.iter().filter(|one| {
        !allowed
            .iter()
            .any(|pattern| crate::schema::ignore::matches(pattern, &one.definer))
    });
    others
        .map(|one| {
            RULE.finding(
                one.name.clone(),
                format!("the {} has the definer {}", one.kind, one.definer),
                "make it again as one of the accounts that are allowed, or with their name as its DEFINER"
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
            let allowed: Vec<String> = allowed.iter().map(|one| (*one).to_owned()).collect();
            let findings = definers(&programs, &allowed).into_iter();
            findings.map(|one| one.object).collect::<Vec<_>>()
        };
        assert_eq!(found(&["app@%"]), ["b", "c"]);
        assert_eq!(found(&["app@*", "root@localhost"]), Vec::<String>::new());
    }
}
