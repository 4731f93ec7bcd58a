/**
 * React: the uploads of a pan115kit server as a list, or one of them.
 *
 *   <UploadProgressList />
 *   <UploadProgressList url="http://127.0.0.1:8115" token={token} lang="zh" />
 *   {uploads.map((upload) => <UploadItem key={upload.job_id} upload={upload} />)}
 *
 * React 17 or later is yours.  Nothing of the browser is touched while a server renders it.
 */

import { createElement, useEffect, useRef, useState } from "react";

import { UploadApi } from "./api.js";
import { TEXTS } from "./texts.js";
import { useUploadProgress } from "./useUploadProgress.js";

const languageOf = (lang) => {
  const wanted = (lang ?? globalThis.navigator?.language ?? "en").slice(0, 2);
  return wanted in TEXTS ? wanted : "en";
};

/** The custom element: its properties are set once it is known to the page. */
function Uploads({ uploads, lang, heading, rows, single, stale, readOnly, onAction, className, style }) {
  const list = useRef(null);
  const [ready, setReady] = useState(false);
  const language = languageOf(lang);

  useEffect(() => {
    let mounted = true;
    import("./upload-progress-list.js").then(() => { if (mounted) setReady(true); });
    return () => { mounted = false; };
  }, []);
  useEffect(() => { if (ready) list.current.texts = TEXTS[language]; }, [ready, language]);
  useEffect(() => { if (ready && uploads !== null) list.current.uploads = uploads; }, [ready, uploads]);
  useEffect(() => {
    const element = list.current;
    const act = (event) => onAction?.(event.detail);
    element.addEventListener("upload-action", act);
    return () => element.removeEventListener("upload-action", act);
  }, [onAction]);
  useEffect(() => {
    const element = list.current;
    for (const [name, value] of Object.entries({ heading, rows })) {
      if (value === undefined) element.removeAttribute(name);
      else element.setAttribute(name, String(value));
    }
    for (const [name, on] of Object.entries({ single, stale, readonly: readOnly })) {
      element.toggleAttribute(name, Boolean(on));
    }
  }, [heading, rows, single, stale, readOnly]);
  return createElement("upload-progress-list", { ref: list, class: className, style });
}

export function UploadProgressList({ url, token, onAction, ...look } = {}) {
  const { uploads, connected } = useUploadProgress({ url, token });
  const [seen, setSeen] = useState(false);
  useEffect(() => { if (connected) setSeen(true); }, [connected]);
  const act = useRef(null);
  act.current = async (detail) => {
    if (onAction) { onAction(detail); return; }
    try {
      await new UploadApi({ url, token }).command(detail.action, detail.job_ids);
    } catch (error) {
      console.warn(`pan115kit: ${detail.action}: ${error.message}`);
    }
  };
  const [stable] = useState(() => (detail) => act.current(detail));
  return createElement(Uploads, { ...look, uploads: seen ? uploads : null, stale: seen && !connected, onAction: stable });
}

export function UploadItem({ upload, onAction, readOnly = onAction === undefined, ...look }) {
  const [rows, setRows] = useState([upload]);
  useEffect(() => setRows([upload]), [upload]);
  return createElement(Uploads, { ...look, uploads: rows, single: true, readOnly, onAction });
}
