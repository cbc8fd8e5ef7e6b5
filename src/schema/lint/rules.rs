//! The rules of [`super::RULES`].

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, RULES, auto_increment_use};
use crate::schema::ddl::{name, names};
use crate::schema::model::{Index, IndexKind, Part, Schema, Text};

/// From here on a counter is worth a warning.
const NEARLY_FULL_PERCENT: f64 = 75.0;

fn finding(rule: &'static str, object: String, what: String, fix: String) -> Finding {
    let why = RULES.iter().find(|one| one.id == rule).map_or("", |one| one.why);
    Finding {
        rule,
        object,
        what,
        why,
        fix,
    }
}

pub(super) fn no_primary_key(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        if table.primary_key().is_some() {
            continue;
        }
        let whole = |index: &Index| {
            index.kind == IndexKind::Unique
                && index.parts.iter().all(|part| {
                    let column = part.column_name().and_then(|column| table.column(&column));
                    part.prefix.is_none() && column.is_some_and(|column| !column.nullable)
                })
        };
        let candidate = table.indexes.iter().find(|(_, index)| whole(index));
        let clause = match candidate {
            Some((_, index)) => {
                let columns: Vec<Text> = index.parts.iter().filter_map(Part::column_name).collect();
                format!("ADD PRIMARY KEY ({})", names(&columns))
            }
            None => "ADD COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST".to_owned(),
        };
        let fix = format!("ALTER TABLE {} {clause};", name(table_name));
        out.push(finding(
            "no-primary-key",
            table_name.to_string(),
            "has no primary key".to_owned(),
            fix,
        ));
    }
}

/// Whether the parts of `short` begin `long`.
fn begins(short: &Index, long: &Index) -> bool {
    short.parts.len() <= long.parts.len()
        && short
            .parts
            .iter()
            .zip(&long.parts)
            .all(|(one, other)| one == other)
}

fn plain_parts(index: &Index) -> bool {
    !matches!(index.kind, IndexKind::Fulltext | IndexKind::Spatial) && !index.hash
}

fn drop_index(table: &str, index: &str) -> String {
    format!("ALTER TABLE {} DROP INDEX {};", name(table), name(index))
}

pub(super) fn duplicate_index(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        let mut seen: Vec<(Text, &Index)> = Vec::new();
        let mut indexes: Vec<_> = table.indexes.iter().collect();
        indexes.sort_by_key(|(index_name, index)| (index.kind, **index_name));
        for (index_name, index) in indexes {
            let family = |one: &Index| match one.kind {
                IndexKind::Fulltext | IndexKind::Spatial => one.kind,
                _ => IndexKind::Plain,
            };
            let same = seen
                .iter()
                .find(|(_, other)| other.parts == index.parts && family(other) == family(index));
            match same {
                Some((other, _)) => out.push(finding(
                    "duplicate-index",
                    format!("{table_name}.{index_name}"),
                    format!("has the same columns as {other}"),
                    drop_index(table_name, index_name),
                )),
                None => seen.push((*index_name, index)),
            }
        }
    }
}

pub(super) fn redundant_index(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        for (index_name, index) in &table.indexes {
            // A unique index is a promise and not only a path.
            if index.kind != IndexKind::Plain || !plain_parts(index) {
                continue;
            }
            let longer = table.indexes.iter().find(|(other_name, other)| {
                *other_name != index_name
                    && plain_parts(other)
                    && other.parts.len() > index.parts.len()
                    && begins(index, other)
            });
            if let Some((other, _)) = longer {
                out.push(finding(
                    "redundant-index",
                    format!("{table_name}.{index_name}"),
                    format!("is the beginning of {other}"),
                    drop_index(table_name, index_name),
                ));
            }
        }
    }
}

pub(super) fn foreign_key_without_index(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        for (key_name, key) in &table.foreign_keys {
            let covers = |index: &Index| {
                let columns: Vec<Text> = index.parts.iter().filter_map(Part::column_name).collect();
                plain_parts(index)
                    && columns.len() >= key.columns.len()
                    && columns[..key.columns.len()] == key.columns[..]
            };
            if !table.indexes.values().any(covers) {
                out.push(finding(
                    "foreign-key-without-index",
                    format!("{table_name}.{key_name}"),
                    format!("no index begins with ({})", names(&key.columns)),
                    format!(
                        "ALTER TABLE {} ADD INDEX ({});",
                        name(table_name),
                        names(&key.columns)
                    ),
                ));
            }
        }
    }
}

pub(super) fn auto_increment(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        let Some(percent) = auto_increment_use(table).filter(|percent| *percent >= NEARLY_FULL_PERCENT)
        else {
            continue;
        };
        let Some(column) = table.columns.iter().find(|column| column.auto_increment) else {
            continue;
        };
        out.push(finding(
            "auto-increment-nearly-full",
            format!("{table_name}.{}", column.name),
            format!("{percent:.1} % of {} is used", column.ty),
            format!(
                "ALTER TABLE {} MODIFY COLUMN {} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT; \
                 (foreign keys to it change with it)",
                name(table_name),
                name(&column.name)
            ),
        ));
    }
}

pub(super) fn mixed_collations(schema: &Schema, out: &mut Vec<Finding>) {
    // Columns are joined by foreign keys, which cannot differ, and by name.
    let mut by_name: BTreeMap<Text, BTreeMap<Text, BTreeSet<Text>>> = BTreeMap::new();
    for (table_name, table) in &schema.tables {
        let indexed: BTreeSet<Text> = table
            .indexes
            .values()
            .flat_map(|index| index.parts.iter().filter_map(Part::column_name))
            .collect();
        for column in table
            .columns
            .iter()
            .filter(|column| indexed.contains(&column.name))
        {
            if let Some(collation) = column.collation {
                by_name
                    .entry(column.name)
                    .or_default()
                    .entry(collation)
                    .or_default()
                    .insert(*table_name);
            }
        }
    }
    for (column, collations) in by_name.iter().filter(|(_, collations)| collations.len() > 1) {
        let usual = collations
            .iter()
            .max_by_key(|(_, tables)| tables.len())
            .map(|(collation, _)| *collation);
        let Some(usual) = usual else { continue };
        for (collation, tables) in collations.iter().filter(|(collation, _)| **collation != usual) {
            for table in tables {
                let ty = schema
                    .tables
                    .get(table)
                    .and_then(|table| table.column(column))
                    .map_or("", |one| one.ty.as_str());
                out.push(finding(
                    "mixed-collations",
                    format!("{table}.{column}"),
                    format!("is {collation}, the columns of that name elsewhere are {usual}"),
                    format!(
                        "ALTER TABLE {} MODIFY COLUMN {} {ty} CHARACTER SET {} COLLATE {usual}; (with its other attributes)",
                        name(table),
                        name(column),
                        Schema::charset_of(&usual)
                    ),
                ));
            }
        }
    }
}

/// Tables, and columns that are not as their table, of one character set.
fn of_charset(schema: &Schema, charset: &str) -> Vec<(String, Text)> {
    let mut out = Vec::new();
    for (table_name, table) in &schema.tables {
        let of = |collation: Text| Schema::charset_of(&collation) == charset;
        let columns = table
            .columns
            .iter()
            .filter(|column| column.collation.is_some_and(of));
        if of(table.collation) {
            out.push((table_name.to_string(), *table_name));
        } else {
            out.extend(columns.map(|column| (format!("{table_name}.{}", column.name), *table_name)));
        }
    }
    out
}

fn convert(table: Text) -> String {
    format!("ALTER TABLE {} CONVERT TO CHARACTER SET utf8mb4;", name(&table))
}

pub(super) fn utf8mb3(schema: &Schema, out: &mut Vec<Finding>) {
    for (object, table) in of_charset(schema, "utf8mb3") {
        out.push(finding(
            "utf8mb3",
            object,
            "is in utf8mb3".to_owned(),
            convert(table),
        ));
    }
}

pub(super) fn latin1(schema: &Schema, out: &mut Vec<Finding>) {
    if of_charset(schema, "utf8mb4").is_empty() {
        return;
    }
    for (object, table) in of_charset(schema, "latin1") {
        let what = "is in latin1, other text here is in utf8mb4".to_owned();
        out.push(finding("latin1-beside-utf8mb4", object, what, convert(table)));
    }
}

pub(super) fn not_innodb(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        let engine = table.engine;
        if ["MyISAM", "Aria", "MRG_MyISAM", "CSV", "ARCHIVE"]
            .iter()
            .any(|one| engine.eq_ignore_ascii_case(one))
        {
            let fix = format!("ALTER TABLE {} ENGINE=InnoDB;", name(table_name));
            out.push(finding(
                "not-innodb",
                table_name.to_string(),
                format!("is stored by {engine}"),
                fix,
            ));
        }
    }
}
