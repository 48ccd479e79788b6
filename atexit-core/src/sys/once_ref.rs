//! Owns a reference that is set once, and that costs one load to read; must not know what it refers to.

use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Like a `OnceLock<&'static T>`, which reads its state before it reads the reference.
pub(crate) struct OnceRef<T: 'static> {
    target: AtomicPtr<T>,
    reference: PhantomData<&'static T>,
}

impl<T> OnceRef<T> {
    pub(crate) const fn new() -> Self {
        Self { target: AtomicPtr::new(ptr::null_mut()), reference: PhantomData }
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: it is null, or `set` has stored a reference that is valid forever; nobody writes through the pointer.
        unsafe { self.target.load(Ordering::Acquire).as_ref() }
    }

    /// The first reference stays.
    pub(crate) fn set(&self, target: &'static T) {
        let target = ptr::from_ref(target).cast_mut();
        let _ = self.target.compare_exchange(ptr::null_mut(), target, Ordering::Release, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reference_stays() {
        let reference = OnceRef::new();
        assert_eq!(reference.get(), None);
        for value in [&1, &2] {
            reference.set(value);
            assert_eq!(reference.get(), Some(&1));
        }
    }
}
