//! What the holder of a permit is answered.

use serde::{Deserialize, Serialize};

/// The body of `POST /limit/renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewedBody {
    /// Always true.
    pub success: bool,
    /// The same permit.
    pub permit: String,
    /// The same fence.
    pub fence: u64,
    /// The new deadline, in Unix ms.
    pub expires: u64,
}
