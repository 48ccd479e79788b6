//! Ordinary tests that share one server: nothing in them starts or stops it.

mod instead;
mod server;

use std::env;
use std::io::ErrorKind;

use test_server::Client;

/// A new connection to the shared server.
pub(crate) async fn client() -> Client {
    // For `left_over.rs`, which shows the difference.
    match instead::address() {
        Some(address) => Client::connect(address).await.expect("the server accepts"),
        None => server::client().await,
    }
}

#[tokio::test]
async fn what_was_set_is_there() {
    let mut client = client().await;
    client.set("what", "a value with spaces").await.expect("set");
    assert_eq!(client.get("what").await.expect("an answer").as_deref(), Some("a value with spaces"));
}

#[tokio::test]
async fn what_was_never_set_is_not_there() {
    assert_eq!(client().await.get("nothing").await.expect("an answer"), None);
}

#[tokio::test]
async fn the_last_value_counts() {
    let mut client = client().await;
    client.set("twice", "first").await.expect("set");
    client.set("twice", "second").await.expect("set");
    assert_eq!(client.get("twice").await.expect("an answer").as_deref(), Some("second"));
}

#[tokio::test]
async fn clients_see_the_same_values() {
    let (mut one, mut other) = (client().await, client().await);
    one.set("common", "value").await.expect("set");
    assert_eq!(other.get("common").await.expect("an answer").as_deref(), Some("value"));
}

#[tokio::test]
async fn what_would_break_the_protocol_is_refused() {
    let mut client = client().await;
    let refused = [client.set("two words", "").await, client.set("", "").await, client.set("lines", "1\n2").await];
    for result in refused {
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
    }
}

/// Fails if this variable is set; libtest then calls `std::process::exit`.
#[tokio::test]
async fn one_fails_if_told_to() {
    client().await.set("fails", "").await.expect("set");
    assert_eq!(env::var_os("TEST_FAILS"), None);
}

/// Ends the server too early if this variable is set. All tests pass, yet something is wrong.
#[tokio::test]
async fn one_stops_the_server_if_told_to() {
    let client = client().await;
    if env::var_os("TEST_STOPS_SERVER").is_some() {
        client.stop().await.expect("stopped");
    }
}
