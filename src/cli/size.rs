//! Sizes on the command line.

/// `1500`, `64K`, `16MB`, `1GiB`: units are powers of 1024, as in the server's own options.
///
/// # Errors
/// The error in the text, for clap to show.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        _ => return Err("write a number with B, KB, MB or GB, such as 16MB".into()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "write a number with B, KB, MB or GB, such as 16MB".to_string())?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("it must be more than 0".into()),
        Some(size) if size <= 1 << 32 => Ok(size),
        _ => Err("the maximum is 4 GB, the limit of every column type".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes() {
        for (text, size) in [
            ("1500", Some(1_500)),
            ("1 KB", Some(1_024)),
            ("16mb", Some(16 << 20)),
            ("4G", Some(1 << 32)),
            ("5GB", None),
            ("0", None),
            ("", None),
            ("-1", None),
            ("1.5MB", None),
            ("MB", None),
            ("99999999999999999999", None),
            ("18446744073709551615G", None),
        ] {
            assert_eq!(parse_size(text).ok(), size, "{text}");
        }
    }
}
