//! Tollgate: the Worker.
pub mod auth;
pub mod config;
pub mod error;
pub mod fallback;
pub mod headers;
pub mod placement;
pub mod router;
pub mod telemetry;
