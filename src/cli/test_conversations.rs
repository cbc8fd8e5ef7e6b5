//! Flags of `dbtool test-conversations`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::span::parse_patience;
use crate::answer_map::Mapping;

/// Test the conversations as the application lists and writes them
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = "\
Every statement reads, but for the write round trip: it runs in a transaction that is rolled back,
which leaves nothing behind but gaps in AUTO_INCREMENT numbers. --read-only skips it.

--api-url reads the list of --user page after page (Link header, next, cursors, page and total, offset and limit)
and compares it with the database: what differs is read again before it counts. Members are found by their usual
names (last_message, lastMessageText, preview, …); --api-map names others. What the answer does not say is
skipped, not passed. Tokens, passwords and the values of the query are never shown; the URL itself is visible to
other users of this machine, so prefer --token-env to a key in it.

Exit codes: 0 all checks passed (warnings do not fail), 1 a check failed.")]
pub struct TestConversationsArgs {
    /// List the conversations of this user, by email or id [default: the user with the most]
    // The global --db-user has the id `user` already.
    #[arg(long, id = "listed_user", value_name = "EMAIL", conflicts_with = "all_users")]
    pub user: Option<String>,
    /// List the conversations of every user who has one
    #[arg(long)]
    pub all_users: bool,
    /// With --all-users: of this many users only, the same ones each time
    #[arg(long, value_name = "N", requires = "all_users", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,
    /// Skip the write round trip
    #[arg(long)]
    pub read_only: bool,
    /// Fail the queries of the application that take longer than this, and show their EXPLAIN
    #[arg(long, value_name = "MS")]
    pub slow_ms: Option<u64>,
    /// Base URL of the running application: GET URL/conversations must return the conversations of the database
    #[arg(long, value_name = "URL", requires = "listed_user")]
    pub api_url: Option<String>,
    /// Environment variable that holds the user's bearer token for --api-url
    #[arg(long, value_name = "NAME", requires = "api_url")]
    pub token_env: Option<String>,
    /// Where in the API's answer a part is, for names that are not known: one of list, id, title, last_message,
    /// unread, next, next_param, as in last_message=newest.words; repeatable
    #[arg(long, value_name = "PART=PATH", requires = "api_url")]
    pub api_map: Vec<Mapping>,
    /// How long to wait for each answer of the API
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_patience)]
    pub api_timeout: Duration,
    /// File with the certificate of the authority that signed the API's (PEM) [default: the public ones]
    #[arg(long, value_name = "FILE", requires = "api_url")]
    pub api_ca: Option<PathBuf>,
}
