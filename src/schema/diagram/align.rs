//! How high each box of a part stands: level with what it is linked to, as far as the order of
//! its column and the room between two boxes allow.

use super::place::{End, Frame};
use super::scene::Link;

/// Room between two boxes of a column.
pub(super) const BETWEEN: f64 = 28.0;
/// Times that the columns are gone through, forth and back.
const SWEEPS: usize = 6;

/// The columns of a part, with the room that has to be below each of their boxes.
pub(super) struct Stacks {
    pub(super) columns: Vec<Vec<usize>>,
    pub(super) room: Vec<Vec<f64>>,
}

/// Places as near to the wished ones as can be, in their order and `room` apart: where they
/// would stand too close, they are pushed away from the middle of all that were pushed.
pub(super) fn spread(wished: &[f64], room: &[f64]) -> Vec<f64> {
    let mut offsets = vec![0.0; wished.len()];
    for at in 1..wished.len() {
        offsets[at] = offsets[at - 1] + room[at - 1];
    }
    // Blocks of neighbours that touch: the sum of what they wish, and how many they are.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (wish, offset) in wished.iter().zip(&offsets) {
        let mut block = (wish - offset, 1);
        while let Some(last) = blocks.last()
            && last.0 / last.1 as f64 >= block.0 / block.1 as f64
        {
            block = (block.0 + last.0, block.1 + last.1);
            blocks.pop();
        }
        blocks.push(block);
    }
    let starts = blocks
        .iter()
        .flat_map(|(sum, count)| std::iter::repeat_n(sum / *count as f64, *count));
    starts
        .zip(&offsets)
        .map(|(start, offset)| start + offset)
        .collect()
}

impl Stacks {
    pub(super) fn new(columns: Vec<Vec<usize>>) -> Stacks {
        let room = columns.iter().map(|column| vec![BETWEEN; column.len()]).collect();
        Stacks { columns, room }
    }

    /// Finds a height for all boxes.
    pub(super) fn align(&self, links: &[(&Link, [End; 2])], column_of: &[usize], frames: &mut [Frame]) {
        // What each box is linked to, and how much higher its own end of the link is.
        let mut near: Vec<(usize, usize, f64)> = Vec::new();
        for (link, [parent, child]) in links {
            let (from, to) = (link.parent.0, link.child.0);
            if from != to {
                near.push((from, to, child.dy - parent.dy));
                near.push((to, from, parent.dy - child.dy));
            }
        }
        near.sort_by_key(|one| (one.0, one.1));
        for column in 0..self.columns.len() {
            self.stack(column, frames, |frames, at| frames[at].y);
        }
        let count = self.columns.len();
        for sweep in 0..=SWEEPS {
            let toward = |other: usize, own: usize, forth: bool| {
                sweep == SWEEPS || if forth { other < own } else { other > own }
            };
            let order = (0..count)
                .map(|at| (at, true))
                .chain((0..count).rev().map(|at| (at, false)));
            for (column, forth) in order {
                self.stack(column, frames, |frames, at| {
                    let first = near.partition_point(|one| one.0 < at);
                    let own = || near[first..].iter().take_while(|one| one.0 == at);
                    let chosen = || own().filter(|one| toward(column_of[one.1], column, forth));
                    let mean = |list: &mut dyn Iterator<Item = &(usize, usize, f64)>| {
                        let (sum, count) = list.fold((0.0, 0usize), |(sum, count), one| {
                            (sum + frames[one.1].y + one.2, count + 1)
                        });
                        (count > 0).then(|| sum / count as f64)
                    };
                    mean(&mut chosen())
                        .or_else(|| mean(&mut own()))
                        .unwrap_or(frames[at].y)
                });
            }
        }
    }

    /// Sets the heights of one column.
    pub(super) fn stack(&self, column: usize, frames: &mut [Frame], wish: impl Fn(&[Frame], usize) -> f64) {
        let boxes = &self.columns[column];
        let wished: Vec<f64> = boxes.iter().map(|at| wish(frames, *at)).collect();
        let room: Vec<f64> = boxes
            .iter()
            .zip(&self.room[column])
            .map(|(at, room)| frames[*at].height + room)
            .collect();
        for (at, y) in boxes.iter().zip(spread(&wished, &room)) {
            frames[*at].y = y.round();
        }
    }

    /// The gaps of a column, from above its first box to below its last.
    pub(super) fn gaps(&self, column: usize, frames: &[Frame]) -> Vec<(f64, f64)> {
        let boxes = &self.columns[column];
        let tops = boxes.iter().map(|at| frames[*at].y).chain([f64::INFINITY]);
        let bottoms = boxes.iter().map(|at| frames[*at].y + frames[*at].height);
        [f64::NEG_INFINITY].into_iter().chain(bottoms).zip(tops).collect()
    }
}
