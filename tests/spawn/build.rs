//! Owns the names of the target that this is built for, and of the host it is built on, which cargo gives only to build scripts.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for name in ["TARGET", "HOST"] {
        println!("cargo::rustc-env={name}={}", std::env::var(name).expect("cargo sets it"));
    }
}
