//! `dbtool test-image-size`: how large a profile image the database keeps, byte for byte.

use std::time::Instant;

use serde_json::{Value, json};

use crate::cli::test_image_size::TestImageSizeArgs;
use crate::context::Context;
use crate::db::row::{get, text};
use crate::db::{DbError, Query, Row, Session};
use crate::exit::Failure;
use crate::migrate;
use crate::report::{Check, CheckStatus, bytes, count};
use crate::stays::images::growth::{Growth, grow, sizes};
use crate::stays::images::image::{Image, SMALLEST};
use crate::stays::images::limits::{Column, Limit, Settings};
use crate::stays::images::stored::{self, Histogram};
use crate::stays::images::trial::{Fate, Target, Tester};
use crate::stays::needed::lacking;
use crate::stays::verdict::{Fact, Verdict};

/// The column's type and what it holds.
const COLUMN: &str = "SELECT column_type, data_type, character_maximum_length, character_octet_length, \
     character_set_name FROM information_schema.columns \
     WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?";

/// What bounds a packet, and whether too long values are refused.
const SETTINGS: &str =
    "SELECT @@session.max_allowed_packet, @@global.max_allowed_packet, @@session.sql_mode, @@global.sql_mode";

/// The redo log's size, under its names in MariaDB and in MySQL before and since 8.0.30.
const REDO: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
     ('innodb_log_file_size', 'innodb_log_files_in_group', 'innodb_redo_log_capacity')";

const LIMITS: &str = "limits";
const STORED: &str = "stored images";
const ROUND_TRIP: &str = "round trip, rolled back";

/// Runs the test.
///
/// # Errors
/// An unknown column or unusable image file, no connection, or a statement that fails for
/// another reason than the image's size.
pub async fn run(context: &Context, args: &TestImageSizeArgs) -> anyhow::Result<Verdict> {
    let file = args.image.as_deref().map(open_image).transpose()?;
    let database = context.config.require_database()?.to_string();
    let server = context.db.server().await?;
    let mut session = context.db.session().await?;
    let column = column(&mut session, args, &database).await?;
    let settings = settings(&mut session).await?;
    let target = Target::find(&mut session, &args.table, &args.column).await?;
    let need = file.as_ref().map_or(args.need.min(args.max), Image::uri_length);

    let mut verdict = Verdict::new("test-image-size");
    describe(&mut verdict, &column, &settings, need);
    check_limits(&mut verdict, &column, &settings, need);
    let Some(target) = target else {
        for group in [STORED, ROUND_TRIP] {
            verdict.checks.push(skipped(
                group,
                &format!("{} has no AUTO_INCREMENT key to find its rows by", args.table),
            ));
        }
        return Ok(verdict);
    };
    if args.stored > 0 {
        let names = (args.table.as_str(), target.key(), args.column.as_str());
        let started = Instant::now();
        let histogram = stored::look(context, &mut session, names, args.stored).await?;
        report_stored(&mut verdict, histogram, started);
    }
    if args.read_only || server.read_only {
        let reason = if args.read_only {
            "--read-only"
        } else {
            "the server is read-only"
        };
        verdict.checks.push(skipped(ROUND_TRIP, reason));
        return Ok(verdict);
    }
    let mut tester = Tester::new(context, session, &target, settings.packet);
    let tried = match file {
        Some(image) => try_file(&mut verdict, &mut tester, &image, &column, &settings, args).await,
        None => {
            try_sizes(
                context,
                &mut verdict,
                &mut tester,
                &target,
                (&column, &settings),
                need,
                args,
            )
            .await
        }
    };
    match tried {
        Err(error) if may_not_write(&error) => verdict.checks.push(
            Check::new(ROUND_TRIP, "the account may write images", CheckStatus::Failed)
                .message(error.to_string())
                .detail("next: --read-only skips the round trip"),
        ),
        tried => tried?,
    }
    Ok(verdict)
}

/// Whether the server refused the INSERT for want of a privilege, or because it is read-only:
/// a finding, where any other failed statement is an error.
fn may_not_write(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<DbError>()
        .is_some_and(|error| error.is_denied() || error.is_read_only() || error.is_read_only_transaction())
}

fn open_image(path: &std::path::Path) -> Result<Image, Failure> {
    Image::from_file(path).map_err(|error| {
        Failure::usage(
            format!("the image {} cannot be used: {error}", path.display()),
            "give --image a readable PNG, JPEG, GIF or WebP file, or leave it out for generated ones",
        )
    })
}

fn skipped(group: &str, reason: &str) -> Check {
    Check::new(group, "images", CheckStatus::Skipped).message(reason)
}

async fn column(session: &mut Session, args: &TestImageSizeArgs, database: &str) -> anyhow::Result<Column> {
    let query = Query::new(COLUMN)
        .bind(args.table.as_str())
        .bind(args.column.as_str());
    let Some(row) = session.first::<Row>(query).await? else {
        let missing = [format!("column {}.{}", args.table, args.column)];
        let next = "`dbtool migrate` brings users.profile_image_url; or correct DB_NAME, name another column with --table \
                    and --column, or grant this account SELECT on it";
        return Err(lacking(database, &missing, next).into());
    };
    let mut column = Column {
        table: args.table.clone(),
        name: args.column.clone(),
        declared: text(&row, 0).unwrap_or_default(),
        data_type: text(&row, 1).unwrap_or_default().to_ascii_lowercase(),
        characters: get(&row, 2),
        octets: get(&row, 3),
        charset: text(&row, 4),
        migrated: false,
    };
    if column.is_before_003() {
        // A history that may not be read tells nothing, and is not needed for the test.
        column.migrated = match migrate::recorded(session, database).await {
            Ok(recorded) => recorded
                .unwrap_or_default()
                .iter()
                .any(|migration| migration.version == 3 && migration.complete),
            Err(error) if error.code().is_some() => false,
            Err(error) => return Err(error.into()),
        };
    }
    Ok(column)
}

async fn settings(session: &mut Session) -> Result<Settings, DbError> {
    let mut settings = Settings::default();
    if let Some(row) = session.first::<Row>(SETTINGS).await? {
        settings.packet = get(&row, 0).unwrap_or_default();
        settings.global_packet = get(&row, 1).unwrap_or_default();
        settings.sql_mode = text(&row, 2).unwrap_or_default();
        settings.global_sql_mode = text(&row, 3).unwrap_or_default();
    }
    let (mut file, mut files, mut capacity) = (0, 1, 0);
    for (name, value) in session.rows::<(String, String)>(REDO).await? {
        let number: u64 = value.parse().unwrap_or_default();
        match name.as_str() {
            "innodb_log_file_size" => file = number,
            "innodb_log_files_in_group" => files = number,
            _ => capacity = number,
        }
    }
    settings.redo = match (capacity, file * files) {
        (0, 0) => None,
        (0, size) => Some(("innodb_log_file_size", size)),
        (size, _) => Some(("innodb_redo_log_capacity", size)),
    };
    Ok(settings)
}

fn describe(verdict: &mut Verdict, column: &Column, settings: &Settings, need: u64) {
    let charset = column.charset.as_deref().unwrap_or("binary");
    let capacity = column.capacity();
    let pairs = [
        ("column type", format!("{} {charset}", column.declared)),
        (
            "holds",
            format!(
                "{} characters of a data URI ({})",
                count(capacity),
                bytes(capacity)
            ),
        ),
        (
            "max_allowed_packet",
            format!("{} ({})", count(settings.packet), bytes(settings.packet)),
        ),
        ("sql_mode", settings.global_sql_mode.clone()),
        ("needed", format!("{} ({})", count(need), bytes(need))),
    ];
    verdict.facts.push(Fact::Heading(format!(
        "Images in {}.{}",
        column.table, column.name
    )));
    verdict
        .facts
        .extend(pairs.map(|(name, value)| Fact::Pair(name.to_string(), value)));
    verdict.member(
        "column",
        json!({"table": column.table, "name": column.name, "type": column.declared,
        "character_set": column.charset, "capacity": capacity}),
    );
    verdict.member("max_allowed_packet", settings.packet);
    verdict.member("sql_mode", settings.global_sql_mode.clone());
    verdict.member("redo_log_bytes", settings.redo.map(|(_, size)| size));
    verdict.member("need", need);
}

fn check_limits(verdict: &mut Verdict, column: &Column, settings: &Settings, need: u64) {
    let judged = |name: &str, good: bool, bad: CheckStatus, message: String, fix: Option<String>| {
        let mut check =
            Check::new(LIMITS, name, if good { CheckStatus::Passed } else { bad }).message(message);
        check
            .details
            .extend(fix.filter(|_| !good).map(|fix| format!("fix: {fix}")));
        check
    };
    let (what, fix) = Limit::Column.explain(column, settings, need);
    let wide = column.capacity() >= need;
    verdict.checks.push(judged(
        "the column is wide enough",
        wide,
        CheckStatus::Failed,
        what,
        fix,
    ));

    let (what, fix) = Limit::Packet.explain(column, settings, need);
    let smaller = settings.packet.min(settings.global_packet);
    // The statement around the image is small, but not nothing.
    let fits = smaller > need + 256;
    verdict.checks.push(judged(
        "a statement with the image fits a packet",
        fits,
        CheckStatus::Failed,
        what,
        fix,
    ));

    let strict = Settings::is_strict(&settings.global_sql_mode) && Settings::is_strict(&settings.sql_mode);
    verdict.checks.push(judged(
        "a too large image is refused, not cut in silence",
        strict,
        CheckStatus::Failed,
        if strict {
            String::new()
        } else {
            "sql_mode is not strict: what does not fit is cut".into()
        },
        Some("add STRICT_TRANS_TABLES to sql_mode, globally and in the application's session".into()),
    ));

    if let Some((name, size)) = settings.redo {
        let (what, fix) = Limit::Redo.explain(column, settings, need);
        let roomy = size / 10 >= need;
        let message = if roomy {
            format!("{name} is {}", bytes(size))
        } else {
            what
        };
        verdict.checks.push(judged(
            "the redo log is ten times the image",
            roomy,
            CheckStatus::Warned,
            message,
            fix,
        ));
    }
}

fn report_stored(verdict: &mut Verdict, histogram: Histogram, started: Instant) {
    let seen = format!(
        "{} rows, {} without an image",
        count(histogram.rows),
        count(histogram.empty)
    );
    let note = if histogram.partial {
        ", the newest (--stored)"
    } else {
        ""
    };
    verdict.facts.push(Fact::Heading(format!("Stored: {seen}{note}")));
    if histogram.rows > histogram.empty {
        verdict.facts.push(Fact::Table(histogram.table()));
    }
    let classes: Vec<Value> = histogram
        .classes()
        .map(|(end, [urls, uris, broken])| json!({"up_to": end, "addresses": urls, "data_uris": uris, "broken": broken}))
        .collect();
    verdict.member(
        "stored",
        json!({"rows": histogram.rows, "empty": histogram.empty, "largest": histogram.largest,
        "broken": histogram.broken.count, "partial": histogram.partial, "classes": classes}),
    );
    verdict.checks.push(
        histogram
            .broken
            .check(STORED, "no stored image is cut or broken", &seen, "cut or broken")
            .took(started.elapsed()),
    );
}

async fn try_file(
    verdict: &mut Verdict,
    tester: &mut Tester<'_>,
    image: &Image,
    column: &Column,
    settings: &Settings,
    args: &TestImageSizeArgs,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let fate = tester.run(image, args.one_statement).await?;
    let name = format!("{} ({} as a data URI)", image.name(), bytes(image.uri_length()));
    verdict
        .checks
        .push(judge(&name, &fate, column, settings, image.uri_length()).took(started.elapsed()));
    Ok(())
}

fn judge(name: &str, fate: &Fate, column: &Column, settings: &Settings, size: u64) -> Check {
    match fate {
        Fate::Survived => Check::new(ROUND_TRIP, name, CheckStatus::Passed),
        Fate::Spoilt(kept) => Check::new(ROUND_TRIP, name, CheckStatus::Failed)
            .message(format!(
                "accepted, but {} bytes of {} were kept",
                count(*kept),
                count(size)
            ))
            .detail(format!("fix: {}", column.wider(size))),
        Fate::Refused(limit) => {
            let (what, fix) = limit.explain(column, settings, size);
            let mut check =
                Check::new(ROUND_TRIP, name, CheckStatus::Failed).message(format!("refused: {what}"));
            check.details.extend(fix.map(|fix| format!("fix: {fix}")));
            check
        }
    }
}

async fn try_sizes(
    context: &Context,
    verdict: &mut Verdict,
    tester: &mut Tester<'_>,
    target: &Target,
    (column, settings): (&Column, &Settings),
    need: u64,
    args: &TestImageSizeArgs,
) -> anyhow::Result<()> {
    let packet = settings
        .packet
        .saturating_sub(if args.one_statement { target.overhead() } else { 0 });
    let expected = column.capacity().min(packet);
    // Nothing smaller than the smallest image can be tried.
    let least = Image::Jpeg(SMALLEST).uri_length();
    let sizes = sizes(need.max(least), args.max.max(least));
    let mut growth = grow(context, tester, &sizes, expected, args.one_statement).await?;
    for step in growth
        .steps
        .iter()
        .filter(|step| step.fate == Fate::Survived || step.size <= need)
    {
        let name = format!("PNG and JPEG of {}", bytes(step.size));
        verdict
            .checks
            .push(judge(&name, &step.fate, column, settings, step.size).took(step.took));
    }
    if !args.one_statement {
        as_the_application(verdict, tester, &growth, (column, settings), need).await?;
        // In pieces the image alone must fit a packet; in a statement so must what is around it.
        let in_statement = Image::Png(0).largest_within(settings.packet.saturating_sub(target.overhead()));
        if growth.largest > in_statement {
            growth.largest = in_statement;
            growth.limit = Limit::Packet;
        }
    }
    conclude(verdict, &growth, column, settings, need);
    Ok(())
}

/// The largest image sent in one statement unasked: sending and reading back hold it several times
/// over (measured: nine, with the driver's buffers), and no run takes more than ten megabytes unless
/// it is told to.
const WHOLE: u64 = 64 << 10;

/// Sends one image in one statement, as the application does: what is on the way sees a packet
/// of that size.
async fn as_the_application(
    verdict: &mut Verdict,
    tester: &mut Tester<'_>,
    growth: &Growth,
    (column, settings): (&Column, &Settings),
    need: u64,
) -> anyhow::Result<()> {
    let most = Image::Png(growth.largest).uri_length();
    let size = Image::Png(0).largest_within(need.min(most).min(WHOLE));
    if size < SMALLEST {
        return Ok(());
    }
    let image = Image::Png(size);
    let started = Instant::now();
    let fate = tester.run(&image, true).await?;
    let name = format!("a PNG of {} in one statement", bytes(image.uri_length()));
    verdict
        .checks
        .push(judge(&name, &fate, column, settings, image.uri_length()).took(started.elapsed()));
    Ok(())
}

fn conclude(verdict: &mut Verdict, growth: &Growth, column: &Column, settings: &Settings, need: u64) {
    let uri = if growth.largest == 0 {
        0
    } else {
        Image::Png(growth.largest).uri_length()
    };
    // The next larger image is what the change must make room for, and what is needed in any case.
    let (what, fix) = growth.limit.explain(column, settings, (uri + 4).max(need));
    let message = if growth.largest == 0 {
        format!("none of {} or more; the limit: {what}", bytes(SMALLEST))
    } else {
        format!(
            "{} bytes as a data URI, a PNG of {} bytes; the limit: {what}",
            count(uri),
            count(growth.largest)
        )
    };
    // Up to three bytes of what is needed may be lost to base64's groups of four.
    let enough = uri + 3 >= need;
    let status = if enough {
        CheckStatus::Passed
    } else {
        CheckStatus::Failed
    };
    let mut check = Check::new(ROUND_TRIP, "the largest image that survives", status).message(message);
    check
        .details
        .extend(fix.iter().map(|fix| format!("to lift it: {fix}")));
    verdict.checks.push(check);
    if growth.cut {
        verdict.checks.push(
            Check::new(ROUND_TRIP, "larger images are refused", CheckStatus::Failed)
                .message("they are accepted and cut without an error")
                .detail(
                    "fix: add STRICT_TRANS_TABLES to sql_mode, globally and in the application's session",
                ),
        );
    }
    verdict.member("largest_data_uri", uri);
    verdict.member("largest_image", growth.largest);
    verdict.member("binding_limit", what);
    verdict.member("change", fix);
    verdict.member("cut_in_silence", growth.cut);
}
