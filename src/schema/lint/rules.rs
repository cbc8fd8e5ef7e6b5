//! The rules of [`super::RULES`].

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, RULES, auto_increment_use};
use crate::schema::ddl::{Writer, name, names};
use crate::schema::model::{Column, Index, IndexKind, Part, Schema, Table, Text};
use crate::sql::script::comment;

/// From here on a counter is worth a warning.
const NEARLY_FULL_PERCENT: f64 = 75.0;

pub(super) fn finding(rule: &'static str, object: String, what: String, fix: String) -> Finding {
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
        let clause = match key_candidate(table) {
            Some(columns) => key_from(table, &columns),
            None => {
                let mut free = ["id", "row_id", "row_number_id"].into_iter();
                let free = free.find(|column| table.column(column).is_none());
                format!(
                    "ADD COLUMN {} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST",
                    name(free.unwrap_or("dbtool_id"))
                )
            }
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

/// The columns that could be the primary key as they are: a counter, or those of a unique index
/// that takes no NULL.
fn key_candidate(table: &Table) -> Option<Vec<Text>> {
    if let Some(counter) = table.columns.iter().find(|column| column.auto_increment) {
        return Some(vec![counter.name]);
    }
    let whole = |index: &&Index| {
        index.kind == IndexKind::Unique
            && index.parts.iter().all(|part| {
                let column = part.column_name().and_then(|column| table.column(&column));
                part.prefix.is_none() && column.is_some_and(|column| !column.nullable)
            })
    };
    let index = table.indexes.values().find(whole)?;
    Some(index.columns().collect())
}

/// What makes these columns the primary key, which serves in the place of the indexes they have.
fn key_from(table: &Table, columns: &[Text]) -> String {
    let whole: Vec<Part> = columns.iter().map(|column| Part::column(column)).collect();
    let replaced = table
        .indexes
        .iter()
        .filter(|(_, index)| *index.parts == *whole && plain_parts(index));
    let drops: String = replaced
        .map(|(index, _)| format!("DROP INDEX {}, ", name(index)))
        .collect();
    format!("{drops}ADD PRIMARY KEY ({})", names(columns))
}

/// Whether `long` serves what `short` does and more: its parts begin with those of `short`, of
/// which the last may take less of its column.
fn serves(long: &Index, short: &Index) -> bool {
    let Some((last, first)) = short.parts.split_last() else {
        return false;
    };
    let Some(other) = long.parts.get(first.len()) else {
        return false;
    };
    let same = (last.key, last.descending) == (other.key, other.descending);
    let longer = last
        .prefix
        .is_some_and(|short| other.prefix.is_none_or(|long| long > short));
    let more = long.parts.len() > short.parts.len();
    long.parts.starts_with(first) && same && (longer || (more && last.prefix == other.prefix))
}

/// What changes a column into `column`.
pub(super) fn modify(schema: &Schema, table_name: Text, table: &Table, column: &Column) -> String {
    let clause = modify_clause(schema, table, column);
    format!("ALTER TABLE {} {clause};", name(&table_name))
}

fn modify_clause(schema: &Schema, table: &Table, column: &Column) -> String {
    let check = table.column_check(&column.name);
    format!(
        "MODIFY COLUMN {}",
        Writer::own(schema).column(column, None, check)
    )
}

/// A column with its text in another collation.
fn recollated(column: &Column, converted: &dyn Fn(Text) -> Text) -> Column {
    let mut new = *column;
    new.change(|attributes| attributes.collation = attributes.collation.map(converted));
    new
}

fn plain_parts(index: &Index) -> bool {
    !matches!(index.kind, IndexKind::Fulltext | IndexKind::Spatial) && !index.hash
}

fn drop_index(table: &str, index: &str) -> String {
    format!("ALTER TABLE {} DROP INDEX {};", name(table), name(index))
}

/// The indexes of a table that have the same columns as another, with that other's name. What
/// is invisible serves no query, so it goes first.
fn duplicates(table: &Table) -> Vec<(Text, Text)> {
    let family = |one: &Index| match one.kind {
        IndexKind::Fulltext | IndexKind::Spatial => one.kind,
        _ => IndexKind::Plain,
    };
    let promises = |one: &Index| matches!(one.kind, IndexKind::Primary | IndexKind::Unique);
    let mut indexes: Vec<_> = table.indexes.iter().collect();
    indexes.sort_by_key(|(name, index)| (!promises(index), index.invisible, index.kind, **name));
    let mut seen: Vec<(Text, &Index)> = Vec::new();
    let mut out = Vec::new();
    for (name, index) in indexes {
        let same = seen.iter().find(|(_, other)| {
            let served = index.invisible || !other.invisible;
            other.parts == index.parts && family(other) == family(index) && served
        });
        match same {
            Some((other, _)) => out.push((*name, *other)),
            None => seen.push((*name, index)),
        }
    }
    out.sort();
    out
}

pub(super) fn duplicate_index(schema: &Schema, out: &mut Vec<Finding>) {
    for (table_name, table) in &schema.tables {
        for (index_name, other) in duplicates(table) {
            out.push(finding(
                "duplicate-index",
                format!("{table_name}.{index_name}"),
                format!("has the same columns as {other}"),
                drop_index(table_name, &index_name),
            ));
        }
    }
}

pub(super) fn redundant_index(schema: &Schema, out: &mut Vec<Finding>) {
    // The hashes of MEMORY serve whole keys only.
    let tables = schema
        .tables
        .iter()
        .filter(|(_, table)| !table.engine.eq_ignore_ascii_case("memory"));
    for (table_name, table) in tables {
        let copies: BTreeSet<Text> = duplicates(table).into_iter().map(|(copy, _)| copy).collect();
        for (index_name, index) in table.indexes.iter().filter(|(name, _)| !copies.contains(*name)) {
            // A unique index is a promise and not only a path.
            if index.kind != IndexKind::Plain || !plain_parts(index) {
                continue;
            }
            let longer = table.indexes.iter().find(|(_, other)| {
                plain_parts(other) && serves(other, index) && (index.invisible || !other.invisible)
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
                let columns: Vec<Text> = index.columns().collect();
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
            larger_counter(schema, *table_name, table, column),
        ));
    }
}

/// What gives a counter more room.
fn larger_counter(schema: &Schema, table_name: Text, table: &Table, column: &Column) -> String {
    let largest = Text::new("bigint unsigned");
    if column.ty == largest {
        return "no integer type is larger: number the rows anew, or find what made the counter leap"
            .to_owned();
    }
    let mut wider = *column;
    wider.change(|attributes| attributes.ty = largest);
    let mut fix = modify(schema, table_name, table, &wider);
    let refers = |table: &Table| {
        let mut keys = table.foreign_keys.values();
        keys.any(|key| key.table == table_name && key.references.contains(&column.name))
    };
    if schema.tables.values().any(refers) {
        fix.push_str(" -- and with it the columns whose foreign keys refer to it");
    }
    fix
}

/// An indexed character column: name, collation, table.
type Joined = (Text, Text, Text);

/// The columns that a join may go by. They are joined by foreign keys, which cannot differ, and by name.
fn joined_columns(schema: &Schema) -> Vec<Joined> {
    let of_table = |(name, table): (&Text, &Table)| -> Vec<Joined> {
        let indexed = |column: &&Column| {
            let mut parts = table.indexes.values().flat_map(|index| &index.parts);
            parts.any(|part| part.column_name() == Some(column.name))
        };
        let columns = table.columns.iter().filter(indexed);
        columns
            .filter_map(|column| Some((column.name, column.collation?, *name)))
            .collect()
    };
    let mut joined: Vec<Joined> = schema.tables.iter().flat_map(of_table).collect();
    joined.sort_unstable();
    joined
}

/// The collation that most of some columns have; among equals the last by name.
fn usual_collation(columns: &[Joined]) -> Option<Text> {
    let runs = columns.chunk_by(|one, other| one.1 == other.1);
    let largest = runs.max_by_key(|run| run.len())?;
    largest.first().map(|(_, collation, _)| *collation)
}

pub(super) fn mixed_collations(schema: &Schema, out: &mut Vec<Finding>) {
    for columns in joined_columns(schema).chunk_by(|one, other| one.0 == other.0) {
        let Some(usual) = usual_collation(columns) else {
            continue;
        };
        for (column, collation, table) in columns.iter().filter(|one| one.1 != usual) {
            let Some(owner) = schema.tables.get(table) else {
                continue;
            };
            let Some(mut like_others) = owner.column(column).copied() else {
                continue;
            };
            like_others.change(|attributes| attributes.collation = Some(usual));
            out.push(finding(
                "mixed-collations",
                format!("{table}.{column}"),
                format!("is {collation}, the columns of that name elsewhere are {usual}"),
                modify(schema, *table, owner, &like_others),
            ));
        }
    }
}

/// What to know before text changes that foreign keys join to the text of other tables: both sides
/// have to change, and neither can first.
fn joined_text(schema: &Schema, table_name: Text, which: &dyn Fn(Text) -> bool) -> String {
    let text = |columns: &[Text]| {
        let table = schema.tables.get(&table_name);
        columns.iter().any(|name| {
            let column = table.and_then(|table| table.column(name));
            which(*name) && column.is_some_and(|column| column.collation.is_some())
        })
    };
    let mut others = BTreeSet::new();
    for (child, table) in &schema.tables {
        for key in table.foreign_keys.values() {
            if *child == table_name && text(&key.columns) {
                others.insert(key.table);
            }
            if key.table == table_name && text(&key.references) {
                others.insert(*child);
            }
        }
    }
    others.remove(&table_name);
    if others.is_empty() {
        return String::new();
    }
    let others: Vec<&str> = others.iter().map(|name| name.as_str()).collect();
    let joined = comment(&format!(
        "under SET foreign_key_checks = 0, and with it what foreign keys join to it in {}",
        others.join(", ")
    ));
    format!(" {joined}")
}

/// The collation of utf8mb4 in the place of another: one that tells cases apart goes on doing so,
/// or values that are different would become equal.
fn in_utf8mb4(collation: Text, usual: Text) -> Text {
    match collation.ends_with("_bin") || collation.ends_with("_cs") {
        true => Text::new("utf8mb4_bin"),
        false => usual,
    }
}

/// Whether CONVERT TO would make the column a larger type: TEXT types hold bytes, and it keeps their
/// number of characters (manual, "ALTER TABLE Statement", "Changing the Character Set").
fn would_widen(column: &Column) -> bool {
    ["tinytext", "text", "mediumtext"].contains(&column.ty.as_str())
}

/// The collation that most tables of utf8mb4 have; without one, the database's or the server's default.
fn usual_utf8mb4(schema: &Schema) -> Option<Text> {
    let utf8mb4 = Text::new("utf8mb4");
    let is_utf8mb4 = |collation: Text| Schema::charset_of(&collation) == utf8mb4.as_str();
    let mut counts: BTreeMap<Text, (usize, bool)> = BTreeMap::new();
    let tables = schema.tables.values().map(|table| table.collation);
    for collation in tables.filter(|collation| is_utf8mb4(*collation)) {
        let count = counts
            .entry(collation)
            .or_insert((0, collation == schema.collation));
        count.0 += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(collation, _)| collation)
        .or(Some(schema.collation).filter(|collation| is_utf8mb4(*collation)))
        .or(schema.default_collations.get(&utf8mb4).copied())
}

/// The clauses that convert a table and its columns `of` one character set. CONVERT TO gives all
/// columns one collation and some a larger type, so it is for tables where it changes nothing else.
fn convert(
    schema: &Schema,
    table: &Table,
    of: &dyn Fn(Text) -> bool,
    converted: &dyn Fn(Text) -> Text,
) -> String {
    let charset = format!("CHARACTER SET utf8mb4 COLLATE {}", converted(table.collation));
    let mut collations = table.columns.iter().filter_map(|column| column.collation);
    let alike = collations.all(|collation| collation == table.collation);
    if alike && !table.columns.iter().any(would_widen) {
        return format!("CONVERT TO {charset}");
    }
    let text = table
        .columns
        .iter()
        .filter(|column| column.collation.is_some_and(of));
    let columns: String = text
        .map(|column| {
            format!(
                ", {}",
                modify_clause(schema, table, &recollated(column, converted))
            )
        })
        .collect();
    format!("DEFAULT {charset}{columns}")
}

/// Tables, and columns that are not as their table, of one character set: what they are called,
/// and what turns them into utf8mb4.
fn of_charset(schema: &Schema, charset: &str) -> Vec<(String, String)> {
    let of = |collation: Text| Schema::charset_of(&collation) == charset;
    let usual = usual_utf8mb4(schema);
    let mut out = Vec::new();
    for (table_name, table) in &schema.tables {
        let converted = |collation: Text| in_utf8mb4(collation, usual.unwrap_or(table.collation));
        if of(table.collation) {
            let fix = format!(
                "ALTER TABLE {} {};{}",
                name(table_name),
                convert(schema, table, &of, &converted),
                joined_text(schema, *table_name, &|_| true)
            );
            out.push((table_name.to_string(), fix));
            continue;
        }
        let columns = table
            .columns
            .iter()
            .filter(|column| column.collation.is_some_and(of));
        out.extend(columns.map(|column| {
            let fix = modify(schema, *table_name, table, &recollated(column, &converted));
            let joined = joined_text(schema, *table_name, &|name| name == column.name);
            (format!("{table_name}.{}", column.name), fix + &joined)
        }));
    }
    out
}

/// Whether a table or a column has this character set.
fn has_charset(schema: &Schema, charset: &str) -> bool {
    let of = |collation: Text| Schema::charset_of(&collation) == charset;
    schema.tables.values().any(|table| {
        let mut columns = table.columns.iter().filter_map(|column| column.collation);
        of(table.collation) || columns.any(of)
    })
}

pub(super) fn utf8mb3(schema: &Schema, out: &mut Vec<Finding>) {
    for (object, fix) in of_charset(schema, "utf8mb3") {
        out.push(finding("utf8mb3", object, "is in utf8mb3".to_owned(), fix));
    }
}

pub(super) fn latin1(schema: &Schema, out: &mut Vec<Finding>) {
    if !has_charset(schema, "utf8mb4") {
        return;
    }
    for (object, fix) in of_charset(schema, "latin1") {
        let what = "is in latin1, other text here is in utf8mb4".to_owned();
        out.push(finding("latin1-beside-utf8mb4", object, what, fix));
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
