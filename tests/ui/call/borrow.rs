use atexit_core::register;

fn main() {
    let mut list = vec![1];
    register(|| list.push(2)); //~ ERROR closure may outlive the current function, but it borrows `list`
    let text = String::from("text");
    let part = text.as_str(); //~ ERROR `text` does not live long enough
    register(move || println!("{part}"));
}
