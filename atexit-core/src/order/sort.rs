//! Owns sorting; must not know what is sorted. std's sorts are three times as much code, in every program with a handler. They are faster for what
//! is sorted already, and no faster for a program as a whole.

use std::cmp::Ordering;

/// An item, and the number that it is sorted by first.
#[derive(Clone, Copy)]
pub(super) struct Key {
    number: u64,
    item: usize,
}

impl Key {
    pub(super) fn new(number: u64, item: usize) -> Self {
        Self { number, item }
    }

    pub(super) fn item(self) -> usize {
        self.item
    }
}

/// Sorts by the numbers, and those with the same number as `order` says. What is equal there, too, stays in its order.
pub(super) fn sort(keys: Vec<Key>, order: &dyn Fn(usize, usize) -> Ordering) -> Vec<Key> {
    let mut keys = sort_by_number(keys);
    for ties in keys.chunk_by_mut(|a, b| a.number == b.number) {
        sort_by_order(ties, order);
    }
    keys
}

/// Byte by byte, from the lowest. (This is known as a radix sort.)
fn sort_by_number(mut keys: Vec<Key>) -> Vec<Key> {
    let (mut sorted, mut differences) = (keys.clone(), 0);
    for pair in keys.windows(2) {
        if let [a, b] = pair {
            differences |= a.number ^ b.number;
        }
    }
    for byte in 0..size_of::<u64>() {
        let digit = |number: u64| {
            let [digit, ..] = (number >> (8 * byte)).to_le_bytes();
            usize::from(digit)
        };
        if digit(differences) == 0 {
            continue;
        }
        let mut places = [0; 256];
        for key in &keys {
            places[digit(key.number)] += 1;
        }
        let mut next = 0;
        for place in &mut places {
            next += std::mem::replace(place, next);
        }
        for key in &keys {
            let place = &mut places[digit(key.number)];
            if let Some(slot) = sorted.get_mut(*place) {
                *slot = *key;
            }
            *place += 1;
        }
        std::mem::swap(&mut keys, &mut sorted);
    }
    keys
}

/// By merging longer and longer runs. (This is known as a merge sort.)
fn sort_by_order(keys: &mut [Key], order: &dyn Fn(usize, usize) -> Ordering) {
    let (mut runs, mut length) = (Vec::new(), 1);
    while length < keys.len() {
        runs.clear();
        runs.extend_from_slice(keys);
        for (pair, merged) in runs.chunks(2 * length).zip(keys.chunks_mut(2 * length)) {
            let (left, right) = pair.split_at(length.min(pair.len()));
            if let (Some(last), Some(first)) = (left.last(), right.first()) {
                if order(first.item, last.item).is_lt() {
                    merge(left, right, merged, order);
                }
            }
        }
        length *= 2;
    }
}

fn merge<'a>(mut left: &'a [Key], mut right: &'a [Key], merged: &mut [Key], order: &dyn Fn(usize, usize) -> Ordering) {
    for place in merged {
        let next = match (left.first(), right.first()) {
            (Some(first), Some(second)) if order(second.item, first.item).is_lt() => &mut right,
            (None, _) => &mut right,
            _ => &mut left,
        };
        if let Some((first, rest)) = next.split_first() {
            (*place, *next) = (*first, rest);
        }
    }
}

/// The items from 0 to `count` in this order.
#[inline]
pub(super) fn sorted(count: usize, order: &dyn Fn(usize, usize) -> Ordering) -> Vec<Key> {
    let mut keys = Vec::with_capacity(count);
    for item in 0..count {
        keys.push(Key::new(0, item));
    }
    sort_by_order(&mut keys, order);
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
    use proptest::prelude::*;

    proptest! {
        /// Numbers that differ in any byte, and few of them, so that some are equal, and so are some of their ranks.
        #[test]
        fn keys_are_sorted_as_by_std(numbers in proptest::collection::vec((0..4_u64, 0..8_u32, 0..3_u8), 0..200)) {
            let number = |item: usize| numbers[item].0 << (8 * numbers[item].1);
            let rank = |item: usize| numbers[item].2;
            let items = 0..numbers.len();
            let keys = items.clone().map(|item| Key::new(number(item), item)).collect();
            let sorted = sort(keys, &|a, b| rank(a).cmp(&rank(b)));
            let mut expected: Vec<_> = items.collect();
            expected.sort_by_key(|&item| (number(item), rank(item)));
            prop_assert_eq!(sorted.into_iter().map(Key::item).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn equal_items_have_the_same_place_and_no_place_is_left_out() {
        let names = ["b", "a", "c", "b", "a"];
        assert_eq!(places(names.len(), &|a, b| names[a].cmp(names[b])), [1, 0, 2, 1, 0]);
        assert_eq!(places(0, &|_, _| Ordering::Equal), [0; 0]);
    }
}
