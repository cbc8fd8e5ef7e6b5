//! A blocking connection for assertions, apart from dbtool's own way to connect.

use std::path::Path;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row, Value};
use tokio::runtime::Runtime;

const FAILED: &str = "the test's own connection failed";

/// A connection as root, or as whom it was opened for. Panics on every error: a test that
/// cannot look cannot judge. Dropping it says goodbye to the server.
pub struct Admin {
    runtime: Runtime,
    conn: Option<Conn>,
}

impl Admin {
    /// Logs in as root over the socket.
    pub fn connect(socket: &Path) -> Admin {
        Self::open(Self::root(socket)).unwrap_or_else(|error| panic!("{FAILED}: {error}"))
    }

    /// The same, for a server that may not be up yet.
    pub fn try_connect(socket: &Path) -> Option<Admin> {
        Self::open(Self::root(socket)).ok()
    }

    fn root(socket: &Path) -> OptsBuilder {
        OptsBuilder::default()
            .socket(Some(socket.display().to_string()))
            .user(Some("root"))
            .prefer_socket(false)
    }

    /// Logs in over TCP.
    pub fn connect_tcp(port: u16, user: &str, password: &str, database: &str) -> Admin {
        Self::try_connect_tcp(port, user, password, database)
            .unwrap_or_else(|error| panic!("{FAILED}: {error}"))
    }

    /// The same, where the server may refuse.
    ///
    /// # Errors
    /// What the server said.
    pub fn try_connect_tcp(
        port: u16,
        user: &str,
        password: &str,
        database: &str,
    ) -> Result<Admin, mysql_async::Error> {
        let opts = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(port)
            .user(Some(user))
            .pass(Some(password))
            .db_name(Some(database))
            .prefer_socket(false);
        Self::open(opts)
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the test looks at the server by a way of its own"
    )]
    fn open(opts: OptsBuilder) -> Result<Admin, mysql_async::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime for the test's own connection");
        let conn = runtime.block_on(Conn::new(opts))?;
        Ok(Admin {
            runtime,
            conn: Some(conn),
        })
    }

    fn conn(&mut self) -> (&Runtime, &mut Conn) {
        (&self.runtime, self.conn.as_mut().expect("open until dropped"))
    }

    /// The server's id of this connection.
    pub fn id(&self) -> u32 {
        self.conn.as_ref().expect("open until dropped").id()
    }

    /// Runs one statement, or says why it failed.
    ///
    /// # Errors
    /// What the server said.
    pub fn try_exec(&mut self, sql: &str) -> Result<(), mysql_async::Error> {
        let (runtime, conn) = self.conn();
        runtime.block_on(conn.query_drop(sql))
    }

    /// Runs one statement.
    #[track_caller]
    pub fn exec(&mut self, sql: &str) {
        if let Err(error) = self.try_exec(sql) {
            panic!("{error}\n  in: {sql}");
        }
    }

    /// The rows of a query, every value as text.
    #[track_caller]
    pub fn query(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        let (runtime, conn) = self.conn();
        match runtime.block_on(conn.query::<Row, _>(sql)) {
            Ok(rows) => rows
                .into_iter()
                .map(|row| row.unwrap().into_iter().map(text).collect())
                .collect(),
            Err(error) => panic!("{error}\n  in: {sql}"),
        }
    }

    /// The one value of a query; NULL is `NULL`.
    #[track_caller]
    pub fn value(&mut self, sql: &str) -> String {
        let rows = self.query(sql);
        let first = rows.into_iter().next().and_then(|row| row.into_iter().next());
        let Some(value) = first else {
            panic!("no row\n  in: {sql}")
        };
        value.unwrap_or_else(|| "NULL".to_owned())
    }

    /// The one value of a query, as a number.
    #[track_caller]
    pub fn number(&mut self, sql: &str) -> u64 {
        let value = self.value(sql);
        value
            .parse()
            .unwrap_or_else(|_| panic!("{value} is no number\n  in: {sql}"))
    }

    /// A global status counter.
    #[track_caller]
    pub fn status(&mut self, name: &str) -> u64 {
        let rows = self.query(&format!("SHOW GLOBAL STATUS LIKE '{name}'"));
        let value = rows.first().and_then(|row| row.get(1)).and_then(Option::as_ref);
        let Some(value) = value else {
            panic!("no status counter {name}")
        };
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is {value}, no number"))
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            // The server may be gone on purpose.
            let _ = self.runtime.block_on(conn.disconnect());
        }
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    }
}
