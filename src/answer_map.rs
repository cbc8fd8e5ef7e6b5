//! Paths of parts in an application's answer, as `--api-map` names them.

use std::str::FromStr;

/// A part of the answer that `--api-map` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerPart {
    /// The list of conversations.
    List,
    /// A conversation's id.
    Id,
    /// A conversation's title.
    Title,
    /// The text of its last message.
    LastMessage,
    /// How many messages are unread.
    Unread,
    /// Where the next page is: a URL, a cursor or a number.
    Next,
    /// The query parameter that takes a cursor or number.
    NextParam,
}

/// `PART=PATH`: where in the answer a part is, as names with dots between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The part.
    pub part: AnswerPart,
    /// Names from the outside in.
    pub path: String,
}

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const PARTS: [(&str, AnswerPart); 7] = [
            ("list", AnswerPart::List),
            ("id", AnswerPart::Id),
            ("title", AnswerPart::Title),
            ("last_message", AnswerPart::LastMessage),
            ("unread", AnswerPart::Unread),
            ("next", AnswerPart::Next),
            ("next_param", AnswerPart::NextParam),
        ];
        let names = || PARTS.map(|(name, _)| name).join(", ");
        let (part, path) = text
            .split_once('=')
            .ok_or_else(|| format!("write it as PART=PATH with one of {}", names()))?;
        let (_, part) = PARTS
            .into_iter()
            .find(|(name, _)| *name == part.trim())
            .ok_or_else(|| format!("there is no part `{}`, only {}", part.trim(), names()))?;
        let path = path.trim();
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err("the path is names with dots between them, such as data.items".into());
        }
        Ok(Mapping {
            part,
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_part_and_path() {
        let mapping: Mapping = "last_message=newest.words".parse().unwrap();
        assert_eq!(
            (mapping.part, mapping.path.as_str()),
            (AnswerPart::LastMessage, "newest.words")
        );
        for wrong in ["", "title", "titel=a", "title=", "title=a..b"] {
            assert!(wrong.parse::<Mapping>().is_err(), "{wrong}");
        }
    }
}
