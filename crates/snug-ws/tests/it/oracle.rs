//! Against tokio-websockets, which passes the Autobahn suite: both read the same bytes, and each
//! reads what the other writes.

use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use snug_ws::{
    ControlFrame, HEADER_BYTES_MAX, Header, OpCode, Reader, Role, SharedFrame, append_frame,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_websockets::proto::ProtocolError;
use tokio_websockets::{ClientBuilder, Config, Error, Limits, Message, ServerBuilder};

use crate::support::{KEY, Said, bytes, cut, cuts, damaged, frame, many_bytes, read, valid, wire};

/// The longest frame and message, in bytes.
const MOST: u32 = 180;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}

/// What the other implementation makes of the bytes, with the code it says goodbye with.
fn theirs(bytes: &[u8], role: Role) -> (Vec<Said>, Option<u16>) {
    run(async {
        let (mut near, far) = duplex(1 << 20);
        near.write_all(bytes).await.expect("room");
        near.shutdown().await.expect("open");
        let limits = Limits::default().max_payload_len(Some(MOST as usize));
        let mut stream = match role {
            Role::Server => ServerBuilder::new().limits(limits).serve(far),
            Role::Client => ClientBuilder::new().limits(limits).take_over(far),
        };
        let mut said = Vec::new();
        loop {
            match stream.next().await {
                Some(Ok(message)) => said.push(of(&message)),
                Some(Err(Error::PayloadTooLong { .. })) => return (said, Some(1009)),
                Some(Err(Error::Protocol(ProtocolError::InvalidUtf8))) => {
                    return (said, Some(1007));
                }
                Some(Err(Error::Protocol(_))) => return (said, Some(1002)),
                Some(Err(_)) | None => return (said, None),
            }
        }
    })
}

fn of(message: &Message) -> Said {
    let payload = message.as_payload().to_vec();
    if message.is_text() {
        Said::Text(payload)
    } else if message.is_binary() {
        Said::Binary(payload)
    } else if message.is_ping() {
        Said::Ping(payload)
    } else if message.is_pong() {
        Said::Pong(payload)
    } else {
        let goodbye = (!payload.is_empty()).then(|| message.as_close()).flatten();
        Said::Close(goodbye.map(|(code, reason)| (code.into(), reason.to_owned())))
    }
}

/// They refuse a header by its second byte, we by its first or by all of it: behind bytes that may
/// be wrong stand some that complete it.
fn agree_to_the_end(bytes: &[u8], cuts: &[usize], role: Role) -> Result<(), TestCaseError> {
    agree(&[bytes, &[0; HEADER_BYTES_MAX]].concat(), cuts, role)
}

fn agree(bytes: &[u8], cuts: &[usize], role: Role) -> Result<(), TestCaseError> {
    let limits = snug_ws::Limits { frame_bytes: MOST, message_bytes: MOST, fragments: u32::MAX };
    let mut reader = Reader::new(role, limits);
    let mut ours = read(&mut reader, cut(bytes, cuts));
    let our_code = match ours.pop() {
        Some(Said::Broken(error)) => Some(error.close_code().number()),
        last => {
            ours.extend(last);
            None
        }
    };
    let (theirs, their_code) = theirs(bytes, role);
    prop_assert_eq!(&ours, &theirs);
    match (our_code, their_code) {
        // A message over the bound is seen by us at the header, by them when its frame is there.
        (Some(1009), _) => {}
        // A frame over the bound is seen by them before its mask key is there.
        (None, Some(1009)) => prop_assert!(reader.is_within()),
        (ours, theirs) => prop_assert_eq!(ours, theirs),
    }
    Ok(())
}

/// Without what they take and the RFC does not: a character that is cut by the end of the message,
/// if the last frame is empty.
fn without_empty_ends(mut frames: Vec<(u8, Vec<u8>)>) -> Vec<(u8, Vec<u8>)> {
    for (first, payload) in &mut frames {
        if *first & 0x8f == 0x80 && payload.is_empty() {
            payload.push(b'x');
        }
    }
    frames
}

proptest! {
    #[test]
    fn valid_streams_are_read_alike(frames in valid(), cuts in cuts()) {
        agree(&wire(&frames, Some(KEY)), &cuts, Role::Server)?;
        agree(&wire(&frames, None), &cuts, Role::Client)?;
    }

    #[test]
    fn damaged_streams_are_refused_alike(frames in damaged(), cuts in cuts()) {
        let frames = without_empty_ends(frames);
        agree_to_the_end(&wire(&frames, Some(KEY)), &cuts, Role::Server)?;
        agree_to_the_end(&wire(&frames, None), &cuts, Role::Client)?;
        // Masked where nothing may be, and the other way round.
        agree_to_the_end(&wire(&frames, None), &cuts, Role::Server)?;
        agree_to_the_end(&wire(&frames, Some(KEY)), &cuts, Role::Client)?;
    }

    #[test]
    fn noise_is_refused_alike(bytes in bytes(60), cuts in cuts()) {
        agree_to_the_end(&bytes, &cuts, Role::Server)?;
        agree_to_the_end(&bytes, &cuts, Role::Client)?;
    }

    #[test]
    fn they_read_what_we_write(
        payload in prop_oneof![bytes(300), many_bytes(70_000)],
        short in bytes(125),
        text in ".{0,80}",
        key: [u8; 4],
    ) {
        let mask = Some(key);
        let mut out = Vec::new();
        append_frame(&mut out, Header { mask, ..Header::new(OpCode::Binary, 0) }, &payload);
        let first = Header { mask, fin: false, ..Header::new(OpCode::Binary, 0) };
        append_frame(&mut out, first, &payload);
        out.extend_from_slice(&ControlFrame::ping(&short, mask));
        append_frame(&mut out, Header { mask, ..Header::new(OpCode::Continuation, 0) }, &payload);
        append_frame(&mut out, Header { mask, ..Header::new(OpCode::Text, 0) }, text.as_bytes());
        out.extend_from_slice(&ControlFrame::close(snug_ws::CloseCode::new(4000), "end", mask));
        let shared = [&SharedFrame::text(&text).plain()[..], &SharedFrame::binary(&payload).plain()]
            .concat();
        let (from_client, from_server) = run(async {
            let (mut near, far) = duplex(1 << 20);
            near.write_all(&out).await.expect("room");
            let mut server = ServerBuilder::new().serve(far);
            let mut all = Vec::new();
            while let Some(Ok(message)) = server.next().await {
                all.push(of(&message));
            }
            let (mut near, far) = duplex(1 << 20);
            near.write_all(&shared).await.expect("room");
            near.shutdown().await.expect("open");
            let mut client = ClientBuilder::new().take_over(far);
            let mut from_server = Vec::new();
            while let Some(Ok(message)) = client.next().await {
                from_server.push(of(&message));
            }
            (all, from_server)
        });
        let twice = [&payload[..], &payload].concat();
        prop_assert_eq!(from_client, [
            Said::Binary(payload.clone()),
            Said::Ping(short),
            Said::Binary(twice),
            Said::Text(text.clone().into_bytes()),
            Said::Close(Some((4000, "end".to_owned()))),
        ]);
        prop_assert_eq!(from_server, [Said::Text(text.into_bytes()), Said::Binary(payload)]);
    }

    #[test]
    fn we_read_what_they_write(
        payload in many_bytes(70_000),
        short in bytes(125),
        text in ".{0,80}",
        frame_size in 20..5_000_usize,
        cuts in cuts(),
    ) {
        let messages = [
            Message::binary(payload.clone()),
            Message::ping(short.clone()),
            Message::text(text.clone()),
            Message::close(None, ""),
        ];
        for role in [Role::Server, Role::Client] {
            let written = run(async {
                let (mut near, far) = duplex(1 << 20);
                let config = Config::default().frame_size(frame_size);
                let mut stream = match role {
                    Role::Client => ServerBuilder::new().config(config).serve(far),
                    Role::Server => ClientBuilder::new().config(config).take_over(far),
                };
                for message in messages.clone() {
                    stream.feed(message).await.expect("room");
                }
                stream.flush().await.expect("room");
                drop(stream);
                let mut written = Vec::new();
                near.read_to_end(&mut written).await.expect("open");
                written
            });
            let limits = snug_ws::Limits { fragments: 10_000, ..Default::default() };
            let mut reader = Reader::new(role, limits);
            prop_assert_eq!(read(&mut reader, cut(&written, &cuts)), [
                Said::Binary(payload.clone()),
                Said::Ping(short.clone()),
                Said::Text(text.clone().into_bytes()),
                Said::Close(None),
            ]);
        }
    }
}

/// Why `without_empty_ends`: if this fails, they mended it.
#[test]
fn a_character_cut_by_an_empty_last_frame_is_refused_by_us_only() {
    let bytes = [frame(0x01, b"\xe2\x82", Some(KEY)), frame(0x80, b"", Some(KEY))].concat();
    let (_, their_code) = theirs(&bytes, Role::Server);
    assert_eq!(their_code, None);
    let mut reader = Reader::new(Role::Server, snug_ws::Limits::default());
    let said = read(&mut reader, [&bytes[..]]);
    assert_eq!(said, [Said::Broken(snug_ws::Error::InvalidUtf8)]);
}
