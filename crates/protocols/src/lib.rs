//! The protocols over several objects, checked exhaustively at small sizes: every order in which
//! messages arrive, are lost, come late or twice, and every crash of an object or of the Worker.
//!
//! What is checked are the machines themselves, as the Worker and its objects run them:
//! `SubjectState` of the core with its rows and messages as text, and `Multi`. Only what carries
//! messages between them is written anew in `tests`, as states and actions of a model checker. This
//! crate has nothing else.
//!
//! Each model is also run with a wrong carrier, such as one that forgets a message: the checker has
//! to find a counterexample, or it would prove nothing. Wrong machines are in `npm run mutants`.
