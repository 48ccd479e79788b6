//! Owns a vector that grows while nothing is locked, and asking the system for memory; must not know what it is for.
//!
//! # The problem
//!
//! Most of the time that it takes to add an item, the system provides memory, a page at a time. And a vector that grows moves all its items.
//!
//! # What we do
//!
//! Items lie in chunks, which stay where they are. Memory comes in larger and larger pieces: first one that is too small for a chunk, and is
//! replaced until it is one; then some chunks; and from then on as many chunks as fit into a huge page. All pages of a chunk are provided at once,
//! when it is needed. Of a huge page, the first one brings all others, several times as fast as small pages; up to 2 MiB may then be unused.
//! An allocator that has no memory aligned for huge pages is asked for single chunks.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// How many items there is room for at first. Pending handlers fit into one page of memory, which a process with one handler pays for.
const FIRST: usize = 64;

/// How much larger the first piece is after each replacement, until it is a chunk.
const GROWTH: usize = 4;

/// How many items a chunk has.
const CHUNK: usize = 2048;

/// How many chunks there are before the first huge page. A compromise: most of a huge page may stay unused, and small pages take longer.
const SMALL: usize = 7;

/// With room for this many items, there may be a piece more, and each item still has a number below `u32::MAX`.
const MOST: usize = u32::MAX as usize - HUGE;

/// The bytes of a huge page of most processors.
const HUGE: usize = 2 << 20;

/// A vector that grows by [`Room`], which is made while nothing is locked. It drops none of its items.
pub(crate) struct Chunks<T> {
    table: Vec<Chunk<T>>,
    len: usize,
    /// How many items there is memory for that has been provided.
    capacity: usize,
}

/// Memory for [`CHUNK`] items, or less if it is the only one.
struct Chunk<T> {
    start: NonNull<T>,
    /// How many items the piece is for that begins here; 0 if none does.
    piece: usize,
}

/// Memory for more items, allocated and freed while nothing is locked.
pub(crate) struct Room<T> {
    need: Need<T>,
    /// Nothing if the next chunk is there, and had only to be provided.
    piece: Piece<T>,
    /// A larger table, if one is needed.
    table: Vec<Chunk<T>>,
}

/// How much [`Room`] is needed.
pub(crate) struct Need<T> {
    /// How many items there is room for.
    capacity: usize,
    /// The chunk to provide next, if there is one.
    next: Option<NonNull<T>>,
    /// How many chunks the larger table has to hold; 0 if none is needed.
    table: usize,
}

/// What was allocated at once.
struct Piece<T> {
    start: NonNull<T>,
    items: usize,
}

// SAFETY: they own their items, as a vector does.
unsafe impl<T: Send> Send for Chunks<T> {}

impl<T> Chunks<T> {
    pub(crate) const fn new() -> Self {
        Self { table: Vec::new(), len: 0, capacity: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        // SAFETY: the item has been written, and is borrowed as long as this is.
        if at < self.len { Some(unsafe { self.place(at).as_ref() }) } else { None }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        // SAFETY: the item has been written, and is borrowed, like this, by nobody else.
        if at < self.len { Some(unsafe { self.place(at).as_mut() }) } else { None }
    }

    /// Adds an item, and returns whether there was room for it.
    #[inline]
    pub(crate) fn push(&mut self, item: T) -> bool {
        let has_room = self.len < self.capacity;
        if has_room {
            // SAFETY: there is memory for it, and no item yet.
            unsafe { self.place(self.len).write(item) };
            self.len += 1;
        }
        has_room
    }

    /// # Safety
    ///
    /// It must be less than the capacity.
    #[inline]
    unsafe fn place(&self, at: usize) -> NonNull<T> {
        // SAFETY: there is a chunk for each item within the capacity.
        unsafe { self.table.get_unchecked(at / CHUNK).start.add(at % CHUNK) }
    }

    /// The chunk that comes after the capacity, if there is one.
    fn next(&self) -> Option<NonNull<T>> {
        Some(self.table.get(self.capacity.div_ceil(CHUNK))?.start)
    }

    /// What is needed to make room for more items than now.
    pub(crate) fn need(&self) -> Need<T> {
        let next = self.next();
        let chunks = self.table.len() + Piece::<T>::items_after(self.capacity).div_ceil(CHUNK);
        let is_short = next.is_none() && chunks > self.table.capacity();
        Need { capacity: self.capacity, next, table: if is_short { 2 * chunks } else { 0 } }
    }

    /// Takes the room, unless others have made room meanwhile. The caller drops what is left of it, without a lock.
    pub(crate) fn add(&mut self, room: &mut Room<T>) {
        let Room { need, piece, table } = room;
        if self.capacity != need.capacity || self.next() != need.next {
            return;
        }
        if need.next.is_some() {
            self.capacity += CHUNK;
            return;
        }
        if let (1..CHUNK, [first]) = (self.capacity, &mut self.table[..]) {
            // SAFETY: so many items lie there, and the piece has room for more, which is no other's.
            unsafe { piece.start.copy_from_nonoverlapping(first.start, self.len) };
            std::mem::swap(&mut first.start, &mut piece.start);
            std::mem::swap(&mut first.piece, &mut piece.items);
            self.capacity = first.piece;
            return;
        }
        let needed = self.table.len() + piece.items.div_ceil(CHUNK);
        if self.table.capacity() < needed {
            if table.capacity() < needed {
                return;
            }
            table.append(&mut self.table);
            std::mem::swap(table, &mut self.table);
        }
        self.capacity += piece.items.min(CHUNK);
        let mut items = std::mem::take(&mut piece.items);
        for at in 0..items.div_ceil(CHUNK) {
            // SAFETY: it lies within the piece.
            let start = unsafe { piece.start.add(at * CHUNK) };
            self.table.push(Chunk { start, piece: std::mem::take(&mut items) });
        }
    }
}

impl<T> Drop for Chunks<T> {
    fn drop(&mut self) {
        for &Chunk { start, piece } in &self.table {
            drop(Piece { start, items: piece });
        }
    }
}

impl<T> Room<T> {
    /// # Panics
    ///
    /// If there are too many items.
    pub(crate) fn new(need: Need<T>) -> Self {
        assert!(need.capacity < MOST, "four billion items are stored at once");
        let piece = match need.next {
            Some(next) => {
                provide(next.cast(), Piece::<T>::layout(CHUNK).size());
                Piece { start: next, items: 0 }
            }
            None => Piece::new(Piece::<T>::items_after(need.capacity)),
        };
        let table = Vec::with_capacity(need.table);
        Self { need, piece, table }
    }
}

impl<T> Piece<T> {
    /// For how many items the next piece is, when there is room for so many.
    fn items_after(capacity: usize) -> usize {
        const { assert!(size_of::<T>() > 0 && size_of::<T>() <= HUGE / CHUNK && !std::mem::needs_drop::<T>()) }
        if capacity < CHUNK {
            FIRST.max(GROWTH * capacity).min(CHUNK)
        } else if capacity < SMALL * CHUNK {
            CHUNK
        } else {
            const { HUGE / size_of::<T>() / CHUNK * CHUNK }
        }
    }

    /// It is for a chunk only, if the allocator has no huge piece. Of any other chunk in it, the memory is not provided yet.
    fn new(items: usize) -> Self {
        let layout = Self::layout(items);
        // SAFETY: neither items nor their number are zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else {
            if items > CHUNK {
                return Self::new(CHUNK);
            }
            handle_alloc_error(layout)
        };
        if layout.align() == HUGE {
            advise(start, HUGE, MADV_HUGEPAGE);
        }
        if items >= CHUNK {
            provide(start, Self::layout(CHUNK).size());
        }
        Self { start: start.cast(), items }
    }

    fn layout(items: usize) -> Layout {
        let huge = (HUGE, if cfg!(target_os = "linux") { HUGE } else { align_of::<T>() });
        let (bytes, align) = if items > CHUNK { huge } else { (items * size_of::<T>(), align_of::<T>()) };
        // SAFETY: the alignment is a power of two, and a huge page holds any piece, and is no more than memory can have.
        unsafe { Layout::from_size_align_unchecked(bytes, align) }
    }
}

impl<T> Drop for Piece<T> {
    fn drop(&mut self) {
        if self.items > 0 {
            // SAFETY: it was allocated with this layout, and nothing refers to it any more.
            unsafe { dealloc(self.start.as_ptr().cast(), Self::layout(self.items)) };
        }
    }
}

/// Of Linux: use a huge page, if the memory is aligned for one.
const MADV_HUGEPAGE: i32 = 14;

/// Of Linux, from 5.14: provide the memory, as if it were written to.
const MADV_POPULATE_WRITE: i32 = 23;

/// Has all memory provided that is about to be written.
fn provide(start: NonNull<u8>, bytes: usize) {
    advise(start, bytes, MADV_POPULATE_WRITE);
}

/// Advises Linux about all pages of this memory. It makes things only faster, so it may fail: where pages have more than 4 KiB, it does for most.
#[cfg(all(target_os = "linux", not(any(at_exit_as_bsd, miri))))]
fn advise(start: NonNull<u8>, bytes: usize, advice: i32) {
    use std::ffi::{c_int, c_void};

    unsafe extern "C" {
        fn madvise(start: *mut c_void, len: usize, advice: c_int) -> c_int;
    }
    const PAGE: usize = 4096;
    let end = (start.addr().get() + bytes).next_multiple_of(PAGE);
    let start = start.addr().get() & !(PAGE - 1);
    // SAFETY: Linux: neither advice changes a byte, whatever the pages hold, also if they are another's by now.
    unsafe { madvise(std::ptr::without_provenance_mut(start), end - start, advice) };
}

#[cfg(not(all(target_os = "linux", not(any(at_exit_as_bsd, miri)))))]
fn advise(_: NonNull<u8>, _: usize, _: i32) {}

#[cfg(test)]
mod tests {
    use super::*;

    type Item = [usize; 6];

    /// Adds items until there are so many.
    fn fill(chunks: &mut Chunks<Item>, len: usize) {
        for at in chunks.len()..len {
            if chunks.len() == chunks.capacity() {
                chunks.add(&mut Room::new(chunks.need()));
            }
            assert!(chunks.push([at; 6]), "there is room");
        }
    }

    #[test]
    fn items_are_kept_while_it_grows() {
        let mut chunks = Chunks::new();
        for len in 0..(SMALL + 1) * CHUNK {
            let capacity = chunks.capacity();
            fill(&mut chunks, len + 1);
            if chunks.capacity() > capacity {
                assert_eq!(chunks.get(len + 1), None);
                assert_eq!(chunks.get_mut(len + 1), None);
                for at in (0..=len).rev().step_by(CHUNK / 2) {
                    assert_eq!(chunks.get(at), Some(&[at; 6]));
                    assert_eq!(chunks.get_mut(at), Some(&mut [at; 6]));
                }
            }
        }
    }

    #[test]
    fn it_grows_by_larger_and_larger_pieces() {
        let mut chunks: Chunks<Item> = Chunks::new();
        for capacity in [FIRST, FIRST * GROWTH, FIRST * GROWTH * GROWTH] {
            chunks.add(&mut Room::new(chunks.need()));
            assert_eq!(chunks.capacity(), capacity);
        }
        let per_huge_page = HUGE / (CHUNK * size_of::<Item>());
        for number in 1..=SMALL + 3 * per_huge_page {
            chunks.add(&mut Room::new(chunks.need()));
            assert_eq!(chunks.capacity(), number * CHUNK);
            let huge_pages = number.saturating_sub(SMALL).div_ceil(per_huge_page);
            assert_eq!(chunks.table.len(), number.min(SMALL) + huge_pages * per_huge_page);
        }
    }

    #[test]
    fn nothing_is_added_where_there_is_no_room() {
        let mut chunks = Chunks::new();
        assert!(!chunks.push(1));
        chunks.add(&mut Room::new(chunks.need()));
        for at in 0..chunks.capacity() {
            assert!(chunks.push(at));
        }
        assert!(!chunks.push(1));
        assert_eq!(chunks.len(), chunks.capacity());
    }

    #[test]
    fn room_that_others_have_made_meanwhile_makes_this_unnecessary() {
        // What is needed is a larger piece, the next one, the first of a huge page, or the next chunk in it; and a larger table, or not.
        for len in [0, FIRST, CHUNK, 2 * CHUNK, SMALL * CHUNK, (SMALL + 1) * CHUNK] {
            let mut chunks = Chunks::new();
            fill(&mut chunks, len);
            let [mut first, mut second] = [chunks.need(), chunks.need()].map(Room::new);
            chunks.add(&mut first);
            let (capacity, allocated) = (chunks.capacity(), chunks.table.len());
            assert!(capacity > len);
            let offered = second.piece.items;
            chunks.add(&mut second);
            assert_eq!((chunks.capacity(), chunks.table.len()), (capacity, allocated), "after {len} items");
            assert_eq!(second.piece.items, offered, "the caller drops it");
            fill(&mut chunks, capacity + 1);
            assert_eq!(chunks.get(capacity), Some(&[capacity; 6]));
        }
    }

    #[test]
    fn room_for_memory_that_is_gone_is_not_taken() {
        let mut chunks = Chunks::new();
        fill(&mut chunks, (SMALL + 1) * CHUNK);
        let mut room = Room::new(chunks.need());
        chunks = Chunks::new();
        chunks.add(&mut room);
        assert_eq!(chunks.capacity(), 0);
    }

    #[test]
    #[should_panic(expected = "four billion items")]
    fn there_are_not_more_items_than_numbers() {
        drop(Room::<Item>::new(Need { capacity: MOST, next: None, table: 0 }));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn from_a_certain_size_on_it_grows_by_huge_pages() {
        let room: Room<Item> = Room::new(Need { capacity: SMALL * CHUNK, next: None, table: 0 });
        assert_eq!(room.piece.start.addr().get() % HUGE, 0);
        assert_eq!(Piece::<Item>::layout(room.piece.items).size(), HUGE);
    }
}
