//! Ends in the way that its first argument says, after doing what the others say, in that order.

mod declared;

fn main() -> Result<(), String> {
    platforms::shorten_panics();
    let mut args = std::env::args().skip(1);
    let way = args.next().unwrap_or_default();
    let words: Vec<String> = args.collect();
    declared::keep(&words);
    platforms::prepare(&way);
    words.iter().filter(|word| !declared::is(word)).for_each(|word| platforms::set_up(word));
    println!("main");
    platforms::leave(&way)
}
