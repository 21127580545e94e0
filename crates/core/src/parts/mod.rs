//! What a caller does with a permit that has parts in several objects, and that has to be done in
//! all of them before he is answered: it holds another total ([`NewTotal`]), or for longer
//! ([`Renewal`]). How a permit ends its home tells by itself.
//!
//! Both are pure: they say what to do in [`Step`]s, and are told what came of it. The home is asked
//! first: it alone knows the other parts, and whether the permit is held at all. A part that has no
//! units of the permit, or a place that was promised, is passed over.
//!
//! **A new total.** What is let go may be gone to somebody else, so nothing is before all have
//! agreed. First the home, then all others at once, hold the total where it is more. If all can,
//! those that hold more of a limit let it go; where one of them has less, down to what that one
//! does. If one has no room, or does not answer, what was raised is undone, for which no room is
//! needed. The home numbers the topups of a permit, and a part heeds none that a newer one has
//! overtaken: what arrives late, an undoing too, changes nothing of what was answered since. A
//! topup that was overtaken before all had agreed has not been done, and is not answered as if.
//!
//! **Renewal.** All others are asked at once, and once more those that did not answer. It is
//! answered when all have renewed, with the first of their deadlines. Else it is not: whoever has
//! renewed holds for longer, and the same call can be made again.
//!
//! If the caller dies in between, an object is silent, or restarts and so cannot undo, some parts
//! hold more or for longer than others until the permit ends, or the same call is made again. None
//! holds less than was answered last.

mod new_total;
mod renewal;
mod step;

pub use new_total::NewTotal;
pub use renewal::Renewal;
pub use step::{Failed, Next, Step};
