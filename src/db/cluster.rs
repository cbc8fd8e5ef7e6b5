//! Several servers with one database: Galera, and Group Replication of MySQL. Named locks and the processlist are
//! each server's own there; only a row that is written is agreed upon by all.

use super::row::get;
use super::{DbError, ErrorKind, Row, Session};

/// The variables that tell of a cluster and of the server in it. A server without a cluster has few of them.
const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'wsrep_node_name', \
  'group_replication_group_name', 'group_replication_single_primary_mode', 'hostname', 'port', 'datadir', 'server_uuid')";

/// Reads see everything that was committed anywhere before; writes and SHOW wait for it too.
const GALERA_CAUSAL: &str = "SET SESSION wsrep_sync_wait = 15";
/// DDL is ordered with all other writes of the cluster, and done by every node.
const GALERA_TOTAL_ORDER: &str = "SET SESSION wsrep_OSU_method = 'TOI'";
/// Each transaction begins when this member has applied what the group had agreed upon before.
const GROUP_CAUSAL: &str = "SET SESSION group_replication_consistency = 'BEFORE'";

/// The kind of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterKind {
    /// Galera: each node accepts writes.
    Galera,
    /// Group Replication with one member that accepts writes.
    SinglePrimary,
    /// Group Replication in which each member accepts writes.
    MultiPrimary,
}

/// The cluster that a server belongs to, and its place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The kind.
    pub kind: ClusterKind,
    /// Identifies the server, however it is addressed.
    pub server: String,
    /// The server's name for people.
    pub server_name: String,
}

impl Cluster {
    /// The cluster of the server that this session speaks to; `None` for a server of its own.
    ///
    /// # Errors
    /// The query failed.
    pub async fn of(session: &mut Session) -> Result<Option<Cluster>, DbError> {
        let rows: Vec<Row> = session.rows(VARIABLES).await?;
        let values: Vec<(String, String)> = rows
            .iter()
            .map(|row| {
                let name: String = get(row, 0).unwrap_or_default();
                (name.to_ascii_lowercase(), get(row, 1).unwrap_or_default())
            })
            .collect();
        let value = |wanted: &str| {
            let found = values.iter().find(|(name, _)| name == wanted);
            found.map_or("", |(_, value)| value.as_str())
        };
        let kind = if value("wsrep_on") == "ON" {
            ClusterKind::Galera
        } else if value("group_replication_group_name").is_empty() {
            return Ok(None);
        } else if value("group_replication_single_primary_mode") == "ON" {
            ClusterKind::SinglePrimary
        } else {
            ClusterKind::MultiPrimary
        };
        let parts = ["hostname", "port", "datadir", "server_uuid", "wsrep_node_name"];
        Ok(Some(Cluster {
            kind,
            server: parts.map(value).join("\0"),
            server_name: match value("wsrep_node_name") {
                "" => format!("{}:{}", value("hostname"), value("port")),
                node => format!("{node} ({}:{})", value("hostname"), value("port")),
            },
        }))
    }

    /// Sets a new session up: it reads what any server has committed, and its DDL is ordered with all other writes.
    ///
    /// # Errors
    /// The connection failed, or the server refuses DDL in total order.
    pub async fn prepare(&self, session: &mut Session) -> Result<(), DbError> {
        match self.kind {
            ClusterKind::Galera => {
                session.execute(GALERA_CAUSAL).await?;
                let ordered = session.execute(GALERA_TOTAL_ORDER).await;
                ordered.map(drop).map_err(|error| match error.code() {
                    None => error,
                    Some(code) => DbError::new(
                        ErrorKind::Statement,
                        format!(
                            "this session may not have its DDL done by all nodes (error {code}: {error})"
                        ),
                        "set wsrep_OSU_method to TOI on the server",
                    ),
                })
            }
            ClusterKind::SinglePrimary | ClusterKind::MultiPrimary => {
                match session.execute(GROUP_CAUSAL).await {
                    // An account without the right for it, or an old version: writes are certified all the same.
                    Err(error) if error.is_denied() || error.is_unknown_variable() => Ok(()),
                    other => other.map(drop),
                }
            }
        }
    }
}
