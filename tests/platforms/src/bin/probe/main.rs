//! Does what all arguments except the first say, in order, and then ends in the way that the first one names.

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
