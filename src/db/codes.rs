//! Error numbers, named as the manuals name them (MySQL, "Server Error Message Reference"; MariaDB,
//! "MariaDB Error Code Reference"). Only this file has the numbers: other rooms ask a
//! [`DbError`] for its meaning, or use a name.

use super::DbError;

macro_rules! codes {
    ($($name:ident = $number:literal)*) => {
        $(#[allow(missing_docs, reason = "the manual's name says it")] pub const $name: u16 = $number;)*
    };
}

codes! {
    EE_WRITE = 3
    // Error numbers of the operating system, which the server passes on.
    ENOSPC = 28
    ER_DB_CREATE_EXISTS = 1007
    ER_DB_DROP_EXISTS = 1008
    ER_CHECKREAD = 1020
    ER_DISK_FULL = 1021
    ER_ERROR_ON_RENAME = 1025
    ER_FILSORT_ABORT = 1028
    ER_CON_COUNT_ERROR = 1040
    ER_DBACCESS_DENIED_ERROR = 1044
    ER_ACCESS_DENIED_ERROR = 1045
    // Galera: the node is not ready, or not in the part of the cluster that has the majority.
    ER_UNKNOWN_COM_ERROR = 1047
    ER_BAD_NULL_ERROR = 1048
    ER_BAD_DB_ERROR = 1049
    ER_TABLE_EXISTS_ERROR = 1050
    ER_BAD_TABLE_ERROR = 1051
    ER_SERVER_SHUTDOWN = 1053
    ER_BAD_FIELD_ERROR = 1054
    ER_DUP_FIELDNAME = 1060
    ER_DUP_KEYNAME = 1061
    ER_DUP_ENTRY = 1062
    ER_PARSE_ERROR = 1064
    ER_MULTIPLE_PRI_KEY = 1068
    ER_KEY_COLUMN_DOES_NOT_EXITS = 1072
    ER_NORMAL_SHUTDOWN = 1077
    ER_SHUTDOWN_COMPLETE = 1079
    ER_CANT_DROP_FIELD_OR_KEY = 1091
    ER_NO_SUCH_THREAD = 1094
    ER_KILL_DENIED_ERROR = 1095
    ER_RECORD_FILE_FULL = 1114
    ER_TOO_BIG_ROWSIZE = 1118
    ER_HOST_IS_BLOCKED = 1129
    ER_INVALID_USE_OF_NULL = 1138
    ER_TABLEACCESS_DENIED_ERROR = 1142
    ER_COLUMNACCESS_DENIED_ERROR = 1143
    ER_NO_SUCH_TABLE = 1146
    ER_NET_PACKET_TOO_LARGE = 1153
    ER_KEY_DOES_NOT_EXITS = 1176
    ER_UNKNOWN_SYSTEM_VARIABLE = 1193
    ER_WARNING_NOT_COMPLETE_ROLLBACK = 1196
    ER_TOO_MANY_USER_CONNECTIONS = 1203
    ER_LOCK_WAIT_TIMEOUT = 1205
    ER_LOCK_DEADLOCK = 1213
    ER_NO_REFERENCED_ROW = 1216
    ER_ROW_IS_REFERENCED = 1217
    ER_USER_LIMIT_REACHED = 1226
    ER_SPECIFIC_ACCESS_DENIED_ERROR = 1227
    ER_NOT_SUPPORTED_YET = 1235
    ER_NOT_SUPPORTED_AUTH_MODE = 1251
    ER_WARN_DATA_OUT_OF_RANGE = 1264
    WARN_DATA_TRUNCATED = 1265
    ER_UNKNOWN_COLLATION = 1273
    ER_FEATURE_DISABLED = 1289
    ER_OPTION_PREVENTS_STATEMENT = 1290
    ER_TRUNCATED_WRONG_VALUE = 1292
    ER_WARN_ALLOWED_PACKET_OVERFLOWED = 1301
    ER_SP_ALREADY_EXISTS = 1304
    ER_SP_DOES_NOT_EXIST = 1305
    ER_QUERY_INTERRUPTED = 1317
    ER_WRONG_OBJECT = 1347
    ER_TRG_ALREADY_EXISTS = 1359
    ER_TRG_DOES_NOT_EXIST = 1360
    ER_NO_DEFAULT_FOR_FIELD = 1364
    ER_TRUNCATED_WRONG_VALUE_FOR_FIELD = 1366
    ER_PROCACCESS_DENIED_ERROR = 1370
    ER_DATA_TOO_LONG = 1406
    ER_BINLOG_CREATE_ROUTINE_NEED_SUPER = 1419
    ER_ROW_IS_REFERENCED_2 = 1451
    ER_NO_REFERENCED_ROW_2 = 1452
    ER_NO_PARTITION_FOR_GIVEN_VALUE = 1526
    ER_EVENT_ALREADY_EXISTS = 1537
    ER_EVENT_DOES_NOT_EXIST = 1539
    ER_ACCESS_DENIED_NO_PASSWORD_ERROR = 1698
    ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION = 1792
    ER_TABLESPACE_MISSING = 1812
    ER_FK_DUP_NAME = 1826
    ER_READ_ONLY_MODE = 1836
    // Only in MariaDB.
    ER_NO_SUCH_TABLE_IN_ENGINE = 1932
    ER_STATEMENT_TIMEOUT = 1969
    // Of the client library: the account's authentication plugin cannot be loaded.
    CR_AUTH_PLUGIN_CANNOT_LOAD = 2059
    // Only in MySQL.
    ER_QUERY_TIMEOUT = 3024
    // Group Replication.
    ER_BEFORE_DML_VALIDATION_ERROR = 3098
    ER_RUN_HOOK_ERROR = 3100
    ER_TRANSACTION_ROLLBACK_DURING_COMMIT = 3101
    ER_INVALID_JSON_TEXT = 3140
    ER_SECURE_TRANSPORT_REQUIRED = 3159
    ER_CHECK_CONSTRAINT_VIOLATED = 3819
    // Only in MariaDB.
    ER_CONSTRAINT_FAILED = 4025
    ER_UNKNOWN_VIEW = 4092
    ER_NO_SUCH_QUERY = 1957
}

/// Defines predicates of an error by its numbers.
macro_rules! predicates {
    ($($(#[$doc:meta])* $name:ident: $($code:ident)|+;)*) => {
        impl DbError {
            $($(#[$doc])* pub fn $name(&self) -> bool {
                matches!(self.code(), Some($($code)|+))
            })*
        }
    };
}

predicates! {
    /// Whether running the whole transaction again is the documented answer: a deadlock, a lock that was
    /// waited for too long, MariaDB's record that has changed since it was read, and a group's refusal of a transaction
    /// that another member's has overtaken (in Galera that is a deadlock).
    is_lock_conflict: ER_LOCK_WAIT_TIMEOUT | ER_LOCK_DEADLOCK | ER_CHECKREAD
        | ER_TRANSACTION_ROLLBACK_DURING_COMMIT;

    /// Whether the server refused a write because it is read-only.
    is_read_only: ER_OPTION_PREVENTS_STATEMENT | ER_READ_ONLY_MODE;

    /// Whether the server accepts no writes, or no statements at all, and another one of its cluster may: it is
    /// read-only, no member with the majority, or cannot reach its group.
    is_wrong_server: ER_OPTION_PREVENTS_STATEMENT | ER_READ_ONLY_MODE | ER_UNKNOWN_COM_ERROR | ER_RUN_HOOK_ERROR;

    /// Whether a write was refused because its transaction is read-only.
    is_read_only_transaction: ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION;

    /// Whether the account lacks a privilege.
    is_denied: ER_DBACCESS_DENIED_ERROR | ER_ACCESS_DENIED_ERROR | ER_TABLEACCESS_DENIED_ERROR
        | ER_COLUMNACCESS_DENIED_ERROR | ER_SPECIFIC_ACCESS_DENIED_ERROR | ER_PROCACCESS_DENIED_ERROR;

    /// Whether there is no such table.
    is_missing_table: ER_NO_SUCH_TABLE;

    /// Whether there is no such column.
    is_missing_column: ER_BAD_FIELD_ERROR;

    /// Whether there is no such table, database, routine, trigger, event, view or sequence.
    is_missing_object: ER_NO_SUCH_TABLE | ER_BAD_DB_ERROR | ER_SP_DOES_NOT_EXIST | ER_TRG_DOES_NOT_EXIST
        | ER_EVENT_DOES_NOT_EXIST | ER_WRONG_OBJECT | ER_UNKNOWN_VIEW;

    /// Whether there is no such savepoint, the transaction that had it being over.
    is_missing_savepoint: ER_SP_DOES_NOT_EXIST;

    /// Whether the server has no such variable.
    is_unknown_variable: ER_UNKNOWN_SYSTEM_VARIABLE;

    /// Whether the server has no such collation.
    is_unknown_collation: ER_UNKNOWN_COLLATION;

    /// Whether a database of this name exists already.
    is_existing_database: ER_DB_CREATE_EXISTS;

    /// Whether the object that the statement would create exists already: a table, routine, trigger, column, index, database.
    is_existing_object: ER_TABLE_EXISTS_ERROR | ER_SP_ALREADY_EXISTS | ER_TRG_ALREADY_EXISTS
        | ER_DUP_FIELDNAME | ER_DUP_KEYNAME | ER_DB_CREATE_EXISTS;

    /// Whether the account may not create a trigger because the server writes a binary log and does not trust creators
    /// of programs (log_bin_trust_function_creators).
    needs_trusted_creators: ER_BINLOG_CREATE_ROUTINE_NEED_SUPER;

    /// Whether a value does not fit its column, or is NULL where that is not allowed, or breaks a check.
    is_unfit_row: ER_BAD_NULL_ERROR | ER_DATA_TOO_LONG | ER_WARN_DATA_OUT_OF_RANGE | WARN_DATA_TRUNCATED
        | ER_TRUNCATED_WRONG_VALUE | ER_TRUNCATED_WRONG_VALUE_FOR_FIELD | ER_NO_PARTITION_FOR_GIVEN_VALUE
        | ER_CHECK_CONSTRAINT_VIOLATED | ER_CONSTRAINT_FAILED | ER_INVALID_JSON_TEXT;

    /// Whether a row with this key exists already.
    is_duplicate_row: ER_DUP_ENTRY;

    /// Whether the row that a new row refers to does not exist.
    is_missing_parent: ER_NO_REFERENCED_ROW_2 | ER_NO_REFERENCED_ROW;

    /// Whether the INSERT omits a column without a default.
    is_missing_value: ER_NO_DEFAULT_FOR_FIELD;

    /// Whether a value is longer than its column holds.
    is_too_long_for_column: ER_DATA_TOO_LONG;

    /// Whether a statement or value is larger than max_allowed_packet.
    is_too_large_for_packet: ER_NET_PACKET_TOO_LARGE | ER_WARN_ALLOWED_PACKET_OVERFLOWED;

    /// Whether a row is larger than the server can store.
    is_too_large_row: ER_TOO_BIG_ROWSIZE;

    /// Whether the statement reached a time limit of the server's own (max_statement_time, max_execution_time).
    is_time_limit: ER_STATEMENT_TIMEOUT | ER_QUERY_TIMEOUT;

    /// Whether the statement was ended by KILL.
    is_killed: ER_QUERY_INTERRUPTED | ER_FILSORT_ABORT;

    /// Whether the server, or the account, has no free connection.
    is_full: ER_CON_COUNT_ERROR | ER_TOO_MANY_USER_CONNECTIONS | ER_USER_LIMIT_REACHED;

    /// Whether the server has no such connection or statement to kill.
    is_unknown_thread: ER_NO_SUCH_THREAD | ER_NO_SUCH_QUERY;

    /// Whether the server has no such function, or does not offer it: a proxy or a cluster may not.
    is_not_supported: ER_SP_DOES_NOT_EXIST | ER_NOT_SUPPORTED_YET | ER_FEATURE_DISABLED | ER_PARSE_ERROR;
}

/// Advice when the server's dictionary names a table that its engine does not have.
pub(super) const LOST_TABLE_FILE: &str = "the server no longer finds the table's data, as after a crash that its own \
    recovery did not repair: read the server's error log, and restore the table from a backup or move its file back";

/// Advice for a server error, by its number; empty if there is no general advice.
pub fn advice(code: u16) -> &'static str {
    match code {
        ER_CON_COUNT_ERROR => {
            "the server has no free connection: end programs that are no longer needed, or set DB_ADMIN_PORT to \
             the server's admin_port or extra_port"
        }
        ER_TOO_MANY_USER_CONNECTIONS | ER_USER_LIMIT_REACHED => {
            "close other programs that use this account, or have its MAX_USER_CONNECTIONS raised"
        }
        ER_DBACCESS_DENIED_ERROR
        | ER_TABLEACCESS_DENIED_ERROR
        | ER_COLUMNACCESS_DENIED_ERROR
        | ER_SPECIFIC_ACCESS_DENIED_ERROR
        | ER_PROCACCESS_DENIED_ERROR
        | ER_BINLOG_CREATE_ROUTINE_NEED_SUPER => {
            "grant the account the privilege it lacks, or use another account"
        }
        ER_ACCESS_DENIED_ERROR | ER_ACCESS_DENIED_NO_PASSWORD_ERROR => {
            "check DB_USER and DB_PASSWORD, and that the account may connect from this host (one that requires \
             TLS needs DB_SSL_MODE=required); `dbtool config` shows where each value comes from"
        }
        ER_BAD_DB_ERROR => "create the database, or correct DB_NAME",
        ER_TABLE_EXISTS_ERROR | ER_DUP_FIELDNAME | ER_DUP_KEYNAME | ER_FK_DUP_NAME => {
            "it exists already: compare the database with the migrations before you go on"
        }
        ER_BAD_TABLE_ERROR
        | ER_BAD_FIELD_ERROR
        | ER_KEY_COLUMN_DOES_NOT_EXITS
        | ER_CANT_DROP_FIELD_OR_KEY
        | ER_NO_SUCH_TABLE
        | ER_KEY_DOES_NOT_EXITS => {
            "it is not there: see `dbtool migrate status`, and bring the schema up to date with `dbtool migrate`"
        }
        ER_SERVER_SHUTDOWN | ER_NORMAL_SHUTDOWN | ER_SHUTDOWN_COMPLETE => {
            "the server is shutting down: run the command again when it is back"
        }
        ER_DUP_ENTRY => "a row with this key exists already: correct the data or the statement",
        ER_PARSE_ERROR => "correct the statement; if it uses a newer syntax, compare the server's version",
        ER_HOST_IS_BLOCKED => {
            "the server blocks this host after too many failed attempts: run FLUSH HOSTS there"
        }
        ER_NET_PACKET_TOO_LARGE => "raise max_allowed_packet on the server, or make the statement smaller",
        ER_LOCK_WAIT_TIMEOUT => {
            "another transaction holds a lock for too long: find it with `dbtool check-connections`"
        }
        ER_LOCK_DEADLOCK => "two transactions waited for each other: run the command again",
        ER_TRANSACTION_ROLLBACK_DURING_COMMIT => {
            "a transaction on another member of the group came first: run the command again"
        }
        ER_NOT_SUPPORTED_AUTH_MODE | CR_AUTH_PLUGIN_CANNOT_LOAD => {
            "the account's authentication plugin is not supported: alter the account to another one"
        }
        ER_OPTION_PREVENTS_STATEMENT | ER_READ_ONLY_MODE | ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION => {
            "the server, or the session, is read-only: connect to the primary, or end the read-only mode"
        }
        ER_UNKNOWN_COM_ERROR => {
            "the node is not ready, or not in the part of its cluster that has the majority: connect to another node"
        }
        ER_BEFORE_DML_VALIDATION_ERROR => {
            "the group refuses this write: a table needs a primary key and InnoDB, with several primaries also foreign \
             keys without CASCADE; during a change of the primary, run the command again"
        }
        ER_RUN_HOOK_ERROR => {
            "the member cannot reach its group: look at performance_schema.replication_group_members, connect to another"
        }
        ER_QUERY_INTERRUPTED => {
            "somebody ended the statement with KILL: find out who, and why, then run the command again"
        }
        ER_RECORD_FILE_FULL | ER_DISK_FULL | EE_WRITE | ENOSPC => {
            "free space on the server's disk, then run the command again"
        }
        ER_ROW_IS_REFERENCED_2 | ER_NO_REFERENCED_ROW_2 | ER_NO_REFERENCED_ROW | ER_ROW_IS_REFERENCED => {
            "the data breaks a foreign key: correct the rows first"
        }
        ER_DATA_TOO_LONG
        | ER_WARN_DATA_OUT_OF_RANGE
        | WARN_DATA_TRUNCATED
        | ER_TRUNCATED_WRONG_VALUE
        | ER_TRUNCATED_WRONG_VALUE_FOR_FIELD => "a value does not fit its column: correct the data first",
        ER_TABLESPACE_MISSING | ER_NO_SUCH_TABLE_IN_ENGINE => LOST_TABLE_FILE,
        ER_SECURE_TRANSPORT_REQUIRED => {
            "the server accepts only encrypted connections: set DB_SSL_MODE=required"
        }
        _ => "",
    }
}
