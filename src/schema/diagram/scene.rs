//! What is to be seen: boxes with rows, and links between them.

use std::collections::{BTreeMap, BTreeSet};

use super::LARGE;
use crate::schema::diff::{Change, Difference, Kind};
use crate::schema::model::{ForeignKey, IndexKind, Schema, Table, Text};

/// How something stands to the expected schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum State {
    /// As expected, or nothing was compared.
    #[default]
    Same,
    /// Not as expected.
    Different,
    /// Not expected.
    Extra,
    /// Expected, not there.
    Missing,
}

impl State {
    pub(super) fn class(self) -> &'static str {
        match self {
            State::Same => "same",
            State::Different => "different",
            State::Extra => "extra",
            State::Missing => "missing",
        }
    }
}

/// A column in its box.
pub(super) struct Row {
    pub(super) name: Text,
    /// The type, cut short.
    pub(super) ty: String,
    pub(super) primary: bool,
    pub(super) foreign: bool,
    pub(super) unique: bool,
    pub(super) nullable: bool,
    pub(super) state: State,
}

/// A table.
pub(super) struct Box {
    pub(super) name: Text,
    pub(super) rows: Vec<Row>,
    /// Columns that are left out.
    pub(super) left_out: usize,
    pub(super) state: State,
}

/// A foreign key.
pub(super) struct Link {
    pub(super) name: Text,
    /// Index of the child's box and of the row of its first column.
    pub(super) child: (usize, Option<usize>),
    /// The parent's.
    pub(super) parent: (usize, Option<usize>),
    /// Whether a child may be without a parent.
    pub(super) optional: bool,
    /// Whether a parent has one child at most.
    pub(super) single: bool,
    pub(super) state: State,
}

/// Everything.
pub(super) struct Scene {
    pub(super) title: String,
    pub(super) boxes: Vec<Box>,
    pub(super) links: Vec<Link>,
}

/// The states of a table and of what is in it.
#[derive(Default)]
struct States {
    table: State,
    columns: BTreeMap<Text, State>,
    keys: BTreeMap<Text, State>,
}

const TYPE_LETTERS: usize = 22;

impl Scene {
    pub(super) fn new(title: &str, live: &Schema, expected: Option<&Schema>, drift: &[Difference]) -> Scene {
        let states = states(drift);
        let missing = |name: &Text| states.get(name).is_some_and(|one| one.table == State::Missing);
        let mut tables: BTreeMap<Text, (&Table, Option<&Table>)> = live
            .tables
            .iter()
            .map(|(name, table)| (*name, (table, None)))
            .collect();
        for (name, table) in expected.into_iter().flat_map(|schema| &schema.tables) {
            match tables.get_mut(name) {
                Some(entry) => entry.1 = Some(table),
                None if missing(name) => {
                    tables.insert(*name, (table, None));
                }
                None => {}
            }
        }
        let keys_only = tables.len() > LARGE;
        let none = States::default();
        let boxes: Vec<Box> = tables
            .iter()
            .map(|(name, (table, other))| {
                new_box(*name, table, *other, states.get(name).unwrap_or(&none), keys_only)
            })
            .collect();
        let mut scene = Scene {
            title: title.to_owned(),
            boxes,
            links: Vec::new(),
        };
        for (name, (table, other)) in &tables {
            let own = states.get(name).unwrap_or(&none);
            for (key_name, key) in &table.foreign_keys {
                scene.link(
                    *name,
                    table,
                    *key_name,
                    key,
                    own.keys.get(key_name).copied().unwrap_or_default(),
                );
            }
            for (key_name, key) in other.iter().flat_map(|other| &other.foreign_keys) {
                if own.keys.get(key_name) == Some(&State::Missing) {
                    scene.link(*name, table, *key_name, key, State::Missing);
                }
            }
        }
        scene
    }

    fn link(&mut self, child: Text, table: &Table, name: Text, key: &ForeignKey, state: State) {
        let place = |table: Text, column: Option<&Text>| {
            let at = self.boxes.iter().position(|one| one.name == table)?;
            let row =
                column.and_then(|column| self.boxes[at].rows.iter().position(|row| row.name == *column));
            Some((at, row))
        };
        let ends = (
            place(child, key.columns.first()),
            place(key.table, key.references.first()),
        );
        let (Some(child), Some(parent)) = ends else {
            return;
        };
        let nullable = |column: &Text| table.column(column).is_some_and(|column| column.nullable);
        let wanted: BTreeSet<Text> = key.columns.iter().copied().collect();
        let covers = |index: &crate::schema::model::Index| {
            let unique = matches!(index.kind, IndexKind::Primary | IndexKind::Unique);
            unique
                && index
                    .parts
                    .iter()
                    .map(|part| part.column_name())
                    .collect::<Option<BTreeSet<Text>>>()
                    == Some(wanted.clone())
        };
        self.links.push(Link {
            name,
            child,
            parent,
            optional: key.columns.iter().any(nullable),
            single: table.indexes.values().any(covers),
            state,
        });
    }
}

fn states(drift: &[Difference]) -> BTreeMap<Text, States> {
    let mut out: BTreeMap<Text, States> = BTreeMap::new();
    for one in drift {
        let Some(table) = one.table else { continue };
        let states = out.entry(table).or_default();
        let state = match one.change {
            Change::Missing { .. } => State::Missing,
            Change::Extra { .. } => State::Extra,
            Change::Different { .. } => State::Different,
        };
        match one.kind {
            Kind::Table => states.table = states.table.max(state),
            Kind::Column => {
                states.columns.insert(one.name, state);
            }
            Kind::ForeignKey => {
                states.keys.insert(one.name_there(), state);
            }
            _ => {}
        }
        states.table = states.table.max(State::Different);
    }
    out
}

fn new_box(name: Text, table: &Table, expected: Option<&Table>, states: &States, keys_only: bool) -> Box {
    let part_of = |column: Text, kind: IndexKind| {
        let indexes = table.indexes.values().filter(|index| index.kind == kind);
        indexes
            .flat_map(|index| &index.parts)
            .any(|part| part.column_name() == Some(column))
    };
    let foreign = |column: Text| {
        table
            .foreign_keys
            .values()
            .any(|key| key.columns.contains(&column))
    };
    let missing = expected
        .into_iter()
        .flat_map(|table| &table.columns)
        .filter(|column| states.columns.get(&column.name) == Some(&State::Missing));
    let rows: Vec<Row> = table
        .columns
        .iter()
        .chain(missing)
        .map(|column| Row {
            name: column.name,
            ty: shortened(&column.ty),
            primary: part_of(column.name, IndexKind::Primary),
            foreign: foreign(column.name),
            unique: part_of(column.name, IndexKind::Unique),
            nullable: column.nullable,
            state: states.columns.get(&column.name).copied().unwrap_or_default(),
        })
        .collect();
    let all = rows.len();
    let shown = |row: &Row| !keys_only || row.primary || row.foreign || row.state != State::Same;
    let rows: Vec<Row> = rows.into_iter().filter(shown).collect();
    Box {
        name,
        left_out: all - rows.len(),
        rows,
        state: states.table,
    }
}

/// A type that fits into a box.
fn shortened(ty: &str) -> String {
    if ty.chars().count() <= TYPE_LETTERS {
        return ty.to_owned();
    }
    ty.chars().take(TYPE_LETTERS - 1).chain(['…']).collect()
}
