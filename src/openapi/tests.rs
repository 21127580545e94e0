//! `docs/openapi.yaml` against the readers, the routes, the roles and the codes: nothing is there
//! that is not described, and nothing described that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate_core::api::policy::{named, rollback, LIMIT, LIMITS, SETTINGS};
use tollgate_core::api::{
    acquire, block, overrides, permit, query, report, request, stage, subjects,
};
use tollgate_core::decide::{OnExpiry, Overage};
use tollgate_core::decision::{Reason, Source};
use tollgate_core::explain::{Admits, HoldsFor};
use tollgate_core::limit::Kind as Algorithm;
use tollgate_core::overrides::Kind;
use tollgate_core::report::{BreakerState, ClosedBy, Unfit};
use tollgate_core::summary::State;
use tollgate_policies::history::Act;
use tollgate_upstash::protocol::Form;

use super::DOCUMENT;
use crate::auth::Role;
use crate::error::Code;
use crate::http::router::{table, Api, Route};

type Names = BTreeSet<String>;

/// One operation of the document.
struct Operation {
    method: String,
    path: String,
    json: Value,
    /// Those of its path as well.
    parameters: Vec<Value>,
}

fn document() -> Value {
    serde_json::from_str(DOCUMENT).expect("build.rs writes JSON")
}

/// What a reference leads to; anything else is itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(target) => {
            let found = document.pointer(target.strip_prefix('#').expect("the document is whole"));
            resolved(
                document,
                found.unwrap_or_else(|| panic!("there is no {target}")),
            )
        }
        None => value,
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    const METHODS: [&str; 5] = ["get", "put", "post", "delete", "head"];
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, json) in item.as_object().expect("a path") {
            if !METHODS.contains(&method.as_str()) {
                continue;
            }
            let lists = [item.get("parameters"), json.get("parameters")];
            let all = lists.into_iter().flatten().filter_map(Value::as_array);
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                json: json.clone(),
                parameters: all
                    .flatten()
                    .map(|it| resolved(document, it).clone())
                    .collect(),
            });
        }
    }
    operations
}

impl Operation {
    fn id(&self) -> &str {
        self.json["operationId"].as_str().expect("each has one")
    }

    /// The names of its parameters in `place`.
    fn parameters_in(&self, place: &str) -> Names {
        let inside = self.parameters.iter().filter(|it| it["in"] == place);
        let name = |it: &Value| it["name"].as_str().expect("a name").to_owned();
        inside.map(name).collect()
    }

    /// What its path and method mean here, each parameter of the path taken by its first example.
    fn route(&self) -> String {
        let mut path = self.path.clone();
        for parameter in self.parameters.iter().filter(|it| it["in"] == "path") {
            let name = parameter["name"].as_str().expect("a name");
            let examples = parameter.get("examples").and_then(Value::as_object);
            let first = examples
                .and_then(|it| it.values().next())
                .map(|it| &it["value"]);
            let example = parameter.get("example").or(first);
            let example = example.and_then(Value::as_str);
            let example = example.unwrap_or_else(|| panic!("{name} of {path} has an example"));
            path = path.replace(&format!("{{{name}}}"), example);
        }
        assert!(!path.contains('{'), "{path}");
        path
    }

    /// The codes of its problems.
    fn codes(&self) -> Vec<Code> {
        let list = self.json.get("x-codes").and_then(Value::as_array);
        let code = |word: &Value| {
            let word = word.as_str().expect("a word");
            Code::from_word(word).unwrap_or_else(|| panic!("{}: no code {word}", self.id()))
        };
        list.into_iter().flatten().map(code).collect()
    }

    /// The statuses of its answers.
    fn statuses(&self) -> BTreeSet<u16> {
        let answers = self.json["responses"].as_object().expect("answers");
        let status = |it: &String| it.parse().expect("a status");
        answers.keys().map(status).collect()
    }
}

/// The fields of a schema, of all that it is made of.
fn fields_of(document: &Value, schema: &Value, fields: &mut Names) {
    let schema = resolved(document, schema);
    if let Some(own) = schema.get("properties").and_then(Value::as_object) {
        fields.extend(own.keys().cloned());
    }
    for part in ["allOf", "anyOf", "oneOf"] {
        for part in schema
            .get(part)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            fields_of(document, part, fields);
        }
    }
}

fn names(lists: &[&[&str]]) -> Names {
    lists.concat().into_iter().map(str::to_owned).collect()
}

/// The parameters that a route reads from the query, and the fields that it reads from the body.
/// Each list is the one that its reader refuses others by.
fn read_by(route: Api) -> (Names, Option<Names>) {
    let check = [&request::FIELDS[..], &LIMIT, &SETTINGS];
    let policy = [&LIMITS[..], &LIMIT, &SETTINGS, &named::OTHERS];
    let (query, fields): (&[&str], Option<Names>) = match route {
        Api::Limit => (&query::CHECK, Some(names(&check))),
        Api::Multi => (&[], Some(names(&check))),
        Api::Status | Api::Reset => (&query::NAMES, None),
        Api::Block => (&[], Some(names(&[&block::FIELDS]))),
        Api::Report => (&[], Some(names(&[&report::FIELDS, &LIMIT, &SETTINGS]))),
        Api::Settle => (&[], Some(names(&[&permit::SETTLE]))),
        Api::TopUp => (&[], Some(names(&[&permit::TOP_UP]))),
        Api::Renew => (&[], Some(names(&[&permit::RENEW]))),
        Api::Release => (&[], Some(names(&[&permit::RELEASE]))),
        Api::Acquire => (&[], Some(names(&[&acquire::FIELDS]))),
        Api::Policies | Api::Policy | Api::Presets => (&[], None),
        Api::PutPolicy => (&query::CHANGE, Some(names(&policy))),
        Api::DeletePolicy | Api::Install => (&query::CHANGE, None),
        Api::PolicyVersions | Api::Audit => (&query::PAGE, None),
        Api::Explain => (&query::SUBJECT, None),
        Api::Rollback => (&query::DRY_RUN, Some(names(&[&rollback::FIELDS]))),
        Api::Overrides => (&query::OVERRIDES, None),
        Api::PutOverride => {
            let kinds = Kind::ALL.map(overrides::own_fields);
            let all = [&overrides::FIELDS[..], &kinds.concat()].concat();
            (&[], Some(names(&[&all])))
        }
        Api::LiftOverride => (&query::LIFT, None),
        Api::SetStage => (&[], Some(names(&[&stage::FIELDS]))),
        Api::Subjects => (&subjects::PARAMETERS, None),
    };
    (names(&[query]), fields)
}

const fn word_of(role: Role) -> &'static str {
    match role {
        Role::Read => "read",
        Role::Check => "check",
        Role::Admin => "admin",
    }
}

/// What the document and the table have to agree in, of commands the form alone.
fn label(route: Route<'_>) -> String {
    match route {
        Route::Api(api, _) => format!("{api:?}"),
        Route::Redis(Form::Path(_)) => "a command as a path".to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_route_is_described_and_every_described_one_is_there() {
    let document = document();
    let mut described = Names::new();
    for operation in operations(&document) {
        let path = operation.route();
        let at = format!("{} {path}", operation.method);
        let route = Route::find(&operation.method, &path);
        let route = route.unwrap_or_else(|error| panic!("{at}: {}", error.detail()));
        assert!(!label(route).contains("WrongMethod"), "{at}");
        described.insert(label(route));
    }
    let served: Names = table().map(|(_, route)| label(route)).collect();
    assert_eq!(described, served);
}

#[test]
fn every_route_has_its_role_parameters_fields_and_a_token_where_it_needs_one() {
    let document = document();
    for operation in operations(&document) {
        let path = operation.route();
        let id = operation.id();
        let is_open = operation
            .json
            .get("security")
            .is_some_and(|it| *it == Value::Array(vec![]));
        let api = match Route::find(&operation.method, &path) {
            Ok(Route::Api(api, _)) => api,
            Ok(Route::Redis(_)) => {
                // The least: each command has its own.
                assert_eq!(operation.json["x-role"], "read", "{id}");
                continue;
            }
            _ => {
                assert!(is_open && operation.json.get("x-role").is_none(), "{id}");
                continue;
            }
        };
        assert!(!is_open, "{id}");
        assert_eq!(operation.json["x-role"], word_of(api.role()), "{id}");
        let (query, fields) = read_by(api);
        assert_eq!(operation.parameters_in("query"), query, "{id}");
        let schema = operation
            .json
            .pointer("/requestBody/content/application~1json/schema");
        let described = schema.map(|schema| {
            let mut described = Names::new();
            fields_of(&document, schema, &mut described);
            described
        });
        assert_eq!(described, fields, "{id}");
        assert_eq!(api.reads_body(), fields.is_some(), "{id}");
    }
}

#[test]
fn every_kind_of_override_has_its_fields() {
    let document = document();
    let schemas = document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let mut described = BTreeMap::new();
    for schema in schemas.values() {
        let Some(kinds) = schema.get("x-kinds").and_then(Value::as_array) else {
            continue;
        };
        let mut fields = Names::new();
        fields_of(&document, schema, &mut fields);
        for kind in kinds {
            described.insert(kind.as_str().expect("a word").to_owned(), fields.clone());
        }
    }
    let read = Kind::ALL.map(|kind| {
        let fields = names(&[&overrides::FIELDS, overrides::own_fields(kind)]);
        (kind.word().to_owned(), fields)
    });
    assert_eq!(described, BTreeMap::from(read));
}

#[test]
fn entries_of_a_request_have_the_fields_of_a_request() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let of = |name: &str| {
        let mut fields = Names::new();
        fields_of(&document, &schemas[name], &mut fields);
        fields
    };
    assert_eq!(of("MultiEntry"), of("LimitRequest"));
}

#[test]
fn every_code_stands_at_its_status_and_at_what_answers_it() {
    let document = document();
    let lines = document.pointer("/components/schemas/Problem/anyOf");
    let lines = lines.and_then(Value::as_array).expect("statuses");
    let mut described = BTreeSet::new();
    for line in lines {
        let of = &line["properties"];
        let status = of["status"]["const"].as_u64().expect("a status");
        for word in of["code"]["enum"].as_array().expect("codes") {
            described.insert((status, word.as_str().expect("a word").to_owned()));
        }
    }
    let all = Code::ALL.map(|code| (u64::from(code.status()), code.word().to_owned()));
    assert_eq!(described, BTreeSet::from(all));
    // What no operation answers: another path, another method, and the object of a subject where it
    // is asked itself.
    let mut answered = vec![
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::OtherSubject,
        Code::UnnamedObject,
    ];
    for operation in operations(&document) {
        let codes = operation.codes();
        if operation.json["tags"][0] != "upstash" {
            let errors = operation
                .statuses()
                .into_iter()
                .filter(|status| *status >= 400);
            // A refusal and what has no room is a decision, and no problem.
            let errors: BTreeSet<u16> = errors.filter(|status| *status != 429).collect();
            let of_codes: BTreeSet<u16> = codes.iter().map(|code| code.status()).collect();
            assert_eq!(of_codes, errors, "{}", operation.id());
        }
        answered.extend(codes);
    }
    let unanswered = Code::ALL
        .into_iter()
        .filter(|code| !answered.contains(code));
    assert_eq!(unanswered.collect::<Vec<Code>>(), []);
}

#[test]
fn words_are_those_that_are_answered() {
    fn words<T: Copy>(all: impl AsRef<[T]>, word: fn(T) -> &'static str) -> Vec<&'static str> {
        all.as_ref().iter().map(|it| word(*it)).collect()
    }
    let table = [
        ("Reason", "", words(Reason::ALL, Reason::word)),
        ("Source", "", words(Source::ALL, Source::word)),
        ("Algorithm", "", words(Algorithm::ALL, Algorithm::word)),
        ("State", "", words(State::ALL, State::word)),
        ("OverrideKind", "", words(Kind::ALL, Kind::word)),
        ("Overage", "", words(Overage::ALL, Overage::word)),
        ("OnExpiry", "", words(OnExpiry::ALL, OnExpiry::word)),
        (
            "Explanation",
            "/properties/mode/properties/holdsFor",
            words(HoldsFor::ALL, HoldsFor::word),
        ),
        (
            "Explanation",
            "/properties/failMode/properties/admits",
            words(Admits::ALL, Admits::word),
        ),
        (
            "Reported",
            "/properties/closedBy",
            words(ClosedBy::ALL, ClosedBy::word),
        ),
        (
            "Outlook",
            "/properties/closedBy",
            words(ClosedBy::ALL, ClosedBy::word),
        ),
        (
            "Told",
            "/properties/ignored",
            words(Unfit::ALL, Unfit::word),
        ),
        (
            "Breaker",
            "/properties/state",
            words(BreakerState::ALL, BreakerState::word),
        ),
        (
            "Audit",
            "/properties/entries/items/properties/action",
            words(Act::ALL, Act::word),
        ),
    ];
    let document = document();
    for (schema, path, words) in table {
        let at = format!("/components/schemas/{schema}{path}/enum");
        let described = document.pointer(&at).and_then(Value::as_array);
        let described = described.unwrap_or_else(|| panic!("there is no {at}"));
        let described: Names = described
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        assert_eq!(described, names(&[&words]), "{at}");
    }
}

#[test]
fn the_version_is_that_of_the_worker() {
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}

/// All Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let (folders, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    let inner = folders.iter().flat_map(|folder| sources(folder));
    files.into_iter().chain(inner).collect()
}

/// A list that only its reader knows is one that nothing here compares.
#[test]
fn readers_name_what_they_read_by_lists_that_are_compared() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut readers = 0;
    for folder in ["crates/core/src/api", "src/routes"] {
        for file in sources(&root.join(folder)) {
            let text = fs::read_to_string(&file).expect("it is text");
            let own = text.split("#[cfg(test)]").next().unwrap_or_default();
            for call in ["fields.only(", "parameters("] {
                for (at, _) in own.match_indices(call) {
                    let arguments = own[at + call.len()..].split(')').next().unwrap_or_default();
                    let is_written = arguments.contains('"');
                    assert!(!is_written, "{}: {arguments}: give these names a constant, and compare it in src/openapi/tests.rs", file.display());
                    readers += 1;
                }
            }
        }
    }
    assert!(readers > 25, "{readers} readers are found");
}
