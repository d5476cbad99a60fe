//! What a frame costs. Not a test: prints nanoseconds, medians of five.
//! `cargo test --release -p snug-ws --test it speed -- --ignored --nocapture --test-threads=1`

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use snug_ws::deflate::{Deflater, Inflater};
use snug_ws::{Header, Incoming, Limits, OpCode, Reader, Role, SharedFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_websockets::{ClientBuilder, Message, ServerBuilder};

use crate::support::masked;

const ROUNDS: usize = 2_000;
/// Frames that come in one read, or leave in one write.
const FRAMES: usize = 64;

/// 204 bytes of JSON, as a message of a chat.
fn text() -> String {
    let words = "The quick brown fox jumps over the lazy dog, and then ".repeat(3);
    let text = format!(
        r#"{{"event":"message.new","data":{{"room":"r_0123456789","seq":123456,"text":"{words}"}}}}"#
    );
    text[..204].to_owned()
}

/// Prints what one of the frames of a round costs.
fn measure(name: &str, frames: usize, mut round: impl FnMut()) {
    let mut all = [0.0; 5];
    for each in &mut all {
        let began = Instant::now();
        for _ in 0..ROUNDS {
            round();
        }
        *each = began.elapsed().as_nanos() as f64 / (ROUNDS * frames) as f64;
    }
    all.sort_by(f64::total_cmp);
    writeln!(std::io::stdout(), "{name:60} {:8.1} ns", all[2]).expect("a place to write to");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

#[test]
#[ignore = "prints figures; wants a quiet machine and --release"]
fn parse() {
    let frames = masked(0x81, text().as_bytes()).repeat(FRAMES);
    let mut scratch = frames.clone();
    measure("filling the scratch buffer", FRAMES, || {
        scratch.copy_from_slice(black_box(&frames));
        black_box(&mut scratch);
    });
    for (name, piece, is_copied) in [
        ("snug-ws, parsed, filling included", frames.len(), false),
        ("snug-ws, parsed and handed on as Bytes, filling included", frames.len(), true),
        ("snug-ws, each frame in two pieces, filling included", 105, false),
    ] {
        let mut reader = Reader::new(Role::Server, Limits::default());
        measure(name, FRAMES, || {
            scratch.copy_from_slice(black_box(&frames));
            for piece in scratch.chunks_mut(piece) {
                let mut input = piece;
                while let Ok(Some(Incoming::Message(message))) = reader.next(&mut input) {
                    if is_copied {
                        black_box(Bytes::copy_from_slice(&message.payload));
                    } else {
                        black_box(&message.payload);
                    }
                }
            }
        });
    }
    let runtime = runtime();
    let (mut near, mut far) = duplex(frames.len());
    measure("filling and emptying a duplex", FRAMES, || {
        runtime.block_on(async {
            near.write_all(black_box(&frames)).await.expect("room");
            far.read_exact(&mut scratch).await.expect("open");
        });
    });
    let mut server = ServerBuilder::new().serve(far);
    measure("tokio-websockets, parsed, the duplex included", FRAMES, || {
        runtime.block_on(async {
            near.write_all(black_box(&frames)).await.expect("room");
            for _ in 0..FRAMES {
                black_box(server.next().await.expect("open").expect("a frame"));
            }
        });
    });
}

#[test]
#[ignore = "prints figures; wants a quiet machine and --release"]
fn build() {
    let text = text();
    measure("snug-ws, a header", FRAMES, || {
        for _ in 0..FRAMES {
            black_box(Header::new(OpCode::Text, black_box(204)).encode());
        }
    });
    measure("snug-ws, a shared frame, built", FRAMES, || {
        for _ in 0..FRAMES {
            black_box(SharedFrame::text(black_box(&text)));
        }
    });
    let frame = SharedFrame::text(&text);
    measure("snug-ws, a shared frame, for one more connection", FRAMES, || {
        for _ in 0..FRAMES {
            black_box(black_box(&frame).plain());
        }
    });
    let mut out = Vec::new();
    measure("snug-ws, masked and appended", FRAMES, || {
        out.clear();
        for _ in 0..FRAMES {
            let header = Header { mask: Some([1, 2, 3, 4]), ..Header::new(OpCode::Text, 0) };
            snug_ws::append_frame(&mut out, header, black_box(text.as_bytes()));
        }
    });
    let runtime = runtime();
    let shared = Bytes::from(text);
    let server = ServerBuilder::new().serve(tokio::io::empty());
    let client = ClientBuilder::new().take_over(tokio::io::empty());
    for (name, mut stream) in [("server", server), ("client", client)] {
        let name = format!("tokio-websockets, {name}, fed and flushed into nothing");
        measure(&name, FRAMES, || {
            runtime.block_on(async {
                for _ in 0..FRAMES {
                    stream.feed(Message::text(shared.clone())).await.expect("room");
                }
                stream.flush().await.expect("room");
            });
        });
    }
}

#[test]
#[ignore = "prints figures; wants a quiet machine and --release"]
fn compress() {
    let text = text();
    let mut inflater = Inflater::new();
    for level in [1, 6] {
        let mut deflater = Deflater::new(level);
        let mut out = Vec::new();
        measure(&format!("deflated, level {level}"), 1, || {
            out.clear();
            assert!(deflater.deflate(black_box(text.as_bytes()), &mut out));
        });
        let bytes = out.len();
        measure(&format!("inflated from {bytes} bytes"), 1, || {
            black_box(inflater.inflate(black_box(&out), 1_000)).expect("whole");
        });
    }
}
