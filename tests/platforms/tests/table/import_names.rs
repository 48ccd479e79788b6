//! Owns removing the names from the import tables of a Windows program, as some linkers and packers do; must not know who asks.
//!
//! Each table of addresses comes with a table of names, and both are equal until the loader has filled in the former. Without the table of
//! names, the loader uses that of addresses. The layout is Microsoft's ("PE Format").

/// Marks the imports of each library whose name begins like this as having no table of names.
pub(crate) fn take_out(program: &mut [u8], from: &str) {
    const LIBRARY: usize = 12;
    const ADDRESSES: usize = 16;
    const SIZE: usize = 20;
    let headers = number(program, 0x3c);
    let sections = u16::from_le_bytes([program[headers + 6], program[headers + 7]]);
    let optional = headers + 24;
    let size_of_optional = u16::from_le_bytes([program[headers + 20], program[headers + 21]]);
    let imports = number(program, optional + 120);
    let in_file = |program: &[u8], place: usize| {
        (0..usize::from(sections))
            .map(|section| optional + usize::from(size_of_optional) + 40 * section)
            .find_map(|section| {
                let [size, loaded_at, _, in_file_at] = [8, 12, 16, 20].map(|field| number(program, section + field));
                let offset = place.checked_sub(loaded_at).filter(|&offset| offset < size)?;
                Some(in_file_at + offset)
            })
            .expect("the imports are in a section")
    };
    let mut at = in_file(program, imports);
    while number(program, at + ADDRESSES) != 0 {
        let library = in_file(program, number(program, at + LIBRARY));
        if program[library..].starts_with(from.as_bytes()) {
            program[at..at + 4].fill(0);
        }
        at += SIZE;
    }
}

fn number(program: &[u8], at: usize) -> usize {
    let bytes = program[at..at + 4].try_into().expect("four bytes");
    u32::from_le_bytes(bytes) as usize
}
