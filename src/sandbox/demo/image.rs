//! PNG images of any size and their data URIs, filled with noise so that they are incompressible.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;

/// The prefix of a data URI of a PNG.
pub const PNG_DATA_URI: &str = "data:image/png;base64,";

/// Largest payload of one stored (uncompressed) deflate block.
const STORED_BLOCK: usize = 65_535;
/// Pixels in a row of a generated image.
const WIDTH: usize = 64;

/// A valid greyscale PNG whose file is at least `bytes` long and at most a row (65 bytes) or so longer.
/// Below about 70 bytes no PNG exists: the smallest one is returned.
pub fn png(bytes: usize, rng: &mut impl Rng) -> Vec<u8> {
    // Signature, IHDR, IEND and the frames around the pixels take 63 bytes, and 5 a stored block.
    let overhead = 63 + 5 * bytes.div_ceil(STORED_BLOCK + 5);
    let height = bytes.saturating_sub(overhead).div_ceil(WIDTH + 1).max(1);
    let mut pixels = vec![0_u8; height * WIDTH];
    rng.fill_bytes(&mut pixels);

    let mut file = Vec::with_capacity(bytes + 128);
    let mut encoder = png::Encoder::new(&mut file, WIDTH as u32, height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_compression(png::Compression::NoCompression);
    encoder.set_filter(png::Filter::NoFilter);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels));
    debug_assert!(
        written.is_ok(),
        "a Vec takes any bytes, and the size is that of the pixels"
    );
    file
}

/// The base64 text (RFC 4648, padded) of `bytes`.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::png;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn an_image_has_the_size_asked_for_and_can_be_read() {
        for size in [1, 100, 768, 8_000, 65_600, 1_572_000] {
            let image = png(size, &mut ChaCha8Rng::seed_from_u64(1));
            assert!(image.len() >= size, "{size}: {}", image.len());
            assert!(image.len() < size + 200, "{size}: {}", image.len());
            let mut reader = ::png::Decoder::new(std::io::Cursor::new(&image))
                .read_info()
                .expect("a header");
            let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
            reader.next_frame(&mut pixels).expect("pixels");
        }
    }
}
