//! CORS: which pages may read answers. Without the setting the `Origin` header is not read.

use crate::config::Config;
use crate::headers;
use crate::hot::Headers;

/// Whether a page may read the answer.
#[derive(Debug, Default)]
pub(super) struct Cors {
    /// The page's origin, if it is allowed.
    origin: Option<String>,
    /// Whether answers differ by origin.
    varies: bool,
}

impl Cors {
    /// Compares the request's origin with the configured ones.
    pub(super) fn of(config: &Config, headers: &Headers) -> Cors {
        if !config.allows_pages() {
            return Cors::default();
        }
        let origin = headers.get("origin");
        Cors {
            origin: origin.filter(|origin| config.allows_origin(origin)),
            varies: true,
        }
    }

    /// Whether the request comes from an allowed page.
    pub(super) fn allows(&self) -> bool {
        self.origin.is_some()
    }

    /// The headers of an answer.
    pub(super) fn lines(&self) -> String {
        headers::cors(self.origin.as_deref(), self.varies)
    }
}
