//! The kinds of changes that an ALTER TABLE makes to a table.

use super::charsets::TextCharset;
use super::column;
use super::rules::{ChangeKind, Cost};
use super::{LiveTable, SessionSettings};
use crate::db::Server;
use crate::sql::{
    AlterAction, ColumnDef, ColumnPosition, DefaultValue, IndexDef, IndexPart, IndexType, PartitionChange,
    TableDef,
};

/// A change, and the column or index that it concerns.
pub type FoundChange = (ChangeKind, String);

/// A table, a server, and the changes found so far.
pub struct AlterContext<'a> {
    /// The server.
    pub server: &'a Server,
    /// The session's settings.
    pub settings: &'a SessionSettings,
    /// The table before the statement.
    pub table: &'a LiveTable,
    /// Default character set and collation before the statement.
    pub now: TextCharset,
    /// Default character set and collation after the statement.
    pub after: TextCharset,
    /// The column or index that is being examined, for the reason.
    pub detail: String,
    actions: &'a [AlterAction],
    found: Vec<FoundChange>,
}

/// All changes that `actions` make to `table`, including those that follow from the kind of table.
pub fn changes(
    actions: &[AlterAction],
    table: &LiveTable,
    server: &Server,
    settings: &SessionSettings,
) -> Vec<FoundChange> {
    let mut context = AlterContext {
        server,
        settings,
        table,
        now: settings.charsets.of_table(&table.def),
        after: TextCharset::default(),
        detail: String::new(),
        actions,
        found: Vec::new(),
    };
    context.after = default_text(actions, &context.now, settings);
    for action in actions {
        context.detail.clear();
        context.action(action);
    }
    context.virtual_columns();
    context.around();
    context.fulltext_indexes();
    context.found
}

/// The table's default character set behind CHARSET and COLLATE among the actions.
fn default_text(actions: &[AlterAction], now: &TextCharset, settings: &SessionSettings) -> TextCharset {
    let value = |wanted: &str| {
        actions.iter().rev().find_map(|action| match action {
            AlterAction::Option { name, value } if name == wanted => Some(value.as_str()),
            _ => None,
        })
    };
    settings.charsets.text(value("CHARSET"), value("COLLATE"), now)
}

impl AlterContext<'_> {
    /// Adds a change.
    pub fn add(&mut self, change: ChangeKind) {
        self.found.push((change, self.detail.clone()));
    }

    fn def(&self) -> &TableDef {
        &self.table.def
    }

    /// The cost of a change on this server.
    pub fn cost(&self, change: ChangeKind) -> Cost {
        change.rule().cost(self.server)
    }

    /// Whether a column is part of the primary key now.
    pub fn is_in_primary_key(&self, column: &str) -> bool {
        let primary = self
            .def()
            .indexes
            .iter()
            .find(|index| index.kind == IndexType::Primary);
        primary.is_some_and(|index| index.covers(column))
    }

    /// Whether a column is part of the primary key that the statement leaves.
    pub fn will_be_in_primary_key(&self, column: &str) -> bool {
        let added = self.actions.iter().any(|action| match action {
            AlterAction::AddIndex(index) => index.kind == IndexType::Primary && index.covers(column),
            _ => false,
        });
        added || self.is_in_primary_key(column) && !self.drops_index("PRIMARY")
    }

    /// Whether any index has the column.
    pub fn is_indexed(&self, column: &str) -> bool {
        self.def().indexes.iter().any(|index| index.covers(column))
    }

    /// Whether an index that the statement leaves has the column.
    pub fn stays_indexed(&self, column: &str) -> bool {
        self.indexes_left().any(|index| index.covers(column))
    }

    /// Whether a full-text index that the statement leaves has the column.
    pub fn stays_in_fulltext(&self, column: &str) -> bool {
        self.indexes_left()
            .any(|index| index.kind == IndexType::Fulltext && index.covers(column))
    }

    fn indexes_left(&self) -> impl Iterator<Item = &IndexDef> {
        let stays = |index: &&IndexDef| !index.name.as_deref().is_some_and(|name| self.drops_index(name));
        self.def().indexes.iter().filter(stays)
    }

    /// The unique key by which rows are ordered where there is no primary key (manual, "Clustered and Secondary
    /// Indexes": the first UNIQUE index with all its columns NOT NULL).
    pub fn implicit_key(&self) -> Option<&IndexDef> {
        let indexes = &self.def().indexes;
        match indexes.iter().any(|index| index.kind == IndexType::Primary) {
            true => None,
            false => indexes.iter().find(|index| self.orders_rows(index)),
        }
    }

    fn orders_rows(&self, index: &IndexDef) -> bool {
        let not_null = |part: &IndexPart| {
            let column = part
                .column
                .as_deref()
                .and_then(|column| self.def().column(column));
            part.prefix.is_none() && column.is_some_and(|(_, def)| def.not_null)
        };
        index.kind == IndexType::Unique && index.parts.iter().all(not_null)
    }

    /// Whether the table has virtual columns.
    pub fn has_virtual(&self) -> bool {
        self.def().columns.iter().any(|(_, def)| def.is_virtual())
    }

    fn has_indexed_virtual(&self) -> bool {
        let mut columns = self.def().columns.iter();
        columns.any(|(name, def)| def.is_virtual() && self.is_indexed(name))
    }

    fn drops_index(&self, name: &str) -> bool {
        self.actions.iter().any(|action| match action {
            AlterAction::DropIndex(other) | AlterAction::DropConstraint(other) => {
                other.eq_ignore_ascii_case(name)
            }
            _ => false,
        })
    }

    fn action(&mut self, action: &AlterAction) {
        match action {
            AlterAction::AddColumn { name, def } => self.add_column(name, def),
            AlterAction::DropColumn(name) => self.drop_column(name),
            AlterAction::ModifyColumn { name, to, def } => {
                let table = self.table;
                if let Some(to) = to
                    && !to.eq_ignore_ascii_case(name)
                {
                    self.rename_column(name);
                }
                match table.def.column(name) {
                    Some((index, now)) => column::changes(self, name, index, now, def),
                    None => {
                        self.detail = format!("column {name}");
                        self.add(ChangeKind::UnknownColumn);
                    }
                }
            }
            AlterAction::RenameColumn(from, _) => self.rename_column(from),
            AlterAction::ColumnDefault(_)
            | AlterAction::ColumnVisibility(_)
            | AlterAction::Validation { with: false } => self.add(ChangeKind::Definition),
            AlterAction::Validation { with: true } => self.add(ChangeKind::Validation),
            AlterAction::AddIndex(index) => self.add_index(index),
            AlterAction::DropIndex(name) => self.drop_index(name),
            AlterAction::RenameIndex(..) => self.add(ChangeKind::RenameIndex),
            AlterAction::IndexVisibility(_) => self.add(ChangeKind::IndexVisibility),
            AlterAction::AddForeignKey(key) => self.foreign_key(&key.columns),
            AlterAction::DropForeignKey(_) => self.add(ChangeKind::DropForeignKey),
            AlterAction::AddCheck { enforced: true, .. } | AlterAction::AlterCheck { enforced: true } => {
                self.add(ChangeKind::AddCheck)
            }
            AlterAction::AddCheck { .. } | AlterAction::AlterCheck { .. } => self.add(ChangeKind::DropCheck),
            AlterAction::DropConstraint(name) => self.drop_constraint(name),
            AlterAction::RenameTable(_) => self.add(ChangeKind::RenameTable),
            AlterAction::Convert { charset, collation } => {
                self.convert(charset.as_deref(), collation.as_deref())
            }
            AlterAction::Option { name, value } => self.option(name, value),
            AlterAction::Partition(change) => self.add(partition(*change)),
            AlterAction::Force => self.add(ChangeKind::Rebuild),
            AlterAction::Keys { .. } => self.switch_keys(),
            AlterAction::Tablespace => self.add(ChangeKind::Tablespace),
            AlterAction::OrderBy => self.add(ChangeKind::OrderRows),
            AlterAction::Versioning { add: true } => self.add(ChangeKind::AddVersioning),
            AlterAction::Versioning { add: false } => self.add(ChangeKind::DropVersioning),
            AlterAction::Period => self.add(ChangeKind::Period),
            AlterAction::Optimize => self.add(ChangeKind::Rebuild),
            AlterAction::Repair | AlterAction::Check | AlterAction::Analyze => {
                self.add(ChangeKind::Definition)
            }
            AlterAction::Unknown(what) => {
                self.detail.clone_from(what);
                self.add(ChangeKind::UnknownAction);
            }
        }
    }

    fn add_column(&mut self, name: &str, def: &ColumnDef) {
        self.detail = format!("column {name}");
        if name.eq_ignore_ascii_case("FTS_DOC_ID") {
            self.add(ChangeKind::AddFulltextId);
        }
        if def.is_virtual() {
            let beside = self.def().indexes.iter().any(IndexDef::is_functional);
            self.add(match (&def.key, &def.position) {
                (Some(_), _) => ChangeKind::AddVirtualUnique,
                _ if beside => ChangeKind::AddVirtualBesideIndex,
                (_, Some(ColumnPosition::First)) => ChangeKind::AddVirtualFirst,
                _ => ChangeKind::AddVirtual,
            });
            if self.def().partitioning.is_some() {
                self.add(ChangeKind::AddVirtualPartitioned);
            }
        } else if def.is_stored() {
            self.add(ChangeKind::AddStored);
        } else if def.auto_increment {
            self.add(ChangeKind::AddAutoIncrement);
        } else {
            self.add(ChangeKind::AddColumn);
        }
        match def.default {
            Some(DefaultValue::Expression { constant: true }) => self.add(ChangeKind::AddConstantDefault),
            Some(DefaultValue::Expression { constant: false }) => self.add(ChangeKind::AddComputedDefault),
            _ => {}
        }
        match def.key {
            Some(IndexType::Primary) => self.add_primary_key(false),
            Some(_) => self.add(ChangeKind::AddIndex),
            None => {}
        }
        if def.check.is_some() {
            self.add(ChangeKind::AddCheckedColumn);
        }
        if def.references {
            self.foreign_key(&[name.to_owned()]);
        }
        if def.unknown.is_some() || def.row_period {
            self.add(ChangeKind::UnknownAttribute);
        }
    }

    fn drop_column(&mut self, name: &str) {
        self.detail = format!("column {name}");
        let table = self.table;
        let Some((_, def)) = table.def.column(name) else {
            return self.add(ChangeKind::DropColumn);
        };
        if self.is_in_primary_key(name) || self.implicit_key().is_some_and(|key| key.covers(name)) {
            return self.drop_primary_key();
        }
        let partitioned = self.def().partitioning.is_some();
        self.add(match (def.is_virtual(), self.is_indexed(name)) {
            (true, true) if partitioned => ChangeKind::DropVirtualPartitioned,
            (true, true) => ChangeKind::DropIndexedVirtual,
            (true, false) => ChangeKind::DropVirtual,
            (false, true) => ChangeKind::DropIndexedColumn,
            (false, false) => ChangeKind::DropColumn,
        });
    }

    fn rename_column(&mut self, name: &str) {
        self.detail = format!("column {name}");
        self.add(match self.table.is_referenced(name) {
            true => ChangeKind::RenameReferenced,
            false => ChangeKind::RenameColumn,
        });
    }

    fn add_index(&mut self, index: &IndexDef) {
        self.detail = index
            .name
            .as_deref()
            .map_or(String::new(), |name| format!("index {name}"));
        let new_virtual = self.actions.iter().any(|action| match action {
            AlterAction::AddColumn { name, def } => def.is_virtual() && index.covers(name),
            _ => false,
        });
        if new_virtual {
            self.add(match index.kind {
                IndexType::Unique => ChangeKind::AddVirtualUnique,
                _ => ChangeKind::AddVirtualIndexed,
            });
        }
        match index.kind {
            IndexType::Fulltext => self.add(ChangeKind::AddFulltext),
            IndexType::Spatial => self.add(ChangeKind::AddSpatial),
            IndexType::Vector => self.add(ChangeKind::AddVector),
            IndexType::Primary => {
                let nullable = index.parts.iter().any(|part| {
                    let column = part
                        .column
                        .as_deref()
                        .and_then(|column| self.def().column(column));
                    column.is_some_and(|(_, def)| !def.not_null)
                });
                self.add_primary_key(nullable);
            }
            IndexType::Unique if index.is_functional() => self.add(ChangeKind::AddFunctionalUnique),
            IndexType::Unique if index.hash || index.parts.iter().any(|part| self.is_long(part)) => {
                self.add(ChangeKind::AddHashUnique)
            }
            IndexType::Unique if self.will_order_rows(index) => self.add(ChangeKind::AddPrimaryKey),
            _ if index.is_functional() => self.add(ChangeKind::AddFunctional),
            _ => self.add(ChangeKind::AddIndex),
        }
    }

    /// Whether a new unique index will order the rows because there is no primary key.
    fn will_order_rows(&self, index: &IndexDef) -> bool {
        let primary = self
            .def()
            .indexes
            .iter()
            .any(|index| index.kind == IndexType::Primary);
        !primary && self.implicit_key().is_none() && self.orders_rows(index)
    }

    /// Whether the values of a part do not fit an index (manual, "InnoDB Limits": 3072 bytes).
    fn is_long(&self, part: &IndexPart) -> bool {
        let Some((_, def)) = part
            .column
            .as_deref()
            .and_then(|column| self.def().column(column))
        else {
            return false;
        };
        let text = self.settings.charsets.of_column(def, &self.now);
        let name = def.data_type.name.as_str();
        let length = part.prefix.or(match name {
            "varchar" | "char" | "varbinary" | "binary" => def.data_type.args.first().copied(),
            _ => None,
        });
        let long_type = name.ends_with("text") || name.ends_with("blob") || name == "json";
        let bytes = if def.is_text() {
            self.settings.charsets.bytes(&text.charset)
        } else {
            1
        };
        match length {
            Some(length) => length * bytes > 3072,
            None => long_type,
        }
    }

    fn add_primary_key(&mut self, nullable: bool) {
        self.add(match () {
            () if nullable && !self.settings.strict => ChangeKind::AddPrimaryKeyLenient,
            () if self.drops_index("PRIMARY") => self.replaced_key(),
            () => ChangeKind::AddPrimaryKey,
        });
    }

    fn drop_index(&mut self, name: &str) {
        self.detail = format!("index {name}");
        if name.eq_ignore_ascii_case("PRIMARY") {
            return self.drop_primary_key();
        }
        let ordering = self.implicit_key().and_then(|key| key.name.as_deref());
        if ordering.is_some_and(|key| key.eq_ignore_ascii_case(name)) {
            return self.drop_primary_key();
        }
        self.add(ChangeKind::DropIndex);
    }

    /// The index that orders the rows is dropped: another may be added by the same statement, or exist already.
    fn drop_primary_key(&mut self) {
        let added = self.actions.iter().any(|action| match action {
            AlterAction::AddIndex(index) => index.kind == IndexType::Primary,
            AlterAction::AddColumn { def, .. } | AlterAction::ModifyColumn { def, .. } => {
                def.key == Some(IndexType::Primary)
            }
            _ => false,
        });
        let primary = self
            .def()
            .indexes
            .iter()
            .any(|index| index.kind == IndexType::Primary);
        let other = primary && self.def().indexes.iter().any(|index| self.orders_rows(index));
        self.add(match (added, other) {
            (true, _) => self.replaced_key(),
            (false, true) => ChangeKind::DropPrimaryKeyToUnique,
            (false, false) => ChangeKind::DropPrimaryKey,
        });
    }

    fn replaced_key(&self) -> ChangeKind {
        match self.def().partitioning {
            Some(_) => ChangeKind::ReplaceKeyPartitioned,
            None => ChangeKind::ReplacePrimaryKey,
        }
    }

    /// ENABLE KEYS or DISABLE KEYS, which InnoDB ignores.
    fn switch_keys(&mut self) {
        self.add(match switches_keys_with_others(self.actions) {
            true if self.server.has_copy_with_keys_switch() => ChangeKind::KeysWithOthers,
            _ => ChangeKind::Definition,
        });
    }

    fn drop_constraint(&mut self, name: &str) {
        let table = self.table;
        let named = |key: &&crate::sql::ForeignKeyDef| {
            key.name
                .as_deref()
                .is_some_and(|key| key.eq_ignore_ascii_case(name))
        };
        if table.def.foreign_keys.iter().any(|key| named(&key)) {
            self.add(ChangeKind::DropForeignKey);
        } else if table.def.index(name).is_some() || name.eq_ignore_ascii_case("PRIMARY") {
            self.drop_index(name);
        } else {
            self.add(ChangeKind::DropCheck);
        }
    }

    /// A new foreign key over these columns.
    pub fn foreign_key(&mut self, columns: &[String]) {
        if self.settings.checks_foreign_keys {
            return self.add(ChangeKind::AddForeignKey);
        }
        let begins = |index: &IndexDef| {
            let first = index
                .parts
                .iter()
                .map(|part| part.column.as_deref().unwrap_or_default());
            index.parts.len() >= columns.len()
                && first
                    .zip(columns)
                    .all(|(part, column)| part.eq_ignore_ascii_case(column))
        };
        let indexed = self.def().indexes.iter().any(begins);
        self.add(match indexed {
            true => ChangeKind::AddForeignKeyUnchecked,
            false => ChangeKind::AddForeignKeyAndIndex,
        });
    }

    /// CONVERT TO: every text of the table gets the character set.
    fn convert(&mut self, charset: Option<&str>, collation: Option<&str>) {
        self.add(ChangeKind::TableDefinition);
        let target = self.settings.charsets.text(charset, collation, &self.now);
        let table = self.table;
        let saved = std::mem::replace(&mut self.after, target.clone());
        for (index, (name, now)) in table
            .def
            .columns
            .iter()
            .enumerate()
            .filter(|(_, (_, def))| def.is_text())
        {
            let mut new = now.clone();
            new.charset = Some(target.charset.clone());
            new.collation = Some(target.collation.clone());
            new.binary_collation = false;
            new.check = None;
            let bytes = |text: &TextCharset| self.settings.charsets.bytes(&text.charset);
            let old = self.settings.charsets.of_column(now, &self.now);
            // A TEXT is made larger to hold as many characters as before.
            if bytes(&target) > bytes(&old)
                && now.data_type.name.ends_with("text")
                && now.data_type.name != "longtext"
            {
                self.detail = format!("column {name}");
                self.add(ChangeKind::ConvertCharset);
            }
            column::changes(self, name, index, now, &new);
        }
        self.after = saved;
    }

    fn option(&mut self, name: &str, value: &str) {
        self.detail = name.to_owned();
        let engine = self.def().engine.clone().unwrap_or_else(|| "innodb".to_owned());
        let was = |option: &str| self.def().option_value(option).unwrap_or("n").to_owned();
        let change = match name {
            "ENGINE" | "TYPE" if value == engine => ChangeKind::Rebuild,
            "ENGINE" | "TYPE" => ChangeKind::ChangeEngine,
            "ROW_FORMAT" | "KEY_BLOCK_SIZE" => ChangeKind::RowFormat,
            "PAGE_COMPRESSED" | "PAGE_COMPRESSION_LEVEL" | "ENCRYPTED" | "ENCRYPTION_KEY_ID" => {
                ChangeKind::Rebuild
            }
            "ENCRYPTION" if value == was("ENCRYPTION") => ChangeKind::TableDefinition,
            "ENCRYPTION" => ChangeKind::Encryption,
            "AUTO_INCREMENT" | "COMMENT" | "CHARSET" | "COLLATE" | "STATS_PERSISTENT"
            | "STATS_AUTO_RECALC" | "STATS_SAMPLE_PAGES" | "MAX_ROWS" | "MIN_ROWS" | "AVG_ROW_LENGTH"
            | "CHECKSUM" | "PACK_KEYS" | "DELAY_KEY_WRITE" | "COMPRESSION" | "SECONDARY_ENGINE"
            | "AUTOEXTEND_SIZE" | "INSERT_METHOD" | "CONNECTION" => ChangeKind::TableDefinition,
            "TABLESPACE" => ChangeKind::Rebuild,
            _ => ChangeKind::UnknownOption,
        };
        self.add(change);
    }

    /// Virtual columns are added and dropped in place only if the statement makes no other change.
    fn virtual_columns(&mut self) {
        // An index on an expression is one on a hidden virtual column.
        let adds = |change: ChangeKind| {
            matches!(
                change,
                ChangeKind::AddVirtual | ChangeKind::AddVirtualFirst | ChangeKind::AddFunctional
            )
        };
        let drops =
            |change: ChangeKind| matches!(change, ChangeKind::DropVirtual | ChangeKind::DropIndexedVirtual);
        let index = |change: ChangeKind| {
            matches!(
                change,
                ChangeKind::DropIndex | ChangeKind::AddVirtualIndexed | ChangeKind::AddIndex
            )
        };
        let any = |wanted: &dyn Fn(ChangeKind) -> bool| self.found.iter().any(|(change, _)| wanted(*change));
        let (comes, goes) = (any(&adds), any(&drops));
        let others = any(&|change| !adds(change) && !drops(change) && !index(change));
        // What is a change of metadata as a whole may be anything.
        let instant = comes
            && !goes
            && self.server.has_virtual_column_with_others()
            && !any(&|change| self.cost(change) > Cost::Instant);
        if (comes || goes) && others && !instant {
            self.detail.clear();
            self.add(ChangeKind::VirtualWithOthers);
        }
    }

    /// Adds the changes that follow from the kind of table.
    fn around(&mut self) {
        self.detail.clear();
        let column = |change: ChangeKind| {
            matches!(
                change,
                ChangeKind::AddColumn | ChangeKind::DropColumn | ChangeKind::MoveColumn
            )
        };
        let others = self
            .found
            .iter()
            .any(|(change, _)| !column(*change) && self.cost(*change) > Cost::Instant);
        let middle = self.actions.iter().any(|action| match action {
            AlterAction::AddColumn { def, .. } => def.position.is_some(),
            _ => false,
        });
        let drops = self
            .found
            .iter()
            .any(|(change, _)| matches!(change, ChangeKind::DropColumn));
        let reorders = self.reorders_virtual();
        if others || !self.instant_columns(middle || drops) {
            for (change, _) in &mut self.found {
                *change = match *change {
                    ChangeKind::AddColumn => ChangeKind::AddColumnRebuild,
                    ChangeKind::DropColumn => ChangeKind::DropColumnRebuild,
                    ChangeKind::MoveColumn => ChangeKind::MoveColumnRebuild,
                    other => other,
                };
            }
        }
        if !self
            .found
            .iter()
            .any(|(change, _)| self.cost(*change) == Cost::Rebuild)
        {
            return;
        }
        if self.keeps(IndexType::Fulltext) {
            self.add(ChangeKind::RebuildWithFulltext);
        }
        if self.keeps(IndexType::Spatial) {
            self.add(ChangeKind::RebuildWithSpatial);
        }
        if self.has_virtual() {
            self.add(ChangeKind::RebuildWithVirtual);
            if reorders {
                self.add(ChangeKind::ReorderWithVirtual);
            }
        }
    }

    /// Whether columns that are not virtual come, go or move before a virtual one.
    fn reorders_virtual(&self) -> bool {
        let columns = &self.def().columns;
        let Some(last) = columns.iter().rposition(|(_, def)| def.is_virtual()) else {
            return false;
        };
        let before = |name: &str| self.def().column(name).is_none_or(|(index, _)| index < last);
        self.actions.iter().any(|action| match action {
            AlterAction::AddColumn { def, .. } if !def.is_virtual() => match &def.position {
                Some(ColumnPosition::First) => true,
                Some(ColumnPosition::After(name)) => before(name),
                None => false,
            },
            AlterAction::DropColumn(name) => {
                before(name) && self.def().column(name).is_some_and(|(_, def)| !def.is_virtual())
            }
            _ => false,
        })
    }

    /// One full-text index at a time is built in place.
    fn fulltext_indexes(&mut self) {
        let builds = |change: ChangeKind| {
            matches!(
                change,
                ChangeKind::AddFulltext | ChangeKind::ChangeFulltextCollation
            )
        };
        if self.found.iter().filter(|(change, _)| builds(*change)).count() > 1 {
            self.detail.clear();
            self.add(ChangeKind::SeveralFulltext);
        }
    }

    fn keeps(&self, kind: IndexType) -> bool {
        let mut kept = self.def().indexes.iter().filter(|index| index.kind == kind);
        kept.any(|index| !self.goes(index))
    }

    /// Whether the statement drops an index, or all its columns.
    fn goes(&self, index: &IndexDef) -> bool {
        let dropped = |part: &IndexPart| {
            self.actions.iter().any(|action| match action {
                AlterAction::DropColumn(name) => part
                    .column
                    .as_deref()
                    .is_some_and(|column| column.eq_ignore_ascii_case(name)),
                _ => false,
            })
        };
        index.name.as_deref().is_some_and(|name| self.drops_index(name)) || index.parts.iter().all(dropped)
    }

    /// Whether columns are added, dropped and moved by a change of metadata alone.
    fn instant_columns(&self, anywhere: bool) -> bool {
        let able = match anywhere {
            true => self.server.has_instant_drop_column(),
            false => self.server.has_instant_add_column(),
        };
        let fulltext = self
            .def()
            .indexes
            .iter()
            .any(|index| index.kind == IndexType::Fulltext);
        let compressed = self.def().row_format.as_deref() == Some("compressed")
            || self
                .def()
                .option_value("KEY_BLOCK_SIZE")
                .is_some_and(|size| size != "0");
        let hindered = !self.server.has_instant_columns_beside_virtual()
            && (self.has_indexed_virtual() || self.reorders_virtual());
        able && !fulltext && !compressed && !hindered && !self.table.versions_are_used_up
    }
}

fn partition(change: PartitionChange) -> ChangeKind {
    match change {
        PartitionChange::By | PartitionChange::Remove => ChangeKind::PartitionScheme,
        PartitionChange::AddRange => ChangeKind::AddRangePartition,
        PartitionChange::AddHash | PartitionChange::Coalesce => ChangeKind::AddHashPartition,
        PartitionChange::Drop => ChangeKind::DropPartition,
        PartitionChange::Truncate => ChangeKind::TruncatePartition,
        PartitionChange::Reorganize | PartitionChange::Rebuild => ChangeKind::ReorganizePartition,
        PartitionChange::Exchange { validated: true } => ChangeKind::ValidatePartition,
        PartitionChange::Exchange { validated: false } => ChangeKind::ExchangePartition,
        PartitionChange::Optimize | PartitionChange::Repair => ChangeKind::RepairPartition,
        PartitionChange::Check => ChangeKind::CheckPartition,
        PartitionChange::Analyze => ChangeKind::AnalyzePartition,
        PartitionChange::Other => ChangeKind::OtherPartition,
    }
}

/// Whether ENABLE KEYS or DISABLE KEYS stands beside another change than a new name.
fn switches_keys_with_others(actions: &[AlterAction]) -> bool {
    let of = |action: &&AlterAction| matches!(action, AlterAction::Keys { .. });
    let alone = |action: &&AlterAction| of(action) || matches!(action, AlterAction::RenameTable(_));
    actions.iter().any(|action| of(&action)) && !actions.iter().all(|action| alone(&action))
}

/// Whether an engine other than InnoDB makes these changes without copying the table.
pub fn other_engine(actions: &[AlterAction], table: &LiveTable, server: &Server) -> Cost {
    if switches_keys_with_others(actions) && server.has_copy_with_keys_switch() {
        return Cost::Copy;
    }
    let free = |action: &AlterAction| match action {
        AlterAction::RenameColumn(..)
        | AlterAction::ColumnDefault(_)
        | AlterAction::ColumnVisibility(_)
        | AlterAction::IndexVisibility(_)
        | AlterAction::RenameIndex(..)
        | AlterAction::RenameTable(_)
        | AlterAction::Validation { .. }
        | AlterAction::Analyze
        | AlterAction::Keys { enable: false } => true,
        AlterAction::Option { name, .. } => name == "COMMENT",
        AlterAction::ModifyColumn { name, def, .. } => match table.def.column(name) {
            Some((_, now)) => {
                let bare = |def: &ColumnDef| ColumnDef {
                    comment: None,
                    default: None,
                    ..def.clone()
                };
                bare(now) == bare(def)
            }
            None => false,
        },
        _ => false,
    };
    let blocks =
        |action: &AlterAction| matches!(action, AlterAction::Keys { enable: true } | AlterAction::Check);
    if actions.iter().all(free) {
        Cost::Instant
    } else if actions.iter().all(|action| free(action) || blocks(action)) {
        Cost::Shared
    } else {
        Cost::Copy
    }
}
