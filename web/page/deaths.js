// How often the computing part stopped: whether another start is of use.

// Milliseconds. Who looks at scans all day may lose the graphics device now and then, with every sleep of the machine.
const RECENT = 10 * 60_000;
// Starts after which another one is of no use.
const MOST = 3;

export class Deaths {
  // When it stopped of late.
  #recent = [];
  // How often it stopped in the training since that got further than it had been, and how far that was.
  #stuck = 0;
  #furthest = 0;

  // The user begins a training.
  begin() {
    this.#stuck = 0;
    this.from(0);
  }

  // A training is at hand that came to this step.
  from(step) {
    this.#furthest = step;
  }

  // A training is safe up to this step: what is saved anew when it goes on is nothing won.
  saved(step) {
    if (step <= this.#furthest) return;
    this.#furthest = step;
    this.#stuck = 0;
    this.#recent = [];
  }

  // It stopped, `training` in a training; tells whether it shall not be started again.
  count(training, now = Date.now()) {
    this.#recent = [...this.#recent.filter((time) => now - time < RECENT), now];
    if (training) this.#stuck += 1;
    return Math.max(this.#recent.length, this.#stuck) > MOST;
  }
}
