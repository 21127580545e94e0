//! HTTP: the policies of a server, and changes of them.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_core::limit::{Name, MAX_NAME};
use tollgate_policies::bounds::MAX_POLICIES;
use ureq::http::Uri;
use ureq::{Agent, Body};

use crate::failure::Failure;
use crate::plan::{Action, Step, Stored};
use crate::terminal::shown;
use crate::tree::Tree;

/// How long one call may take, a slow line included.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer, in bytes: all names of a namespace are far below.
const MAX_ANSWER: u64 = 16 << 20;

/// A server, and who asks it.
pub struct Server {
    agent: Agent,
    url: String,
    /// Scheme, host and port, for people.
    origin: String,
    bearer: String,
}

impl Server {
    /// Refuses to send a token in the clear to another machine. Follows no redirect: the token is
    /// for this server alone.
    pub fn new(url: &str, token: &str) -> Result<Server, Failure> {
        let wrong = |why: &str| Failure::Wrong(format!("--url: {why}"));
        let parsed: Uri = url.parse().map_err(|_| wrong("it is no address."))?;
        let authority = parsed.authority().map_or("", |it| it.as_str());
        // Said without the address, which may hold a password.
        if authority.contains('@') || parsed.query().is_some() || url.contains('#') {
            return Err(wrong(
                "take an address without user, password, `?` and `#`; the token is TOLLGATE_TOKEN.",
            ));
        }
        let host = parsed.host().unwrap_or_default();
        let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        match parsed.scheme_str() {
            Some("https") => {}
            Some("http") if is_here => {}
            _ => return Err(wrong("take https; http is for this machine alone.")),
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE));
        let config = if is_here { config.proxy(None) } else { config };
        Ok(Server {
            agent: config.build().new_agent(),
            url: url.trim_end_matches('/').to_owned(),
            origin: format!("{}://{authority}", parsed.scheme_str().unwrap_or_default()),
            bearer: format!("Bearer {token}"),
        })
    }

    /// All policies that are stored in the token's namespace. What the server's deployment brings
    /// is nobody's to keep: a file of its name takes its place.
    pub fn policies(&self) -> Result<BTreeMap<String, Stored>, Failure> {
        let list = self.get("/policies")?;
        let Some(Tree::List(lines)) = list.get("policies") else {
            return Err(strange());
        };
        let is_stored = |line: &&Tree| line.get("origin").and_then(Tree::text) != Some("static");
        let lines = lines.iter().filter(is_stored);
        let names = lines.map(|line| line.get("name").and_then(Tree::text));
        let names = names.map(|name| named(name.ok_or_else(strange)?));
        let names: Vec<Name> = names.collect::<Result<_, _>>()?;
        if names.len() > MAX_POLICIES {
            return Err(strange());
        }
        let mut policies = BTreeMap::new();
        for name in &names {
            let name = name.as_str();
            let body = self.get(&format!("/policies/{name}"))?;
            policies.insert(name.to_owned(), stored(body)?);
        }
        Ok(policies)
    }

    /// Does one step, if the policy is still as it was when the step was planned.
    pub fn apply(&self, step: &Step, reason: Option<&str>) -> Result<(), Failure> {
        let path = format!("{}/policies/{}", self.url, step.name);
        let reason = reason.map(|reason| ("reason", reason));
        let (header, value) = step.condition();
        let answer = if step.action == Action::Remove {
            let call = self.agent.delete(&path).query_pairs(reason);
            call.header("authorization", &self.bearer)
                .header(header, value)
                .call()
        } else {
            let call = self.agent.put(&path).query_pairs(reason);
            let call = call
                .header("authorization", &self.bearer)
                .header(header, value);
            call.content_type("application/json")
                .send(step.text.as_str())
        };
        self.read(answer).map(drop)
    }

    fn get(&self, path: &str) -> Result<Tree, Failure> {
        let call = self.agent.get(format!("{}{path}", self.url));
        self.read(call.header("authorization", &self.bearer).call())
    }

    fn read(
        &self,
        answer: Result<ureq::http::Response<Body>, ureq::Error>,
    ) -> Result<Tree, Failure> {
        let unreachable =
            |error| Failure::Server(format!("{} cannot be reached: {error}.", self.origin));
        let mut answer = answer.map_err(unreachable)?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string();
        let tree = Tree::from_json(&body.map_err(unreachable)?);
        let status = answer.status();
        if status.is_success() {
            return tree.map_err(|_| strange());
        }
        let tree = tree.unwrap_or(Tree::List(Vec::new()));
        let field = |name| shown(tree.get(name).and_then(Tree::text).unwrap_or_default());
        let (code, detail) = (field("code"), field("detail"));
        Err(Failure::Server(format!(
            "The server answers {status} {code}: {detail}"
        )))
    }
}

fn strange() -> Failure {
    Failure::Server("The answer is none of Tollgate's: look at --url.".to_owned())
}

/// The name of a policy as the server tells it: it becomes a part of paths, here and there.
fn named(name: &str) -> Result<Name, Failure> {
    Name::new("name", name).map_err(|_| {
        let name: String = shown(name).chars().take(MAX_NAME).collect();
        Failure::Server(format!(
            "The server has a policy `{name}`, which is no name of one. Nothing was done."
        ))
    })
}

fn stored(mut body: Tree) -> Result<Stored, Failure> {
    let bare = |name| match body.get(name) {
        Some(Tree::Bare(number)) => number.clone(),
        _ => String::new(),
    };
    let text = |name| shown(body.get(name).and_then(Tree::text).unwrap_or_default());
    let version = bare("version").parse().map_err(|_| strange())?;
    let (author, reason) = (text("author"), text("reason"));
    let author = if author.is_empty() {
        "a token without a name"
    } else {
        &author
    };
    let mut by = format!("version {version} is by {author}, at {} ms", bare("at"));
    if !reason.is_empty() {
        by.push_str(&format!(", because: {reason}"));
    }
    let mut policy = body.take("policy").ok_or_else(strange)?;
    let source = policy.take("source");
    Ok(Stored {
        version,
        by,
        source: source
            .as_ref()
            .and_then(Tree::text)
            .unwrap_or_default()
            .to_owned(),
        policy: policy.with_limit_apart(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_holds_a_password_is_refused_and_not_repeated() {
        for url in [
            "http://user:hunter2@127.0.0.1:1",
            "https://hunter2@example.org",
            "https://example.org/?key=hunter2",
            "https://example.org/#hunter2",
            "http://hunter2.example.org",
            "hunter2",
        ] {
            let failure = Server::new(url, "t").err().map(|it| it.to_string());
            let failure = failure.unwrap_or_default();
            assert!(failure.starts_with("--url: "), "{url}: {failure}");
            assert!(!failure.contains("hunter2"), "{failure}");
        }
        let server = Server::new("https://example.org:8443/tollgate/", "t").ok();
        let known = server.map(|it| (it.url, it.origin));
        let (url, origin) = known.unwrap_or_default();
        assert_eq!(url, "https://example.org:8443/tollgate");
        assert_eq!(origin, "https://example.org:8443");
    }

    #[test]
    fn a_name_of_a_server_is_no_path() {
        for name in ["a", "a.b", "...", "A-b_9"] {
            assert_eq!(named(name).ok().as_ref().map(Name::as_str), Some(name));
        }
        let long = "x".repeat(65);
        for name in [
            "",
            ".",
            "..",
            "../a",
            "/a",
            "a/b",
            "a\\b",
            "a\0",
            "C:a",
            "\u{1b}[2J",
            &long,
        ] {
            let failure = named(name).err().map(|it| it.to_string());
            let failure = failure.unwrap_or_default();
            assert!(failure.contains("no name"), "{name:?}: {failure}");
            assert!(!failure.contains('\u{1b}'), "{failure}");
        }
    }
}
