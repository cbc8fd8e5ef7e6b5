//! The only room that knows a terminal.
