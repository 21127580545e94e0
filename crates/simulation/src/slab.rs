//! Values by a number that is used again once its value is gone.

use std::ops::{Index, IndexMut};

/// Values by number.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    values: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    /// No value.
    pub(crate) const fn new() -> Slab<T> {
        Slab {
            values: Vec::new(),
            free: Vec::new(),
        }
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Keeps a value; its number.
    pub(crate) fn put(&mut self, value: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self.values[number as usize] = Some(value);
            return number;
        }
        self.values.push(Some(value));
        self.values.len() as u32 - 1
    }

    /// Takes a value away.
    pub(crate) fn take(&mut self, number: u32) -> Option<T> {
        let taken = self.values.get_mut(number as usize)?.take();
        if taken.is_some() {
            self.free.push(number);
        }
        taken
    }

    /// The value of a number, if it is in use.
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize)?.as_ref()
    }

    /// All numbers are below this one.
    pub(crate) const fn end(&self) -> u32 {
        self.values.len() as u32
    }

    /// The numbers of all values, in order.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let all = self.values.iter().enumerate();
        let used = all.filter(|(_, value)| value.is_some());
        used.map(|(number, _)| number as u32).collect()
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        // Whoever holds a number counts as a user of its value, which so is there.
        self.values[number as usize]
            .as_ref()
            .expect("a value in use")
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        self.values[number as usize]
            .as_mut()
            .expect("a value in use")
    }
}
