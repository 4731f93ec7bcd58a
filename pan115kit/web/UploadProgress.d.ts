import type { CSSProperties, ReactElement } from "react";

import type { UploadProgress } from "./progress.js";

/** What a button asks for; `job_ids` null means every upload it makes sense for. */
export interface UploadAction {
  action: "pause" | "resume" | "retry" | "cancel" | "discard" | "resume_sessions" | "discard_sessions";
  job_ids: string[] | null;
}

export interface UploadLook {
  /** "zh" or "en"; the browser's language without it. */
  lang?: string;
  /** Its title; the number of uploads without it. */
  heading?: string;
  /** Rows that are seen before the list scrolls by itself; it grows with the page without it. */
  rows?: number;
  /** No buttons. */
  readOnly?: boolean;
  className?: string;
  style?: CSSProperties;
}

export interface UploadProgressListProps extends UploadLook {
  /** The server's address, e.g. http://127.0.0.1:8115; the page's own server without one. */
  url?: string;
  /** The server's token; a page that the server itself delivered needs none. */
  token?: string;
  /** What the buttons do instead of asking the server. */
  onAction?: (action: UploadAction) => void;
}

export interface UploadItemProps extends UploadLook {
  upload: UploadProgress;
  /** What its buttons do; it has none without. */
  onAction?: (action: UploadAction) => void;
}

export function UploadProgressList(props?: UploadProgressListProps): ReactElement;
export function UploadItem(props: UploadItemProps): ReactElement;
