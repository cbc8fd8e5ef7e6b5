//! Profile images: how large a column may hold, and what its rows hold now.

pub(crate) mod growth;
pub(crate) mod image;
pub(crate) mod limits;
pub(crate) mod stored;
pub(crate) mod trial;
