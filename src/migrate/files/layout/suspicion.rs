//! Comments that look like the beginning of a down script in an unknown format.

use crate::sql::comment_content;

/// How sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::migrate::files) enum Suspicion {
    /// A heading: `-- DOWN`, `-- @undo`, `# --- !Downs`, `-- mytool:rollback`.
    Heading,
    /// A heading, or a remark about how to take it back: `-- Rollback: not possible`.
    Remark,
}

/// Words for taking back.
const BACK: [&str; 11] = [
    "down",
    "downs",
    "undo",
    "rollback",
    "rollbacks",
    "revert",
    "reverse",
    "backward",
    "backwards",
    "downgrade",
    "unmigrate",
];

/// Words a heading has beside them.
const BESIDE: [&str; 27] = [
    "migrate",
    "migration",
    "migrations",
    "section",
    "script",
    "scripts",
    "sql",
    "part",
    "begin",
    "start",
    "statement",
    "statements",
    "command",
    "commands",
    "step",
    "steps",
    "plan",
    "procedure",
    "instructions",
    "queries",
    "block",
    "code",
    "this",
    "to",
    "for",
    "how",
    "only",
];

/// The suspicion about `comment`, given with its `--`, `#` or `/* */`.
pub(in crate::migrate::files) fn suspicion(comment: &str) -> Option<Suspicion> {
    let text = comment_content(comment);
    // A long comment is a text, and most comments are.
    let text = text.get(..120).map_or(text, |_| "");
    let text = text.trim_matches(|c: char| c.is_whitespace() || "-=*#~_.<>[](){}|".contains(c));
    let text = text.to_ascii_lowercase().replace("roll back", "rollback");
    // What stands in parentheses behind it explains it.
    let text = text
        .split_once(" (")
        .map_or(text.as_str(), |(heading, _)| heading);
    // `---- create above / drop below ----`
    if text.ends_with("drop below") {
        return Some(Suspicion::Heading);
    }
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let back = |word: &str| BACK.contains(&word);
    if !words.iter().any(|word| back(word)) {
        return None;
    }
    if words.iter().all(|word| back(word) || BESIDE.contains(word)) {
        return Some(Suspicion::Heading);
    }
    let mut tokens = text.split_whitespace();
    let (first, second) = (tokens.next().unwrap_or_default(), tokens.next());
    // `@undo …`, `+tool Down`, `!Downs`, `//@UNDO`.
    let signed = first.starts_with(['@', '!', '+', '%', '$', '/', ':', '&']);
    let bare = first.trim_matches(|c: char| !c.is_alphanumeric());
    if signed && (back(bare) || second.is_some_and(back)) {
        return Some(Suspicion::Heading);
    }
    // `tool:down`, `tool.undo`, without a space.
    if let Some((tool, word)) = first.split_once([':', '.', '/', '@'])
        && !tool.is_empty()
        && back(word)
    {
        return Some(Suspicion::Heading);
    }
    // `rollback: …`, `down - …`.
    let remark = match first.strip_suffix(':') {
        Some(word) => back(word),
        None => back(first) && second.is_some_and(|second| ["-", "–", "—", ":", "=", "=>"].contains(&second)),
    };
    remark.then_some(Suspicion::Remark)
}
