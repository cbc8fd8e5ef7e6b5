//! The rules. Each is a file here with a `mod` line and an entry of [`RULES`].

mod add_check;
mod add_foreign_key;
mod add_not_null_column;
mod add_primary_key;
mod add_unique;
mod blocking_change;
mod change_charset;
mod changed_file;
mod ddl_in_transaction;
mod delete_without_where;
mod drop_column;
mod drop_database;
mod drop_foreign_key;
mod drop_partition;
mod drop_primary_key;
mod drop_table;
mod duplicate_constraint;
mod enum_values;
mod file_name;
mod inline_references;
mod missing_down;
mod narrow_type;
mod non_transactional_write;
mod object_name;
mod out_of_order;
mod rename_column;
mod rename_table;
mod set_not_null;
mod temporary_table;
mod truncate_table;
mod unknown_effect;
mod unknown_rule;
mod update_without_where;

use super::rule::MigrationRule;

/// All rules, in the order of their documentation. `--help`, `--deny`, `--allow`, `--explain` and
/// `docs/migration-lints.md` are generated from this list.
pub const RULES: &[MigrationRule] = &[
    drop_table::RULE,
    drop_column::RULE,
    drop_database::RULE,
    truncate_table::RULE,
    drop_partition::RULE,
    delete_without_where::RULE,
    update_without_where::RULE,
    add_unique::RULE,
    add_primary_key::RULE,
    add_not_null_column::RULE,
    set_not_null::RULE,
    narrow_type::RULE,
    enum_values::RULE,
    add_foreign_key::RULE,
    add_check::RULE,
    change_charset::RULE,
    drop_primary_key::RULE,
    drop_foreign_key::RULE,
    inline_references::RULE,
    duplicate_constraint::RULE,
    blocking_change::RULE,
    rename_table::RULE,
    rename_column::RULE,
    unknown_effect::RULE,
    ddl_in_transaction::RULE,
    non_transactional_write::RULE,
    temporary_table::RULE,
    missing_down::RULE,
    file_name::RULE,
    object_name::RULE,
    out_of_order::RULE,
    changed_file::RULE,
    unknown_rule::RULE,
];
