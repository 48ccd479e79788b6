//! Owns what the loader does with the object that this code is in: whether that is the program or a shared library, and when and why it is
//! finalized; must not know what a handler is.
//!
//! # The problem
//!
//! The loader finalizes a library when `dlclose` unloads it, and everything that is still loaded at the exit. Both call the hook, by
//! `__cxa_finalize`, with a status of 0. A hook that was installed when its library was opened never sees the second case, because C's `exit`
//! calls it earlier. But a library that is linked or preloaded is set up before the program's own start-up makes C install the loader's exit
//! function. That function was installed later, so it is called first, and an exit looks like an unload.
//!
//! # The usual answers, and why they do not work here
//!
//! An object that the program needs, or that is preloaded, is never unloaded. But to find that out takes the names of all objects and of what
//! they need, and the original `LD_PRELOAD`; and it says nothing about a library that a constructor of such an object has opened. What the
//! loader tells debuggers, and its list of objects, look the same in both cases.
//!
//! # What we do
//!
//! An entry of `.fini_array` notes that the loader finalizes this object. It is called before `__cxa_finalize`: that is called by the C
//! compiler's own entry, which is the first of the array and is called last. If the hook is called without that note, C's `exit` calls it.
//!
//! After that note, `dlclose` and the exit differ in one thing only: `dlclose` holds the loader's lock while it finalizes. (This is also why no
//! thread may be started then: it would wait for the lock.) glibc's locks are recursive mutexes in the loader's data, and such a mutex names the
//! thread that has it. So we count the mutexes that look like one that this thread has just locked. At the start we count while
//! `dl_iterate_phdr` calls back, which holds another of these locks, so we find at least one. If we do not, the loader is built differently, and
//! we assume a `dlclose`, in which a handler may do less.
//!
//! A `dlclose` in one of C's exit functions is an exit, too, but one in which no thread may be started.
//!
//! musl unloads nothing, finalizes no object by `__cxa_finalize`, and calls exit functions before it finalizes.

use std::ffi::{c_char, c_int, c_ulong, c_void};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use crate::sys::posix::{Caller, is_in_exit};

/// Noted when the loader finalizes this object. The same thread reads it when it calls the hooks after that.
static IS_FINALIZED: AtomicBool = AtomicBool::new(false);
static IS_UNLOADED: AtomicBool = AtomicBool::new(false);
static IS_IN_EXIT: AtomicBool = AtomicBool::new(false);

/// Noted at the start.
static IS_LIBRARY: AtomicBool = AtomicBool::new(false);
/// Where the loader has its data, and how many words; 0 if its locks are not known.
static DATA: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
static WORDS: AtomicUsize = AtomicUsize::new(0);

#[used]
// SAFETY: the section contains functions, which the loader calls with arguments that this one does not read.
#[unsafe(link_section = ".fini_array")]
static NOTE: extern "C" fn() = note;

extern "C" fn note() {
    let is_unloaded = IS_LIBRARY.load(Ordering::Relaxed) && holds_lock().unwrap_or(true);
    IS_UNLOADED.store(is_unloaded, Ordering::Relaxed);
    // The hook itself cannot tell: the C compiler's entry, which leads to it, cannot be unwound.
    IS_IN_EXIT.store(is_unloaded && is_in_exit(), Ordering::Relaxed);
    IS_FINALIZED.store(true, Ordering::Relaxed);
}

pub(crate) fn is_unloaded() -> bool {
    IS_UNLOADED.load(Ordering::Relaxed)
}

pub(crate) fn caller() -> Caller {
    if !IS_FINALIZED.load(Ordering::Relaxed) {
        Caller::Exit
    } else if !is_unloaded() {
        Caller::LoaderAtExit
    } else if IS_IN_EXIT.load(Ordering::Relaxed) {
        Caller::UnloadAtExit
    } else {
        Caller::Unload
    }
}

/// Whether this object is a shared library. Called only at the start: to look at the objects takes a lock of the loader, which another thread may
/// hold when the process exits, or may have held when this process was forked.
pub(crate) fn in_library() -> bool {
    const AT_PHDR: c_ulong = 3;
    unsafe extern "C" {
        safe fn getauxval(what: c_ulong) -> c_ulong;
    }
    IS_LIBRARY.store(true, Ordering::Relaxed);
    show_object_of(note as *const c_void, |object, _, _| {
        let in_program = usize::try_from(getauxval(AT_PHDR)) == Ok(object.segments.addr());
        IS_LIBRARY.store(!in_program, Ordering::Relaxed);
    });
    let is_library = IS_LIBRARY.load(Ordering::Relaxed);
    if is_library {
        find_locks();
    }
    is_library
}

/// Notes where the loader has its locks, if they can be counted.
fn find_locks() {
    unsafe extern "C" {
        fn dlsym(object: *mut c_void, name: *const c_char) -> *mut c_void;
    }
    // SAFETY: POSIX. Without an object, it searches all objects that the program was started with. Only glibc has this name.
    let data = unsafe { dlsym(std::ptr::null_mut(), c"_rtld_global".as_ptr()) };
    show_object_of(data, |_, data, bytes| {
        let words = bytes / size_of::<AtomicU32>();
        // During this call, this thread holds at least one of them.
        if count_locks(data, words) > 0 {
            DATA.store(data.cast_mut(), Ordering::Relaxed);
            WORDS.store(words, Ordering::Relaxed);
        }
    });
}

/// Whether this thread holds the loader's lock, if that is known.
fn holds_lock() -> Option<bool> {
    let words = WORDS.load(Ordering::Relaxed);
    if words == 0 { None } else { Some(count_locks(DATA.load(Ordering::Relaxed), words) > 0) }
}

/// How many of the loader's locks this thread holds.
fn count_locks(data: *const c_void, words: usize) -> usize {
    let mine = holder_of_mine();
    // SAFETY: this is the loader's own data, which is never unmapped and is aligned. It may change meanwhile, so the words are atomic.
    let words: &[AtomicU32] = unsafe { std::slice::from_raw_parts(data.cast(), words) };
    let mut count = 0;
    for mutex in words.windows(MUTEX) {
        if holder(mutex) == mine {
            count += 1;
        }
    }
    count
}

/// How many words of a mutex are looked at: its state, a count, and then its kind, its owner and its number of users, in an order that depends on
/// the processor.
const MUTEX: usize = 5;

/// The words that are the same in all mutexes of one kind that one thread holds.
fn holder(mutex: &[AtomicU32]) -> [u32; 3] {
    [mutex[2].load(Ordering::Relaxed), mutex[3].load(Ordering::Relaxed), mutex[4].load(Ordering::Relaxed)]
}

/// These words of a recursive mutex that this thread holds.
fn holder_of_mine() -> [u32; 3] {
    /// Larger than a `pthread_mutex_t`, and aligned as that is.
    #[repr(C, align(8))]
    struct Memory([AtomicU32; 16]);
    const RECURSIVE: u32 = 1;
    /// Which word is the kind in glibc's `PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP`; all others are 0.
    const KIND: usize = if cfg!(any(target_pointer_width = "64", target_arch = "x86_64")) { 4 } else { 3 };
    unsafe extern "C" {
        fn pthread_mutex_lock(mutex: *const Memory) -> c_int;
        fn pthread_mutex_unlock(mutex: *const Memory) -> c_int;
    }
    let mutex = Memory([const { AtomicU32::new(0) }; 16]);
    mutex.0[KIND].store(RECURSIVE, Ordering::Relaxed);
    // SAFETY: glibc. It is initialized as by that macro, no other thread sees it, and atomics may be written to.
    unsafe { pthread_mutex_lock(&raw const mutex) };
    let mine = holder(&mutex.0);
    // SAFETY: as above. It needs no `pthread_mutex_destroy`, which frees nothing in glibc.
    unsafe { pthread_mutex_unlock(&raw const mutex) };
    mine
}

/// A loaded object, as `dl_iterate_phdr` passes it. There are more fields, which older C libraries lack.
#[repr(C)]
struct Object {
    base: usize,
    name: *const c_char,
    segments: *const Segment,
    count: u16,
}

/// A segment of it, as defined by ELF.
#[repr(C)]
struct Segment {
    kind: u32,
    #[cfg(target_pointer_width = "64")]
    flags: u32,
    offset: usize,
    address: usize,
    physical: usize,
    size_in_file: usize,
    size: usize,
    #[cfg(target_pointer_width = "32")]
    flags: u32,
    align: usize,
}

impl Object {
    /// How many bytes there are from this address to the end of its segment, if it is in a segment of this object.
    fn bytes_from(&self, address: usize) -> Option<usize> {
        const LOADED: u32 = 1;
        // SAFETY: the loader has read them, and they stay as long as the object does.
        let segments = unsafe { std::slice::from_raw_parts(self.segments, self.count.into()) };
        for segment in segments {
            let offset = address.wrapping_sub(self.base.wrapping_add(segment.address));
            if segment.kind == LOADED && offset < segment.size {
                return Some(segment.size - offset);
            }
        }
        None
    }
}

/// What is done with an object that is found: it gets the address as well, and how many bytes there are from it to the end of its segment.
type Show = fn(&Object, *const c_void, usize);

/// Shows the loaded object that has this address, if one has.
fn show_object_of(address: *const c_void, show: Show) {
    unsafe extern "C" {
        fn dl_iterate_phdr(
            show: extern "C" fn(*const Object, usize, *mut c_void) -> c_int,
            argument: *mut c_void,
        ) -> c_int;
    }
    extern "C" fn call(object: *const Object, _: usize, wanted: *mut c_void) -> c_int {
        // SAFETY: it is the variable from below, which nothing else uses meanwhile.
        let &mut (address, show) = unsafe { &mut *wanted.cast::<(*const c_void, Show)>() };
        // SAFETY: the loader passes an object that is valid during the call.
        let object = unsafe { &*object };
        let bytes = object.bytes_from(address as usize);
        if let Some(bytes) = bytes {
            show(object, address, bytes);
        }
        bytes.is_some().into()
    }
    let mut wanted = (address, show);
    // SAFETY: every C library on Linux has this function, and calls `call` with the argument that it gets here.
    unsafe { dl_iterate_phdr(call, (&raw mut wanted).cast()) };
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn the_locks_of_this_loader_are_known() {
        assert!(!in_library());
        assert_eq!(holds_lock(), None); // a program is never unloaded
        find_locks();
        assert_eq!(holds_lock(), Some(false));
    }
}
