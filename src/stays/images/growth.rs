//! Grows images until one does not survive, then finds the exact size between.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::image::{Image, SMALLEST};
use super::limits::Limit;
use super::trial::{Tester, TrialResult};
use crate::context::Context;
use crate::report::bytes;

/// A size that was tried, with its result.
#[derive(Debug, Clone)]
pub(crate) struct SizeTrial {
    /// Bytes of the data URI, at most.
    pub size: u64,
    pub result: TrialResult,
    pub took: Duration,
}

/// The results of growing images.
#[derive(Debug, Clone)]
pub(crate) struct Growth {
    /// Each size, tried as PNG and as JPEG.
    pub steps: Vec<SizeTrial>,
    /// Bytes of the largest image that survived; 0 when none did.
    pub largest: u64,
    /// The limit that refused the next larger one.
    pub limit: Limit,
    /// Whether a larger one was accepted but cut.
    pub cut: bool,
}

impl Growth {
    /// Lowers the largest image to `size` bytes, the most that a packet takes in one statement.
    pub fn fit_statement(&mut self, size: u64) {
        if self.largest > size {
            self.largest = size;
            self.limit = Limit::Packet;
        }
    }
}

/// The sizes to try: doubled from 1 KB, with the size needed and the largest asked for.
pub(crate) fn sizes(need: u64, max: u64) -> Vec<u64> {
    let doubled = std::iter::successors(Some(1_024_u64), |size| size.checked_mul(2));
    let mut sizes: Vec<u64> = doubled.take_while(|size| *size < max).collect();
    sizes.push(max);
    sizes.push(need.min(max));
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Tries each size, then bisects. `expected` is where arithmetic puts the limit (bytes of a data URI).
pub(crate) async fn grow(
    context: &Context,
    tester: &mut Tester<'_>,
    sizes: &[u64],
    expected: u64,
    whole: bool,
) -> anyhow::Result<Growth> {
    let progress = context.report.progress(Some(sizes.len() as u64), "image sizes");
    let mut growth = Growth {
        steps: Vec::new(),
        largest: 0,
        limit: Limit::Asked,
        cut: false,
    };
    let mut refused = None;
    for size in sizes {
        progress.message(bytes(*size));
        let started = Instant::now();
        let png = Image::Png(Image::Png(0).largest_within(*size));
        let jpeg = Image::Jpeg(Image::Jpeg(0).largest_within(*size));
        let mut result = tester.run(&png, whole).await?;
        if result == TrialResult::Survived {
            result = tester.run(&jpeg, whole).await?;
        }
        growth.steps.push(SizeTrial {
            size: *size,
            result: result.clone(),
            took: started.elapsed(),
        });
        progress.inc(1);
        if result != TrialResult::Survived {
            note(&mut growth, &result);
            refused = Some(png.size());
            break;
        }
        growth.largest = png.size();
    }
    let Some(refused) = refused else { return Ok(growth) };
    progress.message("the exact size");
    let mut search = Bisection::new(growth.largest, refused, Image::Png(0).largest_within(expected));
    while let Some(size) = search.next() {
        let result = tester.run(&Image::Png(size), whole).await?;
        search.tell(size, result == TrialResult::Survived);
        if result != TrialResult::Survived {
            note(&mut growth, &result);
        }
    }
    growth.largest = search.good;
    Ok(growth)
}

fn note(growth: &mut Growth, result: &TrialResult) {
    match result {
        TrialResult::Survived => {}
        TrialResult::Spoilt(_) => {
            growth.cut = true;
            growth.limit = Limit::Column;
        }
        TrialResult::Refused(limit) => growth.limit = limit.clone(),
    }
}

/// An image larger than this is sent in one statement only on request: sending and reading back hold it
/// several times over (measured: nine, with the driver's buffers), and a run takes no more than ten megabytes
/// unless the user asks for it.
const LARGEST_UNASKED: u64 = 64 << 10;

/// Sends one image in one statement, as the application does, so that proxies see a packet of that size; `None`
/// when no image is small enough.
pub(crate) async fn try_one_statement(
    tester: &mut Tester<'_>,
    growth: &Growth,
    need: u64,
) -> anyhow::Result<Option<SizeTrial>> {
    let most = Image::Png(growth.largest).uri_length();
    let size = Image::Png(0).largest_within(need.min(most).min(LARGEST_UNASKED));
    match size < SMALLEST {
        true => Ok(None),
        false => Ok(Some(try_image(tester, &Image::Png(size), true).await?)),
    }
}

/// Tries one image.
pub(crate) async fn try_image(
    tester: &mut Tester<'_>,
    image: &Image,
    whole: bool,
) -> anyhow::Result<SizeTrial> {
    let started = Instant::now();
    let result = tester.run(image, whole).await?;
    Ok(SizeTrial {
        size: image.uri_length(),
        result,
        took: started.elapsed(),
    })
}

/// Finds the largest good size between a good and a bad one. It begins with a guess and the size after it: a
/// right guess takes two trials.
#[derive(Debug)]
struct Bisection {
    good: u64,
    bad: u64,
    guesses: VecDeque<u64>,
}

impl Bisection {
    fn new(good: u64, bad: u64, guess: u64) -> Self {
        // Images smaller than the smallest cannot be made: below it nothing is known to survive.
        Bisection {
            good,
            bad,
            guesses: VecDeque::from([guess, guess.saturating_add(1)]),
        }
    }

    fn next(&mut self) -> Option<u64> {
        let low = self.good.max(SMALLEST - 1);
        while let Some(guess) = self.guesses.pop_front() {
            if guess > low && guess < self.bad {
                return Some(guess);
            }
        }
        (self.bad > low + 1).then(|| low + (self.bad - low) / 2)
    }

    fn tell(&mut self, size: u64, survived: bool) {
        if survived {
            self.good = self.good.max(size);
        } else {
            self.bad = self.bad.min(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_double_and_include_what_was_asked() {
        assert_eq!(sizes(3_000, 10_000), [1_024, 2_048, 3_000, 4_096, 8_192, 10_000]);
        assert_eq!(sizes(2 << 20, 5_000), [1_024, 2_048, 4_096, 5_000]);
        assert_eq!(sizes(10, 500), [10, 500]);
    }

    #[test]
    fn a_right_guess_takes_two_trials() {
        let mut search = Bisection::new(1_000, 2_000, 1_500);
        let mut trials = 0;
        while let Some(size) = search.next() {
            trials += 1;
            search.tell(size, size <= 1_500);
        }
        assert_eq!((search.good, trials), (1_500, 2));
    }

    proptest! {
        #[test]
        fn the_exact_size_is_found(good in 640_u64..100_000, span in 1_u64..100_000, at in 0_u64..100_000, guess in any::<u64>()) {
            let bad = good + span;
            let exact = good + at % span;
            let mut search = Bisection::new(good, bad, guess);
            let mut trials = 0;
            while let Some(size) = search.next() {
                prop_assert!(size > good && size < bad);
                search.tell(size, size <= exact);
                trials += 1;
                prop_assert!(trials < 64);
            }
            prop_assert_eq!(search.good, exact);
        }
    }
}
