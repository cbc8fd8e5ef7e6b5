//! The images that are stored already: kinds, sizes, and which of them are cut.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::context::Context;
use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, Session, quote_name};
use crate::report::{Table, bytes, count};
use crate::stays::sampled_rows::SampledRows;

/// Rows in one statement: short, so that no snapshot is held for long.
const RANGE: u64 = 500;

/// Upper ends of the histogram's classes.
const CLASSES: [u64; 9] = [
    1 << 8,
    1 << 10,
    1 << 12,
    1 << 14,
    1 << 16,
    1 << 18,
    1 << 20,
    1 << 22,
    1 << 24,
];

/// The kind of a stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoredValue {
    /// NULL or no text.
    Empty,
    /// An address.
    Url,
    /// An image in base64 that is whole, as far as its ends tell.
    DataUri,
    /// Neither, or cut; why.
    Broken(&'static str),
}

/// The server's answer about a value: its length, its ends, and whether its base64 decodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    pub length: Option<u64>,
    pub start: String,
    pub end: String,
    pub undecodable: bool,
}

/// Determines the kind of a value from its ends.
pub(crate) fn classify(ends: &Ends) -> StoredValue {
    let Some(length) = ends.length.filter(|length| *length > 0) else {
        return StoredValue::Empty;
    };
    let start = ends.start.to_ascii_lowercase();
    if ["http://", "https://", "/", "./"]
        .iter()
        .any(|scheme| start.starts_with(scheme))
    {
        return StoredValue::Url;
    }
    if !start.starts_with("data:") {
        return StoredValue::Broken("neither an address nor a data URI");
    }
    let Some(comma) = ends.start.find(',') else {
        return StoredValue::Broken("a data URI without data");
    };
    if !start[..comma].ends_with(";base64") {
        return StoredValue::DataUri;
    }
    let payload = length - (comma as u64 + 1);
    if payload == 0 {
        return StoredValue::Broken("a data URI without data");
    }
    if !payload.is_multiple_of(4) {
        return StoredValue::Broken("base64 that ends within a group: cut");
    }
    if ends.undecodable {
        return StoredValue::Broken("invalid base64");
    }
    // The last 16 characters are four whole groups, unless all of it is shorter.
    let tail = &ends.end.as_bytes()[ends.end.len().saturating_sub(payload.min(16) as usize)..];
    let Ok(tail) = STANDARD.decode(tail) else {
        return StoredValue::Broken("invalid base64");
    };
    let mime = start[..comma]
        .trim_start_matches("data:")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_string();
    match mime.as_str() {
        "image/png" if !tail.ends_with(b"IEND\xae\x42\x60\x82") => {
            StoredValue::Broken("a PNG without its end: cut")
        }
        "image/jpeg" | "image/jpg" if !tail.ends_with(&[0xff, 0xd9]) => {
            StoredValue::Broken("a JPEG without its end: cut")
        }
        "image/gif" if !tail.ends_with(&[0x3b]) => StoredValue::Broken("a GIF without its end: cut"),
        _ => StoredValue::DataUri,
    }
}

/// Counts by kind and size.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    pub rows: u64,
    pub empty: u64,
    /// For each class, and one above them: addresses, data URIs, broken.
    classes: [[u64; 3]; CLASSES.len() + 1],
    pub broken: SampledRows,
    pub largest: u64,
    /// Whether rows were left out.
    pub partial: bool,
}

impl Histogram {
    fn add(&mut self, id: u64, table: &str, ends: &Ends) {
        self.rows += 1;
        let length = ends.length.unwrap_or_default();
        let kind = classify(ends);
        let column = match kind {
            StoredValue::Empty => {
                self.empty += 1;
                return;
            }
            StoredValue::Url => 0,
            StoredValue::DataUri => 1,
            StoredValue::Broken(why) => {
                self.broken
                    .add(|| format!("{table} {id}: {why} ({} bytes)", count(length)));
                2
            }
        };
        self.largest = self.largest.max(length);
        let class = CLASSES
            .iter()
            .position(|end| length <= *end)
            .unwrap_or(CLASSES.len());
        self.classes[class][column] += 1;
    }

    /// The classes that are not empty: upper end (`None` above them all), addresses, data URIs, broken.
    pub fn classes(&self) -> impl Iterator<Item = (Option<u64>, [u64; 3])> + '_ {
        let ends = CLASSES.iter().map(|end| Some(*end)).chain([None]);
        ends.zip(self.classes)
            .filter(|(_, counts)| counts.iter().any(|count| *count > 0))
    }

    /// The histogram as a table.
    pub fn table(&self) -> Table {
        let mut table = Table::new(["size", "addresses", "data URIs", "broken", ""])
            .right(&[0, 1, 2, 3])
            .indent(2);
        let most = self
            .classes()
            .map(|(_, counts)| counts.iter().sum::<u64>())
            .max()
            .unwrap_or(1);
        for (end, counts) in self.classes() {
            let size = end.map_or("more".into(), |end| format!("≤ {}", bytes(end)));
            // A bar of at most 30 characters, and at least one for what is not nothing.
            let bar = "█".repeat((counts.iter().sum::<u64>() * 30 / most).max(1) as usize);
            table.row([size, count(counts[0]), count(counts[1]), count(counts[2]), bar]);
        }
        table
    }
}

/// Looks at up to `most` rows of `table`, the newest first, in short statements.
pub(crate) async fn look(
    context: &Context,
    session: &mut Session,
    (table, key, column): (&str, &str, &str),
    most: u64,
) -> Result<Histogram, DbError> {
    let (quoted, key, column) = (quote_name(table), quote_name(key), quote_name(column));
    // Properties of a value that the server reads without sending it.
    let query = format!(
        "SELECT {key}, CHAR_LENGTH({column}), LEFT({column}, 80), RIGHT({column}, 16), \
         IF({column} LIKE 'data:%', FROM_BASE64(SUBSTRING({column}, LOCATE(',', {column}) + 1)) IS NULL, 0) \
         FROM {quoted} WHERE {key} < ? ORDER BY {key} DESC LIMIT {RANGE}"
    );
    let progress = context.report.progress(None, "stored images");
    let mut histogram = Histogram::default();
    let mut below = i64::MAX.unsigned_abs();
    loop {
        context.cancel.check()?;
        let rows = session
            .rows::<Row>(Query::new(query.as_str()).bind(below))
            .await?;
        for row in &rows {
            let id = get(row, 0).unwrap_or_default();
            below = id;
            let ends = Ends {
                length: get(row, 1),
                start: text(row, 2).unwrap_or_default(),
                end: text(row, 3).unwrap_or_default(),
                undecodable: get::<u64>(row, 4).unwrap_or_default() != 0,
            };
            histogram.add(id, table, &ends);
        }
        progress.set(histogram.rows);
        if (rows.len() as u64) < RANGE {
            return Ok(histogram);
        }
        if histogram.rows >= most {
            histogram.partial = true;
            return Ok(histogram);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(value: &str) -> Ends {
        let payload = value.split_once(',').map_or("", |(_, payload)| payload);
        let cut = value.len().saturating_sub(16);
        Ends {
            length: Some(value.len() as u64),
            start: value.chars().take(80).collect(),
            end: value[cut..].to_string(),
            undecodable: STANDARD.decode(payload).is_err(),
        }
    }

    fn uri(mime: &str, bytes: &[u8]) -> String {
        format!("data:{mime};base64,{}", STANDARD.encode(bytes))
    }

    #[test]
    fn values_are_told_by_their_ends() {
        let png = [&[0x89, b'P', b'N', b'G'][..], &[7; 90], b"IEND\xae\x42\x60\x82"].concat();
        let jpeg = [&[0xff, 0xd8, 0xff][..], &[7; 100], &[0xff, 0xd9]].concat();
        let whole = uri("image/png", &png);
        assert_eq!(classify(&Ends::default()), StoredValue::Empty);
        for (value, kind) in [
            (String::new(), StoredValue::Empty),
            ("https://example.com/a.png".into(), StoredValue::Url),
            ("/uploads/a.png".into(), StoredValue::Url),
            (whole.clone(), StoredValue::DataUri),
            (uri("image/jpeg", &jpeg), StoredValue::DataUri),
            (uri("image/webp", b"RIFF"), StoredValue::DataUri),
            ("data:image/svg+xml,%3Csvg/%3E".into(), StoredValue::DataUri),
            (
                "nonsense".into(),
                StoredValue::Broken("neither an address nor a data URI"),
            ),
            (
                "data:image/png;base64,".into(),
                StoredValue::Broken("a data URI without data"),
            ),
            (
                "data:image/png".into(),
                StoredValue::Broken("a data URI without data"),
            ),
            (
                whole[..whole.len() - 3].into(),
                StoredValue::Broken("base64 that ends within a group: cut"),
            ),
            (
                whole[..whole.len() - 4].into(),
                StoredValue::Broken("a PNG without its end: cut"),
            ),
            (
                uri("image/jpeg", &jpeg[..60]),
                StoredValue::Broken("a JPEG without its end: cut"),
            ),
            (
                uri("image/gif", b"GIF8"),
                StoredValue::Broken("a GIF without its end: cut"),
            ),
            (whole.replace("Bwc", "B*c"), StoredValue::Broken("invalid base64")),
        ] {
            assert_eq!(classify(&ends(&value)), kind, "{value}");
        }
    }

    #[test]
    fn the_histogram_counts_every_row_once() {
        let mut histogram = Histogram::default();
        for (id, value) in ["", "https://x", "broken", &uri("image/webp", &[1; 3_000])]
            .iter()
            .enumerate()
        {
            histogram.add(id as u64, "users", &ends(value));
        }
        let counted: u64 = histogram
            .classes()
            .map(|(_, counts)| counts.iter().sum::<u64>())
            .sum();
        assert_eq!(histogram.rows, counted + histogram.empty);
        assert_eq!(
            histogram.broken.samples,
            ["users 2: neither an address nor a data URI (6 bytes)"]
        );
        assert_eq!(histogram.classes().last(), Some((Some(4_096), [0, 1, 0])));
    }
}
