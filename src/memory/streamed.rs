//! Lists in JSON whose items are made while they are written.

use serde::{Serialize, Serializer};

/// A list in JSON whose items are made one by one: all items of a large report at once take megabytes.
pub struct Streamed<F>(pub F);

impl<F, I> Serialize for Streamed<F>
where
    F: Fn() -> I,
    I: Iterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
