//! The tasks of one wasm instance by their ids; `task` runs them.
//!
//! A request that was cancelled, because its client went away, is never heard of again, and its
//! task stays. So the table is swept when it has grown to twice what the last sweep left, and every
//! two minutes while it is large.

use tollgate_core::{Duration, Timestamp};

/// Nothing that a request awaits takes as long as this: a task that waits longer is one of a
/// cancelled request.
const LONGEST: Duration = Duration::from_secs(120);
/// With fewer tasks than this no sweep is worth its time.
const SWEEP_FROM: usize = 256;
/// The lower bits of an id count up; those above are the number of the wasm instance. So an id that
/// outlived its instance is not known to the next one, and never means another request's task.
const COUNT_BITS: u32 = 20;

/// Tasks by their ids: at most 256, or twice those that the last sweep left, if that is more. A
/// sweep leaves what began to wait in the last two minutes.
pub struct TaskTable<T> {
    instance: u32,
    slots: Vec<Slot<T>>,
    next: u32,
    /// The number of tasks at which the next sweep is due.
    sweep_at: usize,
    /// When the last sweep was.
    swept: Timestamp,
}

struct Slot<T> {
    id: u32,
    /// Since when it waits.
    waits_since: Timestamp,
    /// `None` while it runs.
    task: Option<T>,
}

impl<T> TaskTable<T> {
    /// A table without tasks; `instance` is the number of the wasm instance.
    pub const fn new(instance: u32) -> TaskTable<T> {
        TaskTable {
            instance,
            slots: Vec::new(),
            next: 0,
            sweep_at: SWEEP_FROM,
            swept: Timestamp::ZERO,
        }
    }

    /// Adds a task that begins now; its id.
    pub fn add(&mut self, task: T, now: Timestamp) -> u32 {
        let is_late = self.swept.plus(LONGEST) <= now;
        let due_at = if is_late { SWEEP_FROM } else { self.sweep_at };
        if self.slots.len() >= due_at {
            self.sweep(now);
        }
        let count = self.next & ((1 << COUNT_BITS) - 1);
        let id = self.instance << COUNT_BITS | count;
        self.next = self.next.wrapping_add(1);
        self.slots.push(Slot {
            id,
            waits_since: now,
            task: Some(task),
        });
        id
    }

    /// Takes a task out, to run it. Its place stays until [`TaskTable::put`] or
    /// [`TaskTable::remove`]. `None` when no task of this id waits.
    pub fn take(&mut self, id: u32) -> Option<T> {
        let place = self.place(id)?;
        self.slots[place].task.take()
    }

    /// Puts a task back that waits again, from now on.
    pub fn put(&mut self, id: u32, task: T, now: Timestamp) {
        if let Some(place) = self.place(id) {
            let slot = &mut self.slots[place];
            slot.task = Some(task);
            slot.waits_since = now;
        }
    }

    /// Removes the place of a task that has ended.
    pub fn remove(&mut self, id: u32) {
        if let Some(place) = self.place(id) {
            self.slots.swap_remove(place);
        }
    }

    fn place(&self, id: u32) -> Option<usize> {
        // The newest are asked for most.
        self.slots.iter().rposition(|slot| slot.id == id)
    }

    /// Drops the tasks that are too old, except those that run.
    fn sweep(&mut self, now: Timestamp) {
        let is_alive = |slot: &Slot<T>| slot.task.is_none() || slot.waits_since.plus(LONGEST) > now;
        self.slots.retain(is_alive);
        self.sweep_at = (self.slots.len() * 2).max(SWEEP_FROM);
        self.swept = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Timestamp {
        Timestamp::from_millis(count * 1_000)
    }

    #[test]
    fn a_burst_of_cancelled_requests_is_swept_even_where_no_other_comes() {
        for cancelled in [256, 300, 511, 5_000] {
            let mut table = TaskTable::new(1);
            for _ in 0..cancelled {
                table.add((), seconds(1));
            }
            // One request at a time, each of which ends.
            for second in 2..400 {
                let id = table.add((), seconds(second));
                table.remove(id);
            }
            assert_eq!(table.slots.len(), 0, "of {cancelled}");
        }
    }

    #[test]
    fn cancelled_tasks_are_bounded_by_what_may_be_alive() {
        // Every request is cancelled. `rate` of them come each second, so at most 120 times as many
        // may be alive.
        for rate in [1, 3, 50] {
            let mut table = TaskTable::new(1);
            for second in 1..1_000 {
                for _ in 0..rate {
                    table.add((), seconds(second));
                }
                let bound = (2 * 120 * rate).max(SWEEP_FROM);
                let held = table.slots.len();
                assert!(held <= bound, "{held} at {rate} a second");
            }
        }
    }

    #[test]
    fn nothing_younger_than_two_minutes_is_swept() {
        let mut table = TaskTable::new(1);
        let ids: Vec<u32> = (0..5_000).map(|task| table.add(task, seconds(1))).collect();
        for task in 0..5_000 {
            table.add(task, seconds(120));
        }
        let kept = ids.iter().filter(|id| table.take(**id).is_some());
        assert_eq!(kept.count(), ids.len());
    }

    #[test]
    fn a_request_of_many_waits_is_as_young_as_its_last() {
        let mut table = TaskTable::new(1);
        let id = table.add("first", seconds(1));
        for second in [100, 200, 300] {
            let task = table.take(id).unwrap();
            table.put(id, task, seconds(second));
            for _ in 0..600 {
                table.add("other", seconds(second + 90));
            }
        }
        assert_eq!(table.take(id), Some("first"));
    }

    #[test]
    fn a_task_that_runs_is_not_swept() {
        let mut table = TaskTable::new(1);
        let id = table.add("runs", seconds(0));
        assert_eq!(table.take(id), Some("runs"));
        for _ in 0..1_000 {
            table.add("later", seconds(500));
        }
        table.put(id, "waits", seconds(130));
        assert_eq!(table.take(id), Some("waits"));
    }

    #[test]
    fn an_id_means_one_task_of_one_instance() {
        let (mut first, mut second) = (TaskTable::new(1), TaskTable::new(2));
        let ids = [first.add('a', seconds(0)), first.add('b', seconds(0))];
        second.add('c', seconds(0));
        assert_eq!(second.take(ids[0]), None);
        first.remove(ids[0]);
        assert_eq!(first.take(ids[0]), None);
        assert_eq!(first.take(ids[1]), Some('b'));
        assert_eq!(first.take(ids[1]), None);
    }
}
