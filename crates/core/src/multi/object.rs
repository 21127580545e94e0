//! One object of a request, and everything that is asked of it.

use super::entry::Asked;

/// The entries of one object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) name: String,
    /// The indices of its entries in the request.
    pub(super) entries: Vec<usize>,
    /// Whether any of them was refused by it when it was asked last.
    pub(super) refused_last: bool,
    /// Whether all of them give units back.
    pub(super) gives_back: bool,
}

impl Object {
    /// The objects of the entries that the isolate does not remember to be refused.
    pub(super) fn of(asked: &[Asked]) -> Vec<Object> {
        let mut objects: Vec<Object> = Vec::with_capacity(asked.len());
        for (entry, asked) in asked.iter().enumerate() {
            if asked.remembered.is_some() {
                continue;
            }
            match objects.iter_mut().find(|it| it.name == asked.object) {
                Some(object) => {
                    object.entries.push(entry);
                    object.refused_last |= asked.refused_last;
                    object.gives_back &= asked.gives_back;
                }
                None => objects.push(Object {
                    name: asked.object.to_owned(),
                    entries: vec![entry],
                    refused_last: asked.refused_last,
                    gives_back: asked.gives_back,
                }),
            }
        }
        objects
    }
}
