//! Reads tables: their columns, indexes, foreign keys, checks and partitions.

use std::collections::BTreeMap;

use super::{Cells, OWN_PREFIX, SchemaReader, mariadb, mysql, sql};
use smallvec::SmallVec;

use crate::db::{DbError, Flavor};
use crate::online_change::is_table_of_change;
use crate::schema::expr;
use crate::schema::model::{
    Attributes, ByName, CheckConstraint, Column, ColumnNames, ForeignKey, GeneratedColumn, Index, IndexKey,
    IndexKind, KeyPart, PRIMARY, Partition, Schema, Shared, Stats, Symbol, Table, TablePartitioning,
};
use crate::schema::{ddl, normalise};

impl SchemaReader<'_> {
    /// Reads tables; returns whether any is partitioned, and the names of sequences.
    pub(super) async fn tables(&mut self) -> Result<(bool, Option<String>), DbError> {
        let mut partitioned = false;
        let mut sequences: Vec<String> = Vec::new();
        self.each(sql::TABLES, |schema, row| {
            let (name, kind, engine) = (row.string(0), row.string(1), row.string(2));
            let versioned = kind == "SYSTEM VERSIONED";
            if kind == "SEQUENCE" {
                sequences.push(name);
                return;
            }
            if name.starts_with(OWN_PREFIX)
                || is_table_of_change(&name)
                || !(kind == "BASE TABLE" || versioned)
            {
                return;
            }
            let options = row.string(5);
            partitioned |= normalise::has_word(&options, "partitioned");
            let mut table = Table::new(Symbol::from(normalise::collation(&row.string(4))));
            table.options = normalise::table_options(&engine, &row.string(3), &options);
            if versioned {
                table
                    .options
                    .insert(Symbol::new(ddl::SYSTEM_VERSIONING), Symbol::new("1"));
            }
            table.engine = Symbol::from(engine);
            table.comment = row.non_empty(6);
            table.stats = Stats {
                rows: row.number(7),
                data_bytes: row.number(8),
                index_bytes: row.number(9),
                auto_increment: row.text(10).and_then(|text| text.parse().ok()),
            };
            schema.tables.insert(Symbol::from(name), table);
        })
        .await?;
        let partitioned = partitioned || !self.schema.dialect().says_partitioned;
        Ok((partitioned, (!sequences.is_empty()).then(|| sequences.join(", "))))
    }

    /// Passes all rows of a table at once to `give`, so that each list has the exact capacity. The rows
    /// start with their table's name and are ordered by it. `give` also receives the table of the schema to
    /// share with, and no table for the rows of a view.
    async fn per_table<T>(
        &mut self,
        sql: &str,
        mut row: impl FnMut(Flavor, &Cells, &mut Vec<T>),
        mut give: impl FnMut(Symbol, Option<&mut Table>, Option<&Table>, Vec<T>),
    ) -> Result<(), DbError> {
        let like = self.like;
        let mut current: Option<Symbol> = None;
        let mut gathered: Vec<T> = Vec::new();
        let mut hand_over = |schema: &mut Schema, table: Option<Symbol>, rows: &mut Vec<T>| {
            #[expect(clippy::drain_collect, reason = "the copy is as long as it has to be")]
            let rows = rows.drain(..).collect();
            if let Some(name) = table {
                let like = like.and_then(|schema| schema.tables.get(&name));
                give(name, schema.tables.get_mut(&name), like, rows);
            }
        };
        self.each(sql, |schema, cells| {
            let table = Some(cells.name(0));
            if table != current {
                hand_over(schema, current, &mut gathered);
                current = table;
            }
            row(schema.flavor, &cells, &mut gathered);
        })
        .await?;
        hand_over(&mut self.schema, current, &mut gathered);
        Ok(())
    }

    /// Reads columns of tables; returns the names of columns of views.
    pub(super) async fn columns(&mut self) -> Result<BTreeMap<Symbol, Vec<Symbol>>, DbError> {
        let database = self.database;
        let mut of_views = BTreeMap::new();
        let statement = self.schema.flavor.pick(mysql::COLUMNS, mariadb::COLUMNS);
        self.per_table(
            statement,
            |flavor, row, columns| columns.push(read_column(flavor, row, database)),
            |name, table, like, columns: Vec<Column>| {
                let Some(table) = table else {
                    of_views.insert(name, columns.iter().map(|column| column.name).collect());
                    return;
                };
                table.columns = columns.into();
                if let Some(like) = like {
                    table.columns.share(&like.columns);
                }
            },
        )
        .await?;
        Ok(of_views)
    }

    pub(super) async fn indexes(&mut self) -> Result<(), DbError> {
        let database = self.database;
        let statement = self.schema.flavor.pick(mysql::INDEXES, mariadb::INDEXES);
        self.per_table(
            statement,
            |_, row, indexes| read_index_part(row, database, indexes),
            |_, table, like, mut indexes: Vec<(Symbol, Index)>| {
                let Some(table) = table else { return };
                if table.engine == "MEMORY" {
                    indexes.iter_mut().for_each(|(_, index)| index.hash = false);
                }
                table.indexes = by_name(indexes);
                if let Some(like) = like {
                    table.indexes.share(&like.indexes);
                }
            },
        )
        .await
    }

    pub(super) async fn foreign_keys(&mut self) -> Result<(), DbError> {
        let database = self.database;
        self.per_table(
            sql::FOREIGN_KEYS,
            |_, row, keys| read_foreign_key_part(row, database, keys),
            |_, table, like, keys: Vec<(Symbol, ForeignKey)>| {
                let Some(table) = table else { return };
                table.foreign_keys = by_name(keys);
                if let Some(like) = like {
                    table.foreign_keys.share(&like.foreign_keys);
                }
            },
        )
        .await
    }

    pub(super) async fn checks(&mut self) -> Result<(), DbError> {
        let database = self.database;
        let statement = self.schema.flavor.pick(mysql::CHECKS, mariadb::CHECKS);
        self.each(statement, |schema, row| {
            if let Some(table) = schema.tables.get_mut(&row.name(0)) {
                let check = CheckConstraint {
                    clause: Symbol::from(expr::canonical(&normalise::decoded(&row.string(2)), database)),
                    not_enforced: row.is(3, "NO"),
                    column_level: row.is(3, "Column"),
                };
                table.add_check(row.name(1), check);
            }
        })
        .await
    }

    /// Reads partitions; returns the names of tables partitioned by SYSTEM_TIME, of which INFORMATION_SCHEMA
    /// shows neither the interval nor the limit.
    pub(super) async fn partitions(&mut self) -> Result<Option<String>, DbError> {
        let database = self.database;
        let mut of_history: Vec<String> = Vec::new();
        self.each(sql::PARTITIONS, |schema, row| {
            let Some(table) = schema.tables.get_mut(&row.name(0)) else {
                return;
            };
            if row.is(2, "SYSTEM_TIME") {
                of_history.push(row.string(0));
                return;
            }
            let canonical = |at: usize| {
                row.text(at)
                    .filter(|text| !text.is_empty())
                    .map(|text| Symbol::from(expr::canonical(&normalise::decoded(&text), database)))
            };
            let partitioning = table.partitioning.get_or_insert_with(|| {
                Box::new(TablePartitioning {
                    method: Symbol::from(row.string(2).to_ascii_lowercase()),
                    expression: canonical(3),
                    subpartitions: None,
                    partitions: Vec::new(),
                })
            });
            let name = row.name(1);
            if partitioning
                .partitions
                .last()
                .is_none_or(|last| last.name != name)
            {
                partitioning.partitions.push(Partition {
                    name,
                    values: canonical(4),
                });
            }
            if let Some(method) = row.text(5) {
                let expression = canonical(6).map_or("", Symbol::as_str);
                let text = format!("{method} ({expression}) SUBPARTITIONS {}", row.number(7));
                partitioning.subpartitions = Some(Symbol::from(text));
            }
        })
        .await?;
        of_history.dedup();
        Ok((!of_history.is_empty()).then(|| of_history.join(", ")))
    }
}

/// A map with the exact capacity.
fn by_name<T>(rows: Vec<(Symbol, T)>) -> Shared<ByName<T>> {
    let mut map = ByName::with_capacity(rows.len());
    for (name, one) in rows {
        map.insert(name, one);
    }
    map.into()
}

fn read_column(flavor: Flavor, row: &Cells, database: &str) -> Column {
    let (ty, extra) = (normalise::column_type(&row.string(4)), row.string(6));
    let collation = row.text(5).map(|name| normalise::collation(&name));
    // MySQL shows no character set for an ENUM or SET of bytes.
    let bytes = (ty.starts_with("enum(") || ty.starts_with("set("))
        && collation.as_ref().is_none_or(|name| name == "binary");
    let collation = if bytes {
        Some("binary".to_owned())
    } else {
        collation
    };
    let raw = row.text(2).map(|raw| match bytes {
        true => normalise::default_of_bytes(flavor, &raw),
        false => raw,
    });
    let generated = row
        .text(7)
        .filter(|text| !text.is_empty())
        .map(|text| GeneratedColumn {
            expression: Symbol::from(expr::canonical(&normalise::decoded(&text), database)),
            stored: normalise::has_word(&extra, "STORED") || normalise::has_word(&extra, "PERSISTENT"),
        });
    let default = match generated {
        Some(_) => None,
        None => normalise::default_value(flavor, raw.as_deref(), &extra, &ty, database),
    };
    let attributes = Attributes {
        nullable: row.is(3, "YES"),
        default: default.map(Symbol::from),
        on_update: normalise::on_update(&extra).map(Symbol::from),
        generated,
        collation: collation.map(Symbol::from),
        comment: row.non_empty(8),
        auto_increment: normalise::has_word(&extra, "auto_increment"),
        invisible: normalise::has_word(&extra, "INVISIBLE"),
        unversioned: extra.contains("WITHOUT SYSTEM VERSIONING"),
        srid: row.text(9).and_then(|text| text.parse().ok()),
        ty: Symbol::from(ty),
    };
    Column::with_attributes(row.name(1), attributes)
}

/// Adds a part to the last index, or a new index if the row names another.
fn read_index_part(row: &Cells, database: &str, indexes: &mut Vec<(Symbol, Index)>) {
    let name = row.name(1);
    if indexes.last().is_none_or(|(last, _)| *last != name) {
        let kind = match (name.as_str(), row.string(6).as_str()) {
            (PRIMARY, _) => IndexKind::Primary,
            (_, "FULLTEXT") => IndexKind::Fulltext,
            (_, "SPATIAL") => IndexKind::Spatial,
            _ if row.number(2) == 0 => IndexKind::Unique,
            _ => IndexKind::Plain,
        };
        let index = Index {
            kind,
            parts: SmallVec::new(),
            // MariaDB 11.8 shows the requested HASH of a plain index, which InnoDB does not support.
            hash: kind == IndexKind::Unique && row.is(6, "HASH"),
            invisible: row.is(8, "YES"),
            comment: row.non_empty(7),
        };
        indexes.push((name, index));
    }
    let Some((_, index)) = indexes.last_mut() else {
        return;
    };
    let plain = !matches!(index.kind, IndexKind::Fulltext | IndexKind::Spatial);
    index.parts.push(KeyPart {
        key: match row.text(9) {
            Some(expression) => {
                let expression = normalise::decoded(&expression);
                IndexKey::Expression(Symbol::from(expr::canonical(&expression, database)))
            }
            None => IndexKey::Column(row.name(3)),
        },
        prefix: row.text(5).filter(|_| plain).and_then(|text| text.parse().ok()),
        descending: row.is(4, "D"),
    });
}

/// Adds a column to the last foreign key, or a new key if the row names another.
fn read_foreign_key_part(row: &Cells, database: &str, keys: &mut Vec<(Symbol, ForeignKey)>) {
    let name = row.name(1);
    if keys.last().is_none_or(|(last, _)| *last != name) {
        let key = ForeignKey {
            columns: ColumnNames::new(),
            table: Symbol::new(""),
            references: ColumnNames::new(),
            on_delete: Default::default(),
            on_update: Default::default(),
        };
        keys.push((name, key));
    }
    let Some((_, key)) = keys.last_mut() else {
        return;
    };
    if row.is(2, "rule") {
        key.on_update = normalise::action(&row.string(4));
        key.on_delete = normalise::action(&row.string(5));
        return;
    }
    let (parent_database, parent) = (row.string(5), row.string(6));
    key.table = match parent_database == database {
        true => Symbol::from(parent),
        false => Symbol::from(ddl::foreign_table(&parent_database, &parent)),
    };
    key.columns.push(row.name(4));
    key.references.push(row.name(7));
}
