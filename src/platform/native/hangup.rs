//! The signal of a terminal that goes away.

/// Sets signal handlers by `set`, but leaves a hangup ignored that was ignored before: `nohup` asks for that, and
/// handlers for all ways to end a program would undo it.
#[cfg(unix)]
#[expect(unsafe_code, reason = "the C library's function has no safe form")]
pub fn keeping_nohup<T>(set: impl FnOnce() -> T) -> T {
    let ignore = || {
        // SAFETY: ignoring a signal runs no code of ours, now or later.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) }
    };
    let before = ignore();
    let result = set();
    if before == libc::SIG_IGN {
        ignore();
    }
    result
}

/// See the twin for Unix: here there is no such signal.
#[cfg(not(unix))]
pub fn keeping_nohup<T>(set: impl FnOnce() -> T) -> T {
    set()
}
