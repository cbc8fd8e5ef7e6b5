use super::*;

fn bytes(image: &Image) -> Vec<u8> {
    let mut out = Vec::new();
    match image {
        Image::Png(size) => write_png(*size, &mut out),
        Image::Jpeg(size) => write_jpeg(*size, &mut out),
        Image::File(..) => unreachable!("not made"),
    }
    .expect("an image");
    out
}

#[test]
fn images_have_the_exact_size_and_are_real() {
    for size in [
        SMALLEST, 750, 751, 752, 1_000, 8_191, 8_192, 49_150, 70_000, 1_048_575, 1_048_576, 3_000_001,
    ] {
        let png = bytes(&Image::Png(size));
        assert_eq!(png.len() as u64, size);
        let decoder = png::Decoder::new(io::Cursor::new(&png));
        let mut reader = decoder.read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut pixels).expect("all its pixels");

        let jpeg = bytes(&Image::Jpeg(size));
        assert_eq!(jpeg.len() as u64, size);
        assert!(
            jpeg.starts_with(&[0xff, 0xd8, 0xff]) && jpeg.ends_with(&[0xff, 0xd9]),
            "{size}"
        );
    }
}

#[test]
fn the_size_of_the_uri_is_known_beforehand() {
    for limit in [1_024, 65_535, 65_536, 1_000_003] {
        for image in [Image::Png(0), Image::Jpeg(0)] {
            let size = image.largest_within(limit);
            let of = |size| match image {
                Image::Png(_) => Image::Png(size),
                _ => Image::Jpeg(size),
            };
            assert!(
                of(size).uri_length() <= limit && of(size + 1).uri_length() > limit,
                "{image:?} {limit}"
            );
        }
    }
}

#[tokio::test]
async fn pieces_make_the_uri() {
    for image in [Image::Png(700_001), Image::Jpeg(2_000)] {
        let mut pieces = image.pieces().expect("a thread");
        let mut uri = Vec::new();
        while let Some(piece) = pieces.recv().await {
            let piece = piece.expect("a piece");
            assert!(piece.len() <= PIECE);
            uri.extend(piece);
        }
        assert_eq!(uri.len() as u64, image.uri_length());
        let payload = uri.strip_prefix(image.prefix().as_bytes()).expect("the prefix");
        let decoded = base64::Engine::decode(&STANDARD, payload).expect("base64");
        assert_eq!(decoded, bytes(&image));
    }
}
