//! Letting others have the thread: a page's program answers messages only between two of its turns.

use js_sys::{Function, Promise};
use std::cell::Cell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_time::{Duration, Instant};

/// Whether the thread may wait for a device: a page's program has no other that could answer it.
pub const MAY_WAIT: bool = false;

/// Longest turn. A timer costs some 4 ms, and people notice 100 ms.
const TURN: Duration = Duration::from_millis(40);

thread_local! {
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &Function, milliseconds: i32);
}

/// Ends this turn of the event loop where it lasted long enough, so that messages and timers come to their right.
pub async fn yield_now() {
    let now = Instant::now();
    match SINCE.get() {
        Some(since) if now.duration_since(since) < TURN => return,
        _ => {}
    }
    let timer = Promise::new(&mut |resolve, _| set_timeout(&resolve, 0));
    // A timer does not fail.
    let _ = JsFuture::from(timer).await;
    SINCE.set(Some(Instant::now()));
}
