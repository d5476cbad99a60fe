//! However bytes are cut, the same comes out; whatever the bytes are, nothing panics.

use proptest::prelude::*;
use snug_ws::{Limits, Reader, Role};

use crate::support::{KEY, Said, bytes, cut, cuts, damaged, read, valid, wire};

const SMALL: Limits = Limits { frame_bytes: 150, message_bytes: 180, fragments: 3 };

fn readers(role: Role) -> [Reader; 3] {
    [
        Reader::new(role, Limits::default()),
        Reader::new(role, Limits::default()).with_deflate(),
        Reader::new(role, SMALL).with_deflate(),
    ]
}

fn cut_or_not(bytes: &[u8], cuts: &[usize], role: Role) -> Result<(), TestCaseError> {
    let mut last = None;
    for at in 0..3 {
        let mut reader = readers(role).into_iter().nth(at).expect("one of three");
        let whole = read(&mut reader, [bytes]);
        let (ended, within) = (reader.has_ended(), reader.is_within());
        for pieces in [cut(bytes, cuts), bytes.chunks(1).collect()] {
            let mut reader = readers(role).into_iter().nth(at).expect("one of three");
            prop_assert_eq!(&read(&mut reader, pieces), &whole);
            prop_assert_eq!((reader.has_ended(), reader.is_within()), (ended, within));
        }
        last = Some(whole);
    }
    // After an end nothing comes.
    let ends = |said: &Said| matches!(said, Said::Close(_) | Said::Broken(_));
    let last = last.unwrap_or_default();
    prop_assert!(last.iter().rev().skip(1).all(|said| !ends(said)));
    Ok(())
}

proptest! {
    #[test]
    fn conversations(frames in valid(), cuts in cuts()) {
        cut_or_not(&wire(&frames, Some(KEY)), &cuts, Role::Server)?;
        cut_or_not(&wire(&frames, None), &cuts, Role::Client)?;
    }

    #[test]
    fn damaged_conversations(
        frames in damaged(),
        cuts in cuts(),
        wrong in prop::option::of((0..400_usize, any::<u8>())),
    ) {
        let mut bytes = wire(&frames, Some(KEY));
        if let Some((at, byte)) = wrong && let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        cut_or_not(&bytes, &cuts, Role::Server)?;
        cut_or_not(&wire(&frames, None), &cuts, Role::Client)?;
    }

    #[test]
    fn noise(bytes in bytes(300), cuts in cuts()) {
        cut_or_not(&bytes, &cuts, Role::Server)?;
        cut_or_not(&bytes, &cuts, Role::Client)?;
    }
}
