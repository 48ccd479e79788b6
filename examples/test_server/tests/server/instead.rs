//! Owns what one would write without a `DropAtExit`, for the proof that it loses a server; `INSTEAD` in the environment chooses one of them.

use std::env;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, PoisonError};

use atexit_core::at_exit;

use super::Server;

static LAZY_LOCK: LazyLock<Server> = LazyLock::new(Server::start);

static MUTEX: Mutex<Option<Server>> = Mutex::new(None);

#[at_exit(name = "stop the server")]
fn stop() -> anyhow::Result<()> {
    let server = MUTEX.lock().unwrap_or_else(PoisonError::into_inner).take();
    server.map_or(Ok(()), Server::stop)
}

/// Where the server listens that is in the chosen one.
pub(super) fn address() -> Option<SocketAddr> {
    match env::var("INSTEAD").ok()?.as_str() {
        "LazyLock" => Some(LAZY_LOCK.address),
        "Mutex" => {
            let mut server = MUTEX.lock().unwrap_or_else(PoisonError::into_inner);
            Some(server.get_or_insert_with(Server::start).address)
        }
        other => panic!("there is no {other}"),
    }
}
