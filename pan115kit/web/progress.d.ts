/** Where an upload stands. */
export type UploadStatus =
  | "pending" | "hashing" | "checking" | "quick_success" | "uploading" | "paused" | "success" | "failed" | "cancelled";

/** One upload. Sizes are bytes, speeds MB/s (10^6), times seconds. */
export interface UploadProgress {
  file_name: string;
  file_size: number;
  status: UploadStatus;
  percentage: number;
  uploaded_bytes: number;
  total_bytes: number;
  total_parts: number;
  uploaded_parts: number;
  speed_mbps: number;
  elapsed_seconds: number;
  eta_seconds: number | null;
  error_message: string | null;
  file_id: string | null;
  is_quick_upload: boolean;
  job_id: string;
  file_path: string;
  target_path: string;
  session_id: string;
  hash_percentage: number;
  resumed_bytes: number;
  retries: number;
  /** What it waits for that is not its turn, or null. */
  waiting_for: "network" | "content" | "process" | null;
  waiting_seconds: number;
  /** ISO 8601, UTC. */
  created_at: string;
  /** ISO 8601, UTC; null before its end. */
  ended_at: string | null;
  /** pid@host of the other process that runs it; null if the server's own does. */
  process: string | null;
  group: "active" | "failed" | "paused" | "unfinished" | "waiting" | "done" | "cancelled";
  /** What may be asked of it now. */
  actions: ("pause" | "resume" | "retry" | "cancel" | "discard")[];
}

export interface ProgressState {
  uploads: UploadProgress[];
  connected: boolean;
}

export interface ConnectOptions {
  /** The server's token; a page that the server itself delivered needs none. */
  token?: string;
  /** Milliseconds until the next try after a lost connection (5000). */
  reconnectDelay?: number;
  /** Milliseconds between two pings (30000). */
  heartbeatInterval?: number;
  /** Milliseconds a ping may stay unanswered (10000). */
  heartbeatTimeout?: number;
  /** Told when a connection is lost or refused. */
  onClose?: (event: CloseEvent | null) => void;
  /** Another WebSocket class than the global one. */
  WebSocket?: typeof WebSocket;
}

export interface Connection {
  close(): void;
  reconnect(): void;
  readonly uploads: UploadProgress[];
  readonly connected: boolean;
}

export interface ProgressData {
  uploads?: UploadProgress[];
  page?: number;
  pages?: number;
  total?: number;
  partial?: boolean;
  removed?: string[];
}

/** Joins full, paged and partial messages into one list. */
export class UploadList {
  take(data: ProgressData): UploadProgress[] | null;
}

export function progressAddress(url?: string, token?: string, base?: string): string;

export function connectUploadProgress(
  url: string | undefined,
  onChange: (state: ProgressState) => void,
  options?: ConnectOptions,
): Connection;
