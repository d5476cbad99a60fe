//! What every message of the load carries in its text: who sent it, which one it is, and when.
//! Fixed width, so that a receiver finds it in any frame with one search.

use memchr::memmem::Finder;

const MARK: &[u8] = b"~b~";
const DIGITS: usize = 8 + 4 + 8 + 16;
/// The size of a message's text, in bytes, as everywhere in `docs/bench.md`.
pub(crate) const TEXT_BYTES: usize = 200;

/// Sender `sender` of room `room` sent its message number `number` (from 1) at `at` (nanoseconds
/// of the monotonic clock, which all processes of a machine share).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) room: u32,
    pub(crate) sender: u16,
    pub(crate) number: u32,
    pub(crate) at: u64,
}

impl Stamp {
    /// The text of the message, padded to [`TEXT_BYTES`].
    pub(crate) fn put(self, into: &mut Vec<u8>) {
        let start = into.len();
        into.extend_from_slice(MARK);
        hex(into, u64::from(self.room), 8);
        hex(into, u64::from(self.sender), 4);
        hex(into, u64::from(self.number), 8);
        hex(into, self.at, 16);
        into.resize(start + TEXT_BYTES, b'.');
    }
}

fn hex(into: &mut Vec<u8>, value: u64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = (value >> (place * 4)) & 15;
        into.push(b"0123456789abcdef"[usize::try_from(digit).unwrap_or(0)]);
    }
}

/// Reads stamps; holds the prepared search.
#[derive(Debug)]
pub(crate) struct StampReader {
    mark: Finder<'static>,
    seq: Finder<'static>,
}

impl StampReader {
    pub(crate) fn new() -> Self {
        Self { mark: Finder::new(MARK), seq: Finder::new(b"\"seq\":") }
    }

    pub(crate) fn read(&self, payload: &[u8]) -> Option<Stamp> {
        let at = self.mark.find(payload)? + MARK.len();
        let digits = payload.get(at..at + DIGITS)?;
        Some(Stamp {
            room: u32::try_from(unhex(&digits[..8])?).ok()?,
            sender: u16::try_from(unhex(&digits[8..12])?).ok()?,
            number: u32::try_from(unhex(&digits[12..20])?).ok()?,
            at: unhex(&digits[20..])?,
        })
    }

    /// The `seq` that the server gave; the floor gives none.
    pub(crate) fn seq(&self, payload: &[u8]) -> Option<u64> {
        let at = self.seq.find(payload)? + self.seq.needle().len();
        let digits = payload[at..].iter().take_while(|b| b.is_ascii_digit());
        Some(digits.fold(0_u64, |value, digit| {
            value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
        }))
    }
}

fn unhex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = char::from(*byte).to_digit(16)?;
        Some((value << 4) | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_out_of_a_frame() {
        let stamp = Stamp { room: 99, sender: 65_535, number: 123_456, at: 0x0123_4567_89ab_cdef };
        let mut text = Vec::new();
        stamp.put(&mut text);
        assert_eq!(text.len(), TEXT_BYTES);
        let mut frame = br#"{"event":"message.new","data":{"seq":4711,"text":""#.to_vec();
        frame.extend_from_slice(&text);
        let reader = StampReader::new();
        assert_eq!(reader.read(&frame), Some(stamp));
        assert_eq!(reader.seq(&frame), Some(4_711));
        assert_eq!(reader.read(b"~b~12"), None);
        assert_eq!(reader.read(b"nothing"), None);
    }
}
