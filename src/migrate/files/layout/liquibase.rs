//! Liquibase's formatted SQL: `--liquibase formatted sql` on the first line, then changesets, each with its
//! `--rollback` as comments (its documentation, "SQL changelog format"). All changesets of a file are one
//! migration here; a condition on whether one of them runs is refused, because dbtool would always run it.

use super::{FileLayout, LayoutMark, dashed};

pub(super) const LAYOUT: FileLayout = FileLayout {
    name: "Liquibase",
    up: None,
    dashes_comment: true,
    mark,
};

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
