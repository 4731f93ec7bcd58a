/**
 * The upload progress of a pan115kit server, live: one ES module without dependencies.
 *
 *   import { connectUploadProgress } from "./progress.js";
 *   const connection = connectUploadProgress("http://127.0.0.1:8115", ({ uploads, connected }) => { … });
 *   connection.close();
 *
 * It keeps the connection (again after 5 s, a heartbeat every 30 s) and joins paged and partial messages into one list.
 */

const PATH = "ws/upload/progress";

/** The WebSocket address for a server's address, a WebSocket address, or nothing (this page's own server). */
export function progressAddress(url, token, base = globalThis.document?.baseURI) {
  const address = url ? new URL(url, base) : new URL(PATH, base);
  address.protocol = address.protocol.replace(/^http/, "ws");
  if (!address.pathname.endsWith(PATH)) address.pathname = address.pathname.replace(/\/*$/, "/") + PATH;
  if (token) address.searchParams.set("token", token);
  address.hash = "";
  return address.href;
}

/** What makes an upload the same one in two messages. */
const keyOf = (upload) => upload.job_id ?? upload.file_path ?? upload.file_name;

/**
 * Joins messages into one list.  Pure but for its own memory.
 *
 * `take(data)` gives the new list, or null while pages of a list are still missing.
 */
export class UploadList {
  #uploads = new Map();
  #pages = null;

  take(data) {
    const uploads = data.uploads ?? [];
    if (data.partial) {
      for (const upload of uploads) this.#uploads.set(keyOf(upload), upload);
      for (const key of data.removed ?? []) this.#uploads.delete(key);
      return [...this.#uploads.values()];
    }
    if ((data.pages ?? 1) > 1) {
      if (data.page === 1 || this.#pages === null) this.#pages = new Map();
      for (const upload of uploads) this.#pages.set(keyOf(upload), upload);
      if (data.page < data.pages) return null;
      this.#uploads = this.#pages;
    } else {
      this.#uploads = new Map(uploads.map((upload) => [keyOf(upload), upload]));
    }
    this.#pages = null;
    return [...this.#uploads.values()];
  }
}

/**
 * Connect, and stay connected.
 *
 * @param {string | undefined} url  the server's address; this page's own server without one
 * @param {(state: {uploads: object[], connected: boolean}) => void} onChange  called with every change
 * @param {object} [options]  token, reconnectDelay (ms), heartbeatInterval (ms), heartbeatTimeout (ms), onClose(event)
 * @returns {{close(): void, reconnect(): void, readonly uploads: object[], readonly connected: boolean}}
 */
export function connectUploadProgress(url, onChange, options = {}) {
  const { token, reconnectDelay = 5000, heartbeatInterval = 30000, heartbeatTimeout = 10000, onClose } = options;
  const WebSocketClass = options.WebSocket ?? globalThis.WebSocket;
  const address = progressAddress(url, token);
  let socket = null;
  let uploads = [];
  let connected = false;
  let closed = false;
  let retry = 0;
  let heartbeat = 0;
  let deadline = 0;

  const tell = () => { if (!closed) onChange({ uploads, connected }); };

  function open() {
    clearTimeout(retry);
    const list = new UploadList();
    const mine = new WebSocketClass(address);
    socket = mine;
    mine.onopen = () => {
      if (socket !== mine) return;
      connected = true;
      heartbeat = setInterval(beat, heartbeatInterval);
      tell();
    };
    mine.onmessage = (event) => {
      if (socket !== mine) return;
      clearTimeout(deadline);  // any message is a sign of life
      let message;
      try { message = JSON.parse(event.data); } catch { return; }
      if (message?.type !== "upload_progress") return;
      const now = list.take(message.data ?? {});
      if (now !== null) { uploads = now; tell(); }
    };
    mine.onclose = (event) => { if (socket === mine) lost(event); };
  }

  function beat() {
    if (socket?.readyState !== 1) return;
    socket.send(JSON.stringify({ type: "ping", timestamp: Date.now() }));
    clearTimeout(deadline);
    deadline = setTimeout(() => drop(), heartbeatTimeout);
  }

  /** The line is dead though nobody said so: do not wait for its close. */
  function drop() {
    const old = socket;
    lost(null);
    old?.close();
  }

  function lost(event) {
    clearInterval(heartbeat);
    clearTimeout(deadline);
    socket = null;
    if (closed) return;
    connected = false;
    retry = setTimeout(open, reconnectDelay);
    onClose?.(event);
    tell();
  }

  function reconnect() {
    if (closed) return;
    const old = socket;
    clearInterval(heartbeat);
    clearTimeout(deadline);
    socket = null;
    connected = false;
    old?.close();
    tell();
    open();
  }

  const wake = () => { if (!connected && socket === null) reconnect(); };
  globalThis.addEventListener?.("online", wake);

  open();
  return {
    close() {
      closed = true;
      clearTimeout(retry);
      clearInterval(heartbeat);
      clearTimeout(deadline);
      globalThis.removeEventListener?.("online", wake);
      socket?.close();
      socket = null;
      connected = false;
    },
    reconnect,
    get uploads() { return uploads; },
    get connected() { return connected; },
  };
}
