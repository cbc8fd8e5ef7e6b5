//! The model of a schema, how it is read from a server, compared, checked and drawn.
