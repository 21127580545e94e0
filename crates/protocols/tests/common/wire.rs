//! Messages of requests that are on their way.

/// The messages of one step of a Worker to one object, which arrive together and in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Envelope {
    /// Whether it was sent at this instant: where messages take time, it cannot arrive yet.
    pub(crate) is_fresh: bool,
    pub(crate) worker: usize,
    pub(crate) object: usize,
    /// Which step of the Worker waits for it; none for what nobody waits for.
    pub(crate) step: Option<usize>,
    /// Calls as text, each with its place among the messages of the step.
    pub(crate) calls: Vec<(usize, String)>,
}

/// What is on its way; the order in which it was sent means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Wire(pub(crate) Vec<Envelope>);

impl Wire {
    pub(crate) fn put(&mut self, envelope: Envelope) {
        let place = self.0.partition_point(|known| *known < envelope);
        self.0.insert(place, envelope);
    }

    /// Time goes on.
    pub(crate) fn pass(&mut self) {
        self.0.iter_mut().for_each(|it| it.is_fresh = false);
        self.0.sort_unstable();
    }
}
