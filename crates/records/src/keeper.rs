//! Takes in what isolates send, and keeps it within its bounds: days, chunks, and no names.

use tollgate_core::api::policy::named::stored;
use tollgate_core::calendar::TimeZone;
use tollgate_core::codec::Unreadable;
use tollgate_core::policy::Policy;
use tollgate_core::{Duration, Limit, Timestamp};
use tollgate_versions::Version;

use crate::busiest::Busiest;
use crate::channel::{is_new, Parcel};
use crate::chunk::Chunk;
use crate::message::{Answer, Call, Sent};
use crate::preview;
use crate::pseudonym::{pseudonym, Secret};

/// How many chunks are kept; the oldest are dropped first. Of 64 KB each where they can be sent
/// when they are full, so about 512 MB.
pub const MAX_CHUNKS: u64 = 8_192;
/// How many events a preview replays at most; older ones are left out. A second of processor time.
pub const MAX_EVENTS: u64 = 100_000;
/// How much dearer an event is for each step of the candidate's `stages` and `times`: its refusals
/// look ahead over them.
const STEP: u64 = 4;
/// How many bytes of chunks a preview reads at most: read, they are several times as many, of the
/// 128 MB that an object has. 100,000 events are half of that, with the states before them.
pub const MAX_BYTES: u64 = 12 << 20;
const DAY: u64 = 86_400;

/// A chunk to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When it is dropped.
    pub until: Timestamp,
    /// How many events it has.
    pub events: u64,
    /// Its text.
    pub text: String,
}

/// How much of what is kept a preview still has room for, from the newest chunk on.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    events: u64,
    bytes: u64,
    has_any: bool,
}

impl Room {
    /// The room for previews of a candidate.
    pub fn of(candidate: &Policy) -> Room {
        let schedules = candidate.limits().iter().filter_map(Limit::schedule);
        let steps = schedules.map(|it| it.stages().len() + it.times().len());
        Room {
            events: MAX_EVENTS / (1 + STEP * steps.sum::<usize>() as u64),
            bytes: MAX_BYTES,
            has_any: false,
        }
    }

    /// Takes the room of the next chunk, if there is any; the first has it in any case.
    pub fn has(&mut self, events: u64, bytes: u64) -> bool {
        let fits = events <= self.events && bytes <= self.bytes;
        self.events = self.events.saturating_sub(events);
        self.bytes = self.bytes.saturating_sub(bytes);
        let has = fits || !self.has_any;
        self.has_any = true;
        has
    }
}

/// Where it is kept.
pub trait Storage {
    /// Why it cannot be read or written.
    type Error;

    /// The newest sequence of an isolate, if any is remembered.
    fn newest(&self, isolate: u64) -> Result<Option<u64>, Self::Error>;

    /// Keeps a row and, in the same transaction, the sequence of its parcel. Drops the oldest rows
    /// beyond [`MAX_CHUNKS`].
    fn keep(
        &mut self,
        parcel: &Parcel,
        row: Option<&Row>,
        now: Timestamp,
    ) -> Result<(), Self::Error>;

    /// The newest chunks that are not over and for which there is [`Room`], the newest first, and
    /// whether there are older ones.
    fn chunks(&self, room: Room, now: Timestamp) -> Result<(Vec<String>, bool), Self::Error>;
}

/// What one object knows beside its storage.
#[derive(Debug)]
pub struct Keeper {
    secret: Secret,
    /// Whether names are kept as they are.
    names: bool,
    busiest: Busiest,
}

impl Keeper {
    /// `names`: whether subjects are kept by their names, and not by their pseudonyms.
    pub fn new(secret: Secret, names: bool) -> Keeper {
        Keeper {
            secret,
            names,
            busiest: Busiest::default(),
        }
    }

    /// The answer to a call, as text in `version`.
    pub fn answer<S: Storage>(
        &mut self,
        storage: &mut S,
        (version, call): (Version, &Call),
        now: Timestamp,
        zones: &dyn TimeZone,
    ) -> Result<String, S::Error> {
        let answer = match call {
            Call::Keep(parcel) => match self.keep(storage, parcel, now)? {
                Ok(()) => Answer::Kept(self.busiest.list(now).clone()),
                Err(damaged) => Answer::Refused(damaged.to_string()),
            },
            Call::Preview { name, candidate } => match stored(candidate) {
                Ok(candidate) => {
                    let kept = storage.chunks(Room::of(&candidate.policy), now)?;
                    match preview::of(kept, (name, &candidate), zones) {
                        Ok(json) => Answer::Preview(json),
                        Err(damaged) => Answer::Refused(damaged.to_string()),
                    }
                }
                Err(error) => Answer::Refused(error.to_string()),
            },
        };
        Ok(answer.encode_in(version))
    }

    /// Keeps a parcel; one that has come before changes nothing.
    fn keep<S: Storage>(
        &mut self,
        storage: &mut S,
        parcel: &Parcel,
        now: Timestamp,
    ) -> Result<Result<(), Unreadable>, S::Error> {
        if !is_new(storage.newest(parcel.isolate)?, parcel.sequence) {
            return Ok(Ok(()));
        }
        let read = Sent::decode(&parcel.content).and_then(|sent| {
            let row = self.row(&sent.chunk, now)?;
            Ok((sent, row))
        });
        let (sent, row) = match read {
            Ok(read) => read,
            Err(damaged) => return Ok(Err(damaged)),
        };
        storage.keep(parcel, row.as_ref(), now)?;
        self.busiest.adopt(&sent.list);
        for (policy, seen) in &sent.seen {
            self.busiest.add(policy, seen);
        }
        Ok(Ok(()))
    }

    /// The row of a chunk, with pseudonyms for its names; none of one that is empty.
    fn row(&self, text: &str, now: Timestamp) -> Result<Option<Row>, Unreadable> {
        if text.is_empty() {
            return Ok(None);
        }
        let mut chunk = Chunk::decode(text)?;
        if !self.names {
            for name in &mut chunk.subjects {
                *name = pseudonym(&self.secret, name);
            }
        }
        Ok(Some(Row {
            until: now.plus(Duration::from_secs(chunk.days * DAY)),
            events: chunk.events.len() as u64,
            text: chunk.encode(),
        }))
    }
}
