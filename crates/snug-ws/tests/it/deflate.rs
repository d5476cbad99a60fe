//! permessage-deflate by the examples of RFC 7692, and by what may be done to it.

use proptest::prelude::*;
use snug_ws::deflate::{Agreed, Deflater, Inflater};
use snug_ws::{Error, Incoming, Kind, Limits, Reader, Role, SharedFrame};

use crate::support::{KEY, cut, cuts, frame, many_bytes, masked};

fn inflate(payload: &[u8]) -> Result<Vec<u8>, Error> {
    Inflater::new().inflate(payload, 1_000)
}

/// The message that a client's frames hold.
fn receive(frames: &[u8], cuts: &[usize]) -> Result<(Kind, Vec<u8>), Error> {
    let mut reader = Reader::new(Role::Server, Limits::default()).with_deflate();
    let mut found = None;
    for piece in cut(frames, cuts) {
        let mut scratch = piece.to_vec();
        let mut input = &mut scratch[..];
        while let Some(incoming) = reader.next(&mut input)? {
            found = Some(match incoming {
                Incoming::Compressed(message) => message.inflate(&mut Inflater::new(), 1_000)?,
                other => panic!("{other:?}"),
            });
        }
    }
    let message = found.expect("a message");
    Ok((message.kind, message.payload.into_owned()))
}

#[test]
fn the_examples_of_the_rfc() {
    for (section, payload) in [
        ("7.2.3.1", &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..]),
        ("7.2.3.3", &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]),
        ("7.2.3.4", &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
        (
            "7.2.3.5",
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ),
    ] {
        assert_eq!(inflate(payload), Ok(b"Hello".to_vec()), "{section}");
        let whole = masked(0xc1, payload);
        assert_eq!(receive(&whole, &[]), Ok((Kind::Text, b"Hello".to_vec())), "{section}");
        let parts = [masked(0x41, &payload[..3]), masked(0x80, &payload[3..])].concat();
        assert_eq!(receive(&parts, &[]), Ok((Kind::Text, b"Hello".to_vec())), "{section}");
    }
    assert_eq!(inflate(&[0]), Ok(Vec::new()), "7.2.3.6");
    // 7.2.3.2: a second message that refers to the first is what nobody agreed to.
    assert_eq!(inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00]), Err(Error::InvalidDeflate));
}

#[test]
fn what_is_no_whole_message_is_refused() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for end in 1..hello.len() {
        assert_eq!(inflate(&hello[..end]), Err(Error::InvalidDeflate), "to {end}");
    }
    let tail = [&hello[..], &[0, 0, 0xff, 0xff]].concat();
    for wrong in [&tail[..], &[0xff], &[0x07, 0x00], b"Hello", &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 7]] {
        assert_eq!(inflate(wrong), Err(Error::InvalidDeflate), "{wrong:x?}");
    }
    let mut deflated = Vec::new();
    assert!(Deflater::new(1).deflate(b"\xff\xfe", &mut deflated));
    assert_eq!(receive(&masked(0xc1, &deflated), &[]), Err(Error::InvalidUtf8));
    assert_eq!(receive(&masked(0xc2, &deflated), &[]), Ok((Kind::Binary, vec![0xff, 0xfe])));
}

#[test]
fn bits_of_compression_stand_on_first_frames_only() {
    for (frames, is_good) in [
        (vec![masked(0x01, b"a"), masked(0xc0, b"b")], false),
        (vec![masked(0x41, &[0]), masked(0xc0, &[0])], false),
        (vec![masked(0xc9, b"")], false),
        (vec![masked(0xe1, &[0])], false),
        (vec![masked(0x41, &[0]), masked(0x89, b""), masked(0x80, b"")], true),
    ] {
        let mut reader = Reader::new(Role::Server, Limits::default()).with_deflate();
        let mut bytes = frames.concat();
        let mut input = &mut bytes[..];
        let mut result = Ok(());
        while result.is_ok() {
            match reader.next(&mut input) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => result = Err(error),
            }
        }
        let expected = if is_good { Ok(()) } else { Err(Error::ReservedBits) };
        assert_eq!(result, expected, "{frames:x?}");
    }
}

#[test]
fn a_bomb_is_cut_at_the_bound() {
    let mut deflated = Vec::new();
    assert!(Deflater::new(9).deflate(&vec![b'x'; 50 << 20], &mut deflated));
    assert!(deflated.len() < 60_000);
    let mut inflater = Inflater::new();
    for most in [0, 1, 100, 1_000, 1 << 20, (50 << 20) - 1] {
        assert_eq!(inflater.inflate(&deflated, most), Err(Error::MessageTooLarge), "{most}");
    }
    let whole = inflater.inflate(&deflated, 50 << 20).expect("not over the bound");
    assert_eq!(whole.len(), 50 << 20);
}

#[test]
fn who_wants_a_small_window_gets_long_messages_as_they_are() {
    let agreed = |offer| Agreed::accept([offer]).expect("a list").expect("an offer");
    let any = agreed("permessage-deflate");
    let small = agreed("permessage-deflate; server_max_window_bits=8");
    let mut deflater = Deflater::new(1);
    for (length, fits) in [(256, true), (257, false)] {
        let mut frame = SharedFrame::text(&"ab".repeat(129)[..length]);
        frame.deflate(&mut deflater);
        let deflated = frame.for_client(Some(any));
        assert_eq!(deflated[0], 0xc1);
        assert_eq!(frame.for_client(None), frame.plain());
        let for_small = frame.for_client(Some(small));
        assert_eq!(for_small, if fits { deflated } else { frame.plain() });
    }
    let mut noise = SharedFrame::binary(&[7, 1, 9]);
    noise.deflate(&mut deflater);
    assert_eq!(noise.for_client(Some(any)), noise.plain(), "compressed it would be longer");
}

proptest! {
    #[test]
    fn what_is_deflated_is_inflated(
        payload in prop_oneof![many_bytes(1_000), ".{0,250}".prop_map(String::into_bytes)],
        level in 0..12_u32,
        cuts in cuts(),
    ) {
        prop_assume!(payload.len() <= 1_000);
        let mut deflater = Deflater::new(level);
        // What was compressed before leaves no trace.
        prop_assert!(deflater.deflate(b"something else", &mut Vec::new()));
        let mut deflated = b"before".to_vec();
        prop_assert!(deflater.deflate(&payload, &mut deflated));
        let mut again = b"before".to_vec();
        prop_assert!(Deflater::new(level).deflate(&payload, &mut again));
        prop_assert_eq!(&deflated, &again);
        let deflated = &deflated[6..];
        prop_assert_eq!(inflate(deflated), Ok(payload.clone()));
        let frames = frame(0xc2, deflated, Some(KEY));
        prop_assert_eq!(receive(&frames, &cuts), Ok((Kind::Binary, payload)));
    }

    #[test]
    fn noise_is_inflated_within_bounds(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut inflater = Inflater::new();
        if let Ok(inflated) = inflater.inflate(&payload, 500) {
            prop_assert!(inflated.len() <= 500);
        }
        // What went wrong before leaves no trace.
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        prop_assert_eq!(inflater.inflate(&hello, 5), Ok(b"Hello".to_vec()));
    }
}
