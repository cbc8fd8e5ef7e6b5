//! Tables that are empty after a restart.

use super::rules::finding;
use super::{Finding, Rule};
use crate::schema::ddl::name;
use crate::schema::model::Schema;

pub(super) const RULE: Rule = Rule {
    id: "memory-engine",
    why: "its rows are gone after a restart, replicas then differ, and every change locks the whole table",
    check,
};

fn check(schema: &Schema, out: &mut Vec<Finding>) {
    let tables = schema.tables.iter();
    for (table_name, _) in tables.filter(|(_, table)| table.engine.eq_ignore_ascii_case("memory")) {
        out.push(finding(
            RULE.id,
            table_name.to_string(),
            "is stored by MEMORY".to_owned(),
            format!("ALTER TABLE {} ENGINE=InnoDB;", name(table_name)),
        ));
    }
}
