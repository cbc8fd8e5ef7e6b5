//! Demands how the server carries a change of a table out.

use super::cursor::TokenCursor;
use super::rewrite::table_name;

/// An ALTER TABLE, CREATE INDEX or DROP INDEX with a demand such as `ALGORITHM=INPLACE, LOCK=NONE`; `None` for any
/// other statement.
pub fn demanding(statement: &str, demand: &str) -> Option<String> {
    let mut cursor = TokenCursor::new(statement);
    let is_alter = cursor.clone().eat("ALTER");
    let name = table_name(&mut cursor)?;
    if !is_alter {
        return Some(format!("{statement}\n{}", demand.replace(',', "")));
    }
    // MariaDB: WAIT n and NOWAIT come between the name and the first action.
    let mut end = name.end;
    if cursor.eat("WAIT") {
        end = cursor.next_with_range()?.0.end;
    } else if cursor.eat("NOWAIT") {
        end = cursor.pos();
    }
    let partitions = cursor.at_any(&["REMOVE"]) || {
        let mut after = cursor.clone();
        after.eat("PARTITION") && after.eat("BY")
    };
    let comma = if partitions || cursor.at_end() { "" } else { "," };
    Some(format!(
        "{} {demand}{comma} {}",
        &statement[..end],
        &statement[end..]
    ))
}

#[cfg(test)]
mod tests {
    use super::demanding;

    #[test]
    fn a_demand_stands_behind_the_name_or_at_the_end() {
        for (statement, expected) in [
            (
                "ALTER TABLE `t` ADD a INT",
                Some("ALTER TABLE `t` X=1, Y=2,  ADD a INT"),
            ),
            (
                "ALTER TABLE t NOWAIT ADD a INT",
                Some("ALTER TABLE t NOWAIT X=1, Y=2,  ADD a INT"),
            ),
            (
                "alter table t PARTITION BY HASH (a)",
                Some("alter table t X=1, Y=2  PARTITION BY HASH (a)"),
            ),
            (
                "CREATE INDEX i ON t (a)",
                Some("CREATE INDEX i ON t (a)\nX=1 Y=2"),
            ),
            ("CREATE TABLE t (a INT)", None),
            ("DROP TABLE t", None),
        ] {
            assert_eq!(demanding(statement, "X=1, Y=2").as_deref(), expected);
        }
    }
}
