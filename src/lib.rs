//! Tollgate: the Worker.
