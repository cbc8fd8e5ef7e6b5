//! Packs rectangles on a page: each as high up as possible, the largest first.

/// Page widths to try, in tenths of the side of a square of the same area.
const WIDTHS: std::ops::Range<u32> = 10..22;
/// With more rectangles than this, one try gives a good result.
const MANY: usize = 150;
/// Desired ratio of the page's width to its height.
const ASPECT: f64 = 1.5;

/// The corners of rectangles of these sizes, and the size of the page.
pub(super) fn pack(sizes: &[(f64, f64)], gap: f64) -> (Vec<(f64, f64)>, (f64, f64)) {
    let area: f64 = sizes
        .iter()
        .map(|(width, height)| (width + gap) * (height + gap))
        .sum();
    let widest = sizes.iter().map(|(width, _)| *width).fold(0.0, f64::max);
    // The width of a page with the desired ratio that holds this one.
    let cost = |(width, height): (f64, f64)| width.max(height * ASPECT);
    let by = |key: fn(&(f64, f64)) -> f64| {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by(|one, other| {
            key(&sizes[*other])
                .total_cmp(&key(&sizes[*one]))
                .then(one.cmp(other))
        });
        order
    };
    let orders = [by(|size| size.1), by(|size| size.0 * size.1), by(|size| size.0)];
    let tries = WIDTHS.flat_map(|tenths| orders.iter().map(move |order| (tenths, order)));
    tries
        .skip(if sizes.len() > MANY { 9 } else { 0 })
        .take(if sizes.len() > MANY { 1 } else { usize::MAX })
        .map(|(tenths, order)| {
            let limit = area.sqrt() * f64::from(tenths) / 10.0;
            pack_within(sizes, order, gap, widest.max(limit))
        })
        .min_by(|one, other| cost(one.1).total_cmp(&cost(other.1)))
        .unwrap_or_default()
}

/// Packs the rectangles within a width, in this order.
fn pack_within(sizes: &[(f64, f64)], order: &[usize], gap: f64, limit: f64) -> (Vec<(f64, f64)>, (f64, f64)) {
    let mut corners = vec![(0.0, 0.0); sizes.len()];
    let mut page = (0.0f64, 0.0f64);
    // The lower edge of the rectangles placed so far: from x on, this y.
    let mut skyline: Vec<(f64, f64)> = vec![(0.0, 0.0)];
    for at in order.iter().copied() {
        let (width, height) = sizes[at];
        let above = |x: f64| {
            skyline
                .iter()
                .enumerate()
                .filter(|(number, (start, _))| {
                    let end = skyline.get(number + 1).map_or(f64::INFINITY, |next| next.0);
                    *start < x + width + gap && end > x
                })
                .map(|(_, (_, y))| *y)
                .fold(0.0, f64::max)
        };
        let positions = skyline
            .iter()
            .map(|(x, _)| *x)
            .filter(|x| *x == 0.0 || x + width <= limit);
        let (x, y) = positions
            .map(|x| (x, above(x)))
            .min_by(|one, other| one.1.total_cmp(&other.1).then(one.0.total_cmp(&other.0)))
            .unwrap_or_default();
        corners[at] = (x, y);
        page = (page.0.max(x + width), page.1.max(y + height));
        let (end, bottom) = (x + width + gap, y + height + gap);
        let after = skyline
            .iter()
            .rev()
            .find(|(start, _)| *start <= end)
            .map_or(0.0, |step| step.1);
        skyline.retain(|(start, _)| *start < x || *start > end);
        skyline.extend([(x, bottom), (end, after)]);
        skyline.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    (corners, page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_rectangles_keep_their_distance_and_fill_the_page() {
        let sizes: Vec<(f64, f64)> = (0..40)
            .map(|at| (f64::from(60 + at * 37 % 300), f64::from(40 + at * 53 % 200)))
            .collect();
        let (corners, page) = pack(&sizes, 10.0);
        for (one, (x, y)) in corners.iter().enumerate() {
            let (width, height) = sizes[one];
            assert!(
                x + width <= page.0 && y + height <= page.1,
                "{one} is on the page"
            );
            for (other, (left, top)) in corners.iter().enumerate().skip(one + 1) {
                let (wide, high) = sizes[other];
                let apart = x + width + 10.0 <= *left
                    || left + wide + 10.0 <= *x
                    || y + height + 10.0 <= *top
                    || top + high + 10.0 <= *y;
                assert!(apart, "{one} and {other}");
            }
        }
        let area: f64 = sizes.iter().map(|(width, height)| width * height).sum();
        assert!(area > page.0 * page.1 * 0.6, "{area} of {page:?}");
        assert_eq!(pack(&[], 10.0), (vec![], (0.0, 0.0)));
    }
}
