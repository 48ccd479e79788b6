//! Owns a function pointer that forgets the type of the function's result, and can be made in a constant; must not know what the function does.

use std::mem::transmute;

/// A function, and the argument for it.
pub(crate) struct Call<A, R> {
    function: fn(A) -> R,
    argument: A,
}

impl<A, R> Call<A, R> {
    pub(crate) fn run(self) -> R {
        (self.function)(self.argument)
    }
}

/// Calls functions of one kind, and converts all their results to one type.
pub(crate) trait Convert<A, R, W, O> {
    fn convert(call: Call<A, R>, with: &W) -> O;
}

/// A function that takes an `A`. When it is called, its result is made into an `O`, with the help of a `W`.
pub(crate) struct ErasedFn<A, W, O> {
    /// `call` knows its type.
    function: fn(),
    call: fn(fn(), A, &W) -> O,
}

impl<A, W, O> ErasedFn<A, W, O> {
    pub(crate) const fn new<R, C: Convert<A, R, W, O>>(function: fn(A) -> R) -> Self {
        let call = |function, argument, with: &W| {
            // SAFETY: this code is stored below, beside the pointer that it is called with, which has this type.
            let function = unsafe { transmute::<fn(), fn(A) -> R>(function) };
            C::convert(Call { function, argument }, with)
        };
        // SAFETY: all function pointers are equally valid; this one is called only after it has its own type again.
        Self { function: unsafe { transmute::<fn(A) -> R, fn()>(function) }, call }
    }

    pub(crate) fn call(self, argument: A, with: &W) -> O {
        (self.call)(self.function, argument, with)
    }
}

impl<A, W, O> Copy for ErasedFn<A, W, O> {}

impl<A, W, O> Clone for ErasedFn<A, W, O> {
    fn clone(&self) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Length;

    impl<A, R: AsRef<str>> Convert<A, R, usize, usize> for Length {
        fn convert(call: Call<A, R>, with: &usize) -> usize {
            with + call.run().as_ref().len()
        }
    }

    const OF_TEXT: ErasedFn<&'static str, usize, usize> = ErasedFn::new::<&'static str, Length>(str::trim);
    const OF_STRING: ErasedFn<&'static str, usize, usize> = ErasedFn::new::<String, Length>(str::to_uppercase);

    #[test]
    fn functions_with_different_results_are_of_one_type() {
        assert_eq!([OF_TEXT, OF_STRING].map(|function| function.call(" abc ", &1)), [4, 6]);
    }
}
