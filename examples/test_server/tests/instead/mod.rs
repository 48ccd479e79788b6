//! Owns two versions without a `DropAtExit`, to prove that each loses a server; `INSTEAD` in the environment chooses one.

use std::env;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, PoisonError};

use atexit_core::at_exit;

use super::server::Server;

static LAZY_LOCK: LazyLock<Server> = LazyLock::new(Server::start);

static MUTEX: Mutex<Option<Server>> = Mutex::new(None);

#[at_exit(name = "stop the server")]
fn stop() -> anyhow::Result<()> {
    let server = MUTEX.lock().unwrap_or_else(PoisonError::into_inner).take();
    server.map_or(Ok(()), Server::stop)
}

/// The address of the server in the chosen version, if one is chosen.
pub(crate) fn address() -> Option<SocketAddr> {
    match env::var("INSTEAD").ok()?.as_str() {
        "LazyLock" => Some(LAZY_LOCK.address),
        "Mutex" => {
            let mut server = MUTEX.lock().unwrap_or_else(PoisonError::into_inner);
            Some(server.get_or_insert_with(Server::start).address)
        }
        other => panic!("there is no {other}"),
    }
}
