/** What a list shows, without any DOM: the rows, their order, the totals, the curve of speed. */

/** Running, needs the user, waiting, ended: the order of a list (`Group` in `pan115kit/presentation/rows.py`). */
export const GROUPS = ["active", "failed", "paused", "unfinished", "waiting", "done", "cancelled"];

/** Filter -> the groups it lets through. */
export const FILTERS = {
  all: new Set(GROUPS),
  open: new Set(["active", "paused", "waiting"]),
  failed: new Set(["failed", "cancelled"]),
  done: new Set(["done"]),
  unfinished: new Set(["unfinished"]),
};

export const SORTS = ["state", "added", "name", "size", "progress", "speed"];

const NEWEST_FIRST = new Set(["done", "cancelled"]);
const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const COMPARE = {
  name: (a, b) => names.compare(a.file_name, b.file_name),
  size: (a, b) => b.file_size - a.file_size,
  progress: (a, b) => shownPercentage(b) - shownPercentage(a),
  speed: (a, b) => b.speed_mbps - a.speed_mbps,
};

export const isSuccess = (row) => row.status === "success" || row.status === "quick_success";

/** What a row's bar shows: the hash while hashing, else the upload. */
export const shownPercentage = (row) => (row.status === "hashing" ? row.hash_percentage : row.percentage);

/** Bytes that went over the wire between two snapshots: what an earlier run sent, or 115 had, is not speed. */
function movedBytes(before, after) {
  if (after.status === "quick_success" || before === undefined) return 0;
  let begin = before.uploaded_bytes;
  if (before.resumed_bytes !== after.resumed_bytes) begin = Math.max(begin, after.resumed_bytes);
  return Math.max(0, after.uploaded_bytes - begin);
}

/** Bytes per second over the last seconds: many small files, each too short for a speed of its own, have one. */
class Meter {
  static WINDOW = 8;

  #points = [];
  #moved = 0;

  add(now, bytes) {
    this.#moved += bytes;
    this.#points.push([now, this.#moved]);
    while (this.#points.length > 2 && this.#points[1][0] <= now - Meter.WINDOW) this.#points.shift();
  }

  rate(now) {
    if (this.#points.length < 2) return 0;
    const [begin, before] = this.#points[0];
    return (this.#moved - before) / Math.max(1, now - begin);
  }
}

/** Speed over time in at most 120 points: when full, every other point goes and the step doubles. */
export class Curve {
  static CAPACITY = 120;

  points = [];
  #step = 1;

  add(now, speed) {
    const last = this.points.at(-1);
    if (last && now - last[0] < this.#step) return;
    this.points.push([now, speed]);
    if (this.points.length > Curve.CAPACITY) {
      this.points = this.points.filter((_, place) => place % 2 === 0);
      this.#step *= 2;
    }
  }
}

export class UploadRows {
  curve = new Curve();
  #rows = new Map();
  #places = new Map(); // key -> when it came, for orders that fall back on it
  #place = 0;
  #meter = new Meter();
  #totals = null;

  get size() { return this.#rows.size; }

  get(key) { return this.#rows.get(key); }

  values() { return this.#rows.values(); }

  /**
   * Take in what changed.
   *
   * @param {object[]} changed  rows as the server and the notebook send them
   * @param {string[]} removed  keys (`job_id`) of rows that are gone
   * @param {number} now  seconds
   * @returns {boolean} whether a row came, went or changed its group: the order is another one
   */
  change(changed, removed, now) {
    let moved = 0;
    let order = false;
    for (const row of changed) {
      const before = this.#rows.get(row.job_id);
      if (before === undefined) this.#places.set(row.job_id, this.#place++);
      order ||= before?.group !== row.group || before.session_id !== row.session_id;
      moved += movedBytes(before, row);
      this.#rows.set(row.job_id, row);
    }
    for (const key of removed) {
      order = this.#rows.delete(key) || order;
      this.#places.delete(key);
    }
    this.#meter.add(now, moved);
    this.#totals = null;
    const { speed, counts } = this.totals(now);
    if (counts.active) this.curve.add(now, speed);
    return order;
  }

  /** All rows at once; what is not among them is gone. */
  replace(rows, now) {
    const keys = new Set(rows.map((row) => row.job_id));
    const removed = [...this.#rows.keys()].filter((key) => !keys.has(key));
    return this.change(rows, removed, now);
  }

  /** Sessions that an upload of this list works on, or has failed at, are shown as that upload. */
  #hiddenSessions() {
    const taken = new Set();
    for (const row of this.#rows.values()) {
      if (row.group === "unfinished" || row.status === "cancelled") continue;
      if (row.session_id) taken.add(row.session_id);
      if (!isSuccess(row)) taken.add(`${row.file_path}\n${row.target_path}`);
    }
    return (row) => row.group === "unfinished"
      && (taken.has(row.session_id) || taken.has(`${row.file_path}\n${row.target_path}`));
  }

  /** The keys that are to be seen, in order. */
  ordered({ filter = "all", search = "", sort = "state" } = {}) {
    const hidden = this.#hiddenSessions();
    const wanted = search.trim().toLocaleLowerCase();
    const groups = FILTERS[filter];
    const rows = [];
    for (const row of this.#rows.values()) {
      if (!groups.has(row.group) || hidden(row)) continue;
      if (wanted && !`${row.file_name}\n${row.target_path}`.toLocaleLowerCase().includes(wanted)) continue;
      rows.push(row);
    }
    if (sort === "state") {
      const byGroup = new Map(GROUPS.map((group) => [group, []]));
      for (const row of rows) byGroup.get(row.group).push(row.job_id);
      return GROUPS.flatMap((group) => (NEWEST_FIRST.has(group) ? byGroup.get(group).reverse() : byGroup.get(group)));
    }
    if (sort !== "added") {
      rows.sort((a, b) => COMPARE[sort](a, b) || this.#places.get(a.job_id) - this.#places.get(b.job_id));
    }
    return rows.map((row) => row.job_id);
  }

  /** Everything in one line; sizes are bytes, speeds bytes per second, times seconds. */
  totals(now) {
    if (this.#totals !== null) return this.#totals;
    const counts = Object.fromEntries(GROUPS.map((group) => [group, 0]));
    const sizes = { ...counts };
    const sum = { files: 0, size: 0, uploaded: 0, left: 0, speed: 0, hashing: 0, counts, sizes, process: 0 };
    const hidden = this.#hiddenSessions();
    let begun = Infinity;
    let ended = 0;
    for (const row of this.#rows.values()) {
      if (hidden(row)) continue;
      counts[row.group] += 1;
      if (row.group === "unfinished") continue;
      const there = isSuccess(row) ? row.file_size : row.uploaded_bytes;
      sum.files += 1;
      sum.size += row.file_size;
      sum.uploaded += there;
      sizes[row.group] += there;
      if (row.group !== "failed" && row.group !== "cancelled") sum.left += row.file_size - there;
      if (row.status === "uploading") sum.speed += row.speed_mbps * 1e6;
      if (row.status === "hashing") sum.hashing += row.speed_mbps * 1e6;
      const created = Date.parse(row.created_at) / 1000;
      begun = Math.min(begun, created);
      ended = Math.max(ended, row.ended_at ? Date.parse(row.ended_at) / 1000 : created + row.elapsed_seconds);
    }
    if (counts.active || counts.waiting) sum.speed = Math.max(sum.speed, this.#meter.rate(now));
    sum.eta = sum.speed > 0 ? sum.left / sum.speed : null;
    sum.ended = !(counts.active || counts.waiting || counts.paused);
    sum.elapsed = sum.files ? Math.max(0, (sum.ended ? ended : Math.max(ended, Date.now() / 1000)) - begun) : 0;
    const byBytes = sum.size ? Math.min(100, (100 * sum.uploaded) / sum.size) : 100;
    sum.percentage = !sum.files ? 0 : byBytes < 100 ? byBytes : (100 * counts.done) / sum.files;
    this.#totals = sum;
    return sum;
  }
}
