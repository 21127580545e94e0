//! The one table of routes: from method and path to the route, its role, and how its body is read.

use tollgate_upstash::protocol::{form, Form};

use crate::auth::Role;
use crate::error::{ApiError, Code};

/// The largest body, in bytes. The largest sensible request, 32 entries of 8 limits, is a quarter
/// of it.
pub const MAX_BODY: usize = 65_536;

/// The target of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// `GET /healthz`, which asks for no token.
    Healthz,
    /// A route of the API.
    Api(Api),
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
    /// `POST /limit/renew`.
    Renew,
    /// `POST /limit/release`.
    Release,
    /// `POST /acquire`.
    Acquire,
}

/// One path: its methods, as `Allow` lists them, and what each means.
struct Path {
    path: &'static str,
    allow: &'static str,
    routes: &'static [(&'static str, Route<'static>)],
}

const PATHS: [Path; 7] = [
    Path {
        path: "/limit",
        allow: "GET, POST, DELETE",
        routes: &[
            ("POST", Route::Api(Api::Limit)),
            ("GET", Route::Api(Api::Status)),
            ("DELETE", Route::Api(Api::Reset)),
        ],
    },
    post("/limit/multi", &[("POST", Route::Api(Api::Multi))]),
    post("/limit/block", &[("POST", Route::Api(Api::Block))]),
    post("/limit/renew", &[("POST", Route::Api(Api::Renew))]),
    post("/limit/release", &[("POST", Route::Api(Api::Release))]),
    post("/acquire", &[("POST", Route::Api(Api::Acquire))]),
    Path {
        path: "/healthz",
        allow: "GET",
        routes: &[("GET", Route::Healthz)],
    },
];

const fn post(path: &'static str, routes: &'static [(&'static str, Route<'static>)]) -> Path {
    Path {
        path,
        allow: "POST",
        routes,
    }
}

impl Route<'_> {
    /// The route of a request.
    pub fn find<'a>(method: &str, path: &'a str) -> Result<Route<'a>, ApiError> {
        let Some(known) = PATHS.iter().find(|known| known.path == path) else {
            return form(method, path).map(Route::Redis).ok_or_else(|| {
                let detail = "There is nothing at this path. POST /limit asks for a decision.";
                ApiError::new(Code::NotFound, detail)
            });
        };
        known
            .routes
            .iter()
            .find(|(word, _)| *word == method)
            .map(|(_, route)| *route)
            .ok_or_else(|| ApiError::method_not_allowed(known.allow))
    }
}

impl Api {
    /// The role that a caller needs.
    pub const fn role(self) -> Role {
        match self {
            Api::Status => Role::Read,
            Api::Limit | Api::Multi | Api::Renew | Api::Release | Api::Acquire => Role::Check,
            Api::Reset | Api::Block => Role::Admin,
        }
    }

    /// Whether the route reads a body.
    pub const fn reads_body(self) -> bool {
        !matches!(self, Api::Status | Api::Reset)
    }
}

/// The methods of a path, for a preflight request; `None` when there is no such path.
pub fn methods_of(path: &str) -> Option<&'static str> {
    let known = PATHS.iter().find(|known| known.path == path);
    known.map(|known| known.allow)
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

/// Whether a body of this type is read as JSON: `application/json`, anything `+json`, `text/plain`
/// (what `fetch` sends unasked), the form type (what `curl -d` sends unasked), or no type at all,
/// which is empty. The body itself has to be JSON whatever its type.
pub fn check_type(content_type: &str) -> Result<(), ApiError> {
    let essence = content_type.split(';').next().unwrap_or("").trim_ascii();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    let ends = |end: &str| {
        let at = essence.len().saturating_sub(end.len());
        essence
            .get(at..)
            .is_some_and(|last| last.eq_ignore_ascii_case(end))
    };
    if is("application/json")
        || is("")
        || is("text/plain")
        || is("application/x-www-form-urlencoded")
        || (essence.contains('/') && ends("+json"))
    {
        return Ok(());
    }
    let detail = "Send the body as JSON, with `Content-Type: application/json`.";
    Err(ApiError::new(Code::UnsupportedMediaType, detail))
}

/// How a body has to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Its length was announced, is small enough, and the runtime holds the sender to it.
    Announced,
    /// Its length is not known: it is counted while it arrives.
    Counted,
}

/// How a body of at most `max` bytes is read; `None` when it announces itself to be larger.
/// `content_length`: empty where there is none.
pub fn reading_of(content_length: &str, max: usize) -> Option<Reading> {
    match content_length.parse::<usize>() {
        Ok(length) if length <= max => Some(Reading::Announced),
        Ok(_) => None,
        Err(_) => Some(Reading::Counted),
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
            ("POST", "/limit/renew", Api::Renew, Role::Check),
            ("POST", "/limit/release", Api::Release, Role::Check),
            ("POST", "/acquire", Api::Acquire, Role::Check),
        ];
        for (method, path, route, role) in table {
            let found = Route::find(method, path);
            assert_eq!(found, Ok(Route::Api(route)), "{method} {path}");
            assert_eq!(route.role(), role, "{method} {path}");
        }
        assert_eq!(Route::find("GET", "/healthz"), Ok(Route::Healthz));
        let redis = [
            ("POST", "/", Form::Single),
            ("POST", "/pipeline", Form::Pipeline),
            ("GET", "/pipeline", Form::WrongMethod("POST")),
            ("GET", "/upstash/get/a", Form::Path("get/a")),
        ];
        for (method, path, form) in redis {
            let found = Route::find(method, path);
            assert_eq!(found, Ok(Route::Redis(form)), "{method} {path}");
        }
    }

    #[test]
    fn another_method_is_told_which_there_are_and_another_path_is_nothing() {
        let error = Route::find("PUT", "/limit").unwrap_err();
        assert_eq!(error.header_lines(), "Allow: GET, POST, DELETE\n");
        for (path, routes) in PATHS.map(|path| (path.path, path)) {
            let mut words: Vec<&str> = routes.routes.iter().map(|(word, _)| *word).collect();
            let mut allowed: Vec<&str> = routes.allow.split(", ").collect();
            words.sort_unstable();
            allowed.sort_unstable();
            assert_eq!(words, allowed, "{path}");
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

    #[test]
    fn bodies_are_read_as_json_or_refused() {
        for good in [
            "",
            "application/json",
            "Application/JSON; charset=utf-8",
            "text/plain;charset=UTF-8",
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-URLencoded; charset=UTF-8",
            "application/vnd.api+json",
            "application/problem+JSON",
        ] {
            assert_eq!(check_type(good), Ok(()), "{good:?}");
        }
        for bad in [
            "application/x-www-form-urlencoded2",
            "text/html",
            "json",
            "+json",
            "application/jsonp",
            "multipart/form-data; boundary=x",
            "ä",
        ] {
            let error = check_type(bad).unwrap_err();
            assert_eq!(error.code(), Code::UnsupportedMediaType, "{bad}");
        }
    }

    #[test]
    fn a_body_is_refused_before_it_is_read_or_counted_while_it_arrives() {
        let table = [
            ("0", Some(Reading::Announced)),
            ("65536", Some(Reading::Announced)),
            ("65537", None),
            ("99999999999999999999999", Some(Reading::Counted)),
            ("-1", Some(Reading::Counted)),
            ("", Some(Reading::Counted)),
        ];
        for (header, expected) in table {
            assert_eq!(reading_of(header, MAX_BODY), expected, "{header:?}");
        }
    }
}
