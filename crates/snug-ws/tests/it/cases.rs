//! The cases of the Autobahn suite that are about the protocol (1 to 7 and 10), as tables: what a
//! client sends, and all that an echoing server answers. Each is sent in one piece, byte by byte,
//! and in pieces of 997 bytes.

use crate::echo::Echo;
use crate::support::{frame, masked};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// The first part of a text, a part in the middle, the last part.
const FIRST: u8 = 0x01;
const MIDDLE: u8 = 0x00;
const LAST: u8 = 0x80;

/// Frames by first byte and payload.
type Frames<'f> = &'f [(u8, &'f [u8])];

fn goodbye(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason].concat()
}

/// What the server says to these bytes, and whether it goes on.
fn answers(pieces: &mut dyn Iterator<Item = &[u8]>) -> (Vec<u8>, bool) {
    let mut echo = Echo::new(None);
    let mut out = Vec::new();
    for piece in pieces {
        if !echo.on_bytes(&mut piece.to_vec(), &mut out) {
            return (out, false);
        }
    }
    (out, true)
}

/// Sends the frames and compares all answers; `end` is the code of the server's goodbye if it
/// says one, with `None` for one without a code.
fn case(name: &str, frames: Frames<'_>, answered: Frames<'_>, end: Option<Option<u16>>) {
    let sent: Vec<u8> =
        frames.iter().flat_map(|(first, payload)| masked(*first, payload)).collect();
    let mut expected: Vec<u8> =
        answered.iter().flat_map(|(first, payload)| frame(*first, payload, None)).collect();
    let cuts: [&mut dyn Iterator<Item = &[u8]>; 3] =
        [&mut std::iter::once(&sent[..]), &mut sent.chunks(1), &mut sent.chunks(997)];
    let wanted = expected.len();
    if let Some(code) = end {
        let payload = code.map(u16::to_be_bytes);
        expected.extend(frame(CLOSE, payload.as_ref().map_or(&[], |code| &code[..]), None));
    }
    for pieces in cuts {
        let (mut out, goes_on) = answers(pieces);
        assert_eq!(goes_on, end.is_none(), "{name}");
        if end.flatten().is_some() && out.len() > wanted + 4 {
            // A reason for a log may stand behind the code.
            assert_eq!(usize::from(out[wanted + 1]), out.len() - wanted - 2, "{name}");
            out.truncate(wanted + 4);
            out[wanted + 1] = 2;
        }
        assert!(out == expected, "{name}: {:x?}", &out[..out.len().min(200)]);
    }
}

/// All of it comes back.
fn echoes(name: &str, frames: Frames<'_>, whole: (u8, &[u8])) {
    case(name, frames, &[whole], None);
}

/// After what was answered, the server ends with a code.
fn fails(name: &str, frames: Frames<'_>, answered: Frames<'_>, code: u16) {
    case(name, frames, answered, Some(Some(code)));
}

#[test]
fn case_1_messages_of_many_lengths() {
    for length in [0, 125, 126, 127, 128, 65_535, 65_536] {
        let text = vec![b'*'; length];
        echoes("1.1", &[(TEXT, &text)], (TEXT, &text));
        let binary = vec![0xfe; length];
        echoes("1.2", &[(BINARY, &binary)], (BINARY, &binary));
    }
}

#[test]
fn case_2_pings_and_pongs() {
    let most = [0xfe; 125];
    for payload in [&b""[..], b"Hello", &[0x00, 0xff, 0xfe, 0xfd], &most] {
        echoes("2.1 to 2.4", &[(PING, payload)], (PONG, payload));
    }
    fails("2.5", &[(PING, &[0xfe; 126])], &[], 1002);
    case("2.7", &[(PONG, b"")], &[], None);
    case("2.8", &[(PONG, b"unsolicited")], &[], None);
    echoes("2.9", &[(PONG, b"unsolicited"), (PING, b"p")], (PONG, b"p"));
    let n = &b"n"[..];
    case("2.10", &[(PING, n); 10], &[(PONG, n); 10], None);
}

#[test]
fn case_3_reserved_bits() {
    for bits in 1..=7 {
        let wrong = |first| first | bits << 4;
        fails("3.1", &[(wrong(TEXT), b"x")], &[], 1002);
        fails("3.2", &[(TEXT, b"a"), (wrong(TEXT), b"b"), (PING, b"")], &[(TEXT, b"a")], 1002);
        fails("3.5", &[(wrong(BINARY), b"x")], &[], 1002);
        fails("3.6", &[(wrong(PING), b"x")], &[], 1002);
        fails("3.7", &[(wrong(CLOSE), b"")], &[], 1002);
        fails("3.8", &[(FIRST, b"a"), (wrong(LAST), b"b")], &[], 1002);
    }
}

#[test]
fn case_4_reserved_opcodes() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        fails("4.1.1", &[(0x80 | opcode, b"")], &[], 1002);
        fails("4.1.2", &[(0x80 | opcode, b"reserved")], &[], 1002);
        fails("4.1.3", &[(TEXT, b"a"), (0x80 | opcode, b""), (PING, b"")], &[(TEXT, b"a")], 1002);
        fails("4.1.5", &[(FIRST, b"a"), (opcode, b""), (LAST, b"")], &[], 1002);
    }
}

#[test]
fn case_5_fragments() {
    fails("5.1", &[(0x09, b"a"), (LAST, b"b")], &[], 1002);
    fails("5.2", &[(0x0a, b"a"), (LAST, b"b")], &[], 1002);
    echoes("5.3", &[(FIRST, b"frag"), (LAST, b"ment")], (TEXT, b"fragment"));
    case(
        "5.6",
        &[(FIRST, b"frag"), (PING, b"p"), (LAST, b"ment")],
        &[(PONG, b"p"), (TEXT, b"fragment")],
        None,
    );
    let whole = (TEXT, &b"whole"[..]);
    for lonely in [LAST, MIDDLE] {
        fails("5.9 to 5.14", &[(lonely, b"lonely"), whole], &[], 1002);
        fails(
            "5.15",
            &[(FIRST, b"frag"), (LAST, b"ment"), (lonely, b"lonely"), whole],
            &[(TEXT, b"fragment")],
            1002,
        );
        fails("5.16, 5.17", &[(lonely, b"1"), (FIRST, b"2"), (LAST, b"3")], &[], 1002);
    }
    fails("5.18", &[(FIRST, b"frag"), (TEXT, b"ment")], &[], 1002);
    fails("5.18 binary", &[(0x02, b"frag"), (FIRST, b"ment")], &[], 1002);
    case(
        "5.19",
        &[
            (FIRST, b"1"),
            (MIDDLE, b"2"),
            (PING, b"p"),
            (MIDDLE, b"3"),
            (MIDDLE, b"4"),
            (PING, b"q"),
            (LAST, b"5"),
        ],
        &[(PONG, b"p"), (PONG, b"q"), (TEXT, b"12345")],
        None,
    );
    echoes("6.1.2", &[(FIRST, b""), (MIDDLE, b""), (LAST, b"")], (TEXT, b""));
    echoes("6.1.3", &[(FIRST, b""), (MIDDLE, b"m"), (LAST, b"")], (TEXT, b"m"));
}

#[test]
fn case_6_text_that_is_utf_8() {
    for text in [
        "Hello-µ@ßöäüàá-UTF-8!!",
        "κόσμε",
        "\u{0}",
        "\u{80}",
        "\u{800}",
        "\u{10000}",
        "\u{7f}",
        "\u{7ff}",
        "\u{ffff}",
        "\u{10ffff}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{fffd}",
        "\u{fffe}",
        "\u{feff}",
    ] {
        let bytes = text.as_bytes();
        echoes("6.2.1", &[(TEXT, bytes)], (TEXT, bytes));
        let (half, rest) = bytes.split_at(bytes.len() / 2);
        echoes("6.2.2", &[(FIRST, half), (LAST, rest)], (TEXT, bytes));
        let mut each: Vec<(u8, &[u8])> = bytes.chunks(1).map(|byte| (MIDDLE, byte)).collect();
        each[0].0 = FIRST;
        each.push((LAST, b""));
        echoes("6.2.3", &each, (TEXT, bytes));
    }
}

#[test]
fn case_6_text_that_is_not() {
    for wrong in [
        &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64"[..],
        b"\x80",
        b"\xbf",
        b"\x80\xbf\x80",
        b"\xc0 \xc1 ",
        b"\xe0 \xe1 ",
        b"\xf0 \xf1 ",
        b"\xf8 ",
        b"\xfc ",
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfe",
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
    ] {
        fails("6.3.1", &[(TEXT, wrong)], &[], 1007);
        let (half, rest) = wrong.split_at(wrong.len() / 2);
        fails("6.3.2", &[(FIRST, half), (LAST, rest)], &[], 1007);
    }
    // 6.4: told before the message ends, and before its frame does.
    fails("6.4.1", &[(FIRST, b"\xce\xba"), (MIDDLE, b"\xf4\x90\x80\x80")], &[], 1007);
    fails("6.4.2", &[(FIRST, b"\xce\xba\xf4"), (MIDDLE, b"\x90")], &[], 1007);
    let half = &masked(TEXT, b"\xce\xba\xf4\x90 and much more")[..10];
    let (out, goes_on) = answers(&mut std::iter::once(half));
    assert!(!goes_on && out[2..4] == 1007_u16.to_be_bytes(), "{out:x?}");
}

#[test]
fn case_7_goodbyes() {
    let end = |code| Some(Some(code));
    let normal = goodbye(1000, b"");
    let bye = (CLOSE, &normal[..]);
    case("7.1.1", &[(TEXT, b"Hello"), bye], &[(TEXT, b"Hello")], end(1000));
    case("7.1.2", &[bye, bye], &[], end(1000));
    case("7.1.3", &[bye, (PING, b"")], &[], end(1000));
    case("7.1.4", &[bye, (TEXT, b"late")], &[], end(1000));
    case("7.1.5", &[(FIRST, b"frag"), bye, (LAST, b"ment")], &[], end(1000));
    let much = vec![b'*'; 256 << 10];
    case("7.1.6", &[(TEXT, &much), bye, (PING, b"")], &[(TEXT, &much)], end(1000));
    case("7.3.1", &[(CLOSE, b"")], &[], Some(None));
    fails("7.3.2", &[(CLOSE, b"a")], &[], 1002);
    case("7.3.3", &[bye], &[], end(1000));
    case("7.3.4", &[(CLOSE, &goodbye(1000, b"Hello"))], &[], end(1000));
    case("7.3.5", &[(CLOSE, &goodbye(1000, &[b'*'; 123]))], &[], end(1000));
    fails("7.3.6", &[(CLOSE, &goodbye(1000, &[b'*'; 124]))], &[], 1002);
    fails("7.5.1", &[(CLOSE, &goodbye(1000, b"\xce\xba\xed\xa0\x80"))], &[], 1007);
}

#[test]
fn case_7_codes() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        case("7.7", &[(CLOSE, &goodbye(code, b""))], &[], Some(Some(code)));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        fails("7.9, 7.13", &[(CLOSE, &goodbye(code, b"reason"))], &[], 1002);
    }
}

#[test]
fn case_10_a_message_in_many_frames() {
    let text = vec![b'*'; 65_536];
    let mut frames: Vec<(u8, &[u8])> = text.chunks(1_300).map(|part| (MIDDLE, part)).collect();
    frames[0].0 = FIRST;
    frames.push((LAST, b""));
    echoes("10.1.1", &frames, (TEXT, &text));
}
