//! Frames as bytes, and what a reader made of them.

use proptest::prelude::*;
use snug_ws::{Error, Incoming, Kind, Reader};

/// Of every masked frame here.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A client's frame. `first` is the first byte on the wire: reserved bits and all.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload, Some(KEY))
}

/// A frame, byte by byte and without the crate's help.
pub(crate) fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let bit = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(bit | len as u8),
        len @ 126..=0xffff => {
            bytes.push(bit | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            bytes.push(bit | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let key = match key {
        Some(key) => {
            bytes.extend_from_slice(&key);
            key
        }
        None => [0; 4],
    };
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// What a reader made of bytes, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Compressed(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
    Broken(Error),
}

impl From<Incoming<'_>> for Said {
    fn from(incoming: Incoming<'_>) -> Self {
        match incoming {
            Incoming::Message(message) => match message.kind {
                Kind::Text => Self::Text(message.payload.into_owned()),
                Kind::Binary => Self::Binary(message.payload.into_owned()),
            },
            Incoming::Compressed(message) => Self::Compressed(format!("{message:?}")),
            Incoming::Ping(payload) => Self::Ping(payload.into_owned()),
            Incoming::Pong(payload) => Self::Pong(payload.into_owned()),
            Incoming::Close(goodbye) => Self::Close(
                goodbye.map(|goodbye| (goodbye.code.number(), goodbye.reason.into_owned())),
            ),
        }
    }
}

/// Everything that a reader finds in bytes that come in pieces.
pub(crate) fn read<'p>(
    reader: &mut Reader,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Vec<Said> {
    let mut all = Vec::new();
    for piece in pieces {
        let mut scratch = piece.to_vec();
        let mut input = &mut scratch[..];
        loop {
            match reader.next(&mut input) {
                Ok(Some(incoming)) => all.push(incoming.into()),
                Ok(None) => break,
                Err(error) => all.push(Said::Broken(error)),
            }
        }
        assert!(input.is_empty());
        // What is kept may not be what the caller overwrites.
        scratch.fill(0xaa);
    }
    all
}

/// Bytes in pieces.
pub(crate) fn cut<'b>(bytes: &'b [u8], cuts: &[usize]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for &at in cuts {
        let to = at.clamp(from, bytes.len());
        pieces.push(&bytes[from..to]);
        from = to;
    }
    pieces.push(&bytes[from..]);
    pieces
}

/// Where to cut, in order.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![3 => 0..40_usize, 1 => 0..800_usize], 0..12).prop_map(
        |mut cuts| {
            cuts.sort_unstable();
            cuts
        },
    )
}

/// What one side may say: a message in one or more parts with control frames between them, or a
/// control frame. Bytes of first byte and payload, to be put into frames.
fn saying() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let text = ".{0,60}".prop_map(|text| (1, text.into_bytes()));
    let binary = bytes(200).prop_map(|payload| (2, payload));
    let control = (prop_oneof![Just(0x89), Just(0x8a)], bytes(125));
    let message = (
        prop_oneof![text, binary],
        prop::collection::vec(0..200_usize, 0..4),
        prop::collection::vec(prop::option::of(control.clone()), 4),
    )
        .prop_map(|((opcode, payload), mut cuts, between)| {
            cuts.sort_unstable();
            let parts = cut(&payload, &cuts);
            let last = parts.len() - 1;
            let mut frames = Vec::new();
            for (at, part) in parts.into_iter().enumerate() {
                let fin = if at == last { 0x80 } else { 0 };
                frames.push((fin | if at == 0 { opcode } else { 0 }, part.to_vec()));
                frames.extend(between.get(at).cloned().flatten().filter(|_| at != last));
            }
            frames
        });
    prop_oneof![4 => message, 1 => control.prop_map(|frame| vec![frame])]
}

fn goodbye() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let code = prop_oneof![
        3 => prop_oneof![1000..1016_u16, 2990..3010_u16, 4990..5010_u16],
        1 => any::<u16>(),
    ];
    let with_code = (code, prop_oneof![4 => ".{0,30}".prop_map(String::into_bytes), 1 => bytes(5)])
        .prop_map(|(code, reason)| [&code.to_be_bytes()[..], &reason].concat());
    prop_oneof![4 => with_code, 1 => bytes(2)].prop_map(|payload| vec![(0x88, payload)])
}

pub(crate) fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> + Clone {
    prop::collection::vec(any::<u8>(), 0..=most)
}

/// As `bytes`, but made of few choices, for lengths that take time otherwise.
pub(crate) fn many_bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    (0..=most, any::<u8>()).prop_map(|(len, seed)| {
        (0..len).map(|at| (at as u8).wrapping_mul(31) ^ (at >> 8) as u8 ^ seed).collect()
    })
}

/// A conversation of one side as (first byte, payload) of its frames, ended by a goodbye or not.
pub(crate) fn valid() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    (prop::collection::vec(saying(), 0..6), prop::option::of(goodbye())).prop_map(
        |(sayings, end)| sayings.into_iter().flatten().chain(end.into_iter().flatten()).collect(),
    )
}

/// A conversation in which some first bytes or payload bytes are wrong.
pub(crate) fn damaged() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    (valid(), prop::collection::vec((0..20_usize, any::<u8>(), 0..60_usize), 1..3)).prop_map(
        |(mut frames, wrongs)| {
            for (at, byte, place) in wrongs {
                let count = frames.len().max(1);
                let Some((first, payload)) = frames.get_mut(at % count) else { continue };
                match payload.get_mut(place) {
                    Some(wrong) => *wrong = byte,
                    None => *first = byte,
                }
            }
            frames
        },
    )
}

/// Frames on the wire.
pub(crate) fn wire(frames: &[(u8, Vec<u8>)], key: Option<[u8; 4]>) -> Vec<u8> {
    frames.iter().flat_map(|(first, payload)| frame(*first, payload, key)).collect()
}
