//! The ways of driving the clients that are connected.

use std::io;
use std::time::Duration;

use super::fleet::{Fleet, Heard};
use super::plan::{Drive, Report};
use crate::clock::monotonic_nanos;
use crate::stamp::Stamp;
use crate::tally::Tally;

const MILLI: u64 = 1_000_000;
const TURN: Duration = Duration::from_millis(5);

/// Drives for the plan's time, waits for what is due, judges.
pub(super) fn run(fleet: &mut Fleet) -> io::Result<Report> {
    let mut driver = Driver::new(fleet);
    driver.start(fleet);
    let mut heard = Vec::new();
    while monotonic_nanos() < driver.ends_at {
        fleet.turn(driver.until_next(), &mut heard)?;
        driver.take(fleet, &mut heard);
        driver.pace(fleet);
    }
    driver.ended = true;
    let patience = monotonic_nanos() + fleet.plan.patience_ms * MILLI;
    while driver.is_due() && monotonic_nanos() < patience {
        fleet.turn(TURN, &mut heard)?;
        driver.take(fleet, &mut heard);
    }
    // What comes too often comes late: give it a moment to show itself.
    let moment = monotonic_nanos() + 200 * MILLI;
    while monotonic_nanos() < moment {
        fleet.turn(TURN, &mut heard)?;
        driver.take(fleet, &mut heard);
    }
    Ok(driver.finish(fleet))
}

struct Driver {
    drive: Drive,
    members: u32,
    senders: u16,
    first_room: u32,
    clients: u32,
    started_at: u64,
    ends_at: u64,
    ended: bool,
    tally: Tally,
    /// Messages sent, by room of this process and sender.
    sent: Vec<u32>,
    /// `Pace`: rooms come in turn, one every `step`.
    step: u64,
    next_at: u64,
    next_room: u32,
    rounds: u32,
    /// `Window`: whose turn it is to send.
    next_client: u32,
    last_heard_at: u64,
    expected: u64,
    report: Report,
}

impl Driver {
    fn new(fleet: &Fleet) -> Self {
        let plan = &fleet.plan;
        let (members, senders) = match plan.drive {
            Drive::Window { .. } => (1, 1),
            Drive::PingPong => (2, 2),
            Drive::Hold | Drive::Pace { .. } => (plan.members, plan.senders),
        };
        let rooms = plan.clients / members;
        let started_at = monotonic_nanos();
        let step = match plan.drive {
            Drive::Pace { period_ms } => period_ms * MILLI / u64::from(rooms.max(1)),
            Drive::Hold | Drive::PingPong | Drive::Window { .. } => 0,
        };
        Self {
            drive: plan.drive,
            members,
            senders,
            first_room: plan.first / members,
            clients: plan.clients,
            started_at,
            ends_at: started_at + plan.drive_ms * MILLI,
            ended: false,
            tally: Tally::new(plan.clients, members, senders),
            sent: vec![0; rooms as usize * usize::from(senders)],
            step,
            next_at: started_at,
            next_room: 0,
            rounds: 0,
            next_client: 0,
            last_heard_at: started_at,
            expected: 0,
            report: Report::default(),
        }
    }

    fn rooms(&self) -> u32 {
        self.clients / self.members
    }

    fn start(&mut self, fleet: &mut Fleet) {
        match self.drive {
            Drive::Hold | Drive::Pace { .. } => {}
            Drive::PingPong => (0..self.rooms()).for_each(|room| self.send(fleet, room, 0)),
            Drive::Window { outstanding, .. } => {
                (0..outstanding).for_each(|_| self.send_next(fleet));
            }
        }
    }

    fn until_next(&self) -> Duration {
        match self.drive {
            Drive::Pace { .. } => {
                let now = monotonic_nanos();
                Duration::from_nanos(self.next_at.saturating_sub(now)).min(TURN)
            }
            Drive::Hold | Drive::PingPong | Drive::Window { .. } => TURN,
        }
    }

    /// Sends what the clock asks for. A turn that came late sends everything it missed.
    fn pace(&mut self, fleet: &mut Fleet) {
        if !matches!(self.drive, Drive::Pace { .. }) {
            return;
        }
        let now = monotonic_nanos().min(self.ends_at);
        while self.next_at < now {
            let turn = self.rounds % u32::from(self.senders);
            self.send(fleet, self.next_room, u16::try_from(turn).unwrap_or(0));
            self.next_at += self.step;
            self.next_room += 1;
            if self.next_room == self.rooms() {
                self.next_room = 0;
                self.rounds += 1;
            }
        }
    }

    /// `Window`: the next client sends into its next room.
    fn send_next(&mut self, fleet: &mut Fleet) {
        let client = self.next_client;
        self.next_client = (client + 1) % self.clients;
        self.send(fleet, client, 0);
    }

    fn send(&mut self, fleet: &mut Fleet, room: u32, sender: u16) {
        let cell = room as usize * usize::from(self.senders) + usize::from(sender);
        let number = self.sent[cell] + 1;
        let stamp = Stamp { room: self.first_room + room, sender, number, at: monotonic_nanos() };
        let (client, into) = match self.drive {
            Drive::Window { rooms, .. } => (room, room * rooms + number % rooms),
            Drive::Hold | Drive::Pace { .. } | Drive::PingPong => {
                (room * self.members + u32::from(sender), room)
            }
        };
        if fleet.send(client, into, stamp) {
            self.sent[cell] = number;
            self.report.sent += 1;
            self.expected += u64::from(self.members);
        }
    }

    fn take(&mut self, fleet: &mut Fleet, heard: &mut Vec<Heard>) {
        if heard.is_empty() {
            return;
        }
        let now = monotonic_nanos();
        for heard in heard.drain(..) {
            match heard {
                Heard::Delivery { client, stamp, seq } => {
                    self.last_heard_at = now;
                    self.delivered(fleet, client, stamp, seq, now);
                }
                Heard::Answer { client, stamp } => {
                    self.last_heard_at = now;
                    self.report.answers += 1;
                    if matches!(self.drive, Drive::Window { .. }) {
                        self.delivered(fleet, client, stamp, None, now);
                    }
                }
                Heard::Refused => {
                    self.report.faults.refused += 1;
                    if matches!(self.drive, Drive::Window { .. }) && !self.ended {
                        self.send_next(fleet);
                    }
                }
                Heard::Gone => self.report.faults.disconnected += 1,
            }
        }
    }

    fn delivered(
        &mut self,
        fleet: &mut Fleet,
        client: u32,
        stamp: Stamp,
        seq: Option<u64>,
        now: u64,
    ) {
        self.report.deliveries += 1;
        self.report.latencies.add_nanos(now.saturating_sub(stamp.at));
        let room = stamp.room.wrapping_sub(self.first_room);
        self.tally.delivered(client, (room, stamp.sender, stamp.number), seq);
        if self.ended {
            return;
        }
        match self.drive {
            Drive::Hold | Drive::Pace { .. } => {}
            Drive::Window { .. } => self.send_next(fleet),
            Drive::PingPong => {
                let me = u16::try_from(client % 2).unwrap_or(0);
                if stamp.sender != me {
                    self.send(fleet, client / 2, me);
                }
            }
        }
    }

    /// Cheap while much is missing; exact when the counts agree.
    fn is_due(&self) -> bool {
        self.report.deliveries < self.expected || self.tally.due(&self.sent) > 0
    }

    fn finish(mut self, fleet: &mut Fleet) -> Report {
        self.report.faults.add(&self.tally.finish(&self.sent));
        self.report.seconds = (self.last_heard_at - self.started_at) as f64 / 1e9;
        self.report.complaints = std::mem::take(&mut fleet.complaints);
        self.report
    }
}
