use atexit_core::{Handler, at_exit, guard, register};

async fn asynchronous() {}

#[at_exit]
fn declared() -> impl Future<Output = ()> { //~ ERROR an exit handler cannot return `impl Future<Output = ()>`
    async {}
}

fn main() {
    register(asynchronous); //~ ERROR an exit handler cannot return `impl Future<Output = ()>`
    register(async || {}); //~ ERROR an exit handler cannot return
    register(|| async {}); //~ ERROR an exit handler cannot return
    Handler::new(asynchronous).register(); //~ ERROR an exit handler cannot return
    let _guard = guard(asynchronous); //~ ERROR an exit handler cannot return
}
