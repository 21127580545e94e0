//! What the tests share: an object's calls as isolates have them, and a storage in memory.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;

use tollgate_core::algorithm::state::Moment;
use tollgate_core::api::policy::named::parse;
use tollgate_core::api::policy::record::Record;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::decide::Check;
use tollgate_core::limit::{Name, Window};
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::{Policy, Version};
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};
use tollgate_records::channel::Parcel;
use tollgate_records::keeper::{Keeper, Room, Row, Storage, MAX_CHUNKS};
use tollgate_records::message::{self, RECORD_MESSAGES};
use tollgate_records::recorder::Recorder;

pub(crate) const START: u64 = 1_798_848_000_000;

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

pub(crate) fn record(share: u32) -> Record {
    let share = f64::from(share) / 1_000_000.0;
    let body = format!(r#"{{"limit":1,"window":"1m","record":{{"share":{share},"days":2}}}}"#);
    parse(&body).unwrap().record.unwrap()
}

pub(crate) fn name(name: &str) -> Name {
    Name::new("name", name).unwrap()
}

pub(crate) fn policy(of: &str) -> Policy {
    let minute = Window::new(3, Duration::from_secs(60)).unwrap();
    let limit = Limit::new(None, Algorithm::FixedWindow(minute));
    let version = Version {
        generation: START,
        number: 1,
        ..Version::NONE
    };
    Policy::new(vec![limit]).unwrap().named(name(of), version)
}

pub(crate) fn asked(of: &str, operation: Option<u128>) -> Call {
    let item = Item {
        policy: policy(of),
        check: Check::ONE,
    };
    Call::Limit {
        operation,
        items: vec![item],
        holding: None,
    }
}

/// The objects of all subjects.
#[derive(Default)]
pub(crate) struct Objects(BTreeMap<String, SubjectState>);

impl Objects {
    /// A call by an isolate, as its door makes it.
    pub(crate) fn call(&mut self, recorder: &mut Recorder, object: &str, call: &Call, now: u64) {
        let wish = recorder.wish(object, at(now));
        let sent = call.clone().with_fields(None, None, wish);
        let state = self.0.entry(object.to_owned()).or_default();
        let moment = Moment {
            now: at(now),
            zones: &UtcOnly,
        };
        let answer = state.answer(&sent, &mut || 9, moment, &mut Effects::default());
        if let (Some(with_state), Answer::Recorded { .. }) = (wish, &answer) {
            recorder.note(object, call, with_state, &answer);
        }
    }

    /// A request of the policy `api`, whose use is recorded with this share.
    pub(crate) fn ask(&mut self, recorder: &mut Recorder, object: &str, share: u32, now: u64) {
        recorder.asked(object, "api", Some(&record(share)), at(now));
        self.call(recorder, object, &asked("api", None), now);
    }
}

/// A storage in memory.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) newest: BTreeMap<u64, u64>,
    pub(crate) rows: Vec<Row>,
    /// How many rows were written.
    pub(crate) writes: usize,
}

impl Storage for Kept {
    type Error = core::convert::Infallible;

    fn newest(&self, isolate: u64) -> Result<Option<u64>, Self::Error> {
        Ok(self.newest.get(&isolate).copied())
    }

    fn keep(
        &mut self,
        parcel: &Parcel,
        row: Option<&Row>,
        _: Timestamp,
    ) -> Result<(), Self::Error> {
        self.newest.insert(parcel.isolate, parcel.sequence);
        self.writes += 1 + usize::from(row.is_some());
        self.rows.extend(row.cloned());
        let over = self.rows.len().saturating_sub(MAX_CHUNKS as usize);
        self.rows.drain(..over);
        Ok(())
    }

    fn chunks(&self, mut room: Room, now: Timestamp) -> Result<(Vec<String>, bool), Self::Error> {
        let mut texts = Vec::new();
        for row in self.rows.iter().rev().filter(|row| row.until > now) {
            if !room.has(row.events, row.text.len() as u64) {
                return Ok((texts, true));
            }
            texts.push(row.text.clone());
        }
        Ok((texts, false))
    }
}

/// What the object answers to a call.
pub(crate) fn answer(
    keeper: &mut Keeper,
    kept: &mut Kept,
    call: &message::Call,
    now: u64,
) -> message::Answer {
    let text = call.encode_in(RECORD_MESSAGES.written());
    let (version, call) = message::Call::decode(&text).unwrap();
    let answer = keeper
        .answer(kept, (version, &call), at(now), &UtcOnly)
        .unwrap();
    message::Answer::decode(&answer).unwrap()
}
