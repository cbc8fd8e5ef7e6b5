//! Reading the cells of a row, whatever the server makes of them.

use mysql_async::Row;
use mysql_async::prelude::FromValue;

/// A cell; nothing for NULL, for a column that is not there, and for a value of another type.
pub fn get<T: FromValue>(row: &Row, index: usize) -> Option<T> {
    row.get_opt::<Option<T>, _>(index)?.ok().flatten()
}

/// Text that need not be UTF-8: a statement can hold any bytes.
pub fn text(row: &Row, index: usize) -> Option<String> {
    get::<Vec<u8>>(row, index).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
