//! Flags of `dbtool test-image-size`.

use std::path::PathBuf;

use clap::Args;

use super::size::parse_size;

/// Test how large a profile image the database keeps, byte for byte
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Images are written in transactions that are rolled back, which leaves nothing behind but gaps in
AUTO_INCREMENT numbers. Sizes are those of the data URI, which is a third larger than its image.

Exit codes: 0 images of the needed size survive, 1 they do not, or a stored image is cut.")]
pub struct TestImageSizeArgs {
    /// Try images up to this size
    #[arg(long, value_name = "SIZE", default_value = "16MB", value_parser = parse_size)]
    pub max: u64,
    /// Fail when images of this size do not survive
    #[arg(long, value_name = "SIZE", default_value = "2MB", value_parser = parse_size)]
    pub need: u64,
    /// Table that holds the image
    #[arg(long, value_name = "NAME", default_value = "users")]
    pub table: String,
    /// Column that holds the image
    #[arg(long, value_name = "NAME", default_value = "profile_image_url")]
    pub column: String,
    /// Try this image, exactly as it is, instead of generated ones
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,
    /// Send each image in one statement, as the application does, and not only one of 64 KB; takes
    /// several times its size in memory
    #[arg(long)]
    pub one_statement: bool,
    /// Write nothing: limits and stored images only
    #[arg(long)]
    pub read_only: bool,
    /// Look at this many stored images at most, the newest first; 0 is none
    #[arg(long, value_name = "ROWS", default_value_t = 100_000)]
    pub stored: u64,
}
