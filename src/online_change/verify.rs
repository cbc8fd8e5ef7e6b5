//! Compares every range of both tables, and has rows copied again whose copies differ.
//!
//! The two tables are read one after the other while the application writes. A row that was changed in between has
//! an entry in the log, which is not applied meanwhile: only a difference without an entry is one.

use std::collections::BTreeMap;
use std::time::Instant;

use super::key::{KeyRange, KeyValue, Side};
use super::prepare::everything;
use super::record::Phase;
use super::{Change, Interruption, Owner, Route};
use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, quote_name};
use crate::report::Progress;
use crate::sql::ColumnDef;

/// Rows of a range that are compared one by one when the range differs.
const SINGLE_ROWS: u64 = 1_000;
/// Rows named as examples.
const EXAMPLES: usize = 3;
/// How often a row is copied again before it counts as different.
const ROUNDS: u32 = 3;

/// The rows of a range in a few numbers.
type Sum = (u64, u64, String);

impl<O: Owner> Change<'_, O> {
    /// Compares every row after `position`.
    pub(super) async fn verify_all(
        &mut self,
        route: &Route,
        mut position: Option<KeyValue>,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        self.apply_all(route, &everything()).await?;
        let mut sizer = self.sizer();
        let mut throttle = self.throttle();
        if !route.mapping.keeps_text() {
            self.create_probe(route).await?;
        }
        loop {
            self.pace(&mut throttle).await?;
            self.apply_some(route, &everything()).await?;
            let rows = sizer.rows();
            let upto = self.key_at(route, position.as_ref(), rows).await?;
            let range = KeyRange {
                after: position.clone(),
                upto: upto.clone(),
            };
            let started = Instant::now();
            self.verify_range(route, &range).await?;
            sizer.observe(rows, started.elapsed());
            self.compared += rows;
            self.show(progress, Phase::Verifying);
            if upto.is_none() {
                return Ok(());
            }
            self.advance(upto.as_ref(), 0).await?;
            position = upto;
        }
    }

    async fn create_probe(&mut self, route: &Route) -> Result<(), DbError> {
        self.worker
            .execute(format!("DROP TABLE IF EXISTS {}", route.probe))
            .await?;
        self.worker
            .execute(format!("CREATE TABLE {} LIKE {}", route.probe, route.shadow))
            .await
            .map(drop)
    }

    async fn verify_range(&mut self, route: &Route, range: &KeyRange) -> anyhow::Result<()> {
        let table = self.sum(route, Side::Table, range).await?;
        if table == self.sum(route, Side::Shadow, range).await? {
            return Ok(());
        }
        // Single rows, in pieces that fit into memory.
        let mut after = range.after.clone();
        loop {
            let next = self.key_at(route, after.as_ref(), SINGLE_ROWS).await?;
            // Not beyond the range: rows of others are compared in their own.
            let next = self.earlier(route, next, range.upto.clone()).await?;
            let piece = KeyRange {
                after: after.clone(),
                upto: next.clone(),
            };
            self.repair_piece(route, &piece).await?;
            if next.is_none() || next == range.upto {
                return Ok(());
            }
            after = next;
        }
    }

    /// The first of two keys; none is the end.
    async fn earlier(
        &mut self,
        route: &Route,
        one: Option<KeyValue>,
        other: Option<KeyValue>,
    ) -> Result<Option<KeyValue>, DbError> {
        let (Some(one), Some(other)) = (&one, &other) else {
            return Ok(one.or(other));
        };
        if one == other {
            return Ok(Some(other.clone()));
        }
        let inner = KeyRange {
            after: Some(one.clone()),
            upto: Some(other.clone()),
        };
        let sql = format!(
            "SELECT 1 FROM {} FORCE INDEX ({}) WHERE {} LIMIT 1",
            route.table,
            route.key.index(Side::Table),
            route.key.within(Side::Table, &inner)
        );
        let more: Option<u8> = self.worker.first(Query::new(sql)).await?;
        Ok(Some(if more.is_some() {
            one.clone()
        } else {
            other.clone()
        }))
    }

    /// Copies the rows of a piece again that differ and are not in the log, until none does.
    async fn repair_piece(&mut self, route: &Route, piece: &KeyRange) -> anyhow::Result<()> {
        for round in 0.. {
            let different = self.unexplained(route, piece).await?;
            if different.is_empty() {
                return Ok(());
            }
            if round == ROUNDS {
                let keys = different
                    .iter()
                    .take(EXAMPLES)
                    .map(|key| route.key.describe(key))
                    .collect();
                return Err(self.failure(&Interruption::Different { keys }).into());
            }
            self.report.repaired += different.len() as u64;
            self.mark_changed(route, &different).await?;
            self.apply_all(route, &everything()).await?;
        }
        Ok(())
    }

    /// Keys of rows that differ although the log does not have them.
    async fn unexplained(&mut self, route: &Route, piece: &KeyRange) -> anyhow::Result<Vec<KeyValue>> {
        let table = self.row_sums(route, Side::Table, piece).await?;
        let shadow = self.row_sums(route, Side::Shadow, piece).await?;
        let mut different: Vec<KeyValue> = table
            .iter()
            .filter(|(key, sum)| shadow.get(*key) != Some(sum))
            .map(|(key, _)| key.clone())
            .collect();
        different.extend(shadow.keys().filter(|key| !table.contains_key(*key)).cloned());
        if !different.is_empty() {
            // After both were read.
            let logged = self.entries(route, u32::MAX).await?.keys;
            different.retain(|key| logged.binary_search(key).is_err());
        }
        Ok(different)
    }

    /// The rows of a range of one table, as the new definition stores them.
    async fn sum(&mut self, route: &Route, side: Side, range: &KeyRange) -> Result<Sum, DbError> {
        let from = self.source(route, side, range).await?;
        let sql = format!(
            "SELECT COUNT(*), COALESCE(BIT_XOR({0}), 0), CAST(COALESCE(SUM({0}), 0) AS CHAR) FROM {from}",
            route.row_sum(side),
        );
        let row: Option<Row> = self.worker.first(Query::new(sql).timeout(None)).await?;
        Ok(row.map_or((0, 0, String::new()), |row| {
            (
                get(&row, 0).unwrap_or_default(),
                get(&row, 1).unwrap_or_default(),
                text(&row, 2).unwrap_or_default(),
            )
        }))
    }

    async fn row_sums(
        &mut self,
        route: &Route,
        side: Side,
        range: &KeyRange,
    ) -> Result<BTreeMap<KeyValue, u64>, DbError> {
        let from = self.source(route, side, range).await?;
        let read = route.read_side(side);
        let sql = format!(
            "SELECT {}, {} FROM {from}",
            route.row_sum(side),
            route.key.selected(read)
        );
        let rows: Vec<Row> = self.worker.rows(Query::new(sql).timeout(None)).await?;
        Ok(rows
            .iter()
            .map(|row| (route.key.value_at(row, 1), get(row, 0).unwrap_or_default()))
            .collect())
    }

    /// What follows FROM. Where a type changes, the rows of the table are stored in the probe first.
    async fn source(&mut self, route: &Route, side: Side, range: &KeyRange) -> Result<String, DbError> {
        let key = &route.key;
        if side == Side::Table && !route.mapping.keeps_text() {
            self.worker
                .execute(format!("DELETE FROM {}", route.probe))
                .await?;
            let fill = format!(
                "INSERT INTO {} ({}) SELECT {} FROM {} FORCE INDEX ({}) WHERE {}",
                route.probe,
                route.mapping.targets(),
                route.mapping.values(),
                route.table,
                key.index(Side::Table),
                key.within(Side::Table, range)
            );
            self.worker.execute(Query::new(fill).timeout(None)).await?;
            return Ok(route.probe.clone());
        }
        let table = match side {
            Side::Shadow => &route.shadow,
            Side::Table | Side::Log => &route.table,
        };
        Ok(format!(
            "{table} FORCE INDEX ({}) WHERE {}",
            key.index(side),
            key.within(side, range)
        ))
    }
}

impl Route {
    /// The side whose column names the rows of `side` are read with.
    fn read_side(&self, side: Side) -> Side {
        if side == Side::Table && !self.mapping.keeps_text() {
            Side::Shadow
        } else {
            side
        }
    }

    /// The checksum of a row over the columns that both tables have.
    fn row_sum(&self, side: Side) -> String {
        let side = self.read_side(side);
        let mut parts = Vec::new();
        let mut nulls = Vec::new();
        for (old, new) in self.mapping.copied() {
            let (def, name) = match side {
                Side::Shadow => (self.new_def.column(new), new),
                Side::Table | Side::Log => (self.old_def.column(old), old),
            };
            let name = quote_name(name);
            parts.push(def.map_or_else(|| name.clone(), |(_, def)| as_bytes(&name, def)));
            nulls.push(format!("ISNULL({name})"));
        }
        format!(
            "CRC32(CONCAT_WS('#', {}, CONCAT({})))",
            parts.join(", "),
            nulls.join(", ")
        )
    }
}

/// A column's value in a form that is the same for the same value, whatever its character set compares.
fn as_bytes(name: &str, def: &ColumnDef) -> String {
    match def.data_type.name.as_str() {
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => {
            format!("CAST({name} AS BINARY)")
        }
        // CONCAT writes six digits of a FLOAT.
        "float" => format!("({name} + 0e0)"),
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "double" | "year" | "date"
        | "datetime" | "timestamp" | "time" | "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob"
        | "longblob" => name.to_owned(),
        "json" => format!("CAST(CAST({name} AS CHAR) AS BINARY)"),
        _ => format!("HEX({name})"),
    }
}
