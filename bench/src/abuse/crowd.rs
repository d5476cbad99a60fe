//! The connections of a misbehaving process: opened at a bounded rate, fed, and opened again.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Kind, Plan, Report};
use crate::clock::{monotonic_nanos, unix_seconds};
use crate::link::{Link, Poll, Ready, Scratch};
use crate::token::Minter;
use crate::wire::{self, Op};

const TURN: Duration = Duration::from_millis(1);
/// Connections begun in one turn: an attack, and yet one that the machine can carry out.
const CONNECTS_PER_TURN: usize = 4;
/// How often one that sends sends, but for floods: below the rate of a connection.
const SEND_EVERY_NANOS: u64 = 25_000_000;
/// Frames that a flooding connection sends in a turn.
const FLOOD: usize = 20;
/// More than a server takes; `FRAME_BYTES_MAX` of it is 64 KiB.
const OVERSIZE: usize = 100 * 1_024;

struct One {
    link: Link,
    upgraded: bool,
    next_at: u64,
    sent: usize,
}

pub(super) struct Crowd {
    plan: Plan,
    poll: Poll,
    ready: Vec<Ready>,
    scratch: Scratch,
    minted: Vec<String>,
    frames: Vec<Vec<u8>>,
    all: Vec<Option<One>>,
    /// Places of `all` that are free.
    free: Vec<usize>,
    open: usize,
    report: Report,
    /// The report as it was when all had gathered, and when that was.
    gathered: (Instant, Report),
}

impl Crowd {
    pub(super) fn new(plan: Plan) -> io::Result<Self> {
        let minter = Minter::new(&plan.to.app, &plan.to.server_key, unix_seconds());
        let minted = match plan.kind {
            Kind::Idle => Vec::new(),
            // Those of the pairs: who is deaf asks for a room that it is a member of.
            Kind::Deaf => (0..plan.connections as u32)
                .map(|n| minter.mint_on(&plan.to.names.user(n), "deaf"))
                .collect(),
            _ => (0..plan.connections).map(|n| minter.mint(&format!("bad{n}"))).collect(),
        };
        let room = |number: usize| plan.to.names.room(&plan.to.app, number as u32);
        let frames = match plan.kind {
            Kind::Idle => Vec::new(),
            Kind::Half => vec![text(r#"{"id":1,"op":"ping"}"#)[..9].to_vec()],
            Kind::Wrong => wrong(&room(0)),
            Kind::Oversize => vec![text(&"x".repeat(OVERSIZE))],
            Kind::Flood => vec![text(r#"{"id":1,"op":"ping"}"#)],
            Kind::Deaf => {
                let ask = |number| {
                    let room = room(number / 2);
                    text(&format!(
                        r#"{{"id":1,"op":"history","data":{{"room":"{room}","limit":100}}}}"#
                    ))
                };
                (0..plan.connections).map(ask).collect()
            }
        };
        let free = (0..plan.connections).rev().collect();
        let all = (0..plan.connections).map(|_| None).collect();
        Ok(Self {
            plan,
            poll: Poll::new()?,
            ready: Vec::new(),
            scratch: Scratch::default(),
            minted,
            frames,
            all,
            free,
            open: 0,
            report: Report::default(),
            gathered: (Instant::now(), Report::default()),
        })
    }

    /// Until all are open at once, or, of kinds that are closed soon, all have been.
    pub(super) fn gather(&mut self) -> io::Result<usize> {
        let patience = Instant::now() + Duration::from_millis(self.plan.patience_ms);
        let wanted = self.plan.connections;
        let mut most = 0;
        loop {
            self.turn()?;
            most = most.max(self.open);
            let stays = matches!(self.plan.kind, Kind::Idle | Kind::Half | Kind::Deaf);
            let opened = usize::try_from(self.report.connects).unwrap_or(usize::MAX);
            // Of those without a token the first go while the last come.
            let there = if stays { self.open * 20 >= wanted * 19 } else { opened >= wanted };
            // And they come and go from then on: at the worst while half of those who came
            // together have come anew.
            let ended = self.report.closed.values().sum::<u64>();
            let ended = usize::try_from(ended).unwrap_or(usize::MAX);
            let goes_on = self.plan.kind != Kind::Idle || ended * 2 >= wanted;
            if there && goes_on {
                self.report.open_least = self.open;
                self.gathered = (Instant::now(), self.report.clone());
                return Ok(self.open);
            }
            if Instant::now() > patience {
                let text = format!("{:?}: only {most} of {wanted} were open", self.plan.kind);
                return Err(io::Error::new(ErrorKind::TimedOut, text));
            }
        }
    }

    pub(super) fn report(mut self) -> Report {
        let (since, before) = self.gathered;
        let rate = |now: u64, then: u64| (now - then) as f64 / since.elapsed().as_secs_f64();
        self.report.connects_per_second = rate(self.report.connects, before.connects);
        self.report.frames_per_second = rate(self.report.frames, before.frames);
        self.report
    }

    pub(super) fn turn(&mut self) -> io::Result<()> {
        for _ in 0..CONNECTS_PER_TURN {
            let Some(place) = self.free.pop() else { break };
            self.connect(place)?;
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.poll.wait(Some(TURN), &mut ready)?;
        for event in &ready {
            let place = usize::try_from(event.token).unwrap_or(usize::MAX);
            if let Some(Some(mut one)) = self.all.get_mut(place).map(Option::take) {
                match self.serve(place, &mut one, *event) {
                    Ok(()) => self.all[place] = Some(one),
                    Err(code) => self.closed(place, &one, code),
                }
            }
        }
        self.ready = ready;
        if !matches!(self.plan.kind, Kind::Idle) {
            (0..self.all.len()).for_each(|place| self.misbehave(place));
        }
        self.report.open_least = self.report.open_least.min(self.open);
        Ok(())
    }

    fn connect(&mut self, place: usize) -> io::Result<()> {
        let stream = TcpStream::connect(self.plan.address)?;
        self.poll.add(&stream, place as u64)?;
        let mut link = Link::new(stream)?;
        let token = self.minted.get(place).map(String::as_str);
        link.send(wire::upgrade_request("/v1/socket", token).as_bytes())?;
        self.all[place] = Some(One { link, upgraded: false, next_at: 0, sent: 0 });
        self.report.connects += 1;
        Ok(())
    }

    fn closed(&mut self, place: usize, one: &One, code: u16) {
        self.open -= usize::from(one.upgraded);
        *self.report.closed.entry(code).or_default() += 1;
        self.free.insert(0, place);
    }

    /// `Err` with the close code, or 0: the connection is over.
    fn serve(&mut self, place: usize, one: &mut One, event: Ready) -> Result<(), u16> {
        if event.writable && one.link.flush().map_err(|_| 0_u16)? {
            self.watch(place, one, false);
        }
        if !event.readable {
            return Ok(());
        }
        if one.upgraded && self.plan.kind == Kind::Deaf {
            return Err(0); // Nothing but an end is watched for.
        }
        let bytes = one.link.read(&mut self.scratch).ok_or(0_u16)?;
        let mut at = 0;
        if !one.upgraded {
            let Some(end) = wire::head_end(bytes) else {
                one.link.keep(bytes);
                return Ok(());
            };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                return Err(1);
            }
            at = end;
            one.upgraded = true;
            self.open += 1;
            if self.plan.kind == Kind::Deaf {
                self.watch(place, one, false);
                return Ok(());
            }
        }
        while let Ok(Some(found)) = wire::find(&bytes[at..]) {
            let payload = &bytes[at + found.payload.start..at + found.payload.end];
            if found.op == Op::Close {
                return Err(payload.first_chunk().map_or(0, |two| u16::from_be_bytes(*two)));
            }
            at += found.payload.end;
        }
        one.link.keep(&bytes[at..]);
        Ok(())
    }

    fn misbehave(&mut self, place: usize) {
        let now = monotonic_nanos();
        let Some(Some(one)) = self.all.get_mut(place) else { return };
        if !one.upgraded || now < one.next_at || (self.plan.kind == Kind::Half && one.sent > 0) {
            return;
        }
        let frames = if self.plan.kind == Kind::Flood { FLOOD } else { 1 };
        let mut stuck = false;
        for _ in 0..frames {
            let which = if self.plan.kind == Kind::Deaf { place } else { one.sent };
            let frame = &self.frames[which % self.frames.len()];
            // One that is gone shows itself to the next read.
            stuck |= matches!(one.link.send(frame), Ok(true));
            one.sent += 1;
            self.report.frames += 1;
        }
        one.next_at = if self.plan.kind == Kind::Flood { now } else { now + SEND_EVERY_NANOS };
        if stuck && let Some(Some(one)) = self.all.get(place) {
            self.watch(place, one, true);
        }
    }

    /// Who is deaf would otherwise be woken without end by what it does not read, and keep a core
    /// busy that is no part of what it does to the server.
    fn watch(&self, place: usize, one: &One, writes: bool) {
        let (stream, token) = (one.link.stream(), place as u64);
        // One that is gone shows itself to the next read.
        drop(if one.upgraded && self.plan.kind == Kind::Deaf {
            self.poll.watch_only_writes(stream, token, writes)
        } else {
            self.poll.watch_writes(stream, token, writes)
        });
    }
}

fn text(payload: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    wire::put(&mut frame, Op::Text, true, payload.as_bytes());
    frame
}

/// Each is told its documented error; of those that name no request, twenty are told.
fn wrong(foreign_room: &str) -> Vec<Vec<u8>> {
    let deep = "[".repeat(200);
    let mut all: Vec<_> = [
        r#"{"#,
        r#"[1,2]"#,
        r#"{"id":1,"op":"fly","data":{}}"#,
        r#"{"id":1,"op":"message.send","data":{"room":["x"],"text":"x"}}"#,
        r#"{"id":1,"op":"message.send","data":{"room":"nowhere","text":"x"}}"#,
        r#"{"id":1,"op":"read","data":{"room":"nowhere","seq":-1}}"#,
    ]
    .map(text)
    .into();
    all.push(text(&deep));
    all.push(text(&format!(
        r#"{{"id":1,"op":"message.send","data":{{"room":"{foreign_room}","text":"x"}}}}"#
    )));
    // Binary, masked with zeros.
    all.push(vec![0x82, 0x84, 0, 0, 0, 0, 0xff, 0x00, 0xc3, 0x28]);
    all
}
