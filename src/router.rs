//! From method, path and the headers of a body to what is asked: the one table of routes, the role that each needs, and which bodies
//! are read at all.

use crate::auth::Role;
use crate::error::{ApiError, Code};

/// The largest body, in bytes. The largest sensible request, 32 entries of 8 limits, is a quarter of it.
pub const MAX_BODY: usize = 65_536;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `GET /healthz`.
    Healthz,
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
    routes: &'static [(&'static str, Route)],
}

const PATHS: [Path; 7] = [
    Path {
        path: "/limit",
        allow: "GET, POST, DELETE",
        routes: &[
            ("POST", Route::Limit),
            ("GET", Route::Status),
            ("DELETE", Route::Reset),
        ],
    },
    post("/limit/multi", &[("POST", Route::Multi)]),
    post("/limit/block", &[("POST", Route::Block)]),
    post("/limit/renew", &[("POST", Route::Renew)]),
    post("/limit/release", &[("POST", Route::Release)]),
    post("/acquire", &[("POST", Route::Acquire)]),
    Path {
        path: "/healthz",
        allow: "GET",
        routes: &[("GET", Route::Healthz)],
    },
];

const fn post(path: &'static str, routes: &'static [(&'static str, Route)]) -> Path {
    Path {
        path,
        allow: "POST",
        routes,
    }
}

impl Route {
    /// The route of a request.
    pub fn find(method: &str, path: &str) -> Result<Route, ApiError> {
        let known = PATHS.iter().find(|known| known.path == path);
        let known = known.ok_or_else(|| {
            let detail = "There is nothing at this path. POST /limit asks for a decision.";
            ApiError::new(Code::NotFound, detail)
        })?;
        known
            .routes
            .iter()
            .find(|(word, _)| *word == method)
            .map(|(_, route)| *route)
            .ok_or_else(|| ApiError::method_not_allowed(known.allow))
    }

    /// The role that a caller needs; `None` where no token is asked for.
    pub const fn role(self) -> Option<Role> {
        match self {
            Route::Healthz => None,
            Route::Status => Some(Role::Read),
            Route::Limit | Route::Multi | Route::Renew | Route::Release | Route::Acquire => {
                Some(Role::Check)
            }
            Route::Reset | Route::Block => Some(Role::Admin),
        }
    }

    /// Whether the route reads a body.
    pub const fn reads_body(self) -> bool {
        !matches!(self, Route::Healthz | Route::Status | Route::Reset)
    }
}

/// The methods of a path, for a page that asks beforehand; `None` when there is no such path.
pub fn methods_of(path: &str) -> Option<&'static str> {
    let known = PATHS.iter().find(|known| known.path == path);
    known.map(|known| known.allow)
}

/// Path and query of an absolute URL; both as they stand, the query without its `?`. A fragment never reaches a server.
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
pub enum Body {
    /// Its length was announced, is small enough, and the runtime holds the sender to it.
    Announced,
    /// Its length is not known: it is counted while it arrives.
    Counted,
}

/// Refuses a body that announces itself to be too large. A length that is not announced is empty.
pub fn check_length(content_length: &str) -> Result<Body, ApiError> {
    match content_length.parse::<usize>() {
        Ok(length) if length <= MAX_BODY => Ok(Body::Announced),
        Ok(_) => Err(too_large()),
        Err(_) => Ok(Body::Counted),
    }
}

/// The body is larger than [`MAX_BODY`].
pub fn too_large() -> ApiError {
    let detail = format!("The body must be at most {MAX_BODY} bytes long.");
    ApiError::new(Code::BodyTooLarge, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_method_and_needs_its_role() {
        let table = [
            ("GET", "/healthz", Route::Healthz, None),
            ("POST", "/limit", Route::Limit, Some(Role::Check)),
            ("GET", "/limit", Route::Status, Some(Role::Read)),
            ("DELETE", "/limit", Route::Reset, Some(Role::Admin)),
            ("POST", "/limit/multi", Route::Multi, Some(Role::Check)),
            ("POST", "/limit/block", Route::Block, Some(Role::Admin)),
            ("POST", "/limit/renew", Route::Renew, Some(Role::Check)),
            ("POST", "/limit/release", Route::Release, Some(Role::Check)),
            ("POST", "/acquire", Route::Acquire, Some(Role::Check)),
        ];
        for (method, path, route, role) in table {
            assert_eq!(Route::find(method, path), Ok(route), "{method} {path}");
            assert_eq!(route.role(), role, "{method} {path}");
        }
    }

    #[test]
    fn another_method_is_told_which_there_are_and_another_path_is_nothing() {
        let error = Route::find("PUT", "/limit").unwrap_err();
        assert_eq!(error.header_lines(), "allow: GET, POST, DELETE\n");
        for (path, routes) in PATHS.map(|path| (path.path, path)) {
            let mut words: Vec<&str> = routes.routes.iter().map(|(word, _)| *word).collect();
            let mut allowed: Vec<&str> = routes.allow.split(", ").collect();
            words.sort_unstable();
            allowed.sort_unstable();
            assert_eq!(words, allowed, "{path}");
        }
        for path in [
            "",
            "/",
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
            ("0", Ok(Body::Announced)),
            ("65536", Ok(Body::Announced)),
            ("65537", Err(Code::BodyTooLarge)),
            ("99999999999999999999999", Ok(Body::Counted)),
            ("-1", Ok(Body::Counted)),
            ("", Ok(Body::Counted)),
        ];
        for (header, expected) in table {
            assert_eq!(
                check_length(header).map_err(|error| error.code()),
                expected,
                "{header:?}"
            );
        }
    }
}
