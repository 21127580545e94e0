//! What a policy would have decided of what is kept, in JSON.

use core::fmt::Write;
use std::collections::HashMap;

use tollgate_core::api::fields::Fields;
use tollgate_core::api::policy::named::NamedPolicy;
use tollgate_core::api::to_json;
use tollgate_core::calendar::TimeZone;
use tollgate_core::codec::Unreadable;
use tollgate_core::limit::Name;
use tollgate_core::policy::Version;
use tollgate_core::replay::report::FIGURES;
use tollgate_core::replay::trace::SubjectTrace;
use tollgate_core::replay::{replay, Changed, Report};

use crate::chunk::Chunk;

const NOTHING: &str = "No request of this policy is recorded. Set `record`, such as \
    {\"share\": 0.1, \"days\": 7}, and wait until requests have come; they are kept here within \
    10 seconds.";
const NO_OBJECT: &str = "Only what the subject's object decides can be decided once more, and \
    this policy is decided elsewhere: see `consistency`.";

const OUT_OF_REACH: &str = "What is recorded could not be read in time: try again.";

/// The preview of the policy of this name over chunks, the newest first; with them, whether older
/// ones were left out.
pub fn of(
    (chunks, is_cut): (Vec<String>, bool),
    (name, candidate): (&Name, &NamedPolicy),
    zones: &dyn TimeZone,
) -> Result<String, Unreadable> {
    if !candidate.policy.consistency().is_of_object() {
        return Ok(nothing(Some(0), NO_OBJECT));
    }
    let chunks = chunks.iter().map(|text| Chunk::decode(text));
    let chunks: Vec<Chunk> = chunks.collect::<Result<_, _>>()?;
    let traces = traces(&chunks);
    let policy = candidate.policy.clone().named(name.clone(), Version::NONE);
    let report = replay(&[policy], name.as_str(), &traces, zones);
    if report.recorded.requests + report.stopped + report.elsewhere == 0 {
        return Ok(nothing(Some(0), NOTHING));
    }
    let about = About {
        is_cut,
        taken: [
            ("parents", "open", candidate.parent.is_some()),
            ("shed", "open", candidate.policy.shed().is_some()),
            ("fallbackTo", "refused", !candidate.fallback_to.is_empty()),
        ],
        instants: instants(&chunks),
        dropped: chunks.iter().map(|chunk| chunk.dropped).sum(),
        lost: chunks.iter().map(|chunk| chunk.lost).sum(),
    };
    Ok(body(&report, &about))
}

/// What the chunks say beside their events.
struct About {
    is_cut: bool,
    /// What of the candidate is not decided, how it is taken, and whether it has such.
    taken: [(&'static str, &'static str, bool); 3],
    /// The first and the last instant, in Unix ms.
    instants: (u64, u64),
    dropped: u64,
    lost: u64,
}

fn instants(chunks: &[Chunk]) -> (u64, u64) {
    let all = chunks.iter().flat_map(|it| &it.events);
    let all = all.map(|(_, event)| event.at.as_millis());
    all.fold((u64::MAX, 0), |(first, last), at| {
        (first.min(at), last.max(at))
    })
}

fn nothing(recorded: Option<u64>, why: &str) -> String {
    let recorded = recorded.map_or_else(String::new, |it| format!("\"recorded\":{it},"));
    format!("{{{recorded}\"why\":{}}}", to_json(&why))
}

fn body(report: &Report, about: &About) -> String {
    let counts = &report.recorded;
    let mut json = String::from("{");
    let fields = [
        ("recorded", counts.requests),
        ("from", about.instants.0),
        ("until", about.instants.1),
        ("subjects", report.subjects),
    ];
    put(&mut json, &fields);
    for (name, denied) in [
        ("before", counts.denied_before),
        ("after", counts.denied_after),
    ] {
        let admitted = counts.requests - denied;
        put_in(
            &mut json,
            name,
            &[("admitted", admitted), ("denied", denied)],
        );
    }
    let (denied, admitted) = (counts.newly_denied, counts.newly_admitted);
    put(
        &mut json,
        &[("newlyDenied", denied), ("newlyAdmitted", admitted)],
    );
    put(&mut json, &[("subjectsChanged", report.subjects_changed)]);
    if let Some(first) = report.first {
        put(&mut json, &[("first", first.as_millis())]);
    }
    json.push_str("\"mostChanged\":[");
    for changed in &report.most_changed {
        put_changed(&mut json, changed);
    }
    close(&mut json, "],\"all\":{");
    for ((name, _), it) in FIGURES.iter().zip(report.all) {
        let (value, low, high) = (it.value.round(), it.low.floor(), it.high.ceil());
        let fields = [("value", value), ("low", low), ("high", high)];
        put_in(
            &mut json,
            name,
            &fields.map(|(name, value)| (name, value as u64)),
        );
    }
    close(&mut json, "},");
    let fields = [
        ("skipped", report.skipped),
        ("gaps", report.gaps),
        ("stopped", report.stopped),
        ("elsewhere", report.elsewhere),
        ("dropped", about.dropped),
        ("lost", about.lost),
    ];
    put(&mut json, &fields);
    if about.is_cut {
        json.push_str("\"cut\":true,");
    }
    for (name, how, _) in about.taken.iter().filter(|(.., has)| *has) {
        let _ = write!(json, "\"{name}\":\"{how}\","); // to a String
    }
    close(&mut json, "}");
    json
}

fn put_changed(json: &mut String, changed: &Changed) {
    let counts = &changed.counts;
    let _ = write!(json, "{{\"subject\":{},", to_json(&changed.subject)); // to a String
    let fields = [
        ("requests", counts.requests),
        ("newlyDenied", counts.newly_denied),
        ("newlyAdmitted", counts.newly_admitted),
        ("first", changed.first.as_millis()),
    ];
    put(json, &fields);
    close(json, "},");
}

/// Adds fields, with a comma behind each.
fn put(json: &mut String, fields: &[(&str, u64)]) {
    for (name, value) in fields {
        let _ = write!(json, "\"{name}\":{value},"); // to a String
    }
}

fn put_in(json: &mut String, name: &str, fields: &[(&str, u64)]) {
    let _ = write!(json, "\"{name}\":{{"); // to a String
    put(json, fields);
    close(json, "},");
}

/// Ends an object or an array, without the comma behind its last element.
fn close(json: &mut String, end: &str) {
    if json.ends_with(',') {
        json.pop();
    }
    json.push_str(end);
}

/// What is kept of each subject.
fn traces(chunks: &[Chunk]) -> Vec<SubjectTrace> {
    let (mut places, mut traces) = (HashMap::new(), Vec::new());
    for chunk in chunks {
        let mut place = |name: &String| {
            *places.entry(name.clone()).or_insert_with(|| {
                traces.push(SubjectTrace {
                    subject: name.clone(),
                    ..SubjectTrace::default()
                });
                traces.len() - 1
            })
        };
        let own: Vec<usize> = chunk.subjects.iter().map(&mut place).collect();
        for (subject, state) in &chunk.states {
            traces[own[*subject]].states.push(state.clone());
        }
        for (subject, event) in &chunk.events {
            traces[own[*subject]].events.push(event.clone());
        }
    }
    traces
}

/// The preview where what is recorded cannot be read.
pub fn unknown() -> String {
    nothing(None, OUT_OF_REACH)
}

/// The candidate in the answer to a dry run: with all that it extends.
pub fn candidate_of(tried: &str) -> Option<String> {
    let mut fields = Fields::parse(tried).ok()?;
    fields.raw("resolved").map(str::to_owned)
}

/// The answer to a dry run, with its preview.
pub fn beside(tried: &str, preview: &str) -> String {
    let body = tried.strip_suffix('}').unwrap_or(tried);
    format!("{body},\"preview\":{preview}}}")
}
