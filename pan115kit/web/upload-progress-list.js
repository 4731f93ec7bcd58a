/**
 * `<upload-progress-list>`: uploads as a list with live progress, totals and buttons.  A plain ES module: no build, no
 * remote asset, no inline style or script (any strict CSP will do).
 *
 *   import "./upload-progress-list.js";
 *   list.texts = await loadTexts("zh");              // the catalogue, as in pan115kit/locales
 *   list.uploads = [ … ];                            // rows as `GET /api/upload/progress` gives them
 *   list.update({ uploads: [ … ], removed: [ … ] }); // or only what changed
 *   list.addEventListener("upload-action", ({ detail: { action, job_ids } }) => …);
 *
 * `action` is pause, resume, retry, cancel or discard, for the rows `job_ids`; null means every row it makes sense
 * for.  `resume_sessions` and `discard_sessions` are for every unfinished session.  What cannot be undone was asked
 * about before the event comes.
 *
 * Attributes: `heading` (else the count), `single` (one upload: no list around it), `stale` (the figures are old, the
 * buttons do nothing), `readonly` (no buttons), `rows` (how many rows are seen before the list scrolls by itself).
 * Its colours follow JupyterLab, VS Code or the page; `--upload-*` variables override them.
 */

import { attribute, button, element, icon, show, svgElement, write, writeEach } from "./elements.js";
import { Texts, formatBytes, formatPercent, formatSpeed } from "./format.js";
import { ROW_STYLE, UploadRowView, shapeOf } from "./upload-row.js";
import { FILTERS, GROUPS, SORTS, UploadRows } from "./upload-rows.js";

const STYLE = `
:host { display: block; min-width: 0; container-type: inline-size;
  color: var(--upload-text, var(--jp-ui-font-color1, var(--vscode-foreground, inherit)));
  font: 14px/1.45 var(--upload-font, var(--jp-ui-font-family, var(--vscode-font-family, system-ui, -apple-system,
    "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif))); }
:host([hidden]), [hidden] { display: none !important; }
*, *::before, *::after { box-sizing: border-box; }
.root { --dim: color-mix(in srgb, currentColor 70%, transparent); --faint: color-mix(in srgb, currentColor 45%, transparent);
  --line: var(--upload-line, color-mix(in srgb, currentColor 15%, transparent));
  --track-colour: color-mix(in srgb, currentColor 13%, transparent);
  --surface: var(--upload-surface, var(--jp-layout-color1, var(--vscode-editor-background, transparent)));
  --blue: var(--upload-accent, #1459c2); --violet: #5b43c4; --green: #0f6b32; --amber: #854f00; --red: #b42323; --gray: #59626d;
  --on-accent: #fff; font-variant-numeric: tabular-nums; text-align: start; }
.root.dark { --blue: var(--upload-accent, #5b9dff); --violet: #a594ff; --green: #4cc27b; --amber: #e9a13b; --red: #ff7b74;
  --gray: #98a2ae; --on-accent: #0b1220; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
h2, p, ol, menu, dl { margin: 0; padding: 0; }
ol { list-style: none; position: relative; }
button, input, select { font: inherit; color: inherit; }
button { cursor: pointer; border: 0; background: none; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 1px; }
svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round;
  stroke-linejoin: round; flex: none; }
svg.solid path { fill: currentColor; stroke: none; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.head { padding: 12px 16px; }
.head-line { display: flex; align-items: center; gap: 8px 12px; flex-wrap: wrap; }
.heading { font-size: 16px; font-weight: 650; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.counts { color: var(--dim); font-size: 12.5px; margin-right: auto; }
.files { font-size: 12.5px; white-space: nowrap; }
.all { display: flex; gap: 6px; flex-wrap: wrap; }
.quiet, .primary { display: inline-flex; align-items: center; justify-content: center; gap: 6px; height: 32px; padding: 0 12px;
  border-radius: 8px; font-weight: 550; font-size: 13px; white-space: nowrap; border: 1px solid var(--line); }
.quiet:hover { border-color: var(--faint); }
.quiet svg { width: 16px; height: 16px; margin-left: -3px; }
.primary { background: var(--red); border-color: transparent; color: var(--on-accent); }
.icon-button { display: inline-grid; place-items: center; min-width: 34px; height: 34px; border-radius: 8px;
  color: var(--dim); padding: 0; }
.icon-button:hover { background: color-mix(in srgb, currentColor 10%, transparent); color: inherit; }
.icon-button[data-action=cancel]:hover, .icon-button[data-action=discard]:hover { color: var(--red); }
[aria-disabled=true] { opacity: .45; }
.track { height: 6px; border-radius: 3px; background: var(--track-colour); overflow: hidden; }
.track i { display: block; height: 100%; width: 100%; border-radius: 3px; background: var(--tone); transform: scaleX(0);
  transform-origin: left; }
.overall { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 6px 18px; margin-top: 10px; align-items: end; }
.overall .track { grid-column: 1 / -1; height: 9px; border-radius: 5px; display: flex; }
.overall .track i { width: auto; border-radius: 0; transform: none; transition: none; flex: none; }
.sum { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; align-items: baseline; }
.sum > * { color: var(--dim); } .sum > :first-child { font-weight: 650; font-size: 15px; color: inherit; }
.curve { margin: 0; display: grid; grid-template-columns: auto auto; gap: 0 6px; font-size: 11px; color: var(--dim);
  line-height: 1.1; }
.curve svg { width: 168px; height: 40px; grid-row: 1 / 3; stroke-width: 1.5; overflow: visible; }
.curve .line { stroke: var(--blue); } .curve .area { fill: var(--blue); stroke: none; opacity: .14; }
.curve .grid { stroke: var(--line); stroke-width: 1; }
.curve .bottom { align-self: end; }
.curve .span { grid-column: 1; text-align: end; margin-top: 2px; }
.tools { display: flex; gap: 8px; margin-top: 10px; flex-wrap: wrap; align-items: center; }
.filters { display: flex; gap: 2px; flex-wrap: wrap; margin-right: auto; }
.filter { height: 28px; padding: 0 11px; border-radius: 14px; font-size: 13px; color: var(--dim); display: inline-flex;
  align-items: center; gap: 6px; }
.filter:hover { background: color-mix(in srgb, currentColor 8%, transparent); }
.filter[aria-pressed=true] { background: color-mix(in srgb, var(--blue) 15%, transparent); color: var(--blue); font-weight: 600; }
.search, .sort { height: 30px; border: 1px solid var(--line); border-radius: 8px; background: transparent; font-size: 13px;
  padding: 0 8px; min-width: 0; }
.search { width: 150px; } .sort option { color: CanvasText; background: Canvas; }
.scroller { overflow: auto; overscroll-behavior: auto; }
.empty { text-align: center; padding: 34px 20px; color: var(--dim); border-top: 1px solid var(--line); }
.empty svg { width: 36px; height: 36px; stroke-width: 1.3; color: var(--faint); }
.toast { position: sticky; bottom: 8px; width: fit-content; margin: 8px auto; padding: 6px 14px; border-radius: 8px;
  font-size: 13px; background: CanvasText; color: Canvas; z-index: 2; }
dialog { border: 1px solid var(--line); border-radius: 12px; padding: 20px; max-width: min(420px, calc(100vw - 32px));
  color: CanvasText; background: Canvas; overflow-wrap: anywhere; color-scheme: light; }
.dark dialog { color-scheme: dark; }
dialog::backdrop { background: rgb(8 12 18 / .45); }
dialog menu { display: flex; justify-content: flex-end; gap: 10px; margin-top: 18px; }
.stale .scroller { opacity: .55; }
.readonly .actions [data-action]:not([data-action=more]), .readonly .all { display: none; }
.single .head-line, .single .tools, .single .sum, .single .overall > .track { display: none; }
.single .item { border-top: 0; }
.single .card { display: flex; flex-direction: column; } .single .head { order: 1; padding-top: 0; }
.single .overall { margin-top: 0; grid-template-columns: auto; justify-content: end; }
.narrow .head { padding: 12px; } .narrow .all { width: 100%; } .narrow .all .quiet { flex: 1 1 auto; height: 40px; }
.narrow .overall { grid-template-columns: minmax(0, 1fr); } .narrow .curve { justify-content: start; } .narrow .search, .narrow .sort { height: 40px; flex: 1 1 40%; }
.narrow .filter { height: 40px; } .narrow .filters { width: 100%; }
@media (prefers-reduced-motion: reduce) { *, *::before { animation: none !important; } }
@media (prefers-contrast: more) { .root { --dim: currentColor; --line: currentColor; } }
@media (forced-colors: active) {
  .root { --line: CanvasText; }
  .track { border: 1px solid CanvasText; forced-color-adjust: none; background: Canvas; }
  .track i { background: Highlight; }
  .badge, .icon-button, .filter { border: 1px solid currentColor; }
  .curve .line { stroke: Highlight; } .curve .area { fill: Highlight; }
}
` + ROW_STYLE;

/** Seconds for which a row that moved is deaf to the pointer: the press was meant for what was there before. */
const REBOUND_GUARD = 0.4;
/** Milliseconds a pressed button waits for its row to change before it may be pressed again. */
const PRESS_PAUSE = 3000;
/** Rows drawn above and below those in sight. */
const OVERSCAN = 8;
/** Below so many pixels the list is laid out for a phone. */
const NARROW = 600;
const ALL_ACTIONS = ["pause", "resume", "retry", "cancel", "resume_sessions", "discard_sessions"];
const ALL_ICONS = { resume_sessions: "resume", discard_sessions: "discard" };
const BAR = [["done", "--green"], ["active", "--blue"], ["paused", "--amber"], ["waiting", "--blue"],
  ["cancelled", "--gray"], ["failed", "--red"]];
const [CURVE_WIDTH, CURVE_HEIGHT] = [168, 40];

/** A text colour, as the browser writes it -> 0 to 255. */
const lightness = new Map();

const seconds = () => performance.now() / 1000;

/** The texts of one language, from beside this module. */
export async function loadTexts(lang, base = import.meta.url) {
  const answer = await fetch(new URL(`locales/${lang}.json`, base));
  if (!answer.ok) throw new Error(`no texts for ${lang}: ${answer.status}`);
  return answer.json();
}

/** The next 1, 2 or 5 times a power of ten: where the scale of the curve ends. */
export function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

export class UploadProgressList extends HTMLElement {
  static observedAttributes = ["heading", "single", "stale", "readonly", "rows"];

  #rows = new UploadRows();
  #texts = new Texts();
  #choice = { filter: "all", search: "", sort: "state" };
  #order = [];
  #orderIsOld = true;
  #held = false; // the pointer is over the rows: they keep their order
  #known = false;
  #views = new Map();
  #expanded = new Set();
  #heights = new Map(); // a row's shape, or the key of an expanded row -> pixels
  #tops = [0];
  #placed = new Map(); // key -> [place, since when]
  #pressed = new Map(); // key -> [action, when], until its status is another one
  #statuses = new Map();
  #frame = 0;
  #toastTimer = 0;
  #ui = {};
  #stops = null;

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    shadow.adoptedStyleSheets = [sheet];
    this.#build(shadow);
  }

  // -- what the page gives ----------------------------------------------------------------------------------------

  /** The catalogue of one language. */
  set texts(catalogue) {
    this.#texts = new Texts(catalogue);
    this.#texts.locale = catalogue["language.tag"];
    this.#heights.clear();
    this.#changed();
  }

  /** Every row; what is not among them is gone. */
  set uploads(rows) {
    this.#take(this.#rows.replace(rows, seconds()));
  }

  get uploads() { return [...this.#rows.values()]; }

  /** Only what changed: rows that are new or different, keys of those that are gone. */
  update({ uploads = [], removed = [] }) {
    this.#take(this.#rows.change(uploads, removed, seconds()));
  }

  /** The figures of the head; see `UploadRows.totals`. */
  get totals() { return this.#rows.totals(seconds()); }

  /** Speed until now, as [seconds ago, bytes per second]: what was before this page was opened. */
  set curve(points) {
    const now = seconds();
    if (this.#rows.curve.points.length < 2) {
      this.#rows.curve.points = points.map(([ago, speed]) => [now - ago, speed]);
      this.#changed();
    }
  }

  /** Say something for a moment. */
  toast(text) {
    clearTimeout(this.#toastTimer);
    write(this.#ui.toastLine, text);
    show(this.#ui.toastLine, true);
    this.#toastTimer = setTimeout(() => show(this.#ui.toastLine, false), 4000);
  }

  connectedCallback() {
    this.#stops = new AbortController();
    const options = { signal: this.#stops.signal, passive: true, capture: true };
    // in the capture phase every scrolling ancestor is heard, whichever it is on this page
    window.addEventListener("scroll", () => this.#changed(), options);
    this.#ui.sizes = new ResizeObserver(() => { this.#measureWidth(); this.#changed(); });
    this.#ui.sizes.observe(this);
    this.#changed();
  }

  disconnectedCallback() {
    this.#stops.abort();
    this.#ui.sizes.disconnect();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  attributeChangedCallback() { this.#changed(); }

  // -- building ---------------------------------------------------------------------------------------------------

  #build(shadow) {
    this.#ui.heading = element("h2", "heading");
    this.#ui.heading.id = "title";
    this.#ui.counts = element("span", "counts");
    this.#ui.files = element("span", "files");
    this.#ui.all = element("div", "all");
    this.#ui.allButtons = new Map(ALL_ACTIONS.map((action) => {
      const made = button("quiet", () => this.#actOnAll(action), icon(ALL_ICONS[action] ?? action), element("span"));
      made.dataset.all = action;
      return [action, made];
    }));
    this.#ui.all.append(...this.#ui.allButtons.values(), document.createElement("slot"));
    this.#ui.bar = element("div", "track");
    this.#ui.bar.setAttribute("role", "progressbar");
    this.#ui.bar.setAttribute("aria-valuemin", "0");
    this.#ui.bar.setAttribute("aria-valuemax", "100");
    this.#ui.segments = new Map(BAR.map(([group, colour]) => {
      const segment = element("i");
      segment.style.background = `var(${colour})`;
      return [group, segment];
    }));
    this.#ui.bar.append(...this.#ui.segments.values());
    this.#ui.sum = element("p", "sum");
    this.#ui.curveFigure = this.#buildCurve();
    this.#ui.overall = element("div", "overall", this.#ui.bar, this.#ui.sum, this.#ui.curveFigure);
    this.#ui.tools = this.#buildTools();
    this.#ui.list = element("ol", "list");
    this.#ui.list.setAttribute("role", "list");
    this.#ui.list.setAttribute("aria-labelledby", "title");
    this.#ui.list.addEventListener("pointerenter", () => { this.#held = true; });
    this.#ui.list.addEventListener("pointerleave", () => this.#release());
    this.#ui.list.addEventListener("keydown", (event) => this.#onKey(event));
    this.#ui.scroller = element("div", "scroller", this.#ui.list);
    this.#ui.emptyText = element("p");
    this.#ui.emptyHint = element("p");
    this.#ui.empty = element("div", "empty", icon("upload"), this.#ui.emptyText, this.#ui.emptyHint);
    this.#ui.question = element("p");
    this.#ui.no = button("quiet", () => this.#ui.dialog.close("no"));
    this.#ui.yes = button("primary", () => this.#ui.dialog.close("yes"));
    this.#ui.no.value = "no";
    this.#ui.yes.value = "yes";
    this.#ui.dialog = element("dialog", "", this.#ui.question, element("menu", "", this.#ui.no, this.#ui.yes));
    this.#ui.toastLine = element("p", "toast");
    this.#ui.toastLine.setAttribute("role", "status");
    this.#ui.toastLine.hidden = true;
    this.#ui.announcement = element("p", "unseen");
    this.#ui.announcement.id = "announce";
    this.#ui.announcement.setAttribute("role", "status");
    this.#ui.head = element("div", "head", element("div", "head-line", this.#ui.heading, this.#ui.counts, this.#ui.files, this.#ui.all),
      this.#ui.overall, this.#ui.tools);
    this.#ui.card = element("div", "card", this.#ui.head, this.#ui.scroller, this.#ui.empty);
    this.#ui.root = element("div", "root", this.#ui.card, this.#ui.dialog, this.#ui.toastLine, this.#ui.announcement);
    shadow.append(this.#ui.root);
  }

  #buildTools() {
    this.#ui.filterButtons = new Map(Object.keys(FILTERS).map((filter) => {
      const made = button("filter", () => this.#choose({ filter }), element("span"), element("b"));
      made.dataset.filter = filter;
      return [filter, made];
    }));
    const filters = element("div", "filters", ...this.#ui.filterButtons.values());
    filters.setAttribute("role", "group");
    this.#ui.search = element("input", "search");
    this.#ui.search.type = "search";
    this.#ui.search.addEventListener("input", () => this.#choose({ search: this.#ui.search.value }));
    this.#ui.sort = element("select", "sort");
    for (const name of SORTS) {
      const option = element("option");
      option.value = name;
      this.#ui.sort.append(option);
    }
    this.#ui.sort.addEventListener("change", () => this.#choose({ sort: this.#ui.sort.value }));
    return element("div", "tools", filters, this.#ui.search, this.#ui.sort);
  }

  #buildCurve() {
    const svg = svgElement("svg", { viewBox: `0 0 ${CURVE_WIDTH} ${CURVE_HEIGHT}`, "aria-hidden": "true" });
    for (const y of [0.5, CURVE_HEIGHT / 2, CURVE_HEIGHT - 0.5]) {
      svg.append(svgElement("path", { class: "grid", d: `M0 ${y}H${CURVE_WIDTH}` }));
    }
    this.#ui.curveArea = svgElement("path", { class: "area" });
    this.#ui.curveLine = svgElement("path", { class: "line" });
    svg.append(this.#ui.curveArea, this.#ui.curveLine);
    this.#ui.curveTop = element("span", "top");
    this.#ui.curveSpan = element("span", "span");
    const figure = element("figure", "curve", svg, this.#ui.curveTop, element("span", "bottom", "0"), this.#ui.curveSpan);
    figure.setAttribute("role", "img");
    return figure;
  }

  // -- what happens -----------------------------------------------------------------------------------------------

  #take(orderChanged) {
    this.#orderIsOld ||= orderChanged || !["state", "added", "name", "size"].includes(this.#choice.sort);
    this.#known = true;
    this.#announceEnds();
    this.#changed();
  }

  #changed() {
    if (!this.#frame && this.isConnected) {
      this.#frame = requestAnimationFrame(() => { this.#frame = 0; this.#render(); });
    }
  }

  #choose(choice) {
    Object.assign(this.#choice, choice);
    this.#orderIsOld = true;
    this.#render(true);
    this.#ui.scroller.scrollTop = 0;
  }

  #release() {
    this.#held = false;
    this.#changed();
  }

  /** Ends are said to those who do not see the bars. */
  #announceEnds() {
    const ended = [];
    const before = this.#statuses;
    this.#statuses = new Map();
    for (const row of this.#rows.values()) {
      this.#statuses.set(row.job_id, row.status);
      const was = before.get(row.job_id);
      if (was !== row.status) this.#pressed.delete(row.job_id);
      if (was && was !== row.status && ["done", "failed", "cancelled"].includes(row.group)) {
        ended.push(`${row.file_name}: ${this.#texts.say(`status.${row.status}`)}`);
      }
    }
    if (ended.length > 3) write(this.#ui.announcement, this.#texts.say("view.many_ended", { count: ended.length }));
    else if (ended.length) write(this.#ui.announcement, ended.join("; "));
  }

  async #act(action, row, event) {
    const place = this.#placed.get(row.job_id);
    if (event?.detail > 0 && place && seconds() - place[1] < REBOUND_GUARD) return;
    const [pressed, when] = this.#pressed.get(row.job_id) ?? [];
    if (this.hasAttribute("stale") || (pressed === action && performance.now() - when < PRESS_PAUSE)) return;
    const name = row.file_name;
    if (action === "cancel" && row.uploaded_bytes > 0 && !await this.#sure("view.sure_cancel", "view.yes_cancel", { name })) return;
    if (action === "discard" && !await this.#sure("view.sure_discard", "view.yes_discard", { name })) return;
    this.#pressed.set(row.job_id, [action, performance.now()]);
    this.#emit(action, [row.job_id]);
  }

  async #actOnAll(action) {
    if (this.hasAttribute("stale")) return;
    const { counts } = this.#rows.totals(seconds());
    const open = counts.active + counts.waiting + counts.paused;
    if (action === "cancel" && !await this.#sure("view.sure_cancel_all", "view.all.cancel", { count: open })) return;
    const sessions = { count: counts.unfinished };
    if (action === "discard_sessions" && !await this.#sure("view.sure_discard_all", "view.yes_discard", sessions)) return;
    this.#emit(action, null);
  }

  #emit(action, job_ids) {
    this.dispatchEvent(new CustomEvent("upload-action", { detail: { action, job_ids }, bubbles: true, composed: true }));
  }

  #sure(question, yes, values) {
    write(this.#ui.question, this.#texts.say(question, values));
    write(this.#ui.yes, this.#texts.say(yes));
    write(this.#ui.no, this.#texts.say("view.keep"));
    this.#ui.dialog.returnValue = "no";
    this.#ui.dialog.showModal();
    return new Promise((resolve) => {
      this.#ui.dialog.addEventListener("close", () => resolve(this.#ui.dialog.returnValue === "yes"), { once: true });
    });
  }

  async #copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // a page without TLS has no clipboard; the old way needs a selection
      const field = element("textarea", "unseen", text);
      this.#ui.root.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    this.toast(this.#texts.say("view.copied"));
  }

  #toggle(row) {
    if (!this.#expanded.delete(row.job_id)) this.#expanded.add(row.job_id);
    this.#heights.delete(row.job_id);
    this.#render();
  }

  /** Arrow keys go from row to row, to the same button where there is one. */
  #onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    const focused = this.shadowRoot.activeElement;
    const item = focused?.closest(".item");
    if (step === undefined || !item || event.altKey || event.ctrlKey || event.metaKey) return;
    const place = this.#order.indexOf(item.dataset.job) + step;
    const key = this.#order[Math.max(0, Math.min(this.#order.length - 1, place))];
    event.preventDefault();
    const at = this.#order.indexOf(key);
    const below = this.#tops[at + 1] - this.#ui.scroller.clientHeight;
    this.#ui.scroller.scrollTop = Math.max(below, Math.min(this.#ui.scroller.scrollTop, this.#tops[at]));
    this.#render(false, key);
    const view = this.#views.get(key);
    const same = view.actions.querySelector(`[data-action=${focused.dataset.action}]`);
    (same ?? view.actions.firstElementChild).focus();
  }

  // -- drawing ----------------------------------------------------------------------------------------------------

  #measureWidth() {
    const narrow = this.clientWidth > 0 && this.clientWidth < NARROW;
    if (this.#ui.root.classList.toggle("narrow", narrow) !== this.#ui.wasNarrow) this.#heights.clear();
    this.#ui.wasNarrow = narrow;
  }

  /** Light text means a dark page, whatever made it so. */
  #followTheme() {
    const colour = getComputedStyle(this.#ui.root).color;
    if (!lightness.has(colour)) {
      const canvas = document.createElement("canvas").getContext("2d");
      canvas.fillStyle = colour; // whatever notation it has: one pixel of it is plain numbers
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
      lightness.set(colour, 0.299 * red + 0.587 * green + 0.114 * blue);
    }
    this.#ui.root.classList.toggle("dark", lightness.get(colour) > 140);
  }

  #render(released = false, pinned = null) {
    const texts = this.#texts;
    const totals = this.#rows.totals(seconds());
    const single = this.hasAttribute("single");
    this.#followTheme();
    for (const name of ["single", "stale", "readonly"]) this.#ui.root.classList.toggle(name, this.hasAttribute(name));
    const count = totals.files + totals.counts.unfinished;
    write(this.#ui.heading, this.getAttribute("heading") || texts.say("view.uploads", { count: totals.files }));
    this.#ui.heading.title = this.#ui.heading.textContent;
    this.#renderSum(totals, single);
    this.#renderTools(totals, count, single);
    if (this.#orderIsOld) this.#reorder(released);
    this.#renderRows(pinned);
    show(this.#ui.scroller, this.#order.length > 0);
    show(this.#ui.empty, this.#order.length === 0 && this.#known);
    write(this.#ui.emptyText, texts.say(count ? "view.no_match" : "view.empty"));
    write(this.#ui.emptyHint, count ? "" : texts.say("view.empty.hint"));
  }

  #renderSum(totals, single) {
    const texts = this.#texts;
    const { counts } = totals;
    const words = GROUPS.filter((group) => group !== "done" && counts[group])
      .map((group) => texts.say(`view.count.${group}`, { count: counts[group] }));
    write(this.#ui.counts, words.join(" · "));
    show(this.#ui.files, totals.files > 1);
    write(this.#ui.files, texts.say("view.files_done", { done: counts.done, total: totals.files }));
    const percent = formatPercent(totals.percentage);
    const amount = `${formatBytes(totals.uploaded)} / ${formatBytes(totals.size)}`;
    const facts = [percent, amount];
    if (counts.active && totals.speed === 0 && totals.hashing > 0) {
      facts.push(texts.say("view.hashing_speed", { speed: formatSpeed(totals.hashing) }));
    } else if (counts.active) {
      facts.push(formatSpeed(totals.speed), texts.say("view.remaining", { time: texts.duration(totals.eta) }));
    }
    if (totals.elapsed >= 0.5) facts.push(texts.say("view.used", { time: texts.duration(totals.elapsed) }));
    writeEach(this.#ui.sum, facts);
    // where all bytes are there but not all files (an empty one failed), only files can tell
    const byFiles = totals.uploaded >= totals.size && counts.done < totals.files;
    for (const [group, segment] of this.#ui.segments) {
      const share = byFiles ? counts[group] / totals.files : totals.sizes[group] / (totals.size || 1);
      segment.style.width = `${(100 * share).toFixed(2)}%`;
    }
    attribute(this.#ui.bar, "aria-valuenow", totals.percentage.toFixed(1));
    attribute(this.#ui.bar, "aria-valuetext", `${percent}, ${amount}`);
    attribute(this.#ui.bar, "aria-label", this.#ui.heading.textContent);
    const curve = this.#renderCurve();
    show(this.#ui.overall, single ? curve : totals.files > 1);
    show(this.#ui.head, !single || curve);
  }

  #renderCurve() {
    const { points } = this.#rows.curve;
    const peak = Math.max(0, ...points.map(([, speed]) => speed));
    const drawn = points.length >= 3 && peak > 0;
    show(this.#ui.curveFigure, drawn);
    if (!drawn) return false;
    const [begin, end] = [points[0][0], points.at(-1)[0]];
    const top = niceCeiling(peak);
    const line = points.map(([time, speed]) => {
      const x = ((time - begin) / (end - begin || 1)) * CURVE_WIDTH;
      return `${x.toFixed(1)} ${((1 - speed / top) * (CURVE_HEIGHT - 1) + 0.5).toFixed(1)}`;
    }).join("L");
    this.#ui.curveLine.setAttribute("d", `M${line}`);
    this.#ui.curveArea.setAttribute("d", `M${line}L${CURVE_WIDTH} ${CURVE_HEIGHT}L0 ${CURVE_HEIGHT}Z`);
    write(this.#ui.curveTop, formatSpeed(top));
    write(this.#ui.curveSpan, this.#texts.duration(end - begin));
    attribute(this.#ui.curveFigure, "aria-label", this.#texts.say("view.curve", { peak: formatSpeed(peak) }));
    return true;
  }

  #renderTools(totals, count, single) {
    const texts = this.#texts;
    const { counts } = totals;
    const sums = Object.fromEntries(Object.entries(FILTERS).map(([name, groups]) => [
      name, GROUPS.reduce((sum, group) => sum + (groups.has(group) ? counts[group] : 0), 0)]));
    show(this.#ui.tools, !single && (count > 5 || this.#choice.filter !== "all" || this.#choice.search !== ""));
    for (const [name, made] of this.#ui.filterButtons) {
      show(made, sums[name] > 0 || name === "all" || name === this.#choice.filter);
      attribute(made, "aria-pressed", String(this.#choice.filter === name));
      write(made.firstElementChild, texts.say(`view.filter.${name}`));
      write(made.lastElementChild, sums[name].toLocaleString("en"));
    }
    attribute(this.#ui.search, "placeholder", texts.say("view.search"));
    attribute(this.#ui.search, "aria-label", texts.say("view.search"));
    attribute(this.#ui.sort, "aria-label", texts.say("view.sort"));
    for (const option of this.#ui.sort.options) write(option, texts.say(`view.sort.${option.value}`));
    const wanted = {
      pause: counts.active + counts.waiting > 0,
      resume: counts.paused > 0,
      retry: counts.failed > 0,
      cancel: counts.active + counts.waiting + counts.paused > 1,
      resume_sessions: counts.unfinished > 1,
      discard_sessions: counts.unfinished > 1,
    };
    for (const [action, made] of this.#ui.allButtons) {
      show(made, wanted[action]);
      write(made.lastElementChild, texts.say(`view.all.${action}`));
    }
  }

  /** Bring the order up to date; under the pointer rows keep their places, new ones come at the end. */
  #reorder(released) {
    const wanted = this.#rows.ordered(this.#choice);
    const before = this.#order;
    if (this.#held && !released && before.length) {
      const shown = new Set(before);
      const kept = before.filter((key) => this.#rows.get(key));
      this.#order = [...kept, ...wanted.filter((key) => !shown.has(key))];
    } else {
      this.#orderIsOld = false;
      this.#order = wanted;
    }
    const now = seconds();
    const placed = new Map();
    this.#order.forEach((key, place) => {
      const last = this.#placed.get(key);
      placed.set(key, last?.[0] === place ? last : [place, last ? now : -Infinity]);
    });
    this.#placed = placed;
    const present = new Set(this.#order);
    for (const key of this.#expanded) if (!this.#rows.get(key)) this.#expanded.delete(key);
    for (const [key, view] of this.#views) {
      if (!present.has(key)) { view.node.remove(); this.#views.delete(key); }
    }
  }

  #heightOf(key) {
    if (this.#expanded.has(key)) return this.#heights.get(key) ?? 200;
    return this.#heights.get(shapeOf(this.#rows.get(key), this.#texts)) ?? 84;
  }

  #renderRows(pinned) {
    const limit = Number(this.getAttribute("rows"));
    for (let pass = 0; pass < 3; pass++) {
      const tops = this.#tops = new Array(this.#order.length + 1);
      tops[0] = 0;
      this.#order.forEach((key, place) => { tops[place + 1] = tops[place] + this.#heightOf(key); });
      const whole = tops.at(-1);
      this.#ui.list.style.height = `${whole}px`;
      this.#ui.scroller.style.maxHeight = limit > 0 ? `${Math.ceil(limit * (tops[1] || 84)) + 2}px` : "";
      const [first, last] = this.#inSight();
      this.#draw(first, last, pinned);
      if (!this.#measure(first, last)) break;
    }
  }

  /** First and last place that is in sight, in the list's own scroller and in the window. */
  #inSight() {
    const box = this.#ui.list.getBoundingClientRect();
    const frame = this.#ui.scroller.getBoundingClientRect();
    const top = Math.max(0, frame.top) - box.top;
    const bottom = Math.min(window.innerHeight, frame.bottom) - box.top;
    const at = (y) => {
      let [low, high] = [0, this.#order.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.#tops[middle + 1] <= y) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    return [Math.max(0, at(top) - OVERSCAN), Math.min(this.#order.length - 1, at(Math.max(top, bottom)) + OVERSCAN)];
  }

  #draw(first, last, pinned) {
    const focused = this.shadowRoot.activeElement;
    const keep = new Set([pinned, focused?.closest?.(".item")?.dataset.job]);
    const places = [];
    this.#order.forEach((key, place) => {
      if ((place >= first && place <= last) || keep.has(key)) places.push(place);
    });
    const drawn = new Set(places.map((place) => this.#order[place]));
    for (const [key, view] of this.#views) {
      if (!drawn.has(key)) { view.node.remove(); this.#views.delete(key); }
    }
    let cursor = this.#ui.list.firstElementChild;
    for (const place of places) {
      const key = this.#order[place];
      let view = this.#views.get(key);
      if (!view) {
        view = new UploadRowView({
          act: (action, row, event) => this.#act(action, row, event),
          copy: (text) => this.#copy(text),
          toggle: (row) => this.#toggle(row),
        });
        this.#views.set(key, view);
      }
      view.update(this.#rows.get(key), this.#texts, this.#expanded.has(key));
      if (view.node === cursor) cursor = cursor.nextElementSibling;
      else this.#ui.list.insertBefore(view.node, cursor);
      const top = `${this.#tops[place]}px`;
      if (view.node.style.top !== top) view.node.style.top = top;
      attribute(view.node, "aria-setsize", String(this.#order.length));
      attribute(view.node, "aria-posinset", String(place + 1));
    }
    // a row that was moved in the DOM has lost the focus
    const now = this.shadowRoot.activeElement;
    if (focused && focused !== now && now === null && this.#ui.list.contains(focused)) focused.focus({ preventScroll: true });
  }

  /** Take the true heights of what is drawn; whether any was another one than was thought. */
  #measure(first, last) {
    let wrong = false;
    for (let place = first; place <= last; place++) {
      const key = this.#order[place];
      const height = this.#views.get(key)?.node.offsetHeight ?? 0;
      if (!height || height === this.#heightOf(key)) continue;
      const name = this.#expanded.has(key) ? key : shapeOf(this.#rows.get(key), this.#texts);
      this.#heights.set(name, height);
      wrong = true;
    }
    return wrong;
  }
}

/** Make the element known to the page; twice is once. */
export function defineUploadProgressList(tag = "upload-progress-list") {
  if (!customElements.get(tag)) customElements.define(tag, class extends UploadProgressList {});
  return customElements.get(tag);
}

defineUploadProgressList();
