//! Owns storing a function of any type in four words, with its type erased; must not know what it does, or when it is called.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};

use super::error::HandlerError;
use super::executor::Executor;
use super::facts::About;
use crate::sys::cast::WithoutLifetimes;

/// The code of a handler, as a [`Callback`] holds it.
pub(crate) trait Code: Send + 'static {
    /// Identifies the code, and names it if nothing else does.
    type Function: 'static;

    /// Whether [`about`](Self::about) returns anything.
    const SAYS_MORE: bool = false;

    /// Runs the code; if it is async and names no executor of its own, `executor` drives it.
    fn call(self, executor: &Executor) -> Result<(), HandlerError>;

    fn about(&self) -> Option<&dyn About> {
        None
    }
}

impl<C: Code> Code for Box<C> {
    type Function = C::Function;

    const SAYS_MORE: bool = C::SAYS_MORE;

    fn call(self, executor: &Executor) -> Result<(), HandlerError> {
        (*self).call(executor)
    }

    fn about(&self) -> Option<&dyn About> {
        (**self).about()
    }
}

/// How many words a [`Callback`] holds without an allocation.
const INLINE_WORDS: usize = 3;

type Payload = MaybeUninit<[usize; INLINE_WORDS]>;

/// # Safety
///
/// The payload must hold the code this function was made for.
type AboutFn = unsafe fn(&Payload) -> Option<&dyn About>;

/// What remains known of an erased type.
struct Table {
    /// # Safety
    ///
    /// The payload must hold the code this table was made for; it is moved out.
    call: unsafe fn(*mut Payload, &Executor) -> Result<(), HandlerError>,
    /// # Safety
    ///
    /// As for `call`.
    drop: unsafe fn(*mut Payload),
    /// `None` for code that says nothing about itself, which is most: it saves the call.
    about: Option<AboutFn>,
    /// Only for a function or a closure without captures, where equal types mean the same code.
    identity: Option<fn() -> TypeId>,
    type_name: fn() -> &'static str,
}

/// [`Code`] of any type, stored inline when it is small.
///
/// The usual solution, a boxed trait object, would allocate for each registration.
pub(crate) struct Callback {
    table: &'static Table,
    payload: Payload,
    /// The bytes alone would be `Send` and `Sync`; the code is known only to be `Send`.
    code: PhantomData<Box<dyn FnOnce() + Send>>,
}

impl Callback {
    pub(crate) fn new<C: Code>(code: C) -> Self {
        const {
            assert!(size_of::<Box<C>>() <= size_of::<Payload>() && align_of::<Box<C>>() <= align_of::<Payload>());
        }
        if const { size_of::<C>() <= size_of::<Payload>() && align_of::<C>() <= align_of::<Payload>() } {
            Self::store(code)
        } else {
            Self::store(Box::new(code))
        }
    }

    /// Stores code that fits.
    fn store<C: Code>(code: C) -> Self {
        let mut payload = Payload::uninit();
        // SAFETY: `new` has checked that size and alignment fit; the payload is fresh.
        unsafe { payload.as_mut_ptr().cast::<C>().write(code) };
        Self { table: const { &Table::of::<C>() }, payload, code: PhantomData }
    }

    /// Calls the code, which is gone afterwards even if it panics.
    #[inline]
    pub(crate) fn call(self, executor: &Executor) -> Result<(), HandlerError> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the table was made for this payload, and `ManuallyDrop` prevents any further use.
        unsafe { (this.table.call)(&raw mut this.payload, executor) }
    }

    #[inline]
    pub(crate) fn about(&self) -> Option<&dyn About> {
        let about = self.table.about?;
        // SAFETY: the table was made for this payload, which is still there: `call` consumes the callback that it empties.
        unsafe { about(&self.payload) }
    }

    /// Returns the type of the function or closure, if it has only one value.
    pub(crate) fn identity(&self) -> Option<TypeId> {
        Some(self.table.identity?())
    }

    #[inline]
    pub(crate) fn type_name(&self) -> fn() -> &'static str {
        self.table.type_name
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        // SAFETY: as in `about`.
        unsafe { (self.table.drop)(&raw mut self.payload) }
    }
}

impl Table {
    const fn of<C: Code>() -> Self {
        Self {
            // SAFETY: the caller guarantees that the payload holds a valid `C`, as stated at the field.
            call: |payload, executor| unsafe { payload.cast::<C>().read() }.call(executor),
            // SAFETY: likewise.
            drop: |payload| unsafe { payload.cast::<C>().drop_in_place() },
            about: if C::SAYS_MORE {
                // SAFETY: likewise.
                Some(|payload| unsafe { &*payload.as_ptr().cast::<C>() }.about())
            } else {
                None
            },
            identity: if size_of::<C::Function>() == 0 { Some(TypeId::of::<C::Function>) } else { None },
            type_name: std::any::type_name::<C::Function>,
        }
    }
}

// SAFETY: it has no parameters.
unsafe impl WithoutLifetimes for HandlerError {}
