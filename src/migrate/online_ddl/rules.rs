//! The cost of each kind of change to a table, one row for each kind, one column for each family of servers.
//!
//! From the MySQL 8.4 manual, "Online DDL Operations", and MariaDB's "InnoDB Online DDL Operations", corrected by the
//! answers of the servers to an ALGORITHM and a LOCK: `tests/it/migrate_online_ddl.rs` asks them for every form in
//! `tests/cases/online_ddl`.

use super::DdlImpact;
use crate::db::Server;

/// How InnoDB carries out a change, from harmless to harmful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// ALGORITHM=INSTANT.
    Instant,
    /// ALGORITHM=INPLACE without a rebuild, while others read and write.
    InPlace,
    /// ALGORITHM=INPLACE that rebuilds the table, while others read and write.
    Rebuild,
    /// ALGORITHM=INPLACE, while others read and writers wait.
    Shared,
    /// ALGORITHM=COPY.
    Copy,
}

impl Cost {
    /// The verdict.
    pub fn how(self) -> DdlImpact {
        match self {
            Cost::Instant => DdlImpact::Metadata,
            Cost::InPlace | Cost::Rebuild => DdlImpact::Online,
            Cost::Shared => DdlImpact::BlocksWrites,
            Cost::Copy => DdlImpact::Copy,
        }
    }
}

/// A row of the rules.
#[derive(Debug, Clone, Copy)]
pub struct DdlRule {
    /// The cost on MySQL.
    pub mysql: Cost,
    /// The cost on MariaDB.
    pub mariadb: Cost,
    /// The reason, for people; empty for a change that is instant on both.
    pub reason: &'static str,
    /// The section of "Online DDL Operations" that describes it.
    pub section: &'static str,
}

impl DdlRule {
    /// The cost on this server.
    pub fn cost(&self, server: &Server) -> Cost {
        server.flavor.pick(self.mysql, self.mariadb)
    }
}

const COLUMNS: &str = "Column Operations";
const GENERATED: &str = "Generated Column Operations";
const INDEXES: &str = "Index Operations";
const KEYS: &str = "Primary Key Operations";
const FOREIGN: &str = "Foreign Key Operations";
const TABLES: &str = "Table Operations";
const PARTITIONS: &str = "Partitioning Operations";
const LIMITS: &str = "Online DDL Limitations";

/// Defines the kinds of changes and the row of each.
macro_rules! rules {
    ($($change:ident $mysql:ident $mariadb:ident $section:ident $reason:literal)*) => {
        /// A kind of change, as far as its cost differs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(clippy::enum_variant_names, reason = "a type, a key and a table are changed too: the names say which")]
        pub enum ChangeKind {
            $(#[doc = concat!("Row: ", $reason)] $change,)*
        }

        impl ChangeKind {
            /// Its row.
            pub fn rule(self) -> DdlRule {
                match self {
                    $(ChangeKind::$change => DdlRule {
                        mysql: Cost::$mysql, mariadb: Cost::$mariadb, reason: $reason, section: $section,
                    },)*
                }
            }
        }
    };
}

rules! {
    // Change              MySQL    MariaDB  section   reason
    AddColumn              Instant  Instant  COLUMNS   ""
    AddColumnRebuild       Rebuild  Rebuild  COLUMNS   "adding the column rebuilds the table here"
    AddAutoIncrement       Shared   Shared   COLUMNS   "an AUTO_INCREMENT column is filled while writers wait"
    AddConstantDefault     Copy     Instant  COLUMNS   "a new column whose default is an expression copies the table"
    AddComputedDefault     Copy     Copy     COLUMNS   "a new column whose default is computed for each row copies the table"
    AddCheckedColumn       Copy     Instant  COLUMNS   "a new column with a CHECK copies the table"
    AddFulltextId          Copy     Copy     INDEXES   "a column FTS_DOC_ID copies the table"
    AddVirtual             Instant  Instant  GENERATED ""
    AddVirtualFirst        Copy     Instant  GENERATED "a virtual column before all others copies the table"
    AddVirtualBesideIndex  Copy     Copy     GENERATED "a virtual column beside a functional or multi-valued index copies the table"
    AddVirtualUnique       Copy     Copy     GENERATED "a unique virtual column copies the table"
    AddVirtualIndexed      Shared   Shared   GENERATED "the index of a new virtual column is built while writers wait"
    AddVirtualPartitioned  Instant  Copy     GENERATED "a virtual column copies a partitioned table"
    DropVirtualPartitioned Copy     Copy     GENERATED "dropping an indexed virtual column copies a partitioned table"
    VirtualWithOthers      Copy     Copy     GENERATED "a virtual column added or dropped together with other changes copies the table"
    AddStored              Copy     Copy     GENERATED "a stored generated column copies the table"
    DropColumn             Instant  Instant  COLUMNS   ""
    DropColumnRebuild      Rebuild  Rebuild  COLUMNS   "dropping the column rebuilds the table here"
    DropIndexedColumn      Rebuild  Rebuild  COLUMNS   "dropping an indexed column rebuilds the table"
    DropVirtual            InPlace  Instant  GENERATED "drops the virtual column in place"
    DropIndexedVirtual     InPlace  InPlace  GENERATED "drops the virtual column and its index"
    RenameColumn           Instant  Instant  COLUMNS   ""
    RenameReferenced       InPlace  Instant  COLUMNS   "renames a column that foreign keys refer to"
    Validation             Copy     Copy     GENERATED "WITH VALIDATION copies the table"
    KeysWithOthers         Copy     Copy     TABLES    "ENABLE KEYS or DISABLE KEYS beside another change copies the table"
    Definition             Instant  Instant  COLUMNS   ""
    MoveColumn             Rebuild  Instant  COLUMNS   "moving a column rebuilds the table"
    MoveColumnRebuild      Rebuild  Rebuild  COLUMNS   "moving a column rebuilds the table"
    MoveAcrossVirtual      Rebuild  Copy     GENERATED "moving a column past a virtual one copies the table"
    MoveVirtual            Instant  Copy     GENERATED "moving a virtual column copies the table"
    MoveStored             Rebuild  Copy     GENERATED "moving a stored generated column rebuilds the table"
    RedefineStored         Instant  Copy     GENERATED "any new definition of a stored generated column copies the table"
    Nullability            Rebuild  Rebuild  COLUMNS   "a change of NULL rebuilds the table"
    NullabilityRedundant   Rebuild  Instant  COLUMNS   "a change of NULL rebuilds the table"
    NullabilityOfVirtual   InPlace  Copy     GENERATED "a change of NULL of a virtual column is made in place"
    NullabilityVirtual     Rebuild  Copy     COLUMNS   "a change of NULL copies a table with virtual columns"
    NullabilityLenient     Copy     Rebuild    COLUMNS   "NOT NULL without a strict sql_mode copies the table"
    NullabilityOfKey       Copy     Copy     KEYS      "rows are ordered by this unique key, which takes the place of a primary key"
    ChangeType             Copy     Copy     COLUMNS   "a change of a column's type copies the table"
    LongerText             InPlace  Instant  COLUMNS   "makes the column longer in place"
    LongerTextTwoBytes     Copy     Instant  COLUMNS   "a length that takes two bytes instead of one copies the table"
    ChangeCollation        InPlace  Instant  COLUMNS   "gives the column another collation in place"
    ChangeIndexedCollation Copy     InPlace  COLUMNS   "another collation of an indexed column rebuilds its index"
    ChangeListCollation    Instant  Copy     COLUMNS   "another collation of an ENUM or a SET copies the table"
    ChangeFulltextCollation Copy    Shared   COLUMNS   "another collation builds the full-text index anew while writers wait"
    ChangeKeyCollation     Copy     Copy     COLUMNS   "another collation of the primary key copies the table"
    WidenCharset           InPlace  Instant  COLUMNS   "every utf8mb3 text is utf8mb4 text"
    WidenIndexedCharset    Copy     Instant  COLUMNS   "another character set of an indexed column copies the table"
    ConvertCharset         Copy     Copy     TABLES    "another character set copies the table"
    AddAutoIncrementTo     Copy     Copy     COLUMNS   "making a column AUTO_INCREMENT copies the table"
    DropAutoIncrement      Copy     Instant  COLUMNS   "dropping AUTO_INCREMENT copies the table"
    ChangeVirtual          Copy     Instant  GENERATED "another expression of a virtual column copies the table"
    ChangeGenerated        Copy     Copy     GENERATED "another expression or kind of a generated column copies the table"
    CheckColumn            Copy     Instant  COLUMNS   "a CHECK is verified by copying the table"
    CompressColumn         Copy     Copy     COLUMNS   "a change of COMPRESSED copies the table"
    UnknownColumn          Copy     Copy     COLUMNS   "the column is not known as it is now, so its change may copy the table"
    UnknownAttribute       Copy     Copy     COLUMNS   "an attribute that dbtool does not know may copy the table"
    AddIndex               InPlace  InPlace  INDEXES   "builds the index"
    AddFulltext            Shared   Shared   INDEXES   "a full-text index is built while writers wait"
    SeveralFulltext        Copy     Copy     INDEXES   "several full-text indexes at once copy the table"
    AddSpatial             Shared   Shared   INDEXES   "a spatial index is built while writers wait"
    AddVector              Copy     Copy     INDEXES   "a vector index copies the table"
    AddFunctional          Shared   Shared   INDEXES   "an index on an expression is built while writers wait"
    AddFunctionalUnique    Copy     Copy     INDEXES   "a unique index on an expression copies the table"
    AddHashUnique          InPlace  Copy     INDEXES   "a unique index by hashes or on long values copies the table"
    DropIndex              InPlace  InPlace  INDEXES   "drops the index"
    RenameIndex            InPlace  Instant  INDEXES   "renames the index in place"
    IndexVisibility        InPlace  Instant  INDEXES   "changes the index's visibility in place"
    AddPrimaryKey          Rebuild  Rebuild  KEYS      "a primary key rebuilds the table"
    AddPrimaryKeyLenient   Copy     Copy     KEYS      "a primary key of nullable columns without a strict sql_mode copies the table"
    DropPrimaryKey         Copy     Copy     KEYS      "dropping the primary key copies the table"
    DropPrimaryKeyToUnique Copy     Rebuild  KEYS      "dropping the primary key sorts all rows again"
    ReplacePrimaryKey      Rebuild  Rebuild  KEYS      "another primary key rebuilds the table"
    ReplaceKeyPartitioned  Rebuild  Copy     KEYS      "another primary key copies a partitioned table"
    AddForeignKey          Copy     Copy     FOREIGN   "a foreign key is verified by copying the table, unless foreign_key_checks is 0"
    AddForeignKeyUnchecked InPlace  Instant  FOREIGN   "adds the foreign key without looking at the rows"
    AddForeignKeyAndIndex  InPlace  InPlace  FOREIGN   "builds the foreign key's index"
    DropForeignKey         InPlace  Instant  FOREIGN   "drops the foreign key"
    AddCheck               Copy     Copy     TABLES    "a check is verified by copying the table"
    DropCheck              Instant  Instant  TABLES    ""
    RenameTable            Instant  Instant  TABLES    ""
    TableDefinition        InPlace  Instant  TABLES    "changes the table's definition in place"
    RowFormat              Rebuild  Rebuild  TABLES    "another row format rebuilds the table"
    Rebuild                Rebuild  Rebuild  TABLES    "rebuilds the table"
    ChangeEngine           Copy     Copy     TABLES    "another engine copies the table"
    Encryption             Copy     Rebuild  TABLES    "a change of encryption rewrites the table"
    UnknownOption          Copy     Copy     TABLES    "a table option that dbtool does not know may copy the table"
    OrderRows              Copy     Copy     TABLES    "ordering the rows copies the table"
    AddVersioning          Copy     Copy     TABLES    "system versioning copies the table"
    DropVersioning         Shared   Shared   TABLES    "the history is removed while writers wait"
    Period                 Copy     Copy     TABLES    "a period copies the table"
    Tablespace             Copy     Copy     TABLES    "the table cannot be used while its file is exchanged"
    UnknownAction          Copy     Copy     TABLES    "dbtool does not know this action, so it may copy the table"
    PartitionScheme           Copy     Copy     PARTITIONS "partitioning moves every row while writers wait"
    AddRangePartition      InPlace  InPlace  PARTITIONS "adds an empty partition"
    AddHashPartition       Shared   Copy     PARTITIONS "rows move to other partitions while writers wait"
    DropPartition          InPlace  InPlace  PARTITIONS "removes the partition's rows"
    TruncatePartition      Instant  InPlace  PARTITIONS "removes the partition's rows"
    ReorganizePartition    Shared   Copy     PARTITIONS "rows move to other partitions while writers wait"
    ExchangePartition      InPlace  InPlace  PARTITIONS "exchanges the partition with the table"
    ValidatePartition      Shared   Shared   PARTITIONS "every row of the table is checked while writers wait"
    RepairPartition        Copy     Copy     PARTITIONS "rows of the partition are rewritten while writers wait"
    CheckPartition         Shared   Shared   PARTITIONS "rows of the partition are read while writers wait"
    AnalyzePartition       Instant  Instant  PARTITIONS ""
    OtherPartition         Copy     Copy     PARTITIONS "dbtool does not know this change of partitions, so it may copy rows"
    RebuildWithFulltext    Copy     Shared   LIMITS    "writers wait while a table with a full-text index is rebuilt"
    RebuildWithSpatial     Shared   Shared   LIMITS    "writers wait while a table with a spatial index is rebuilt"
    RebuildWithVirtual     Rebuild  Shared   LIMITS    "writers wait while a table with virtual columns is rebuilt"
    ReorderWithVirtual     Rebuild  Copy     LIMITS    "this change of a table with virtual columns copies it"
    OtherEngine            Copy     Copy     LIMITS    "only InnoDB changes tables in place"
    CopyDemanded           Copy     Copy     LIMITS    "ALGORITHM=COPY is demanded"
    CopyByDefault          Copy     Copy     LIMITS    "the session's old_alter_table or alter_algorithm demands a copy"
}
