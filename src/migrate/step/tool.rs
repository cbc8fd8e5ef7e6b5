//! A statement that another program runs as an online schema change: pt-online-schema-change or gh-ost.
//!
//! It is recorded as a statement that commits by itself: an intent before it, and the table compared with it after an
//! interruption. The account's password is in a private file that goes with the run, never on a command line.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use super::StepStatement;
use crate::config::{Address, Config};
use crate::db::{DbError, Query, quote_name};
use crate::migrate::apply::{MigrationStop, Progress, Runner};
use crate::migrate::failure::MigrateFailure;
use crate::migrate::options::ChangeTool;
use crate::online_change::OnlineRequest;
use crate::report::duration;
use crate::run_command;
use crate::sql::{alter_of_copy, summary};

const LEFT: &str = "SELECT CONCAT('trigger ', TRIGGER_NAME) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? \
  AND EVENT_OBJECT_TABLE = ? AND TRIGGER_NAME LIKE 'pt\\_osc\\_%' \
  UNION ALL SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?, ?, ?)";

impl ChangeTool {
    fn program(self) -> &'static str {
        match self {
            ChangeTool::PtOsc => "pt-online-schema-change",
            ChangeTool::GhOst => "gh-ost",
        }
    }

    /// The tables that it creates beside `table`.
    fn tables(self, table: &str) -> [String; 3] {
        let ends = match self {
            ChangeTool::PtOsc => ["new", "old", "new_old"],
            ChangeTool::GhOst => ["gho", "ghc", "del"],
        };
        ends.map(|end| format!("_{table}_{end}"))
    }

    fn command(self, file: &Path, config: &Config, request: &OnlineRequest, alter: &str) -> Vec<OsString> {
        let file = file.display();
        let (database, table) = (&request.database, &request.table);
        let mut words = vec![self.program().to_owned()];
        match self {
            ChangeTool::PtOsc => words.extend([
                format!("--defaults-file={file}"),
                format!("--alter={alter}"),
                "--execute".to_owned(),
                "--no-version-check".to_owned(),
                "--progress=time,10".to_owned(),
                format!("D={database},t={table}"),
            ]),
            ChangeTool::GhOst => {
                words.extend([
                    format!("--conf={file}"),
                    format!("--alter={alter}"),
                    "--execute".to_owned(),
                    "--allow-on-master".to_owned(),
                    format!("--database={database}"),
                    format!("--table={table}"),
                ]);
                if let Address::Tcp { host, port } = &config.address.value {
                    words.extend([format!("--host={host}"), format!("--port={port}")]);
                }
            }
        }
        words.into_iter().map(OsString::from).collect()
    }
}

/// The file by which a tool logs in. Only its owner may read it.
fn defaults_file(config: &Config) -> std::io::Result<tempfile::NamedTempFile> {
    let mut text = "[client]\n".to_owned();
    let mut line = |name: &str, value: &str| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        text += &format!("{name}=\"{value}\"\n");
    };
    if let Some(user) = &config.user {
        line("user", &user.value);
    }
    if let Some(password) = &config.password {
        line("password", password.value.reveal());
    }
    match &config.address.value {
        Address::Tcp { host, port } => {
            line("host", host);
            line("port", &port.to_string());
        }
        Address::Socket(path) => line("socket", &path.display().to_string()),
    }
    let mut file = tempfile::Builder::new()
        .prefix("dbtool-")
        .suffix(".cnf")
        .tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// What follows the name of the table in an ALTER TABLE.
fn actions_of(statement: &str) -> Option<String> {
    let name = quote_name("x");
    let text = alter_of_copy(statement, &name, &|_, _| None)?;
    let (head, actions) = text.split_once(&name)?;
    head.trim()
        .to_ascii_uppercase()
        .ends_with("TABLE")
        .then(|| actions.trim().to_owned())
}

impl Runner<'_> {
    /// Has a tool run a statement, and records it.
    pub(super) async fn by_tool(
        &mut self,
        progress: &mut Progress<'_>,
        parts: &[StepStatement],
        request: &OnlineRequest,
        tool: ChangeTool,
    ) -> Result<(), MigrationStop> {
        let started = Instant::now();
        let part = &parts[0];
        let (place, program) = (part.statement.place(), tool.program());
        let stop = |failure: MigrateFailure| Err(MigrationStop::Other(failure.into()));
        // In the arguments of these programs they would end the name.
        let odd = |name: &str| name.contains([',', '=', '\\', '\'', '"']);
        let actions = actions_of(&request.statement)
            .filter(|_| parts.len() == 1 && !odd(&request.table) && !odd(&request.database));
        let Some(actions) = actions else {
            return stop(MigrateFailure::NotForTool { place, program });
        };
        let left = self.left_by(request, tool).await?;
        if !left.is_empty() {
            return stop(MigrateFailure::ToolLeft { program, left });
        }
        let before = self.look(progress, part, true).await?;
        let mark = progress.script.mark_after(1);
        self.intend(progress, 0, &mark, before.to_text()).await?;
        self.ctx.report.status(format!("{place}: {program} runs"));
        let ended = {
            let file = defaults_file(&self.ctx.config).map_err(|error| MigrationStop::Other(error.into()))?;
            let command = tool.command(file.path(), &self.ctx.config, request, &actions);
            run_command::run_to_stderr(&command, &self.ctx.cancel).await
        };
        let code = ended.map_err(|error| MigrationStop::Other(error.into()))?;
        // Nothing was sent meanwhile: the server may have ended the connection.
        self.ctx
            .cancel
            .check()
            .map_err(|cancelled| MigrationStop::Other(cancelled.into()))?;
        let left = self.left_by(request, tool).await?;
        if code != 0 {
            return stop(MigrateFailure::ToolFailed { program, code, left });
        }
        if !left.is_empty() {
            self.ctx
                .report
                .warn(format!("{program} has left {}", left.join(", ")));
        }
        progress.tables.forget();
        self.learn(progress, parts).await?;
        self.record(progress, &mark, started).await?;
        self.committed(progress);
        let number = format!("{}.{}", progress.migration.label, progress.script.number());
        self.ctx.report.status(format!(
            "  {number:<7} {:<60}  {:>10}  {:>8}",
            summary(part.text(), 60),
            program,
            duration(started.elapsed()),
        ));
        progress.ran += 1;
        progress.script.go_to(mark);
        Ok(())
    }

    /// What a tool has left beside the table.
    async fn left_by(&mut self, request: &OnlineRequest, tool: ChangeTool) -> Result<Vec<String>, DbError> {
        let [one, two, three] = tool.tables(&request.table);
        let query = Query::new(LEFT)
            .bind(&request.database)
            .bind(&request.table)
            .bind(&request.database)
            .bind(one)
            .bind(two)
            .bind(three);
        self.session.rows(query).await
    }
}

#[cfg(test)]
mod tests {
    use super::actions_of;

    #[test]
    fn a_tool_gets_the_actions_alone() {
        assert_eq!(
            actions_of("ALTER TABLE `a`.`t` MODIFY x BIGINT, ALGORITHM=COPY").as_deref(),
            Some("MODIFY x BIGINT")
        );
        assert_eq!(actions_of("CREATE INDEX i ON t (a)"), None);
    }
}
