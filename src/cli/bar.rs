//! The bar at the foot of a terminal, and lines above it.

use indicatif::{ProgressBar, ProgressStyle, WeakProgressBar};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The bar that is shown, one at a time. It is drawn over the lines where it was before, and so over what was written
/// since without its knowledge.
static SHOWN: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

fn shown() -> MutexGuard<'static, Option<WeakProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bar on standard error until it is dropped.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar of so many steps in the form of a template; none where standard error is no terminal, or one that cannot
    /// move its cursor.
    pub(super) fn show(steps: u64, template: &str) -> Option<Self> {
        let bar = Self::of(ProgressBar::new(steps), template)?;
        *shown() = Some(bar.0.downgrade());
        Some(bar)
    }

    fn of(bar: ProgressBar, template: &str) -> Option<Self> {
        if bar.is_hidden() {
            return None;
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.tick();
        Some(Bar(bar))
    }

    /// So many steps are done.
    pub(super) fn reach(&self, steps: u64) {
        self.0.set_position(steps);
    }

    /// What the template shows as `{msg}`.
    pub(super) fn message(&self, text: String) {
        self.0.set_message(text);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Writes to standard error with `write`, which must not come here again: the bar, if there is one, is out of the way
/// until it is done.
pub(super) fn above_bar<T>(write: impl FnOnce() -> T) -> T {
    let bar = shown().as_ref().and_then(WeakProgressBar::upgrade);
    above(bar, write)
}

fn above<T>(bar: Option<ProgressBar>, write: impl FnOnce() -> T) -> T {
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{ProgressDrawTarget, TermLike};
    use std::io;
    use std::sync::Arc;

    /// A terminal that keeps what is written on it and where lines are cleared.
    #[derive(Debug, Clone, Default)]
    struct Terminal(Arc<Mutex<Vec<String>>>);

    impl Terminal {
        fn note(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            40
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.note(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.note(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            self.note("cleared")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_written_while_the_bar_is_out_of_its_way() {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let bar = ProgressBar::with_draw_target(Some(3), target);
        let bar = Bar::of(bar, "{pos} of {len}{msg}").unwrap();
        bar.message(", soon".to_owned());
        above(Some(bar.0.clone()), || terminal.note("a line")).unwrap();
        let seen = terminal.0.lock().unwrap().clone();
        let at = seen.iter().position(|text| text == "a line").unwrap();
        let drawn = |text: &String| text == "0 of 3, soon";
        let cleared = |text: &String| text == "cleared";
        // Drawn, cleared, and drawn again below the line.
        let last = seen[..at].iter().rposition(drawn).unwrap();
        assert!(seen[last..at].iter().any(cleared), "{seen:?}");
        assert!(seen[at..].iter().any(drawn), "{seen:?}");
        drop(bar);
        let seen = terminal.0.lock().unwrap().clone();
        assert!(seen.last().is_some_and(cleared), "{seen:?}");
    }

    #[test]
    fn a_terminal_that_can_show_no_bar_is_taken_for_none() {
        assert!(Bar::of(ProgressBar::hidden(), "{pos}").is_none());
    }
}
