//! UTF-8 that comes in pieces.

use crate::Error;

/// Whether this is UTF-8. Most text on a wire is ASCII, for which one look with vector instructions
/// is enough.
pub(crate) fn is_utf8(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

/// Checks text piece by piece, holding at most the beginning of one character.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Utf8 {
    begun: [u8; 4],
    len: u8,
}

impl Utf8 {
    /// Fails at the first byte that no continuation could make valid.
    pub(crate) fn feed(&mut self, mut piece: &[u8]) -> Result<(), Error> {
        while self.len > 0 {
            let Some((&byte, rest)) = piece.split_first() else { return Ok(()) };
            piece = rest;
            self.go_on(byte)?;
        }
        if piece.is_ascii() {
            return Ok(());
        }
        let Err(error) = std::str::from_utf8(piece) else { return Ok(()) };
        if error.error_len().is_some() {
            return Err(Error::InvalidUtf8);
        }
        for &byte in &piece[error.valid_up_to()..] {
            self.go_on(byte)?;
        }
        Ok(())
    }

    /// One more byte of the character that has begun.
    fn go_on(&mut self, byte: u8) -> Result<(), Error> {
        let at = usize::from(self.len);
        let slot = self.begun.get_mut(at).ok_or(Error::InvalidUtf8)?;
        *slot = byte;
        self.len = match std::str::from_utf8(&self.begun[..=at]) {
            Ok(_) => 0,
            Err(error) if error.error_len().is_none() => self.len + 1,
            Err(_) => return Err(Error::InvalidUtf8),
        };
        Ok(())
    }

    /// Fails if a character has begun and not ended.
    pub(crate) fn end(self) -> Result<(), Error> {
        if self.len == 0 { Ok(()) } else { Err(Error::InvalidUtf8) }
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8;
    use crate::Error;
    use proptest::prelude::*;

    fn in_pieces(bytes: &[u8], cuts: &[usize]) -> Result<(), Error> {
        let mut utf8 = Utf8::default();
        let mut from = 0;
        for &cut in cuts {
            let to = cut.clamp(from, bytes.len());
            utf8.feed(&bytes[from..to])?;
            from = to;
        }
        utf8.feed(&bytes[from..])?;
        utf8.end()
    }

    #[test]
    fn it_fails_at_the_first_byte_that_cannot_be() {
        for (begin, last) in [
            (&b"\xf4"[..], 0x90),
            (b"\xed", 0xa0),
            (b"\xe0", 0x80),
            (b"\xf0\x90\x80", 0x20),
            (b"", 0xc0),
            (b"", 0xf5),
            (b"", 0x80),
        ] {
            let mut utf8 = Utf8::default();
            for byte in begin {
                assert_eq!(utf8.feed(&[*byte]), Ok(()), "{begin:x?}");
            }
            assert_eq!(utf8.feed(&[last]), Err(Error::InvalidUtf8), "{begin:x?} {last:x}");
        }
        assert_eq!(in_pieces(b"a\xe2\x82", &[]), Err(Error::InvalidUtf8));
    }

    proptest! {
        #[test]
        fn pieces_of_text_are_valid(
            text: String,
            mut cuts in prop::collection::vec(0..60_usize, 0..6),
        ) {
            cuts.sort_unstable();
            prop_assert_eq!(in_pieces(text.as_bytes(), &cuts), Ok(()));
        }

        #[test]
        fn pieces_are_judged_like_the_whole(
            bytes in prop::collection::vec(
                prop_oneof![any::<u8>(), Just(0xe2), Just(0x82), Just(0xac), Just(0xf0), Just(0x9f)],
                0..12,
            ),
            mut cuts in prop::collection::vec(0..12_usize, 0..6),
        ) {
            cuts.sort_unstable();
            prop_assert_eq!(
                in_pieces(&bytes, &cuts).is_ok(),
                std::str::from_utf8(&bytes).is_ok()
            );
        }
    }
}
