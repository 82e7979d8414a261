//! Copies of the run to the browser's private storage, one at a time, beside training.

use crate::host::tell;
use crate::protocol::{Event, Stage};
use crate::run_folder::RUN;
use crate::storage::{self, File};
use hounsfield::platform::memory;
use hounsfield::train::layout;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::path::Path;
use std::rc::Rc;
use std::task::{Poll, Waker};
use wasm_bindgen_futures::spawn_local;

/// How far the copy is: for the page of the next visit.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) stage: Stage,
    pub(crate) step: u64,
    /// Unknown of some runs before they go on.
    pub(crate) total_steps: Option<u64>,
}

/// Clones share one queue of at most one copy.
#[derive(Clone, Default)]
pub(crate) struct Autosave(Rc<Queue>);

#[derive(Default)]
struct Queue {
    /// Number of the next copy.
    number: Cell<u64>,
    busy: Cell<bool>,
    /// Whether the user removed the run at hand: it is not stored again.
    removed: Cell<bool>,
    waiting: RefCell<Option<Mark>>,
    /// Who waits for the queue to be empty.
    settling: RefCell<Option<Waker>>,
}

impl Autosave {
    /// The next copy comes after that of this number.
    pub(crate) fn after(&self, number: u64) {
        self.0.number.set(number + 1);
    }

    /// Whether the run at hand is stored from now on.
    pub(crate) fn keep(&self, keep: bool) {
        self.0.removed.set(!keep);
    }

    /// Whether it is.
    pub(crate) fn keeps(&self) -> bool {
        !self.0.removed.get()
    }

    /// Copies the run as it is when its turn comes.
    pub(crate) fn schedule(&self, mark: Mark) {
        if !self.keeps() {
            return;
        }
        self.0.waiting.replace(Some(mark));
        if self.0.busy.replace(true) {
            return;
        }
        let queue = Rc::clone(&self.0);
        spawn_local(async move {
            while let Some(mark) = queue.waiting.take() {
                queue.copy(mark).await;
            }
            queue.busy.set(false);
            if let Some(waker) = queue.settling.take() {
                waker.wake();
            }
        });
    }

    /// Waits until nothing is left to copy.
    pub(crate) async fn settled(&self) {
        poll_fn(|context| match self.0.busy.get() {
            true => {
                self.0.settling.replace(Some(context.waker().clone()));
                Poll::Pending
            }
            false => Poll::Ready(()),
        })
        .await;
    }
}

impl Queue {
    async fn copy(&self, mark: Mark) {
        let (number, when) = (self.number.get(), js_sys::Date::now());
        let about = json!({
            "stage": mark.stage,
            "step": mark.step,
            "total_steps": mark.total_steps,
            "when": when,
        });
        let files = stored_files(Path::new(RUN));
        match storage::save_run(&files, number, about).await {
            Ok(()) => {
                self.number.set(number + 1);
                let step = mark.step;
                tell(&Event::Autosaved { step, when }, Vec::new());
            }
            // The next copy takes the same place, so that the one before is kept.
            Err(why) => tell(&Event::NotSaved { why }, Vec::new()),
        }
    }
}

/// The run's files but for the checkpoint before the last: the storage keeps two copies anyway.
fn stored_files(run: &Path) -> Vec<File> {
    let previous = layout::previous(Path::new(""));
    memory::files_in(run)
        .into_iter()
        .filter(|(path, _)| !path.starts_with(&previous))
        .map(|(path, bytes)| (path.to_string_lossy().into_owned(), bytes))
        .collect()
}
