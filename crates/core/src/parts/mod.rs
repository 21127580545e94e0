//! What a caller does with a permit that has parts in several objects, and that has to be done in
//! all of them before he is answered: it holds another total ([`Topping`]), or for longer
//! ([`Renewal`]). How a permit ends its home tells by itself.
//!
//! Both are pure: they say what to do in [`Step`]s, and are told what came of it. The home is asked
//! first: it alone knows the other parts, and whether the permit is held at all.
//!
//! **Topping.** All others are asked at once for what the home has room for. Where one of them has
//! less, all hold what that one does; where one has no room, or does not answer, what was done is
//! undone. The home numbers the topups of a permit, and a part heeds none that a newer one has
//! overtaken: what arrives late, an undoing too, changes nothing of what was answered since.
//!
//! **Renewal.** All others are asked at once, and once more those that did not answer. It is
//! answered when all have renewed, with the first of their deadlines. Else it is not: whoever has
//! renewed holds for longer, and the same call can be made again.
//!
//! If the caller dies in between, some parts hold more or for longer than others until the permit
//! ends: never less than was answered.

mod renewal;
mod step;
mod topping;

pub use renewal::Renewal;
pub use step::{Failed, Next, Step};
pub use topping::Topping;
