//! Values that futures make, or that futures close: on the small executor, on Tokio's runtimes, and polled by hand.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use atexit_core::{CloseAtExit, DropAtExit, ExitRef, Handler, register, register_async};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::yield_now;

struct Value(&'static str);

impl Drop for Value {
    fn drop(&mut self) {
        println!("{} is dropped", self.0);
    }
}

static VALUE: DropAtExit<Value> = DropAtExit::empty().name("value");
static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other")).name("other");

const SHORT: Duration = Duration::from_millis(50);

static GO_ON: Notify = Notify::const_new();

fn main() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload().downcast_ref::<String>().map(String::as_str);
        let message = message.or(info.payload().downcast_ref::<&str>().copied());
        eprintln!("panicked: {}", message.unwrap_or_default());
    }));
    match std::env::args().nth(1).as_deref() {
        Some("in_handlers") => in_handlers(),
        Some("current_thread") => two_at_once(&current_thread()),
        Some("multi_thread") => two_at_once(&multi_thread()),
        Some("dropped_half_way") => dropped_half_way(),
        Some("aborted") => aborted(),
        Some("fails") => fails(),
        Some("suspended_without_runtime") => suspended_without_runtime(),
        Some("suspended") => suspended(),
        Some("polled") => polled(),
        Some("polled_for_too_long") => polled_for_too_long(),
        Some("asks_for_itself") => asks_for_itself(),
        Some("blocks_its_own_thread") => blocks_its_own_thread(),
        Some("blocks_another_thread") => blocks_another_thread(),
        Some("closed_at_exit") => closed_at_exit(),
        Some("closed_in_runtime") => closed_in_runtime(),
        Some("closed_in_handlers") => closed_in_handlers(),
        Some("closed_for_too_long") => closed_for_too_long(),
        Some("awaited_in_vain") => awaited_in_vain(),
        Some("waker_panics") => waker_panics(),
        Some("waker_makes_it") => waker_makes_it(),
        Some("waker_registers") => waker_registers(),
        scene => panic!("no such scene: {scene:?}"),
    }
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().expect("a runtime")
}

async fn make() -> Value {
    println!("made");
    woken_by_another_thread().await;
    Value("value")
}

async fn woken_by_another_thread() {
    let mut is_woken = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_woken, true) {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        thread::spawn(move || waker.wake());
        Poll::Pending
    })
    .await;
}

fn in_handlers() {
    register_async(|| async { println!("the later one has {}", VALUE.get_or_init_async(make).await.0) });
    register_async(|| async { println!("the first one has {}", VALUE.get_or_init_async(make).await.0) });
}

fn two_at_once(runtime: &Runtime) {
    let tasks = [(); 2].map(|()| runtime.spawn(async { VALUE.get_or_init_async(make).await.0 }));
    // The future is also sent to another thread.
    let third = runtime.spawn(VALUE.get_or_try_init_async(async || Ok::<_, ()>(make().await)));
    runtime.block_on(async {
        for task in tasks {
            println!("a task has {}", task.await.expect("it does not panic"));
        }
        println!("a task has {:?}", third.await.expect("it does not panic").map(|value| value.0));
    });
}

/// Waits for something that never happens.
async fn begin() -> Value {
    println!("begun");
    pending().await
}

fn dropped_half_way() {
    current_thread().block_on(async {
        tokio::select! {
            biased;
            _ = VALUE.get_or_init_async(begin) => {}
            () = yield_now() => println!("dropped: {:?}", VALUE.try_get().map(|value| value.0)),
        }
        println!("the next one has {}", VALUE.get_or_init_async(make).await.0);
    });
}

fn aborted() {
    static BEGUN: Notify = Notify::const_new();
    static MADE: AtomicUsize = AtomicUsize::new(0);
    fn counted() -> Value {
        MADE.fetch_add(1, Ordering::SeqCst);
        Value("value")
    }
    multi_thread().block_on(async {
        let makes = tokio::spawn(VALUE.get_or_init_async(async || {
            BEGUN.notify_one();
            begin().await
        }));
        BEGUN.notified().await;
        let waits = tokio::spawn(async { VALUE.get_or_init_async(async || counted()).await.0 });
        let blocks = thread::spawn(|| VALUE.get_or_init(counted).0);
        makes.abort();
        println!("aborted: {}", makes.await.is_err_and(|error| error.is_cancelled()));
        println!("a task has {}", waits.await.expect("it does not panic"));
        println!("a thread has {}", blocks.join().expect("it does not panic"));
    });
    println!("made: {MADE:?}");
}

fn fails() {
    current_thread().block_on(async {
        let failed = VALUE.get_or_try_init_async(async || {
            yield_now().await;
            Err("no space")
        });
        println!("{:?}", failed.await.map(|value| value.0));
        let panicked = tokio::spawn(VALUE.get_or_init_async(async || {
            yield_now().await;
            panic!("no time")
        }));
        println!("panicked: {}", panicked.await.is_err_and(|error| error.is_panic()));
        println!("the next one has {}", VALUE.get_or_init_async(make).await.0);
    });
}

/// Polls the future once, and keeps it.
fn suspend(mut future: Kept) -> bool {
    static KEPT: Mutex<Option<Kept>> = Mutex::new(None);
    let is_pending =
        current_thread().block_on(poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())));
    KEPT.lock().expect("it is free").replace(future);
    is_pending
}

type Kept = Pin<Box<dyn Future<Output = ExitRef<Value>> + Send>>;

fn suspended_without_runtime() {
    println!("suspended: {}", suspend(Box::pin(VALUE.get_or_init_async(begin))));
    OTHER.get();
    register(|| println!("the handler has {:?}", OTHER.try_get().map(|value| value.0)));
}

fn suspended() {
    let runtime = multi_thread();
    let (suspended, is_suspended) = mpsc::channel();
    let mut makes = Box::pin(VALUE.get_or_init_async(async || {
        let _drops = Value("what the future has");
        GO_ON.notified().await;
        println!("never");
        Value("value")
    }));
    let task = runtime.spawn(poll_fn(move |context| {
        let polled = makes.as_mut().poll(context);
        let _ = suspended.send(());
        polled
    }));
    is_suspended.recv().expect("somebody sends");
    OTHER.get();
    // By now values have been finished.
    let goes_on = move || {
        GO_ON.notify_one();
        let went_on = runtime.block_on(task).map(|value| value.0);
        println!("panicked: {}", went_on.is_err_and(|error| error.is_panic()));
        println!("{:?}", VALUE.try_get().map(|value| value.0));
    };
    Handler::new(goes_on).last().register();
}

fn polled() {
    // Now and then, the one that has made it is too late.
    std::panic::set_hook(Box::new(|_| {}));
    let (polled, is_polled) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let runtime = multi_thread();
    runtime.spawn(VALUE.get_or_init_async(async move || {
        polled.send(()).expect("somebody waits");
        may_go_on.recv().expect("somebody sends");
        println!("made");
        Value("value")
    }));
    is_polled.recv().expect("somebody sends");
    register(move || {
        println!("the handler");
        go_on.send(()).expect("somebody waits");
    });
    std::process::exit(0);
}

fn polled_for_too_long() {
    static LATE: DropAtExit<Value> = DropAtExit::empty().name("late").time_limit(Duration::from_millis(50));
    let (polled, is_polled) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let runtime = multi_thread();
    let task = runtime.spawn(LATE.get_or_init_async(async move || {
        polled.send(()).expect("somebody waits");
        may_go_on.recv().expect("somebody sends");
        Value("late")
    }));
    is_polled.recv().expect("somebody sends");
    OTHER.get();
    let goes_on = move || {
        go_on.send(()).expect("somebody waits");
        let made = runtime.block_on(task).map(|value| value.0);
        println!("panicked: {}", made.is_err_and(|error| error.is_panic()));
    };
    Handler::new(goes_on).last().register();
}

fn asks_for_itself() {
    let asks = async || VALUE.get_or_init_async(async || Value(VALUE.get_or_init_async(make).await.0)).await.0;
    let task = async move { println!("{}", asks().await) };
    let result = catch_unwind(AssertUnwindSafe(|| current_thread().block_on(task)));
    println!("panicked: {}", result.is_err());
}

fn blocks_its_own_thread() {
    current_thread().block_on(async {
        let makes = tokio::spawn(VALUE.get_or_init_async(async || {
            GO_ON.notified().await;
            make().await
        }));
        yield_now().await;
        println!("blocked: {}", catch_unwind(|| drop(VALUE.get_or_init(|| Value("never")))).is_ok());
        println!("tried: {}", catch_unwind(|| drop(VALUE.try_get())).is_ok());
        println!("set: {}", VALUE.set(Value("another")).is_ok());
        println!("open: {}", VALUE.get_if_open().is_some());
        println!("closed: {:?}", VALUE.close().is_ok_and(|is_closed| is_closed));
        GO_ON.notify_one();
        println!("the task has {}", makes.await.expect("it does not panic").0);
    });
}

fn blocks_another_thread() {
    let runtime = current_thread();
    runtime.block_on(async {
        let makes = tokio::spawn(VALUE.get_or_init_async(async || {
            GO_ON.notified().await;
            make().await
        }));
        yield_now().await;
        let (asks, is_asked) = mpsc::channel();
        let other = thread::spawn(move || {
            asks.send(()).expect("somebody waits");
            VALUE.get_or_init(|| Value("never")).0
        });
        is_asked.recv().expect("somebody sends");
        GO_ON.notify_one();
        println!("the task has {}", makes.await.expect("it does not panic").0);
        println!("the thread has {}", other.join().expect("it does not panic"));
    });
}

/// A value that takes a while to close, during which another thread wakes it.
async fn end(name: &'static str) -> Result<(), String> {
    woken_by_another_thread().await;
    println!("{name} is closed on {}", thread::current().name().unwrap_or("?"));
    if name == "fails" { Err("no space".to_owned()) } else { Ok(()) }
}

static DROPPED: DropAtExit<&str> = DropAtExit::new(|| "dropped").close_with_async(end);
static CLOSED: CloseAtExit<&str> = CloseAtExit::new(|| "closed").close_with_async(|name: &'static &str| end(name));
static FAILS: DropAtExit<&str> = DropAtExit::new(|| "fails").close_with_async(end).name("fails");

fn closed_at_exit() {
    current_thread().block_on(async {
        FAILS.get();
        tokio::spawn(CLOSED.get_or_init_async(async || "closed")).await.expect("it does not panic");
        DROPPED.get();
        std::process::exit(0)
    });
}

fn closed_in_runtime() {
    let close = || {
        FAILS.get();
        CLOSED.get();
        DROPPED.get();
        println!(
            "{:?}, {:?}",
            DROPPED.close().map_err(|failure| failure.to_string()),
            CLOSED.close().map_err(|failure| failure.to_string())
        );
        println!("{:?}", FAILS.close().map_err(|failure| failure.message().to_owned()));
        println!("{:?}", CLOSED.close().map_err(|failure| failure.to_string()));
    };
    current_thread().block_on(async move { close() });
}

fn closed_for_too_long() {
    static HANGS: DropAtExit<Value> =
        DropAtExit::new(|| Value("it")).close_with_async(hangs).name("hangs").time_limit(SHORT);
    async fn hangs(value: Value) {
        pending::<()>().await;
        drop(value);
    }
    HANGS.get();
    println!("{:?}", HANGS.close().map_err(|failure| failure.message().to_owned()));
}

/// In a handler, while nothing polls the future that makes the value.
fn awaited_in_vain() {
    static SLOW: DropAtExit<Value> = DropAtExit::empty().name("slow").time_limit(SHORT);
    suspend(Box::pin(SLOW.get_or_init_async(async || pending().await)));
    register_async(async || _ = SLOW.get_or_init_async(make).await);
}

fn closed_in_handlers() {
    fn close(cell: &'static DropAtExit<ThreadId>) -> bool {
        matches!(cell.close(), Ok(true))
    }
    async fn end(id: ThreadId) {
        woken_by_another_thread().await;
        println!("closed on the thread of the handler: {}", id == thread::current().id());
    }
    static ONE: DropAtExit<ThreadId> = DropAtExit::empty().close_with_async(end);
    static TWO: DropAtExit<ThreadId> = DropAtExit::empty().close_with_async(end);
    register_async(|| async {
        ONE.get_or_init(|| thread::current().id());
        println!("async: {}", close(&ONE));
    });
    register(|| {
        TWO.get_or_init(|| thread::current().id());
        println!("blocking: {}", close(&TWO));
    });
}

/// Counts how often it is woken, and does something first.
struct Woken {
    first: fn(),
    times: AtomicUsize,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.times.fetch_add(1, Ordering::SeqCst);
        (self.first)();
    }
}

fn waker(first: fn()) -> (Arc<Woken>, Waker) {
    let woken = Arc::new(Woken { first, times: AtomicUsize::new(0) });
    (Arc::clone(&woken), woken.into())
}

type Boxed = Pin<Box<dyn Future<Output = &'static str>>>;

fn begins() -> Boxed {
    Box::pin(async { VALUE.get_or_init_async(begin).await.0 })
}

fn waits() -> Boxed {
    Box::pin(async { VALUE.get_or_init_async(async || Value("value")).await.0 })
}

fn poll(future: &mut Boxed, waker: &Waker) -> Poll<&'static str> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

fn waker_panics() {
    let mut makes = begins();
    println!("{:?}", poll(&mut makes, Waker::noop()));
    let [mut one, mut two] = [waits(), waits()];
    let ((panics, first), (woken, second)) = (waker(|| panic!("a waker")), waker(|| ()));
    println!("{:?}, {:?}", poll(&mut one, &first), poll(&mut two, &second));
    drop(makes);
    println!("woken: {:?}, {:?}", panics.times, woken.times);
    println!("{:?}, {:?}", poll(&mut two, &second), poll(&mut one, &first));
}

fn waker_makes_it() {
    let mut makes = begins();
    println!("{:?}", poll(&mut makes, Waker::noop()));
    let mut waiting = waits();
    let (woken, waker) = waker(|| println!("the waker has {}", VALUE.get_or_init(|| Value("value")).0));
    println!("{:?}", poll(&mut waiting, &waker));
    drop(makes);
    println!("woken: {:?}", woken.times);
    println!("{:?}", poll(&mut waiting, &waker));
}

/// A waker that registers a handler whenever it is cloned, woken or dropped.
fn registering() -> Waker {
    fn note(what: &'static str) {
        Handler::new(move || println!("{what}")).register();
    }
    fn raw() -> RawWaker {
        const TABLE: RawWakerVTable = RawWakerVTable::new(
            |_| {
                note("cloned");
                raw()
            },
            |_| note("woken"),
            |_| note("woken by reference"),
            |_| note("dropped"),
        );
        RawWaker::new(std::ptr::null(), &TABLE)
    }
    // SAFETY: it points nowhere, and its functions may be called on any thread.
    unsafe { Waker::from_raw(raw()) }
}

fn waker_registers() {
    let mut makes = begins();
    println!("{:?}", poll(&mut makes, Waker::noop()));
    let [mut one, mut two] = [waits(), waits()];
    let waker = registering();
    // Removes duplicates.
    println!("{:?}, {:?}", poll(&mut one, &waker), poll(&mut two, &waker));
    println!("{:?}", poll(&mut one, &waker));
    drop(makes);
    println!("{:?}, {:?}", poll(&mut one, &waker), poll(&mut two, &waker));
}
