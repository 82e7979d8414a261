// The settings of a training: the form, what they come to, and what is changed so that a step fits.

import { hinder } from "./busy.js";
import { $, bytes } from "./dom.js";

const NUMBERS = {
  steps: ["run", "max_steps"],
  rate: ["optimizer", "learning_rate"],
  crops: ["CROPS", "samples_per_volume"],
  accumulation: ["CROPS", "accumulation"],
  interval: ["run", "validation_steps"],
  seed: ["run", "seed"],
};
const WORDS = { precision: ["run", "precision"] };
const LISTS = { spacing: ["CROPS", "spacing"], crop: ["CROPS", "roi_size"] };
const SETTINGS = { ...NUMBERS, ...WORDS, ...LISTS };

export class SettingsForm {
  // Bytes a step may need, bytes of one tensor, and bytes the worker may hold beside.
  limits = { memory: Infinity, tensor: Infinity, held: Infinity, helped: false };
  #client;
  #cases;
  #running;
  // What the user changed, and what was changed to fit.
  #changed = new Set();
  #planned = 0;
  // Whether the crops are smaller than the settings say, to fit.
  #shrunk = false;

  // `running()` tells whether a training goes on: nothing is planned meanwhile.
  constructor(client, cases, running) {
    this.#client = client;
    this.#cases = cases;
    this.#running = running;
    hinder("train", "plan", "There is nothing to learn from yet.");
    for (const id of [...Object.keys(SETTINGS), "toml", "names"]) {
      // What is being typed must not be written over by an answer that comes meanwhile.
      $(id).addEventListener("input", () => {
        this.#changed.add(id);
        if (id === "crop") this.#shrunk = false;
      });
      $(id).addEventListener("change", () => {
        this.#changed.add(id);
        this.plan();
      });
    }
    $("start").addEventListener("change", () => this.plan());
    for (const radio of document.querySelectorAll("input[name=stage]")) {
      radio.addEventListener("change", () => {
        this.#changed.clear();
        this.#shrunk = false;
        this.#cases.drawChoice();
      });
    }
  }

  get stage() {
    return document.querySelector("input[name=stage]:checked").value;
  }

  // What to train, as the worker takes it.
  request() {
    const names = $("names").value.split(",").map((name) => name.trim()).filter(Boolean);
    const used = this.#cases.used();
    return {
      stage: this.stage,
      start: $("start").value,
      ...used,
      classes: names.length ? ["background", ...names] : this.#cases.namesOf([...used.training, ...used.validation]),
      settings: [this.#overlay(), $("toml").value],
    };
  }

  // What the user changed in the form, as TOML.
  #overlay() {
    const crops = this.stage === "pretrain" ? "sampling" : "crops";
    const tables = new Map();
    const put = ([table, key], value) => {
      const name = table === "CROPS" ? crops : table;
      tables.set(name, [...(tables.get(name) ?? []), `${key} = ${value}`]);
    };
    for (const id of this.#changed) {
      const text = $(id).value.trim();
      if (!text) continue;
      if (NUMBERS[id]) put(NUMBERS[id], id === "rate" ? Number(text).toExponential() : Number(text));
      if (WORDS[id]) put(WORDS[id], `"${text}"`);
      if (LISTS[id]) {
        const parts = text.split(/[\s,;×x]+/).map(Number);
        put(LISTS[id], `[${(parts.length === 1 ? [parts[0], parts[0], parts[0]] : parts).map((n) => (id === "spacing" && Number.isInteger(n) ? n.toFixed(1) : n)).join(", ")}]`);
      }
    }
    return [...tables].map(([name, lines]) => `[${name}]\n${lines.join("\n")}\n`).join("\n");
  }

  // Asks what these settings come to and fills the form.
  async plan() {
    const number = ++this.#planned;
    const request = this.request();
    // Pre-training starts from nothing.
    $("start").parentElement.hidden = request.stage === "pretrain";
    hinder("train", "plan", request.training.length ? "" : "There is nothing to learn from yet.");
    if (!request.training.length || this.#running()) {
      $("estimate").textContent = "";
      return;
    }
    try {
      const plan = await this.#client.call("plan", request);
      if (number !== this.#planned) return;
      const crops = request.stage === "pretrain" ? "sampling" : "crops";
      if (await this.#fitted(plan, plan.settings[crops])) return;
      for (const [id, [table, key]] of Object.entries(SETTINGS)) {
        if (this.#changed.has(id) && $(id).value) continue;
        const value = plan.settings[table === "CROPS" ? crops : table][key];
        $(id).value = Array.isArray(value) ? (new Set(value).size === 1 ? value[0] : value.join(" × ")) : value;
      }
      $("names").placeholder = plan.classes.slice(1).join(", ") || "liver, tumour";
      $("all-settings").textContent = plan.text;
      const tight = plan.memory > this.limits.memory || plan.largest_tensor > this.limits.tensor;
      const parts = [
        this.#changed.has("accumulation") && plan.settings[crops].accumulation > 1 ? ", in parts to fit" : "",
        this.#shrunk ? ", with smaller crops to fit" : "",
      ].join("");
      const crowded = plan.held > this.limits.held;
      const advice = tight
        ? " That may be more than there is: choose a smaller crop."
        : crowded
          ? ` Scans, network and run take about ${bytes(plan.held)} more, and a page has 4 GB: leave scans out, choose a larger voxel size or a smaller network, or use the native program.`
          : "";
      const same = request.validation.every((index) => request.training.includes(index));
      const checks = same ? " and checks with the same, which says nothing of other scans" : `, checks with ${request.validation.length}`;
      $("estimate").textContent = `Learns from ${request.training.length}${checks}. Needs about ${bytes(plan.memory)} of memory${this.limits.helped ? " for each processor" : ""}${parts}.${advice}${plan.notice ? ` ${plan.notice}` : ""}`;
      $("estimate").classList.remove("problem");
    } catch (error) {
      if (number !== this.#planned) return;
      $("estimate").textContent = error.message;
      $("estimate").classList.add("problem");
      hinder("train", "plan", error.message);
    }
  }

  // Where a step would not fit: its crops go through the network one by one, then they become smaller. True where it
  // changed something. What the user typed stays.
  async #fitted(plan, crops) {
    if (plan.memory <= this.limits.memory && plan.largest_tensor <= this.limits.tensor) return false;
    const most = crops.batch_volumes * crops.samples_per_volume;
    if (!this.#changed.has("accumulation") && crops.accumulation < most) {
      this.#changed.add("accumulation");
      $("accumulation").value = most;
    } else {
      const patch = plan.settings.network.patch_size;
      const smaller = crops.roi_size.map((n) => Math.max(Math.min(n, 2 * patch), Math.floor(n / 2 / patch) * patch));
      const typed = this.#changed.has("crop") && !this.#shrunk;
      if (typed || smaller.every((n, axis) => n === crops.roi_size[axis])) return false;
      this.#shrunk = true;
      this.#changed.add("crop");
      $("crop").value = smaller.join(" × ");
    }
    await this.plan();
    return true;
  }
}
