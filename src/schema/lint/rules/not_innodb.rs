//! The rule `not-innodb`.

use crate::schema::ddl::name;
use crate::schema::lint::Finding;
use crate::schema::lint::rule::rule;
use crate::schema::model::Schema;

rule! {
    /// # What it does
    /// Finds tables stored by MyISAM, Aria, MERGE, CSV or ARCHIVE.
    ///
    /// # Why it matters
    /// They have no transactions and no foreign keys, every write locks the whole table, and a crash may lose rows.
    ///
    /// # Example
    /// ```sql
    /// CREATE TABLE hits (id INT PRIMARY KEY) ENGINE=MyISAM;
    /// ```
    ///
    /// # Fix
    /// ```sql
    /// ALTER TABLE hits ENGINE=InnoDB;
    /// ```
    id: "not-innodb",
    severity: Breaks,
    summary: "tables of an engine without transactions",
    why: "no transactions, no foreign keys, whole-table locks, and a crash may lose rows",
    check: check,
}

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        let engine = table.engine;
        if ["MyISAM", "Aria", "MRG_MyISAM", "CSV", "ARCHIVE"]
            .iter()
            .any(|other| engine.eq_ignore_ascii_case(other))
        {
            let fix = format!("ALTER TABLE {} ENGINE=InnoDB;", name(table_name));
            out.push(RULE.finding(table_name.to_string(), format!("is stored by {engine}"), fix));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::lint::fixture::{found, key};

    #[test]
    fn myisam_is_found() {
        assert_eq!(
            found(|table| table.engine = key("MyISAM")),
            [("not-innodb", "t".to_owned())]
        );
    }
}
