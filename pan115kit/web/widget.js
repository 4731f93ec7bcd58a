/** The list in a notebook (anywidget): rows come from the kernel, actions go there. */

import { defineUploadProgressList } from "./upload-progress-list.js";

defineUploadProgressList("TAG_OF_THIS_VERSION");

/** What a model's views share: every row, so that another display of the panel needs nothing from the kernel. */
const stores = new Map();

class Store {
  constructor(model) {
    this.model = model;
    this.rows = new Map();
    this.lists = new Set();
    this.number = -1;
    this.asked = 0;
    this.sent = 0;
    this.takeWhole(model.get("snapshot"));
    model.on("change:snapshot", () => this.takeWhole(model.get("snapshot")));
    model.on("msg:custom", (message) => this.take(message));
    // what was sent before this module was loaded has been missed
    this.send({ kind: "whole", number: this.number });
  }

  /** A message of this page has a number of its own: the kernel may hear it twice. */
  send(message) {
    this.sent += 1;
    this.model.send({ ...message, id: `${this.page ??= Math.random().toString(36).slice(2)}-${this.sent}` });
  }

  ask() {
    const now = performance.now();
    if (this.asked && now - this.asked < 2000) return;
    this.asked = now;
    this.send({ kind: "whole", number: this.number });
  }

  take(message) {
    if (message.kind === "whole") this.takeWhole(message);
    if (message.kind === "number" && message.number !== this.number) this.ask();
    if (message.kind !== "changes" || message.number <= this.number) return;
    if (message.number !== this.number + 1) { this.ask(); return; }
    this.number = message.number;
    for (const row of message.uploads) this.rows.set(row.job_id, row);
    for (const key of message.removed) this.rows.delete(key);
    for (const list of this.lists) list.update(message);
  }

  takeWhole({ number, uploads, curve }) {
    if (uploads === undefined || number < this.number) return;
    this.number = number;
    this.asked = 0;
    this.curve = curve;
    this.rows = new Map(uploads.map((row) => [row.job_id, row]));
    for (const list of this.lists) list.uploads = uploads;
  }
}

function storeOf(model) {
  const key = model.get("key");
  if (!stores.has(key)) stores.set(key, new Store(model));
  return stores.get(key);
}

function initialize({ model }) {
  storeOf(model);
  return () => stores.delete(model.get("key"));
}

function render({ model, el }) {
  const store = storeOf(model);
  const list = document.createElement("TAG_OF_THIS_VERSION");
  const dress = () => {
    const { heading, rows, ...flags } = model.get("look");
    list.setAttribute("heading", heading);
    list.setAttribute("rows", String(rows));
    for (const [name, on] of Object.entries(flags)) list.toggleAttribute(name, on);
  };
  dress();
  list.texts = model.get("texts");
  list.curve = store.curve ?? [];
  list.uploads = [...store.rows.values()];
  list.addEventListener("upload-action", ({ detail }) => store.send({ kind: "action", ...detail }));
  model.on("change:look", dress);
  store.lists.add(list);
  el.append(list);
  return () => {
    store.lists.delete(list);
    model.off("change:look", dress);
  };
}

export default { initialize, render };
