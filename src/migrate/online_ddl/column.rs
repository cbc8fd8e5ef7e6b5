//! The changes that a new definition of a column makes.

use super::charsets::TextCharset;
use super::rules::ChangeKind;
use super::table_changes::AlterContext;
use crate::sql::{ColumnDef, ColumnPosition, IndexType};

/// The changes from `now` to `new` of the column `name`, at place `index` of its table.
pub fn changes(context: &mut AlterContext<'_>, name: &str, index: usize, now: &ColumnDef, new: &ColumnDef) {
    context.detail = format!(
        "column {name}, {} to {}",
        now.data_type.text(),
        new.data_type.text()
    );
    change_of_type(context, name, now, new);
    context.detail = format!("column {name}");
    change_of_generation(context, name, now, new);
    if now.auto_increment != new.auto_increment {
        context.add(match new.auto_increment {
            true => ChangeKind::AddAutoIncrementTo,
            false => ChangeKind::DropAutoIncrement,
        });
    }
    let now_null = !now.not_null && !context.is_in_primary_key(name);
    let new_null =
        !new.not_null && !context.will_be_in_primary_key(name) && new.key != Some(IndexType::Primary);
    // Manual, "Automatic Initialization": without explicit_defaults_for_timestamp a TIMESTAMP is NOT NULL by itself.
    if now_null != new_null && new.generated.is_none() && !new.auto_increment {
        nullability(context, name, new_null);
    }
    if now_null != new_null && new.is_virtual() {
        context.add(ChangeKind::NullabilityOfVirtual);
    }
    if let Some(position) = &new.position
        && moves(context, index, position)
    {
        context.add(if new.is_virtual() {
            ChangeKind::MoveVirtual
        } else if passes_virtual(context, index, position) {
            ChangeKind::MoveAcrossVirtual
        } else if new.is_stored() {
            ChangeKind::MoveStored
        } else {
            ChangeKind::MoveColumn
        });
    }
    if new.check.is_some() {
        context.add(ChangeKind::CheckColumn);
    }
    match new.key {
        Some(IndexType::Primary) if !context.is_in_primary_key(name) => {
            context.add(ChangeKind::AddPrimaryKey)
        }
        Some(IndexType::Primary) | None => {}
        Some(_) => context.add(ChangeKind::AddIndex),
    }
    if new.references {
        context.foreign_key(&[name.to_owned()]);
    }
    if now.compressed != new.compressed {
        context.add(ChangeKind::CompressColumn);
    }
    if now.srid != new.srid && new.srid.is_some()
        || now.attributes != new.attributes && !new.attributes.is_empty()
    {
        context.add(ChangeKind::UnknownAttribute);
    }
    if new.row_period || new.unknown.is_some() {
        context.add(ChangeKind::UnknownAttribute);
    }
}

fn nullability(context: &mut AlterContext<'_>, name: &str, new_null: bool) {
    if !new_null && !context.settings.strict {
        return context.add(ChangeKind::NullabilityLenient);
    }
    if new_null && context.implicit_key().is_some_and(|key| key.covers(name)) {
        return context.add(ChangeKind::NullabilityOfKey);
    }
    if context.has_virtual() {
        return context.add(ChangeKind::NullabilityVirtual);
    }
    let redundant = context.table.def.row_format.as_deref() == Some("redundant");
    context.add(
        match new_null && redundant && context.server.has_instant_column_changes() {
            true => ChangeKind::NullabilityRedundant,
            false => ChangeKind::Nullability,
        },
    );
}

/// Whether the statement moves the column.
fn moves(context: &AlterContext<'_>, index: usize, position: &ColumnPosition) -> bool {
    match position {
        ColumnPosition::First => index != 0,
        ColumnPosition::After(other) => match context.table.def.column(other) {
            Some((place, _)) => place + 1 != index,
            None => true,
        },
    }
}

/// Whether a virtual column is between the column's place and its new one.
fn passes_virtual(context: &AlterContext<'_>, index: usize, position: &ColumnPosition) -> bool {
    let columns = &context.table.def.columns;
    let target = match position {
        ColumnPosition::First => 0,
        ColumnPosition::After(other) => match context.table.def.column(other) {
            Some((place, _)) => place + 1,
            None => return context.has_virtual(),
        },
    };
    let (from, to) = (index.min(target), index.max(target));
    columns[from..to.min(columns.len())]
        .iter()
        .any(|(_, def)| def.is_virtual())
}

fn change_of_generation(context: &mut AlterContext<'_>, name: &str, now: &ColumnDef, new: &ColumnDef) {
    match (&now.generated, &new.generated) {
        (None, None) => {}
        (Some(one), Some(other)) if one == other => {
            if one.stored {
                context.add(ChangeKind::RedefineStored);
            }
        }
        (Some(one), Some(other)) if !one.stored && !other.stored && !context.is_indexed(name) => {
            context.add(ChangeKind::ChangeVirtual);
        }
        _ => context.add(ChangeKind::ChangeGenerated),
    }
}

fn change_of_type(context: &mut AlterContext<'_>, name: &str, now: &ColumnDef, new: &ColumnDef) {
    let old_text = context.settings.charsets.of_column(now, &context.now);
    let new_text = context.settings.charsets.of_column(new, &context.after);
    let (mut old, mut fresh) = (now.data_type.clone(), new.data_type.clone());
    for data_type in [&mut old, &mut fresh] {
        if data_type.name == "real" {
            data_type.name = if context.settings.real_is_float {
                "float"
            } else {
                "double"
            }
            .to_owned();
        }
    }
    // MariaDB's JSON is a LONGTEXT with a collation and a check of its own.
    if !context.server.has_json_type() && (old.name == "json" || fresh.name == "json") {
        let is_json = |def: &ColumnDef, text: &TextCharset| {
            def.data_type.name == "json"
                || def.data_type.name == "longtext"
                    && text.collation == "utf8mb4_bin"
                    && def
                        .check
                        .as_deref()
                        .is_some_and(|check| check.starts_with("json_valid"))
        };
        if !is_json(now, &old_text) || !is_json(new, &new_text) {
            context.add(ChangeKind::ChangeType);
        }
        return;
    }
    if !context.server.has_json_type()
        && now
            .check
            .as_deref()
            .is_some_and(|check| check.starts_with("json_valid"))
    {
        return context.add(ChangeKind::ChangeType);
    }
    let bytes = (
        context.settings.charsets.bytes(&old_text.charset),
        context.settings.charsets.bytes(&new_text.charset),
    );
    sized(&mut old, bytes.0);
    sized(&mut fresh, bytes.1);
    if old.name != fresh.name || old.unsigned != fresh.unsigned {
        return context.add(ChangeKind::ChangeType);
    }
    match old.name.as_str() {
        "varchar" | "varbinary" => {
            let wide = |name: &str, bytes: u64| if name == "varchar" { bytes } else { 1 };
            let octets = |args: &[u64], bytes| args.first().copied().unwrap_or(0) * wide(&old.name, bytes);
            let (before, behind) = (octets(&old.args, bytes.0), octets(&fresh.args, bytes.1));
            if fresh.args < old.args || behind < before {
                return context.add(ChangeKind::ChangeType);
            }
            if before <= 255 && behind > 255 {
                // MariaDB: lengths of up to 127 bytes are stored the same way with one length byte and with two.
                let alike = before < 128 || context.table.def.row_format.as_deref() == Some("redundant");
                return match alike && context.server.has_instant_column_changes() {
                    true => {
                        context.add(ChangeKind::LongerTextTwoBytes);
                        change_of_text(context, name, new, &old_text, &new_text);
                    }
                    false => context.add(ChangeKind::ChangeType),
                };
            }
            if fresh.args > old.args {
                context.add(ChangeKind::LongerText);
            }
        }
        "enum" | "set" => {
            let folds = |text: &TextCharset| text.collation.ends_with("_ci");
            let folded = folds(&old_text) && folds(&new_text);
            let alike = |one: &String, other: &String| {
                one == other || folded && one.to_lowercase() == other.to_lowercase()
            };
            let kept = fresh.members.len() >= old.members.len()
                && old
                    .members
                    .iter()
                    .zip(&fresh.members)
                    .all(|(one, other)| alike(one, other));
            // An ENUM takes 1 or 2 bytes, a SET 1, 2, 3, 4 or 8.
            let width = |members: usize| match old.name.as_str() {
                "set" if members > 32 => 8,
                "set" => members.div_ceil(8),
                _ => usize::from(members > 255),
            };
            if !kept || width(old.members.len()) != width(fresh.members.len()) {
                return context.add(ChangeKind::ChangeType);
            }
        }
        // ZEROFILL of an integer changes only its display.
        name if old.args != fresh.args || old.zerofill != fresh.zerofill && !name.ends_with("int") => {
            return context.add(ChangeKind::ChangeType);
        }
        _ => {}
    }
    if new.is_text() {
        change_of_text(context, name, new, &old_text, &new_text);
    }
}

/// TEXT(n) and BLOB(n) are the smallest type that holds as much.
fn sized(data_type: &mut crate::sql::DataType, bytes: u64) {
    let (Some(length), kind) = (data_type.args.first().copied(), data_type.name.clone()) else {
        return;
    };
    if !matches!(kind.as_str(), "text" | "blob") {
        return;
    }
    let octets = if kind == "text" {
        length.saturating_mul(bytes)
    } else {
        length
    };
    let size = match octets {
        0..=255 => "tiny",
        256..=65_535 => "",
        65_536..=16_777_215 => "medium",
        _ => "long",
    };
    data_type.name = format!("{size}{kind}");
    data_type.args.clear();
}

fn change_of_text(
    context: &mut AlterContext<'_>,
    name: &str,
    new: &ColumnDef,
    old: &TextCharset,
    text: &TextCharset,
) {
    if old == text || !new.is_text() {
        return;
    }
    let widened = old.charset == "utf8mb3" && text.charset == "utf8mb4";
    let list = matches!(new.data_type.name.as_str(), "enum" | "set");
    if old.charset != text.charset && (!widened || list) {
        return context.add(ChangeKind::ConvertCharset);
    }
    if context.is_in_primary_key(name) {
        return context.add(ChangeKind::ChangeKeyCollation);
    }
    if list {
        return context.add(ChangeKind::ChangeListCollation);
    }
    if !context.server.has_collation_change_in_place() {
        return context.add(ChangeKind::ConvertCharset);
    }
    let indexed = context.stays_indexed(name);
    context.add(match (widened, indexed) {
        (true, true) if old.same_order(text) => ChangeKind::WidenIndexedCharset,
        (_, true) if context.stays_in_fulltext(name) => ChangeKind::ChangeFulltextCollation,
        (_, true) => ChangeKind::ChangeIndexedCollation,
        (true, false) => ChangeKind::WidenCharset,
        (false, false) => ChangeKind::ChangeCollation,
    });
}
