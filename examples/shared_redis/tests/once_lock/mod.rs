//! Owns the version without the library: the same server and its directory, each in a `OnceLock`; is here only to show what that
//! leaves behind.

use std::sync::OnceLock;

use redis::Connection;
use tempfile::TempDir;

use super::server::Server;

static DIR: OnceLock<TempDir> = OnceLock::new();
static SERVER: OnceLock<Server> = OnceLock::new();

pub(crate) fn connection() -> Connection {
    let dir = DIR.get_or_init(|| tempfile::tempdir().expect("a directory for the server"));
    let server = SERVER.get_or_init(|| Server::start_in(dir.path()));
    server.client.get_connection().expect("the server accepts")
}
