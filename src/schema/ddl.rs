//! Writes definitions as SQL text, for diffs and fixes.

mod options;

use super::expr::{self, lexer};
use super::model::{
    CheckConstraint, Column, ForeignKey, Index, IndexKey, IndexKind, KeyPart, Partition, ReferentialAction,
    Routine, ScheduledEvent, Schema, Symbol, Table, TablePartitioning, Trigger, View,
};
use super::normalise::{ORACLE, is_generated_check, is_generated_foreign_key};

pub(crate) use lexer::quote;
pub use options::{SYSTEM_VERSIONING, option};

/// A name in backticks.
pub fn name(text: &str) -> String {
    format!("`{}`", text.replace('`', "``"))
}

/// Names in backticks, with commas.
pub fn names(list: &[Symbol]) -> String {
    let quoted: Vec<String> = list.iter().map(|column| name(column)).collect();
    quoted.join(", ")
}

/// The name of a table of another database in the model: quoted, because either name can contain
/// a dot.
pub fn foreign_table(database: &str, table: &str) -> String {
    format!("{}.{}", name(database), name(table))
}

/// The quoted name of the table that a foreign key references; a [`foreign_table`] is quoted already.
pub fn table_name(text: &str) -> String {
    if text.starts_with('`') && text.contains("`.`") {
        text.to_owned()
    } else {
        name(text)
    }
}

/// Writes definitions of one schema for the server of another.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// The schema of the definitions.
    pub from: &'a Schema,
    /// The schema of the target server.
    pub to: &'a Schema,
}

impl<'a> Writer<'a> {
    /// A writer for the server that the definitions were read from.
    pub fn own(schema: &'a Schema) -> Self {
        Writer {
            from: schema,
            to: schema,
        }
    }

    /// The collation on the target server: its own default for a default.
    pub fn collation(&self, collation: Symbol) -> Symbol {
        let charset = Symbol::new(Schema::charset_of(&collation));
        match self.to.default_collations.get(&charset) {
            Some(own) if self.from.is_default_collation(collation) => *own,
            _ => collation,
        }
    }

    /// `CHARACTER SET x COLLATE y`.
    pub fn charset(&self, collation: Symbol) -> String {
        let collation = self.collation(collation);
        format!(
            "CHARACTER SET {} COLLATE {collation}",
            Schema::charset_of(&collation)
        )
    }

    /// A column's definition. The collation is omitted if it equals `table_default`.
    pub fn column(
        &self,
        column: &Column,
        table_default: Option<Symbol>,
        check: Option<&CheckConstraint>,
    ) -> String {
        let mut out = format!("{} {}", name(&column.name), column.ty);
        let mut add = |text: &str| {
            out.push(' ');
            out.push_str(text);
        };
        if let Some(collation) = column.collation.filter(|own| table_default != Some(*own)) {
            add(&self.charset(collation));
        }
        match column.generated {
            Some(generated) if generated.is_row_time() => {
                add(&format!(
                    "GENERATED ALWAYS AS {}",
                    generated.expression.to_ascii_uppercase()
                ));
            }
            Some(generated) => {
                let kind = if generated.stored { "STORED" } else { "VIRTUAL" };
                add(&format!("GENERATED ALWAYS AS ({}) {kind}", generated.expression));
                if !column.nullable && self.to.dialect().generated_not_null {
                    add("NOT NULL");
                }
            }
            None => add(if column.nullable { "NULL" } else { "NOT NULL" }),
        }
        if let Some(srid) = column.srid.filter(|_| self.to.dialect().column_srid) {
            add(&format!("SRID {srid}"));
        }
        if let Some(default) = column.default {
            add(&format!("DEFAULT {}", default_sql(&column.ty, &default)));
        }
        if let Some(value) = column.on_update {
            add(&format!("ON UPDATE {value}"));
        }
        if column.auto_increment {
            add("AUTO_INCREMENT");
        }
        if column.invisible {
            add("INVISIBLE");
        }
        if column.unversioned {
            add("WITHOUT SYSTEM VERSIONING");
        }
        if let Some(comment) = column.comment {
            add(&format!("COMMENT {}", quote(&comment)));
        }
        if let Some(check) = check {
            add(&format!("CHECK ({})", check.clause));
        }
        out
    }

    /// An index as a clause of CREATE TABLE or ALTER TABLE ADD.
    pub fn index(&self, index_name: &str, index: &Index) -> String {
        let parts: Vec<String> = index.parts.iter().map(part).collect();
        let parts = parts.join(", ");
        let mut out = match index.kind {
            IndexKind::Primary => format!("PRIMARY KEY ({parts})"),
            IndexKind::Unique => format!("UNIQUE KEY {} ({parts})", name(index_name)),
            IndexKind::Plain => format!("KEY {} ({parts})", name(index_name)),
            IndexKind::Fulltext => format!("FULLTEXT KEY {} ({parts})", name(index_name)),
            IndexKind::Spatial => format!("SPATIAL KEY {} ({parts})", name(index_name)),
        };
        if index.hash {
            out.push_str(" USING HASH");
        }
        if let Some(comment) = index.comment {
            out.push_str(&format!(" COMMENT {}", quote(&comment)));
        }
        if index.invisible {
            out.push_str(&format!(" {}", self.to.dialect().unused_index));
        }
        out
    }

    /// CREATE TABLE without foreign keys and triggers, which may need other tables first.
    pub fn create_table(&self, table_name: &str, table: &Table) -> String {
        let mut lines: Vec<String> = Vec::new();
        let column_checks = self.to.dialect().column_checks;
        for column in &table.columns {
            let check = table.column_check(&column.name).filter(|_| column_checks);
            lines.push(self.column(column, Some(table.collation), check));
        }
        lines.extend(table.row_times().map(|(start, end)| row_period(start, end)));
        let mut indexes: Vec<_> = table.indexes.iter().collect();
        indexes.sort_by_key(|(name, index)| (index.kind, **name));
        lines.extend(indexes.iter().map(|(name, index)| self.index(name, index)));
        for (check_name, definition) in &table.checks {
            if !(definition.column_level && column_checks) {
                lines.push(check(table_name, check_name, definition));
            }
        }
        let mut out = format!(
            "CREATE TABLE {} (\n  {}\n)",
            name(table_name),
            lines.join(",\n  ")
        );
        out.push_str(&format!(
            " ENGINE={} DEFAULT {}",
            table.engine,
            self.charset(table.collation)
        ));
        if let Some(comment) = table.comment {
            out.push_str(&format!(" COMMENT={}", quote(&comment)));
        }
        for (key, value) in &table.options {
            out.push_str(&format!(" {}", option(key, Some(value))));
        }
        if let Some(partitioning) = &table.partitioning {
            out.push_str(&format!("\n{}", partition_by(partitioning)));
        }
        out
    }
}

/// The PERIOD FOR SYSTEM_TIME clause.
pub fn row_period(start: &Column, end: &Column) -> String {
    format!(
        "PERIOD FOR SYSTEM_TIME ({}, {})",
        name(&start.name),
        name(&end.name)
    )
}

/// The expression after DEFAULT. On MySQL, everything except literals and the current time needs
/// parentheses, and so do literals of TEXT, BLOB and JSON columns.
fn default_sql(ty: &str, default: &str) -> String {
    let time = (ty.starts_with("datetime") || ty.starts_with("timestamp"))
        && default
            .strip_prefix("current_timestamp(")
            .and_then(|rest| rest.strip_suffix(')'))
            .is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let name = ty.split(['(', ' ']).next().unwrap_or(ty);
    let large = [
        "text",
        "blob",
        "json",
        "geometry",
        "point",
        "linestring",
        "polygon",
        "geometrycollection",
    ];
    let literal = expr::is_literal(default) && !large.iter().any(|ty| name.ends_with(ty));
    if time || literal {
        default.to_owned()
    } else {
        format!("({default})")
    }
}

fn part(part: &KeyPart) -> String {
    let mut out = match part.key {
        IndexKey::Column(column) => name(&column),
        IndexKey::Expression(expression) => format!("({expression})"),
    };
    if let Some(prefix) = part.prefix {
        out.push_str(&format!("({prefix})"));
    }
    if part.descending {
        out.push_str(" DESC");
    }
    out
}

/// A foreign key as a clause, without a generated name.
pub fn foreign_key(table: &str, key_name: &str, key: &ForeignKey) -> String {
    let mut out = String::new();
    if !is_generated_foreign_key(table, key_name) {
        out.push_str(&format!("CONSTRAINT {} ", name(key_name)));
    }
    out.push_str(&format!(
        "FOREIGN KEY ({}) REFERENCES {} ({})",
        names(&key.columns),
        table_name(&key.table),
        names(&key.references)
    ));
    for (event, action) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
        if action != ReferentialAction::Restrict {
            out.push_str(&format!(
                " ON {event} {}",
                action_name(action).to_ascii_uppercase()
            ));
        }
    }
    out
}

/// The name of a referential action.
pub fn action_name(action: ReferentialAction) -> &'static str {
    match action {
        ReferentialAction::Restrict => "restrict",
        ReferentialAction::Cascade => "cascade",
        ReferentialAction::SetNull => "set null",
        ReferentialAction::SetDefault => "set default",
    }
}

/// A check as a clause, without a generated name.
pub fn check(table: &str, check_name: &str, check: &CheckConstraint) -> String {
    let mut out = String::new();
    if !check.column_level && !is_generated_check(table, check_name) {
        out.push_str(&format!("CONSTRAINT {} ", name(check_name)));
    }
    out.push_str(&format!("CHECK ({})", check.clause));
    if check.not_enforced {
        out.push_str(" NOT ENFORCED");
    }
    out
}

/// `PARTITION BY ...` with its partitions.
pub fn partition_by(partitioning: &TablePartitioning) -> String {
    let method = partitioning.method.to_ascii_uppercase();
    let expression = partitioning.expression.map_or("", Symbol::as_str);
    let mut out = format!("PARTITION BY {method} ({expression})");
    if let Some(subpartitions) = partitioning.subpartitions {
        out.push_str(&format!(" SUBPARTITION BY {subpartitions}"));
    }
    let computed = method.contains("HASH") || method.contains("KEY");
    if computed && named_by_server(&partitioning.partitions) {
        out.push_str(&format!(" PARTITIONS {}", partitioning.partitions.len()));
        return out;
    }
    let partitions: Vec<String> = partitioning
        .partitions
        .iter()
        .map(|partition| {
            if computed {
                return format!("PARTITION {}", name(&partition.name));
            }
            let values = partition.values.map_or("", Symbol::as_str);
            let range = method.starts_with("RANGE");
            let bound = match (range, values.eq_ignore_ascii_case("maxvalue")) {
                (true, true) => "VALUES LESS THAN MAXVALUE".to_owned(),
                (true, false) => format!("VALUES LESS THAN ({values})"),
                (false, _) if is_rest(values) => "DEFAULT".to_owned(),
                (false, _) => format!("VALUES IN ({values})"),
            };
            format!("PARTITION {} {bound}", name(&partition.name))
        })
        .collect();
    out.push_str(&format!(" (\n  {}\n)", partitions.join(",\n  ")));
    out
}

/// Whether these are the values that MariaDB prints for the DEFAULT partition of a list.
fn is_rest(values: &str) -> bool {
    let values = values.trim_start_matches('(').trim_end_matches(')');
    values
        .split(',')
        .all(|value| value.trim().eq_ignore_ascii_case("maxvalue"))
}

/// Whether the partitions have the server's default names: `p0`, `p1`, ...
fn named_by_server(partitions: &[Partition]) -> bool {
    let mut numbered = partitions.iter().enumerate();
    numbered.all(|(at, partition)| partition.name == *format!("p{at}"))
}

/// CREATE OR REPLACE VIEW; `None` if the definition is hidden.
pub fn create_view(view_name: &str, view: &View) -> Option<String> {
    let definition = view.definition?;
    let security = if view.invoker { "SQL SECURITY INVOKER " } else { "" };
    let mut out = format!(
        "CREATE OR REPLACE {security}VIEW {} AS {definition}",
        name(view_name)
    );
    if let Some(option) = view.check_option {
        out.push_str(&format!(" WITH {} CHECK OPTION", option.to_ascii_uppercase()));
    }
    Some(out)
}

/// The position of a new trigger among those of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerPosition {
    /// FOLLOWS this trigger.
    Follows(Symbol),
    /// PRECEDES this trigger.
    Precedes(Symbol),
}

/// CREATE TRIGGER; `None` if the body is hidden.
pub fn create_trigger(
    table: &str,
    trigger_name: &str,
    trigger: &Trigger,
    place: Option<TriggerPosition>,
) -> Option<String> {
    let body = trigger.body?;
    let when = trigger.when.to_ascii_uppercase();
    let place = match place {
        Some(TriggerPosition::Follows(other)) => format!("FOLLOWS {} ", name(&other)),
        Some(TriggerPosition::Precedes(other)) => format!("PRECEDES {} ", name(&other)),
        None => String::new(),
    };
    Some(format!(
        "CREATE TRIGGER {} {when} ON {} FOR EACH ROW {place}{body}",
        name(trigger_name),
        name(table)
    ))
}

/// CREATE PROCEDURE or CREATE FUNCTION; `None` if the body is hidden.
pub fn create_routine(routine_name: &str, routine: &Routine) -> Option<String> {
    let body = routine.body?;
    let kind = match routine.returns {
        Some(_) if is_aggregate(&body) => "AGGREGATE FUNCTION",
        Some(_) => "FUNCTION",
        None => "PROCEDURE",
    };
    let parameters: Vec<&str> = routine
        .parameters
        .iter()
        .map(|parameter| parameter.as_str())
        .collect();
    let mut out = format!("CREATE {kind} {}({})", name(routine_name), parameters.join(", "));
    if let Some(returns) = routine.returns {
        let oracle = routine.mode.is_some_and(|mode| mode == ORACLE);
        let verb = if oracle { "RETURN" } else { "RETURNS" };
        out.push_str(&format!(" {verb} {returns}"));
    }
    if routine.deterministic {
        out.push_str(" DETERMINISTIC");
    }
    if let Some(access) = routine.data_access {
        out.push_str(&format!(" {}", access.to_ascii_uppercase()));
    }
    if routine.invoker {
        out.push_str(" SQL SECURITY INVOKER");
    }
    if let Some(comment) = routine.comment {
        out.push_str(&format!(" COMMENT {}", quote(&comment)));
    }
    Some(format!("{out}\n{body}"))
}

/// Whether a function of MariaDB is an aggregate function (manual: "Stored Aggregate Functions").
fn is_aggregate(body: &str) -> bool {
    let words: Vec<&str> = body.split_whitespace().collect();
    words.windows(4).any(|words| {
        let row = words[3].trim_end_matches(';');
        [words[0], words[1], words[2], row].map(str::to_ascii_lowercase) == ["fetch", "group", "next", "row"]
    })
}

/// ON SCHEDULE. A time that was computed from the creation of the event is computed again; a time at
/// a whole minute was more likely written as such.
fn schedule(event: &ScheduledEvent) -> String {
    let text = event.schedule.as_str();
    let computed = event.relative.filter(|_| !text.ends_with(":00'"));
    let interval = computed.and_then(|all| all.split(" or ").last().map(str::to_owned));
    let computed = interval.and_then(|interval| {
        let (pace, _) = text.rsplit_once(" '")?;
        Some(format!("{pace} current_timestamp + interval {interval}"))
    });
    let mut out = computed.unwrap_or_else(|| text.to_owned());
    if let Some(starts) = event.starts {
        let at = out.find(" ends ").unwrap_or(out.len());
        out.insert_str(at, &format!(" starts '{starts}'"));
    }
    out
}

/// CREATE EVENT; `None` if the body is hidden.
pub fn create_event(event_name: &str, event: &ScheduledEvent) -> Option<String> {
    let body = event.body?;
    let preserve = if event.preserve {
        " ON COMPLETION PRESERVE"
    } else {
        ""
    };
    let state = if event.disabled { " DISABLE" } else { "" };
    let comment = event
        .comment
        .map_or(String::new(), |text| format!(" COMMENT {}", quote(&text)));
    let schedule = schedule(event);
    Some(format!(
        "CREATE EVENT {} ON SCHEDULE {schedule}{preserve}{state}{comment} DO {body}",
        name(event_name)
    ))
}
