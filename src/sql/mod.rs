//! Splitting and classifying SQL text: pure functions over values, no I/O.
