//! Demo data: a fictional marketplace of any size, identical for the same seed.
//!
//! Rows are generated one by one and sent as multi-row inserts, so memory use is constant.
//! They fit the schema at migration 002; large images are added after 003, which widens their column.

mod generator;
pub mod image;
mod text;
mod words;

use std::fmt::Write;

use rand::RngExt;

use generator::{Dataset, Stream};
use text::quote;

/// Upper bound of a generated statement, in bytes, except that one row is never split.
pub const STATEMENT_BYTES: usize = 256 * 1024;

/// Sizes in bytes of the data URIs that are always generated, ascending.
const IMAGE_BYTES: [usize; 7] = [1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 2_097_152];

/// Size and seed of the demo data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoSpec {
    /// Number of bookings; all other sizes are derived from it. With about ten, every special case occurs.
    pub bookings: u64,
    /// Seed of the random numbers; the same seed gives the same data.
    pub seed: u64,
}

impl Default for DemoSpec {
    fn default() -> Self {
        DemoSpec {
            bookings: 1_000,
            seed: 42,
        }
    }
}

/// Number of rows in each table of the demo data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowCounts {
    /// Rows in `users`.
    pub users: u64,
    /// Rows in `properties`.
    pub properties: u64,
    /// Rows in `bookings`.
    pub bookings: u64,
    /// Rows in the legacy `messages`.
    pub messages: u64,
    /// Users whose profile image was replaced by a data URI of 1 KB or more.
    pub images: u64,
}

/// All rows, as statements for an empty database at migration 002.
pub fn rows(spec: &DemoSpec) -> impl Iterator<Item = String> + use<> {
    statements_of(*spec).map(|(_, statement)| statement)
}

/// Large profile images, as statements for a database at migration 003 or later that holds [`rows`].
/// An image that exceeds a statement is split: further statements append to it.
pub fn images(spec: &DemoSpec) -> impl Iterator<Item = String> + use<> {
    image_users(spec).flat_map(|(dataset, user, bytes)| image_statements(dataset, user, bytes))
}

/// The statements that load the demo data into a database at migration `version`.
/// From 003 on they include images; from 005 on the old messages must already exist
/// (load at 002, then migrate), so only the images remain.
pub fn statements_for(spec: &DemoSpec, version: u32) -> Box<dyn Iterator<Item = String>> {
    match version {
        0..=2 => Box::new(rows(spec)),
        3..=4 => Box::new(rows(spec).chain(images(spec))),
        _ => Box::new(images(spec)),
    }
}

/// Loads [`rows`] into the database of `session`, which has migrations 001 and 002 and no rows.
/// Calls `progress` with the rows done so far and the total.
///
/// # Errors
/// A statement failed.
pub async fn fill(
    session: &mut crate::db::Session,
    spec: &DemoSpec,
    mut progress: impl FnMut(u64, u64),
) -> anyhow::Result<RowCounts> {
    let mut summary = RowCounts::default();
    let mut done = 0;
    // An estimate, because messages are counted only when they are generated: about one per booking.
    let dataset = Dataset::new(spec);
    let expected = dataset.users() + dataset.properties + dataset.bookings * 9 / 4;
    for (table, statement) in statements_of(*spec) {
        let rows = session.execute(statement).await?.affected;
        *match table {
            DemoTable::Users => &mut summary.users,
            DemoTable::Properties => &mut summary.properties,
            DemoTable::Bookings => &mut summary.bookings,
            DemoTable::Messages => &mut summary.messages,
        } += rows;
        done += rows;
        progress(done, expected.max(done));
    }
    Ok(summary)
}

/// Loads [`images`] into the database of `session`, which has migration 003 and the rows.
/// Returns the number of users with an image.
///
/// # Errors
/// A statement failed.
pub async fn fill_images(session: &mut crate::db::Session, spec: &DemoSpec) -> anyhow::Result<u64> {
    for statement in images(spec) {
        session.execute(statement).await?;
    }
    Ok(image_users(spec).count() as u64)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DemoTable {
    Users,
    Properties,
    Bookings,
    Messages,
}

impl DemoTable {
    /// The head of its multi-row insert.
    fn insert(self) -> &'static str {
        match self {
            DemoTable::Users => {
                "INSERT INTO users (id, email, password_hash, first_name, last_name, phone, profile_image_url, \
                 role, email_verified, created_at, updated_at) VALUES "
            }
            DemoTable::Properties => {
                "INSERT INTO properties (id, host_id, title, description, property_type, address, city, state, \
                 country, postal_code, price_per_night, max_guests, bedrooms, status, created_at, updated_at) VALUES "
            }
            DemoTable::Bookings => {
                "INSERT INTO bookings (id, property_id, guest_id, host_id, check_in_date, check_out_date, \
                 guests_count, base_price, cleaning_fee, service_fee, total_amount, status, payment_status, \
                 created_at, updated_at) VALUES "
            }
            DemoTable::Messages => {
                "INSERT INTO messages (id, booking_id, property_id, sender_id, recipient_id, subject, message, \
                 is_read, read_at, message_type, created_at) VALUES "
            }
        }
    }
}

/// The statements of all tables, parents first.
fn statements_of(spec: DemoSpec) -> impl Iterator<Item = (DemoTable, String)> {
    let dataset = Dataset::new(&spec);
    let table = move |table: DemoTable, rows: Box<dyn Iterator<Item = String>>| {
        batches(table.insert(), rows).map(move |statement| (table, statement))
    };
    table(
        DemoTable::Users,
        Box::new((1..=dataset.users()).map(move |id| user(&dataset, id))),
    )
    .chain(table(
        DemoTable::Properties,
        Box::new((1..=dataset.properties).map(move |id| property(&dataset, id))),
    ))
    .chain(table(
        DemoTable::Bookings,
        Box::new((1..=dataset.bookings).map(move |id| booking(&dataset, id))),
    ))
    .chain(table(
        DemoTable::Messages,
        Box::new(dataset.messages().zip(1..).map(|(row, id)| message(&row, id))),
    ))
}

/// Joins rows to multi-row inserts of at most [`STATEMENT_BYTES`].
fn batches(insert: &'static str, rows: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut rows = rows.peekable();
    std::iter::from_fn(move || {
        let mut statement = String::with_capacity(STATEMENT_BYTES);
        statement.push_str(insert);
        statement.push_str(&rows.next()?);
        while let Some(row) = rows.next_if(|row| statement.len() + row.len() + 2 <= STATEMENT_BYTES) {
            statement.push_str(",\n");
            statement.push_str(&row);
        }
        Some(statement)
    })
}

/// Writes a row's parts one after the other; writing to a String cannot fail.
macro_rules! put {
    ($sql:ident, $($part:tt)*) => {{ let _ = write!($sql, $($part)*); }};
}

fn user(dataset: &Dataset, id: u64) -> String {
    let mut rng = dataset.rng(Stream::User, id);
    let (first, last) = text::name(&mut rng);
    let role = match id {
        id if id <= dataset.hosts => "host",
        id if id <= dataset.hosts + dataset.guests => "guest",
        _ => "admin",
    };
    let mut sql = format!("({id},");
    quote(&mut sql, &text::email(first, last, id));
    put!(
        sql,
        ",'$2b$12${:016x}{:016x}',",
        rng.random::<u64>(),
        rng.random::<u64>()
    );
    quote(&mut sql, first);
    sql.push(',');
    quote(&mut sql, last);
    if rng.random_ratio(2, 3) {
        put!(sql, ",'+1-555-{:04}',", rng.random_range(0..10_000));
    } else {
        sql.push_str(",NULL,");
    }
    match rng.random_range(0..10) {
        0..=3 => sql.push_str("NULL"),
        4 => sql.push_str("''"),
        5 => put!(
            sql,
            "'{}{}'",
            image::PNG_DATA_URI,
            image::base64(&image::png(1, &mut rng))
        ),
        _ => put!(
            sql,
            "'https://images.example.com/users/{id}/{:08x}.jpg'",
            rng.random::<u32>()
        ),
    }
    put!(sql, ",'{role}',{},", u8::from(rng.random_ratio(4, 5)));
    let joined = rng.random_range(0..300);
    text::timestamp(&mut sql, joined);
    sql.push(',');
    text::timestamp(&mut sql, joined + rng.random_range(0..10_000));
    sql.push(')');
    sql
}

fn property(dataset: &Dataset, id: u64) -> String {
    const KINDS: [&str; 8] = [
        "apartment",
        "house",
        "villa",
        "cabin",
        "cottage",
        "condo",
        "townhouse",
        "other",
    ];
    const STATUSES: [&str; 8] = [
        "active",
        "active",
        "active",
        "active",
        "draft",
        "pending",
        "inactive",
        "suspended",
    ];
    const COUNTRIES: [&str; 5] = ["USA", "France", "Deutschland", "日本", "Brasil"];
    let mut rng = dataset.rng(Stream::Property, id);
    let kind = KINDS[rng.random_range(0..KINDS.len())];
    let city = text::city(&mut rng);
    let mut sql = format!("({id},{},", dataset.host_of(id));
    quote(
        &mut sql,
        &format!("{} {kind} in {city}", text::words(&mut rng, 1, 3)),
    );
    sql.push(',');
    quote(&mut sql, &text::message(&mut rng));
    put!(sql, ",'{kind}',");
    quote(&mut sql, &text::address(&mut rng));
    sql.push(',');
    quote(&mut sql, city);
    sql.push_str(",NULL,");
    quote(&mut sql, COUNTRIES[rng.random_range(0..COUNTRIES.len())]);
    put!(sql, ",'{:05}',", rng.random_range(0..100_000));
    put!(
        sql,
        "{}.{:02},",
        rng.random_range(30..600),
        rng.random_range(0..100)
    );
    put!(sql, "{},{},", rng.random_range(1..12), rng.random_range(1..6));
    put!(sql, "'{}',", STATUSES[rng.random_range(0..STATUSES.len())]);
    text::timestamp(&mut sql, rng.random_range(0..300));
    sql.push(',');
    text::timestamp(&mut sql, rng.random_range(300..10_000));
    sql.push(')');
    sql
}

fn booking(dataset: &Dataset, id: u64) -> String {
    const STATUSES: [(&str, &str); 20] = [
        ("pending", "pending"),
        ("pending", "pending"),
        ("pending", "failed"),
        ("confirmed", "paid"),
        ("confirmed", "paid"),
        ("confirmed", "paid"),
        ("confirmed", "paid"),
        ("confirmed", "paid"),
        ("confirmed", "pending"),
        ("completed", "paid"),
        ("completed", "paid"),
        ("completed", "paid"),
        ("completed", "paid"),
        ("completed", "paid"),
        ("completed", "paid"),
        ("completed", "paid"),
        ("completed", "paid"),
        ("cancelled", "pending"),
        ("cancelled", "refunded"),
        ("refunded", "refunded"),
    ];
    let mut rng = dataset.rng(Stream::Booking, id);
    let participants = dataset.participants(id);
    let booked = dataset.booked_at(id);
    let arrival = booked / 720 + rng.random_range(1..120);
    let nights: u64 = rng.random_range(1..15);
    let base = nights * rng.random_range(3_000_u64..60_000);
    let cleaning = rng.random_range(0_u64..8_000);
    // Old bookings have no fee, which differs from a fee of zero.
    let fee = (!rng.random_ratio(1, 12)).then(|| base * rng.random_range(5_u64..15) / 100);
    // The first bookings have each status once, so that even a tiny dataset contains all of them.
    let (status, payment) = match id {
        1..=5 => [STATUSES[0], STATUSES[3], STATUSES[9], STATUSES[10], STATUSES[17]][id as usize - 1],
        6 => STATUSES[19],
        _ => STATUSES[rng.random_range(0..STATUSES.len())],
    };
    let mut sql = format!(
        "({id},{},{},{},",
        participants.property, participants.guest, participants.host
    );
    text::date(&mut sql, arrival);
    sql.push(',');
    text::date(&mut sql, arrival + nights);
    put!(sql, ",{},", rng.random_range(1..6));
    let money = |sql: &mut String, cents: u64| put!(sql, "{}.{:02},", cents / 100, cents % 100);
    money(&mut sql, base);
    money(&mut sql, cleaning);
    match fee {
        Some(cents) => money(&mut sql, cents),
        None => sql.push_str("NULL,"),
    }
    money(&mut sql, base + cleaning + fee.unwrap_or(0));
    put!(sql, "'{status}','{payment}',");
    text::timestamp(&mut sql, booked);
    sql.push(',');
    text::timestamp(&mut sql, booked + rng.random_range(0..5_000));
    sql.push(')');
    sql
}

fn message(row: &generator::Message, id: u64) -> String {
    let optional = |id: Option<u64>| id.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
    let mut sql = format!(
        "({id},{},{},{},{},",
        optional(row.booking),
        optional(row.property),
        row.sender,
        row.recipient
    );
    quote(
        &mut sql,
        if row.booking.is_some() {
            "Your stay"
        } else {
            "A question"
        },
    );
    sql.push(',');
    quote(&mut sql, &row.text);
    if row.read {
        sql.push_str(",1,");
        text::timestamp(&mut sql, row.minute + 7);
    } else {
        sql.push_str(",0,NULL");
    }
    put!(
        sql,
        ",'{}',",
        if row.booking.is_some() {
            "booking"
        } else {
            "inquiry"
        }
    );
    text::timestamp(&mut sql, row.minute);
    sql.push(')');
    sql
}

/// The users with an image and its size in bytes (as a data URI): each size of [`IMAGE_BYTES`] once if
/// there are enough users, and a small image for every twentieth user.
fn image_users(spec: &DemoSpec) -> impl Iterator<Item = (Dataset, u64, usize)> + use<> {
    let dataset = Dataset::new(spec);
    (1..=dataset.users()).filter_map(move |user| {
        let small = || 1_024 + dataset.rng(Stream::Image, user).random_range(0..6_000);
        let bytes = match IMAGE_BYTES.get(user as usize - 1) {
            Some(&bytes) => Some(bytes),
            None => user.is_multiple_of(20).then(small),
        };
        bytes.map(|bytes| (dataset, user, bytes))
    })
}

/// The first statement sets the image, the others append to it, each well below [`STATEMENT_BYTES`].
fn image_statements(dataset: Dataset, user: u64, bytes: usize) -> impl Iterator<Item = String> + use<> {
    // Base64 takes four characters for three bytes; an image is a few dozen bytes longer than requested.
    let file = (bytes - image::PNG_DATA_URI.len()) / 4 * 3 - IMAGE_MARGIN;
    let image = image::png(file, &mut dataset.rng(Stream::Image, user));
    let mut offset = 0;
    std::iter::from_fn(move || {
        let piece = image.get(offset..image.len().min(offset + STATEMENT_BYTES / 2 / 3 * 3))?;
        if piece.is_empty() {
            return None;
        }
        let mut sql = String::with_capacity(piece.len() * 4 / 3 + 128);
        if offset == 0 {
            put!(
                sql,
                "UPDATE users SET updated_at = updated_at, profile_image_url = '{}",
                image::PNG_DATA_URI
            );
        } else {
            sql.push_str(
                "UPDATE users SET updated_at = updated_at, profile_image_url = CONCAT(profile_image_url, '",
            );
        }
        sql.push_str(&image::base64(piece));
        sql.push_str(if offset == 0 { "'" } else { "')" });
        put!(sql, " WHERE id = {user}");
        offset += piece.len();
        Some(sql)
    })
}

/// Bytes by which a generated image may exceed the requested size.
const IMAGE_MARGIN: usize = 128;

#[cfg(test)]
#[path = "demo/tests.rs"]
mod tests;
