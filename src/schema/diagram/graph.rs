//! The graph to draw: boxes with rows for tables, links for foreign keys.

use std::collections::{BTreeMap, BTreeSet};

use super::clustering;
use crate::schema::diff::{Change, Difference, SchemaObjectKind};
use crate::schema::model::{ForeignKey, IndexKind, Schema, Symbol, Table};

/// With more tables than this, a diagram shows only their key columns.
pub(super) const LARGE: usize = 30;

/// The drift of an object from the expected schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum DriftState {
    /// As expected, or not compared.
    #[default]
    Same,
    /// Differs from the expected definition.
    Different,
    /// Exists only in the live schema.
    Extra,
    /// Exists only in the expected schema.
    Missing,
}

/// The kinds of drift in the order of the legend, with their labels.
pub(super) const DRIFT: [(DriftState, &str); 3] = [
    (DriftState::Missing, "expected, but missing"),
    (DriftState::Extra, "there, but not expected"),
    (DriftState::Different, "not as expected"),
];

impl DriftState {
    pub(super) fn class(self) -> &'static str {
        match self {
            DriftState::Same => "same",
            DriftState::Different => "different",
            DriftState::Extra => "extra",
            DriftState::Missing => "missing",
        }
    }

    /// A sign before the name, so that drift is recognisable without colour.
    pub(super) fn sign(self) -> &'static str {
        match self {
            DriftState::Same => "",
            DriftState::Different => "~ ",
            DriftState::Extra => "+ ",
            DriftState::Missing => "- ",
        }
    }

    /// The colour of a box's head or of a line.
    pub(super) fn colour(self) -> &'static str {
        match self {
            DriftState::Same => "#33415c",
            DriftState::Different => "#b7550f",
            DriftState::Extra => "#2f855a",
            DriftState::Missing => "#c53030",
        }
    }
}

/// A row of a box: a column of the table.
pub(super) struct BoxRow {
    pub(super) name: Symbol,
    pub(super) ty: Symbol,
    pub(super) primary: bool,
    pub(super) foreign: bool,
    pub(super) unique: bool,
    pub(super) nullable: bool,
    pub(super) state: DriftState,
    /// The parent table of its foreign key, if that is in another cluster.
    pub(super) leads_to: Option<Symbol>,
}

impl BoxRow {
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

/// Longest type in letters; a longer one is cut.
const TYPE_LETTERS: usize = 22;

/// A text short enough for the side of a row, and whether it was cut.
pub(super) fn cut(text: &str) -> (&str, bool) {
    let at = |letters: usize| text.char_indices().nth(letters).map(|(at, _)| at);
    match (at(TYPE_LETTERS), at(TYPE_LETTERS - 1)) {
        (Some(_), Some(end)) => (&text[..end], true),
        _ => (text, false),
    }
}

/// The box of a table.
pub(super) struct TableBox {
    pub(super) name: Symbol,
    pub(super) rows: Vec<BoxRow>,
    /// Number of columns that are not shown.
    pub(super) left_out: usize,
    pub(super) state: DriftState,
}

/// The link of a foreign key.
pub(super) struct Link<'a> {
    pub(super) name: Symbol,
    pub(super) key: &'a ForeignKey,
    /// Index of the child's box and of the row of its first column.
    pub(super) child: (usize, Option<usize>),
    /// Index of the parent's box and of the row of its first column.
    pub(super) parent: (usize, Option<usize>),
    /// Whether a child can have no parent.
    pub(super) optional: bool,
    /// Whether a parent has at most one child.
    pub(super) single: bool,
    pub(super) state: DriftState,
    /// Whether its ends are in different clusters.
    pub(super) far: bool,
}

/// All boxes and links of a diagram.
pub(super) struct Graph<'a> {
    pub(super) title: &'a str,
    pub(super) boxes: Vec<TableBox>,
    pub(super) links: Vec<Link<'a>>,
    /// The clusters of a large schema, as indices of boxes; empty for a small one.
    pub(super) clusters: Vec<Vec<usize>>,
    /// Whether there is any drift.
    pub(super) drift: bool,
}

/// The drift of a table, its columns and its foreign keys.
#[derive(Default)]
struct TableDrift {
    table: DriftState,
    columns: BTreeMap<Symbol, DriftState>,
    keys: BTreeMap<Symbol, DriftState>,
}

/// A table to show, and the expected one if both exist.
type TablePair<'a> = (&'a Table, Option<&'a Table>);

impl<'a> Graph<'a> {
    pub(super) fn new(
        title: &'a str,
        live: &'a Schema,
        expected: Option<&'a Schema>,
        drift: &[Difference],
    ) -> Graph<'a> {
        let states = states(drift);
        let tables = shown(live, expected, &states);
        let keys_only = tables.len() > LARGE;
        let none = TableDrift::default();
        let own = |name: &Symbol| states.get(name).unwrap_or(&none);
        let boxes: Vec<TableBox> = tables
            .iter()
            .map(|(name, table)| new_box(*name, *table, own(name), keys_only))
            .collect();
        let places: BTreeMap<Symbol, usize> = tables
            .iter()
            .enumerate()
            .map(|(at, (name, _))| (*name, at))
            .collect();
        let mut graph = Graph {
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
                graph.link(&places, *name, table, *key_name, key, state);
            }
            for (key_name, key) in other.iter().flat_map(|other| other.foreign_keys.iter()) {
                if own.keys.get(key_name) == Some(&DriftState::Missing) {
                    graph.link(&places, *name, table, *key_name, key, DriftState::Missing);
                }
            }
        }
        if keys_only {
            graph.divide();
        }
        graph
    }

    fn link(
        &mut self,
        places: &BTreeMap<Symbol, usize>,
        child: Symbol,
        table: &Table,
        name: Symbol,
        key: &'a ForeignKey,
        state: DriftState,
    ) {
        let place = |table: Symbol, column: Option<&Symbol>| {
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
        let nullable = |column: &Symbol| table.column(column).is_some_and(|column| column.nullable);
        let key_columns: BTreeSet<Symbol> = key.columns.iter().copied().collect();
        let covers = |index: &crate::schema::model::Index| {
            let unique = matches!(index.kind, IndexKind::Primary | IndexKind::Unique);
            let columns = || index.parts.iter().map(|part| part.column_name());
            unique && columns().collect::<Option<BTreeSet<Symbol>>>().as_ref() == Some(&key_columns)
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

    /// Divides a large graph into clusters; a row whose link leaves its cluster names the parent.
    fn divide(&mut self) {
        let links = self.links.iter().map(|link| (link.parent.0, link.child.0));
        self.clusters = clustering::clusters(self.boxes.len(), links);
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
    states: &BTreeMap<Symbol, TableDrift>,
) -> BTreeMap<Symbol, TablePair<'a>> {
    let missing = |name: &Symbol| {
        states
            .get(name)
            .is_some_and(|drift| drift.table == DriftState::Missing)
    };
    let mut tables: BTreeMap<Symbol, TablePair> = live
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

fn states(drift: &[Difference]) -> BTreeMap<Symbol, TableDrift> {
    let mut out: BTreeMap<Symbol, TableDrift> = BTreeMap::new();
    for difference in drift {
        let Some(table) = difference.table else { continue };
        let states = out.entry(table).or_default();
        let state = match difference.change {
            Change::Missing { .. } => DriftState::Missing,
            Change::Extra { .. } => DriftState::Extra,
            Change::Different { .. } => DriftState::Different,
        };
        match difference.kind {
            SchemaObjectKind::Table => states.table = states.table.max(state),
            SchemaObjectKind::Column => {
                states.columns.insert(difference.name, state);
            }
            SchemaObjectKind::ForeignKey => {
                states.keys.insert(difference.name_on_server(), state);
            }
            _ => {}
        }
        states.table = states.table.max(DriftState::Different);
    }
    out
}

fn new_box(name: Symbol, (table, expected): TablePair, states: &TableDrift, keys_only: bool) -> TableBox {
    let primary = |column: Symbol| {
        let mut parts = table.primary_key().into_iter().flat_map(|key| &key.parts);
        parts.any(|part| part.column_name() == Some(column))
    };
    // Only indexes of one column: the columns of a larger unique index are not unique by themselves.
    let unique = |column: Symbol| {
        let mut indexes = table.indexes.values();
        indexes.any(|index| {
            index.kind == IndexKind::Unique
                && matches!(&index.parts[..], [part] if part.column_name() == Some(column))
        })
    };
    let in_key = |table: &Table, column: Symbol, missing: bool| {
        let mut keys = table.foreign_keys.iter();
        keys.any(|(name, key)| {
            key.columns.contains(&column) && (!missing || states.keys.get(name) == Some(&DriftState::Missing))
        })
    };
    let missing = expected
        .into_iter()
        .flat_map(|table| table.columns.iter())
        .filter(|column| states.columns.get(&column.name) == Some(&DriftState::Missing));
    let (mut rows, mut left_out) = (Vec::new(), 0);
    for column in table.columns.iter().chain(missing) {
        let row = BoxRow {
            name: column.name,
            ty: column.ty,
            primary: primary(column.name),
            foreign: in_key(table, column.name, false),
            unique: unique(column.name),
            nullable: column.nullable,
            state: states.columns.get(&column.name).copied().unwrap_or_default(),
            leads_to: None,
        };
        // A missing foreign key is drawn too and starts at its column.
        let lost = || expected.is_some_and(|table| in_key(table, column.name, true));
        if !keys_only || row.primary || row.foreign || row.state != DriftState::Same || lost() {
            rows.push(row);
        } else {
            left_out += 1;
        }
    }
    rows.shrink_to_fit();
    TableBox {
        name,
        rows,
        left_out,
        state: states.table,
    }
}
