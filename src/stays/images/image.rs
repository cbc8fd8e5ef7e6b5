//! Real images of an exact size, as data URIs, made piece by piece.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType};
use tokio::sync::mpsc;

/// Bytes handed over at a time. The driver keeps a dozen buffers of the largest size it sent.
const PIECE: usize = 32 << 10;

/// The smallest image made: smaller ones have no room for a JPEG's tables.
pub(crate) const SMALLEST: u64 = 640;

/// The larger part of a JPEG above this is comment: noise of that size would take seconds to encode.
const JPEG_NOISE: u64 = 1 << 20;

/// An image to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Image {
    /// PNG noise of this many bytes.
    Png(u64),
    /// JPEG noise of this many bytes.
    Jpeg(u64),
    /// A file, its size and MIME type.
    File(PathBuf, u64, &'static str),
}

impl Image {
    /// The image in `path`, its kind told by its first bytes.
    pub fn from_file(path: &Path) -> io::Result<Image> {
        let mut start = [0_u8; 12];
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let read = file.read(&mut start)?;
        let kind = match &start[..read] {
            [0x89, b'P', b'N', b'G', ..] => "image/png",
            [0xff, 0xd8, ..] => "image/jpeg",
            [b'G', b'I', b'F', b'8', ..] => "image/gif",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => "image/webp",
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it is no PNG, JPEG, GIF or WebP image",
                ));
            }
        };
        Ok(Image::File(path.to_path_buf(), size, kind))
    }

    fn prefix(&self) -> String {
        let mime = match self {
            Image::Png(_) => "image/png",
            Image::Jpeg(_) => "image/jpeg",
            Image::File(_, _, mime) => mime,
        };
        format!("data:{mime};base64,")
    }

    /// `PNG`, `JPEG`, or the file's name.
    pub fn name(&self) -> String {
        match self {
            Image::Png(_) => "PNG".into(),
            Image::Jpeg(_) => "JPEG".into(),
            Image::File(path, _, _) => path.display().to_string(),
        }
    }

    /// Bytes of the image itself.
    pub fn size(&self) -> u64 {
        match self {
            Image::Png(size) | Image::Jpeg(size) | Image::File(_, size, _) => *size,
        }
    }

    /// Bytes of its data URI.
    pub fn uri_length(&self) -> u64 {
        self.prefix().len() as u64 + 4 * self.size().div_ceil(3)
    }

    /// The largest image of this kind whose data URI is at most `limit` bytes.
    pub fn largest_within(&self, limit: u64) -> u64 {
        limit.saturating_sub(self.prefix().len() as u64) / 4 * 3
    }

    /// The data URI in pieces, made on a thread of its own. An image that nobody listens to any more is
    /// given up before the next one is begun.
    pub fn pieces(&self) -> io::Result<mpsc::Receiver<Piece>> {
        static MAKER: Mutex<Option<std::sync::mpsc::Sender<Job>>> = Mutex::new(None);
        let (sender, receiver) = mpsc::channel(1);
        let mut maker = MAKER.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = match maker.take() {
            Some(jobs) => jobs,
            None => start_maker()?,
        };
        let image = self.clone();
        let taken = maker.insert(jobs).send(Job { image, sender });
        taken.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(receiver)
    }

    fn write_uri(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.prefix().as_bytes())?;
        let mut encoder = Steady(EncoderWriter::new(out, &STANDARD));
        match self {
            Image::Png(size) => write_png(*size, &mut encoder)?,
            Image::Jpeg(size) => write_jpeg(*size, &mut encoder)?,
            Image::File(path, _, _) => {
                io::copy(&mut File::open(path)?, &mut encoder)?;
            }
        }
        encoder.0.finish()?;
        Ok(())
    }
}

/// A part of a data URI, or why there is no more.
pub(crate) type Piece = io::Result<Vec<u8>>;

/// An image to make, and who wants it.
struct Job {
    image: Image,
    sender: mpsc::Sender<Piece>,
}

/// Starts the one thread that makes images. A thread for each would now and then begin before the
/// last one has ended, and then take memory of its own that the allocator never gives back.
fn start_maker() -> io::Result<std::sync::mpsc::Sender<Job>> {
    let (jobs, received) = std::sync::mpsc::channel::<Job>();
    std::thread::Builder::new().name("image".into()).spawn(move || {
        for job in received {
            let mut pieces = Pieces {
                buffer: Vec::with_capacity(PIECE),
                sender: job.sender,
            };
            if let Err(error) = job.image.write_uri(&mut pieces).and_then(|()| pieces.send()) {
                // Nobody listens any more, or the file could not be read; the reader is told which.
                let _ = pieces.sender.blocking_send(Err(error));
            }
        }
    })?;
    Ok(jobs)
}

/// The base64 writer may take nothing while it hands on what it holds (its documentation says so),
/// which `write_all` would take for the end.
struct Steady<W>(W);

impl<W: Write> Write for Steady<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let taken = self.0.write(bytes)?;
            if taken > 0 || bytes.is_empty() {
                return Ok(taken);
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

struct Pieces {
    buffer: Vec<u8>,
    sender: mpsc::Sender<Piece>,
}

impl Pieces {
    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE));
        self.sender
            .blocking_send(Ok(piece))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == PIECE {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what is written.
#[derive(Default)]
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Noise that no compression makes smaller, the same each time (xorshift64*).
struct Noise(u64);

impl Noise {
    fn new(row: u64) -> Self {
        Noise(row.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            *byte = (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8;
        }
    }
}

/// A PNG chunk without data: length, name and checksum.
const EMPTY_CHUNK: u64 = 12;

fn write_png(size: u64, out: &mut impl Write) -> io::Result<()> {
    let width: u32 = match size {
        0..8_192 => 8,
        8_192..1_048_576 => 256,
        _ => 1_024,
    };
    let row = u64::from(width) * 3 + 1;
    // Stored blocks and chunk headers add less than half a percent.
    let rows =
        (size.saturating_sub(160) / 1_000 * 995 + size.saturating_sub(160) % 1_000 * 995 / 1_000) / row;
    let height = u32::try_from(rows.max(1)).unwrap_or(u32::MAX);
    let mut counter = Counter::default();
    png_of(width, height, None, &mut counter)?;
    let padding = size
        .checked_sub(counter.0 + EMPTY_CHUNK)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "too small for a PNG"))?;
    png_of(width, height, Some(padding), out)
}

/// Noise, stored without compression; `padding` bytes in a private chunk that decoders skip.
fn png_of(width: u32, height: u32, padding: Option<u64>, out: &mut impl Write) -> io::Result<()> {
    let mut encoder = png::Encoder::new(out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::NoCompression);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    if let Some(padding) = padding {
        let length = usize::try_from(padding).map_err(|_| io::ErrorKind::InvalidInput)?;
        writer.write_chunk(png::chunk::ChunkType(*b"paDd"), &vec![b' '; length])?;
    }
    let mut stream = writer.stream_writer_with_size(64 << 10)?;
    let mut row = vec![0; width as usize * 3];
    for y in 0..height {
        Noise::new(u64::from(y)).fill(&mut row);
        stream.write_all(&row)?;
    }
    stream.finish()?;
    writer.finish()?;
    Ok(())
}

/// A comment segment without text: marker and length.
const EMPTY_COMMENT: u64 = 4;
/// The longest comment segment, marker included.
const LONGEST_COMMENT: u64 = 65_537;

fn write_jpeg(size: u64, out: &mut impl Write) -> io::Result<()> {
    let wanted = size.min(JPEG_NOISE);
    let width: u16 = if wanted < 16_384 { 32 } else { 512 };
    // Grey noise at quality 90 takes about one byte a pixel; corrected by what is measured.
    let mut height = (wanted / u64::from(width)).clamp(1, 65_535);
    for _ in 0..6 {
        let mut counter = Counter::default();
        jpeg_of(width, height as u16, &mut counter)?;
        if counter.0 + EMPTY_COMMENT <= size {
            let padded = Padded {
                out,
                written: 0,
                padding: size - counter.0,
            };
            return jpeg_of(width, height as u16, padded);
        }
        height = (height * wanted / counter.0 * 9 / 10).max(1);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "too small for a JPEG",
    ))
}

fn jpeg_of(width: u16, height: u16, out: impl Write) -> io::Result<()> {
    Encoder::new(out, 90)
        .encode_image(Grey { width, height })
        .map_err(io::Error::other)
}

struct Grey {
    width: u16,
    height: u16,
}

impl ImageBuffer for Grey {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Luma
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let start = buffers[0].len();
        buffers[0].resize(start + usize::from(self.width), 0);
        Noise::new(u64::from(y)).fill(&mut buffers[0][start..]);
    }
}

/// Puts comment segments behind a JPEG's first marker.
struct Padded<W> {
    out: W,
    written: u64,
    padding: u64,
}

impl<W: Write> Padded<W> {
    fn pad(&mut self) -> io::Result<()> {
        while self.padding > 0 {
            let mut segment = self.padding.min(LONGEST_COMMENT);
            // The rest must be large enough for another segment.
            if (1..EMPTY_COMMENT).contains(&(self.padding - segment)) {
                segment -= EMPTY_COMMENT;
            }
            // The length counts itself but not the marker, and fits 16 bits by the limit above.
            let length = (segment - 2) as u16;
            self.out.write_all(&[0xff, 0xfe])?;
            self.out.write_all(&length.to_be_bytes())?;
            self.out.write_all(&vec![b' '; usize::from(length) - 2])?;
            self.padding -= segment;
        }
        Ok(())
    }
}

impl<W: Write> Write for Padded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written == 2 {
            self.pad()?;
        }
        let taken = if self.written < 2 {
            bytes.len().min(2 - self.written as usize)
        } else {
            bytes.len()
        };
        let written = self.out.write(&bytes[..taken])?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
