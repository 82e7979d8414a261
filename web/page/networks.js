// The networks at hand: the one that comes with the page, and weights that were opened.

import { hinder } from "./busy.js";
import { $, enable } from "./dom.js";
import { weighed } from "./files.js";
import { refuse } from "./refused.js";

export class Networks {
  #client;
  #changed;
  // The last weights that were opened, with the settings they were taken with, by what they were.
  #opened = new Map();
  // Which of them were taught here since: only the worker has those.
  #taught = new Set();
  // What is said of the network in use and of the encoder to start from.
  #said = { model: "", encoder: "" };

  // `changed()` is told of a new network.
  constructor(client, changed) {
    this.#client = client;
    this.#changed = changed;
    this.#offer("There is no network yet.");
  }

  #offer(without = "") {
    for (const button of ["segment", "segment-all"]) hinder(button, "network", without);
  }

  #say(kind, text) {
    this.#said[kind] = text;
    $("model").textContent = Object.values(this.#said).filter(Boolean).join(" ");
  }

  // The network beside the page, whose classes have these names.
  async useBundled(names) {
    const get = async (name) => {
      const response = await fetch(new URL(`model/${name}`, document.baseURI));
      if (!response.ok) throw new Error(`${name} is missing beside the page`);
      return response;
    };
    this.#say("model", "Fetching the network that comes with the page…");
    try {
      const [weights, settings] = await Promise.all([get("model.safetensors"), get("config.toml")]);
      await this.#use("phantom organs", await weights.arrayBuffer(), { settings: await settings.text(), classes: names });
      this.#say("model", `${this.#said.model} It learnt from synthetic scans only: to try the page with, not for patients' scans.`);
    } catch (error) {
      if (error.dead) throw error;
      this.#say("model", `No network is bundled with this page (${error.message}): drop the weights of one, or teach one.`);
    }
  }

  // Gives weights to the worker, with the names of their classes and what made the images they learned from, or with a list
  // of cases that may have both; the answer has the network or the encoder that they are, and its settings.
  async #use(name, weights, { settings = null, classes = [], modality = null, list = null }) {
    const answer = await this.#client.call("use_model", { name, settings, classes, modality }, [weights, ...(list ? [list] : [])]);
    this.tell(answer);
    return answer;
  }

  // Weights that the user opened, with the list of cases that came with them. What goes with them is kept as the worker
  // found it: settings of the network it had before may have been the ones that fit.
  async use(weight, settings, list) {
    const text = settings ? await settings.file.text() : null;
    // A list that cannot be read is told of where it is opened.
    const cases = await list?.file.arrayBuffer().catch(() => null);
    const answer = await this.#use(weight.path, await weight.file.arrayBuffer(), { settings: text, list: cases });
    const kind = answer.model ? "model" : "encoder";
    const classes = answer.model ? ["background", ...answer.model.classes.map(({ name }) => name)] : [];
    const modality = answer.model?.modality ?? null;
    this.#opened.set(kind, { weight, settings: answer.settings, classes, modality });
    this.#taught.delete(kind);
  }

  // Bytes that the worker holds of weights that were opened.
  get held() {
    return [...this.#opened.values()].reduce((sum, { weight }) => sum + weighed(weight), 0);
  }

  // A training left a network or an encoder.
  taught(answer) {
    for (const kind of ["model", "encoder"]) if (answer[kind]) this.#taught.add(kind);
    this.tell(answer);
  }

  // Whether a file of this kind is of what was taught here.
  holds(file) {
    return this.#taught.has({ weights: "model", encoder: "encoder" }[file]);
  }

  // What went with the worker that held it, said once; `run` is the training that the browser keeps, where there is one,
  // and `goesOn` whether it goes on by itself.
  lost(run, goesOn = false) {
    const lines = [...this.#taught].map((kind) => {
      const kept = run && (run.stage === "pretrain") === (kind === "encoder");
      const again = goesOn ? "this training leaves another one" : "open it again under Teach";
      const remedy = kept ? again : "no copy of it is kept, so open the weights that you saved, or teach it anew";
      return ` The ${kind === "model" ? "network" : "encoder"} taught here is no longer in use: ${remedy}.`;
    });
    this.#taught.clear();
    return lines.join("");
  }

  // Says which network or encoder the worker has now; `before`, a new training starts from the network before that.
  tell({ model, encoder, before = false }) {
    if (encoder) {
      enable("encoder");
      $("start").querySelector("[value=encoder]").disabled = false;
      $("start").value = "encoder";
      this.#say("encoder", `A pre-trained encoder (${encoder}) is ready to start from.`);
    }
    if (model) {
      this.#say("model", `Network: ${model.name}, ${(model.parameters / 1e6).toFixed(2)} million weights, finds ${model.classes.length} structures.`);
      $("model").title = model.report;
      this.#offer();
      this.startsFrom(before);
      $("mirror").disabled = !model.mirror;
      $("mirror").checked &&= model.mirror;
      $("mirror").parentElement.title = model.mirror ? "" : "This network was trained without flips: it does not know mirrored anatomy";
      for (const file of ["weights", "settings"]) enable(file);
    }
    this.#changed();
  }

  // Whether a new training starts from the network before the one in use.
  startsFrom(before) {
    $("start").querySelector("[value=model]").textContent = before ? "the network in use before this training" : "the network in use";
  }

  // For a worker that is started anew. A file may be gone from the disk meanwhile.
  async reopen(names) {
    $("start").querySelector("[value=encoder]").disabled = true;
    if ($("start").value === "encoder") $("start").value = "model";
    this.#say("encoder", "");
    await this.useBundled(names);
    for (const [kind, { weight, ...known }] of this.#opened) {
      try {
        await this.#use(weight.path, await weight.file.arrayBuffer(), known);
      } catch (error) {
        if (error.dead) throw error;
        this.#opened.delete(kind);
        refuse(weight.path, `no longer in use, open it again: ${error.message}`);
      }
    }
  }
}
