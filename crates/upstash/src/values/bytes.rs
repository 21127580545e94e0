//! Byte strings.

use std::rc::Rc;

/// What a key, a field or a member holds: shared with the replies that show it, so that showing it
/// often takes no memory.
pub type Bytes = Rc<[u8]>;
