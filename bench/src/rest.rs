//! The least of an HTTP client: one kept-alive connection, one request after the other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::wire;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Rest {
    stream: TcpStream,
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Rest {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    pub(crate) fn get(&mut self, path: &str, token: Option<&str>) -> io::Result<Answer> {
        let bearer = token.map_or_else(String::new, |t| format!("Authorization: Bearer {t}\r\n"));
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{bearer}\r\n");
        self.stream.write_all(request.as_bytes())?;
        self.buffer.clear();
        let end = loop {
            if let Some(end) = wire::head_end(&self.buffer) {
                break end;
            }
            self.read_some()?;
        };
        let head = std::str::from_utf8(&self.buffer[..end]).map_err(|_| broken("head"))?;
        let status = head.split_whitespace().nth(1).and_then(|s| s.parse().ok());
        let length = wire::header(head, "content-length").and_then(|l| l.parse::<usize>().ok());
        let status = status.ok_or_else(|| broken("status"))?;
        let length = length.ok_or_else(|| broken("no content-length"))?;
        while self.buffer.len() < end + length {
            self.read_some()?;
        }
        Ok(Answer { status, body: self.buffer[end..end + length].to_vec() })
    }

    fn read_some(&mut self) -> io::Result<()> {
        let mut some = [0; 16 * 1_024];
        match self.stream.read(&mut some)? {
            0 => Err(broken("closed in the middle")),
            read => {
                self.buffer.extend_from_slice(&some[..read]);
                Ok(())
            }
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("a broken answer: {what}"))
}
