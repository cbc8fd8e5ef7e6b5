//! `dbtool test-image-size`: the largest profile image that the database keeps, byte for byte.

mod outcome;

use std::path::Path;
use std::time::Instant;

use crate::cli::test_image_size::TestImageSizeArgs;
use crate::context::Context;
use crate::db::{DbError, Session};
use crate::migrate;
use crate::stays::check_report::CheckReport;
use crate::stays::failure::{Remedy, StaysFailure};
use crate::stays::images::column::Column;
use crate::stays::images::growth::{grow, sizes, try_image, try_one_statement};
use crate::stays::images::image::{Image, SMALLEST};
use crate::stays::images::settings::Settings;
use crate::stays::images::stored;
use crate::stays::images::target::Target;
use crate::stays::images::trial::Tester;
use outcome::ImageReport;

/// Runs the test.
///
/// # Errors
/// An unknown column or unusable image file, no connection, or a statement that fails for
/// another reason than the image's size.
pub async fn run(context: &Context, args: &TestImageSizeArgs) -> anyhow::Result<CheckReport> {
    let file = args.image.as_deref().map(open_image).transpose()?;
    let database = context.config.require_database()?.to_string();
    let server = context.db.server().await?;
    let mut session = context.db.session().await?;
    let column = read_column(&mut session, args, &database).await?;
    let settings = Settings::read(&mut session).await?;
    let target = Target::find(&mut session, &args.table, &args.column).await?;
    let need = file.as_ref().map_or(args.need.min(args.max), Image::uri_length);

    let mut report = ImageReport::new(column, settings, need);
    let Some(target) = target else {
        report.skip_rows(&args.table);
        return Ok(report.finish());
    };
    if args.stored > 0 {
        let names = (args.table.as_str(), target.key(), args.column.as_str());
        let started = Instant::now();
        let histogram = stored::look(context, &mut session, names, args.stored).await?;
        report.stored(histogram, started.elapsed());
    }
    if args.read_only {
        report.skip_round_trip("--read-only");
    } else if server.read_only {
        report.skip_round_trip("the server is read-only");
    } else {
        let mut tester = Tester::new(context, session, &target, report.settings.packet);
        let tried = match file {
            Some(image) => try_file(&mut report, &mut tester, &image, args).await,
            None => try_sizes(context, &mut report, &mut tester, &target, args).await,
        };
        match tried {
            Err(error) if may_not_write(&error) => report.denied(&error),
            tried => tried?,
        }
    }
    Ok(report.finish())
}

/// Whether the server refused the INSERT for want of a privilege, or because it is read-only:
/// a finding, while any other failed statement is an error.
fn may_not_write(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<DbError>()
        .is_some_and(|error| error.is_denied() || error.is_read_only() || error.is_read_only_transaction())
}

fn open_image(path: &Path) -> Result<Image, StaysFailure> {
    Image::from_file(path).map_err(|error| StaysFailure::Image {
        path: path.to_owned(),
        error,
    })
}

/// Reads the column's definition, and whether the history says that migration 003 has widened it.
async fn read_column(
    session: &mut Session,
    args: &TestImageSizeArgs,
    database: &str,
) -> anyhow::Result<Column> {
    let Some(mut column) = Column::read(session, &args.table, &args.column).await? else {
        return Err(StaysFailure::Lacking {
            database: database.to_owned(),
            missing: vec![format!("column {}.{}", args.table, args.column)],
            remedy: Remedy::ImageColumn,
        }
        .into());
    };
    if column.is_before_003() {
        // The test does not need the history: an account without access to it goes on.
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

/// Tries the image file of the user.
async fn try_file(
    report: &mut ImageReport,
    tester: &mut Tester<'_>,
    image: &Image,
    args: &TestImageSizeArgs,
) -> anyhow::Result<()> {
    let trial = try_image(tester, image, args.one_statement).await?;
    report.file(image, &trial);
    Ok(())
}

/// Tries generated images of growing size.
async fn try_sizes(
    context: &Context,
    report: &mut ImageReport,
    tester: &mut Tester<'_>,
    target: &Target,
    args: &TestImageSizeArgs,
) -> anyhow::Result<()> {
    let in_statement = report.settings.packet.saturating_sub(target.overhead());
    let packet = match args.one_statement {
        true => in_statement,
        false => report.settings.packet,
    };
    let expected = report.column.capacity().min(packet);
    // Nothing smaller than the smallest image can be tried.
    let least = Image::Jpeg(SMALLEST).uri_length();
    let sizes = sizes(report.need.max(least), args.max.max(least));
    let mut growth = grow(context, tester, &sizes, expected, args.one_statement).await?;
    report.sizes(&growth);
    if !args.one_statement {
        let trial = try_one_statement(tester, &growth, report.need).await?;
        report.one_statement(trial.as_ref());
        // In pieces the image alone must fit a packet; in one statement the text around it must fit too.
        growth.fit_statement(Image::Png(0).largest_within(in_statement));
    }
    report.largest(&growth);
    Ok(())
}
