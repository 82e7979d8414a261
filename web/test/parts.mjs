// What of the page can be told without a browser: node web/test/parts.mjs

import test from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { Deaths } from "../page/deaths.js";
import { dropped, needed, sorted } from "../page/files.js";
import { Intake } from "../page/intake.js";
import { Networks } from "../page/networks.js";
import { described, told } from "../page/offer.js";
import { CHECKS, proposed } from "../page/uses.js";
import { distinct } from "../page/zip.js";
import "./pool.mjs";

const MINUTE = 60_000;

test("a training that gets nowhere is started anew three times, however long each start lasts", () => {
  const deaths = new Deaths();
  deaths.begin();
  for (let start = 0; start < 3; start++) {
    assert.equal(deaths.count(true, start * 20 * MINUTE), false);
    // It goes on from where it was saved at first, and saves that again.
    deaths.from(0);
    deaths.saved(0);
  }
  assert.equal(deaths.count(true, 60 * MINUTE), true);
});

test("a training that gets further is started anew every time", () => {
  const deaths = new Deaths();
  deaths.begin();
  for (let step = 1; step < 10; step++) {
    deaths.saved(step);
    assert.equal(deaths.count(true, step), false);
  }
});

test("a training that the user begins has its own starts", () => {
  const deaths = new Deaths();
  deaths.begin();
  for (let start = 0; start < 3; start++) deaths.count(true, start * 20 * MINUTE);
  deaths.begin();
  assert.equal(deaths.count(true, 60 * MINUTE), false);
});

test("without a training only what stopped within ten minutes counts", () => {
  const deaths = new Deaths();
  for (let hour = 0; hour < 8; hour++) assert.equal(deaths.count(false, hour * 60 * MINUTE), false);
  for (let minute = 1; minute < 3; minute++) assert.equal(deaths.count(false, (7 * 60 + minute) * MINUTE), false);
  assert.equal(deaths.count(false, (7 * 60 + 3) * MINUTE), true);
});

const files = (...sizes) => sizes.map(([path, size = 1]) => ({ path, file: { size } }));
const paths = (files) => files.map(({ path }) => path);

test("of a run's folder only what it goes on with is read", () => {
  const kept = ["last/manifest.json", "last/weights.safetensors", "best/weights.safetensors"].map((name) => `a/run/checkpoints/${name}`);
  const whole = [...kept, "a/run/metrics.jsonl", "a/run/model.safetensors"];
  const spare = ["checkpoints/previous/manifest.json", "checkpoints/previous/weights.safetensors", "curves.png", "events.out.tfevents.1.train"];
  const dropped = files(...[...whole, ...spare.map((name) => `a/run/${name}`), "a/notes.txt"].map((path) => [path]));
  const { run, weights, left } = sorted(dropped);
  assert.deepEqual(paths(run), whole);
  assert.deepEqual(paths(weights), ["a/run/model.safetensors"]);
  assert.deepEqual(paths(left), ["a/notes.txt"]);
});

test("what is in memory twice while a run is read counts twice", () => {
  assert.equal(needed(files(["run/checkpoints/last/weights.safetensors", 100], ["run/checkpoints/best/weights.safetensors", 10])), 210);
  assert.equal(needed(files(["hounsfield-run.zip", 100])), 200);
});

test("an archive is a run where it comes without scans and lists, or is called as the page calls one", () => {
  const run = sorted(files(["hounsfield-run.zip"], ["notes.txt"]));
  assert.deepEqual([paths(run.run), paths(run.left)], [["hounsfield-run.zip"], ["notes.txt"]]);
  for (const other of ["a/scan.nii.gz", "a/dataset.json"]) {
    const { run, cases, left } = sorted(files(["a/papers.zip"], [other], ["a/model.safetensors"]));
    assert.deepEqual([run, paths(cases), paths(left)], [undefined, [other], ["a/papers.zip"]]);
  }
  const both = sorted(files(["a/papers.zip"], ["a/hounsfield-run (1).zip"], ["a/scan.nii.gz"], ["a/dataset.json"]));
  assert.deepEqual(paths(both.run), ["a/hounsfield-run (1).zip"]);
  assert.deepEqual([paths(both.cases), paths(both.left)], [["a/scan.nii.gz"], ["a/papers.zip", "a/dataset.json"]]);
});

test("what cannot be read of a dropped folder is named, and the rest is taken", async () => {
  const gone = (_, refused) => refused(new Error("it is gone"));
  const file = (fullPath, file = (take) => take({ size: 1 })) => ({ isFile: true, fullPath, file });
  const folder = (fullPath, ...lists) => ({ fullPath, createReader: () => ({ readEntries: (take, refuse) => (lists.length ? take(lists.shift()) : gone(take, refuse)) }) });
  const entry = folder("/a", [file("/a/1.nii"), file("/a/2.nii", gone)], [folder("/a/b"), file("/a/.hidden", gone)], [file("/a/3.nii")], []);
  const { cases, left } = sorted(await dropped({ items: [{ webkitGetAsEntry: () => entry }] }));
  assert.deepEqual(paths(cases), ["a/1.nii", "a/3.nii"]);
  assert.deepEqual(left, ["a/2.nii", "a/b"].map((path) => ({ path, why: "the browser cannot read it: it is gone" })));
});

test("files of an archive have names of their own, however a file system takes capital letters", () => {
  const named = (...names) => distinct(names.map((name) => [name, null])).map(([name]) => name);
  assert.deepEqual(named("ct.csv", "CT.csv", "mr.csv", "ct.csv"), ["ct.csv", "2_CT.csv", "mr.csv", "3_ct.csv"]);
  assert.deepEqual(named("2_ct.csv", "ct.csv", "ct.csv"), ["2_ct.csv", "ct.csv", "3_ct.csv"]);
});

// An intake of files for a worker that takes whatever it is given, and the lines that are said of files that are refused.
function intake() {
  const said = [];
  const any = { title: "", append() {}, replaceChildren() {}, querySelector: () => ({}) };
  const element = () => ({ append: (text) => said.push(text) });
  globalThis.document = { getElementById: () => any, querySelector: () => ({}), createElement: element };
  const taken = { refused: [], classes: [], known: [], renamed: [], doubtful: [] };
  const client = { call: async (kind) => (kind === "use_model" ? { encoder: "it", settings: null } : taken) };
  const networks = new Networks(client, () => {});
  const made = new Intake(client, { images: [], labels: [] }, { list() {} }, networks, {});
  const take = (path, size) => made.take([{ path, file: { size, arrayBuffer: async () => new ArrayBuffer(0) } }]);
  return { take, said };
}

const GIB = 2 ** 30;

test("weights count among the files that the page holds, as a file and as a network", async () => {
  const alone = intake();
  await alone.take("a.nii", GIB);
  await alone.take("b.nii", GIB);
  assert.deepEqual(alone.said, []);
  const beside = intake();
  await beside.take("weights.safetensors", GIB);
  await beside.take("a.nii", GIB);
  assert.equal(beside.said.length, 1);
  assert.match(beside.said[0], /^a.nii: the page holds files of 2.5 GB together at most/);
});

test("weights for which the page has no room are not read", async () => {
  const { take, said } = intake();
  await take("a.nii", GIB);
  await take("first.safetensors", GIB);
  await take("second.safetensors", 1.5 * GIB);
  assert.match(said[0], /^first.safetensors: not read: .* need 2.0 GB, .* press Close all scans first/);
  assert.match(said[1], /^second.safetensors: not read: .* need 3.0 GB, .* use the native program$/);
});

test("a run whose number of steps is not known is not called finished", () => {
  const run = { stage: "finetune", step: 40, when: 0 };
  assert.match(told({ ...run, total_steps: null }), /to go on with/);
  assert.match(described({ ...run, total_steps: null }), /at step 40 of \?$/);
  assert.match(told({ ...run, total_steps: 41 }), /to go on with/);
  assert.match(told({ ...run, total_steps: 40 }), /finished/);
});

// What is proposed for scans of these names, all of them usable, where a list says this of each.
function uses(names, listed = []) {
  const images = names.map((name) => ({ name, phantom: name.startsWith("phantom ") }));
  const found = proposed(images, listed, [...images.keys()]);
  return names.map((_, index) => found.get(index) ?? "");
}

test("scans for a test are left out, as a list says or else their folder", () => {
  assert.deepEqual(uses(["a", "b"], ["", null]), ["", "learn"]);
  assert.deepEqual(uses(["phantom 2026", "a", "b"], [null, "", ""]), ["learn", "", ""]);
  assert.deepEqual(uses(["T/imagesTr/a", "T/imagesTr/b", "T/imagesTs/c"]), ["learn", "check", ""]);
  assert.deepEqual(uses(["T/imagesTs/c", "T/imagesTs/d"], ["learn", "check"]), ["learn", "check"]);
  // A file is no folder.
  assert.deepEqual(uses(["imagesTs"]), ["learn"]);
});

test("phantoms that were made for checks check, and own scans come before phantoms", () => {
  const made = [2026, 123, CHECKS + 123, 124, 125].map((seed) => `phantom ${seed}`);
  assert.deepEqual(uses(made), ["learn", "learn", "check", "learn", "learn"]);
  assert.deepEqual(uses(made.slice(0, 1)), ["learn"]);
  assert.deepEqual(uses([...made, "a", "b"]), ["", "", "", "", "", "learn", "check"]);
});

// What the service worker answers with a copy at hand, or none, where `server(request)` answers for the server and nobody
// has patience.
async function answered(server, copy) {
  const program = readFileSync(new URL("../page/offline.js", import.meta.url), "utf8");
  let listener;
  const self = { location: { origin: "http://page" }, addEventListener: (kind, listen) => kind === "fetch" && (listener = listen) };
  const caches = { match: async () => copy };
  const Request = function (request, init) {
    return { ...request, ...init };
  };
  const hurried = (soon) => setTimeout(soon, 1);
  runInNewContext(program, { self, caches, URL, FILES: [], Request, setTimeout: hurried, fetch: async (request) => server(request) });
  let answer;
  listener({ request: { method: "GET", url: "http://page/", mode: "navigate" }, respondWith: (given) => (answer = given) });
  return answer;
}

test("the page comes from its server, which is asked whether it is the newest, and else from the copy", async () => {
  const asked = [];
  const page = (status) => (request) => {
    asked.push(request.cache);
    return { status };
  };
  assert.equal((await answered(page(200), "copy")).status, 200);
  assert.deepEqual(asked, ["no-cache"]);
  assert.equal((await answered(page(404), "copy")).status, 404);
  assert.equal(await answered(page(503), "copy"), "copy");
  assert.equal((await answered(page(503))).status, 503);
  const refused = () => Promise.reject(new TypeError("no network"));
  assert.equal(await answered(refused, "copy"), "copy");
  await assert.rejects(answered(refused), /no network/);
});

test("a server that hangs is waited for no longer than there is patience, where there is a copy", async () => {
  const slow = () => new Promise((resolve) => setTimeout(() => resolve({ status: 200 }), 100));
  assert.equal(await answered(slow, "copy"), "copy");
  assert.equal((await answered(slow)).status, 200);
});

test("no control comes back from a reload in a state that the page does not know of", () => {
  const page = readFileSync(new URL("../index.html", import.meta.url), "utf8");
  const controls = page.match(/<(button|select|input|textarea)\b[^>]*>/g);
  const forgetful = controls.filter((control) => !control.includes('autocomplete="off"'));
  assert.deepEqual(forgetful, []);
});
