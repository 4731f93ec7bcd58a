/** The server's page: the list, its connection, the frame around it. */

import { UploadApi } from "./api.js";
import { attribute, show, write } from "./elements.js";
import { Texts, formatPercent } from "./format.js";
import { connectUploadProgress } from "./progress.js";
import { loadTexts } from "./upload-progress-list.js";

const SESSION_PAUSE = 1500;  // ms between two looks at the sessions while uploads change
const FINAL = new Set(["success", "quick_success", "failed", "cancelled"]);

const $ = (id) => document.getElementById(id);
const html = document.documentElement;
const list = $("uploads");
const api = new UploadApi();

const state = {
  uploads: [], connected: false, everConnected: false, sessions: [], roots: null,
  current: false,  // whether the list is this connection's: it comes after the connection itself
  everListed: false,
};
let texts = new Texts();

// -- the list ---------------------------------------------------------------------------------------------------

/** A session of an earlier run as a row of the list; as `session_row` in `pan115kit/presentation/rows.py`. */
function sessionRow(session) {
  const done = Math.round((session.progress / 100) * session.file_size);
  return {
    job_id: `session:${session.session_id}`, session_id: session.session_id,
    file_name: session.file_name, file_path: session.file_path, target_path: session.target_path,
    file_size: session.file_size, total_bytes: session.file_size, uploaded_bytes: done, resumed_bytes: done,
    status: "paused", group: "unfinished", actions: ["resume", "discard"], process: null,
    percentage: session.progress, hash_percentage: 100, total_parts: session.total_parts,
    uploaded_parts: session.uploaded_parts.length, speed_mbps: 0, elapsed_seconds: 0, eta_seconds: null, retries: 0,
    error_message: session.error_message, file_id: null, waiting_for: null, waiting_seconds: 0, ended_at: null, created_at: session.created_at,
  };
}

function paint() {
  if (state.everListed) list.uploads = [...state.uploads, ...state.sessions];
  attribute(list, "heading", texts.say("view.uploads", { count: state.uploads.length }));
  const { counts, percentage, files } = list.totals;
  const what = counts.active
    ? [formatPercent(percentage), texts.say("view.count.active", { count: counts.active })]
    : [texts.say("view.uploads", { count: files })];
  document.title = [...what, "pan115kit"].join(" · ");
}

list.addEventListener("upload-action", ({ detail: { action, job_ids: keys } }) => {
  const session = keys?.[0].startsWith("session:") ? keys[0].slice("session:".length) : null;
  if (action.endsWith("_sessions")) onSessions(state.sessions.map((row) => row.session_id), action.startsWith("resume"));
  else if (session) onSessions([session], action === "resume");
  else attempt(() => api.command(action, keys));
});

async function onSessions(ids, resume) {
  for (const id of ids) await attempt(() => (resume ? api.resumeSession(id) : api.deleteSession(id)));
  lookAtSessions(0);
}

async function attempt(call) {
  try {
    await call();
  } catch (error) {
    if (!unlockOrIgnore(error)) list.toast(texts.say("page.call_failed", { reason: reasonOf(error) }));
  }
}

const reasonOf = (error) => error.message || texts.say("page.no_answer");

// -- sessions ---------------------------------------------------------------------------------------------------

let statuses = new Map();
let sessionTimer = 0;
let sessionTime = 0;  // when the timer is due
let sessionLooks = 0;
let sessionShown = 0;  // the look whose answer is shown

/** Uploads that begin and end change the sessions. */
function noticeSessions(uploads) {
  const before = statuses;
  statuses = new Map(uploads.map((upload) => [upload.job_id, upload.status]));
  if (before.size !== statuses.size || uploads.some((upload) => before.get(upload.job_id) !== upload.status)) lookAtSessions();
}

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
    state.sessions = sessions.map(sessionRow);
    show($("blocked"), about.blocked !== null);
    write($("blocked"), about.blocked ?? "");
    state.roots = about.roots;
    paintRoots();
    paint();
  } catch (error) {
    unlockOrIgnore(error);
  }
}

// -- connection -------------------------------------------------------------------------------------------------

function paintConnection() {
  const part = $("connection");
  const word = state.connected ? "connected" : state.everConnected ? "disconnected" : "connecting";
  part.dataset.state = word;
  write(part.querySelector("span"), texts.say(`page.line.${word}`));
  show($("reconnect"), word === "disconnected");
  list.toggleAttribute("stale", state.everConnected && !state.current);
}

let frame = 0;

function onChange({ uploads, connected }) {
  if (connected) { state.everConnected = true; unlocked(); }
  const reconnected = connected && !state.connected;
  state.current = connected && !reconnected;  // all that comes while connected is from this connection's lists
  state.everListed ||= state.current;
  state.uploads = uploads;
  state.connected = connected;
  if (reconnected) lookAtSessions(0);
  noticeSessions(uploads);
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

// -- frame ------------------------------------------------------------------------------------------------------

function paintRoots() {
  if (state.roots === null) return;
  const folders = state.roots.join("  ");
  write($("roots"), texts.say(folders ? "page.roots" : "page.no_roots", { folders }));
  for (const control of $("add-form").elements) control.disabled = !state.roots.length;
}

function isDark() {
  return (html.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
}

function paintTheme() {
  write($("theme"), isDark() ? "☀" : "☾");
  document.querySelector("meta[name=theme-color]").content = isDark() ? "#101317" : "#f5f6f8";
}

const kept = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* not kept, then */ } };
const languages = html.dataset.languages.split(" ");
const nextLanguage = () => languages[(languages.indexOf(html.lang) + 1) % languages.length];

async function speak(lang) {
  const catalogue = await loadTexts(lang);
  html.lang = lang;
  texts = new Texts(catalogue);
  list.texts = catalogue;
  for (const node of document.querySelectorAll("[data-text]")) write(node, texts.say(node.dataset.text));
  write($("language"), new Intl.DisplayNames([nextLanguage()], { type: "language" }).of(nextLanguage()));
  attribute($("theme"), "aria-label", texts.say("page.theme"));
  attribute($("theme"), "title", texts.say("page.theme"));
  paintRoots();
  paintConnection();
  paint();
}

$("theme").addEventListener("click", () => {
  html.dataset.theme = isDark() ? "light" : "dark";
  keep("pan115kit-theme", html.dataset.theme);
  paintTheme();
  paint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintTheme);
$("language").addEventListener("click", () => { keep("pan115kit-lang", nextLanguage()); speak(nextLanguage()); });
$("reconnect").addEventListener("click", () => connection.reconnect());
$("add").addEventListener("click", () => {
  const form = $("add-form");
  show(form, form.hidden);
  attribute($("add"), "aria-expanded", String(!form.hidden));
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
    write(problem, reasonOf(error));
    show(problem, true);
  }
});
$("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  location.search = new URLSearchParams({ token: event.currentTarget.elements.token.value.trim() });
});

if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", location.pathname);
paintTheme();
const chosen = kept("pan115kit-lang");
await speak(languages.includes(chosen) ? chosen : html.lang);
const connection = connectUploadProgress(undefined, onChange, { onClose: whyClosed });
lookAtSessions(0);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !state.connected) connection.reconnect();
});
setInterval(() => { if (!document.hidden && state.connected) lookAtSessions(0); }, 15000);
