/** The page: uploads live, buttons that work, nothing that is not there. */

import * as api from "./api.js";
import { connectUploadProgress } from "./progress.js";
import { ACTIVE, FINAL, SessionRow, UploadRow, element, show, write } from "./rows.js";
import { bytes, duration, percent, say, speed, switchLanguage, translate } from "./words.js";

const STEP = 100;  // rows shown at once; ten thousand would only slow the browser down
const SESSION_LIMIT = 100;
const SESSION_PAUSE = 1500;  // ms between two looks at the sessions while uploads change

const $ = (id) => document.getElementById(id);

const FILTERS = {
  all: () => true,
  active: (upload) => !FINAL.has(upload.status),
  failedTab: (upload) => upload.status === "failed",
  done: (upload) => FINAL.has(upload.status) && upload.status !== "failed",
};
const RANK = { hashing: 0, checking: 0, uploading: 0, paused: 1, failed: 2, pending: 3 };

const state = {
  uploads: [], connected: false, everConnected: false, sessions: [], filter: "all", shown: STEP, roots: null,
  current: false,  // whether the list is this connection's: it comes after the connection itself
  everListed: false,
};

// -- list -------------------------------------------------------------------------------------------------------

/** What moves first, then what needs somebody, then what waits; ended ones last, the newest of them first. */
function ordered(uploads) {
  const ranked = uploads.map((upload, place) => ({ upload, place, rank: RANK[upload.status] ?? 4 }));
  ranked.sort((a, b) => a.rank - b.rank || (a.rank === 4 ? b.place - a.place : a.place - b.place));
  return ranked.map(({ upload }) => upload);
}

/** Keep rows and items in step: rows are reused by key, moved only where the order changed. */
function reconcile(list, rows, items, keyOf, make) {
  let focus = document.activeElement;
  const used = new Set();
  let cursor = list.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let row = rows.get(key);
    if (!row) { row = make(); rows.set(key, row); }
    used.add(key);
    row.update(item);
    // its buttons may be new ones, and a row that is moved loses the focus
    if (row.node.contains(document.activeElement)) focus = document.activeElement;
    if (row.node === cursor) cursor = cursor.nextElementSibling;
    else list.insertBefore(row.node, cursor);
  }
  for (const [key, row] of rows) {
    if (!used.has(key)) { row.node.remove(); rows.delete(key); }
  }
  if (focus && focus !== document.activeElement && list.contains(focus)) focus.focus();
}

const uploadRows = new Map();
const sessionRows = new Map();

function paint() {
  const { uploads } = state;
  const count = Object.fromEntries(Object.entries(FILTERS).map(([name, keep]) => [name, uploads.filter(keep).length]));
  write($("uploads-title"), say("uploads", { n: uploads.length }));
  document.title = titleOf(uploads);
  paintFilters(count);
  const matching = ordered(uploads).filter(FILTERS[state.filter]);
  reconcile($("uploads"), uploadRows, matching.slice(0, state.shown), (u) => u.job_id, () => new UploadRow(act));
  const left = matching.length - state.shown;
  show($("more"), left > 0);
  write($("more"), say("more", { n: Math.min(STEP, left), left }));
  show($("uploads"), matching.length > 0);
  show($("empty"), matching.length === 0 && state.everListed);
  write($("empty").querySelector("p"), say(uploads.length ? "nothingHere" : "empty"));
  show($("empty").querySelector(".hint"), !uploads.length);
  paintOverall(uploads);
  const own = uploads.filter((upload) => upload.process === null);
  show($("all-pause"), own.some((u) => !FINAL.has(u.status) && u.status !== "paused"));
  show($("all-resume"), own.some((u) => u.status === "paused"));
  show($("all-retry"), own.some((u) => u.status === "failed"));
  show($("all-cancel"), own.filter((u) => !FINAL.has(u.status)).length > 1);
  paintSessions();
}

function titleOf(uploads) {
  const open = uploads.filter((upload) => ACTIVE.has(upload.status));
  if (!open.length) return `${say("uploads", { n: uploads.length })} · pan115kit`;
  return `${percent(totals(uploads).percentage)} · ${say("running", { n: open.length })} · pan115kit`;
}

function paintFilters(count) {
  const group = $("filters");
  show(group, state.uploads.length > 5);
  if (!group.childElementCount) {
    for (const name of Object.keys(FILTERS)) {
      const made = element("button", "filter");
      made.type = "button";
      made.dataset.filter = name;
      made.append(element("span"), element("b"));
      made.addEventListener("click", () => { state.filter = name; state.shown = STEP; paint(); });
      group.append(made);
    }
  }
  if (!state.uploads.length) state.filter = "all";
  for (const made of group.children) {
    const name = made.dataset.filter;
    made.setAttribute("aria-pressed", String(state.filter === name));
    write(made.firstElementChild, say(name));
    write(made.lastElementChild, count[name].toLocaleString("en"));
  }
}

function totals(uploads) {
  const sum = { size: 0, done: 0, speed: 0, active: 0, open: 0, percentage: 0 };
  for (const upload of uploads) {
    if (upload.status === "cancelled") continue;
    sum.size += upload.total_bytes;
    sum.done += upload.uploaded_bytes;
    if (upload.status === "uploading") sum.speed += upload.speed_mbps;
    if (ACTIVE.has(upload.status)) sum.active += 1;
    if (!FINAL.has(upload.status)) sum.open += 1;
  }
  sum.percentage = sum.size ? (100 * sum.done) / sum.size : 0;
  return sum;
}

function paintOverall(uploads) {
  const part = $("overall");
  const sum = totals(uploads);
  show(part, uploads.length > 1 && sum.open > 0);
  if (part.hidden) return;
  const track = part.firstElementChild;
  track.firstElementChild.style.transform = `scaleX(${Math.min(1, sum.percentage / 100)})`;
  const words = say("percentOf", { percent: percent(sum.percentage), done: bytes(sum.done), total: bytes(sum.size) });
  track.setAttribute("aria-valuenow", sum.percentage.toFixed(1));
  track.setAttribute("aria-valuetext", words);
  track.setAttribute("aria-label", say("uploads", { n: uploads.length }));
  const facts = [words, say("running", { n: sum.active })];
  if (sum.speed > 0) {
    facts.push(say("totalSpeed", { speed: speed(sum.speed) }));
    facts.push(say("left", { time: duration((sum.size - sum.done) / (sum.speed * 1e6)) }));
  }
  const line = part.lastElementChild;
  while (line.childElementCount > facts.length) line.lastElementChild.remove();
  facts.forEach((fact, place) => write(line.children[place] ?? line.appendChild(element("span")), fact));
}

function paintSessions() {
  // a session whose upload is in the list above is shown there
  const shownAbove = new Set(state.uploads.filter((u) => !FINAL.has(u.status)).map((u) => u.session_id));
  const rest = state.sessions.filter((session) => !shownAbove.has(session.session_id));
  show($("sessions-part"), rest.length > 0);
  write($("sessions-title"), say("sessions", { n: rest.length }));
  reconcile($("sessions"), sessionRows, rest.slice(0, SESSION_LIMIT), (s) => s.session_id, () => new SessionRow(actOnSession));
}

// -- what happens -----------------------------------------------------------------------------------------------

let lastStatuses = new Map();

/** Ends are told to those who cannot see the bar, and change the sessions. */
function notice(uploads) {
  const statuses = new Map(uploads.map((upload) => [upload.job_id, upload.status]));
  let moved = statuses.size !== lastStatuses.size;
  const ended = [];
  for (const upload of uploads) {
    const before = lastStatuses.get(upload.job_id);
    if (before === upload.status) continue;
    moved = true;
    if (before && FINAL.has(upload.status)) ended.push(`${upload.file_name}: ${say(`status_${upload.status}`)}`);
  }
  lastStatuses = statuses;
  if (ended.length) write($("announce"), ended.slice(0, 3).join("; "));
  if (moved) lookAtSessions();
}

let sessionTimer = 0;
let sessionTime = 0;  // when the timer is due
let sessionLooks = 0;
let sessionShown = 0;  // the look whose answer is shown

/** Look at the sessions in `pause` ms, or earlier where that is arranged already. */
function lookAtSessions(pause = SESSION_PAUSE) {
  const due = performance.now() + pause;
  if (sessionTimer && sessionTime <= due) return;
  clearTimeout(sessionTimer);
  sessionTime = due;
  sessionTimer = setTimeout(look, pause);
}

async function look() {
  sessionTimer = 0;
  const mine = ++sessionLooks;
  try {
    const [sessions, about] = await Promise.all([api.sessions(), api.about()]);
    if (mine < sessionShown) return;  // answers may overtake each other: a deleted session must not come back
    sessionShown = mine;
    state.sessions = sessions;
    show($("blocked"), about.blocked !== null);
    write($("blocked"), about.blocked ?? "");
    state.roots = about.roots;
    paintRoots();
    paint();
  } catch (error) {
    unlockOrIgnore(error);
  }
}

async function act(what, upload) {
  if (what === "copy") {
    await navigator.clipboard.writeText(upload.file_id).then(() => toast(say("copied")), () => {});
    return;
  }
  const sure = what !== "cancel" || await confirmed(say("sureCancel", { name: upload.file_name }), say("sureYesCancel"));
  if (sure) await attempt(() => api.command(upload.job_id, what));
}

async function actOnSession(what, session) {
  const sure = what !== "delete" || await confirmed(say("sureDelete", { name: session.file_name }), say("sureYesDelete"));
  if (!sure) return;
  await attempt(() => (what === "delete" ? api.deleteSession(session.session_id) : api.resumeSession(session.session_id)));
  lookAtSessions(0);
}

async function attempt(call) {
  try {
    await call();
    return true;
  } catch (error) {
    if (!unlockOrIgnore(error)) toast(say("failedCall", { why: error.message || say("noAnswer") }), true);
    return false;
  }
}

function confirmed(question, yes) {
  const dialog = $("confirm");
  dialog.querySelector("p").textContent = question;
  dialog.querySelector("[value=yes]").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

let toastTimer = 0;

function toast(text, bad = false) {
  clearTimeout(toastTimer);
  $("toast").classList.toggle("bad", bad);
  write($("toast"), text);
  show($("toast"), true);
  toastTimer = setTimeout(() => show($("toast"), false), bad ? 8000 : 2500);
}

// -- connection -------------------------------------------------------------------------------------------------

function paintConnection() {
  const part = $("connection");
  const word = state.connected ? "connected" : state.everConnected ? "disconnected" : "connecting";
  part.dataset.state = word;
  write(part.querySelector("span"), say(word));
  show($("reconnect"), word === "disconnected");
  document.body.classList.toggle("stale", state.everConnected && !state.current);
}

let frame = 0;

function onChange({ uploads, connected }) {
  if (connected) { state.everConnected = true; unlocked(); }
  const reconnected = connected && !state.connected;
  state.current = connected && !reconnected;  // all that is told while connected comes from its lists
  state.everListed ||= state.current;
  state.uploads = uploads;
  state.connected = connected;
  if (reconnected) lookAtSessions(0);
  notice(uploads);
  if (!frame) frame = requestAnimationFrame(() => { frame = 0; paintConnection(); paint(); });
}

/** A refused WebSocket does not say why; the API does. */
async function whyClosed() {
  try { await api.about(); } catch (error) { unlockOrIgnore(error); }
}

function unlockOrIgnore(error) {
  if (error.status !== 401) return false;
  show($("locked"), true);
  show($("content"), false);
  return true;
}

function unlocked() {
  show($("locked"), false);
  show($("content"), true);
}

// -- page -------------------------------------------------------------------------------------------------------

function paintRoots() {
  if (state.roots === null) return;
  write($("roots"), state.roots.length ? say("roots", { list: state.roots.join("  ") }) : say("noRoots"));
  for (const control of $("add-form").elements) control.disabled = !state.roots.length;
}

function isDark() {
  return (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
}

function paintTheme() {
  $("theme").querySelector("use").setAttribute("href", isDark() ? "#i-sun" : "#i-moon");
  document.querySelector("meta[name=theme-color]").content = isDark() ? "#101317" : "#f5f6f8";
}

function paintWords() {
  translate();
  write($("language"), say("language"));
  for (const id of ["theme"]) { $(id).title = say(id); $(id).setAttribute("aria-label", say(id)); }
  paintRoots();
  paintConnection();
  paint();
}

$("theme").addEventListener("click", () => {
  const wanted = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = wanted;
  try { localStorage.setItem("pan115kit-theme", wanted); } catch { /* not kept, then */ }
  paintTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintTheme);
$("language").addEventListener("click", () => { switchLanguage(); paintWords(); });
$("more").addEventListener("click", () => { state.shown += STEP; paint(); });
$("reconnect").addEventListener("click", () => connection.reconnect());
for (const what of ["pause", "resume", "retry"]) {
  $(`all-${what}`).addEventListener("click", () => attempt(() => api.commandAll(what)));
}
$("all-cancel").addEventListener("click", async () => {
  const n = state.uploads.filter((u) => u.process === null && !FINAL.has(u.status)).length;
  if (await confirmed(say("sureCancelAll", { n }), say("allCancel"))) await attempt(() => api.commandAll("cancel"));
});
$("add").addEventListener("click", () => {
  const form = $("add-form");
  show(form, form.hidden);
  $("add").setAttribute("aria-expanded", String(!form.hidden));
  if (!form.hidden) form.elements.file_path.focus();
});
$("add-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const problem = form.querySelector(".form-error");
  const data = Object.fromEntries(new FormData(form));
  try {
    await api.start({ ...data, target_path: data.target_path || "/" });
    show(problem, false);
    form.elements.file_path.value = "";
    form.elements.file_path.focus();
  } catch (error) {
    if (unlockOrIgnore(error)) return;
    write(problem, error.message || say("noAnswer"));
    show(problem, true);
  }
});
$("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  location.search = new URLSearchParams({ token: event.currentTarget.elements.token.value.trim() });
});

if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", location.pathname);
paintTheme();
paintWords();
const connection = connectUploadProgress(undefined, onChange, { onClose: whyClosed });
lookAtSessions(0);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !state.connected) connection.reconnect();
});
setInterval(() => { if (!document.hidden && state.connected) lookAtSessions(0); }, 15000);
