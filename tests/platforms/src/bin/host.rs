//! Opens the library that its first argument names, and ends in the way that the second names; `close` unloads the library and returns.
//! It does what the other arguments say before that; the library, which has handlers of its own, does what begins with `library:`.

const LIBRARY: &str = "library:";

fn main() -> Result<(), String> {
    platforms::shorten_panics();
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().unwrap_or_default();
    let (path, way) = (next(), next());
    let rest: Vec<String> = args.collect();
    let (for_library, own): (Vec<_>, Vec<_>) = rest.iter().partition(|word| word.starts_with(LIBRARY));
    for word in own {
        platforms::set_up(word);
    }
    let library = opened::Library::open(&path);
    for word in for_library {
        library.set_up(&word[LIBRARY.len()..]);
    }
    println!("main");
    if let Some(way) = way.strip_prefix(LIBRARY) {
        library.leave(way);
        return Ok(());
    }
    if way == "close" {
        library.close();
        return Ok(());
    }
    platforms::leave(&way)
}

#[cfg(any(unix, windows))]
mod opened {
    use std::ffi::{CString, c_char};

    use libloading::Symbol;

    pub(crate) struct Library(Option<libloading::Library>);

    impl Library {
        pub(crate) fn open(path: &str) -> Self {
            // SAFETY: its constructors only install the hook for its declared handlers.
            let opened = unsafe { libloading::Library::new(path) };
            if opened.is_err() {
                println!("no library can be opened");
            }
            Self(opened.ok())
        }

        pub(crate) fn set_up(&self, word: &str) {
            self.call(b"platforms_set_up", word);
        }

        pub(crate) fn leave(&self, way: &str) {
            self.call(b"platforms_leave", way);
        }

        fn call(&self, name: &[u8], text: &str) {
            let Some(library) = &self.0 else { return };
            // SAFETY: the functions of this library have this type.
            let function: Symbol<'_, unsafe extern "C" fn(*const c_char)> =
                unsafe { library.get(name) }.expect("the library has this function");
            let text = CString::new(text).expect("an argument has no zero");
            // SAFETY: they read a NUL-terminated text, and do not keep it.
            unsafe { function(text.as_ptr()) };
        }

        pub(crate) fn close(mut self) {
            if let Some(library) = self.0.take() {
                library.close().expect("it can be closed");
                println!("closed");
            }
        }
    }

    impl Drop for Library {
        /// It stays open.
        fn drop(&mut self) {
            std::mem::forget(self.0.take());
        }
    }
}

#[cfg(not(any(unix, windows)))]
mod opened {
    pub(crate) struct Library;

    impl Library {
        pub(crate) fn open(_: &str) -> Self {
            println!("no library can be opened");
            Self
        }

        pub(crate) fn set_up(&self, _: &str) {}

        pub(crate) fn leave(&self, _: &str) {}

        pub(crate) fn close(self) {}
    }
}
