//! What exists only so that no command takes more than ten megabytes.
//!
//! A peak is the kernel's `VmHWM` of the optimised program (x86_64, Linux 6.18, MariaDB 10.11); `just test-memory` holds
//! the promise. About seven megabytes of it are pages of the program and of the C library; what a command itself may
//! take is the rest. A part was measured by doing without it; one that gains less than 0.1 MB is not worth its lines.
//!
//! | part | what it does | gain |
//! |---|---|---|
//! | `build.rs`, code apart | places code that few commands run behind the rest | 0.5 to 1.0 MB in each command |
//! | `build.rs`, relocations | packs the relocation table | 0.7 MB in each command |
//! | [`symbol`] | stores each name and type once, as four bytes | 0.8 MB with the 14,000 names of a thousand tables, beside shared `Arc<str>` |
//! | [`shared`] | lets two models share equal columns, indexes and foreign keys | 0.4 MB with a thousand replayed tables, by calculation |
//! | [`spool`] | keeps a long plan in a temporary file | 11 MB with a plan of 5,000 statements (19.9 MB, now 8.9 MB; 8.6 MB with 40,000) |
//! | [`streamed`] | makes the items of a JSON list while they are written | 17 MB with the JSON of that plan (36.8 MB, now 9.0 MB, the spool included) |
//! | [`driver_buffers`] | limits the buffers that the driver keeps | 10 MB where statements of 1 MB are sent, 32 MB where they have 4 MB |
//!
//! What streams without a part of its own: files are read statement by statement (`migrate::files`), rows in batches
//! (`db`), tables on the page in blocks and checks one by one (`report`).

pub mod driver_buffers;
pub mod shared;
pub mod spool;
pub mod streamed;
pub mod symbol;
