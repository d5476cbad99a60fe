//! Two members who keep chatting while others misbehave: every message is acknowledged, heard
//! by both in order and without a gap, on connections that stay.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::harness::{Socket, TestApp, within};

/// A chatting pair in the background.
pub(super) struct Pair {
    loud: Arc<AtomicBool>,
    ending: Arc<AtomicBool>,
    said: watch::Receiver<u64>,
    chat: JoinSet<Latencies>,
}

#[derive(Default)]
struct Latencies {
    quiet: Vec<Duration>,
    loud: Vec<Duration>,
}

/// How many messages make the quiet measure.
const QUIET: u64 = 20;

impl Pair {
    /// Starts the chat; returns when it has gone on for a while in quiet.
    pub(super) async fn start(app: &TestApp) -> Self {
        let ((_, mut anna), (_, mut bert)) = (app.enter("anna").await, app.enter("bert").await);
        let room = app.group(&["anna", "bert"]).await;
        for socket in [&mut anna, &mut bert] {
            socket.request("room.open", json!({"room": room})).await;
        }
        let (loud, ending) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (say, said) = watch::channel(0);
        let mut chat = JoinSet::new();
        chat.spawn(Chat { room, anna, bert, said: say }.run(loud.clone(), ending.clone()));
        let mut pair = Self { loud, ending, said, chat };
        pair.go_on(QUIET).await;
        pair
    }

    /// From here on somebody misbehaves.
    pub(super) fn loud(&mut self) {
        self.loud.store(true, Ordering::SeqCst);
    }

    /// Waits until the pair has exchanged so many messages more.
    pub(super) async fn go_on(&mut self, messages: u64) {
        let until = *self.said.borrow() + messages;
        let said = within("the pair's chat", self.said.wait_for(|said| *said >= until)).await;
        assert!(said.is_ok(), "the pair's chat broke off");
    }

    /// Ends the chat; what it says of gaps, order and disconnects fails the test here.
    #[expect(clippy::print_stdout, reason = "latencies are told, not asserted: machines differ")]
    pub(super) async fn end(mut self) {
        self.go_on(5).await;
        self.ending.store(true, Ordering::SeqCst);
        let chat = within("the pair's end", self.chat.join_next()).await;
        let Latencies { quiet, loud } = chat.expect("one chat").expect("it went well");
        let (before, during) = (worst(&quiet), worst(&loud));
        let ratio = during.as_secs_f64() / before.as_secs_f64();
        let (a, b) = (quiet.len(), loud.len());
        println!("p99 {before:?} in quiet ({a}), {during:?} under bad input ({b}): x{ratio:.2}");
    }
}

fn worst(latencies: &[Duration]) -> Duration {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
    *sorted.get(at).expect("somebody chatted")
}

struct Chat {
    room: String,
    anna: Socket,
    bert: Socket,
    said: watch::Sender<u64>,
}

impl Chat {
    async fn run(mut self, loud: Arc<AtomicBool>, ending: Arc<AtomicBool>) -> Latencies {
        let mut latencies = Latencies::default();
        // The pair keeps to the rate that every connection has to keep to.
        let mut pace = tokio::time::interval(Duration::from_millis(25));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for seq in 1_u64.. {
            pace.tick().await;
            let misbehaved = loud.load(Ordering::SeqCst);
            let took = self.exchange(seq).await;
            let kind = if misbehaved { &mut latencies.loud } else { &mut latencies.quiet };
            kind.push(took);
            self.said.send_replace(seq);
            if ending.load(Ordering::SeqCst) {
                break;
            }
        }
        latencies
    }

    /// One message, until the other has it.
    async fn exchange(&mut self, seq: u64) -> Duration {
        let (from, to) = if seq.is_multiple_of(2) {
            (&mut self.anna, &mut self.bert)
        } else {
            (&mut self.bert, &mut self.anna)
        };
        let began = Instant::now();
        let send = json!({"room": self.room, "id": format!("m{seq}"), "text": "hi"});
        let sent = from.request("message.send", send).await;
        let heard = to.event("message.new").await;
        let took = began.elapsed();
        assert_eq!(sent["message"]["seq"], seq, "acknowledged without a gap");
        assert_eq!(heard["message"], sent["message"], "heard without a gap");
        assert_eq!(from.event("message.new").await["message"], sent["message"]);
        took
    }
}
