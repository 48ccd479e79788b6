//! Owns stacks from which any item can be taken back by a handle; must not know what the items are.
//!
//! # The problem
//!
//! The item that was pushed last is popped first, any item may be taken back at any moment by a handle that may be stale, and pushing has to
//! cost next to nothing. Nothing can be taken out of the middle of a vector; in an ordered map, each push is slow.
//!
//! # What we do
//!
//! Items lie in slots. A slot knows the next one of its stack, which counts as older. Taking an item back leaves a hole, which is removed when
//! it gets to the top; when there are more holes than items, all of them are removed. A slot counts how often it was emptied. A handle remembers
//! this generation, so a stale handle matches nothing. A slot whose generations are used up is never used again.
//!
//! Nothing here allocates or frees: a caller makes [`Room`] while it holds no lock, because an allocator may have locks of its own, and may even
//! register a handler.
//!
//! # What it costs
//!
//! Pushing and popping take constant time, and so does taking back, on average. Each item needs two numbers besides itself, and there may be as
//! many holes as items. The memory is kept forever.

use std::mem::ManuallyDrop;
use std::ops::Range;

use crate::sys::memory::{Chunks, Need, Room};

/// A slot, and which of its items, one after another, is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Handle {
    slot: u32,
    generation: u32,
}

/// The top of a stack, until something is pushed or taken back.
#[derive(Clone, Copy)]
pub(crate) struct Top {
    stack: usize,
    at: u32,
}

impl Top {
    #[inline]
    pub(crate) fn stack(self) -> usize {
        self.stack
    }
}

pub(crate) struct Slot<T> {
    /// Never dropped here: whoever takes it out does.
    item: ManuallyDrop<Option<T>>,
    generation: u32,
    /// The next slot of its stack, which counts as older; or the next free slot, while it is on no stack.
    older: u32,
}

const NONE: u32 = u32::MAX;

/// This few holes are not worth looking for.
const FEW: usize = 32;

/// In the order of their first use. There is memory for some more.
struct Slots<T>(Chunks<Slot<T>>);

impl<T> Slots<T> {
    #[inline]
    fn get(&self, at: u32) -> &Slot<T> {
        match self.0.get(at as usize) {
            Some(slot) => slot,
            None => no_slot(),
        }
    }

    #[inline]
    fn get_mut(&mut self, at: u32) -> &mut Slot<T> {
        match self.0.get_mut(at as usize) {
            Some(slot) => slot,
            None => no_slot(),
        }
    }

    /// Begins to use the next slot, for which there must be memory.
    #[inline]
    fn push(&mut self, slot: Slot<T>) {
        if !self.0.push(slot) {
            no_slot();
        }
    }
}

/// The newest slot of each stack.
struct Newest<const STACKS: usize>([u32; STACKS]);

impl<const STACKS: usize> Newest<STACKS> {
    #[inline]
    fn of(&mut self, stack: usize) -> &mut u32 {
        match self.0.get_mut(stack) {
            Some(newest) => newest,
            None => no_slot(),
        }
    }
}

/// Indexing would be a panic, or two, with a place in the source each, wherever a slot or a stack is looked at.
#[cold]
#[inline(never)]
fn no_slot() -> ! {
    panic!("there is no such slot or stack")
}

/// The list of the free slots.
struct Free {
    /// The last one is the first slot that was never used.
    first: u32,
    /// How many slots are never free again: their generations are used up.
    worn_out: u32,
}

pub(crate) struct Stacks<T, const STACKS: usize> {
    slots: Slots<T>,
    free: Free,
    newest: Newest<STACKS>,
    /// The stack that was pushed to last.
    last: usize,
    items: usize,
    holes: usize,
}

impl<T, const STACKS: usize> Stacks<T, STACKS> {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Slots(Chunks::new()),
            free: Free { first: 0, worn_out: 0 },
            newest: Newest([NONE; STACKS]),
            last: 0,
            items: 0,
            holes: 0,
        }
    }

    /// How many items there are, on all stacks.
    pub(crate) fn len(&self) -> usize {
        self.items
    }

    /// Whether there is no room for another item.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.free.first as usize == self.slots.0.capacity()
    }

    /// What is needed for so many more items, or for some of them; `None` if nothing is.
    pub(crate) fn need(&self, items: usize) -> Option<Need<Slot<T>>> {
        let slots = self.slots.0.capacity();
        let free = slots - self.items - self.holes - self.free.worn_out as usize;
        if items <= free { None } else { Some(self.slots.0.need()) }
    }

    /// Takes the room, unless others have made room meanwhile. The caller drops what is left of it, without a lock.
    pub(crate) fn add(&mut self, room: &mut Room<Slot<T>>) {
        self.slots.0.add(room);
    }

    /// Pushes an item. There must be room for it.
    #[inline]
    pub(crate) fn push(&mut self, stack: usize, item: T) -> Handle {
        let at = self.free.first;
        let older = std::mem::replace(self.newest.of(stack), at);
        let item = ManuallyDrop::new(Some(item));
        self.last = stack;
        self.items += 1;
        if at as usize == self.slots.0.len() {
            self.free.first += 1;
            self.slots.push(Slot { item, generation: 0, older });
            return Handle { slot: at, generation: 0 };
        }
        let slot = self.slots.get_mut(at);
        self.free.first = std::mem::replace(&mut slot.older, older);
        slot.item = item;
        Handle { slot: at, generation: slot.generation }
    }

    /// Puts an item just below another, which must exist. There must be room for it.
    pub(crate) fn insert_below(&mut self, above: Handle, item: T) -> Handle {
        const ANY: usize = 0;
        let handle = self.push(ANY, item);
        let older = std::mem::replace(&mut self.slots.get_mut(above.slot).older, handle.slot);
        *self.newest.of(ANY) = std::mem::replace(&mut self.slots.get_mut(handle.slot).older, older);
        handle
    }

    /// The top of the first of these stacks that has one.
    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn top(&mut self, stacks: Range<usize>) -> Option<(Top, &T)> {
        self.top_inline(stacks)
    }

    /// The same where each handler passes.
    #[expect(clippy::inline_always, reason = "that is what it is for")]
    #[inline(always)]
    pub(crate) fn top_inline(&mut self, stacks: Range<usize>) -> Option<(Top, &T)> {
        let top = loop {
            let mut top = None;
            for stack in stacks.clone() {
                let at = *self.newest.of(stack);
                if at != NONE {
                    top = Some(Top { stack, at });
                    break;
                }
            }
            let top = top?;
            if self.slots.get(top.at).item.is_some() {
                break top;
            }
            self.holes -= 1;
            self.unlink(top);
        };
        Some((top, self.slots.get(top.at).item.as_ref()?))
    }

    #[inline]
    pub(crate) fn item(&self, top: Top) -> Option<&T> {
        self.slots.get(top.at).item.as_ref()
    }

    #[inline]
    pub(crate) fn pop(&mut self, top: Top) -> Option<T> {
        self.pop_if(top, |_| true)
    }

    /// Pops the top if it is `wanted`.
    #[expect(clippy::inline_always, reason = "otherwise the compiler makes it a call, for each handler")]
    #[inline(always)]
    pub(crate) fn pop_if(&mut self, top: Top, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let slot = self.slots.get_mut(top.at);
        if !wanted(slot.item.as_ref()?) {
            return None;
        }
        self.items -= 1;
        *self.newest.of(top.stack) = slot.older;
        slot.release(top.at, &mut self.free);
        slot.generation += 1;
        slot.item.take()
    }

    /// Takes a hole from the top of its stack.
    #[cold]
    fn unlink(&mut self, top: Top) {
        let slot = self.slots.get_mut(top.at);
        *self.newest.of(top.stack) = slot.older;
        slot.release(top.at, &mut self.free);
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<&T> {
        let slot = self.slots.0.get(handle.slot as usize)?; // all memory may have been freed
        if slot.generation == handle.generation { slot.item.as_ref() } else { None }
    }

    /// Takes an item back, wherever it is. It leaves a hole unless it is on top of the stack that was pushed to last, as that of a guard is: to
    /// look at all tops would take longer.
    pub(crate) fn remove(&mut self, handle: Handle) -> Option<T> {
        self.get(handle)?;
        let top = Top { stack: self.last, at: handle.slot };
        if *self.newest.of(top.stack) == top.at {
            return self.pop(top);
        }
        let slot = self.slots.get_mut(handle.slot);
        let item = slot.item.take();
        slot.generation += 1;
        self.items -= 1;
        self.holes += 1;
        if self.holes > self.items + FEW {
            self.sweep(|_| false, drop);
        }
        item
    }

    /// Hands over all items that match, stack by stack, each from the top, and removes all holes.
    pub(crate) fn take_where(&mut self, matches: &dyn Fn(&T) -> bool, hand_over: &mut dyn FnMut(T)) {
        self.sweep(matches, hand_over);
    }

    /// The same, and fast if nothing matches.
    fn sweep(&mut self, matches: impl Fn(&T) -> bool, mut hand_over: impl FnMut(T)) {
        for newest in &mut self.newest.0 {
            let mut kept = NONE;
            let mut at = std::mem::replace(newest, NONE);
            while at != NONE {
                let slot = self.slots.get_mut(at);
                let older = slot.older;
                let stays = match &*slot.item {
                    Some(item) => !matches(item),
                    None => false,
                };
                if stays {
                    match kept {
                        NONE => *newest = at,
                        kept => self.slots.get_mut(kept).older = at,
                    }
                    kept = at;
                } else {
                    if let Some(item) = slot.item.take() {
                        slot.generation += 1;
                        self.items -= 1;
                        hand_over(item);
                    }
                    slot.release(at, &mut self.free);
                }
                at = older;
            }
            if kept != NONE {
                self.slots.get_mut(kept).older = NONE;
            }
        }
        self.holes = 0;
    }

    /// Moves everything on one stack onto another, and returns whether there was anything.
    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn move_onto(&mut self, from: usize, to: usize) -> bool {
        let Some((top, _)) = self.top(from..from + 1) else { return false };
        let mut oldest = top.at;
        loop {
            let older = self.slots.get(oldest).older;
            if older == NONE {
                break;
            }
            oldest = older;
        }
        self.slots.get_mut(oldest).older = std::mem::replace(self.newest.of(to), top.at);
        *self.newest.of(from) = NONE;
        true
    }

    /// Takes the memory, which the caller frees later, if there are no items.
    pub(crate) fn take_memory(&mut self) -> Option<Chunks<Slot<T>>> {
        if self.items == 0 { Some(std::mem::replace(self, Self::new()).slots.0) } else { None }
    }

    /// Shows everything, stack by stack, each from the top: the stack that it is on, its handle, and the item.
    pub(crate) fn visit(&self, see: &mut dyn FnMut(usize, Handle, &T)) {
        for (stack, &newest) in self.newest.0.iter().enumerate() {
            let mut at = newest;
            while at != NONE {
                let Slot { item, generation, older } = self.slots.get(at);
                if let Some(item) = &**item {
                    see(stack, Handle { slot: at, generation: *generation }, item);
                }
                at = *older;
            }
        }
    }
}

impl<T> Slot<T> {
    /// Puts the slot in front of the free ones, unless its generations are used up.
    #[inline]
    fn release(&mut self, at: u32, free: &mut Free) {
        if self.generation < u32::MAX - 1 {
            self.older = std::mem::replace(&mut free.first, at);
        } else {
            free.worn_out += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Makes room, and pushes.
    fn push<T, const STACKS: usize>(stacks: &mut Stacks<T, STACKS>, stack: usize, item: T) -> Handle {
        make_room(stacks);
        stacks.push(stack, item)
    }

    fn make_room<T, const STACKS: usize>(stacks: &mut Stacks<T, STACKS>) {
        while let Some(need) = stacks.need(1) {
            assert!(stacks.is_full());
            stacks.add(&mut Room::new(need));
        }
    }

    fn taken<T, const STACKS: usize>(stacks: &mut Stacks<T, STACKS>, matches: impl Fn(&T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        stacks.take_where(&matches, &mut |item| taken.push(item));
        taken
    }

    fn places<T: Copy, const STACKS: usize>(stacks: &Stacks<T, STACKS>) -> Vec<(usize, Handle, T)> {
        let mut places = Vec::new();
        stacks.visit(&mut |stack, handle, &item| places.push((stack, handle, item)));
        places
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        /// Of everything that there is.
        InsertBelow(prop::sample::Index),
        Pop(usize),
        PopAny,
        TakeMultiplesOf(usize),
        /// Of everything that was ever pushed.
        Remove(prop::sample::Index),
        MoveOnto(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..2_usize).prop_map(Step::Push),
            3 => any::<prop::sample::Index>().prop_map(Step::InsertBelow),
            2 => (0..2_usize).prop_map(Step::Pop),
            2 => Just(Step::PopAny),
            1 => (1..20_usize).prop_map(Step::TakeMultiplesOf),
            4 => any::<prop::sample::Index>().prop_map(Step::Remove),
            1 => (0..2_usize).prop_map(|from| Step::MoveOnto(from, 1 - from)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn stacks_agree_with_vectors(steps in prop::collection::vec(step(), 0..1000)) {
            let mut stacks: Stacks<usize, 2> = Stacks::new();
            let mut vectors = [Vec::new(), Vec::new()];
            let mut handles = Vec::new();
            for step in steps {
                let new = handles.len();
                match step {
                    Step::Push(stack) => {
                        handles.push(push(&mut stacks, stack, new));
                        vectors[stack].push(new);
                    }
                    Step::InsertBelow(_) if stacks.len() == 0 => {}
                    Step::InsertBelow(index) => {
                        make_room(&mut stacks);
                        let (stack, above, item) = places(&stacks)[index.index(stacks.len())];
                        prop_assert_eq!(above, handles[item]);
                        let at = vectors[stack].iter().position(|&other| other == item).expect("it is on this stack");
                        handles.push(stacks.insert_below(above, new));
                        vectors[stack].insert(at, new);
                    }
                    Step::Pop(stack) => {
                        let top = stacks.top(stack..stack + 1).map(|(top, _)| top);
                        prop_assert_eq!(top.and_then(|top| stacks.pop(top)), vectors[stack].pop());
                    }
                    Step::PopAny => {
                        let top = stacks.top(0..2).map(|(top, _)| top);
                        let [first, second] = &mut vectors;
                        prop_assert_eq!(top.and_then(|top| stacks.pop(top)), first.pop().or_else(|| second.pop()));
                    }
                    Step::TakeMultiplesOf(factor) => {
                        let mut expected = Vec::new();
                        for vector in &mut vectors {
                            let (taken, left) = vector.iter().partition::<Vec<usize>, _>(|&item| item % factor == 0);
                            expected.extend(taken.into_iter().rev());
                            *vector = left;
                        }
                        prop_assert_eq!(taken(&mut stacks, |item| item % factor == 0), expected);
                    }
                    Step::Remove(_) if handles.is_empty() => {}
                    Step::Remove(index) => {
                        let item = index.index(handles.len());
                        let is_there = vectors.iter().any(|vector| vector.contains(&item));
                        prop_assert_eq!(stacks.get(handles[item]).copied(), is_there.then_some(item));
                        prop_assert_eq!(stacks.remove(handles[item]), is_there.then_some(item));
                        for vector in &mut vectors {
                            vector.retain(|&other| other != item);
                        }
                    }
                    Step::MoveOnto(from, to) => {
                        let moved = std::mem::take(&mut vectors[from]);
                        prop_assert_eq!(stacks.move_onto(from, to), !moved.is_empty());
                        vectors[to].extend(moved);
                    }
                }
                let expected: Vec<usize> = vectors.iter().flat_map(|vector| vector.iter().rev()).copied().collect();
                prop_assert_eq!(places(&stacks).into_iter().map(|(.., item)| item).collect::<Vec<_>>(), expected);
                prop_assert_eq!(stacks.len(), vectors[0].len() + vectors[1].len());
            }
        }
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_not_used_again() {
        let mut stacks: Stacks<(), 1> = Stacks::new();
        let first = push(&mut stacks, 0, ());
        stacks.slots.get_mut(first.slot).generation = u32::MAX - 1;
        let last = Handle { generation: u32::MAX - 1, ..first };
        assert_eq!(stacks.get(first), None);
        assert_eq!(stacks.remove(last), Some(()));
        while stacks.holes > 0 {
            let other = push(&mut stacks, 0, ());
            assert_ne!(other.slot, first.slot);
            stacks.remove(other);
        }
        for _ in 0..100 {
            assert_ne!(push(&mut stacks, 0, ()).slot, first.slot);
        }
        assert_eq!(stacks.remove(last), None);
        assert!(stacks.need(stacks.slots.0.capacity() - 100).is_some(), "it counts as no room");
    }

    #[test]
    fn the_newest_items_leave_no_holes() {
        let mut stacks: Stacks<(), 2> = Stacks::new();
        let handles = [0, 1, 1].map(|stack| push(&mut stacks, stack, ()));
        for (handle, holes) in handles.into_iter().rev().zip([0, 0, 1]) {
            stacks.remove(handle);
            assert_eq!(stacks.holes, holes);
        }
    }

    #[test]
    fn what_is_left_of_the_memory_is_used() {
        let mut stacks: Stacks<usize, 1> = Stacks::new();
        for item in 0..1000 {
            push(&mut stacks, 0, item);
        }
        let free = stacks.slots.0.capacity() - 1000;
        assert!(stacks.need(free).is_none());
        assert!(stacks.need(free + 1).is_some());
        assert!(stacks.take_memory().is_none(), "it is in use");
        assert_eq!(taken(&mut stacks, |_| true), (0..1000).rev().collect::<Vec<_>>());
        assert_eq!(stacks.need(free + 1000).map(|_| ()), None);
        assert_eq!(stacks.take_memory().map(|memory| memory.len()), Some(1000));
        assert_eq!(push(&mut stacks, 0, 1).slot, 0);
    }
}
