//! Is there for its dependency alone, which no program links.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
