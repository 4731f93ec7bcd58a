/** One row of the list: its layout, its style, and what it says.  Names are text, never markup. */

import { attribute, button, element, icon, kindOf, show, write, writeEach } from "./elements.js";
import { formatBytes, formatPercent, formatSpeed } from "./format.js";
import { isSuccess, shownPercentage } from "./upload-rows.js";

export const ROW_STYLE = `
.item { --tone: var(--blue); position: absolute; left: 0; right: 0; padding: 11px 16px; border-top: 1px solid var(--line);
  display: grid; grid-template-columns: 34px minmax(0, 1fr) auto auto; column-gap: 12px; align-items: center; }
.item[data-group=waiting] { --tone: var(--gray); }
.item[data-status=hashing] { --tone: var(--violet); }
.item[data-group=paused], .item[data-group=unfinished] { --tone: var(--amber); }
.item[data-group=done] { --tone: var(--green); }
.item[data-group=failed] { --tone: var(--red); }
.item[data-group=cancelled] { --tone: var(--gray); }
.kind { display: grid; place-items: center; width: 34px; height: 34px; border-radius: 9px; color: var(--tone);
  background: color-mix(in srgb, var(--tone) 12%, transparent); }
.title { min-width: 0; display: grid; }
.name { font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; unicode-bidi: plaintext; }
.folder { color: var(--dim); font-size: 12.5px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.badge { display: inline-flex; align-items: center; gap: 4px; height: 24px; padding: 0 10px; border-radius: 12px;
  font-size: 12.5px; font-weight: 600; color: var(--tone); white-space: nowrap;
  background: color-mix(in srgb, var(--tone) 13%, transparent); }
.badge svg { width: 14px; height: 14px; stroke-width: 2.4; margin-left: -2px; }
.item[data-group=active] .badge::before { content: ""; width: 6px; height: 6px; border-radius: 50%;
  background: currentColor; animation: pulse 1.6s ease-in-out infinite; }
@keyframes pulse { 50% { opacity: .25; } }
.actions { display: flex; gap: 2px; margin-right: -6px; justify-content: end; min-width: 106px; }
.item .track { grid-column: 1 / -1; margin-top: 9px; }
.under { grid-column: 1 / -1; display: flex; justify-content: space-between; gap: 16px; margin-top: 5px;
  font-size: 12.5px; min-height: 19px; white-space: nowrap; }
.amount { font-weight: 550; }
.file-id { display: flex; align-items: center; gap: 5px; margin-left: auto; height: 19px; }
.file-id > span { color: var(--dim); }
.file-id code { font: 12px ui-monospace, SFMono-Regular, Consolas, monospace; }
.file-id .icon-button { min-width: 24px; height: 19px; }
.file-id .icon-button svg { width: 14px; height: 14px; }
.facts { display: flex; color: var(--dim); min-width: 0; overflow: hidden; }
.facts > span + span::before { content: "·"; margin: 0 7px; color: var(--faint); }
.idle .track, .idle .under { display: none; }
.note { grid-column: 1 / -1; margin-top: 5px; padding: 3px 10px; border-radius: 8px; font-size: 12.5px; color: var(--tone);
  background: color-mix(in srgb, var(--tone) 9%, transparent); overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; text-align: start; }
.item[data-group=cancelled] .name { color: var(--dim); }
.item[data-group=cancelled] .track i { opacity: .5; }
.details { grid-column: 1 / -1; display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 4px 14px; margin: 9px 0 2px;
  font-size: 12.5px; }
.details dt { color: var(--dim); }
.details dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; user-select: text; display: flex; gap: 6px;
  align-items: start; }
.details .icon-button { min-width: 24px; height: 20px; flex: none; }
.details .icon-button svg { width: 14px; height: 14px; }
[data-action=more][aria-expanded=true] svg { transform: rotate(180deg); }
.narrow .item { grid-template-columns: 34px minmax(0, 1fr) auto; padding: 12px; column-gap: 10px; }
.narrow .badges { grid-column: 1 / -1; grid-row: 3; margin-top: 9px; display: flex; }
.narrow .item .track { grid-row: 2; }
.narrow .actions { min-width: 0; }
.narrow .under { grid-row: 4; flex-direction: column; gap: 2px; }
.narrow .file-id { margin-left: 0; }
.narrow .file-id .icon-button { min-width: 40px; height: 24px; }
.narrow .facts > span:nth-child(n + 4) { display: none; }
.narrow .icon-button { min-width: 40px; height: 40px; }
.narrow .details .icon-button { height: 24px; }
`;

const BADGE_ICON = { success: "check", quick_success: "bolt", failed: "cancel", paused: "pause" };

/** What stands under the bar beside the amount. */
function factsOf(row, texts) {
  const facts = [];
  const { status } = row;
  if (row.total_parts && !isSuccess(row)) {
    facts.push(texts.say("view.parts", { done: row.uploaded_parts, total: row.total_parts }));
  }
  if (status === "hashing" || status === "uploading") facts.push(formatSpeed(row.speed_mbps * 1e6));
  if (status === "uploading") facts.push(texts.say("view.remaining", { time: texts.duration(row.eta_seconds) }));
  if (row.elapsed_seconds >= 0.5) facts.push(texts.say("view.used", { time: texts.duration(row.elapsed_seconds) }));
  if (status === "success" && row.elapsed_seconds >= 0.5) {
    const mean = (row.file_size - row.resumed_bytes) / row.elapsed_seconds;
    facts.push(texts.say("view.mean_speed", { speed: formatSpeed(mean) }));
  }
  if (row.resumed_bytes && status !== "quick_success") {
    facts.push(texts.say("view.resumed", { size: formatBytes(row.resumed_bytes) }));
  }
  if (row.retries) facts.push(texts.say("view.retries", { count: row.retries }));
  return facts;
}

function amountOf(row, texts) {
  const percent = formatPercent(shownPercentage(row));
  if (row.status === "hashing") return texts.say("view.hashed", { percent });
  return `${percent} (${formatBytes(row.uploaded_bytes)} / ${formatBytes(row.total_bytes)})`;
}

/** What went wrong, or who works on it: one line; empty where there is nothing to say. */
export function noteOf(row, texts) {
  if (row.process !== null) return texts.say("view.other_process", { process: row.process });
  if (row.error_message) return row.error_message.replace(/\s+/g, " ");
  return row.group === "unfinished" ? texts.say("view.left_unfinished") : "";
}

function badgeOf(row, texts) {
  if (row.group === "unfinished") return texts.say(row.process === null ? "view.resumable" : "view.elsewhere");
  // what an upload waits for that is not its turn: the network, 115's limit, another process
  if (row.waiting_for) return texts.say(`waiting.${row.waiting_for}`, { time: texts.duration(row.waiting_seconds) });
  return texts.say(`status.${row.status}`);
}

/** Nothing has happened yet: its name and size are all there is. */
const isIdle = (row) => row.group === "waiting" && !row.uploaded_bytes;

const hasFileId = (row) => isSuccess(row) && Boolean(row.file_id);

/** Rows of one shape have one height, which is measured once. */
export const shapeOf = (row, texts) => [noteOf(row, texts) !== "", hasFileId(row), isIdle(row)].join();

/** Everything there is to know, as [key, value, may be copied]. */
function detailsOf(row, texts) {
  return [
    ["view.detail.error", row.error_message, true],
    ["view.detail.file_id", row.file_id, true],
    ["view.detail.file", row.file_path, true],
    ["view.detail.target", row.target_path, true],
    ["view.detail.size", `${formatBytes(row.file_size)} (${row.file_size.toLocaleString()} B)`, false],
    ["view.detail.created", new Date(row.created_at).toLocaleString(texts.locale), false],
  ].filter(([, value]) => value);
}

export class UploadRowView {
  #expanded = false;
  #shown = {};

  /** @param {{act(action, row), copy(text), toggle(row)}} host  who does what the buttons ask for */
  constructor(host) {
    this.host = host;
    this.kind = element("span", "kind");
    this.name = element("span", "name");
    this.folder = element("span", "folder");
    this.badge = element("span", "badge");
    this.actions = element("span", "actions");
    this.more = button("icon-button", () => host.toggle(this.row), icon("more"));
    this.more.dataset.action = "more";
    this.fill = element("i");
    this.track = element("div", "track", this.fill);
    for (const [name, value] of [["role", "progressbar"], ["aria-valuemin", "0"], ["aria-valuemax", "100"]]) {
      this.track.setAttribute(name, value);
    }
    this.amount = element("span", "amount");
    this.facts = element("span", "facts");
    this.fileId = element("code");
    this.copyId = button("icon-button", () => host.copy(this.row.file_id), icon("copy"));
    this.copyId.dataset.action = "copy";
    this.id = element("span", "file-id", element("span"), this.fileId, this.copyId);
    this.note = button("note", () => host.toggle(this.row));
    this.details = element("dl", "details");
    this.actions.append(this.more);
    this.node = element("li", "item",
      this.kind, element("div", "title", this.name, this.folder), element("span", "badges", this.badge), this.actions,
      this.track, element("div", "under", this.amount, this.facts, this.id), this.note, this.details);
    this.node.setAttribute("role", "listitem");
  }

  update(row, texts, expanded) {
    if (this.#shown.row === row && this.#shown.texts === texts && this.#shown.expanded === expanded) return;
    const before = this.#shown;
    this.#shown = { row, texts, expanded };
    this.row = row;
    attribute(this.node, "data-status", row.status);
    attribute(this.node, "data-group", row.group);
    attribute(this.node, "data-job", row.job_id);
    if (before.row?.file_name !== row.file_name) this.kind.replaceChildren(icon(kindOf(row.file_name)));
    write(this.name, row.file_name);
    attribute(this.name, "title", row.file_path);
    const folder = texts.say("view.to", { folder: row.target_path });
    write(this.folder, isIdle(row) ? `${folder} · ${formatBytes(row.file_size)}` : folder);
    this.node.classList.toggle("idle", isIdle(row));
    this.#writeBadge(row, badgeOf(row, texts));
    const percentage = shownPercentage(row);
    const scale = `scaleX(${Math.max(0, Math.min(1, percentage / 100))})`;
    if (this.fill.style.transform !== scale) this.fill.style.transform = scale;
    const amount = amountOf(row, texts);
    attribute(this.track, "aria-valuenow", percentage.toFixed(1));
    attribute(this.track, "aria-valuetext", `${badgeOf(row, texts)}, ${amount}`);
    attribute(this.track, "aria-label", row.file_name);
    write(this.amount, amount);
    writeEach(this.facts, factsOf(row, texts));
    this.#writeActions(row, texts, before.row?.actions.join());
    this.#writeFileId(row, texts);
    const note = noteOf(row, texts);
    show(this.note, note !== "" && !expanded);
    write(this.note, note);
    this.#writeDetails(row, texts, expanded);
  }

  #writeBadge(row, text) {
    if (this.badge.dataset.text === `${row.status} ${text}`) return;
    this.badge.dataset.text = `${row.status} ${text}`;
    const sign = BADGE_ICON[row.status];
    this.badge.replaceChildren(...(sign ? [icon(sign)] : []), text);
  }

  #writeActions(row, texts, before) {
    if (before !== row.actions.join()) {
      const focused = this.node.getRootNode().activeElement;
      const had = focused !== this.more && this.actions.contains(focused);
      const made = row.actions.map((action) => {
        const one = button("icon-button", (event) => this.host.act(action, this.row, event), icon(action));
        one.dataset.action = action;
        return one;
      });
      this.actions.replaceChildren(...made, this.more);
      if (had) this.actions.firstElementChild.focus();
    }
    for (const one of this.actions.children) {
      const word = texts.say(`view.action.${one.dataset.action}`);
      attribute(one, "aria-label", texts.say("view.action_of", { action: word, name: row.file_name }));
      attribute(one, "title", word);
    }
  }

  #writeFileId(row, texts) {
    show(this.id, hasFileId(row));
    if (this.id.hidden) return;
    write(this.id.firstElementChild, `${texts.say("view.detail.file_id")}: `);
    write(this.fileId, row.file_id);
    const label = texts.say("view.copy", { what: texts.say("view.detail.file_id") });
    attribute(this.copyId, "aria-label", label);
    attribute(this.copyId, "title", label);
  }

  #writeDetails(row, texts, expanded) {
    show(this.details, expanded);
    attribute(this.more, "aria-expanded", String(expanded));
    if (!expanded) {
      if (this.details.childElementCount) this.details.replaceChildren();
      return;
    }
    const wanted = detailsOf(row, texts);
    const drawn = JSON.stringify(wanted);
    if (this.details.dataset.drawn === drawn && this.details.childElementCount) return;
    this.details.dataset.drawn = drawn;
    this.details.replaceChildren(...wanted.flatMap(([key, value, copyable]) => {
      const content = element("dd", "", element("span", "", value));
      if (copyable) {
        const copy = button("icon-button", () => this.host.copy(value), icon("copy"));
        copy.dataset.action = "copy";
        copy.title = texts.say("view.copy", { what: texts.say(key) });
        copy.setAttribute("aria-label", copy.title);
        content.append(copy);
      }
      return [element("dt", "", texts.say(key)), content];
    }));
  }
}
