//! The flags of `dbtool migrate` as options of the engine.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::migrate::{
    AdoptArgs, LintArgs, MigrateAction, MigrateArgs, OnlineTool, RepairArgs, ToolName,
};
use crate::exit::Failure;
use crate::migrate::MigrateFailure;
use crate::migrate::files::{Layout, Source};
use crate::migrate::lint::{self, LintOptions};
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
        on_copy: false,
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
        } else if args.forget {
            RepairDecision::Forget
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

/// The options of `migrate lint`.
///
/// # Errors
/// A flag names no rule.
pub(super) fn lint_options(args: &LintArgs, dirs: &[PathBuf]) -> Result<LintOptions, Failure> {
    let named = [("--deny", &args.deny), ("--allow", &args.allow)];
    for (flag, rules) in named {
        let known = |rule: &&String| lint::find(rule).is_some() || flag == "--deny" && *rule == "all";
        if let Some(rule) = rules.iter().find(|rule| !known(rule)) {
            let rule = rule.clone();
            return Err(MigrateFailure::NoSuchRule { flag, rule }.into());
        }
    }
    Ok(LintOptions {
        dirs: dirs.to_vec(),
        since: args.since.clone(),
        deny: args.deny.clone(),
        allow: args.allow.clone(),
    })
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
