import type { UploadProgress } from "./progress.js";

export interface UseUploadProgressOptions {
  /** The server's address, e.g. http://127.0.0.1:8115; the page's own server without one. */
  url?: string;
  /** The server's token; a page that the server itself delivered needs none. */
  token?: string;
  /** Milliseconds until the next try after a lost connection (5000). */
  reconnectDelay?: number;
  /** Milliseconds between two pings (30000). */
  heartbeatInterval?: number;
}

export interface UseUploadProgress {
  uploads: UploadProgress[];
  connected: boolean;
  reconnect: () => void;
}

export function useUploadProgress(options?: UseUploadProgressOptions): UseUploadProgress;
