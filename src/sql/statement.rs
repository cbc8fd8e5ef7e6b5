//! The classification of a statement: its class, the objects it touches, and the actions of an ALTER TABLE.

use serde::{Deserialize, Serialize};

use super::column_def::ColumnDef;
use super::table_def::{ForeignKeyDef, IndexDef};

/// Classes of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatementClass {
    /// Changes the definition of an object.
    Ddl,
    /// Changes rows.
    Dml,
    /// Returns rows.
    Query,
    /// Begins, ends or marks a transaction, or locks tables.
    Transaction,
    /// Changes only the session: SET, USE, PREPARE.
    Session,
    /// Accounts, privileges, maintenance, replication.
    Admin,
    /// Anything else.
    Other,
}

impl StatementClass {
    /// The class's name in JSON and text.
    pub fn as_str(self) -> &'static str {
        match self {
            StatementClass::Ddl => "ddl",
            StatementClass::Dml => "dml",
            StatementClass::Query => "query",
            StatementClass::Transaction => "transaction",
            StatementClass::Session => "session",
            StatementClass::Admin => "admin",
            StatementClass::Other => "other",
        }
    }
}

/// Kinds of objects that DDL works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A base table; MariaDB's sequences are tables to every catalogue.
    Table,
    /// A view.
    View,
    /// A trigger.
    Trigger,
    /// A stored procedure.
    Procedure,
    /// A stored function.
    Function,
    /// A scheduled event.
    Event,
    /// A database.
    Database,
}

impl ObjectKind {
    /// The SQL keyword of the kind.
    pub fn keyword(self) -> &'static str {
        match self {
            ObjectKind::Table => "TABLE",
            ObjectKind::View => "VIEW",
            ObjectKind::Trigger => "TRIGGER",
            ObjectKind::Procedure => "PROCEDURE",
            ObjectKind::Function => "FUNCTION",
            ObjectKind::Event => "EVENT",
            ObjectKind::Database => "DATABASE",
        }
    }

    pub(super) fn from_keyword(word: &str) -> Option<ObjectKind> {
        Some(match word {
            "TABLE" | "TABLES" | "SEQUENCE" => ObjectKind::Table,
            "VIEW" => ObjectKind::View,
            "TRIGGER" => ObjectKind::Trigger,
            "PROCEDURE" => ObjectKind::Procedure,
            "FUNCTION" => ObjectKind::Function,
            "EVENT" => ObjectKind::Event,
            "DATABASE" | "SCHEMA" => ObjectKind::Database,
            _ => return None,
        })
    }
}

/// A name, perhaps with its database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// The database, where the statement names one.
    pub schema: Option<String>,
    /// The object's name, without quotes.
    pub name: String,
}

/// The effect of a statement on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectEffect {
    /// It exists afterwards.
    Create,
    /// It does not exist afterwards.
    Drop,
    /// Its definition changes.
    Alter,
    /// It has another name afterwards.
    Rename(ObjectName),
    /// It is empty afterwards.
    Truncate,
    /// Its rows change.
    Write,
}

/// An object that a statement touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The kind of object.
    pub kind: ObjectKind,
    /// The object's name, with the database if the statement names it.
    pub name: ObjectName,
    /// The statement's effect on it.
    pub effect: ObjectEffect,
}

/// The classification of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// The statement's class.
    pub class: StatementClass,
    /// Its leading keywords, upper case: `ALTER TABLE`.
    pub verb: String,
    /// Whether the server commits the open transaction before or after it.
    pub implicit_commit: bool,
    /// Objects it touches, as far as they are named.
    pub objects: Vec<Object>,
    /// The actions of an ALTER TABLE.
    pub actions: Vec<AlterAction>,
    /// Tables that ANALYZE, CHECK, OPTIMIZE or REPAIR works on.
    pub maintained: Vec<ObjectName>,
    /// Whether it says IF EXISTS, IF NOT EXISTS or OR REPLACE: running it again is harmless.
    pub idempotent: bool,
    /// Whether it works on a temporary table.
    pub temporary: bool,
    /// An explicit ALGORITHM, upper case.
    pub algorithm: Option<String>,
    /// An explicit LOCK, upper case.
    pub lock: Option<String>,
    /// Whether its effects cannot be determined from its text: CALL, EXECUTE, anonymous blocks.
    pub opaque: bool,
    /// Whether it leaves something in the session that a new connection lacks and that cannot
    /// simply be set again: a temporary table, a user variable filled from data.
    pub session_state: bool,
}

impl Classification {
    pub(super) fn new(class: StatementClass, verb: impl Into<String>) -> Self {
        Classification {
            class,
            verb: verb.into(),
            implicit_commit: false,
            objects: Vec::new(),
            actions: Vec::new(),
            maintained: Vec::new(),
            idempotent: false,
            temporary: false,
            algorithm: None,
            lock: None,
            opaque: false,
            session_state: false,
        }
    }

    pub(super) fn committing(mut self) -> Self {
        self.implicit_commit = true;
        self
    }

    pub(super) fn object(&mut self, kind: ObjectKind, name: Option<ObjectName>, effect: ObjectEffect) {
        if let Some(name) = name {
            self.objects.push(Object { kind, name, effect });
        }
    }
}

/// One action of an ALTER TABLE, CREATE INDEX or DROP INDEX.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlterAction {
    /// ADD COLUMN; several in parentheses become several actions.
    AddColumn {
        /// The column.
        name: String,
        /// Its definition.
        def: ColumnDef,
    },
    /// DROP COLUMN.
    DropColumn(String),
    /// MODIFY COLUMN, or CHANGE COLUMN with the new name.
    ModifyColumn {
        /// The column.
        name: String,
        /// The new name, if it changes.
        to: Option<String>,
        /// Its new definition.
        def: ColumnDef,
    },
    /// RENAME COLUMN.
    RenameColumn(String, String),
    /// ALTER COLUMN … SET DEFAULT, DROP DEFAULT.
    ColumnDefault(String),
    /// ALTER COLUMN … SET VISIBLE, SET INVISIBLE.
    ColumnVisibility(String),
    /// ADD INDEX, ADD UNIQUE, ADD PRIMARY KEY, ADD FULLTEXT, ADD SPATIAL.
    AddIndex(IndexDef),
    /// DROP INDEX; `PRIMARY` is the primary key.
    DropIndex(String),
    /// RENAME INDEX.
    RenameIndex(String, String),
    /// ALTER INDEX … VISIBLE, INVISIBLE, IGNORED, NOT IGNORED.
    IndexVisibility(String),
    /// ADD FOREIGN KEY.
    AddForeignKey(ForeignKeyDef),
    /// DROP FOREIGN KEY.
    DropForeignKey(String),
    /// ADD CHECK.
    AddCheck {
        /// The constraint's name, if the statement gives one.
        name: Option<String>,
        /// Whether it is enforced.
        enforced: bool,
    },
    /// ALTER CHECK, ALTER CONSTRAINT.
    AlterCheck {
        /// Whether it is enforced from now on.
        enforced: bool,
    },
    /// DROP CHECK, DROP CONSTRAINT: a check, or a key of any kind.
    DropConstraint(String),
    /// RENAME TO.
    RenameTable(ObjectName),
    /// CONVERT TO CHARACTER SET.
    Convert {
        /// The character set, lower case; none for DEFAULT.
        charset: Option<String>,
        /// COLLATE, lower case.
        collation: Option<String>,
    },
    /// A table option: `CHARSET`, `COLLATE`, `ENGINE` and so on.
    Option {
        /// Its name in upper case.
        name: String,
        /// Its value in lower case.
        value: String,
    },
    /// A change of partitions.
    Partition(PartitionChange),
    /// FORCE.
    Force,
    /// ENABLE KEYS, DISABLE KEYS.
    Keys {
        /// ENABLE, which builds them.
        enable: bool,
    },
    /// DISCARD TABLESPACE, IMPORT TABLESPACE.
    Tablespace,
    /// ORDER BY.
    OrderBy,
    /// MariaDB's ADD or DROP SYSTEM VERSIONING.
    Versioning {
        /// ADD.
        add: bool,
    },
    /// ADD or DROP PERIOD FOR.
    Period,
    /// WITH VALIDATION, WITHOUT VALIDATION.
    Validation {
        /// WITH, not WITHOUT.
        with: bool,
    },
    /// OPTIMIZE TABLE.
    Optimize,
    /// REPAIR TABLE.
    Repair,
    /// CHECK TABLE.
    Check,
    /// ANALYZE TABLE.
    Analyze,
    /// An unknown action: its first words.
    Unknown(String),
}

/// The change of an ALTER TABLE to partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionChange {
    /// PARTITION BY.
    By,
    /// REMOVE PARTITIONING.
    Remove,
    /// ADD PARTITION with VALUES: no row moves.
    AddRange,
    /// ADD PARTITION of a table partitioned by HASH or KEY.
    AddHash,
    /// DROP PARTITION.
    Drop,
    /// TRUNCATE PARTITION.
    Truncate,
    /// COALESCE PARTITION.
    Coalesce,
    /// REORGANIZE PARTITION.
    Reorganize,
    /// EXCHANGE PARTITION … WITH TABLE.
    Exchange {
        /// Whether the server checks every row of the table.
        validated: bool,
    },
    /// REBUILD PARTITION.
    Rebuild,
    /// OPTIMIZE PARTITION.
    Optimize,
    /// REPAIR PARTITION.
    Repair,
    /// CHECK PARTITION.
    Check,
    /// ANALYZE PARTITION.
    Analyze,
    /// Anything else: DISCARD, IMPORT, CONVERT.
    Other,
}
