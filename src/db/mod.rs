//! The only room that opens a connection or knows a server's quirks.
