// Which tab trains: all of them keep their training in the same place.

const NAME = "hounsfield-training";

// Does `task` unless a tab, this one too, trains or is paused.
export async function ifNobodyTrains(task) {
  await navigator.locks?.request(NAME, { ifAvailable: true }, (lock) => lock && task());
}

// One training at a time in all tabs: this page has it from its first step until
// it is done or given up, pauses included.
export class TrainingLock {
  #release = null;

  async take() {
    if (this.#release || !navigator.locks) return;
    await new Promise((taken, refused) => {
      const held = navigator.locks.request(NAME, { ifAvailable: true }, (lock) => {
        if (!lock) return refused(new Error("Another tab of this page trains or is paused, and both keep their training in the same place: wait for it, or close it."));
        taken();
        return new Promise((release) => (this.#release = release));
      });
      // A browser that denies locks is as one that has none.
      held.catch(taken);
    });
  }

  leave() {
    this.#release?.();
    this.#release = null;
  }
}
