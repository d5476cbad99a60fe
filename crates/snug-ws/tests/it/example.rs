//! The example's loop, over a socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use snug_ws::deflate::{Agreed, Deflater, Inflater, OFFER};
use snug_ws::handshake::{ClientKey, Response};
use snug_ws::{
    CloseCode, ControlFrame, Header, Incoming, Limits, OpCode, Reader, Role, append_frame,
};

use crate::echo;
use crate::support::Said;

const MASK: Option<[u8; 4]> = Some([9, 8, 7, 6]);

fn connect() -> io::Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || echo::serve(&listener));
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
}

/// The status and the headers of an answer.
fn read_head(read: &mut impl BufRead) -> io::Result<(u16, Vec<(String, String)>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        read.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let status = lines.first().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let pair = |line: &String| {
        line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    Ok((status.unwrap_or(0), lines.iter().filter_map(pair).collect()))
}

#[test]
fn it_answers_until_the_goodbye() -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = connect()?;
    let mut read = BufReader::new(stream.try_clone()?);
    let key = ClientKey::new([7; 16]);
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\
         Sec-WebSocket-Extensions: {OFFER}\r\n\r\n",
        key.as_str()
    )?;
    let (status, headers) = read_head(&mut read)?;
    let headers = headers.iter().map(|(name, value)| (&**name, &**value));
    let response = Response::read(status, headers, &key, &[])?;
    let agreed = Agreed::confirm(response.extensions().iter().copied())?;
    assert!(agreed.is_some());

    let text = "again ".repeat(30);
    let mut deflated = Vec::new();
    assert!(Deflater::new(6).deflate(text.as_bytes(), &mut deflated));
    let mut out = Vec::new();
    append_frame(&mut out, Header { mask: MASK, ..Header::new(OpCode::Binary, 0) }, b"\x00\xff");
    let compressed = Header { mask: MASK, compressed: true, ..Header::new(OpCode::Text, 0) };
    append_frame(&mut out, compressed, &deflated);
    out.extend_from_slice(&ControlFrame::ping(b"there?", MASK));
    out.extend_from_slice(&ControlFrame::close(CloseCode::new(4321), "enough", MASK));
    stream.write_all(&out)?;

    let mut received = Vec::new();
    read.read_to_end(&mut received)?;
    let mut reader = Reader::new(Role::Client, Limits::default()).with_deflate();
    let mut said = Vec::new();
    let mut input = &mut received[..];
    while let Some(incoming) = reader.next(&mut input)? {
        said.push(match incoming {
            Incoming::Compressed(message) => {
                Said::from(Incoming::Message(message.inflate(&mut Inflater::new(), 1_000)?))
            }
            other => other.into(),
        });
    }
    assert_eq!(
        said,
        [
            Said::Binary(vec![0x00, 0xff]),
            Said::Text(text.into_bytes()),
            Said::Pong(b"there?".to_vec()),
            Said::Close(Some((4321, String::new()))),
        ]
    );
    Ok(())
}

#[test]
fn what_is_no_upgrade_is_told_so() -> io::Result<()> {
    let mut stream = connect()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let (status, headers) = read_head(&mut BufReader::new(stream))?;
    assert_eq!(status, 426);
    assert!(headers.contains(&("Sec-WebSocket-Version".to_owned(), "13".to_owned())));
    Ok(())
}
