//! Reads over REST: the first page of a long room list, and pages of a long history. The floor
//! answers as many bytes without having read anything.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use super::{Outline, Suite};
use crate::clock::unix_seconds;
use crate::load::plan::{Names, RoomNames, Target};
use crate::machine::Meter;
use crate::preload::Wanted;
use crate::report::{Sample, Table};
use crate::rest::Rest;
use crate::spread::Latencies;
use crate::stage::{Contender, Stage};
use crate::token::Minter;

const PRELOAD_LIMIT: Duration = Duration::from_secs(300);
/// A session may make 50 requests a second and 200 at once: the readers take turns.
const READERS: u32 = 100;
/// Pages stop here, whatever the wanted number.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// What is read: a path for each page, and how much the floor answers to it.
struct Pages {
    count: u32,
    /// Rows that the answer must have at least; fewer is counted as lost.
    rows_each: usize,
    /// What a row's JSON begins with.
    row_mark: &'static str,
    floor_bytes: u32,
    path: Box<dyn Fn(u32) -> String>,
}

pub(super) fn roomlist(suite: &Suite) -> Table {
    let rooms: u32 = suite.size(5_000, 300);
    let pages = Pages {
        count: suite.size(2_000, 200),
        rows_each: 50,
        row_mark: r#""kind":"group""#,
        floor_bytes: 48 * 1_024,
        path: Box::new(|_| "/v1/rooms?limit=50".to_owned()),
    };
    let outline = Outline {
        name: "Room list".to_owned(),
        note: format!(
            "First page of 50 of {rooms} rooms, {} times one after the other, by {READERS} users \
             that are in all of them.",
            pages.count
        ),
        headline: "p95 ms",
        against: Contender::Floor,
    };
    measure(suite, outline, &pages, rooms, 0)
}

pub(super) fn history(suite: &Suite) -> Table {
    let messages: u32 = suite.size(100_000, 5_000);
    let pages = Pages {
        count: suite.size(10_000, 500),
        rows_each: 50,
        row_mark: r#""id":"p."#,
        floor_bytes: 20 * 1_024,
        path: Box::new(move |page| {
            // Walks the whole room in strides that meet every part of it.
            let before = 52 + page.wrapping_mul(7_919) % (messages - 51);
            format!("/v1/rooms/hr0/messages?before={before}&limit=50")
        }),
    };
    let outline = Outline {
        name: "History".to_owned(),
        note: format!(
            "Pages of 50 at {} places all over a room of {messages} messages.",
            pages.count
        ),
        headline: "CPU ms per page",
        against: Contender::Floor,
    };
    measure(suite, outline, &pages, 1, messages)
}

fn measure(suite: &Suite, outline: Outline, pages: &Pages, rooms: u32, messages: u32) -> Table {
    let prepare = |contender| {
        let names = Names { prefix: "h".to_owned(), rooms: RoomNames::Group };
        let stage = Stage::set(&suite.hall, contender, names)?;
        let cut_short = stage.with_store(PRELOAD_LIMIT, async |preload| {
            let wanted =
                (0..rooms).map(|room| Wanted::Group { room, members: (0..READERS).collect() });
            preload.rooms(wanted, true).await?;
            let stored = preload.messages(rooms, messages, |_| 0).await?;
            Ok(stored < u64::from(rooms * messages))
        })?;
        if cut_short {
            return Err(io::Error::other("filling the room took too long"));
        }
        Ok((stage, ()))
    };
    let contenders = suite.contenders(&[Contender::Floor]);
    suite.measure(outline, &contenders, prepare, |stage, ()| sample(stage, pages))
}

fn sample(stage: &Stage<'_>, pages: &Pages) -> io::Result<Sample> {
    let stand = stage.open()?;
    let tokens: Vec<String> = match stage.target(false) {
        Target::Floor => Vec::new(),
        Target::Snug(to) => {
            let minter = Minter::new(&to.app, &to.server_key, unix_seconds());
            let users = (0..READERS).map(|reader| to.names.user(reader));
            users.map(|user| minter.mint(&user)).collect()
        }
    };
    let mut reader = Reader {
        rest: Rest::connect(stand.address)?,
        tokens,
        floor_path: format!("/bytes/{}", pages.floor_bytes),
    };
    let mut sample = Sample::default();
    let cold = Instant::now();
    reader.read(pages, 0, &mut sample)?;
    let cold = cold.elapsed();
    // Every reader's session is opened before the clock runs.
    for page in 1..READERS {
        reader.read(pages, page, &mut sample)?;
    }
    let mut latencies = Latencies::default();
    let (mut bytes, mut done) = (0, 0);
    let meter = Meter::begin(stand.pid());
    let begun = Instant::now();
    while done < pages.count && begun.elapsed() < READ_LIMIT {
        let asked = Instant::now();
        bytes += reader.read(pages, done, &mut sample)?;
        let nanos = asked.elapsed().as_nanos();
        latencies.add_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        done += 1;
    }
    let used = meter.end();
    let each = f64::from(done);
    sample.figures = BTreeMap::from([
        ("p50 ms", latencies.quantile_ms(0.5)),
        ("p95 ms", latencies.quantile_ms(0.95)),
        ("first page ms", cold.as_secs_f64() * 1e3),
        ("CPU ms per page", used.server / each * 1e3),
        ("KB per page", bytes as f64 / each / 1e3),
    ]);
    if used.database > 0.0 {
        let cost = used.database / each * 1e3;
        sample.figures.insert("database CPU ms per page", cost);
    }
    sample.others = used.others;
    Ok(sample)
}

struct Reader {
    rest: Rest,
    /// None for a floor.
    tokens: Vec<String>,
    floor_path: String,
}

impl Reader {
    /// Reads one page and counts what is wrong with it. Returns its size in bytes.
    fn read(&mut self, pages: &Pages, page: u32, sample: &mut Sample) -> io::Result<usize> {
        if self.tokens.is_empty() {
            return Ok(self.rest.get(&self.floor_path, None)?.body.len());
        }
        let token = &self.tokens[page as usize % self.tokens.len()];
        let answer = self.rest.get(&(pages.path)(page), Some(token))?;
        if answer.status != 200 {
            sample.faults.refused += 1;
            let words = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]);
            *sample.complaints.entry(words.into_owned()).or_default() += 1;
            return Ok(answer.body.len());
        }
        let rows = memchr::memmem::find_iter(&answer.body, pages.row_mark).count();
        sample.faults.lost += pages.rows_each.saturating_sub(rows) as u64;
        Ok(answer.body.len())
    }
}
