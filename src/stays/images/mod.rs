//! Profile images: the largest size that a column keeps, and the images in its rows.

pub(crate) mod column;
pub(crate) mod growth;
pub(crate) mod image;
pub(crate) mod limits;
pub(crate) mod settings;
pub(crate) mod stored;
pub(crate) mod target;
pub(crate) mod trial;
