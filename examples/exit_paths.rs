//! A program that ends in every way in which a command can end. It uses the library exactly as the
//! binary does; `tests/it/exit_paths.rs` runs it and checks the server's counters.
//!
//! Usage: `exit_paths WAY [ARGUMENT]`, configured by the environment like dbtool.

use std::process::ExitCode;
use std::time::Duration;

use dbtool::app::{self, CommandResult};
use dbtool::cli::connection::ConnectionArgs;
use dbtool::context::{AppContext, Context};
use dbtool::db::{Query, Session};
use dbtool::report::{ReportSettings, Reporter, Screen};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let report = Reporter::new(ReportSettings::default());
    let flags = ConnectionArgs {
        no_env_file: true,
        ..ConnectionArgs::default()
    };
    app::run(&report, flags, |app| end(app, arguments)).into()
}

/// Says on standard output that a point was reached, so that a test can act at that point.
fn reached(context: &Context, what: &str) {
    context.report.out(&format!("{what}\n"));
}

async fn end(app: AppContext, arguments: Vec<String>) -> CommandResult {
    let way = arguments.first().map_or("", String::as_str);
    let argument = arguments.get(1).map_or("", String::as_str);
    let context = app.context(&format!("exit-path {way}"))?;
    match way {
        "success" => {
            context.db.session().await?.execute("DO 1").await?;
        }
        "panic" => {
            let mut session = context.db.session().await?;
            session.execute("DO 1").await?;
            panic!("on purpose");
        }
        "panic-in-task" => {
            let mut session = context.db.session().await?;
            let task = tokio::spawn(async move {
                let _ = session.execute("DO 1").await;
                panic!("on purpose, in a task");
            });
            let _ = task.await;
        }
        "panic-in-view" => {
            let mut session = context.db.session().await?;
            session.execute("DO 1").await?;
            let mut screen = Screen::take()?;
            screen.draw(|_| panic!("on purpose, in a view"))?;
        }
        "panic-in-flight" => panic_in_flight(&context, argument).await?,
        "drop-in-flight" => {
            let mut session = context.db.session().await?;
            let running = session.execute(Query::new(argument).timeout(None));
            let _ = tokio::time::timeout(Duration::from_millis(200), running).await;
            session.execute("DO 1").await?;
        }
        "write" => {
            let mut session = context.db.writable_session().await?;
            session.execute(argument).await?;
        }
        "run" => {
            let mut session = context.db.session().await?;
            reached(&context, &format!("running {}", session.id()));
            session.execute(argument).await?;
        }
        "run-unlimited" => {
            let mut session = context.db.session().await?;
            reached(&context, &format!("running {}", session.id()));
            session.execute(Query::new(argument).timeout(None)).await?;
        }
        "run-in-transaction" => in_transaction(&context, argument).await?,
        "idle" => {
            let mut session = context.db.session().await?;
            session.execute("DO 1").await?;
            reached(&context, "idle");
            context
                .cancel
                .sleep(Duration::from_millis(argument.parse()?))
                .await?;
            session.execute("DO 1").await?;
        }
        "rows" => print_rows(&context, argument).await?,
        "statements" => {
            let mut session = context.db.session().await?;
            let sql = arguments.get(2).map_or("", String::as_str);
            for _ in 0..argument.parse()? {
                session.execute(sql).await?;
            }
        }
        "two" => two_connections(&context).await?,
        "brief" => {
            context.db.brief_session().await?.execute(argument).await?;
        }
        other => anyhow::bail!("unknown way '{other}'"),
    }
    Ok(None)
}

async fn panic_in_flight(context: &Context, sql: &str) -> anyhow::Result<()> {
    let mut session = context.db.session().await?;
    let running = session.execute(Query::new(sql).timeout(None));
    let _ = tokio::time::timeout(Duration::from_millis(200), async { running.await.map(drop) }).await;
    panic!("on purpose, with a statement running");
}

async fn in_transaction(context: &Context, sql: &str) -> anyhow::Result<()> {
    let mut session = context.db.session().await?;
    session.execute("START TRANSACTION").await?;
    for statement in sql.split(";;") {
        reached(context, &format!("running {}", session.id()));
        session.execute(Query::new(statement).timeout(None)).await?;
    }
    session.execute("COMMIT").await?;
    Ok(())
}

async fn print_rows(context: &Context, sql: &str) -> anyhow::Result<()> {
    let mut session = context.db.session().await?;
    let mut rows = session.stream(sql).await?;
    while let Some((text,)) = rows.next_as::<(String,)>().await? {
        context.report.out(&format!("{text}\n"));
    }
    Ok(())
}

/// Takes a second connection when one is free, as a command with parallel work does.
async fn two_connections(context: &Context) -> anyhow::Result<()> {
    let mut first: Session = context.db.session().await?;
    first.execute("DO SLEEP(0.01)").await?;
    let second = context.db.try_session().await?;
    if let Some(mut second) = second {
        second.execute("DO SLEEP(0.02)").await?;
    }
    first.execute("DO SLEEP(0.02)").await?;
    Ok(())
}
