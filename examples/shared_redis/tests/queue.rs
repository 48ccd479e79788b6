//! Ordinary tests that share one Redis server: nothing in them starts or stops it.

mod once_lock;
mod server;

use std::env;
use std::path::PathBuf;

use redis::Connection;
use shared_redis::Queue;

pub(crate) const NO_SERVER: &str = "there is no redis-server";

/// The path of the installed server, if there is one.
pub(crate) fn redis_server() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|server| server.exists())
}

pub(crate) fn connection() -> Connection {
    // For `leftovers.rs`, which shows the difference.
    if env::var_os("ONCE_LOCK").is_some() { once_lock::connection() } else { server::connection() }
}

/// The queue with this name, or `None` if there is no server to run.
fn queue(name: &str) -> Option<Queue> {
    if redis_server().is_none() {
        spawn::cannot_run(NO_SERVER);
        return None;
    }
    Some(Queue::new(connection(), name))
}

#[test]
fn the_job_that_has_waited_longest_comes_first() {
    let Some(mut queue) = queue("longest") else { return };
    for job in ["one", "two", "three"] {
        queue.push(job).expect("pushed");
    }
    assert_eq!(queue.pop(), Ok(Some("one".to_owned())));
    assert_eq!(queue.pop(), Ok(Some("two".to_owned())));
}

#[test]
fn a_new_queue_is_empty() {
    let Some(mut queue) = queue("new") else { return };
    assert_eq!(queue.pop(), Ok(None));
}

#[test]
fn any_connection_can_take_a_job() {
    let (Some(mut one), Some(mut other)) = (queue("name"), queue("name")) else { return };
    one.push("job").expect("pushed");
    assert_eq!(other.pop(), Ok(Some("job".to_owned())));
}

/// Fails if this variable is set; libtest then calls `std::process::exit`.
#[test]
fn one_fails_if_told_to() {
    let Some(mut queue) = queue("fails") else { return };
    queue.push("job").expect("pushed");
    assert_eq!(env::var_os("TEST_FAILS"), None);
}
