//! What a connection costs.

use snug_ws::{Error, Limits, Reader, Role};

use crate::support::{Said, masked, read};

const LIMITS: Limits = Limits { frame_bytes: 100, message_bytes: 150, fragments: 3 };

#[test]
fn a_reader_is_a_few_dozen_bytes_and_holds_nothing_between_messages() {
    assert_eq!(size_of::<Reader>(), 24);
    let mut reader = Reader::new(Role::Server, Limits::default());
    let text = masked(0x81, b"Hello");
    for piece in [&text[..], &text[..4], &text[4..], &text[..1], &text[1..8], &text[8..]] {
        read(&mut reader, [piece]);
    }
    assert!(!reader.is_within());
    read(&mut reader, [&masked(0x01, b"Hel")[..]]);
    assert!(reader.is_within(), "the rest of the message is to come");
    read(&mut reader, [&masked(0x80, b"lo")[..], &text[..1]]);
    assert!(reader.is_within(), "half a header");
}

#[test]
fn bounds_are_held_at_the_header() {
    let broken = |frames: &[Vec<u8>]| {
        let mut reader = Reader::new(Role::Server, LIMITS);
        let bytes = frames.concat();
        match read(&mut reader, [&bytes[..]]).pop() {
            Some(Said::Broken(error)) => Some(error),
            _ => None,
        }
    };
    let (most, over) = (vec![b'x'; 100], vec![b'x'; 101]);
    assert_eq!(broken(&[masked(0x82, &most)]), None);
    assert_eq!(broken(&[masked(0x82, &over)]), Some(Error::FrameTooLarge { length: 101 }));
    // The payload is not waited for.
    let header = masked(0x82, &over)[..6].to_vec();
    assert_eq!(broken(&[header]), Some(Error::FrameTooLarge { length: 101 }));
    let far = [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].to_vec();
    assert_eq!(broken(&[far]), Some(Error::FrameTooLarge { length: 1 << 63 }));
    let in_two = |last| [masked(0x02, &most), masked(0x80, &vec![0; last])];
    assert_eq!(broken(&in_two(50)), None);
    assert_eq!(broken(&in_two(51)), Some(Error::MessageTooLarge));
    let in_parts = |parts: usize| {
        let mut frames = vec![masked(0x00, b""); parts];
        frames[0] = masked(0x01, b"");
        frames
    };
    assert_eq!(broken(&in_parts(3)), None);
    assert_eq!(broken(&in_parts(4)), Some(Error::TooManyFragments));
    // Control frames count as none, and have their own bound.
    let pings = [in_parts(3), vec![masked(0x89, &[0; 125]); 9]].concat();
    assert_eq!(broken(&pings), None);
}
