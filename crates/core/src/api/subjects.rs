//! `GET /subjects`: which subjects to list, and the page that is answered.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::query::{flag, number, parameters};
use super::response::{LimitBody, OverrideBody, StageClockBody, StatusBody, SubjectBody};
use super::{bytes_between, BadRequest, Problem};
use crate::limit::Name;
use crate::policy::consistency::Consistency;
use crate::subject::{Subject, SubjectParts, MAX_IDENTIFIER};
use crate::summary::{Filter, State, Summary, MAX_AFTER};
use crate::Timestamp;

/// The parameters.
pub const PARAMETERS: [&str; 8] = [
    "provider", "scope", "prefix", "policy", "state", "after", "limit", "live",
];
/// The most subjects on a page.
pub const MAX_PAGE: usize = 100;
/// The most of them whose objects are asked.
pub const MAX_LIVE: usize = 40;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectsQuery {
    /// Which subjects.
    pub filter: Filter,
    /// Those that come after this one: `next` of the page before, empty for the first.
    pub after: String,
    /// How many at most.
    pub limit: usize,
    /// Whether their objects are asked too.
    pub is_live: bool,
}

/// Reads `provider`, `scope`, `prefix`, `policy`, `state`, `after`, `limit` (1 to [`MAX_PAGE`],
/// which it is unless said) and `live`, with which a page has at most [`MAX_LIVE`].
///
/// ```
/// let query = tollgate_core::api::subjects::parse("provider=github&state=blocked").unwrap();
/// assert_eq!(query.filter.provider.as_deref(), Some("github"));
/// ```
pub fn parse(query: &str) -> Result<SubjectsQuery, BadRequest> {
    let [provider, scope, prefix, policy, state, after, limit, live] =
        parameters(query, PARAMETERS)?;
    let mut parts = SubjectParts::new("-")?;
    if let Some(provider) = provider {
        parts = parts.with_provider(provider)?;
    }
    if let Some(scope) = scope {
        parts = parts.with_scope(scope)?;
    }
    let is_live = flag("live", live.as_deref())?;
    let most = if is_live { MAX_LIVE } else { MAX_PAGE };
    let limit = number("limit", limit.as_deref(), (1, most as i64))?; // small constants
    Ok(SubjectsQuery {
        filter: Filter {
            provider: parts.provider().map(str::to_owned),
            scope: parts.scope().map(str::to_owned),
            prefix: sized("prefix", prefix, MAX_IDENTIFIER)?,
            policy: policy.map(|it| Name::new("policy", &it)).transpose()?,
            state: state.map(|word| self::state(&word)).transpose()?,
        },
        after: sized("after", after, MAX_AFTER)?,
        limit: limit.map_or(most, |limit| limit.unsigned_abs() as usize),
        is_live,
    })
}

fn state(word: &str) -> Result<State, BadRequest> {
    let expected = "exhausted, blocked, paused or overridden";
    let state = State::from_word(word);
    state.ok_or_else(|| BadRequest::new("state", Problem::Malformed { expected }))
}

/// A parameter of 1 to `max` bytes; empty where it is not there.
fn sized(name: &'static str, value: Option<String>, max: usize) -> Result<String, BadRequest> {
    match value {
        Some(text) if text.is_empty() || text.len() > max => {
            Err(BadRequest::new(name, bytes_between(1, max)))
        }
        value => Ok(value.unwrap_or_default()),
    }
}

/// The body of `GET /subjects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubjectsBody<'a> {
    /// The page, in the order of the objects' names.
    pub subjects: Vec<ListedBody<'a>>,
    /// What to send as `after` for more; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Cow<'a, str>>,
    /// When the list was read, in Unix ms. What an object has told since is not in it.
    pub as_of: u64,
    /// The modes whose subjects have no object, and so are not listed.
    pub not_listed: [Consistency; 2],
}

/// One subject of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedBody<'a> {
    /// Who.
    #[serde(flatten)]
    pub subject: SubjectBody<'a>,
    /// The names of its policies, at most eight; none where all its limits are inline.
    pub policies: Vec<Cow<'a, str>>,
    /// The states that it is in.
    pub states: Vec<StateBody>,
    /// When its object last told of them, in Unix ms.
    pub as_of: u64,
    /// Where its object was asked: what it answered; `null` where it did not in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Option<LiveBody<'a>>>,
}

/// A state that a subject is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateBody {
    /// Which.
    pub state: StateWord,
    /// Until when, in Unix ms; absent: for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// A state's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StateWord {
    /// No unit is left.
    Exhausted,
    /// Shut out.
    Blocked,
    /// Paused.
    Paused,
    /// Overridden.
    Overridden,
}

/// What an object answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveBody<'a> {
    /// As in `GET /limit`.
    pub limits: Vec<LimitBody<'a>>,
    /// As in `GET /limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageClockBody>,
    /// As in `GET /limit`.
    pub overrides: Vec<OverrideBody<'a>>,
}

impl<'a> ListedBody<'a> {
    /// A subject that the directory lists; without what its object answered.
    pub fn new(
        subject: &'a Subject,
        summary: &'a Summary,
        told: Timestamp,
        now: Timestamp,
    ) -> ListedBody<'a> {
        let state = |state: State| {
            let until = summary.until(state, now)?;
            Some(StateBody {
                state: StateWord::from(state),
                until: (until < Timestamp::MAX).then_some(until.as_millis()),
            })
        };
        ListedBody {
            subject: SubjectBody::new(subject),
            policies: summary.policies().iter().map(Cow::from).collect(),
            states: State::ALL.into_iter().filter_map(state).collect(),
            as_of: told.as_millis(),
            live: None,
        }
    }
}

impl<'a> From<StatusBody<'a>> for LiveBody<'a> {
    fn from(status: StatusBody<'a>) -> LiveBody<'a> {
        LiveBody {
            limits: status.limits,
            stage: status.stage,
            overrides: status.overrides,
        }
    }
}

impl From<State> for StateWord {
    fn from(state: State) -> StateWord {
        match state {
            State::Exhausted => StateWord::Exhausted,
            State::Blocked => StateWord::Blocked,
            State::Paused => StateWord::Paused,
            State::Overridden => StateWord::Overridden,
        }
    }
}
