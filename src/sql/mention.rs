//! Tests quickly whether a word may occur in a text, without reading its tokens: most statements of a large
//! file are only rows.

/// Bytes by frequency, the rarest first: the rarest byte of a word is searched for.
const RARE: &[u8] = b"_QXZJVKWYBPGFMUDHCLRNSIOTAE";

/// Whether `word`, in upper case, is anywhere in a text, in whichever case: in strings and longer words too.
pub fn mentions(text: &str, word: &str) -> bool {
    let rank = |byte: &u8| RARE.iter().position(|rare| rare == byte).unwrap_or(RARE.len());
    let Some((offset, byte)) = word.bytes().enumerate().min_by_key(|(_, byte)| rank(byte)) else {
        return true;
    };
    let text = text.as_bytes();
    memchr::memchr2_iter(byte, byte.to_ascii_lowercase(), text).any(|at| {
        at.checked_sub(offset)
            .and_then(|start| text.get(start..start + word.len()))
            .is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
    })
}

/// Whether a text may fill a user variable: `INTO @a`, `@a := 1`.
pub(super) fn may_fill_variables(text: &str) -> bool {
    memchr::memchr2_iter(b'@', b':', text.as_bytes()).any(|at| {
        if text.as_bytes()[at] == b':' {
            // Behind white space or a comment, perhaps.
            return text[at + 1..].trim_start().starts_with(['=', '/', '-', '#']);
        }
        let before = text[..at].trim_end();
        // A comment may be in between.
        before.ends_with(['o', 'O', '/']) || text[before.len()..at].contains('\n')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand() {
        for text in ["row_count()", "x ROW_COUNT", "'my_Row_Count_'"] {
            assert!(mentions(text, "ROW_COUNT"), "{text}");
        }
        for text in ["", "_COUNT", "ROW_COUN", "row count", "é_", "_"] {
            assert!(!mentions(text, "ROW_COUNT"), "{text}");
        }
    }

    #[test]
    fn no_filled_variable_is_overlooked() {
        for text in [
            "SELECT 1 INTO @a",
            "SELECT 1 into@a",
            "SELECT 1 INTO/* x */@a",
            "SELECT 1 INTO -- x\n@a",
            "SELECT 1 INTO # x\n  @a",
            "SELECT @a := 1",
            "SELECT @a :/**/= 1",
            "SELECT @a : -- x\n= 1",
        ] {
            assert!(may_fill_variables(text), "{text}");
        }
        for text in ["INSERT INTO t VALUES ('12:30:00', 'a@b')", "SELECT @a, @@b"] {
            assert!(!may_fill_variables(text), "{text}");
        }
    }
}
