//! Computes the used part of AUTO_INCREMENT ranges.

use crate::schema::model::Table;
use crate::sql::integer_bits;

/// The used part of the range of a table's AUTO_INCREMENT column, in percent.
pub fn auto_increment_use(table: &Table) -> Option<f64> {
    let column = table.columns.iter().find(|column| column.auto_increment)?;
    let next = table.stats.auto_increment?;
    let last = largest(&column.ty)?;
    Some(next.saturating_sub(1) as f64 * 100.0 / last as f64)
}

/// The largest value of an integer type.
fn largest(ty: &str) -> Option<u64> {
    let bits = integer_bits(ty.split(['(', ' ']).next()?)?;
    let bits = if ty.contains("unsigned") { bits } else { bits - 1 };
    Some(u64::MAX >> (64 - bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_integer_types_are_known() {
        let table = [
            ("tinyint", 127),
            ("tinyint unsigned", 255),
            ("smallint", 32_767),
            ("mediumint unsigned", 16_777_215),
            ("int", 2_147_483_647),
            ("int unsigned", 4_294_967_295),
            ("bigint", i64::MAX as u64),
            ("bigint unsigned", u64::MAX),
        ];
        for (ty, last) in table {
            assert_eq!(largest(ty), Some(last), "{ty}");
        }
        assert_eq!(largest("decimal(10,0)"), None);
    }
}
