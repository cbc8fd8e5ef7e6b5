//! `--watch` where there is no terminal: a line for each look.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::connections::{Facts, Sampler};
use crate::context::Context;
use crate::report::{Format, count, plural, timestamp, visible};

/// Writes a line for each look until the run is cancelled, or nobody reads any more.
///
/// # Errors
/// No connection could be had for a reason that does not pass, or the run was cancelled.
pub(super) async fn run(context: &Context, mut sampler: Sampler, every: Duration) -> anyhow::Result<()> {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = false;
    let mut last_failure = None;
    loop {
        context.cancel.or(ticks.tick()).await?;
        match sampler.look().await {
            Ok(facts) => {
                seen = true;
                last_failure = None;
                write(context, &facts);
            }
            Err(error) => {
                if error.ends_looking(seen) {
                    return Err(error.into());
                }
                // A server that is away for an hour is said to be once.
                let failure = Some(error.to_string());
                if failure != last_failure {
                    context.report.warn(format_args!("{error}; trying again"));
                    last_failure = failure;
                }
            }
        }
        if context.report.stdout_closed() {
            return Ok(());
        }
    }
}

fn write(context: &Context, facts: &Facts) {
    let now = SystemTime::now();
    match context.report.format() {
        Format::Json => context
            .report
            .json_line("check-connections-sample", &sample(facts, now)),
        _ => context.report.out(&format!("{}\n", visible(&line(facts, now)))),
    }
}

/// `2026-11-28T08:42:34Z 12 of 30 in use, 1 running, 18 free, largest: 24002 node with 12, 2 wait for locks`.
fn line(facts: &Facts, now: SystemTime) -> String {
    let mut line = format!(
        "{} {} of {} in use, {} running, {} free",
        timestamp(now),
        count(facts.in_use),
        count(facts.max_connections),
        count(facts.others_running()),
        count(facts.free())
    );
    if let Some(limit) = facts.account_limit {
        line.push_str(&format!(", account {} of {limit}", facts.account_in_use()));
    }
    if let Some(holder) = facts.holders().first() {
        let process = &holder.process;
        line.push_str(&format!(
            ", largest: {} {} with {}",
            process.pid,
            process.name(),
            count(holder.connections)
        ));
    }
    if !facts.lock_waits.is_empty() {
        let waits = plural(facts.lock_waits.len() as u64, "lock wait");
        line.push_str(&format!(", {waits}"));
    }
    line
}

fn sample(facts: &Facts, now: SystemTime) -> Value {
    let mut users: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for one in facts.others() {
        let user = users.entry(&one.user).or_default();
        user.0 += 1;
        user.1 += u64::from(one.sleeps());
    }
    let mut users: Vec<_> = users.into_iter().collect();
    users.sort_by_key(|(_, (connections, _))| std::cmp::Reverse(*connections));
    let user = |(user, (connections, idle)): &(&str, (u64, u64))| json!({"user": user, "connections": connections, "idle": idle});
    let holders = facts.holders();
    let processes = holders.iter().map(|holder| {
        json!({
            "pid": holder.process.pid,
            "program": holder.process.name(),
            "connections": holder.connections,
            "idle": holder.idle,
        })
    });
    json!({
        "time": timestamp(now),
        "server": facts.server,
        "account": facts.account,
        "max_connections": facts.max_connections,
        "in_use": facts.in_use,
        "running": facts.others_running(),
        "free": facts.free(),
        "headroom": facts.headroom(),
        "peak": facts.peak,
        "refused": facts.refused,
        "not_visible": facts.unseen(),
        "processes": processes.collect::<Value>(),
        "users": users.iter().map(user).collect::<Value>(),
        "lock_waits": facts.lock_waits_json(),
    })
}
