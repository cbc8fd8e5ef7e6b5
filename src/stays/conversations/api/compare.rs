//! The application's list against the database's.

use std::collections::{HashMap, HashSet};

use super::super::listing::Listed;
use super::understand::{Said, Shown, Unread};
use crate::report::{Check, CheckStatus, plural, visible};
use crate::stays::sampled_rows::SampledRows;

/// A preview that ends in an ellipsis has at least so many characters of the message.
const PREVIEW: usize = 5;

/// One that is just cut off has at least so many: fewer may be another message.
const CUT: usize = 20;

/// The database's text is read up to this many characters.
const READ: usize = 200;

/// The application's list.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub shown: Vec<Shown>,
    /// The members of the first conversation, for advice.
    pub members: String,
    /// Why not all pages were read, if so.
    pub unread_pages: Option<String>,
    /// The number of pages read.
    pub pages: usize,
}

/// The database's list, as it was before the application was asked and after it.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// Before.
    pub before: Vec<Listed>,
    /// After.
    pub after: Vec<Listed>,
    /// Whether these are all of the user's conversations.
    pub whole: bool,
}

impl Expected {
    /// Conversations that did not change meanwhile.
    fn steady(&self) -> Vec<&Listed> {
        let after: HashMap<u64, &Listed> = self.after.iter().map(|line| (line.id, line)).collect();
        self.before
            .iter()
            .filter(|line| after.get(&line.id) == Some(line))
            .collect()
    }

    fn has(&self, id: u64) -> bool {
        self.before.iter().chain(&self.after).any(|line| line.id == id)
    }
}

/// What was compared about one thing.
#[derive(Debug, Default)]
struct Compared {
    same: u64,
    differ: SampledRows,
    /// Not comparable, and why.
    not: SampledRows,
}

impl Compared {
    /// Passes only if everything was compared and nothing differs.
    fn check(self, name: &str, thing: &str, advice: &str) -> Check {
        const GROUP: &str = super::GROUP;
        let all = self.same + self.differ.count + self.not.count;
        if self.differ.count > 0 {
            return self.differ.check(GROUP, name, "", "differ");
        }
        if all == 0 {
            return Check::new(GROUP, name, CheckStatus::Skipped)
                .message("there is no conversation to compare");
        }
        if self.not.count > 0 {
            let count = self.not.count;
            let mut check = self.not.check_as(CheckStatus::Skipped, GROUP, name, "", "");
            check.message = if count == all {
                format!("not compared: no conversation has {thing} that can be read")
            } else {
                format!("not compared in {count} of {all} conversations, right in the others")
            };
            check.details.push(format!("next: {advice}"));
            return check;
        }
        Check::new(GROUP, name, CheckStatus::Passed).message(format!("{} compared", self.same))
    }
}

/// Compares; a conversation that changed meanwhile is left out.
pub(crate) fn compare(expected: &Expected, gathered: &Gathered) -> Vec<Check> {
    let mut shown: HashMap<u64, &Shown> = HashMap::new();
    for line in &gathered.shown {
        shown.entry(line.id).or_insert(line);
    }
    let steady = expected.steady();
    let mut missing = Vec::new();
    let (mut titles, mut messages, mut unread) =
        (Compared::default(), Compared::default(), Compared::default());
    for &line in &steady {
        let Some(answer) = shown.get(&line.id) else {
            missing.push(line);
            continue;
        };
        title(&mut titles, line, answer);
        message(&mut messages, line, answer);
        count_unread(&mut unread, line, answer);
    }
    let map = |part: &str| {
        let has = match gathered.members.as_str() {
            "" => String::new(),
            members => format!(" (a conversation has {members})"),
        };
        format!("--api-map {part}=NAME says where it is{has}")
    };
    vec![
        complete(&steady, &missing, gathered),
        extra(expected, gathered),
        twice(gathered),
        order(&steady, gathered),
        titles.check("titles are right", "a title", &map("title")),
        messages.check("last messages are right", "a last message", &map("last_message")),
        unread.check("unread counts are right", "an unread count", &map("unread")),
    ]
}

fn complete(steady: &[&Listed], missing: &[&Listed], gathered: &Gathered) -> Check {
    const NAME: &str = "every conversation is listed";
    let mut missing_rows = SampledRows::default();
    for line in missing {
        missing_rows.add(|| format!("conversation {}", line.id));
    }
    let pages = plural(gathered.pages as u64, "page");
    let good = format!(
        "{} on {pages}",
        plural(gathered.shown.len() as u64, "conversation")
    );
    let mut check = missing_rows.check(super::GROUP, NAME, &good, "missing");
    if missing.is_empty() {
        return check;
    }
    // All that is missing stands at the end: the list may be complete and not have been read.
    let cut = steady.len() - missing.len();
    let at_the_end = steady[cut..]
        .iter()
        .zip(missing)
        .all(|(line, missing)| line.id == missing.id);
    if let Some(reason) = &gathered.unread_pages {
        check.message = format!("incomplete: {} of {} read; {reason}", cut, steady.len());
        check.details.push(
            "next: --api-map next=PATH says where the answer has the next page's address or cursor".into(),
        );
    } else if at_the_end && gathered.shown.len() < steady.len() {
        check.message = format!(
            "incomplete: the list ends after {cut} of {}, and nothing in the answer says that there is more",
            plural(steady.len() as u64, "conversation")
        );
        check.details.push(
            "next: have the application say it (a Link header, `next`, `has_more` with `page`); if it does, \
             --api-map next=PATH says where"
                .into(),
        );
    }
    check
}

fn extra(expected: &Expected, gathered: &Gathered) -> Check {
    const NAME: &str = "no conversation is listed that should not be";
    if !expected.whole {
        return Check::new(super::GROUP, NAME, CheckStatus::Skipped)
            .message("the user has more conversations than are compared");
    }
    let mut extra = SampledRows::default();
    let mut seen = HashSet::new();
    for line in &gathered.shown {
        if !expected.has(line.id) && seen.insert(line.id) {
            extra.add(|| format!("conversation {}", line.id));
        }
    }
    extra.check(super::GROUP, NAME, "", "archived, deleted or another user's")
}

fn twice(gathered: &Gathered) -> Check {
    let mut times: HashMap<u64, u64> = HashMap::new();
    let mut twice = SampledRows::default();
    for line in &gathered.shown {
        let times = times.entry(line.id).or_default();
        *times += 1;
        if *times == 2 {
            twice.add(|| format!("conversation {}", line.id));
        }
    }
    twice.check(
        super::GROUP,
        "no conversation is listed twice",
        "",
        "listed more than once",
    )
}

/// Conversations with a message, by its time: of two at the same time either may come first. Those
/// without a message have no place that an application must give them.
fn order(steady: &[&Listed], gathered: &Gathered) -> Check {
    const NAME: &str = "the newest comes first";
    let times: HashMap<u64, &str> = steady
        .iter()
        .filter_map(|line| Some((line.id, line.last_at.as_deref()?)))
        .collect();
    let mut seen = HashSet::new();
    let order: Vec<(u64, &str)> = gathered
        .shown
        .iter()
        .filter(|line| seen.insert(line.id))
        .filter_map(|line| Some((line.id, *times.get(&line.id)?)))
        .collect();
    if order.len() < 2 {
        return Check::new(super::GROUP, NAME, CheckStatus::Skipped)
            .message("fewer than two conversations with messages to compare");
    }
    let mut wrong = SampledRows::default();
    for pair in order.windows(2) {
        let [(first, first_at), (second, second_at)] = pair else {
            continue;
        };
        if first_at < second_at {
            wrong.add(|| {
                format!("conversation {first} (last message {first_at}) stands before {second} ({second_at})")
            });
        }
    }
    wrong.check(
        super::GROUP,
        NAME,
        "",
        "places where the order differs from the database's",
    )
}

fn title(titles: &mut Compared, line: &Listed, answer: &Shown) {
    let id = line.id;
    match (&answer.title, &line.title) {
        (Said::Is(shown), Some(expected)) if shown.trim() == expected.trim() => titles.same += 1,
        // Neither has one.
        (Said::Absent | Said::Null, None) => titles.same += 1,
        (Said::Is(_), _) if answer.perhaps_title.is_some() => {
            let name = answer.perhaps_title.clone().unwrap_or_default();
            titles.not.add(|| {
                format!("conversation {id}: only `{name}`, which may be something else than the title")
            });
        }
        (Said::Is(shown), expected) => {
            titles.differ.add(|| {
                format!(
                    "conversation {id}: {}, expected {}",
                    quoted(Some(shown)),
                    quoted(expected.as_deref())
                )
            });
        }
        (unread, _) => titles.not.add(|| format!("conversation {id}: {}", why(unread))),
    }
}

fn message(messages: &mut Compared, line: &Listed, answer: &Shown) {
    let id = line.id;
    let differs = |shown: Option<&str>| {
        let expected = quoted(line.last_message.as_deref());
        format!("conversation {id}: {}, expected {expected}", quoted(shown))
    };
    match (&answer.last_message, &line.last_message) {
        (Said::Absent | Said::Null, None) => messages.same += 1,
        (Said::Is(shown), None) if shown.trim().is_empty() => messages.same += 1,
        (Said::Is(shown), Some(expected)) if is_preview(shown, expected) => messages.same += 1,
        (Said::Is(shown), _) => messages.differ.add(|| differs(Some(shown))),
        (Said::Null, Some(_)) => messages.differ.add(|| differs(None)),
        (unread, _) => messages.not.add(|| format!("conversation {id}: {}", why(unread))),
    }
}

fn count_unread(unread: &mut Compared, line: &Listed, answer: &Shown) {
    let (id, expected) = (line.id, line.unread);
    match &answer.unread {
        Said::Is(Unread::Count(count)) if *count == expected => unread.same += 1,
        Said::Is(Unread::Any(any)) if *any == (expected > 0) => unread.same += 1,
        Said::Is(Unread::Count(count)) => unread
            .differ
            .add(|| format!("conversation {id}: {count}, expected {expected}")),
        Said::Is(Unread::Any(any)) => unread
            .differ
            .add(|| format!("conversation {id}: {any}, expected {expected}")),
        other => unread.not.add(|| format!("conversation {id}: {}", why(other))),
    }
}

fn why<T>(said: &Said<T>) -> String {
    match said {
        Said::Absent | Said::Is(_) => "absent".into(),
        Said::Null => "null".into(),
        Said::Odd(value) => value.clone(),
    }
}

fn quoted(text: Option<&str>) -> String {
    match text {
        None => "nothing".into(),
        Some(text) => {
            let mut start: String = text.chars().take(60).collect();
            if start.len() < text.len() {
                start.push('…');
            }
            format!("\"{}\"", visible(&start))
        }
    }
}

/// Whether `shown` is the message, or a beginning of it of sensible length: at least [`PREVIEW`] characters
/// before an ellipsis, or [`CUT`] without one. Spaces and line breaks count as one.
fn is_preview(shown: &str, expected: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (mut shown, expected_plain) = (plain(shown), plain(expected));
    if shown == expected_plain {
        return true;
    }
    let length = |text: &str| text.chars().count();
    let cut_by_us = length(expected) >= READ;
    if cut_by_us && shown.starts_with(&expected_plain) {
        return true;
    }
    let bare = shown.trim_end_matches(['…', '.']).trim_end().to_owned();
    let ellipsis = shown.ends_with('…') || shown.ends_with("...");
    let least = if ellipsis { PREVIEW } else { CUT };
    if ellipsis {
        shown = bare;
    }
    expected_plain.starts_with(&shown) && length(&shown) >= least
        || ellipsis && cut_by_us && shown.starts_with(&expected_plain)
}

#[cfg(test)]
mod tests;
