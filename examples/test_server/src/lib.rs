//! Owns the client of the key-value server `src/bin/server.rs`; must not know who starts or stops the server.
//!
//! It stands for any client whose tests need a server: of a database, a queue, anything in a container.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// A connection to the server.
#[derive(Debug)]
pub struct Client {
    connection: BufReader<TcpStream>,
}

impl Client {
    /// Connects to the server at this address.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { connection: BufReader::new(TcpStream::connect(address).await?) })
    }

    /// Sets the value of the key, replacing any value that it has.
    ///
    /// # Errors
    ///
    /// If the key is empty or contains white space, if the value contains a line break, or if the connection is lost.
    pub async fn set(&mut self, key: &str, value: &str) -> io::Result<()> {
        check(key)?;
        if value.contains(['\r', '\n']) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a value is one line"));
        }
        match &*self.ask(&format!("set {key} {value}\n")).await? {
            "ok" => Ok(()),
            answer => Err(not_understood(answer)),
        }
    }

    /// The value of the key, if it has one.
    ///
    /// # Errors
    ///
    /// If the key is empty or contains white space, or if the connection is lost.
    pub async fn get(&mut self, key: &str) -> io::Result<Option<String>> {
        check(key)?;
        let answer = self.ask(&format!("get {key}\n")).await?;
        match answer.split_once(' ') {
            Some(("some", value)) => Ok(Some(value.to_owned())),
            None if answer == "none" => Ok(None),
            _ => Err(not_understood(&answer)),
        }
    }

    /// Tells the server to end, and waits until it closes the connection.
    ///
    /// # Errors
    ///
    /// If the connection is lost in another way than by the server's end.
    pub async fn stop(mut self) -> io::Result<()> {
        self.connection.write_all(b"stop\n").await?;
        self.connection.read_to_end(&mut Vec::new()).await?;
        Ok(())
    }

    async fn ask(&mut self, question: &str) -> io::Result<String> {
        self.connection.write_all(question.as_bytes()).await?;
        let mut answer = String::new();
        self.connection.read_line(&mut answer).await?;
        match answer.strip_suffix('\n') {
            Some(answer) => Ok(answer.to_owned()),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn check(key: &str) -> io::Result<()> {
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(io::Error::new(ErrorKind::InvalidInput, "a key is one word"));
    }
    Ok(())
}

fn not_understood(answer: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the server answers {answer:?}"))
}
