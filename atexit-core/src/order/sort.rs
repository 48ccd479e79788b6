//! Owns sorting; must not know what is sorted.
//!
//! Each element type and each closure that one of std's sorts is called with is compiled to a copy of its own, of thousands of lines: more than
//! all the rest of a program's ordering. So this is a merge sort of a few lines, for keys only.

use std::cmp::Ordering;

/// An item, and the number that it is sorted by first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) number: u64,
    pub(super) item: usize,
}

/// How two items with the same number compare.
pub(super) type Order<'a> = &'a dyn Fn(usize, usize) -> Ordering;

/// Sorts by the numbers, and then as `order` says. Equal keys stay in their order.
pub(super) fn sort(keys: &mut Vec<Key>, order: Order<'_>) {
    if keys.is_sorted_by(|before, key| !key.is_before(before, order)) {
        return;
    }
    let mut merged = Vec::with_capacity(keys.len());
    let mut sorted = 1; // so many keys after one another are in order
    while sorted < keys.len() {
        for both in keys.chunks(2 * sorted) {
            let (mut left, mut right) = both.split_at(sorted.min(both.len()));
            while let (Some(first), Some(second)) = (left.first(), right.first()) {
                if second.is_before(first, order) {
                    merged.push(*second);
                    right = &right[1..];
                } else {
                    merged.push(*first);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(keys, &mut merged);
        merged.clear();
        sorted *= 2;
    }
}

impl Key {
    fn is_before(&self, other: &Self, order: Order<'_>) -> bool {
        if self.number == other.number { order(self.item, other.item).is_lt() } else { self.number < other.number }
    }
}

/// The items from 0 to `count` in this order.
pub(super) fn sorted(count: usize, order: Order<'_>) -> Vec<Key> {
    let mut keys = Vec::with_capacity(count);
    for item in 0..count {
        keys.push(Key { number: 0, item });
    }
    sort(&mut keys, order);
    keys
}

/// The place of each item in this order; equal ones have the same place.
pub(super) fn places(count: usize, order: Order<'_>) -> Vec<usize> {
    let mut places = vec![0; count];
    let mut place = 0;
    let mut last = None;
    for Key { item, .. } in sorted(count, order) {
        if last.is_some_and(|last| order(last, item).is_ne()) {
            place += 1;
        }
        places[item] = place;
        last = Some(item);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_sorts_as_std_does(
            mut items in prop::collection::vec((0..20_u64, 0..5_u8), 0..300),
            in_order in 0..300_usize,
        ) {
            let in_order = in_order.min(items.len());
            items[..in_order].sort_unstable();
            let mut keys: Vec<Key> = (0..items.len()).map(|item| Key { number: items[item].0, item }).collect();
            let mut expected = keys.clone();
            expected.sort_by_key(|key| items[key.item]);
            sort(&mut keys, &|a, b| items[a].1.cmp(&items[b].1));
            prop_assert_eq!(keys, expected);
        }
    }

    #[test]
    fn sorting_takes_a_number_of_comparisons_that_is_bounded() {
        for exponent in 0..12 {
            let count: usize = 1 << exponent;
            let orders: [&dyn Fn(usize) -> usize; 3] =
                [&|item| item, &|item| count - item, &|item| item.wrapping_mul(0x9e37_79b1) % 1024];
            for (number, place) in orders.into_iter().enumerate() {
                let comparisons = std::cell::Cell::new(0);
                let sorted = sorted(count, &|a, b| {
                    comparisons.set(comparisons.get() + 1);
                    place(a).cmp(&place(b))
                });
                assert!(sorted.is_sorted_by_key(|key| (place(key.item), key.item)));
                let most = if number == 0 { 1 } else { exponent + 1 };
                assert!(comparisons.get() <= most * count, "{} for {count}", comparisons.get());
            }
        }
    }

    #[test]
    fn equal_items_have_the_same_place_and_no_place_is_left_out() {
        let names = ["b", "a", "c", "b", "a"];
        assert_eq!(places(names.len(), &|a, b| names[a].cmp(names[b])), [1, 0, 2, 1, 0]);
        assert_eq!(places(0, &|_, _| Ordering::Equal), [0; 0]);
    }
}
