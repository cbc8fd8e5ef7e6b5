//! What applications call the parts of their answer.

use serde_json::{Map, Value};

pub(crate) use crate::answer_map::{AnswerPart, Mapping};

/// All mappings of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mappings(pub Vec<Mapping>);

impl Mappings {
    /// The path of a part, if one was given.
    pub fn path(&self, part: AnswerPart) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|mapping| mapping.part == part)
            .map(|mapping| mapping.path.as_str())
    }
}

/// Members of an answer that hold more of it: where lists, counts and links to pages are found.
pub(crate) const HOLDERS: [&str; 23] = [
    "data",
    "result",
    "results",
    "payload",
    "response",
    "body",
    "meta",
    "metadata",
    "pagination",
    "paging",
    "pageinfo",
    "responsemetadata",
    "page",
    "paginator",
    "links",
    "embedded",
    "cursor",
    "cursors",
    "info",
    "conversations",
    "inbox",
    "threads",
    "messages",
];

/// What a list of conversations is called, the surest first.
pub(crate) const LISTS: [&str; 20] = [
    "conversations",
    "conversationlist",
    "threads",
    "chats",
    "inbox",
    "items",
    "results",
    "result",
    "data",
    "rows",
    "records",
    "list",
    "content",
    "edges",
    "nodes",
    "entries",
    "payload",
    "response",
    "body",
    "messages",
];

/// Members of a conversation that hold the conversation itself.
pub(crate) const WRAPPERS: [&str; 5] = ["conversation", "thread", "chat", "node", "attributes"];

/// Its id.
pub(crate) const IDS: [&str; 7] = [
    "id",
    "conversationid",
    "threadid",
    "chatid",
    "conversation.id",
    "thread.id",
    "pk",
];

/// Its title.
pub(crate) const TITLES: [&str; 18] = [
    "title",
    "conversationtitle",
    "propertytitle",
    "listingtitle",
    "propertyname",
    "listingname",
    "property.title",
    "property.name",
    "listing.title",
    "listing.name",
    "booking.property.title",
    "booking.property.name",
    "booking.propertytitle",
    "booking.title",
    "title.text",
    "title.rendered",
    "threadtitle",
    "chattitle",
];

/// What may be a title and may be something else, such as the partner's name.
pub(crate) const PERHAPS_TITLES: [&str; 4] = ["subject", "name", "displayname", "topic"];

/// The text of its last message, or the message.
pub(crate) const LAST_MESSAGES: [&str; 26] = [
    "lastmessagetext",
    "lastmessagebody",
    "lastmessagecontent",
    "lastmessagepreview",
    "lastmessage",
    "latestmessagetext",
    "latestmessagecontent",
    "latestmessagebody",
    "latestmessagepreview",
    "latestmessage",
    "mostrecentmessage",
    "recentmessage",
    "newestmessage",
    "lastmsg",
    "messagepreview",
    "previewtext",
    "preview",
    "snippet",
    "excerpt",
    "lasttext",
    "latest",
    "last",
    "message",
    "content",
    "text",
    "body",
];

/// The text of a message.
pub(crate) const TEXTS: [&str; 8] = [
    "message",
    "text",
    "content",
    "body",
    "messagetext",
    "preview",
    "snippet",
    "value",
];

/// How many messages are unread.
pub(crate) const UNREADS: [&str; 17] = [
    "unreadcount",
    "unread",
    "unreadmessages",
    "unreadmessagecount",
    "unreadmessagescount",
    "numunread",
    "numberofunread",
    "unreads",
    "countunread",
    "unreadtotal",
    "totalunread",
    "unreadmessagestotal",
    "counts.unread",
    "count.unread",
    "unread.count",
    "stats.unread",
    "newmessages",
];

/// `lastMessage`, `last_message`, `Last-Message` and `_lastMessage` are one name.
pub(crate) fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect()
}

/// A member by its plain name.
pub(crate) fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<(&'v str, &'v Value)> {
    object
        .iter()
        .find(|(key, _)| plain(key) == name)
        .map(|(key, value)| (key.as_str(), value))
}

/// What is at a path of plain names.
pub(crate) fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| {
        member(value.as_object()?, name).map(|(_, value)| value)
    })
}

/// What is at a path that a person wrote: names as they are, else in plain; numbers count in lists.
pub(crate) fn mapped<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Object(object) => object
            .get(name)
            .or_else(|| member(object, &plain(name)).map(|(_, value)| value)),
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_one_in_every_style() {
        let value = json!({"Last-Message": {"_text": 1}, "lastRead": [{"a": 2}]});
        assert_eq!(at(&value, "lastmessage.text"), Some(&json!(1)));
        assert_eq!(mapped(&value, "last_read.0.a"), Some(&json!(2)));
        assert_eq!(mapped(&value, "last_read.1.a"), None);
    }
}
