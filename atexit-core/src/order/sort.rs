//! Owns sorting; must not know what is sorted. Each element type and each closure that one of std's sorts is called with is compiled to a
//! copy of its own, of thousands of lines, so there is one call for all.

use std::cell::Cell;
use std::cmp::Ordering;

/// An item, and the number that it is sorted by first.
pub(super) struct Key {
    number: u64,
    /// In a cell, because std sorts elements that have one by a third less code, which is no slower here.
    item: Cell<usize>,
}

impl Key {
    pub(super) fn new(number: u64, item: usize) -> Self {
        Self { number, item: Cell::new(item) }
    }

    pub(super) fn item(&self) -> usize {
        self.item.get()
    }
}

/// Sorts by the numbers, then as `order` says, then by the items.
pub(super) fn sort(keys: &mut [Key], order: &dyn Fn(usize, usize) -> Ordering) {
    keys.sort_unstable_by(|a, b| match a.number.cmp(&b.number) {
        Ordering::Equal => order(a.item(), b.item()).then(a.item().cmp(&b.item())),
        decided => decided,
    });
}

/// The items from 0 to `count` in this order.
#[inline]
pub(super) fn sorted(count: usize, order: &dyn Fn(usize, usize) -> Ordering) -> Vec<Key> {
    let mut keys = Vec::with_capacity(count);
    for item in 0..count {
        keys.push(Key::new(0, item));
    }
    sort(&mut keys, order);
    keys
}

/// The place of each item in this order; equal ones have the same place.
pub(super) fn places(count: usize, order: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let sorted = sorted(count, order);
    let mut places = vec![0; count];
    let (mut place, mut before) = (0, None);
    for key in &sorted {
        let item = key.item();
        if let Some(before) = before {
            place += usize::from(order(before, item).is_ne());
        }
        places[item] = place;
        before = Some(item);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_items_have_the_same_place_and_no_place_is_left_out() {
        let names = ["b", "a", "c", "b", "a"];
        assert_eq!(places(names.len(), &|a, b| names[a].cmp(names[b])), [1, 0, 2, 1, 0]);
        assert_eq!(places(0, &|_, _| Ordering::Equal), [0; 0]);
    }
}
