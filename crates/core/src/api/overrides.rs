//! `PUT /overrides/{target}/{kind}`: an override to set. What it does can be written as it is read.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::fields::Fields;
use super::policy;
use super::policy::rate::exact;
use super::to_json;
use super::values;
use super::{BadRequest, Problem};
use crate::limit::Name;
use crate::number::{Decimal, MAX_SAFE};
use crate::overrides::{Effect, Grant, InvalidTarget, Kind, Stop, Target, MAX_EXCEPT, MAX_FACTOR};
use crate::{Duration, Timestamp};

/// The fields that an override of any kind has.
pub const FIELDS: [&str; 3] = ["until", "resetOf", "reason"];
/// The longest reason, in bytes of UTF-8.
pub const MAX_REASON: usize = 256;
/// The longest time until an override ends: ten years.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

/// An override to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOverride {
    /// What it does.
    pub effect: Effect,
    /// When it ends.
    pub until: Until,
    /// Why, for people: 1 to 256 bytes.
    pub reason: Option<String>,
}

/// When an override ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// When somebody ends it.
    Lifted,
    /// At this instant.
    At(Timestamp),
    /// So long after it is set.
    After(Duration),
    /// When the windows of a policy have turned: of the policy that is the target, or of this one.
    Reset(Option<Name>),
}

/// Reads what sets an override of this kind: `{until?, resetOf?, reason?}` and
///
/// | kind | |
/// |---|---|
/// | `deny`, `pause` | `except`: 1 to 32 targets for which it does not hold |
/// | `bypass` | |
/// | `scale` | `factor`: above 0, at most 1,000,000 |
/// | `replace` | `limits`, as in a policy |
/// | `grant` | `units`: 1 to 2^53; `until` is required |
///
/// `until`: an instant in Unix ms, a duration as text, or `"reset"`.
///
/// ```
/// use tollgate_core::{api::overrides::{parse, Until}, overrides::Kind, Duration};
///
/// let pause = parse(Kind::Pause, r#"{"until": "2h", "reason": "banned"}"#)?;
/// assert_eq!(pause.until, Until::After(Duration::from_secs(7_200)));
/// # Ok::<(), tollgate_core::api::BadRequest>(())
/// ```
pub fn parse(kind: Kind, body: &str) -> Result<NewOverride, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&FIELDS, own_fields(kind)])?;
    let effect = effect(kind, &mut fields)?;
    let reset_of = policy::limit::name(&mut fields, "resetOf")?;
    let until = match (until(&mut fields)?, reset_of) {
        (Until::Reset(_), of) => Until::Reset(of),
        (until, None) => until,
        (_, Some(_)) => {
            let with = "an `until` that is not \"reset\"";
            return Err(fields.error("resetOf", Problem::Conflict { with }));
        }
    };
    if kind == Kind::Grant && until == Until::Lifted {
        return Err(fields.error("until", Problem::Missing));
    }
    let reason = fields.text("reason", 1, MAX_REASON)?.map(String::from);
    fields.finish()?;
    Ok(NewOverride {
        effect,
        until,
        reason,
    })
}

/// Reads what an override does, as it is stored.
pub fn parse_effect(kind: Kind, text: &str) -> Result<Effect, BadRequest> {
    let mut fields = Fields::stored(text)?;
    let effect = effect(kind, &mut fields)?;
    fields.finish()?;
    Ok(effect)
}

/// What an override does, as [`parse_effect`] reads it. One function: in the Worker size counts.
#[inline(never)]
pub fn effect_text(effect: &Effect) -> String {
    to_json(effect)
}

/// The fields that overrides of one kind have beside [`FIELDS`].
pub const fn own_fields(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Deny | Kind::Pause => &["except"],
        Kind::Bypass => &[],
        Kind::Scale => &["factor"],
        Kind::Replace => &["limits"],
        Kind::Grant => &["units"],
    }
}

fn effect(kind: Kind, fields: &mut Fields<'_>) -> Result<Effect, BadRequest> {
    Ok(match kind {
        Kind::Deny => Effect::Deny(stop(fields)?),
        Kind::Pause => Effect::Pause(stop(fields)?),
        Kind::Bypass => Effect::Bypass,
        Kind::Scale => {
            let factor = fields.decimal_within("factor", FACTOR, is_factor)?;
            Effect::Scale(fields.required("factor", factor)?)
        }
        Kind::Replace => {
            if !fields.has("limits") {
                return Err(fields.error("limits", Problem::Missing));
            }
            Effect::Replace(policy::checked_limits(fields)?)
        }
        Kind::Grant => {
            let units = fields.count("units", 1, MAX_SAFE)?;
            let id = fields.count("id", 0, MAX_SAFE)?;
            let kept = fields.count("kept", 0, MAX_SAFE)?;
            Effect::Grant(Grant {
                units: fields.required("units", units)?,
                id: id.unwrap_or(0),
                kept: Timestamp::from_millis(kept.unwrap_or(0)),
            })
        }
    })
}

const FACTOR: &str = "a number between 0.000000001 and 1000000";

fn is_factor(factor: Decimal) -> bool {
    let most = u128::from(MAX_FACTOR) * 10u128.pow(u32::from(factor.scale()));
    u128::from(factor.mantissa()) <= most
}

fn stop(fields: &mut Fields<'_>) -> Result<Stop, BadRequest> {
    let Some(elements) = fields.array("except", MAX_EXCEPT)? else {
        return Ok(Stop::default());
    };
    let except = elements.into_iter().enumerate().map(|(i, element)| {
        let text = element.text(1, Target::MAX_TEXT)?;
        let target = match fields.is_stored() {
            true => Target::stored(&text),
            false => Target::parse(&text),
        };
        let wrong = |error: InvalidTarget| fields.error(&format!("except[{i}]"), error.into());
        target.map_err(wrong)
    });
    Ok(Stop {
        except: except.collect::<Result<_, _>>()?,
    })
}

const UNTIL: &str = "an instant in Unix ms, a duration such as \"2h\", or \"reset\"";

fn until(fields: &mut Fields<'_>) -> Result<Until, BadRequest> {
    let Some(value) = fields.value("until") else {
        return Ok(Until::Lifted);
    };
    let value = value.get();
    let read = || {
        if !value.starts_with('"') {
            let millis = values::integer(value, (1, MAX_SAFE as i64))?;
            let at = Timestamp::from_millis(millis.unsigned_abs());
            return Ok(Until::At(at));
        }
        if values::string(value, UNTIL)? == "reset" {
            return Ok(Until::Reset(None));
        }
        let bounds = (Duration::from_millis(1), LONGEST);
        values::duration(value, bounds).map(Until::After)
    };
    read().map_err(|problem| match problem {
        Problem::WrongType { .. } | Problem::Malformed { .. } => {
            fields.error("until", Problem::Malformed { expected: UNTIL })
        }
        problem => fields.error("until", problem),
    })
}

impl Serialize for Effect {
    /// What [`parse_effect`] reads.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Effect::Deny(stop) | Effect::Pause(stop) => {
                if !stop.except.is_empty() {
                    let except = stop.except.iter().map(Target::to_string);
                    map.serialize_entry("except", &except.collect::<Vec<String>>())?;
                }
            }
            Effect::Bypass => {}
            Effect::Scale(factor) => map.serialize_entry("factor", &Factor(*factor))?,
            Effect::Replace(limits) => map.serialize_entry("limits", limits)?,
            Effect::Grant(grant) => {
                map.serialize_entry("units", &grant.units)?;
                map.serialize_entry("id", &grant.id)?;
                map.serialize_entry("kept", &grant.kept.as_millis())?;
            }
        }
        map.end()
    }
}

/// The decimal number itself, which a floating point number might not hold.
#[derive(Serialize)]
struct Factor(#[serde(serialize_with = "exact::serialize")] Decimal);
