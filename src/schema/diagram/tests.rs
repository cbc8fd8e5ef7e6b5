use super::graph::{DriftState, Graph, LARGE};
use super::layout::{Placement, lay_out};
use super::*;
use crate::schema::diff::diff;
use crate::schema::model::{Index, IndexKind, KeyPart, Symbol};

/// A schema of tables, each with the tables that it refers to; one with `!` may not be without.
fn schema(tables: &[(&str, &[&str])]) -> Schema {
    let tables: serde_json::Map<String, serde_json::Value> = tables
        .iter()
        .map(|(name, parents)| {
            let mut columns = vec![serde_json::json!({"name": "id", "type": "int"})];
            let mut keys = serde_json::Map::new();
            for (at, parent) in parents.iter().enumerate() {
                let column = format!("ref_{at}");
                let nullable = !parent.ends_with('!');
                columns.push(serde_json::json!({"name": column, "type": "int", "nullable": nullable}));
                keys.insert(
                    format!("fk_{name}_{at}"),
                    serde_json::json!({
                        "columns": [column], "table": parent.trim_end_matches('!'), "references": ["id"],
                    }),
                );
            }
            columns.push(serde_json::json!({"name": "note", "type": "varchar(200)"}));
            let table = serde_json::json!({
                "engine": "InnoDB",
                "collation": "utf8mb4_general_ci",
                "columns": columns,
                "indexes": {"PRIMARY": {"kind": "primary", "parts": [{"column": "id"}]}},
                "foreign_keys": keys,
            });
            ((*name).to_owned(), table)
        })
        .collect();
    let whole = serde_json::json!({"format": 1, "dialect": "MariaDB", "tables": tables});
    serde_json::from_value(whole).expect("it is a schema")
}

/// Tables that refer to each other in all ways: a hub, chains, themselves, twice, and not at all.
fn many(count: usize) -> Schema {
    let names: Vec<String> = (0..count).map(|at| format!("table_{at:04}")).collect();
    let parents: Vec<Vec<&str>> = (0..count)
        .map(|at| {
            let mut parents = Vec::new();
            if at % 7 != 3 {
                parents.extend([&names[at / 5], &names[at * 7 / 9]]);
            }
            if at % 3 == 0 {
                parents.push(&names[0]);
            }
            if at % 11 == 0 {
                parents.extend([&names[at], &names[count - 1]]);
            }
            parents.into_iter().map(String::as_str).collect()
        })
        .collect();
    let tables: Vec<(&str, &[&str])> = names
        .iter()
        .zip(&parents)
        .map(|(name, parents)| (name.as_str(), parents.as_slice()))
        .collect();
    schema(&tables)
}

fn drawn(picture: Picture, live: &Schema, expected: Option<&Schema>) -> String {
    let drift = expected.map_or(Vec::new(), |expected| diff(expected, live));
    let mut out = Vec::new();
    picture
        .draw("a title", live, expected, &drift, &mut out)
        .expect("memory takes all");
    String::from_utf8(out).expect("a picture is text")
}

const ALL: [Picture; 4] = [Picture::Svg, Picture::Html, Picture::Mermaid, Picture::Dot];

/// The segment and level lines of a link.
fn lines(graph: &Graph, placement: &Placement, at: usize) -> Vec<[(f64, f64); 2]> {
    let link = &graph.links[at];
    let [start, end] = [(link.parent.0, 0), (link.child.0, 1)].map(|(at_box, side)| {
        let (frame, end) = (placement.frames[at_box], placement.ends[at][side]);
        let x = if end.right { frame.x + frame.width } else { frame.x };
        (x, frame.y + end.dy)
    });
    let mut here = start;
    let mut out = Vec::new();
    for (x, y) in &placement.bends[at] {
        out.push([here, (*x, here.1)]);
        out.push([(*x, here.1), (*x, *y)]);
        here = (*x, *y);
    }
    out.push([here, (end.0, here.1)]);
    assert!((here.1 - end.1).abs() < 1.0, "link {at} ends where it has to");
    out
}

#[test]
fn no_link_runs_through_a_box_and_no_box_over_another() {
    for count in [2, 9, 30, 31, 100, 250] {
        let schema = many(count);
        let graph = Graph::new("many", &schema, None, &[]);
        let placement = lay_out(&graph);
        for (one, frame) in placement.frames.iter().enumerate() {
            let right = frame.x + frame.width;
            assert!(
                frame.x >= 0.0 && right <= placement.width,
                "{count}: {one} is on the page"
            );
            for other in &placement.frames[one + 1..] {
                let apart = right < other.x
                    || other.x + other.width < frame.x
                    || frame.y + frame.height < other.y
                    || other.y + other.height < frame.y;
                assert!(apart, "{count}: {one}");
            }
        }
        for at in (0..graph.links.len()).filter(|at| !graph.links[*at].far) {
            for [from, to] in lines(&graph, &placement, at) {
                let through = |frame: &super::geometry::Frame| {
                    from.0.min(to.0) < frame.x + frame.width - 0.5
                        && from.0.max(to.0) > frame.x + 0.5
                        && from.1.min(to.1) < frame.y + frame.height - 0.5
                        && from.1.max(to.1) > frame.y + 0.5
                };
                let hit = placement.frames.iter().position(through);
                assert_eq!(hit, None, "{count}: {from:?} to {to:?} of link {at}");
            }
        }
    }
}

#[test]
fn ends_at_one_row_do_not_overlap() {
    let schema = schema(&[("child", &["parent!", "parent", "parent"]), ("parent", &[])]);
    let graph = Graph::new("ends", &schema, None, &[]);
    let placement = lay_out(&graph);
    let parent = |at: usize| placement.ends[at][0];
    assert!(!graph.links[0].optional && graph.links[1].optional);
    assert!((parent(0).dy - parent(1).dy).abs() >= parent(0).half + parent(1).half);
    assert_eq!(parent(1), parent(2), "what is of one kind goes together");
}

#[test]
fn a_large_schema_shows_keys_in_clusters_and_says_where_far_links_lead() {
    let small = many(LARGE);
    assert!(Graph::new("small", &small, None, &[]).clusters.is_empty());
    assert!(!drawn(Picture::Svg, &small, None).contains("1 more"));
    let large = many(LARGE + 40);
    let graph = Graph::new("large", &large, None, &[]);
    let mut members: Vec<usize> = graph.clusters.iter().flatten().copied().collect();
    members.sort_unstable();
    assert_eq!(
        members,
        (0..graph.boxes.len()).collect::<Vec<_>>(),
        "each table is in one"
    );
    let far = graph.links.iter().find(|link| link.far).expect("some lead far");
    let row = far.child.1.expect("it begins at a row");
    assert!(graph.boxes[far.child.0].rows[row].leads_to.is_some());
    let svg = drawn(Picture::Svg, &large, None);
    for part in ["1 more", "class=\"cluster\"", "→ table_", "to another group"] {
        assert!(svg.contains(part), "{part}");
    }
    assert!(!svg.contains("varchar"), "only keys are shown");
}

#[test]
fn drift_is_seen_in_every_format() {
    let expected = schema(&[
        ("gone", &["parent"]),
        ("kept", &["parent", "parent"]),
        ("parent", &[]),
    ]);
    let live = schema(&[("kept", &["parent"]), ("new", &[]), ("parent", &[])]);
    let state = |graph: &Graph, name: &str| {
        let found = graph.boxes.iter().find(|one| one.name.as_str() == name);
        found.map(|one| one.state)
    };
    let drift = diff(&expected, &live);
    let graph = Graph::new("drift", &live, Some(&expected), &drift);
    for (name, wanted) in [
        ("gone", DriftState::Missing),
        ("kept", DriftState::Different),
        ("new", DriftState::Extra),
        ("parent", DriftState::Same),
    ] {
        assert_eq!(state(&graph, name), Some(wanted), "{name}");
    }
    for (picture, marks) in [
        (
            Picture::Svg,
            &[
                "box missing\" data-table=\"gone",
                "box extra\" data-table=\"new",
                "box different\" data-table=\"kept",
                "link missing\" data-from=\"kept",
                ">- ref_1<",
                "expected, but missing",
                "there, but not expected",
                "not as expected",
            ][..],
        ),
        (
            Picture::Html,
            &[
                "box missing\" data-table=\"gone",
                "[\"missing\",\"column ref_1\\n`ref_1` int NULL",
                "[\"extra\",\"table",
                "expected, but missing",
            ],
        ),
        (
            Picture::Mermaid,
            &[
                "\"gone\":::missing",
                "\"new\":::extra",
                "int ref_1 \"missing\"",
                "..o{ \"kept\" : \"missing: fk_kept_1\"",
                "classDef missing",
            ],
        ),
        (
            Picture::Dot,
            &[
                "- gone",
                "+ new",
                "~ kept",
                "- ref_1",
                "style=dashed",
                "expected, but missing",
            ],
        ),
    ] {
        let with = drawn(picture, &live, Some(&expected));
        let without = drawn(picture, &live, Some(&live));
        for mark in marks {
            assert!(with.contains(mark), "{picture:?}: {mark}");
            assert!(!without.contains(mark), "{picture:?} without drift: {mark}");
        }
    }
}

#[test]
fn odd_names_stay_text() {
    const ODD: &str = "</script><b>&\"'`{{details}}%\\";
    let mut odd = serde_json::to_value(schema(&[(ODD, &[ODD]), ("日本", &[ODD])])).expect("it is JSON");
    odd["tables"][ODD]["comment"] = "<!--<script>".into();
    let odd: Schema = serde_json::from_value(odd).expect("it is a schema");
    let svg = drawn(Picture::Svg, &odd, None);
    assert!(svg.contains("data-table=\"&lt;/script&gt;&lt;b&gt;&amp;&quot;&#39;`{{details}}%\\\""));
    let html = drawn(Picture::Html, &odd, None);
    for text in [&svg, &html] {
        assert!(!text.contains("<b>") && !text.contains("<!--"), "{text}");
    }
    assert_eq!(html.matches("</script>").count(), 2, "of the page itself");
    let (_, rest) = html.split_once("id=\"details\">").expect("the details are there");
    let (json, _) = rest.split_once("</script>").expect("and end");
    let read: serde_json::Value = serde_json::from_str(json).expect("they are JSON");
    assert_eq!(read[ODD]["comment"], "<!--<script>");
    let mermaid = drawn(Picture::Mermaid, &odd, None);
    let names = mermaid.lines().filter(|line| line.ends_with(" {"));
    for name in names {
        let inner = name.trim().trim_end_matches(" {").trim_matches('"');
        assert!(!inner.contains(['"', '%', '\\', '<', '#', ';']), "{name}");
    }
    let dot = drawn(Picture::Dot, &odd, None);
    assert!(
        dot.contains("\"</script><b>&\\\"'`{{details}}%\\\\\" [label=<"),
        "{dot}"
    );
    assert!(dot.contains("&lt;/script&gt;&lt;b&gt;&amp;&quot;"), "{dot}");
}

#[test]
fn the_same_schema_gives_the_same_bytes_and_nothing_is_loaded() {
    for count in [0, 1, 12, 80] {
        let (one, other) = (many(count.max(1)), many(count));
        let other = if count == 0 { Schema::default() } else { other };
        for picture in ALL {
            let text = drawn(picture, &other, Some(&one));
            assert_eq!(text, drawn(picture, &other, Some(&one)), "{picture:?} of {count}");
            let namespace = "xmlns=\"http://www.w3.org/2000/svg\"";
            let rest = text.replace(namespace, "");
            for reference in ["://", "src=", "href=", "url(", "@import"] {
                assert!(!rest.contains(reference), "{picture:?} of {count}: {reference}");
            }
        }
    }
}

/// Fails after so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_reported_and_no_write_is_large() {
    struct Largest(usize);
    impl Write for Largest {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.max(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let schema = many(60);
    for picture in ALL {
        let mut largest = Largest(0);
        picture
            .draw("t", &schema, None, &[], &mut largest)
            .expect("it takes all");
        // The longest piece of the page's own text is the script.
        assert!(
            largest.0 < 16 * 1024,
            "{picture:?} writes {} bytes at once",
            largest.0
        );
        for room in [0, 100, 3000] {
            let result = picture.draw("t", &schema, None, &[], &mut Full(room));
            let kind = result.map_err(|error| error.kind());
            assert_eq!(kind, Err(io::ErrorKind::StorageFull), "{picture:?} with {room}");
        }
    }
}

#[test]
fn the_extension_decides_the_format() {
    for (name, wanted) in [
        ("a.svg", Some(Picture::Svg)),
        ("a.htm", Some(Picture::Html)),
        ("b/a.html", Some(Picture::Html)),
        ("a.mmd", Some(Picture::Mermaid)),
        ("a.mermaid", Some(Picture::Mermaid)),
        ("a.dot", Some(Picture::Dot)),
        ("a.gv", Some(Picture::Dot)),
        ("a.png", None),
        ("svg", None),
    ] {
        assert_eq!(Picture::from_path(Path::new(name)).ok(), wanted, "{name}");
    }
}

#[test]
fn only_a_column_that_is_unique_by_itself_is_marked_so() {
    let mut one = schema(&[("t", &[])]);
    let unique = |columns: &[&str]| Index {
        kind: IndexKind::Unique,
        parts: columns.iter().map(|column| KeyPart::column(column)).collect(),
        ..Index::default()
    };
    let mut marks = |index| {
        let table = one.tables.get_mut(&Symbol::new("t")).expect("the table");
        table.indexes.insert(Symbol::new("u"), index);
        drawn(Picture::Mermaid, &one, None).contains("note UK")
    };
    assert!(marks(unique(&["note"])));
    assert!(!marks(unique(&["note", "id"])));
}
