//! Asks for an impossible order.

use atexit_core::{at_exit, check, link};

link!(linked_beta, linked_alpha, linked_nothing, contradicting);

fn no_handler() {}

#[at_exit(after = no_handler)]
fn asks_for_a_stranger() {
    println!("asks_for_a_stranger");
}

#[at_exit(first, after = asks_for_a_stranger)]
fn contradicts_its_phase() {
    println!("contradicts_its_phase");
}

#[at_exit(before = second)]
fn first() {
    println!("first");
}

#[at_exit(before = third)]
fn second() {
    println!("second");
}

#[at_exit(before = first)]
fn third() {
    println!("third");
}

#[at_exit(after = itself)]
fn itself() {
    println!("itself");
}

fn main() {
    no_handler();
    if let Err(error) = check() {
        println!("{error}");
    }
}
