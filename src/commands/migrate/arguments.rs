//! The flags of `dbtool migrate` as options of the engine.

use std::time::Duration;

use crate::cli::migrate::{MigrateAction, MigrateArgs, RepairArgs};
use crate::migrate::options::{ApplyOptions, RepairDecision, RepairOptions, RunOptions};
use crate::online_change::OnlineSettings;

pub(super) fn run_options(args: &MigrateArgs) -> RunOptions {
    RunOptions {
        read_only: match &args.action {
            None => args.apply.check || args.apply.dry_run,
            Some(action) => matches!(
                action,
                MigrateAction::Status { .. } | MigrateAction::Plan { .. } | MigrateAction::Verify
            ),
        },
        lock_wait: args.lock_wait,
        ddl_lock_wait: args.ddl_lock_wait,
        lock_attempts: args.lock_attempts,
        timeout: args.timeout,
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
        online_settings: OnlineSettings {
            target: Duration::from_millis(online.target_ms),
            max_load: online.max_load.clone(),
            max_lag: online.max_lag,
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
