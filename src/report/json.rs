//! JSON output: pretty-printed, versioned, and safe to show on a terminal.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::{SINK_BUFFER, Sink, SinkWriter};
use crate::escape::is_hidden;

/// A `schema` member, followed by the value's members.
#[derive(Serialize)]
struct Versioned<'a> {
    schema: String,
    #[serde(flatten)]
    value: &'a dyn erased_serde::Serialize,
}

/// Writes part of a string. Escapes characters that are legal in JSON but that a terminal may
/// interpret: DEL, C1 controls and direction overrides.
fn write_safe<W: ?Sized + io::Write>(writer: &mut W, fragment: &str) -> io::Result<()> {
    let mut start = 0;
    for (index, character) in fragment
        .char_indices()
        .filter(|(_, character)| is_hidden(*character))
    {
        writer.write_all(&fragment.as_bytes()[start..index])?;
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(writer, "\\u{unit:04x}")?;
        }
        start = index + character.len_utf8();
    }
    writer.write_all(&fragment.as_bytes()[start..])
}

/// Formats on one line, with hidden characters escaped.
pub(crate) struct Compact;

impl Formatter for Compact {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_safe(writer, fragment)
    }
}

/// Pretty-prints, with hidden characters escaped.
struct Pretty<'a>(PrettyFormatter<'a>);

impl Formatter for Pretty<'_> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_safe(writer, fragment)
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// Writes the outcome of command `name` with `"schema": "dbtool.<name>/1"` first.
pub(super) fn write(name: &str, value: &dyn erased_serde::Serialize, sink: &Sink) {
    let mut out = io::BufWriter::with_capacity(SINK_BUFFER, SinkWriter(sink));
    let mut serializer = Serializer::with_formatter(&mut out, Pretty(PrettyFormatter::new()));
    let schema = format!("dbtool.{name}/1");
    // Neither an outcome nor a sink can fail.
    let written = Versioned { schema, value }.serialize(&mut serializer);
    debug_assert!(written.is_ok());
    let _ = out.write_all(b"\n").and_then(|()| out.flush());
}

/// The same on one line.
pub(super) fn write_line(name: &str, value: &dyn erased_serde::Serialize, sink: &Sink) {
    let mut line = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut line, Compact);
    let schema = format!("dbtool.{name}/1");
    let written = Versioned { schema, value }.serialize(&mut serializer);
    debug_assert!(written.is_ok());
    line.push(b'\n');
    sink(&line);
}

#[cfg(test)]
mod tests {
    use super::{Sink, write};
    use serde_json::{Value, json};
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn the_schema_stands_first_and_controls_are_escaped() {
        let value = json!({"a": "x\u{1b}[31m\u{9b}\u{7f}\u{e0041}\\n", "nested": [{"b": 1}, [], {}]});
        let shown = Rc::new(RefCell::new(Vec::new()));
        let sink = Rc::clone(&shown);
        let sink: Sink = Rc::new(move |part| sink.borrow_mut().extend_from_slice(part));
        write("migrate-status", &value, &sink);
        let text = String::from_utf8(shown.take()).expect("text");
        assert!(
            text.starts_with("{\n  \"schema\": \"dbtool.migrate-status/1\",\n  \"a\": "),
            "{text}"
        );
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        let parsed: Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(parsed["a"], value["a"]);
        assert_eq!(parsed["nested"], value["nested"]);
    }
}
