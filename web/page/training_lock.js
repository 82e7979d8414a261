// One training at a time in all tabs, since they keep it in the same place: this page has it from its first step until
// it is done or given up, pauses included.
export class TrainingLock {
  #release = null;

  async take() {
    if (this.#release || !navigator.locks) return;
    await new Promise((taken, refused) => {
      const held = navigator.locks.request("hounsfield-training", { ifAvailable: true }, (lock) => {
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
