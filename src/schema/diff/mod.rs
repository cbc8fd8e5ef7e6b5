//! What a live schema lacks, has too much of, or has different from the expected one. Pure.

mod columns;
mod constraints;
mod order;
mod table;
mod triggers;

pub(crate) use columns::UNVERSIONED;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use smallvec::{SmallVec, smallvec};

use super::ddl;
use super::model::{ByName, Event, Routine, Schema, Text, View, same_name};

/// How much a difference matters. Ordered from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nobody notices.
    Cosmetic,
    /// Results stay the same, speed may not.
    Performance,
    /// The application may fail or see other data.
    Breaks,
}

impl Severity {
    /// In words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Severity::Cosmetic => "cosmetic",
            Severity::Performance => "performance",
            Severity::Breaks => "breaks the application",
        }
    }

    /// The word that options and JSON use.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Cosmetic => "cosmetic",
            Severity::Performance => "performance",
            Severity::Breaks => "breaks",
        }
    }
}

/// What kind of object differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The database itself.
    Database,
    /// A table, or its options.
    Table,
    /// A column.
    Column,
    /// An index, the primary key among them.
    Index,
    /// A foreign key.
    ForeignKey,
    /// A check constraint.
    Check,
    /// The partitioning of a table.
    Partitioning,
    /// A trigger.
    Trigger,
    /// A view.
    View,
    /// A stored procedure.
    Procedure,
    /// A stored function.
    Function,
    /// A scheduled event.
    Event,
}

impl Kind {
    /// In words; also what an ignore file calls it, with dashes for spaces.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Database => "database",
            Kind::Table => "table",
            Kind::Column => "column",
            Kind::Index => "index",
            Kind::ForeignKey => "foreign key",
            Kind::Check => "check",
            Kind::Partitioning => "partitioning",
            Kind::Trigger => "trigger",
            Kind::View => "view",
            Kind::Procedure => "procedure",
            Kind::Function => "function",
            Kind::Event => "event",
        }
    }
}

/// One property that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Hash)]
pub struct Field {
    /// What it is: `type`, `default`, `on delete`, ...
    pub name: Text,
    /// What the migrations say.
    pub expected: Text,
    /// What the server has.
    pub live: Text,
}

/// The properties of one object that differ: mostly one, and many objects say the same.
pub type FieldList = SmallVec<[Field; 1]>;

/// How an object differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Hash)]
#[serde(rename_all = "lowercase", tag = "change")]
pub enum Change {
    /// Expected, not there.
    Missing {
        /// Its definition; that of a table or a column is made by [`defined`] when it is wanted.
        expected: String,
    },
    /// There, not expected.
    Extra {
        /// Its definition; that of a table or a column is made by [`defined`] when it is wanted.
        live: String,
    },
    /// There, but not as expected.
    Different {
        /// In what.
        fields: FieldList,
    },
}

impl Change {
    /// `missing`, `extra` or `different`.
    pub fn word(&self) -> &'static str {
        match self {
            Change::Missing { .. } => "missing",
            Change::Extra { .. } => "extra",
            Change::Different { .. } => "different",
        }
    }
}

/// One difference: which object, and what about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table it belongs to, if it belongs to one.
    pub table: Option<Text>,
    /// Its name; the expected one if the names differ.
    pub name: Text,
    /// Its name on the server, if that is another.
    pub live_name: Option<Text>,
    /// The rest, which many objects share.
    detail: Arc<Detail>,
}

/// What differs about an object. Of twenty thousand columns that differ, most differ alike: a detail is
/// kept once for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Detail {
    /// What kind of object.
    pub kind: Kind,
    /// How it differs.
    pub change: Change,
    /// How much that matters.
    pub severity: Severity,
    /// What else there is to say.
    pub note: Option<Text>,
    /// The name that a missing column or table may have on the server.
    pub renamed: Option<Text>,
}

impl Deref for Difference {
    type Target = Detail;

    fn deref(&self) -> &Detail {
        &self.detail
    }
}

impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            kind: Kind,
            #[serde(skip_serializing_if = "Option::is_none")]
            table: Option<Text>,
            name: Text,
            #[serde(skip_serializing_if = "Option::is_none")]
            live_name: Option<Text>,
            #[serde(flatten)]
            change: &'a Change,
            severity: Severity,
            #[serde(skip_serializing_if = "Option::is_none")]
            note: Option<Text>,
        }
        let shape = Shape {
            kind: self.kind,
            table: self.table,
            name: self.name,
            live_name: self.live_name,
            change: &self.change,
            severity: self.severity,
            note: self.note,
        };
        shape.serialize(serializer)
    }
}

/// A difference that is being put together.
struct Draft {
    table: Option<Text>,
    name: Text,
    live_name: Option<Text>,
    detail: Detail,
}

impl Draft {
    fn new(kind: Kind, table: Option<Text>, name: Text, change: Change, severity: Severity) -> Self {
        Draft {
            table,
            name,
            live_name: None,
            detail: Detail {
                kind,
                change,
                severity,
                note: None,
                renamed: None,
            },
        }
    }
}

/// The differences found so far.
#[derive(Default)]
struct Found {
    number: usize,
    /// Whether they are counted and not kept.
    only_count: bool,
    differences: Vec<Difference>,
    details: HashSet<Arc<Detail>>,
}

impl Found {
    /// Counts differences without keeping them.
    fn counting() -> Self {
        Found {
            only_count: true,
            ..Found::default()
        }
    }

    /// Room for this many differences.
    fn of(number: usize) -> Self {
        Found {
            differences: Vec::with_capacity(number),
            ..Found::default()
        }
    }

    /// Adds a difference, unless it turned out to be none.
    fn push(&mut self, draft: Draft) {
        if matches!(&draft.detail.change, Change::Different { fields } if fields.is_empty()) {
            return;
        }
        self.number += 1;
        if self.only_count {
            return;
        }
        let detail = match self.details.get(&draft.detail) {
            Some(same) => Arc::clone(same),
            None => {
                let detail = Arc::new(draft.detail);
                self.details.insert(Arc::clone(&detail));
                detail
            }
        };
        self.differences.push(Difference {
            table: draft.table,
            name: draft.name,
            live_name: draft.live_name,
            detail,
        });
    }
}

impl Difference {
    /// A difference of which nothing but how and how much is known.
    #[cfg(test)]
    pub(crate) fn new(
        kind: Kind,
        table: Option<Text>,
        name: Text,
        change: Change,
        severity: Severity,
    ) -> Self {
        let mut found = Found::default();
        found.push(Draft::new(kind, table, name, change, severity));
        found.differences.remove(0)
    }

    /// `users.email`, or the name alone.
    pub fn path(&self) -> String {
        match self.table {
            Some(table) if self.kind != Kind::Table => format!("{table}.{}", self.name),
            _ => self.name.to_string(),
        }
    }

    /// Whether it is about something that is expected, and not about something extra.
    pub fn is_expected(&self) -> bool {
        !matches!(self.change, Change::Extra { .. })
    }

    /// Whether one of these fields is what differs.
    pub fn differs_in(&self, names: &[&str]) -> bool {
        match &self.change {
            Change::Different { fields } => fields.iter().any(|field| names.contains(&field.name.as_str())),
            _ => false,
        }
    }

    /// What it is called on the server.
    pub fn name_there(&self) -> Text {
        self.live_name.unwrap_or(self.name)
    }
}

/// All differences, ordered by table, kind and name; empty for equal schemas.
pub fn diff(expected: &Schema, live: &Schema) -> Vec<Difference> {
    // A list that grew would for a moment be there twice, once as it was and once with room for more.
    let mut counted = Found::counting();
    compare(expected, live, &mut counted);
    let mut found = Found::of(counted.number);
    compare(expected, live, &mut found);
    found.differences
}

fn compare(expected: &Schema, live: &Schema, out: &mut Found) {
    if !expected.same_collation(expected.collation, live, live.collation) {
        let fields = smallvec![field("default collation", expected.collation, live.collation)];
        let change = Change::Different { fields };
        out.push(Draft::new(
            Kind::Database,
            None,
            Text::new("database"),
            change,
            Severity::Cosmetic,
        ));
    }
    table::tables(expected, live, out);
    views(expected, live, out);
    if !expected.hidden.routines && !live.hidden.routines {
        routines(Kind::Procedure, expected, live, out);
        routines(Kind::Function, expected, live, out);
    }
    if !expected.hidden.events && !live.hidden.events {
        events(expected, live, out);
    }
}

/// The difference with its definition. A thousand missing tables, or their columns, would fill
/// megabytes with them.
pub fn defined<'a>(one: &'a Difference, expected: &Schema, live: &Schema) -> Cow<'a, Difference> {
    let create = |schema: &Schema| {
        let writer = ddl::Writer::own(schema);
        let table = schema.tables.get(&one.table?)?;
        match one.kind {
            Kind::Table => Some(writer.create_table(&one.name, table)),
            Kind::Column => {
                let column = table.column(&one.name)?;
                Some(writer.column(column, Some(table.collation), None))
            }
            _ => None,
        }
    };
    let change = match &one.change {
        Change::Missing { .. } => create(expected).map(|expected| Change::Missing { expected }),
        Change::Extra { .. } => create(live).map(|live| Change::Extra { live }),
        Change::Different { .. } => None,
    };
    match change {
        Some(change) => Cow::Owned(Difference {
            detail: Arc::new(Detail {
                change,
                ..Detail::clone(one)
            }),
            ..one.clone()
        }),
        None => Cow::Borrowed(one),
    }
}

/// A field of a difference.
fn field(name: &str, expected: impl ToString, live: impl ToString) -> Field {
    Field {
        name: Text::new(name),
        expected: Text::from(expected.to_string()),
        live: Text::from(live.to_string()),
    }
}

/// Collects the fields that differ.
#[derive(Default)]
struct Fields(FieldList);

impl Fields {
    fn compare<T: PartialEq>(&mut self, name: &str, expected: T, live: T, show: impl Fn(T) -> String) {
        if expected != live {
            self.0.push(field(name, show(expected), show(live)));
        }
    }

    fn option(&mut self, name: &str, expected: Option<Text>, live: Option<Text>) {
        self.compare(name, expected, live, |value| {
            value.map_or("none".to_owned(), |text| text.to_string())
        });
    }

    fn flag(&mut self, name: &str, expected: bool, live: bool) {
        self.compare(name, expected, live, |value| {
            if value { "yes" } else { "no" }.to_owned()
        });
    }

    /// Bodies that the user may not see are not compared.
    fn body(&mut self, name: &str, expected: Option<Text>, live: Option<Text>) {
        if expected.is_some() && live.is_some() {
            self.option(name, expected, live);
        }
    }

    /// Bodies of triggers, routines and events, each with its schema.
    fn program(
        &mut self,
        (expected, wanted): (&Schema, Option<Text>),
        (live, found): (&Schema, Option<Text>),
    ) {
        let same = |(wanted, found): (Text, Text)| expected.same_body(wanted, live, found);
        if !wanted.zip(found).is_some_and(same) {
            self.body("body", wanted, found);
        }
    }
}

/// The pairs of two maps: in one only, in the other only, in both.
fn pairs<'a, T>(
    expected: &'a ByName<T>,
    live: &'a ByName<T>,
) -> impl Iterator<Item = (Text, Option<&'a T>, Option<&'a T>)> {
    let names: std::collections::BTreeSet<Text> = expected.keys().chain(live.keys()).copied().collect();
    names
        .into_iter()
        .map(|name| (name, expected.get(&name), live.get(&name)))
}

/// The same of objects whose names know no case.
fn pairs_without_case<'a, T>(
    expected: &'a ByName<T>,
    live: &'a ByName<T>,
) -> impl Iterator<Item = (Text, Option<&'a T>, Option<&'a T>)> {
    let find = |map: &'a ByName<T>, name: &Text| {
        let mut same = map.iter().filter(|(other, _)| same_name(name, other));
        map.get(name).or_else(|| same.next().map(|(_, one)| one))
    };
    let both = expected
        .iter()
        .map(move |(name, one)| (*name, Some(one), find(live, name)));
    let extra = live
        .iter()
        .filter(move |(name, _)| find(expected, name).is_none());
    both.chain(extra.map(|(name, one)| (*name, None, Some(one))))
}

/// What stands on one side only, as text: missing, it breaks the application; extra, it is clutter.
fn one_sided<T>(
    expected: Option<&T>,
    live: Option<&T>,
    show: impl Fn(&T) -> String,
) -> Option<(Change, Severity)> {
    match (expected, live) {
        (Some(object), None) => Some((
            Change::Missing {
                expected: show(object),
            },
            Severity::Breaks,
        )),
        (None, Some(object)) => Some((Change::Extra { live: show(object) }, Severity::Cosmetic)),
        _ => None,
    }
}

fn views(expected: &Schema, live: &Schema, out: &mut Found) {
    let show = |name: Text, view: &View| ddl::create_view(&name, view).unwrap_or_else(|| "hidden".to_owned());
    for (name, wanted, found) in pairs(&expected.views, &live.views) {
        let (change, severity) = match (wanted, found) {
            (Some(_), None) if live.hidden.tables => continue,
            (None, Some(_)) if expected.hidden.tables => continue,
            (Some(wanted), Some(found)) => {
                let mut fields = Fields::default();
                fields.body("definition", wanted.definition, found.definition);
                fields.option("check option", wanted.check_option, found.check_option);
                fields.flag("security invoker", wanted.invoker, found.invoker);
                (Change::Different { fields: fields.0 }, Severity::Breaks)
            }
            _ => match one_sided(wanted, found, |view| show(name, view)) {
                Some(one_sided) => one_sided,
                None => continue,
            },
        };
        out.push(Draft::new(Kind::View, None, name, change, severity));
    }
}

fn routines(kind: Kind, expected: &Schema, live: &Schema, out: &mut Found) {
    fn of_kind(kind: Kind, schema: &Schema) -> &ByName<Routine> {
        match kind {
            Kind::Procedure => &schema.procedures,
            _ => &schema.functions,
        }
    }
    let show = |name: Text, routine: &Routine| {
        ddl::create_routine(&name, routine).unwrap_or_else(|| "hidden".to_owned())
    };
    for (name, wanted, found) in pairs_without_case(of_kind(kind, expected), of_kind(kind, live)) {
        let (change, severity) = match (wanted, found) {
            (Some(wanted), Some(found)) => {
                let mut fields = Fields::default();
                let list = |list: &Vec<Text>| {
                    list.iter()
                        .map(|one| one.to_string())
                        .collect::<Vec<_>>()
                        .join(", ")
                };
                fields.compare("parameters", &wanted.parameters, &found.parameters, list);
                fields.option("returns", wanted.returns, found.returns);
                fields.program((expected, wanted.body), (live, found.body));
                fields.option("sql mode", wanted.mode, found.mode);
                fields.flag("deterministic", wanted.deterministic, found.deterministic);
                fields.option("data access", wanted.data_access, found.data_access);
                fields.flag("security invoker", wanted.invoker, found.invoker);
                let breaks = !fields.0.is_empty();
                fields.option("comment", wanted.comment, found.comment);
                let severity = if breaks {
                    Severity::Breaks
                } else {
                    Severity::Cosmetic
                };
                (Change::Different { fields: fields.0 }, severity)
            }
            _ => match one_sided(wanted, found, |routine| show(name, routine)) {
                Some(one_sided) => one_sided,
                None => continue,
            },
        };
        out.push(Draft::new(kind, None, name, change, severity));
    }
}

fn events(expected: &Schema, live: &Schema, out: &mut Found) {
    let show =
        |name: Text, event: &Event| ddl::create_event(&name, event).unwrap_or_else(|| "hidden".to_owned());
    for (name, wanted, found) in pairs_without_case(&expected.events, &live.events) {
        let (change, severity) = match (wanted, found) {
            // It drops itself once its time is over.
            (Some(wanted), None) if wanted.may_have_ended() => continue,
            (Some(wanted), Some(found)) => {
                let mut fields = Fields::default();
                if !wanted.same_schedule(found) {
                    fields.0.push(field("schedule", wanted.schedule, found.schedule));
                }
                let begins = found.live_starts.or(found.starts);
                if wanted.starts.is_some() && begins.is_some() {
                    fields.option("starts", wanted.starts, begins);
                }
                fields.program((expected, wanted.body), (live, found.body));
                fields.option("sql mode", wanted.mode, found.mode);
                fields.flag("disabled", wanted.disabled, found.disabled);
                fields.flag("kept when done", wanted.preserve, found.preserve);
                let breaks = !fields.0.is_empty();
                fields.option("comment", wanted.comment, found.comment);
                let severity = if breaks {
                    Severity::Breaks
                } else {
                    Severity::Cosmetic
                };
                (Change::Different { fields: fields.0 }, severity)
            }
            _ => match one_sided(wanted, found, |event| show(name, event)) {
                Some(one_sided) => one_sided,
                None => continue,
            },
        };
        out.push(Draft::new(Kind::Event, None, name, change, severity));
    }
}
