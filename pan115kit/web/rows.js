/** One row per upload or session: made once, then only what changed is written.  Names are text, never markup. */

import { bytes, duration, percent, say, speed } from "./words.js";

const ICONS = {
  video: "mkv mp4 avi mov wmv flv webm m4v ts m2ts rmvb mpg mpeg 3gp",
  audio: "mp3 flac wav aac ogg m4a ape wma opus",
  image: "jpg jpeg png gif webp bmp tif tiff heic svg raw psd",
  archive: "zip rar 7z tar gz xz bz2 zst tgz iso img dmg",
};
const KIND = new Map(Object.entries(ICONS).flatMap(([kind, list]) => list.split(" ").map((ext) => [ext, kind])));

const kindOf = (name) => KIND.get(name.slice(name.lastIndexOf(".") + 1).toLowerCase()) ?? "file";

export const FINAL = new Set(["success", "quick_success", "failed", "cancelled"]);
export const ACTIVE = new Set(["hashing", "checking", "uploading"]);
const SUCCESS = new Set(["success", "quick_success"]);

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** Write only what differs: an unchanged row costs no layout. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

function button(action, onClick) {
  const made = element("button", "icon-button");
  made.type = "button";
  made.dataset.action = action;
  made.append(icon(action));
  made.addEventListener("click", onClick);
  return made;
}

/** Which buttons an upload has. */
export function actionsOf(upload) {
  if (upload.process !== null) return [];
  if (upload.status === "failed" || upload.status === "cancelled") return ["retry"];
  if (FINAL.has(upload.status)) return [];
  return [upload.status === "paused" ? "resume" : "pause", "cancel"];
}

/** What stands under the bar, as a list of facts. */
export function factsOf(upload) {
  const facts = [];
  const { status } = upload;
  if (upload.total_parts) facts.push(say("parts", { done: upload.uploaded_parts, total: upload.total_parts }));
  if (status === "hashing" || status === "uploading") facts.push(speed(upload.speed_mbps));
  if (upload.elapsed_seconds >= 0.5) facts.push(say("used", { time: duration(upload.elapsed_seconds) }));
  if (status === "uploading") facts.push(say("left", { time: duration(upload.eta_seconds) }));
  if (upload.resumed_bytes && !SUCCESS.has(status)) facts.push(say("resumed", { bytes: bytes(upload.resumed_bytes) }));
  if (upload.retries) facts.push(say("retries", { n: upload.retries }));
  if (upload.process !== null) facts.push(say("elsewhere", { who: upload.process }));
  return facts;
}

function amountOf(upload, shown) {
  if (upload.status === "hashing") return say("hashed", { percent: percent(shown) });
  if (upload.status === "pending" && !upload.uploaded_bytes) return bytes(upload.total_bytes);
  return `${percent(shown)} (${bytes(upload.uploaded_bytes)} / ${bytes(upload.total_bytes)})`;
}

export class UploadRow {
  constructor(onAction) {
    this.onAction = onAction;
    this.node = element("li", "item");
    this.kind = element("span", "kind");
    this.name = element("span", "name");
    this.folder = element("span", "folder");
    this.badge = element("span", "badge");
    this.quick = element("span", "badge quick");
    this.actions = element("span", "actions");
    this.track = element("div", "track");
    this.track.setAttribute("role", "progressbar");
    this.track.setAttribute("aria-valuemin", "0");
    this.track.setAttribute("aria-valuemax", "100");
    this.fill = element("i");
    this.track.append(this.fill);
    this.amount = element("span", "amount");
    this.facts = element("span", "facts");
    this.id = element("p", "file-id");
    this.error = element("p", "error");
    const title = element("div", "title");
    title.append(this.name, this.folder);
    const line = element("div", "item-line");
    const badges = element("span", "badges");
    badges.append(this.badge, this.quick);
    line.append(this.kind, title, badges, this.actions);
    const under = element("div", "under");
    under.append(this.amount, this.facts);
    this.node.append(line, this.track, under, this.id, this.error);
    this.shownActions = "";
    this.shownKind = "";
    this.shownId = "";
  }

  update(upload) {
    this.upload = upload;
    const { status } = upload;
    if (this.node.dataset.status !== status) this.node.dataset.status = status;
    if (this.node.dataset.job !== upload.job_id) this.node.dataset.job = upload.job_id;
    this.#kind(kindOf(upload.file_name));
    write(this.name, upload.file_name);
    if (this.name.title !== upload.file_path) this.name.title = upload.file_path;
    write(this.folder, say("to", { folder: upload.target_path }));
    this.#badge(status);
    show(this.quick, upload.is_quick_upload && status !== "quick_success");
    const shown = status === "hashing" ? upload.hash_percentage : upload.percentage;
    const scale = `scaleX(${Math.max(0, Math.min(1, shown / 100))})`;
    if (this.fill.style.transform !== scale) this.fill.style.transform = scale;
    const words = amountOf(upload, shown);
    this.track.setAttribute("aria-valuenow", shown.toFixed(1));
    this.track.setAttribute("aria-valuetext", `${say(`status_${status}`)}, ${words}`);
    this.track.setAttribute("aria-label", upload.file_name);
    write(this.amount, words);
    this.#facts(factsOf(upload));
    this.#buttons(actionsOf(upload));
    this.#fileId(SUCCESS.has(status) ? upload.file_id : null);
    show(this.error, Boolean(upload.error_message));
    write(this.error, upload.error_message ?? "");
  }

  #kind(kind) {
    if (this.shownKind === kind) return;
    this.shownKind = kind;
    this.kind.replaceChildren(icon(kind));
  }

  #badge(status) {
    const text = say(`status_${status}`);
    if (this.badge.dataset.text === text) return;
    this.badge.dataset.text = text;
    const sign = { success: "check", quick_success: "bolt", failed: "cancel", paused: "pause" }[status];
    this.badge.replaceChildren(...(sign ? [icon(sign)] : []), document.createTextNode(text));
  }

  #facts(facts) {
    while (this.facts.childElementCount > facts.length) this.facts.lastElementChild.remove();
    facts.forEach((fact, place) => {
      const node = this.facts.children[place] ?? this.facts.appendChild(element("span"));
      write(node, fact);
    });
  }

  #buttons(actions) {
    const wanted = actions.join(" ");
    if (this.shownActions !== wanted) {
      const focused = this.actions.contains(document.activeElement);
      this.shownActions = wanted;
      this.actions.replaceChildren(...actions.map((what) => button(what, () => this.onAction(what, this.upload))));
      if (focused) this.actions.firstElementChild?.focus();
    }
    for (const made of this.actions.children) {
      const label = say("of", { action: say(made.dataset.action), name: this.upload.file_name });
      if (made.getAttribute("aria-label") !== label) made.setAttribute("aria-label", label);
      made.title = say(made.dataset.action);
    }
  }

  #fileId(id) {
    show(this.id, Boolean(id));
    const wanted = id ? `${say("fileId")} ${id}` : "";
    if (this.shownId === wanted) return;
    this.shownId = wanted;
    if (!id) { this.id.replaceChildren(); return; }
    const copy = button("copy", () => this.onAction("copy", this.upload));
    copy.setAttribute("aria-label", say("copy"));
    copy.title = say("copy");
    this.id.replaceChildren(document.createTextNode(`${say("fileId")}: `), element("code", "", id), copy);
  }
}

export class SessionRow {
  constructor(onAction) {
    this.node = element("li", "item session");
    this.name = element("span", "name");
    this.folder = element("span", "folder");
    this.amount = element("span", "amount");
    this.track = element("div", "track");
    this.fill = element("i");
    this.track.append(this.fill);
    this.kind = element("span", "kind");
    const actions = element("span", "actions");
    this.buttons = ["resume", "delete"].map((what) => button(what, () => onAction(what, this.session)));
    actions.append(...this.buttons);
    const title = element("div", "title");
    title.append(this.name, this.folder);
    const line = element("div", "item-line");
    line.append(this.kind, title, this.amount, actions);
    this.node.append(line, this.track);
  }

  update(session) {
    this.session = session;
    this.node.dataset.session = session.session_id;
    this.kind.replaceChildren(icon(kindOf(session.file_name)));
    write(this.name, session.file_name);
    this.name.title = session.file_path;
    const parts = session.total_parts ? [say("parts", { done: session.uploaded_parts.length, total: session.total_parts })] : [];
    write(this.folder, [say("to", { folder: session.target_path }), ...parts].join(" · "));
    write(this.amount, `${percent(session.progress)} · ${bytes(session.file_size)}`);
    this.fill.style.transform = `scaleX(${session.progress / 100})`;
    for (const made of this.buttons) {
      made.setAttribute("aria-label", say("of", { action: say(made.dataset.action), name: session.file_name }));
      made.title = say(made.dataset.action);
    }
  }
}
