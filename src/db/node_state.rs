//! What a server is in its cluster or replication, and whether it may be used: in words, for people and checks.

use super::cluster::{Cluster, ClusterKind};
use super::row::get;
use super::server::{mariadb, mysql};
use super::{DbError, Flavor, FromValue, Row, Session};

/// The state of a Galera node; every account may read it, also on a node without the majority.
const GALERA_STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', \
  'wsrep_local_state_comment', 'wsrep_ready', 'wsrep_cluster_size', 'wsrep_flow_control_paused', \
  'wsrep_local_recv_queue')";

/// The members of a group; needs SELECT on performance_schema.
const GROUP_MEMBERS: &str = "SELECT m.MEMBER_HOST, m.MEMBER_PORT, m.MEMBER_STATE, m.MEMBER_ROLE, \
  m.MEMBER_ID = @@server_uuid, COALESCE(s.COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE, 0) \
  FROM performance_schema.replication_group_members AS m \
  LEFT JOIN performance_schema.replication_group_member_stats AS s ON s.MEMBER_ID = m.MEMBER_ID";

/// A server's place in its cluster or replication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// What it is and in which state, in one line.
    pub text: String,
    /// Why it must not be used, if so.
    pub unusable: Option<String>,
    /// How far it is behind its source, where it is a replica whose replication runs.
    pub lag: Option<u64>,
}

impl NodeState {
    /// The state of the server that this session speaks to; `None` for a server of its own, or one that does not tell
    /// this account.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn of(session: &mut Session, flavor: Flavor) -> Result<Option<NodeState>, DbError> {
        match Cluster::of(session).await? {
            Some(cluster) if cluster.kind == ClusterKind::Galera => galera(session, &cluster).await.map(Some),
            Some(cluster) => group(session, &cluster).await.map(Some),
            None => NodeState::of_replica(session, flavor).await,
        }
    }

    /// The state of a replica; `None` for a server that has no source, or does not tell this account.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn of_replica(session: &mut Session, flavor: Flavor) -> Result<Option<NodeState>, DbError> {
        let rows = match replication(session, flavor).await {
            Ok(rows) => rows,
            Err(error) if error.code().is_some() => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(rows
            .iter()
            .map(replica)
            .max_by_key(|state| (state.unusable.is_some(), state.lag)))
    }
}

async fn galera(session: &mut Session, cluster: &Cluster) -> Result<NodeState, DbError> {
    let rows: Vec<Row> = session.rows(GALERA_STATUS).await?;
    let value = |name: &str| {
        let row = rows
            .iter()
            .find(|row| get::<String>(row, 0).is_some_and(|found| found.eq_ignore_ascii_case(name)));
        row.and_then(|row| get::<String>(row, 1)).unwrap_or_default()
    };
    let (part, state) = (value("wsrep_cluster_status"), value("wsrep_local_state_comment"));
    let paused: f64 = value("wsrep_flow_control_paused").parse().unwrap_or_default();
    let text = format!(
        "node {} of a Galera cluster of {}: {part}, {state}; flow control paused it {:.1} % of the time, {} write sets wait",
        cluster.server_name,
        value("wsrep_cluster_size"),
        paused * 100.0,
        value("wsrep_local_recv_queue"),
    );
    let unusable = if part != "Primary" {
        Some(format!(
            "the node is not in the part of its cluster that has the majority ({part})"
        ))
    } else if value("wsrep_ready") != "ON" {
        Some(format!("the node is not ready ({state})"))
    } else {
        None
    };
    Ok(NodeState {
        text,
        unusable,
        lag: None,
    })
}

async fn group(session: &mut Session, cluster: &Cluster) -> Result<NodeState, DbError> {
    let mode = match cluster.kind {
        ClusterKind::MultiPrimary => "a group with several primaries",
        _ => "a group with one primary",
    };
    let rows: Vec<Row> = match session.rows(GROUP_MEMBERS).await {
        Ok(rows) => rows,
        Err(error) if error.is_denied() => {
            return Ok(NodeState {
                text: format!(
                    "member {} of {mode}; its state is not visible: GRANT SELECT ON performance_schema.* shows it",
                    cluster.server_name
                ),
                unusable: None,
                lag: None,
            });
        }
        Err(error) => return Err(error),
    };
    let text = |row: &Row, index: usize| get::<String>(row, index).unwrap_or_default();
    let own = rows.iter().find(|row| get::<u8>(row, 4) == Some(1));
    let state = own.map_or_else(|| "OFFLINE".to_owned(), |row| text(row, 2));
    let primaries: Vec<String> = rows
        .iter()
        .filter(|row| text(row, 3) == "PRIMARY")
        .map(|row| format!("{}:{}", text(row, 0), text(row, 1)))
        .collect();
    let online = rows.iter().filter(|row| text(row, 2) == "ONLINE").count();
    let line = format!(
        "member {} of {mode}: {state}, {}; {online} of {} members online, primary {}, {} transactions wait",
        cluster.server_name,
        own.map_or_else(|| "no role".to_owned(), |row| text(row, 3).to_lowercase()),
        rows.len(),
        if primaries.is_empty() {
            "unknown".to_owned()
        } else {
            primaries.join(", ")
        },
        own.map_or_else(|| "0".to_owned(), |row| text(row, 5)),
    );
    Ok(NodeState {
        text: line,
        unusable: (state != "ONLINE").then(|| format!("the member is not online in its group ({state})")),
        lag: None,
    })
}

/// What a server tells of each source that it replicates from: none for a server that is no replica.
///
/// # Errors
/// The account may not read it, or the connection failed.
pub async fn replication(session: &mut Session, flavor: Flavor) -> Result<Vec<Row>, DbError> {
    let status = flavor.pick(mysql::REPLICA_STATUS, mariadb::REPLICA_STATUS);
    session.rows(status).await
}

/// The seconds that a row of [`replication`] is behind its source; none while it does not run.
pub fn seconds_behind(row: &Row) -> Option<u64> {
    column(row, &["Seconds_Behind_Source", "Seconds_Behind_Master"])
}

/// A column by one of its names: the versions of the servers differ in them.
fn column<T: FromValue>(row: &Row, names: &[&str]) -> Option<T> {
    let found = row
        .columns_ref()
        .iter()
        .position(|column| names.contains(&column.name_str().as_ref()))?;
    get(row, found)
}

fn replica(row: &Row) -> NodeState {
    let text = |names: &[&str]| column::<String>(row, names).unwrap_or_default();
    let lag = seconds_behind(row);
    let threads = [
        text(&["Replica_IO_Running", "Slave_IO_Running"]),
        text(&["Replica_SQL_Running", "Slave_SQL_Running"]),
    ];
    let source = format!(
        "{}:{}",
        text(&["Source_Host", "Master_Host"]),
        text(&["Source_Port", "Master_Port"])
    );
    let runs = threads.iter().all(|thread| thread == "Yes");
    let behind = match lag {
        Some(lag) => format!("{lag} s behind"),
        None => "its lag is unknown".to_owned(),
    };
    let state = format!("receiving {}, applying {}", threads[0], threads[1]);
    NodeState {
        text: format!("replica of {source}: {behind}, {state}"),
        unusable: (!runs).then(|| format!("replication from {source} does not run ({state})")),
        lag,
    }
}
