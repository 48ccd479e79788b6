//! Owns finding out the type that a generic function was called with; must not know what for.

use std::any::TypeId;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

/// # Safety
///
/// There must be no type that differs from this one only by a lifetime.
pub(crate) unsafe trait WithoutLifetimes: 'static {}

// SAFETY: it has no parameters.
unsafe impl WithoutLifetimes for io::Error {}

/// The value as a `U`, if `T` is `U`; otherwise, returns it unchanged.
pub(crate) fn cast<T, U: WithoutLifetimes>(value: T) -> Result<U, T> {
    if type_id::<T>() != TypeId::of::<U>() {
        return Err(value);
    }
    let value = ManuallyDrop::new(value);
    // SAFETY: `T` is `U` except for lifetimes, and `U` has none. The value is moved out of a wrapper that does not drop it.
    Ok(unsafe { std::mem::transmute_copy(&value) })
}

/// [`TypeId::of`] for any type; lifetimes are ignored.
fn type_id<T>() -> TypeId {
    trait Typed {
        fn type_id(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T> Typed for PhantomData<T> {
        fn type_id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let typed: &dyn Typed = &PhantomData::<T>;
    // SAFETY: only the bound of the trait object changes, and nothing is stored for that. The method reads no `T`, and lifetimes are erased by
    // the time it runs.
    unsafe { std::mem::transmute::<&dyn Typed, &(dyn Typed + 'static)>(typed) }.type_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_cast_to_its_own_type_only() {
        let text = String::from("text");
        let back = cast::<&str, io::Error>(&text).expect_err("of another type");
        assert_eq!(back, "text");
        let error = cast::<io::Error, io::Error>(io::Error::other(back)).expect("of this type");
        assert_eq!(error.to_string(), "text");
        assert!(cast::<Box<io::Error>, io::Error>(Box::new(error)).is_err());
    }
}
