//! SipHash-1-3 with the key 0, of bytes that come in pieces.

/// The state of the hash.
#[derive(Debug, Clone)]
pub(super) struct SipHash13 {
    v: [u64; 4],
    /// Bytes that do not fill a word yet.
    tail: [u8; 8],
    filled: usize,
    length: u64,
}

impl Default for SipHash13 {
    fn default() -> SipHash13 {
        SipHash13 {
            v: [
                0x736f_6d65_7073_6575,
                0x646f_7261_6e64_6f6d,
                0x6c79_6765_6e65_7261,
                0x7465_6462_7974_6573,
            ],
            tail: [0; 8],
            filled: 0,
            length: 0,
        }
    }
}

impl SipHash13 {
    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.tail[self.filled] = *byte;
            self.filled += 1;
            if self.filled == 8 {
                self.filled = 0;
                self.word(u64::from_le_bytes(self.tail));
            }
        }
        self.length = self.length.wrapping_add(bytes.len() as u64);
    }

    /// The hash of all bytes.
    pub(super) fn finish(mut self) -> u64 {
        self.tail[self.filled..].fill(0);
        let last = u64::from_le_bytes(self.tail) | (self.length << 56);
        self.word(last);
        self.v[2] ^= 0xff;
        for _ in 0..3 {
            self.round();
        }
        self.v.iter().fold(0, |sum, word| sum ^ word)
    }

    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.v[0] ^= word;
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.v = [a, b, c, d];
    }
}
