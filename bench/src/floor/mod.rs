//! The floor: the least a server can do for a delivery on this machine. One thread, one epoll
//! set; a frame that arrives is wrapped once and written once to every member of its room. With
//! a log, everything that arrived in one turn is made durable by one fdatasync before it is
//! delivered. No accounts, no rules, no reads: whoever connects to `/r/7` is in room 7.

mod bend;
mod log;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;

use bend::{Bend, Bender};
use log::Log;

use crate::link::{Link, Poll, Ready, Scratch};
use crate::wire::{self, Op};

const LISTENER: u64 = u64::MAX;

#[derive(Debug, clap::Args)]
pub(crate) struct FloorArgs {
    /// Port on 127.0.0.1; 0 takes a free one. The first line of output says which.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Makes every message durable in this file before it is delivered.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Puts in one fault, for the generator's self-test.
    #[arg(long)]
    bend: Option<Bend>,
}

/// Serves until standard input ends.
pub(crate) fn run(args: &FloorArgs) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))?;
    let port = listener.local_addr()?.port();
    let log = args.log.as_deref().map(Log::create).transpose()?;
    crate::out::line(&format!("{{\"port\":{port}}}"))?;
    crate::child::exit_with_parent();
    let mut floor = Floor::new(listener, log)?;
    floor.bender = args.bend.map(Bender::new);
    floor.serve()
}

#[derive(Debug)]
struct Conn {
    link: Link,
    /// `None` until the handshake is done.
    room: Option<u32>,
}

/// A frame that arrived in this turn: where it lies in `Floor::turn`, and whose it is.
#[derive(Debug)]
struct Arrived {
    room: u32,
    frame: Range<usize>,
}

struct Floor {
    listener: TcpListener,
    log: Option<Log>,
    poll: Poll,
    scratch: Scratch,
    conns: Vec<Option<Conn>>,
    free: Vec<usize>,
    rooms: Vec<Vec<u32>>,
    turn: Vec<u8>,
    arrived: Vec<Arrived>,
    bender: Option<Bender>,
}

impl Floor {
    fn new(listener: TcpListener, log: Option<Log>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let poll = Poll::new()?;
        poll.add(&listener, LISTENER)?;
        Ok(Self {
            listener,
            log,
            poll,
            scratch: Scratch::default(),
            conns: Vec::new(),
            free: Vec::new(),
            rooms: Vec::new(),
            turn: Vec::new(),
            arrived: Vec::new(),
            bender: None,
        })
    }

    fn serve(mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        loop {
            self.poll.wait(None, &mut ready)?;
            for event in &ready {
                if event.token == LISTENER {
                    self.accept()?;
                } else {
                    self.turn_conn(*event);
                }
            }
            if let Some(log) = &mut self.log
                && !self.turn.is_empty()
            {
                log.append(&self.turn)?;
            }
            self.deliver();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            let slot = self.free.pop().unwrap_or(self.conns.len());
            self.poll.add(&stream, slot as u64)?;
            let conn = Some(Conn { link: Link::new(stream)?, room: None });
            if slot == self.conns.len() {
                self.conns.push(conn);
            } else {
                self.conns[slot] = conn;
            }
        }
        Ok(())
    }

    fn turn_conn(&mut self, event: Ready) {
        let slot = usize::try_from(event.token).unwrap_or(usize::MAX);
        let Some(Some(conn)) = self.conns.get_mut(slot) else {
            return;
        };
        if event.writable {
            match conn.link.flush() {
                Ok(true) => {
                    drop(self.poll.watch_writes(conn.link.stream(), event.token, false));
                }
                Ok(false) => {}
                Err(_) => return self.remove(slot),
            }
        }
        if event.readable && self.read(slot).is_none() {
            self.remove(slot);
        }
    }

    /// `None`: the connection is over.
    fn read(&mut self, slot: usize) -> Option<()> {
        let conn = self.conns[slot].as_mut()?;
        let bytes = conn.link.read(&mut self.scratch)?;
        let mut at = 0;
        let room = match conn.room {
            Some(room) => room,
            None => {
                let Some(end) = wire::head_end(bytes) else {
                    let rest = bytes.to_vec();
                    conn.link.keep(&rest);
                    return Some(());
                };
                let head = std::str::from_utf8(&bytes[..end]).ok()?;
                let Request::Join { room, answer } = Request::read(head)? else {
                    return answer_page(conn, head);
                };
                conn.link.send(answer.as_bytes()).ok()?;
                conn.room = Some(room);
                let members = room as usize + 1;
                if self.rooms.len() < members {
                    self.rooms.resize(members, Vec::new());
                }
                self.rooms[room as usize].push(u32::try_from(slot).ok()?);
                at = end;
                room
            }
        };
        while let Some(found) = wire::find(&bytes[at..]).ok()? {
            let payload = at + found.payload.start..at + found.payload.end;
            at = payload.end;
            let payload = &mut bytes[payload];
            wire::unmask(payload, found.mask);
            match found.op {
                Op::Text => {
                    let start = self.turn.len();
                    wire::put(&mut self.turn, Op::Text, false, payload);
                    let frame = start..self.turn.len();
                    self.arrived.push(Arrived { room, frame });
                }
                Op::Close => return None,
                Op::Ping | Op::Pong | Op::Other => {}
            }
        }
        conn.link.keep(&bytes[at..]);
        Some(())
    }

    fn deliver(&mut self) {
        let mut gone = Vec::new();
        for Arrived { room, frame } in self.arrived.drain(..) {
            for member in &self.rooms[room as usize] {
                let slot = *member as usize;
                let Some(conn) = self.conns[slot].as_mut() else {
                    continue;
                };
                let frame = &self.turn[frame.clone()];
                let sent = match &mut self.bender {
                    None => conn.link.send(frame),
                    Some(bender) => conn.link.send(&bender.bent(slot, frame)),
                };
                match sent {
                    Ok(false) => {}
                    Ok(true) => {
                        let token = u64::from(*member);
                        drop(self.poll.watch_writes(conn.link.stream(), token, true));
                    }
                    Err(_) => gone.push(slot),
                }
            }
        }
        self.turn.clear();
        gone.into_iter().for_each(|slot| self.remove(slot));
    }

    fn remove(&mut self, slot: usize) {
        let Some(conn) = self.conns[slot].take() else {
            return;
        };
        self.free.push(slot);
        if let Some(room) = conn.room {
            self.rooms[room as usize].retain(|member| *member as usize != slot);
        }
    }
}

enum Request {
    Join { room: u32, answer: String },
    Page,
}

impl Request {
    fn read(head: &str) -> Option<Self> {
        let path = path_of(head)?;
        let Some(room) = path.strip_prefix("/r/") else {
            return Some(Self::Page);
        };
        let key = wire::header(head, "sec-websocket-key")?;
        Some(Self::Join { room: room.parse().ok()?, answer: wire::upgrade_answer(key) })
    }
}

fn path_of(head: &str) -> Option<&str> {
    head.strip_prefix("GET ")?.split_whitespace().next()
}

/// `GET /bytes/<n>`: the floor of a REST answer of n bytes.
fn answer_page(conn: &mut Conn, head: &str) -> Option<()> {
    const LARGEST: usize = 1_024 * 1_024;
    let length: usize = path_of(head)?.strip_prefix("/bytes/")?.parse().ok()?;
    let length = length.min(LARGEST);
    let body = "x".repeat(length);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    conn.link.send(answer.as_bytes()).ok()?;
    conn.link.keep(&[]);
    Some(())
}
