//! All clients of a generator process: connecting, and turning bytes into what was heard.
//! Which message is sent when is `drive`'s affair.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::plan::{Connected, Drive, Plan, RoomNames, Target};
use crate::clock::unix_seconds;
use crate::link::{Link, Poll, Ready, Scratch};
use crate::stamp::{Stamp, StampReader};
use crate::token::Minter;
use crate::wire::{self, Op};

/// Handshakes under way at once: below a listener's usual backlog.
const CONNECTING_MAX: u32 = 100;
const COMPLAINTS_MAX: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Upgrade,
    Hello,
    Opening,
    Ready,
}

#[derive(Debug)]
struct Client {
    link: Link,
    stage: Stage,
}

/// What a client heard after it was ready. `client` counts from 0 within the process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Heard {
    Delivery {
        client: u32,
        stamp: Stamp,
        seq: Option<u64>,
    },
    /// A send was answered; its message is in the answer.
    Answer {
        client: u32,
        stamp: Stamp,
    },
    Refused,
    Gone,
}

pub(super) struct Fleet {
    pub(super) plan: Plan,
    poll: Poll,
    ready: Vec<Ready>,
    scratch: Scratch,
    clients: Vec<Option<Client>>,
    reader: StampReader,
    minter: Option<Minter>,
    rooms: Vec<String>,
    frame: Vec<u8>,
    body: Vec<u8>,
    waiting: u32,
    pub(super) complaints: BTreeMap<String, u64>,
}

impl Fleet {
    /// Connects every client, and returns when all are ready.
    pub(super) fn connect(plan: Plan) -> io::Result<(Self, Connected)> {
        let started = Instant::now();
        let mut fleet = Self::new(plan)?;
        let patience = Duration::from_millis(fleet.plan.patience_ms);
        let mut heard = Vec::new();
        while (fleet.clients.len() as u32) < fleet.plan.clients || fleet.waiting > 0 {
            while fleet.waiting < CONNECTING_MAX
                && (fleet.clients.len() as u32) < fleet.plan.clients
            {
                fleet.connect_next()?;
            }
            fleet.turn(Duration::from_millis(10), &mut heard)?;
            if heard.iter().any(|h| matches!(h, Heard::Gone)) {
                return Err(fleet.failure("a client was turned away while connecting"));
            }
            heard.clear();
            if started.elapsed() > patience {
                return Err(fleet.failure("connecting took too long"));
            }
        }
        let connected =
            Connected { connected: fleet.plan.clients, seconds: started.elapsed().as_secs_f64() };
        Ok((fleet, connected))
    }

    fn new(plan: Plan) -> io::Result<Self> {
        let rooms_each = match plan.drive {
            Drive::Window { rooms, .. } => rooms,
            Drive::Hold | Drive::Pace { .. } | Drive::PingPong => 1,
        };
        let (mut minter, mut rooms) = (None, Vec::new());
        if let Target::Snug(to) = &plan.target {
            minter = Some(Minter::new(&to.app, &to.server_key, unix_seconds()));
            let divisor = match to.names.rooms {
                RoomNames::Direct => 2,
                RoomNames::Group => plan.members,
            };
            let first = plan.first / divisor * rooms_each;
            let count = (plan.clients / divisor * rooms_each).max(1);
            rooms = (first..first + count).map(|room| to.names.room(&to.app, room)).collect();
        }
        Ok(Self {
            clients: Vec::with_capacity(plan.clients as usize),
            plan,
            poll: Poll::new()?,
            ready: Vec::new(),
            scratch: Scratch::default(),
            reader: StampReader::new(),
            minter,
            rooms,
            frame: Vec::new(),
            body: Vec::new(),
            waiting: 0,
            complaints: BTreeMap::new(),
        })
    }

    fn failure(&self, what: &str) -> io::Error {
        let (begun, wanted) = (self.clients.len(), self.plan.clients);
        let here = self.clients.iter().flatten();
        let ready = here.filter(|client| client.stage == Stage::Ready).count();
        let mut text = format!("{what}: {ready} of {wanted} connected, {begun} begun");
        for (said, times) in &self.complaints {
            text.push_str(&format!("; said {times} times: {said}"));
        }
        io::Error::new(ErrorKind::TimedOut, text)
    }

    fn connect_next(&mut self) -> io::Result<()> {
        let index = self.clients.len() as u32;
        let number = self.plan.first + index;
        let (path, token) = match &self.plan.target {
            Target::Floor => (format!("/r/{}", number / self.plan.members), None),
            Target::Snug(to) => {
                let user = to.names.user(number);
                let token = self.minter.as_ref().map(|minter| minter.mint(&user));
                ("/v1/socket".to_owned(), token)
            }
        };
        let stream = TcpStream::connect(self.plan.address)?;
        self.poll.add(&stream, u64::from(index))?;
        let mut link = Link::new(stream)?;
        // A fresh socket takes a kilobyte.
        link.send(wire::upgrade_request(&path, token.as_deref()).as_bytes())?;
        self.clients.push(Some(Client { link, stage: Stage::Upgrade }));
        self.waiting += 1;
        Ok(())
    }

    /// Waits for readiness at most so long, and puts what was heard behind `heard`.
    pub(super) fn turn(&mut self, timeout: Duration, heard: &mut Vec<Heard>) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.poll.wait(Some(timeout), &mut ready)?;
        for event in &ready {
            let client = u32::try_from(event.token).unwrap_or(u32::MAX);
            if self.turn_client(client, *event, heard).is_none() {
                self.drop_client(client, heard);
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn drop_client(&mut self, client: u32, heard: &mut Vec<Heard>) {
        if let Some(Some(gone)) = self.clients.get_mut(client as usize).map(Option::take) {
            self.waiting -= u32::from(gone.stage != Stage::Ready);
            heard.push(Heard::Gone);
        }
    }

    /// `None`: the connection is over.
    fn turn_client(&mut self, client: u32, event: Ready, heard: &mut Vec<Heard>) -> Option<()> {
        let index = client as usize;
        let Some(Some(mut this)) = self.clients.get_mut(index).map(Option::take) else {
            return Some(());
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut alive = Some(());
        if event.writable && this.link.flush().is_ok_and(|done| done) {
            drop(self.poll.watch_writes(this.link.stream(), event.token, false));
        }
        if event.readable {
            alive = self.read(client, &mut this, &mut scratch, heard);
        }
        self.scratch = scratch;
        self.clients[index] = Some(this);
        alive
    }

    fn read(
        &mut self,
        client: u32,
        this: &mut Client,
        scratch: &mut Scratch,
        heard: &mut Vec<Heard>,
    ) -> Option<()> {
        let bytes = this.link.read(scratch)?;
        let mut at = 0;
        if this.stage == Stage::Upgrade {
            let Some(end) = wire::head_end(bytes) else {
                this.link.keep(bytes);
                return Some(());
            };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                self.complain(bytes);
                return None;
            }
            at = end;
            this.stage = Stage::Hello;
            if matches!(self.plan.target, Target::Floor) {
                self.is_ready(this);
            }
        }
        while let Some(found) = wire::find(&bytes[at..]).ok()? {
            let payload = &bytes[at + found.payload.start..at + found.payload.end];
            at += found.payload.end;
            match found.op {
                Op::Text => self.hear(client, this, payload, heard),
                Op::Ping => {
                    self.frame.clear();
                    wire::put(&mut self.frame, Op::Pong, true, payload);
                    this.link.send(&self.frame).ok()?;
                }
                Op::Close => {
                    let code = payload.first_chunk::<2>().map(|c| u16::from_be_bytes(*c));
                    self.complain(format!("closed: {code:?}").as_bytes());
                    return None;
                }
                Op::Pong | Op::Other => {}
            }
        }
        this.link.keep(&bytes[at..]);
        Some(())
    }

    fn hear(&mut self, client: u32, this: &mut Client, payload: &[u8], heard: &mut Vec<Heard>) {
        match Kind::of(payload, &self.plan.target) {
            Kind::Delivery => {
                if let Some(stamp) = self.reader.read(payload) {
                    let seq = self.reader.seq(payload);
                    heard.push(Heard::Delivery { client, stamp, seq });
                }
            }
            Kind::Answer if this.stage == Stage::Opening => self.is_ready(this),
            Kind::Answer => {
                if let Some(stamp) = self.reader.read(payload) {
                    heard.push(Heard::Answer { client, stamp });
                }
            }
            Kind::Hello => self.greeted(client, this),
            Kind::Refusal => {
                self.complain(payload);
                heard.push(Heard::Refused);
            }
            Kind::Error => self.complain(payload),
            Kind::Other => {}
        }
    }

    fn greeted(&mut self, client: u32, this: &mut Client) {
        let Target::Snug(to) = &self.plan.target else {
            return;
        };
        if !to.open_rooms {
            return self.is_ready(this);
        }
        this.stage = Stage::Opening;
        let room = &self.rooms[(client / self.plan.members) as usize];
        let request = serde_json::json!({
            "id": "open", "op": "room.open", "data": {"room": room, "limit": 1},
        });
        self.frame.clear();
        wire::put(&mut self.frame, Op::Text, true, request.to_string().as_bytes());
        // A fresh socket takes a small frame; one that is gone shows itself to the next read.
        drop(this.link.send(&self.frame));
    }

    fn is_ready(&mut self, this: &mut Client) {
        this.stage = Stage::Ready;
        self.waiting -= 1;
    }

    fn complain(&mut self, words: &[u8]) {
        let words = String::from_utf8_lossy(&words[..words.len().min(300)]).into_owned();
        if self.complaints.len() < COMPLAINTS_MAX || self.complaints.contains_key(&words) {
            *self.complaints.entry(words).or_default() += 1;
        }
    }

    /// Sends a message of `client`, stamped, into the process's room number `room`.
    /// `false`: the client is gone.
    pub(super) fn send(&mut self, client: u32, room: u32, stamp: Stamp) -> bool {
        let Some(Some(this)) = self.clients.get_mut(client as usize) else {
            return false;
        };
        self.body.clear();
        match &self.plan.target {
            Target::Floor => stamp.put(&mut self.body),
            Target::Snug(to) => {
                let (run, room_id) = (&to.run, &self.rooms[room as usize]);
                let (sender, number) = (stamp.sender, stamp.number);
                let front = write!(
                    self.body,
                    "{{\"id\":{number},\"op\":\"message.send\",\"data\":{{\"room\":\"{room_id}\",\
                     \"id\":\"{run}.{:x}.{sender:x}.{number:x}\",\"text\":\"",
                    stamp.room
                );
                debug_assert!(front.is_ok(), "a Vec takes everything");
                stamp.put(&mut self.body);
                self.body.extend_from_slice(b"\"}}");
            }
        }
        self.frame.clear();
        wire::put(&mut self.frame, Op::Text, true, &self.body);
        match this.link.send(&self.frame) {
            Ok(false) => true,
            Ok(true) => {
                let token = u64::from(client);
                drop(self.poll.watch_writes(this.link.stream(), token, true));
                true
            }
            Err(_) => false,
        }
    }
}

/// What a frame is, by its first bytes: a whole parse would cost more than the server's work.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Hello,
    Delivery,
    Answer,
    Refusal,
    Error,
    Other,
}

impl Kind {
    fn of(payload: &[u8], target: &Target) -> Self {
        const FRONT_BYTES: usize = 64;
        if matches!(target, Target::Floor) {
            return Self::Delivery;
        }
        let front = &payload[..payload.len().min(FRONT_BYTES)];
        let has = |text: &str| memmem::find(front, text.as_bytes()).is_some();
        if has(r#""event":"message.new""#) {
            Self::Delivery
        } else if has(r#""ok":true"#) {
            Self::Answer
        } else if has(r#""ok":false"#) {
            Self::Refusal
        } else if has(r#""event":"hello""#) {
            Self::Hello
        } else if has(r#""event":"error""#) {
            Self::Error
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_get_in_is_counted() {
        // Takes the connections and says nothing.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let plan = Plan {
            address: listener.local_addr().unwrap(),
            target: Target::Floor,
            first: 0,
            clients: 3,
            members: 3,
            senders: 1,
            drive: Drive::Hold,
            drive_ms: 0,
            patience_ms: 20,
        };
        let failed = Fleet::connect(plan).map(|_| ()).unwrap_err();
        assert_eq!(failed.to_string(), "connecting took too long: 0 of 3 connected, 3 begun");
    }
}
