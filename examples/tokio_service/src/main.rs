//! A service that takes lines over TCP, keeps them in memory, and sends them to a peer when it ends.
//!
//! ```text
//! tokio-service [--forget-handlers] PEER
//! ```
//!
//! It listens on a free port of 127.0.0.1 and prints that port. It answers each line with the number of lines it keeps so far.
//! The answer is a promise: the line will reach `PEER`, an address such as `127.0.0.1:7000`. Two lines are orders: on `quit`,
//! `main` returns; on `die`, the task that reads it calls `std::process::exit(3)`.
//!
//! Nothing here sends the lines to the peer. The exit handler of [`outbox`] does, however the service ends.
//!
//! `--forget-handlers` shows the difference: it removes the handler, and the lines are lost.

mod arguments;
mod outbox;

use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::{env, process};

use anyhow::Context as _;
use arguments::Arguments;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::mpsc::{self, Sender};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { peer, forget_handlers } = Arguments::parse(env::args_os().skip(1))?;
    if forget_handlers {
        atexit_core::clear();
    }
    outbox::open(peer);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on 127.0.0.1")?;
    let address = listener.local_addr().context("cannot tell the port")?;
    writeln!(io::stdout(), "listening on {address}").context("cannot print the address")?;
    let (quit, mut told_to_quit) = mpsc::channel(1);
    loop {
        select! {
            _ = told_to_quit.recv() => return Ok(()),
            client = listener.accept() => {
                let (client, address) = client.context("cannot accept clients any more")?;
                let quit = quit.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve(client, quit).await {
                        eprintln!("Lost the client {address}: {error}");
                    }
                });
            }
        }
    }
}

/// Keeps the lines of one client until it closes the connection or gives an order.
async fn serve(client: TcpStream, quit: Sender<()>) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut line = Vec::new();
    loop {
        line.clear();
        client.read_until(b'\n', &mut line).await?;
        match &*line {
            b"quit\n" => {
                let _ = quit.send(()).await; // fails if `main` is returning already
                return Ok(());
            }
            b"die\n" => process::exit(3),
            [.., b'\n'] => {
                let Some(kept) = outbox::keep(&line) else { return Ok(()) };
                client.write_all(format!("{kept}\n").as_bytes()).await?;
            }
            _ => return Ok(()), // the end, or an incomplete last line
        }
    }
}
