//! Owns the replacement of functions that this module of the process (the program or a DLL) imports from others; must not know what the functions
//! do.
//!
//! A module calls its imports through its own table of addresses, which the loader fills in. Only some entries of this module's table are
//! changed, found by name; no code is changed, and no table of another module. A name is looked up in all libraries, because today's C runtime
//! is spread over many of them. The layout is Microsoft's ("PE Format", "The .idata Section").

use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use windows_sys::Win32::System::Memory::{
    MEMORY_BASIC_INFORMATION, PAGE_EXECUTE_READWRITE, PAGE_PROTECTION_FLAGS, PAGE_READWRITE, VirtualProtect,
    VirtualQuery,
};

/// A function to call instead of the imported one of this name.
pub(super) struct Replacement {
    pub(super) name: &'static CStr,
    pub(super) by: usize,
    /// Gets the address of the imported one.
    pub(super) imported: &'static AtomicUsize,
}

/// Replaces what it can. That is nothing if the linker has left no names in the module, or if the module has tables for two kinds of code.
///
/// # Safety
///
/// `module` is the address of a module that stays loaded meanwhile, and each replacement can be called like the imported function.
pub(super) unsafe fn replace(module: *const u8, replacements: &[Replacement]) {
    if cfg!(target_arch = "arm64ec") {
        return;
    }
    let module = Module(module);
    let mut imports = module.imports();
    // One entry for each library; the last one has no addresses.
    while let Some(import) = imports.filter(|&at| module.u32_at(at + Import::ADDRESSES) != 0) {
        let names = module.offset_at(import + Import::NAMES);
        let addresses = module.offset_at(import + Import::ADDRESSES);
        if names != 0 {
            replace_in_library(module, names, addresses, replacements);
        }
        imports = Some(import + Import::SIZE);
    }
}

fn replace_in_library(module: Module, names: usize, addresses: usize, replacements: &[Replacement]) {
    const WORD: usize = size_of::<usize>();
    for entry in 0.. {
        let (name, address) = (module.usize_at(names + entry * WORD), addresses + entry * WORD);
        if name == 0 {
            return;
        }
        let is_number = name >> (usize::BITS - 1) != 0;
        let name = if is_number { None } else { Some(module.name_at(name)) };
        if let Some(replacement) = replacements.iter().find(|replacement| Some(replacement.name) == name) {
            set(module.entry_at(address), replacement);
        }
    }
}

/// Puts the replacement into an entry. The entry is usually not writable, so its protection is changed, and restored.
fn set(entry: &AtomicUsize, replacement: &Replacement) {
    let imported = entry.load(Ordering::SeqCst);
    if imported == replacement.by {
        return;
    }
    let at = entry.as_ptr().cast();
    // If the linker has put the table among code, that code may be running.
    let writable = if is_executable(at) { PAGE_EXECUTE_READWRITE } else { PAGE_READWRITE };
    if let Some(before) = protect(at, writable) {
        replacement.imported.store(imported, Ordering::SeqCst); // first: the replacement may be called as soon as it is in place
        entry.store(replacement.by, Ordering::SeqCst);
        protect(at, before);
    }
}

fn protect(at: *const c_void, new: PAGE_PROTECTION_FLAGS) -> Option<PAGE_PROTECTION_FLAGS> {
    let mut before = 0;
    // SAFETY: the entry is part of this module. Only its protection is changed, not its content.
    let is_done = unsafe { VirtualProtect(at, size_of::<usize>(), new, &raw mut before) } != 0;
    is_done.then_some(before)
}

fn is_executable(at: *const c_void) -> bool {
    /// The bits of all executable kinds of pages.
    const EXECUTABLE: PAGE_PROTECTION_FLAGS = 0xf0;
    let mut about = MaybeUninit::<MEMORY_BASIC_INFORMATION>::zeroed();
    // SAFETY: the system gets the size of the structure.
    unsafe { VirtualQuery(at, about.as_mut_ptr(), size_of::<MEMORY_BASIC_INFORMATION>()) };
    // SAFETY: it contains numbers and a pointer, which may all be zero, and are if the system fills nothing in.
    unsafe { about.assume_init() }.Protect & EXECUTABLE != 0
}

/// Offsets within what is imported from one library.
struct Import;

impl Import {
    const NAMES: usize = 0;
    const ADDRESSES: usize = 16;
    const SIZE: usize = 20;
}

/// A loaded module. Offsets in it count from where it is loaded.
#[derive(Clone, Copy)]
struct Module(*const u8);

impl Module {
    /// Where the imports begin, if there are any.
    fn imports(self) -> Option<usize> {
        const HEADERS: usize = 0x3c;
        const OPTIONAL: usize = 24;
        const FOR_64_BITS: u16 = 0x20b;
        const COUNT_TO_DIRECTORIES: usize = 4;
        const DIRECTORY: usize = 8;
        const IMPORTS: usize = 1;
        let optional = self.offset_at(HEADERS) + OPTIONAL;
        let is_64_bits = self.read::<u16>(optional) == FOR_64_BITS;
        let count = optional + if is_64_bits { 108 } else { 92 };
        let has_imports = self.offset_at(count) > IMPORTS;
        let imports = self.offset_at(count + COUNT_TO_DIRECTORIES + IMPORTS * DIRECTORY);
        (has_imports && imports != 0).then_some(imports)
    }

    fn u32_at(self, offset: usize) -> u32 {
        self.read(offset)
    }

    fn usize_at(self, offset: usize) -> usize {
        self.read(offset)
    }

    /// The offset that is stored there.
    fn offset_at(self, offset: usize) -> usize {
        self.u32_at(offset) as usize
    }

    /// The name; a number comes before it.
    fn name_at(self, offset: usize) -> &'static CStr {
        // SAFETY: the loader has read this name, which ends with a null, and stays as long as this code does.
        unsafe { CStr::from_ptr(self.0.add(offset + 2).cast::<c_char>()) }
    }

    fn entry_at(self, offset: usize) -> &'static AtomicUsize {
        // SAFETY: the loader has written this address, which is aligned, and stays as long as this code does. Other threads only call it.
        unsafe { AtomicUsize::from_ptr(self.0.add(offset).cast_mut().cast()) }
    }

    fn read<T: Copy>(self, offset: usize) -> T {
        // SAFETY: the loader has read these headers, and they are mapped as long as the module is. Only numbers are read.
        unsafe { self.0.add(offset).cast::<T>().read_unaligned() }
    }
}
