// Faults in how an object knows requests that come again, and operations that are cancelled.
// `scripts/mutants.mjs` runs them.

const CORE = "crates/core/src";

/** The files and folders that they are in. */
export const SOURCES = [
  `${CORE}/subject_state/keys.rs`,
  `${CORE}/subject_state/operations.rs`,
  `${CORE}/subject_state/repeated.rs`,
  `${CORE}/subject_state/shelf.rs`,
];

export const MUTANTS = [
  [
    "an operation that comes after its cancellation is not charged",
    `${CORE}/subject_state/operations.rs`,
    "self.cancelled.remember(id, now);",
    "",
    "protocols/multi",
  ],
  [
    "a request that is known is charged once",
    `${CORE}/subject_state/repeated.rs`,
    "self.keys.find(keyed.id, now).cloned()",
    "self.keys.find(keyed.id, now).cloned().filter(|_| false)",
    "idempotent",
  ],
  [
    "another question under a key is refused",
    `${CORE}/subject_state/repeated.rs`,
    "if kept.question != keyed.question {",
    "if false {",
    "idempotent",
  ],
  [
    "a denial is not kept under its key",
    `${CORE}/subject_state/repeated.rs`,
    "if is_charged && answers.iter().all(|answer| answer.success) {",
    "if is_charged {",
    "idempotent",
  ],
  [
    "a permit that was given back is not given again",
    `${CORE}/subject_state/repeated.rs`,
    "permit| self.is_given_back(&kept, permit, now))",
    "_| false)",
    "idempotent",
  ],
  [
    "what was given out elsewhere is charged once with its request",
    `${CORE}/subject_state/repeated.rs`,
    "if self.keys.find(keyed.id, moment.now).is_some() {",
    "if false {",
    "idempotent",
  ],
  [
    "a refund gives back no more than its key was charged",
    `${CORE}/subject_state/repeated.rs`,
    "Some(units) => units,",
    "Some(_) => i64::MAX,",
    "idempotent",
  ],
  [
    "a refund that is sent again gives back nothing",
    `${CORE}/subject_state/repeated.rs`,
    "None if only_known => 0,",
    "None if only_known => i64::MAX,",
    "idempotent",
  ],
  [
    "an attempt that was cancelled before it came holds nothing",
    `${CORE}/subject_state/repeated.rs`,
    "if operation.is_some_and(|attempt| self.operations.is_cancelled(attempt, now)) {",
    "if false {",
    "idempotent",
  ],
  [
    "every attempt that was answered holds the charge",
    `${CORE}/subject_state/repeated.rs`,
    "self.operations.share(first, attempt);",
    "let _ = (first, attempt);",
    "idempotent",
  ],
  [
    "whoever was promised a place and asks again waits for what is left",
    `${CORE}/subject_state/shelf.rs`,
    "delay: turn.map(|turn| turn.since(now)),",
    "delay: first.delay,",
    "idempotent",
  ],
  [
    "a key is known no longer than it is kept",
    `${CORE}/subject_state/shelf.rs`,
    "(kept.until > now).then_some(kept)",
    "Some(kept)",
    "idempotent",
  ],
  [
    "beyond ten thousand only the older half of the keys is given up",
    `${CORE}/subject_state/keys.rs`,
    "self.give_up(self.blocks.len() / 2);",
    "self.give_up(self.blocks.len() - 1);",
    "idempotent",
  ],
  [
    "answers say since when keys are known where some were given up",
    `${CORE}/subject_state/keys.rs`,
    "self.since = self.since.max(kept.began.plus(Duration::from_millis(1)));",
    "",
    "idempotent",
  ],
  [
    "answers say since when keys are known after a reset",
    `${CORE}/subject_state/keys.rs`,
    "self.since = self.since.max(now.plus(Duration::from_millis(1)));",
    "",
    "idempotent",
  ],
  [
    "rows of keys that nobody needs go while others come",
    `${CORE}/subject_state/keys.rs`,
    "self.delete_dead(1, now, effects);",
    "",
    "idempotent",
  ],
  [
    "what can no longer be taken back is not young",
    `${CORE}/subject_state/operations.rs`,
    "operation.at.min(now).plus(kept) > now)",
    "operation.at.min(now).plus(kept) >= now)",
    "contended",
  ],
  [
    "a charge is cancelled once",
    `${CORE}/subject_state/operations.rs`,
    "core::mem::take(&mut operation.charges)",
    "operation.charges.clone()",
    "durability",
  ],
  [
    "a cancelled operation is not charged later",
    `${CORE}/subject_state/operations.rs`,
    "self.cancelled.remember(id, now);",
    "",
    "durability",
  ],
  [
    "operations age under a clock that has stepped back",
    `${CORE}/subject_state/operations.rs`,
    "operation.at = operation.at.min(now);",
    "",
    "definitions",
  ],
  [
    "operations are kept however many",
    `${CORE}/subject_state/operations.rs`,
    "if age < kept || (age < REMEMBERED && self.bytes <= MAX_IDLE_BYTES) {",
    "if age < REMEMBERED && self.recent.len() < 512 {",
    "definitions",
  ],
  [
    "no operation is charged that could not be taken back",
    `${CORE}/subject_state/operations.rs`,
    "if self.bytes > MAX_BYTES {",
    "if self.bytes > MAX_BYTES * 1_000 {",
    "definitions",
  ],
];
