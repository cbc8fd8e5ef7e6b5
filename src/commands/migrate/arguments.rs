//! The flags of `dbtool migrate` as options of the engine.

use std::time::Duration;

use crate::cli::migrate::{AdoptArgs, MigrateAction, MigrateArgs, OnlineTool, RepairArgs, ToolName};
use crate::migrate::files::{Layout, Source};
use crate::migrate::options::{
    AdoptOptions, ApplyOptions, ChangeTool, RepairDecision, RepairOptions, RunOptions,
};
use crate::online_change::OnlineSettings;

pub(super) fn run_options(args: &MigrateArgs) -> RunOptions {
    RunOptions {
        read_only: match &args.action {
            None => args.apply.check || args.apply.dry_run,
            Some(MigrateAction::Adopt(adopt)) => adopt.dry_run,
            Some(action) => matches!(
                action,
                MigrateAction::Status { .. } | MigrateAction::Plan { .. } | MigrateAction::Verify
            ),
        },
        brief: matches!(
            &args.action,
            Some(
                MigrateAction::Status { .. }
                    | MigrateAction::Pause { .. }
                    | MigrateAction::Resume { .. }
                    | MigrateAction::Swap { .. }
            )
        ),
        lock_wait: args.lock_wait,
        ddl_lock_wait: args.ddl_lock_wait,
        lock_attempts: args.lock_attempts,
        timeout: args.timeout,
        adopting: matches!(args.action, Some(MigrateAction::Adopt(_))),
        ignore_other_history: args.ignore_other_history,
    }
}

/// Where the migrations are.
pub(super) fn source(args: &MigrateArgs) -> Source {
    Source {
        dirs: args.dir.clone(),
        recursive: args.recursive,
        layout: args.layout.and_then(layout),
    }
}

fn layout(tool: ToolName) -> Option<Layout> {
    Layout::with_id(&tool.id())
}

pub(super) fn adopt_options(args: &AdoptArgs) -> AdoptOptions {
    AdoptOptions {
        from: args.from.and_then(layout),
        table: args.table.clone(),
        dry_run: args.dry_run,
    }
}

pub(super) fn apply_options(args: &MigrateArgs) -> ApplyOptions {
    let apply = &args.apply;
    let online = &apply.online_change;
    ApplyOptions {
        version: apply.version.clone(),
        only: apply.only,
        allow_blocking: apply.allow_blocking,
        online: apply.online,
        online_tool: apply.online_tool.map(|tool| match tool {
            OnlineTool::PtOsc => ChangeTool::PtOsc,
            OnlineTool::GhOst => ChangeTool::GhOst,
        }),
        online_settings: OnlineSettings {
            target: Duration::from_millis(online.target_ms),
            max_load: online.max_load.clone(),
            max_lag: online.max_lag,
            replicas: online.replica.clone(),
            swap_at: online.swap_at,
            lock_wait: args.ddl_lock_wait,
            attempts: args.lock_attempts,
            keep_old: online.keep_old,
            hold: online.hold_swap,
            ..OnlineSettings::default()
        },
    }
}

/// One of the flags is set: clap requires exactly one.
pub(super) fn repair_options(args: &RepairArgs) -> RepairOptions {
    RepairOptions {
        version: args.version.clone(),
        decision: if args.abandon {
            RepairDecision::Abandon
        } else if args.accept_file {
            RepairDecision::AcceptFile
        } else if args.finished {
            RepairDecision::Finished
        } else if args.applied {
            RepairDecision::Applied
        } else {
            RepairDecision::NotApplied
        },
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_tool_has_a_layout() {
        for tool in ToolName::value_variants() {
            assert!(layout(*tool).is_some(), "{tool:?}");
        }
    }
}
