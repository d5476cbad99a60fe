//! A WebSocket server that says everything back, with threads that block: for the conformance
//! suites of others. `cargo run -p snug-ws --example echo -- 127.0.0.1:9001`

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use snug_ws::deflate::{Agreed, Deflater, Inflater};
use snug_ws::handshake::Request;
use snug_ws::{
    Closing, ControlFrame, Error, FrameBuilder, Incoming, Limits, Message, Reader, Role,
};

/// The longest message, in bytes, also after inflating.
const MESSAGE_BYTES_MAX: u32 = 64 << 20;
/// The longest head of a request, in bytes.
const HEAD_BYTES_MAX: u64 = 16 << 10;

/// The conversation, without the socket.
#[derive(Debug)]
pub(crate) struct Echo {
    reader: Reader,
    closing: Closing,
    agreed: Option<Agreed>,
    deflater: Deflater,
    inflater: Inflater,
}

impl Echo {
    /// For a connection that was upgraded; `agreed` is what was agreed on about compression.
    pub(crate) fn new(agreed: Option<Agreed>) -> Self {
        let limits = Limits {
            frame_bytes: MESSAGE_BYTES_MAX,
            message_bytes: MESSAGE_BYTES_MAX,
            fragments: u32::MAX,
        };
        let reader = Reader::new(Role::Server, limits);
        let reader = if agreed.is_some() { reader.with_deflate() } else { reader };
        let (deflater, inflater) = (Deflater::new(1), Inflater::new());
        Self { reader, closing: Closing::Open, agreed, deflater, inflater }
    }

    /// Takes bytes and appends the answers to `out`. False when the connection is to end.
    pub(crate) fn on_bytes(&mut self, mut input: &mut [u8], out: &mut Vec<u8>) -> bool {
        loop {
            let found = self.reader.next(&mut input);
            let said = match found {
                Ok(Some(incoming)) => self.answer(incoming, out),
                Ok(None) => return !self.closing.is_done(),
                Err(error) => Err(error),
            };
            if let Err(error) = said {
                if self.closing.sent() {
                    let reason = error.to_string();
                    let code = Some(error.close_code());
                    out.extend_from_slice(&ControlFrame::close(code, &reason, None));
                }
                return false;
            }
        }
    }

    fn answer(&mut self, incoming: Incoming<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        match incoming {
            Incoming::Message(message) => self.echo(&message, out),
            Incoming::Compressed(message) => {
                let message = message.inflate(&mut self.inflater, MESSAGE_BYTES_MAX as usize)?;
                self.echo(&message, out);
            }
            Incoming::Ping(payload) => {
                out.extend_from_slice(&ControlFrame::pong(&payload, None));
            }
            Incoming::Pong(_) => {}
            Incoming::Close(goodbye) => {
                if self.closing.received() && self.closing.sent() {
                    let code = goodbye.map(|goodbye| goodbye.code);
                    out.extend_from_slice(&ControlFrame::close(code, "", None));
                }
            }
        }
        Ok(())
    }

    fn echo(&mut self, message: &Message<'_>, out: &mut Vec<u8>) {
        let mut builder = FrameBuilder::with_capacity(message.kind, message.payload.len());
        let Ok(()) = builder.write_all(&message.payload) else { return };
        let mut frame = builder.finish();
        if self.agreed.is_some() {
            frame.deflate(&mut self.deflater);
        }
        out.extend_from_slice(&frame.for_client(self.agreed));
    }
}

/// Upgrades a connection and says everything back until it ends.
pub(crate) fn talk(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = BufReader::new(stream.try_clone()?);
    let mut write = stream;
    let head = read_head(&mut read)?;
    let mut lines = head.lines();
    let method = lines.next().and_then(|line| line.split(' ').next()).unwrap_or_default();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let request = match Request::read(method, headers) {
        Ok(request) => request,
        Err(refused) => {
            write!(write, "HTTP/1.1 {} {refused}\r\nContent-Length: 0\r\n", refused.status())?;
            for (name, value) in refused.headers() {
                write!(write, "{name}: {value}\r\n")?;
            }
            return write.write_all(b"\r\n");
        }
    };
    let Ok(agreed) = Agreed::accept(request.extensions().iter().copied()) else {
        return write.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    };
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        request.accept()
    );
    if let Some(agreed) = agreed {
        answer += &format!("Sec-WebSocket-Extensions: {}\r\n", agreed.answer());
    }
    write.write_all((answer + "\r\n").as_bytes())?;

    let mut echo = Echo::new(agreed);
    let mut scratch = vec![0; 64 << 10];
    let mut out = Vec::new();
    loop {
        let got = read.read(&mut scratch)?;
        let goes_on = got > 0 && echo.on_bytes(&mut scratch[..got], &mut out);
        write.write_all(&out)?;
        out.clear();
        if !goes_on {
            break;
        }
    }
    // A socket that is closed with bytes unread is reset, and the reset takes the goodbye with it.
    write.shutdown(std::net::Shutdown::Write)?;
    io::copy(&mut read, &mut io::sink()).map(drop)
}

fn read_head(read: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    let mut read = read.take(HEAD_BYTES_MAX);
    while !head.ends_with("\r\n\r\n") {
        if read.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    head.truncate(head.len() - 4);
    Ok(head)
}

/// A thread for each connection.
pub(crate) fn serve(listener: &TcpListener) -> io::Result<()> {
    // One that went before it was taken ends nobody else's.
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || talk(stream));
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(address)?;
    writeln!(io::stdout(), "ws://{}", listener.local_addr()?)?;
    serve(&listener)
}
