//! Forks with the allocator that gives this program its name.

#[global_allocator]
static ALLOCATOR: std::alloc::System = std::alloc::System;

fn main() {
    allocators::play();
}
