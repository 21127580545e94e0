//! Whether the start of a subject's stages may yet be taken back.
//!
//! The first admission starts the clock. One that is taken back, because another level or another
//! entry of the request refused, was none: a subject that its parent refuses for a week would
//! otherwise find its first stage over. In memory only, as operations are: after a restart a start
//! stays.

/// So many operations at most are told apart; with more the start stays.
const MAX_OPERATIONS: usize = 64;

/// The operations of all admissions since the clock began; `None` where the start stays.
#[derive(Debug, Clone, Default)]
pub(super) struct Begun(Option<Vec<u128>>);

impl Begun {
    /// After an admission of this operation, or of what cannot be taken back.
    pub(super) fn admitted(&mut self, operation: Option<u128>, has_started: bool) {
        if has_started {
            self.0 = Some(Vec::new());
        }
        match (&mut self.0, operation) {
            (Some(known), Some(id)) if known.len() < MAX_OPERATIONS => known.push(id),
            _ => self.stays(),
        }
    }

    /// Somebody has set the start, or it has been used for good.
    pub(super) fn stays(&mut self) {
        self.0 = None;
    }

    /// After an operation was taken back: whether it was the last of all admissions.
    pub(super) fn is_taken_back(&mut self, operation: u128) -> bool {
        let Some(known) = &mut self.0 else {
            return false;
        };
        known.retain(|id| *id != operation);
        let is_taken_back = known.is_empty();
        if is_taken_back {
            self.stays();
        }
        is_taken_back
    }
}
