//! Registers handlers that ask for a place among others; the first argument names the scene it plays.

use std::thread;

use atexit_core::{Handler, at_exit, plan, register, run, unregister};

fn main() {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
    println!("main");
}

const SCENES: &[(&str, fn())] = &[
    ("after", after),
    ("after_several", after_several),
    ("before", before),
    ("phases", phases),
    ("opposites", opposites),
    ("no_handler", no_handler),
    ("over", over),
    ("inside", inside),
    ("late", late),
    ("too_late", too_late),
    ("taken_back", taken_back),
    ("forked", forked),
    ("planned", planned),
];

// These run in the reverse order.

#[at_exit(last)]
fn logger() {
    println!("logger");
}

#[at_exit]
fn open() {
    println!("open");
}

#[at_exit(args = "one")]
#[at_exit(args = "two")]
fn flush(name: &str) {
    println!("flush {name}");
}

#[at_exit]
fn top() {
    println!("top");
}

#[at_exit(first)]
fn early() {
    println!("early");
}

/// The only place where this program makes handlers with names.
fn says(line: &'static str) -> Handler {
    Handler::new(move || println!("{line}")).name(line)
}

fn registered() {
    println!("registered");
}

fn after() {
    says("a").after(flush).register();
    says("b").register();
    says("c").after(flush).register();
    says("d").first().register();
    says("e").first().after(early).register();
}

fn after_several() {
    register(registered);
    says("a").after(top).after(registered).after(flush).register();
    says("b").after(top).after(registered).register();
    register(registered);
    says("c").after(registered).register();
    says("d").after(registered).after(registered).last().register();
}

fn before() {
    register(registered);
    says("a").before(flush).before(registered).before(logger).register();
    says("b").after(top).before(flush).before(open).register();
}

fn phases() {
    says("a").before(early).register();
    says("b").after(logger).after(flush).register();
    says("c").after(early).before(logger).register();
    Handler::new(registered).first().register();
    register(registered);
    says("d").after(registered).first().register();
}

fn opposites() {
    says("a").before(top).after(flush).register();
    says("b").before(flush).after(flush).register();
    says("c").before(open).after(flush).register();
    says("d").before(open).after(open).register();
}

fn no_handler() {
    fn stranger() {}
    says("a").after(stranger).register();
    says("b").before(stranger).after(top).register();
    let closure = || ();
    says("c").after(closure).before(closure).after(closure).register();
    Handler::new(registered).name("d").after(registered).register();
    Handler::new(registered).name("e").after(registered).register();
}

fn over() {
    run();
    says("a").register();
    says("b").after(flush).before(open).register();
}

fn inside() {
    register(|| {
        says("a").after(flush).register();
        says("b").register();
        says("c").after(early).register();
    });
}

fn late() {
    register(|| {
        let other = thread::spawn(|| {
            register(registered);
            says("a").register();
            says("b").after(registered).after(open).register();
            says("c").before(open).register();
        });
        other.join().expect("no panic");
        says("d").after(registered).register();
        says("e").before(registered).after(top).register();
    });
}

/// Handlers that come too late for the exit are counted, and have no other effect.
fn too_late() {
    register(|| {
        let further = || {
            thread::spawn(|| says("never").after(open).register()).join().expect("no panic");
        };
        thread::spawn(move || register(further)).join().expect("no panic");
    });
}

fn taken_back() {
    let a = says("a").after(flush).register();
    let b = says("b").after(top).register();
    says("c").after(top).register();
    assert!(a.unregister() && !a.is_pending() && !a.unregister());
    assert_eq!(unregister(top), 1);
    assert!(b.is_pending());
    Handler::new(registered).after(flush).register();
    says("d").after(registered).register();
    assert_eq!(unregister(registered), 1);
    says("e").after(top).register();
}

fn forked() {
    says("a").after(flush).register();
    register(registered);
    says("b").this_process().after(flush).register();
    // SAFETY: the scene tests just what the child does.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        says("child").after(flush).register();
        return;
    }
    // SAFETY: POSIX; the child is ours.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
}

fn planned() {
    register(registered);
    says("a").after(flush).before(open).register();
    says("b").after(registered).before(logger).register();
    says("c").after(top).register();
    register(registered);
    unregister(top);
    print!("{}", plan());
    for line in plan().dot().lines().filter(|line| line.contains("->")) {
        let (from, to) = line.find("constraint=false").zip(line.find("label=")).unwrap_or_default(); // the style
        println!("{}{}", &line[..from], &line[to..]);
    }
    atexit_core::clear();
}
