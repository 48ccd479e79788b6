//! Owns a function of any type in four words, with its type erased; must not know what it does, or when it is called.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};

use super::error::HandlerError;
use super::executor::Executor;
use super::facts::About;
use crate::sys::cast::WithoutLifetimes;

/// The code of a handler, as a [`Callback`] holds it.
pub(crate) trait Code: Send + 'static {
    /// What identifies it, and names it if nothing else does.
    type Function: 'static;

    /// Whether there is anything that it says of itself.
    const SAYS_MORE: bool = false;

    /// `executor` runs it to completion if it is async, and names no other.
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

/// How many words a [`Callback`] holds without an allocation of its own.
const INLINE_WORDS: usize = 3;

type Payload = MaybeUninit<[usize; INLINE_WORDS]>;

/// # Safety
///
/// The payload must hold the code that this was made for.
type AboutFn = unsafe fn(&Payload) -> Option<&dyn About>;

/// What is known of a type once it is forgotten.
struct Table {
    /// # Safety
    ///
    /// The payload must hold the code this table was made for; it is moved out.
    call: unsafe fn(*mut Payload, &Executor) -> Result<(), HandlerError>,
    /// # Safety
    ///
    /// As for `call`.
    drop: unsafe fn(*mut Payload),
    /// `None` of code that says nothing of itself, as most does: so nobody has to ask.
    about: Option<AboutFn>,
    /// Of a closure without captures and of a function: equal types are the same code.
    identity: Option<fn() -> TypeId>,
    type_name: fn() -> &'static str,
}

/// [`Code`] of any type, which lies in place when it is small.
///
/// The usual answer, a box of a trait object, costs an allocation for every registration.
pub(crate) struct Callback {
    table: &'static Table,
    payload: Payload,
    /// What the code may be: bytes could go anywhere, but of the code nobody knows more than that it is `Send`.
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
        // SAFETY: `new` has compared size and alignment of what it passes; the payload is fresh.
        unsafe { payload.as_mut_ptr().cast::<C>().write(code) };
        Self { table: const { &Table::of::<C>() }, payload, code: PhantomData }
    }

    /// Calls the code, which is gone afterwards, also if it panics.
    #[inline]
    pub(crate) fn call(self, executor: &Executor) -> Result<(), HandlerError> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the table was made with the payload, and `ManuallyDrop` keeps anyone from using it again.
        unsafe { (this.table.call)(&raw mut this.payload, executor) }
    }

    #[inline]
    pub(crate) fn about(&self) -> Option<&dyn About> {
        // SAFETY: the table was made with the payload; `call` never lets go of a callback that it has emptied.
        self.table.about.and_then(|about| unsafe { about(&self.payload) })
    }

    /// The type of the function or closure, if two values of it cannot differ.
    pub(crate) fn identity(&self) -> Option<TypeId> {
        self.table.identity.map(|identity| identity())
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
            // SAFETY: the caller's duty, stated at the field, is that a valid `C` lies there.
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
