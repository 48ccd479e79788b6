//! The arguments that functions may be called with.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]
#![deny(clippy::pedantic)]

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use atexit_core::at_exit;

fn check<T: PartialEq + std::fmt::Debug>(a: &T, b: &T) {
    assert_eq!(a, b);
}

#[at_exit(args = "first")]
#[at_exit(args = "second",)]
#[at_exit(args = concat!("th", "ird"))]
#[at_exit(args = &String::from("fourth"))]
#[at_exit(args = &format!("{}, {}", 1, 2))]
#[at_exit(args(text = "fifth"))]
#[at_exit(args(text = &std::env::var("SIXTH").unwrap_or_default(),))]
#[at_exit(args = if 1 < 2 { "seventh" } else { "" })]
#[at_exit(args = { let (a, _) = ("eighth", 1); a })]
fn text(text: &str) {
    let _ = text;
}

#[at_exit(args = (1, 2))]
#[at_exit(args = (1, 2,),)]
#[at_exit(args = ((1, 2)))]
#[at_exit(args = pair())]
#[at_exit(args = Pair { a: 1, b: 2 }.tuple())]
#[at_exit(args = { (1, 2) })]
#[at_exit(args = (|a, b| (a, b))(1, 2))]
#[at_exit(args = Pair::<u8, u16> { a: 1, b: 2 }.tuple())]
#[at_exit(args = <Pair<u8, u16> as Tuple<u8, u16>>::tuple(&Pair { a: 1, b: 2 }))]
#[at_exit(args(a = 1, b = 2))]
#[at_exit(args(b = 2, a = 1))]
#[at_exit(args = (Pair { a: 1, b: 9 }.a, Pair { a: 9, b: 2 }.b))]
#[at_exit(args = ("1,2".split(',').map(str::parse::<u8>).collect::<Result<Vec<_>, _>>().unwrap()[0], 1 << 1))]
fn two(a: u8, b: u16) {
    check(&(a, b), &(1, 2));
}

struct Pair<A, B> {
    a: A,
    b: B,
}

trait Tuple<A, B> {
    fn tuple(&self) -> (A, B);
}

impl<A: Copy, B: Copy> Tuple<A, B> for Pair<A, B> {
    fn tuple(&self) -> (A, B) {
        (self.a, self.b)
    }
}

fn pair() -> (u8, u16) {
    (1, 2)
}

#[at_exit(args = (1, 2))]
fn one_tuple(pair: (u8, u8)) {
    check(&pair, &(1, 2));
}

#[at_exit(args = ())]
fn one_unit(_: ()) {}

#[at_exit(args = ("alone",))]
fn one_tuple_of_one((text,): (&str,)) {
    check(&text, &"alone");
}

#[at_exit(args = |a, b| a < b)]
fn function(f: fn(u8, u8) -> bool) {
    assert!(f(1, 2));
}

#[at_exit(args = (|a, b| a | b, |a: u8| a, move || 3, 1 | 2))]
fn functions(f: fn(u8, u8) -> u8, g: fn(u8) -> u8, h: fn() -> u8, n: u8) {
    check(&[f(1, 2), g(3), h(), n], &[3; 4]);
}

#[at_exit(args = ([1, 2], Pair { a: 1, b: 2 }, &mut 3, (4, 5), BTreeMap::<u8, u8>::new()))]
fn patterns(
    [a, mut b]: [u8; 2],
    Pair { a: c, b: d }: Pair<u8, u8>,
    &mut e: &mut u8,
    (f, ..): (u8, u8),
    _: BTreeMap<u8, u8>,
) {
    b += 1;
    check(&[a, b, c, d, e, f], &[1, 3, 1, 2, 3, 4]);
}

#[at_exit(args(b = "b", whole = Some(3), r#type = "type", mutable = 1, c = [1, 2],))]
fn names(r#type: &str, mut mutable: u8, ref b: &str, whole @ (Some(_) | None): Option<u8>, #[allow(unused)] c: [u8; 2]) {
    mutable += 1;
    check(&(r#type, mutable, *b, whole), &("type", 2, "b", Some(3)));
}

#[at_exit(args(type = 1, in_order = 2))]
fn keyword_as_a_name(r#type: u8, in_order: u8) {
    check(&(r#type, in_order), &(1, 2));
}

static LIST: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static CONFIG: OnceLock<(String, u8)> = OnceLock::new();

#[at_exit(args = LIST.lock().unwrap().as_mut())]
fn a_guard_lives_as_long_as_the_call(list: &mut Vec<u8>) {
    list.push(1);
}

#[at_exit(args = guarded(&LIST.lock().unwrap()))]
fn a_guard_lives_as_long_as_the_call_with_a_tuple(list: &[u8], n: usize) {
    check(&list.len(), &n);
}

fn guarded(list: &[u8]) -> (&[u8], usize) {
    (list, list.len())
}

#[at_exit(args(config = CONFIG.get_or_init(|| (String::new(), 1)), n = CONFIG.get().map_or(0, |&(_, n)| n)))]
fn named_closures(config: &(String, u8), n: u8) {
    check(&config.1, &n);
}

#[at_exit(args = (1, BTreeMap::new()))]
fn type_arguments(a: <Vec<u8> as IntoIterator>::Item, b: BTreeMap<u8, fn(u8, u8) -> BTreeMap<u8, u8>>) {
    let _ = (a, b);
}

// If `?` fails, so does the handler.
#[at_exit(args = "1".parse::<u8>()?)]
fn parsed(_: u8) {}

#[at_exit(args = "1".parse::<u8>()?)]
async fn parsed_later(_: u8) -> Result<(), std::num::ParseIntError> {
    Ok(())
}

fn main() {}
