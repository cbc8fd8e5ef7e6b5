//! The rule `object-name`.

use crate::migrate::lint::rule::{Fault, rule};
use crate::migrate::lint::view::StatementView;
use crate::sql::{AlterAction, ObjectEffect};

rule! {
    /// # What it does
    /// Finds a new table or column whose name has other characters than small letters, digits and underscores, or
    /// begins with a digit.
    ///
    /// # Why it matters
    /// It needs quotes in every query; a table's capitals matter on Linux and not on other systems
    /// (lower_case_table_names), so that what works on one machine fails on the other.
    ///
    /// # Example
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE Orders (id INT PRIMARY KEY, `unit price` INT);
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// -- 001_base.sql
    /// CREATE TABLE orders (id INT PRIMARY KEY, unit_price INT);
    /// ```
    id: "object-name",
    category: "naming",
    severity: Warning,
    summary: "names of tables and columns that need quotes or differ by system",
    why: "it needs quotes in every query, or is another name on a system that tells capitals apart",
    Statement: check,
}

fn check(view: &StatementView<'_>, out: &mut Vec<Fault>) {
    let mut names: Vec<String> = Vec::new();
    if let Some((table, def)) = view.created() {
        names.push(table.name.clone());
        names.extend(def.columns.into_iter().map(|(column, _)| column));
    }
    names.extend(view.added().map(|(_, column, _)| column.to_owned()));
    for object in &view.found.objects {
        if let ObjectEffect::Rename(to) = &object.effect {
            names.push(to.name.clone());
        }
    }
    for action in &view.found.actions {
        match action {
            AlterAction::RenameColumn(_, to) | AlterAction::ModifyColumn { to: Some(to), .. } => {
                names.push(to.clone());
            }
            _ => {}
        }
    }
    for name in names {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
            let what = "names of small letters, digits and underscores work everywhere without quotes";
            out.push(Fault::new(name, what));
        }
    }
}
