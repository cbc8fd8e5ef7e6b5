//! PNG images of any size and their data URIs, filled with noise so that they are incompressible.

use rand::Rng;

/// The prefix of a data URI of a PNG.
pub const PNG_DATA_URI: &str = "data:image/png;base64,";

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
/// Largest payload of one stored (uncompressed) deflate block.
const STORED_BLOCK: usize = 65_535;
/// Pixels in a row of a generated image; its last row may be partly grey.
const WIDTH: usize = 64;

/// A valid greyscale PNG whose file is at least `bytes` long and at most a row (65 bytes) or so longer.
/// Below about 70 bytes no PNG exists: the smallest one is returned.
pub fn png(bytes: usize, rng: &mut impl Rng) -> Vec<u8> {
    // Signature, IHDR, IEND and the frames around the pixels take 63 bytes, and 5 a stored block.
    let overhead = 63 + 5 * bytes.div_ceil(STORED_BLOCK + 5);
    let height = bytes.saturating_sub(overhead).div_ceil(WIDTH + 1).max(1);
    let mut pixels = vec![0_u8; height * (WIDTH + 1)];
    rng.fill_bytes(&mut pixels);
    for row in pixels.chunks_mut(WIDTH + 1) {
        row[0] = 0; // the row's filter: none
    }

    let mut file = Vec::with_capacity(bytes + 128);
    file.extend_from_slice(&SIGNATURE);
    let mut header = Vec::with_capacity(13);
    header.extend_from_slice(&(WIDTH as u32).to_be_bytes());
    header.extend_from_slice(&(height as u32).to_be_bytes());
    header.extend_from_slice(&[8, 0, 0, 0, 0]); // 8 bit greyscale, not interlaced
    chunk(&mut file, b"IHDR", |data| data.extend_from_slice(&header));
    chunk(&mut file, b"IDAT", |data| {
        data.extend_from_slice(&[0x78, 0x01]);
        let blocks = pixels.len().div_ceil(STORED_BLOCK);
        for (number, block) in pixels.chunks(STORED_BLOCK).enumerate() {
            let length = block.len() as u16;
            data.push(u8::from(number + 1 == blocks));
            data.extend_from_slice(&length.to_le_bytes());
            data.extend_from_slice(&(!length).to_le_bytes());
            data.extend_from_slice(block);
        }
        data.extend_from_slice(&adler32(&pixels).to_be_bytes());
    });
    chunk(&mut file, b"IEND", |_| ());
    file
}

/// The base64 text (RFC 4648, padded) of `bytes`, in pieces of at most `characters` each, so that
/// a large image is not in memory twice.
pub fn base64_pieces(bytes: &[u8], characters: usize) -> impl Iterator<Item = String> + '_ {
    bytes.chunks((characters / 4).max(1) * 3).map(base64)
}

/// The base64 text (RFC 4648, padded) of `bytes`.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let value = group
            .iter()
            .fold(0_u32, |value, &byte| value << 8 | u32::from(byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let sextet = (value >> (18 - 6 * place)) & 63;
            text.push(if place <= group.len() {
                ALPHABET[sextet as usize] as char
            } else {
                '='
            });
        }
    }
    text
}

/// Appends a PNG chunk: length, kind, data, checksum.
fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], write: impl FnOnce(&mut Vec<u8>)) {
    let start = file.len();
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(kind);
    write(file);
    let length = (file.len() - start - 8) as u32;
    file[start..start + 4].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32(&file[start + 4..]);
    file.extend_from_slice(&checksum.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc_table();
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        crc >> 8 ^ TABLE[((crc ^ u32::from(byte)) & 255) as usize]
    })
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ 0xedb8_8320
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    for &byte in bytes {
        low = (low + u32::from(byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::{adler32, base64, base64_pieces, crc32, png};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn checksums_and_base64_match_published_vectors() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn an_image_has_the_size_asked_for_and_its_trailer() {
        for size in [1, 100, 768, 8_000, 65_600, 1_572_000] {
            let image = png(size, &mut ChaCha8Rng::seed_from_u64(1));
            assert!(image.len() >= size, "{size}: {}", image.len());
            assert!(image.len() < size + 200, "{size}: {}", image.len());
            assert!(image.ends_with(b"IEND\xae\x42\x60\x82"), "{size}");
            assert_eq!(base64_pieces(&image, 1_000).collect::<String>(), base64(&image));
        }
    }
}
