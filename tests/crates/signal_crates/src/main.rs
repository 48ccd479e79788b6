//! Catches a signal by another crate, too; the first argument says by which, and in which order. It prints `ready` when it can be killed.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use atexit_core::signals::{Signal, Signals, install};
use atexit_core::{cause, register};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// The other crate has got the signal.
static SEEN: AtomicBool = AtomicBool::new(false);

fn see() {
    SEEN.store(true, Ordering::SeqCst);
}

fn main() {
    register(|| eprintln!("{:?}", cause()));
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "ctrlc_before" => {
            register(wait_to_see);
            ctrlc::set_handler(see).expect("set");
            install().expect("installed");
            ready();
        }
        "ctrlc_after" => {
            install().expect("installed");
            ctrlc::set_handler(|| std::process::exit(7)).expect("set");
            ready();
        }
        "ctrlc_between" => {
            install().expect("installed");
            ctrlc::set_handler(|| std::process::exit(7)).expect("set");
            install().expect("installed");
            ready();
        }
        "ctrlc_tries" => {
            install().expect("installed");
            println!("{:?}", ctrlc::try_set_handler(see).expect_err("there is one"));
            return;
        }
        "tokio_before" => {
            register(wait_to_see);
            serve(|| {}, install_and_be_ready);
        }
        "tokio_after" => {
            register(wait_to_see);
            serve(|| install().expect("installed"), ready);
        }
        "tokio_alone" => return shut_down_in_order(),
        scene => panic!("no scene of the name {scene}"),
    }
    loop {
        thread::park();
    }
}

fn ready() {
    println!("ready");
}

fn install_and_be_ready() {
    install().expect("installed");
    ready();
}

/// The thread that runs this was woken by the same signal.
fn wait_to_see() {
    while !SEEN.load(Ordering::SeqCst) {
        thread::yield_now();
    }
}

/// Would continue forever after the signal.
fn serve(before: fn(), after: fn()) {
    before();
    Builder::new_current_thread().enable_io().build().expect("a runtime").block_on(async {
        let mut stream = signal(SignalKind::interrupt()).expect("a stream");
        after();
        stream.recv().await;
        see();
        pending::<()>().await;
    });
}

fn shut_down_in_order() {
    Signals::new().except([Signal::INT]).install().expect("installed");
    Builder::new_current_thread().enable_io().build().expect("a runtime").block_on(async {
        let mut stream = signal(SignalKind::interrupt()).expect("a stream");
        ready();
        stream.recv().await;
    });
    eprintln!("all requests are answered");
}
