//! Any bytes, cut in two ways, are read alike and within the bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snug_ws::{Incoming, Limits, Reader, Role};

const LIMITS: Limits = Limits { frame_bytes: 300, message_bytes: 400, fragments: 5 };

/// What was said, as text, since borrowed and owned are to be alike.
fn read<'p>(mut reader: Reader, pieces: impl Iterator<Item = &'p [u8]>) -> Vec<String> {
    let mut all = Vec::new();
    for piece in pieces {
        let mut scratch = piece.to_vec();
        let mut input = &mut scratch[..];
        loop {
            match reader.next(&mut input) {
                Ok(Some(incoming)) => {
                    if let Incoming::Message(message) = &incoming {
                        assert!(message.payload.len() <= 400);
                    }
                    all.push(format!("{incoming:?}"));
                }
                Ok(None) => break,
                Err(error) => all.push(format!("{error:?} {}", error.close_code())),
            }
        }
        assert!(input.is_empty());
    }
    all
}

fuzz_target!(|data: &[u8]| {
    let Some(([how, cut], bytes)) = data.split_first_chunk() else { return };
    let reader = || {
        let role = if how & 1 == 0 { Role::Server } else { Role::Client };
        let reader = Reader::new(role, LIMITS);
        if how & 2 == 0 { reader } else { reader.with_deflate() }
    };
    let whole = read(reader(), std::iter::once(bytes));
    let size = usize::from(*cut).max(1);
    assert_eq!(read(reader(), bytes.chunks(size)), whole);
});
