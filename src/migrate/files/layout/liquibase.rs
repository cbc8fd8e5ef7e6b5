//! Liquibase's formatted SQL: `--liquibase formatted sql` on the first line, then changesets, each with its
//! `--rollback` as comments (its documentation, "SQL changelog format"). All changesets of a file are one
//! migration here; a condition on whether one of them runs is refused, because dbtool would always run it.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::{FileLayout, ForeignHistory, LayoutMark, RowMeaning, any_name, dashed};

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "liquibase",
    name: "Liquibase",
    names: any_name,
    history: Some(&HISTORY),
    up: None,
    dashes_comment: true,
    mark,
};

/// One row for each changeset. Its checksum is of Liquibase's own form of the changeset, which only Liquibase makes.
const HISTORY: ForeignHistory = ForeignHistory {
    table: "DATABASECHANGELOG",
    columns: &["id", "author", "filename", "exectype"],
    select: "SELECT CONCAT(AUTHOR, ':', ID), FILENAME, MD5SUM, CASE EXECTYPE WHEN 'FAILED' THEN 'failed' \
             WHEN 'SKIPPED' THEN 'undone' ELSE 'done' END FROM {table} ORDER BY DATEEXECUTED, ORDEREXECUTED",
    rows: RowMeaning::Changeset,
    ..ForeignHistory::BY_VERSION
};

/// The changesets of a file, each as `author:id`.
///
/// # Errors
/// The file cannot be read.
pub fn changesets(path: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let Some(text) = dashed(line.trim()) else {
            continue;
        };
        let mut words = text.split_whitespace();
        if words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("changeset"))
        {
            found.extend(words.next().map(str::to_owned));
        }
    }
    Ok(found)
}

fn mark(comment: &str, inside: bool) -> Option<LayoutMark> {
    let text = dashed(comment)?;
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("liquibase formatted sql") {
        return Some(LayoutMark::Header);
    }
    if !inside {
        return None;
    }
    let word = lower.split([' ', '\t', ':']).next().unwrap_or_default();
    Some(match word {
        "changeset" => changeset(text),
        "precondition" | "preconditions" | "property" | "ignorelines" | "ignore" | "include" => {
            LayoutMark::Refused(format!(
                "dbtool does not know Liquibase's {word}, and would run the changeset in any case"
            ))
        }
        // Not written by hand: the SQL of a rollback stands behind its own dashes.
        _ if word.starts_with("precondition") => {
            LayoutMark::Refused("dbtool does not know Liquibase's preconditions".to_owned())
        }
        _ => LayoutMark::Passed,
    })
}

/// `--changeset author:id name:value …`
fn changeset(text: &str) -> LayoutMark {
    for attribute in text.split_whitespace().skip(2) {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        let value = value.trim_matches('"').to_ascii_lowercase();
        let harmless = match name.to_ascii_lowercase().as_str() {
            "runintransaction" | "stripcomments" | "logicalfilepath" | "created" => true,
            "failonerror" | "splitstatements" => value == "true",
            "runalways" | "runonchange" => value == "false",
            "enddelimiter" => value == ";",
            "dbms" => value
                .split(',')
                .any(|one| matches!(one.trim(), "mysql" | "mariadb" | "all")),
            _ => false,
        };
        if !harmless {
            return LayoutMark::Refused(format!("dbtool does not know Liquibase's {attribute}"));
        }
    }
    LayoutMark::Passed
}
