//! What a sandbox's database contains: the version of its schema and the size of its demo data.

use super::demo::DemoSpec;
use super::embedded;
use super::failure::SandboxFailure;
use crate::exit::Failure;

/// The demo data fits the schema at this version; later migrations then carry it along.
pub const DATA_VERSION: u32 = 2;
/// From this version on large profile images fit.
pub const IMAGE_VERSION: u32 = 3;

/// How many bookings the demo data has unless told.
const DEFAULT_BOOKINGS: u64 = 1_000;

/// What is asked of a sandbox.
#[derive(Debug, Clone, Copy)]
pub struct SandboxOptions {
    /// The migration up to which the schema is made; 0 is an empty database.
    pub version: u32,
    /// How many bookings the demo data has; by default what suits the version.
    pub bookings: Option<u64>,
    /// Seed of the demo data.
    pub seed: u64,
}

/// What to put into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The migration up to which the schema is made; 0 is an empty database.
    pub version: u32,
    /// The demo data, if there is to be any.
    pub demo: Option<DemoSpec>,
}

impl Plan {
    /// The plan that `options` ask for.
    ///
    /// # Errors
    /// A usage failure if there is no such migration, or demo data does not fit the schema at that version.
    pub fn of(options: &SandboxOptions) -> Result<Plan, Failure> {
        let version = options.version;
        if version > embedded::latest() {
            let latest = embedded::latest();
            return Err(SandboxFailure::NoSuchVersion { version, latest }.into());
        }
        let fits = version >= DATA_VERSION;
        let bookings = options
            .bookings
            .unwrap_or(if fits { DEFAULT_BOOKINGS } else { 0 });
        if bookings > 0 && !fits {
            return Err(SandboxFailure::NoRoomForData { needed: DATA_VERSION }.into());
        }
        let demo = (bookings > 0).then_some(DemoSpec {
            bookings,
            seed: options.seed,
        });
        Ok(Plan { version, demo })
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, SandboxOptions};
    use crate::sandbox::embedded::latest;

    #[test]
    fn data_needs_the_schema_it_fits() {
        for (bookings, version, expected) in [
            (None, 2, Some((2, Some(1_000)))),
            (Some(5), latest(), Some((5, Some(5)))),
            (Some(0), 3, Some((3, None))),
            (None, 0, Some((0, None))),
            (None, 1, Some((1, None))),
            (Some(5), 0, None),
            (Some(5), 1, None),
            (None, 999, None),
        ] {
            let options = SandboxOptions {
                version,
                bookings,
                seed: 7,
            };
            let plan = Plan::of(&options).ok();
            let found = plan.map(|plan| (plan.version, plan.demo.map(|demo| demo.bookings)));
            assert_eq!(found, expected, "{bookings:?} {version}");
        }
    }
}
