//! Reads a snapshot, sharing tables equal to the live schema, so that a check needs the memory of one
//! schema.

use std::fmt;
use std::io::Read;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};

use super::model::{Schema, Symbol, Table};

/// Reads a snapshot. Of tables equal to those of `live`, only the names are stored, in
/// [`Schema::equal_tables`].
///
/// # Errors
/// The text is not a snapshot.
pub fn read(from: impl Read, live: &Schema) -> serde_json::Result<Schema> {
    let mut reader = serde_json::Deserializer::from_reader(from);
    let mut schema = SchemaSeed(live).deserialize(&mut reader)?;
    reader.end()?;
    // If the migrations do not define the database's collation, any is accepted.
    schema.collation = schema.database_collation.unwrap_or(live.collation);
    Ok(schema)
}

/// Deserializes a schema that is compared with this one.
struct SchemaSeed<'a>(&'a Schema);

impl<'de> DeserializeSeed<'de> for SchemaSeed<'_> {
    type Value = Schema;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Schema, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SchemaSeed<'_> {
    type Value = Schema;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a schema snapshot")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Schema, A::Error> {
        let mut schema = Schema::default();
        while let Some(key) = map.next_key::<Symbol>()? {
            match key.as_str() {
                "format" => schema.format = map.next_value()?,
                "dialect" => schema.flavor = map.next_value()?,
                "default_collations" => schema.default_collations = map.next_value()?,
                "database_collation" => schema.database_collation = map.next_value()?,
                "tables" => map.next_value_seed(TablesSeed {
                    live: self.0,
                    schema: &mut schema,
                })?,
                "views" => schema.views = map.next_value()?,
                "procedures" => schema.procedures = map.next_value()?,
                "functions" => schema.functions = map.next_value()?,
                "events" => schema.events = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(schema)
    }
}

/// Deserializes the tables of a snapshot.
struct TablesSeed<'a> {
    live: &'a Schema,
    schema: &'a mut Schema,
}

impl<'de> DeserializeSeed<'de> for TablesSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TablesSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables by name")
    }

    /// Old snapshots without tables contain an empty list.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        match list.next_element::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::invalid_type(Unexpected::Seq, &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, mut table)) = map.next_entry::<Symbol, Table>()? {
            let live = self.live.tables.get(&name);
            if live == Some(&table) {
                self.schema.equal_tables.insert(name);
                continue;
            }
            // The vector has spare capacity, because its length was unknown.
            table.columns.shrink_to_fit();
            if let Some(live) = live {
                table.columns.share(&live.columns);
                table.indexes.share(&live.indexes);
                table.foreign_keys.share(&live.foreign_keys);
            }
            self.schema.tables.insert(name, table);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::diff::diff;
    use crate::schema::model::Column;

    #[test]
    fn a_snapshot_of_nothing_is_read_in_both_of_its_spellings() -> serde_json::Result<()> {
        let nothing = Schema::default();
        let json = serde_json::to_string(&nothing)?;
        assert!(json.contains(r#""tables":{},"views":{}"#), "{json}");
        let with_lists = json.replace(r#""tables":{},"views":{}"#, r#""tables":[],"views":[]"#);
        for json in [json, with_lists] {
            assert_eq!(read(json.as_bytes(), &nothing)?, nothing);
        }
        assert!(read(&br#"{"tables":[1]}"#[..], &nothing).is_err());
        Ok(())
    }

    #[test]
    fn equal_tables_are_kept_once_and_the_others_compared() -> serde_json::Result<()> {
        let table = |column: &str| {
            let mut table = Table::new(Symbol::new("utf8mb4_bin"));
            table.columns.push(Column::new(column, "int"));
            table
        };
        let schema = |tables: &[(&str, &str)]| Schema {
            tables: tables
                .iter()
                .map(|(name, column)| (Symbol::new(name), table(column)))
                .collect(),
            ..Schema::default()
        };
        let live = schema(&[("same", "a"), ("other", "a"), ("extra", "a")]);
        let json = serde_json::to_string(&schema(&[("same", "a"), ("other", "b"), ("missing", "a")]))?;
        let read = read(json.as_bytes(), &live)?;
        assert_eq!(
            read.equal_tables
                .iter()
                .map(|name| name.as_str())
                .collect::<Vec<_>>(),
            ["same"]
        );
        assert!(
            read.has_table(Symbol::new("same"))
                && read.has_table(Symbol::new("missing"))
                && !read.has_table(Symbol::new("extra"))
        );
        let found: Vec<String> = diff(&read, &live)
            .iter()
            .map(|one| format!("{} {}", one.path(), one.change.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                "extra extra",
                "missing missing",
                "other.b missing",
                "other.a extra"
            ]
        );
        assert!(super::read(&b"[]"[..], &live).is_err());
        Ok(())
    }
}
