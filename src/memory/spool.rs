//! A list that is written to a temporary file once it is long.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that stay in memory.
const BUFFER_BYTES: usize = 64 * 1024;

/// A list of values that are added at its end and read from its start, any number of times. Values beyond the first
/// `BUFFER_BYTES` are in a temporary file without a name, so that the list takes no more memory than that.
#[derive(Debug)]
pub struct Spool<T> {
    /// The values that are not in the file, as JSON.
    buffer: Vec<u8>,
    file: Option<File>,
    /// Bytes in the file.
    written: u64,
    length: usize,
    of: PhantomData<T>,
}

impl<T> Default for Spool<T> {
    fn default() -> Self {
        Spool {
            buffer: Vec::new(),
            file: None,
            written: 0,
            length: 0,
            of: PhantomData,
        }
    }
}

impl<T: Serialize + DeserializeOwned> Spool<T> {
    /// Adds a value.
    ///
    /// # Errors
    /// The temporary file cannot be made or written, e.g. because the disk is full.
    pub fn push(&mut self, value: &T) -> io::Result<()> {
        serde_json::to_writer(&mut self.buffer, value)?;
        self.length += 1;
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// The values in order. One that cannot be read back is an error and the last.
    pub fn iter(&self) -> impl Iterator<Item = io::Result<T>> {
        let reader = BufReader::with_capacity(16 * 1024, SpoolReader { spool: self, at: 0 });
        serde_json::Deserializer::from_reader(reader)
            .into_iter::<T>()
            .map(|value| value.map_err(io::Error::from))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Reads the file, then the buffer.
struct SpoolReader<'a, T> {
    spool: &'a Spool<T>,
    at: u64,
}

impl<T> Read for SpoolReader<'_, T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Spool {
            buffer,
            file,
            written,
            ..
        } = self.spool;
        let count = match file {
            Some(file) if self.at < *written => file.read_at(into, self.at)?,
            _ => {
                let from = usize::try_from(self.at - written).unwrap_or(usize::MAX);
                buffer.get(from..).unwrap_or_default().read(into)?
            }
        };
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::{BUFFER_BYTES, Spool};

    #[test]
    fn what_was_added_is_read_in_order_each_time() -> std::io::Result<()> {
        let mut spool: Spool<(usize, String)> = Spool::default();
        assert!(spool.is_empty() && spool.iter().next().is_none());
        let value = |number: usize| (number, "ü\n\"".repeat(number % 300));
        for number in 0..2000 {
            spool.push(&value(number))?;
            assert!(spool.buffer.len() < BUFFER_BYTES);
        }
        assert!(spool.written > 0 && spool.len() == 2000);
        for _ in 0..2 {
            let read: Vec<(usize, String)> = spool.iter().collect::<std::io::Result<_>>()?;
            assert!(read.iter().enumerate().all(|(number, one)| *one == value(number)));
            assert_eq!(read.len(), 2000);
        }
        Ok(())
    }
}
