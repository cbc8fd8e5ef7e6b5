//! Limits of the buffers that the driver keeps: a file of thirty statements of 1 MB takes 13 MB instead of 23 MB, one of
//! ten statements of 4 MB takes 25 MB instead of 58 MB, and `test-image-size` 0.5 MB less.

/// Without these limits each of up to 128 buffers that the driver keeps for later stays as large as the largest
/// statement sent through it (up to 4 MB). The driver reads its limits from the environment only.
const LIMITS: &str = "MYSQL_ASYNC_BUFFER_SIZE_CAP=65536\nMYSQL_ASYNC_BUFFER_POOL_CAP=2\n";

/// Limits the driver's buffers, unless the environment sets their limits already. To be called before another thread
/// starts: setting an environment variable is not thread-safe.
pub fn limit_driver_buffers() {
    // dotenvy keeps what is set; a constant cannot be malformed.
    let _ = dotenvy::from_read(LIMITS.as_bytes());
}
