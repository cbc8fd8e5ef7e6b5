use super::*;
use crate::exit::checks::{HOSTILE, check_each};

fn name() -> String {
    HOSTILE.to_owned()
}

fn stop(doubt: Option<&'static str>) -> Box<StoppedAt> {
    Box::new(StoppedAt {
        label: "001".to_owned(),
        direction: Direction::Up,
        place: name(),
        number: 2,
        total: 3,
        statement: name(),
        done: 1,
        doubt,
    })
}

fn error() -> DbError {
    DbError::refuse_too_large(20, 10).unwrap_err()
}

fn failed(doubt: Option<&'static str>, may_need_baseline: bool) -> MigrateFailure {
    MigrateFailure::StatementFailed {
        stop: stop(doubt),
        error: error(),
        blockers: Some(name()),
        may_need_baseline,
    }
}

fn interrupted() -> InterruptedStatements {
    InterruptedStatements {
        label: "001".to_owned(),
        first: 1,
        last: 2,
        command: "dbtool migrate",
    }
}

fn unmet() -> Vec<Unmet> {
    let fault = |fault| Unmet {
        migration: name(),
        fault,
    };
    vec![
        fault(UnmetFault::EarlierForm {
            path: name().into(),
            done: 1,
            total: 2,
        }),
        fault(UnmetFault::NameTaken {
            name: name(),
            kind: "view",
        }),
        fault(UnmetFault::NotATable {
            name: name(),
            kind: name(),
        }),
        fault(UnmetFault::NotEmpty {
            name: name(),
            rows: Some(2),
            counted: 10,
        }),
        fault(UnmetFault::Referenced {
            name: name(),
            key: name(),
            table: name(),
        }),
    ]
}

#[test]
fn each_names_a_next_step_and_escapes_names() {
    use MigrateFailure as F;
    let label = || "001".to_owned();
    let command = "dbtool migrate";
    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    let problem = |status| (name(), label(), status);
    let cases = vec![
        (F::NoDatabase, 2),
        (F::NameWithoutLetters, 2),
        (
            F::CannotCreate {
                path: name().into(),
                error: denied(),
            },
            2,
        ),
        (
            F::CannotSpool {
                folder: name().into(),
                error: denied(),
            },
            2,
        ),
        (
            F::AnotherRun {
                database: name(),
                holder: name(),
            },
            5,
        ),
        (F::LockLost { holder: name() }, 5),
        (F::Overtaken, 5),
        (
            F::Problems {
                items: vec![problem(Status::Changed), problem(Status::Missing)],
            },
            2,
        ),
        (
            F::Problems {
                items: vec![problem(Status::OutOfOrder)],
            },
            2,
        ),
        (
            F::Problems {
                items: vec![problem(Status::Reverting)],
            },
            2,
        ),
        (
            F::Unmet {
                requirements: unmet(),
            },
            2,
        ),
        (
            F::BlocksWriters {
                statement: name(),
                rows: 1,
                bytes: 1,
                why: name(),
            },
            2,
        ),
        (
            F::WillFail {
                statement: name(),
                what: name(),
                code: 1050,
                present: None,
            },
            2,
        ),
        (
            F::WillFail {
                statement: name(),
                what: name(),
                code: 1050,
                present: Some(label()),
            },
            2,
        ),
        (F::NoOnlineChange { name: name() }, 2),
        (F::OnlineChangeIsDone { table: name() }, 2),
        (
            F::WhichOnlineChange {
                database: name(),
                running: vec![name()],
            },
            2,
        ),
        (
            F::OnlineElsewhere {
                place: name(),
                database: name(),
            },
            2,
        ),
        (F::ReadsOnlineResult { place: name() }, 2),
        (
            F::TooLarge {
                place: name(),
                error: error(),
            },
            2,
        ),
        (
            F::RemovesHistory {
                place: name(),
                database: name(),
            },
            2,
        ),
        (
            F::Interrupted {
                stop: stop(None),
                signal: Signal::Interrupt,
            },
            130,
        ),
        (
            F::Interrupted {
                stop: stop(None),
                signal: Signal::Terminate,
            },
            143,
        ),
        (
            F::ConnectionLost {
                stop: stop(None),
                error: error(),
            },
            4,
        ),
        (failed(None, false), 4),
        (failed(None, true), 4),
        (failed(Some("why"), false), 4),
        (
            F::EarlierRunWorks {
                id: 7,
                statement: name(),
            },
            5,
        ),
        (
            F::EarlierForm {
                name: name(),
                path: name(),
                done: 1,
                total: 2,
                command,
            },
            2,
        ),
        (
            F::DoneStatementsChanged {
                label: label(),
                path: name(),
                done: 1,
            },
            2,
        ),
        (
            F::InterruptedChanged {
                path: name(),
                interrupted: interrupted(),
            },
            2,
        ),
        (
            F::InterruptedUnclear {
                place: name(),
                statement: name(),
                interrupted: interrupted(),
                why: name(),
            },
            2,
        ),
        (
            F::SessionLost {
                place: name(),
                lost: "a variable",
                label: label(),
                done: 1,
            },
            2,
        ),
        (F::RollBackDeclined, 2),
        (
            F::NotFullyApplied {
                name: name(),
                state: "running",
            },
            2,
        ),
        (
            F::NoDownScript {
                name: name(),
                file: name(),
            },
            2,
        ),
        (F::FileMissing { name: name() }, 2),
        (
            F::FileIsThere {
                name: name(),
                path: name().into(),
            },
            2,
        ),
        (F::DropDeclined { database: name() }, 2),
        (F::SystemDatabase { database: name() }, 2),
        (F::BadCollation { name: name() }, 2),
        (F::NoGit { error: denied() }, 2),
        (
            F::GitFailed {
                dir: name().into(),
                message: name(),
            },
            2,
        ),
        (
            F::NoSuchRevision {
                revision: name(),
                dir: name().into(),
            },
            2,
        ),
        (
            F::NoSuchRule {
                flag: "--deny",
                rule: name(),
            },
            2,
        ),
        (
            F::InterruptedElsewhere {
                server: name(),
                label: label(),
                command,
            },
            5,
        ),
        (
            F::NotForTool {
                place: name(),
                program: "pt-online-schema-change",
            },
            2,
        ),
        (
            F::ToolLeft {
                program: "gh-ost",
                left: vec![name()],
            },
            2,
        ),
        (
            F::ToolFailed {
                program: "gh-ost",
                code: 1,
                left: vec![],
            },
            4,
        ),
        (
            F::ToolFailed {
                program: "gh-ost",
                code: 1,
                left: vec![name()],
            },
            4,
        ),
        (F::NeverStarted { name: name() }, 2),
        (F::NothingToSettle { name: name() }, 2),
        (
            F::NoInterruptedStatement {
                name: name(),
                label: label(),
                done: 1,
                total: 2,
                command,
            },
            2,
        ),
        (F::BaselineUnfinished { name: name() }, 2),
        (F::OtherHistory { what: name() }, 2),
        (
            F::NoOtherHistory {
                database: name(),
                tool: None,
            },
            2,
        ),
        (
            F::SeveralHistories {
                database: name(),
                found: vec![name()],
            },
            2,
        ),
        (F::NoHistoryOfTool { tool: "rambler" }, 2),
        (
            F::AdoptUnfinished {
                tool: "goose",
                table: name(),
                names: vec![name()],
                settle: "settle it",
            },
            2,
        ),
        (
            F::AdoptMissing {
                tool: "goose",
                table: name(),
                names: vec![name()],
            },
            2,
        ),
        (
            F::AdoptChanged {
                tool: "Flyway",
                table: name(),
                names: vec![name()],
            },
            2,
        ),
        (
            F::BaselineLacks {
                database: name(),
                label: label(),
                lacking: vec![name(); 12],
            },
            2,
        ),
    ];
    check_each(
        include_str!("../failure.rs"),
        "MigrateFailure",
        cases,
        &["RollBackDeclined"],
    );
}
