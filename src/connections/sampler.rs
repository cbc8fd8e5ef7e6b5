//! Looking again and again over one connection.

use std::sync::Arc;

use super::end_processes::{Ending, end_processes};
use super::filter::Filter;
use super::gather::gather;
use super::kill::{Fate, Order, What, kill};
use super::model::{Connection, Facts};
use super::processes::Holder;
use super::questions::without_password;
use crate::cancel::Cancelled;
use crate::context::Context;
use crate::db::row::text;
use crate::db::{DbError, Event, Row, Server, Session, ends_of};
use crate::host_processes::clients_of;

/// As much of a statement as a reader wants; it may be sixteen megabytes long.
const STATEMENT: &str = "SELECT LEFT(info, 16384) FROM information_schema.processlist WHERE id = ";

/// The plan of a statement that runs, as the server shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// The columns' names.
    pub columns: Vec<String>,
    /// A row for each table of the statement.
    pub rows: Vec<Vec<String>>,
    /// Why there is no plan, in the server's words.
    pub refused: Option<String>,
}

/// One connection for looks, details and kills, opened when it is needed. It is kept between two looks, unless
/// another process waits for its place in the budget.
pub struct Sampler {
    context: Context,
    session: Option<Session>,
}

impl Sampler {
    /// Opens nothing yet.
    pub fn new(context: &Context) -> Sampler {
        Sampler {
            context: context.clone(),
            session: None,
        }
    }

    /// Closes the connection, and waits until that is done: a further one must not be open beside it.
    pub async fn release(&mut self) {
        if self.session.take().is_some() {
            self.context.db.close().await;
        }
    }

    async fn open(&mut self) -> Result<(&mut Session, Arc<Server>), DbError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.context.db.brief_session_at_once().await?,
        };
        let server = self.context.db.server().await?;
        Ok((self.session.insert(session), server))
    }

    /// What follows every use: a connection that broke, or that another process needs, is closed.
    async fn done<T>(&mut self, result: Result<T, DbError>) -> Result<T, DbError> {
        if result.is_err() || self.context.db.should_give_way() {
            self.release().await;
        }
        result
    }

    /// Looks at the server.
    ///
    /// # Errors
    /// No connection could be had, it was lost, or the run was cancelled.
    pub async fn look(&mut self) -> Result<Facts, DbError> {
        let context = self.context.clone();
        let looked = match self.open().await {
            Ok((session, server)) => gather(&context, &server, session).await,
            Err(error) => Err(error),
        };
        self.done(looked).await
    }

    /// What this host knows of the server's clients without asking it.
    pub fn look_from_outside(&self) -> Facts {
        Facts {
            local: clients_of(&ends_of(&self.context.config, None)),
            ..Facts::default()
        }
    }

    /// The statement that a connection runs, in full, unless it may hold a password.
    ///
    /// # Errors
    /// As [`Sampler::look`].
    pub async fn statement(&mut self, id: u64) -> Result<Option<String>, DbError> {
        let found = match self.open().await {
            Ok((session, _)) => session.first::<Row>(format!("{STATEMENT}{id}")).await,
            Err(error) => Err(error),
        };
        let statement = self.done(found).await?.and_then(|row| text(&row, 0));
        Ok(statement.filter(|text| !text.is_empty()).map(without_password))
    }

    /// The plan of the statement that a connection runs.
    ///
    /// # Errors
    /// As [`Sampler::look`]; a statement that has none, or that this account may not ask about, is no error.
    pub async fn explain(&mut self, id: u64) -> Result<Explained, DbError> {
        let explained = match self.open().await {
            Ok((session, server)) => explain(session, &server, id).await,
            Err(error) => Err(error),
        };
        self.done(explained).await
    }

    /// Ends connections, or their statements, that were planned from `facts`.
    ///
    /// # Errors
    /// As [`Sampler::look`].
    pub async fn kill(
        &mut self,
        facts: &Facts,
        what: What,
        filter: &Filter,
        including_writers: bool,
        targets: Vec<Connection>,
    ) -> Result<Vec<(Connection, Fate)>, DbError> {
        let cancel = self.context.cancel.clone();
        let order = Order {
            what,
            filter,
            including_writers,
            cancel: &cancel,
        };
        let done = match self.open().await {
            Ok((session, server)) => kill(session, &server, facts, &order, targets).await,
            Err(error) => Err(error),
        };
        self.done(done).await
    }

    /// Asks processes of this host to end.
    ///
    /// # Errors
    /// The run was cancelled.
    pub async fn end_processes(&self, holders: &[Holder]) -> Result<Vec<Fate>, Cancelled> {
        let how = Ending {
            grace: std::time::Duration::from_secs(10),
            force: false,
            cancel: &self.context.cancel,
        };
        end_processes(&how, holders).await
    }
}

async fn explain(session: &mut Session, server: &Server, id: u64) -> Result<Explained, DbError> {
    let mut explained = Explained::default();
    let sql = format!("{}{id}", server.plan_of_connection());
    let ran = session
        .run(sql, |event| match event {
            Event::Columns(names) => explained.columns = names,
            Event::Row(row) => {
                let cells = (0..row.len()).map(|index| text(&row, index).unwrap_or_default());
                explained.rows.push(cells.collect());
            }
            Event::SetDone(_) => {}
        })
        .await;
    match ran {
        Err(error) if error.is_time_limit() => {
            let why = "it waits for something, and shows its plan when it goes on";
            explained.refused = Some(why.to_owned());
        }
        Err(error) if error.code().is_some() => explained.refused = Some(error.what().to_owned()),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    Ok(explained)
}
