//! The application's own domain, apart from the general tool: conversations and images.

pub(crate) mod check_report;
pub(crate) mod conversations;
pub(crate) mod failure;
pub(crate) mod images;
pub(crate) mod needed;
pub(crate) mod sampled_rows;
