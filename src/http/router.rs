//! The one table of routes: from method and path to the route and its role.

use tollgate_upstash::protocol::Form;

use crate::auth::Role;
use crate::error::{ApiError, Code};

/// The target of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// `GET /healthz`, which asks for no token.
    Healthz,
    /// `GET /schemas/policy.json`, which editors ask for, without a token.
    Schema,
    /// `GET /openapi.json`, which tools ask for, without a token.
    OpenApi,
    /// A route of the API, and the name in its path; empty where the path has none.
    Api(Api, &'a str),
    /// The Upstash protocol.
    Redis(Form<'a>),
}

/// A route of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `POST /limit`.
    Limit,
    /// `POST /limit/multi`.
    Multi,
    /// `GET /limit`.
    Status,
    /// `DELETE /limit`.
    Reset,
    /// `POST /limit/block`.
    Block,
    /// `POST /limit/report`.
    Report,
    /// `POST /limit/settle`.
    Settle,
    /// `POST /limit/topup`.
    TopUp,
    /// `POST /limit/renew`.
    Renew,
    /// `POST /limit/release`.
    Release,
    /// `POST /acquire`.
    Acquire,
    /// `GET /policies`.
    Policies,
    /// `GET /policies/{name}`.
    Policy,
    /// `PUT /policies/{name}`.
    PutPolicy,
    /// `DELETE /policies/{name}`.
    DeletePolicy,
    /// `GET /policies/{name}/versions`.
    PolicyVersions,
    /// `GET /policies/{name}/explain`.
    Explain,
    /// `POST /policies/{name}/rollback`.
    Rollback,
    /// `GET /audit`.
    Audit,
    /// `GET /overrides`.
    Overrides,
    /// `PUT /overrides/{target}/{kind}`.
    PutOverride,
    /// `DELETE /overrides/{target}/{kind}`.
    LiftOverride,
    /// `PUT /overrides/{target}/stage`.
    SetStage,
    /// `GET /presets`.
    Presets,
    /// `POST /presets/{name}`.
    Install,
    /// `GET /subjects`.
    Subjects,
}

/// The methods of one path.
type Methods = &'static [(&'static str, Route<'static>)];

/// One path: its methods, as `Allow` lists them, and what each means.
struct Path {
    place: Place,
    allow: &'static str,
    routes: Methods,
}

/// Which paths a line of the table means.
enum Place {
    /// This one.
    At(&'static str),
    /// In this folder any one name, and behind it this word unless it is empty.
    Item(&'static str, &'static str),
    /// In this folder any path that is not empty, and behind it this word.
    Below(&'static str, &'static str),
    /// In this folder any path that is not empty.
    Under(&'static str),
    /// This name in this folder, for clients of Upstash. They join their URL and `pipeline` without
    /// looking, so slashes may be doubled, and one may stand at the end.
    Named(&'static str, &'static str),
    /// Every other path in this folder: a Redis command, written as a path.
    Commands(&'static str),
}

/// Where the Upstash protocol has commands as paths, beside the three `POST`s at the root.
const UPSTASH: &str = "/upstash";

/// The first line that fits is the path's.
static PATHS: [Path; 31] = [
    Path {
        place: Place::At("/limit"),
        allow: "GET, POST, DELETE",
        routes: &[
            ("POST", Route::Api(Api::Limit, "")),
            ("GET", Route::Api(Api::Status, "")),
            ("DELETE", Route::Api(Api::Reset, "")),
        ],
    },
    post("/limit/multi", &[("POST", Route::Api(Api::Multi, ""))]),
    post("/limit/block", &[("POST", Route::Api(Api::Block, ""))]),
    post("/limit/report", &[("POST", Route::Api(Api::Report, ""))]),
    post("/limit/settle", &[("POST", Route::Api(Api::Settle, ""))]),
    post("/limit/topup", &[("POST", Route::Api(Api::TopUp, ""))]),
    post("/limit/renew", &[("POST", Route::Api(Api::Renew, ""))]),
    post("/limit/release", &[("POST", Route::Api(Api::Release, ""))]),
    post("/acquire", &[("POST", Route::Api(Api::Acquire, ""))]),
    get(
        Place::At("/policies"),
        &[("GET", Route::Api(Api::Policies, ""))],
    ),
    Path {
        place: Place::Item("/policies/", ""),
        allow: "GET, PUT, DELETE",
        routes: &[
            ("GET", Route::Api(Api::Policy, "")),
            ("PUT", Route::Api(Api::PutPolicy, "")),
            ("DELETE", Route::Api(Api::DeletePolicy, "")),
        ],
    },
    get(
        Place::Item("/policies/", "/versions"),
        &[("GET", Route::Api(Api::PolicyVersions, ""))],
    ),
    get(
        Place::Item("/policies/", "/explain"),
        &[("GET", Route::Api(Api::Explain, ""))],
    ),
    Path {
        place: Place::Item("/policies/", "/rollback"),
        allow: "POST",
        routes: &[("POST", Route::Api(Api::Rollback, ""))],
    },
    get(Place::At("/audit"), &[("GET", Route::Api(Api::Audit, ""))]),
    get(
        Place::At("/overrides"),
        &[("GET", Route::Api(Api::Overrides, ""))],
    ),
    Path {
        place: Place::Below("/overrides/", "/stage"),
        allow: "PUT",
        routes: &[("PUT", Route::Api(Api::SetStage, ""))],
    },
    Path {
        place: Place::Under("/overrides/"),
        allow: "PUT, DELETE",
        routes: &[
            ("PUT", Route::Api(Api::PutOverride, "")),
            ("DELETE", Route::Api(Api::LiftOverride, "")),
        ],
    },
    get(
        Place::At("/presets"),
        &[("GET", Route::Api(Api::Presets, ""))],
    ),
    Path {
        place: Place::Item("/presets/", ""),
        allow: "POST",
        routes: &[("POST", Route::Api(Api::Install, ""))],
    },
    get(
        Place::At("/subjects"),
        &[("GET", Route::Api(Api::Subjects, ""))],
    ),
    Path {
        place: Place::At("/healthz"),
        allow: "GET",
        routes: &[("GET", Route::Healthz)],
    },
    get(Place::At("/schemas/policy.json"), &[("GET", Route::Schema)]),
    get(Place::At("/openapi.json"), &[("GET", Route::OpenApi)]),
    redis("", "", SINGLE),
    redis("", "pipeline", PIPELINE),
    redis("", "multi-exec", TRANSACTION),
    redis(UPSTASH, "pipeline", PIPELINE),
    redis(UPSTASH, "multi-exec", TRANSACTION),
    Path {
        place: Place::Named(UPSTASH, ""),
        allow: "GET, POST, PUT, HEAD",
        routes: &[
            ("POST", Route::Redis(Form::Single)),
            ("GET", COMMAND),
            ("PUT", COMMAND),
            ("HEAD", COMMAND),
        ],
    },
    Path {
        place: Place::Commands(UPSTASH),
        allow: "GET, POST, PUT, HEAD",
        routes: &[
            ("GET", COMMAND),
            ("POST", COMMAND),
            ("PUT", COMMAND),
            ("HEAD", COMMAND),
        ],
    },
];

const SINGLE: Methods = &[("POST", Route::Redis(Form::Single))];
const PIPELINE: Methods = &[("POST", Route::Redis(Form::Pipeline))];
const TRANSACTION: Methods = &[("POST", Route::Redis(Form::Transaction))];
/// The command itself is filled in by [`Route::find`].
const COMMAND: Route<'static> = Route::Redis(Form::Path(""));

const fn get(place: Place, routes: Methods) -> Path {
    Path {
        place,
        allow: "GET",
        routes,
    }
}

const fn post(path: &'static str, routes: Methods) -> Path {
    Path {
        place: Place::At(path),
        allow: "POST",
        routes,
    }
}

const fn redis(folder: &'static str, name: &'static str, routes: Methods) -> Path {
    Path {
        place: Place::Named(folder, name),
        allow: "POST",
        routes,
    }
}

impl Path {
    /// The line of a path, and what stands behind its folder.
    fn find(path: &str) -> Option<(&'static Path, &str)> {
        PATHS
            .iter()
            .find_map(|known| Some((known, known.place.rest_of(path)?)))
    }

    /// The answer to a method that the path has not. Clients of Upstash read no problems; the root
    /// alone is nothing but for them.
    fn without_method<'a>(&self) -> Result<Route<'a>, ApiError> {
        match self.place {
            Place::At(_) | Place::Item(..) | Place::Under(_) => {
                Err(ApiError::method_not_allowed(self.allow))
            }
            Place::Below(..) => Err(ApiError::stage_stays(self.allow)),
            Place::Named("", "") => Err(not_found()),
            _ => Ok(Route::Redis(Form::WrongMethod(self.allow))),
        }
    }
}

impl Place {
    /// What stands in `path` behind this folder, without leading slashes, or the name that stands
    /// in it; `None` when it is not this place.
    fn rest_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        let (folder, name) = match self {
            Place::At(exact) => return (path == *exact).then_some(""),
            Place::Item(folder, action) => {
                let name = path.strip_prefix(folder)?.strip_suffix(action)?;
                return (!name.is_empty() && !name.contains('/')).then_some(name);
            }
            Place::Below(folder, action) => {
                let rest = path.strip_prefix(folder)?.strip_suffix(action)?;
                return (!rest.is_empty()).then_some(rest);
            }
            Place::Under(folder) => {
                return path.strip_prefix(folder).filter(|rest| !rest.is_empty());
            }
            Place::Named(folder, name) => (folder, Some(*name)),
            Place::Commands(folder) => (folder, None),
        };
        let rest = path.strip_prefix(folder)?;
        let is_inside = rest.is_empty() || rest.starts_with('/');
        let rest = rest.trim_start_matches('/');
        let is_named = name.is_none_or(|name| rest.trim_end_matches('/') == name);
        (is_inside && is_named).then_some(rest)
    }
}

impl Route<'_> {
    /// The route of a request.
    pub fn find<'a>(method: &str, path: &'a str) -> Result<Route<'a>, ApiError> {
        let (known, rest) = Path::find(path).ok_or_else(not_found)?;
        match known.routes.iter().find(|(word, _)| *word == method) {
            Some((_, Route::Redis(Form::Path(_)))) => Ok(Route::Redis(Form::Path(rest))),
            Some((_, Route::Api(api, _))) => Ok(Route::Api(*api, rest)),
            Some((_, route)) => Ok(*route),
            None => known.without_method(),
        }
    }
}

impl<'a> Route<'a> {
    /// The route of a request to the object of a subject itself, which answers for its subject
    /// alone.
    pub fn find_in_object(method: &str, path: &'a str) -> Result<Route<'a>, ApiError> {
        match Route::find(method, path)? {
            route @ Route::Api(api, _) if api.is_of_subject() => Ok(route),
            _ => Err(not_found()),
        }
    }
}

fn not_found() -> ApiError {
    let detail = "There is nothing at this path. POST /limit asks for a decision.";
    ApiError::new(Code::NotFound, detail)
}

impl Api {
    /// The role that a caller needs.
    pub const fn role(self) -> Role {
        match self {
            Api::Status
            | Api::Policies
            | Api::Policy
            | Api::PolicyVersions
            | Api::Explain
            | Api::Overrides
            | Api::Presets
            | Api::Subjects => Role::Read,
            Api::Limit
            | Api::Multi
            | Api::Report
            | Api::Settle
            | Api::TopUp
            | Api::Renew
            | Api::Release
            | Api::Acquire => Role::Check,
            Api::Reset
            | Api::Block
            | Api::PutPolicy
            | Api::DeletePolicy
            | Api::Rollback
            | Api::Audit
            | Api::PutOverride
            | Api::LiftOverride
            | Api::SetStage
            | Api::Install => Role::Admin,
        }
    }

    /// Whether the route reads a body; of the others those that change something refuse one.
    pub const fn reads_body(self) -> bool {
        match self {
            Api::Limit
            | Api::Multi
            | Api::Block
            | Api::Report
            | Api::Settle
            | Api::TopUp
            | Api::Renew
            | Api::Release
            | Api::Acquire
            | Api::PutPolicy
            | Api::Rollback
            | Api::PutOverride
            | Api::SetStage => true,
            Api::Status
            | Api::Reset
            | Api::Policies
            | Api::Policy
            | Api::DeletePolicy
            | Api::PolicyVersions
            | Api::Explain
            | Api::Audit
            | Api::Overrides
            | Api::LiftOverride
            | Api::Presets
            | Api::Install
            | Api::Subjects => false,
        }
    }

    /// Whether it is about one subject, so that the subject's object itself may be asked.
    pub const fn is_of_subject(self) -> bool {
        matches!(
            self,
            Api::Limit
                | Api::Status
                | Api::Reset
                | Api::Block
                | Api::Report
                | Api::Settle
                | Api::TopUp
                | Api::Renew
                | Api::Release
                | Api::Acquire
        )
    }

    /// Whether the route changes something by its path and query alone. A body would be about a
    /// change that is not made.
    pub const fn refuses_body(self) -> bool {
        matches!(
            self,
            Api::Reset | Api::DeletePolicy | Api::LiftOverride | Api::Install
        )
    }
}

/// Every method of every line of the table, and what it means.
#[cfg(test)]
pub(crate) fn table() -> impl Iterator<Item = (&'static str, Route<'static>)> {
    PATHS.iter().flat_map(|path| path.routes).copied()
}

/// The methods of a path, for a preflight request; `None` when there is no such path.
pub fn methods_of(path: &str) -> Option<&'static str> {
    Path::find(path).map(|(known, _)| known.allow)
}

/// Path and query of an absolute URL; both as they stand, the query without its `?`. A fragment
/// never reaches a server.
pub fn split_url(url: &str) -> (&str, &str) {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let path = url[after_scheme..]
        .find(['/', '?', '#'])
        .map_or("", |at| &url[after_scheme + at..]);
    let path = path.split('#').next().unwrap_or("");
    match path.split_once('?') {
        Some(("", query)) => ("/", query),
        Some(parts) => parts,
        None if path.is_empty() => ("/", ""),
        None => (path, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_method_and_needs_its_role() {
        let table = [
            ("POST", "/limit", Api::Limit, Role::Check),
            ("GET", "/limit", Api::Status, Role::Read),
            ("DELETE", "/limit", Api::Reset, Role::Admin),
            ("POST", "/limit/multi", Api::Multi, Role::Check),
            ("POST", "/limit/block", Api::Block, Role::Admin),
            ("POST", "/limit/report", Api::Report, Role::Check),
            ("POST", "/limit/settle", Api::Settle, Role::Check),
            ("POST", "/limit/topup", Api::TopUp, Role::Check),
            ("POST", "/limit/renew", Api::Renew, Role::Check),
            ("POST", "/limit/release", Api::Release, Role::Check),
            ("POST", "/acquire", Api::Acquire, Role::Check),
            ("GET", "/policies", Api::Policies, Role::Read),
            ("GET", "/audit", Api::Audit, Role::Admin),
            ("GET", "/overrides", Api::Overrides, Role::Read),
            ("GET", "/presets", Api::Presets, Role::Read),
            ("GET", "/subjects", Api::Subjects, Role::Read),
        ];
        for (method, path, route, role) in table {
            let found = Route::find(method, path);
            assert_eq!(found, Ok(Route::Api(route, "")), "{method} {path}");
            assert_eq!(route.role(), role, "{method} {path}");
        }
        assert_eq!(Route::find("GET", "/healthz"), Ok(Route::Healthz));
        let schema = Route::find("GET", "/schemas/policy.json");
        assert_eq!(schema, Ok(Route::Schema));
        assert_eq!(Route::find("GET", "/openapi.json"), Ok(Route::OpenApi));
    }

    #[test]
    fn paths_of_policies_hold_the_name() {
        let table = [
            ("GET", "a.b", "", Api::Policy, Role::Read),
            ("PUT", "a.b", "", Api::PutPolicy, Role::Admin),
            ("DELETE", "a.b", "", Api::DeletePolicy, Role::Admin),
            (
                "GET",
                "versions",
                "/versions",
                Api::PolicyVersions,
                Role::Read,
            ),
            ("POST", "a%20b", "/rollback", Api::Rollback, Role::Admin),
        ];
        for (method, name, action, route, role) in table {
            let path = format!("/policies/{name}{action}");
            assert_eq!(Route::find(method, &path), Ok(Route::Api(route, name)));
            assert_eq!(route.role(), role, "{method} {path}");
        }
        let stage = |target| Ok(Route::Api(Api::SetStage, target));
        for target in ["all", "subject:a//b", "subject:a/stage/stage"] {
            let path = format!("/overrides/{target}/stage");
            assert_eq!(Route::find("PUT", &path), stage(target));
            let error = Route::find("DELETE", &path).unwrap_err();
            assert_eq!(error.header_lines(), "Allow: PUT\n");
            assert!(error.detail().starts_with("This path answers PUT: {"));
        }
        assert_eq!(Api::SetStage.role(), Role::Admin);
        let lift = Route::Api(Api::LiftOverride, "policy:stage/deny");
        assert_eq!(
            Route::find("DELETE", "/overrides/policy:stage/deny"),
            Ok(lift)
        );
        let install = Route::Api(Api::Install, "a.b");
        assert_eq!(Route::find("POST", "/presets/a.b"), Ok(install));
        assert_eq!(Api::Install.role(), Role::Admin);
        for path in [
            "/presets/",
            "/presets/a/b",
            "/policies/",
            "/policies/a/",
            "/policies//versions",
            "/policies/a/b/versions",
        ] {
            let found = Route::find("GET", path).map_err(|error| error.code());
            assert_eq!(found, Err(Code::NotFound), "{path}");
        }
    }

    #[test]
    fn requests_of_the_upstash_protocol_are_told_apart_by_method_and_path() {
        for (method, path, form) in [
            ("POST", "/", Some(Form::Single)),
            ("POST", "//", Some(Form::Single)),
            ("POST", "/upstash", Some(Form::Single)),
            ("POST", "/upstash/", Some(Form::Single)),
            ("POST", "/pipeline", Some(Form::Pipeline)),
            ("POST", "//pipeline", Some(Form::Pipeline)),
            ("POST", "/pipeline/", Some(Form::Pipeline)),
            ("POST", "/upstash//pipeline", Some(Form::Pipeline)),
            ("POST", "/multi-exec", Some(Form::Transaction)),
            ("POST", "/upstash/multi-exec", Some(Form::Transaction)),
            ("GET", "/pipeline", Some(Form::WrongMethod("POST"))),
            ("GET", "/upstash/pipeline", Some(Form::WrongMethod("POST"))),
            ("GET", "/upstash/get/a%2Fb", Some(Form::Path("get/a%2Fb"))),
            ("PUT", "/upstash/set/k", Some(Form::Path("set/k"))),
            ("POST", "/upstash/set/k/", Some(Form::Path("set/k/"))),
            ("POST", "/upstash/limit", Some(Form::Path("limit"))),
            ("GET", "/upstash", Some(Form::Path(""))),
            (
                "DELETE",
                "/upstash/get/a",
                Some(Form::WrongMethod("GET, POST, PUT, HEAD")),
            ),
            ("GET", "/", None),
            ("POST", "/get/a", None),
            ("POST", "/upstashed", None),
            ("POST", "//upstash/pipeline", None),
        ] {
            let found = Route::find(method, path).ok();
            assert_eq!(found, form.map(Route::Redis), "{method} {path}");
        }
    }

    #[test]
    fn a_preflight_request_is_told_the_methods_of_every_path() {
        for (path, methods) in [
            ("/limit", Some("GET, POST, DELETE")),
            ("/healthz", Some("GET")),
            ("/", Some("POST")),
            ("//pipeline", Some("POST")),
            ("/upstash/multi-exec", Some("POST")),
            ("/upstash", Some("GET, POST, PUT, HEAD")),
            ("/upstash/get/a", Some("GET, POST, PUT, HEAD")),
            ("/upstashed", None),
            ("/nowhere", None),
        ] {
            assert_eq!(methods_of(path), methods, "{path}");
        }
    }

    #[test]
    fn another_method_is_told_which_there_are_and_another_path_is_nothing() {
        let error = Route::find("PUT", "/limit").unwrap_err();
        assert_eq!(error.header_lines(), "Allow: GET, POST, DELETE\n");
        for path in &PATHS {
            let mut words: Vec<&str> = path.routes.iter().map(|(word, _)| *word).collect();
            let mut allowed: Vec<&str> = path.allow.split(", ").collect();
            words.sort_unstable();
            allowed.sort_unstable();
            assert_eq!(words, allowed);
        }
        for path in [
            "/limit/",
            "/Limit",
            "/limits",
            "//limit",
            "/healthz/x",
            "/limit%2Fmulti",
        ] {
            assert_eq!(
                Route::find("POST", path).unwrap_err().code(),
                Code::NotFound,
                "{path}"
            );
        }
    }

    #[test]
    fn urls_are_split_without_interpreting_them() {
        let table = [
            ("https://t.example/limit", ("/limit", "")),
            ("https://t.example/limit?a=1&b=?", ("/limit", "a=1&b=?")),
            ("http://127.0.0.1:8787", ("/", "")),
            ("http://h?x=/y", ("/", "x=/y")),
            ("http://h/a%2Fb#frag?no", ("/a%2Fb", "")),
            ("http://u:p@h:1/x", ("/x", "")),
            ("", ("/", "")),
        ];
        for (url, expected) in table {
            assert_eq!(split_url(url), expected, "{url}");
        }
    }
}
