//! Owns taking over from other threads once the system has ended all but this one, as Windows does before it detaches a DLL at an exit; must
//! not know when that is.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::CONFIG;
use crate::log::{Level, Log};
use crate::registry::{self, PENDING};
use crate::runner::RUN;
use crate::sys::token::ThreadToken;

/// Whether a line says that no handler can run. `Relaxed`: it publishes nothing else.
static IS_REPORTED: AtomicBool = AtomicBool::new(false);

/// Takes over a run of another thread: handlers that it had not started are pending again, as in a forked child. `false`: one of the ended
/// threads held a lock, which nobody releases.
#[inline] // compiled only where systems do that
pub(super) fn go_on() -> bool {
    let log = Log::new(CONFIG.try_lock().map_or_else(Level::default, |config| config.level), None);
    let is_free = RUN.try_lock().is_some() && CONFIG.try_lock().is_some() && PENDING.try_lock().is_some();
    if !is_free {
        // Once, although several hooks are installed.
        if !IS_REPORTED.swap(true, Ordering::Relaxed) {
            log.locked_for_good();
        }
        return false;
    }
    if let Some(label) = registry::take_running() {
        log.cut_off(&label.info());
    }
    let (mut run, mut pending) = (RUN.lock(), PENDING.lock());
    run.go_on_in_child(ThreadToken::mine(), false);
    registry::lease::revoke();
    pending.forget_run_in_child();
    true
}
