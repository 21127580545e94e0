//! What one isolate records: of whom, and what it has not sent yet.
//!
//! Recording costs the path of an answer a few additions; sending is done in the background. Who is
//! recorded is recorded in all that its object answers, whichever policy it is about: a sequence in
//! which a call is missing cannot be replayed.

use std::collections::HashMap;
use std::rc::Rc;

use tollgate_core::api::policy::record::Record;
use tollgate_core::codec::LineWriter;
use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::overrides::Override;
use tollgate_core::replay::trace::{without_operation, Apart, Asked, Event, State, Told, ALWAYS};
use tollgate_core::subject_state::{Item, Place};
use tollgate_core::{Duration, Timestamp};

use crate::busiest::{List, BUSIEST, COUNTERS};
use crate::channel::{Outbox, Parcel};
use crate::chunk::{put_asked, Chunk, CHUNKS};
use crate::message::Sent;
use crate::sampling::{hash, is_sampled};
use crate::sketch::Sketch;
use crate::under::Under;

/// So much is sent before its time, in bytes.
const FULL: usize = 64 << 10;
/// So much is kept while nothing can be sent; what comes then is dropped, and counted.
const MAX_BYTES: usize = 4 * FULL;
/// The longest state that is kept, in bytes of its text. A subject that has more is not recorded,
/// for [`STATE_EVERY`]: it alone would fill what is sent.
const MAX_STATE: usize = FULL;
/// How often a subject's state is told anew: after a call that was lost nothing can be replayed
/// until then.
pub const STATE_EVERY: Duration = Duration::from_secs(3_600);
/// A policy that nobody has asked for so long is recorded no more, as far as this isolate knows.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// How many namespaces are recorded at once in one isolate. In others nothing is.
const MAX_SPACES: usize = 64;
/// How many policies of a namespace are recorded at once.
const MAX_POLICIES: usize = 64;
/// Of how many subjects it is remembered what was told.
const MAX_KNOWN: usize = 20_000;
/// About how many bytes the line of an event has.
const EVENT_BYTES: usize = 48;

/// What one isolate records.
#[derive(Debug)]
pub struct Recorder {
    isolate: u64,
    /// Each with what the names of its objects begin with.
    spaces: Vec<(String, Space)>,
}

/// What is recorded of one namespace.
#[derive(Debug)]
struct Space {
    isolate: u64,
    policies: Vec<(String, Noticed)>,
    list: List,
    /// What was told of a subject last, by the hash of its name.
    known: HashMap<u64, Known>,
    under: Under,
    chunk: Chunk,
    subjects: HashMap<String, usize>,
    calls: HashMap<String, usize>,
    /// By those numbers.
    all_calls: Vec<Rc<Asked>>,
    bytes: usize,
    outbox: Outbox,
}

/// What was told of a subject last.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// When its state was.
    state: Timestamp,
    /// The place of the last call.
    place: Place,
    /// Whether it was longer than [`MAX_STATE`].
    is_too_long: bool,
}

/// A policy that is recorded.
#[derive(Debug)]
struct Noticed {
    record: Record,
    at: Timestamp,
    seen: Sketch,
}

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// What the names of the namespace's objects begin with: nothing, or such as `shop/`.
    pub space: String,
    /// What is sent.
    pub parcel: Parcel,
}

/// What the names of the objects of a subject's namespace begin with.
pub fn space_of(object: &str) -> &str {
    let end = object.find("rate-limit:").unwrap_or(0);
    &object[..end]
}

impl Recorder {
    /// Of the isolate with this number.
    pub const fn new(isolate: u64) -> Recorder {
        Recorder {
            isolate,
            spaces: Vec::new(),
        }
    }

    fn space(&self, of: &str) -> Option<&Space> {
        let found = self.spaces.iter().find(|(space, _)| space == of);
        found.map(|(_, space)| space)
    }

    fn space_mut(&mut self, of: &str) -> Option<&mut Space> {
        let found = self.spaces.iter_mut().find(|(space, _)| space == of);
        found.map(|(_, space)| space)
    }

    /// A policy is asked about the subject of this object; `record` is what it says now.
    pub fn asked(&mut self, object: &str, policy: &str, record: Option<&Record>, now: Timestamp) {
        let space = space_of(object);
        let Some(record) = record else {
            if let Some(space) = self.space_mut(space) {
                space.policies.retain(|(name, _)| name != policy);
            }
            return;
        };
        if self.space(space).is_none() {
            if self.spaces.len() >= MAX_SPACES {
                return;
            }
            let new = Space::new(self.isolate);
            self.spaces.push((space.to_owned(), new));
        }
        if let Some(space) = self.space_mut(space) {
            space.asked(hash(object), policy, record, now);
        }
    }

    /// A check of the policy of this name is about to be decided, under these overrides that change
    /// its limits for the subject, the nearest first. `adjusted`: see
    /// [`Version::adjusted`](tollgate_core::policy::Version::adjusted).
    pub fn overridden(
        &mut self,
        object: &str,
        policy: &str,
        (adjusted, overrides): (u64, &[Override]),
        now: Timestamp,
    ) {
        if !self.records(object, now) {
            return;
        }
        if let Some(space) = self.space_mut(space_of(object)) {
            space.under.set((hash(object), policy), adjusted, overrides);
        }
    }

    /// Whether the subject of this object is recorded.
    pub fn records(&self, object: &str, now: Timestamp) -> bool {
        let space = self.space(space_of(object));
        space.is_some_and(|space| space.share(hash(object), now).is_some())
    }

    /// Whether calls to this object are recorded, and then whether its state is to be told.
    pub fn wish(&self, object: &str, now: Timestamp) -> Option<bool> {
        if self.spaces.is_empty() {
            return None; // as always where nothing is recorded
        }
        let space = self.space(space_of(object))?;
        let hash = hash(object);
        space.share(hash, now)?;
        let is_old = |it: &&Known| it.state > now || now.since(it.state) >= STATE_EVERY;
        match space.known.get(&hash).filter(|it| !is_old(it)) {
            Some(known) if known.is_too_long => None,
            known => Some(known.is_none()),
        }
    }

    /// The object has answered a recorded call; `with_state`: that had the wish for its state.
    /// What it could not answer is nothing to replay.
    pub fn note(&mut self, object: &str, call: &Call, with_state: bool, answered: &Answer) {
        let Answer::Recorded {
            answer,
            at,
            place,
            state,
        } = answered
        else {
            return;
        };
        let is_known = !matches!(**answer, Answer::Refused(RefusalCode::Unavailable, _));
        let state = (with_state && is_known).then(|| State {
            before: *place,
            rows: state.clone(),
        });
        let told = Told::of(answer);
        let event = |(isolate, share), asked, operation| Event {
            at: *at,
            isolate,
            place: Some(*place),
            after: None,
            asked,
            operation,
            told,
            share,
            apart: None,
        };
        self.add(object, call, *at, state, event);
        if let Some(space) = self.space_mut(space_of(object)) {
            space.heard(hash(object), *place);
        }
    }

    /// The isolate has refused an item by what the object had said.
    pub fn remembered(&mut self, object: &str, item: &Item, now: Timestamp) {
        let told = Told {
            admitted: vec![false],
            ..Told::default()
        };
        self.unasked(object, item, (told, None), now);
    }

    /// An item was answered, and the object has nothing to do with it.
    pub fn apart(&mut self, object: &str, item: &Item, why: Apart, now: Timestamp) {
        self.unasked(object, item, (Told::default(), Some(why)), now);
    }

    fn unasked(
        &mut self,
        object: &str,
        item: &Item,
        (told, apart): (Told, Option<Apart>),
        now: Timestamp,
    ) {
        if self.wish(object, now).is_none() {
            return;
        }
        let space = self.space(space_of(object));
        let known = space.and_then(|space| space.known.get(&hash(object)));
        let after = known.map(|it| it.place);
        let call = Call::Limit {
            operation: None,
            items: vec![item.clone()],
            holding: None,
        };
        let event = |(isolate, share), asked, operation| Event {
            at: now,
            isolate,
            place: None,
            after,
            asked,
            operation,
            told,
            share,
            apart,
        };
        self.add(object, &call, now, None, event);
    }

    /// `event` makes the event of isolate, share, call and operation.
    fn add(
        &mut self,
        object: &str,
        call: &Call,
        at: Timestamp,
        state: Option<State>,
        event: impl FnOnce((u64, u32), Rc<Asked>, Option<u128>) -> Event,
    ) {
        if let Some(space) = self.space_mut(space_of(object)) {
            if let Some(share) = space.share(hash(object), at) {
                let by = (space.isolate, share);
                space.add(object, call, at, state, |asked, operation| {
                    event(by, asked, operation)
                });
            }
        }
    }

    /// How long to wait until something can be sent; `None` where there is nothing.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        let spaces = self.spaces.iter().map(|(_, space)| space);
        let waits = spaces.filter(|space| space.has_content());
        let waits = waits.map(|space| space.outbox.wait(space.is_full(), now));
        waits.min()
    }

    /// What to send now.
    pub fn send(&mut self, now: Timestamp) -> Vec<Sending> {
        let mut all = Vec::new();
        for (name, space) in &mut self.spaces {
            if let Some(parcel) = space.send(now) {
                let space = name.clone();
                all.push(Sending { space, parcel });
            }
        }
        all
    }

    /// A parcel of a namespace is kept, and this is its list of the busiest.
    pub fn kept(&mut self, space: &str, sequence: u64, list: List) {
        if let Some(space) = self.space_mut(space) {
            space.outbox.acknowledge(sequence);
            // Who joins may have been on the list before: there are calls in between.
            let joins = list.all().iter().map(|(hash, _)| *hash);
            for hash in joins.filter(|hash| space.list.joins(*hash).is_none()) {
                space.known.remove(&hash);
            }
            space.list = list;
        }
    }
}

impl Space {
    fn new(isolate: u64) -> Space {
        Space {
            isolate,
            policies: Vec::new(),
            list: List::default(),
            known: HashMap::new(),
            under: Under::default(),
            chunk: Chunk::default(),
            subjects: HashMap::new(),
            calls: HashMap::new(),
            all_calls: Vec::new(),
            bytes: 0,
            outbox: Outbox::new(isolate),
        }
    }

    fn asked(&mut self, hash: u64, policy: &str, record: &Record, now: Timestamp) {
        let known = self.policies.iter_mut().find(|(name, _)| name == policy);
        if let Some((_, noticed)) = known {
            (noticed.record, noticed.at) = (*record, now);
            noticed.seen.add(hash, 1);
        } else if self.policies.len() < MAX_POLICIES {
            let (record, at, mut seen) = (*record, now, Sketch::new(COUNTERS));
            seen.add(hash, 1);
            let noticed = Noticed { record, at, seen };
            self.policies.push((policy.to_owned(), noticed));
        }
    }

    fn recent(&self, now: Timestamp) -> impl Iterator<Item = &Noticed> {
        let all = self.policies.iter().map(|(_, noticed)| noticed);
        all.filter(move |it| now.since(it.at) < FORGOTTEN)
    }

    /// With which share the subject of this hash is recorded; `None` where it is not.
    fn share(&self, hash: u64, now: Timestamp) -> Option<u32> {
        let share = self.recent(now).map(|it| it.record.millionths()).max()?;
        if self.list.joins(hash).is_some_and(|from| from <= now) {
            return Some(ALWAYS);
        }
        is_sampled(hash, share).then_some(share)
    }

    fn add(
        &mut self,
        object: &str,
        call: &Call,
        at: Timestamp,
        state: Option<State>,
        event: impl FnOnce(Rc<Asked>, Option<u128>) -> Event,
    ) {
        let hash = hash(object);
        let (call, operation) = without_operation(call);
        let under = self.under.of_call(hash, &call);
        if self.bytes >= MAX_BYTES || under.is_none() {
            return self.drop_one(hash);
        }
        if let Some(state) = &state {
            if !self.knows(hash, state, at) {
                self.chunk.dropped += 1;
                return;
            }
        }
        if self.subjects.is_empty() {
            (self.chunk.isolate, self.chunk.at) = (self.isolate, at);
        }
        let days = self.recent(at).map(|it| it.record.days).max();
        self.chunk.days = self.chunk.days.max(days.unwrap_or(0));
        let subject = match self.subjects.get(object) {
            Some(subject) => *subject,
            None => {
                let subject = self.subjects.len();
                self.subjects.insert(object.to_owned(), subject);
                self.chunk.subjects.push(object.to_owned());
                self.bytes += object.len();
                subject
            }
        };
        if let Some(state) = state {
            self.bytes += text_of(&state);
            self.chunk.states.push((subject, state));
        }
        let under = under.unwrap_or_default(); // it is there
        let asked = self.asked_once(Asked { call, under });
        self.bytes += EVENT_BYTES;
        self.chunk.events.push((subject, event(asked, operation)));
    }

    /// Leaves an event out: what comes after it cannot be replayed until the next state.
    fn drop_one(&mut self, hash: u64) {
        self.chunk.dropped += 1;
        self.known.remove(&hash);
    }

    /// Notes that a subject's state was told; whether it can be kept.
    fn knows(&mut self, hash: u64, state: &State, at: Timestamp) -> bool {
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let is_too_long = text_of(state) > MAX_STATE;
        let known = Known {
            state: at,
            place: state.before,
            is_too_long,
        };
        self.known.insert(hash, known);
        !is_too_long
    }

    /// The object has answered the call of this place.
    fn heard(&mut self, hash: u64, place: Place) {
        if let Some(known) = self.known.get_mut(&hash) {
            known.place = known.place.max(place);
        }
    }

    /// The call, without an operator's words and names; one for all that are equal.
    fn asked_once(&mut self, mut asked: Asked) -> Rc<Asked> {
        match &mut asked.call {
            Call::Block { reason, .. } => reason.clear(),
            Call::Report(report) => report.by.clear(),
            _ => {}
        }
        let text = put_asked(LineWriter::new(CHUNKS.written(), ""), &asked).finish();
        if let Some(known) = self.calls.get(&text) {
            return Rc::clone(&self.all_calls[*known]);
        }
        self.bytes += text.len();
        let asked = Rc::new(asked);
        self.calls.insert(text, self.all_calls.len());
        self.all_calls.push(Rc::clone(&asked));
        asked
    }

    fn has_content(&self) -> bool {
        self.outbox.is_under_way() || self.has_news()
    }

    fn has_news(&self) -> bool {
        let is_asked = |(_, it): &(String, Noticed)| !it.seen.is_empty();
        !self.chunk.events.is_empty() || self.policies.iter().any(is_asked)
    }

    const fn is_full(&self) -> bool {
        self.bytes >= FULL
    }

    fn send(&mut self, now: Timestamp) -> Option<Parcel> {
        let is_full = self.is_full();
        let mut outbox = core::mem::replace(&mut self.outbox, Outbox::new(0));
        let parcel = outbox.send(is_full, now, |lost| {
            self.has_news().then(|| self.take(lost, now))
        });
        self.outbox = outbox;
        parcel
    }

    /// Takes what was recorded, as text.
    fn take(&mut self, lost: u64, now: Timestamp) -> String {
        let mut chunk = core::mem::take(&mut self.chunk);
        chunk.lost = lost;
        if lost > 0 {
            self.known.clear(); // calls are missing: each subject's state is told anew
        }
        self.subjects.clear();
        self.calls.clear();
        self.all_calls.clear();
        self.bytes = 0;
        let mut seen = Vec::new();
        for (name, noticed) in &mut self.policies {
            let mut busiest = noticed.seen.busiest();
            busiest.truncate(BUSIEST);
            noticed.seen = Sketch::new(COUNTERS);
            if !busiest.is_empty() {
                seen.push((name.clone(), busiest));
            }
        }
        self.policies.retain(|(_, it)| now.since(it.at) < FORGOTTEN);
        let is_empty = chunk.events.is_empty() && chunk.dropped + chunk.lost == 0;
        let sent = Sent {
            seen,
            list: self.list.clone(),
            chunk: if is_empty {
                String::new()
            } else {
                chunk.encode()
            },
        };
        sent.encode()
    }
}

/// How long a state is as text, where every byte that has to be encoded is three.
fn text_of(state: &State) -> usize {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(byte);
    let length =
        |text: &String| 3 * text.len() - 2 * text.bytes().filter(|it| is_plain(it)).count();
    let rows = state
        .rows
        .iter()
        .map(|(key, row)| length(key) + length(row));
    rows.sum()
}
