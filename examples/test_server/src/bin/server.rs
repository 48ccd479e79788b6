//! A key-value server for the tests: prints its address, and serves until a client tells it to stop.
//!
//! It knows nothing of exit handlers and outlives the process that started it, as a container does.
//!
//! With `SERVER_WAITS=ADDRESS` in the environment, it connects to that address and starts when the other side lets it.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::{env, process, thread};

static VALUES: Mutex<Option<HashMap<String, String>>> = Mutex::new(None);

fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    if let Ok(outside) = env::var("SERVER_WAITS") {
        let mut outside = TcpStream::connect(outside)?;
        writeln!(outside, "server {} listens on {address}", process::id())?;
        outside.read_to_end(&mut Vec::new())?;
    }
    let _ = writeln!(io::stdout(), "{address}"); // the parent may be gone
    for client in listener.incoming() {
        let client = client?;
        // A lost client ends its own thread only.
        thread::Builder::new().spawn(move || serve(&client))?;
    }
    Ok(())
}

fn serve(mut client: &TcpStream) -> io::Result<()> {
    for line in BufReader::new(client).lines() {
        let answer = answer(&line?);
        writeln!(client, "{answer}")?;
    }
    Ok(())
}

fn answer(line: &str) -> String {
    let mut values = VALUES.lock().unwrap_or_else(PoisonError::into_inner);
    let values = values.get_or_insert_default();
    match *line.splitn(3, ' ').collect::<Vec<_>>() {
        ["set", key, value] => {
            values.insert(key.to_owned(), value.to_owned());
            "ok".to_owned()
        }
        ["get", key] => values.get(key).map_or_else(|| "none".to_owned(), |value| format!("some {value}")),
        ["stop"] => process::exit(0),
        _ => "what?".to_owned(),
    }
}
