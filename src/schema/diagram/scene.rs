//! What is to be seen: boxes with rows, and links between them.

use std::collections::{BTreeMap, BTreeSet};

use super::{LARGE, cluster};
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

/// What drift can be, as a legend lists it.
pub(super) const DRIFT: [(State, &str); 3] = [
    (State::Missing, "expected, but missing"),
    (State::Extra, "there, but not expected"),
    (State::Different, "not as expected"),
];

impl State {
    pub(super) fn class(self) -> &'static str {
        match self {
            State::Same => "same",
            State::Different => "different",
            State::Extra => "extra",
            State::Missing => "missing",
        }
    }

    /// Stands before a name, so that drift can be told without its colour.
    pub(super) fn sign(self) -> &'static str {
        match self {
            State::Same => "",
            State::Different => "~ ",
            State::Extra => "+ ",
            State::Missing => "- ",
        }
    }

    /// The colour of a head or a line.
    pub(super) fn colour(self) -> &'static str {
        match self {
            State::Same => "#33415c",
            State::Different => "#b7550f",
            State::Extra => "#2f855a",
            State::Missing => "#c53030",
        }
    }
}

/// A column in its box.
pub(super) struct Row {
    pub(super) name: Text,
    pub(super) ty: Text,
    pub(super) primary: bool,
    pub(super) foreign: bool,
    pub(super) unique: bool,
    pub(super) nullable: bool,
    pub(super) state: State,
    /// The table in another cluster that its foreign key leads to.
    pub(super) leads_to: Option<Text>,
}

impl Row {
    /// The kind of key that the column is part of, as two letters.
    pub(super) fn mark(&self) -> &'static str {
        match (self.primary, self.foreign, self.unique) {
            (true, true, _) => "PF",
            (true, false, _) => "PK",
            (false, true, _) => "FK",
            (false, false, true) => "UK",
            _ => "",
        }
    }
}

/// Letters of a type; a longer one is cut.
const TYPE_LETTERS: usize = 22;

/// A text that fits beside a name, and whether it was cut for that.
pub(super) fn cut(text: &str) -> (&str, bool) {
    let at = |letters: usize| text.char_indices().nth(letters).map(|(at, _)| at);
    match (at(TYPE_LETTERS), at(TYPE_LETTERS - 1)) {
        (Some(_), Some(end)) => (&text[..end], true),
        _ => (text, false),
    }
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
pub(super) struct Link<'a> {
    pub(super) name: Text,
    pub(super) key: &'a ForeignKey,
    /// Index of the child's box and of the row of its first column.
    pub(super) child: (usize, Option<usize>),
    /// The parent's.
    pub(super) parent: (usize, Option<usize>),
    /// Whether a child may be without a parent.
    pub(super) optional: bool,
    /// Whether a parent has one child at most.
    pub(super) single: bool,
    pub(super) state: State,
    /// Whether it leads from one cluster to another.
    pub(super) far: bool,
}

/// Everything.
pub(super) struct Scene<'a> {
    pub(super) title: &'a str,
    pub(super) boxes: Vec<Box>,
    pub(super) links: Vec<Link<'a>>,
    /// The clusters of a large schema, as indices of boxes; empty for a small one.
    pub(super) clusters: Vec<Vec<usize>>,
    /// Whether anything is not as expected.
    pub(super) drift: bool,
}

/// The states of a table and of what is in it.
#[derive(Default)]
struct States {
    table: State,
    columns: BTreeMap<Text, State>,
    keys: BTreeMap<Text, State>,
}

/// A table to show, and the expected one beside it if both are there.
type Shown<'a> = (&'a Table, Option<&'a Table>);

impl<'a> Scene<'a> {
    pub(super) fn new(
        title: &'a str,
        live: &'a Schema,
        expected: Option<&'a Schema>,
        drift: &[Difference],
    ) -> Scene<'a> {
        let states = states(drift);
        let tables = shown(live, expected, &states);
        let keys_only = tables.len() > LARGE;
        let none = States::default();
        let own = |name: &Text| states.get(name).unwrap_or(&none);
        let boxes: Vec<Box> = tables
            .iter()
            .map(|(name, table)| new_box(*name, *table, own(name), keys_only))
            .collect();
        let places: BTreeMap<Text, usize> = tables
            .iter()
            .enumerate()
            .map(|(at, (name, _))| (*name, at))
            .collect();
        let mut scene = Scene {
            title,
            boxes,
            links: Vec::new(),
            clusters: Vec::new(),
            drift: !states.is_empty(),
        };
        for (name, (table, other)) in &tables {
            let own = own(name);
            for (key_name, key) in table.foreign_keys.iter() {
                let state = own.keys.get(key_name).copied().unwrap_or_default();
                scene.link(&places, *name, table, *key_name, key, state);
            }
            for (key_name, key) in other.iter().flat_map(|other| other.foreign_keys.iter()) {
                if own.keys.get(key_name) == Some(&State::Missing) {
                    scene.link(&places, *name, table, *key_name, key, State::Missing);
                }
            }
        }
        if keys_only {
            scene.part();
        }
        scene
    }

    fn link(
        &mut self,
        places: &BTreeMap<Text, usize>,
        child: Text,
        table: &Table,
        name: Text,
        key: &'a ForeignKey,
        state: State,
    ) {
        let place = |table: Text, column: Option<&Text>| {
            let at = *places.get(&table)?;
            let rows = &self.boxes[at].rows;
            let row = column.and_then(|column| rows.iter().position(|row| row.name == *column));
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
            let columns = || index.parts.iter().map(|part| part.column_name());
            unique && columns().collect::<Option<BTreeSet<Text>>>().as_ref() == Some(&wanted)
        };
        self.links.push(Link {
            name,
            key,
            child,
            parent,
            optional: key.columns.iter().any(nullable),
            single: table.indexes.iter().any(|(_, index)| covers(index)),
            state,
            far: false,
        });
    }

    /// Parts a large scene into clusters; a link between two is told in words at its row.
    fn part(&mut self) {
        self.clusters = cluster::clusters(self);
        let mut cluster_of = vec![0; self.boxes.len()];
        for (number, cluster) in self.clusters.iter().enumerate() {
            cluster.iter().for_each(|at| cluster_of[*at] = number);
        }
        for link in &mut self.links {
            link.far = cluster_of[link.child.0] != cluster_of[link.parent.0];
            if let (true, (at, Some(row))) = (link.far, link.child) {
                let parent = self.boxes[link.parent.0].name;
                self.boxes[at].rows[row].leads_to.get_or_insert(parent);
            }
        }
    }
}

/// The live tables, and those that are missing.
fn shown<'a>(
    live: &'a Schema,
    expected: Option<&'a Schema>,
    states: &BTreeMap<Text, States>,
) -> BTreeMap<Text, Shown<'a>> {
    let missing = |name: &Text| states.get(name).is_some_and(|one| one.table == State::Missing);
    let mut tables: BTreeMap<Text, Shown> = live
        .tables
        .iter()
        .map(|(name, table)| (*name, (table, None)))
        .collect();
    for (name, table) in expected.into_iter().flat_map(|schema| schema.tables.iter()) {
        match tables.get_mut(name) {
            Some(entry) => entry.1 = Some(table),
            None if missing(name) => {
                tables.insert(*name, (table, None));
            }
            None => {}
        }
    }
    tables
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

fn new_box(name: Text, (table, expected): Shown, states: &States, keys_only: bool) -> Box {
    let primary = |column: Text| {
        let mut parts = table.primary_key().into_iter().flat_map(|key| &key.parts);
        parts.any(|part| part.column_name() == Some(column))
    };
    // By itself: of a unique index over several columns none is unique.
    let unique = |column: Text| {
        let mut indexes = table.indexes.values();
        indexes.any(|index| {
            index.kind == IndexKind::Unique
                && matches!(&index.parts[..], [part] if part.column_name() == Some(column))
        })
    };
    let in_key = |table: &Table, column: Text, missing: bool| {
        let mut keys = table.foreign_keys.iter();
        keys.any(|(name, key)| {
            key.columns.contains(&column) && (!missing || states.keys.get(name) == Some(&State::Missing))
        })
    };
    let missing = expected
        .into_iter()
        .flat_map(|table| table.columns.iter())
        .filter(|column| states.columns.get(&column.name) == Some(&State::Missing));
    let (mut rows, mut left_out) = (Vec::new(), 0);
    for column in table.columns.iter().chain(missing) {
        let row = Row {
            name: column.name,
            ty: column.ty,
            primary: primary(column.name),
            foreign: in_key(table, column.name, false),
            unique: unique(column.name),
            nullable: column.nullable,
            state: states.columns.get(&column.name).copied().unwrap_or_default(),
            leads_to: None,
        };
        // A foreign key that is missing is drawn too, and begins at its column.
        let lost = || expected.is_some_and(|table| in_key(table, column.name, true));
        if !keys_only || row.primary || row.foreign || row.state != State::Same || lost() {
            rows.push(row);
        } else {
            left_out += 1;
        }
    }
    rows.shrink_to_fit();
    Box {
        name,
        rows,
        left_out,
        state: states.table,
    }
}
