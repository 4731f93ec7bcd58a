/** Words and numbers for people, in Chinese and English side by side. */

const WORDS = {
  uploads: ["上传任务 ({n})", "Uploads ({n})"],
  sessions: ["未完成的会话 ({n})", "Unfinished sessions ({n})"],
  connected: ["已连接", "Connected"],
  connecting: ["连接中…", "Connecting…"],
  disconnected: ["未连接到上传进度服务器", "Not connected to the server"],
  reconnect: ["重新连接", "Reconnect"],
  add: ["添加上传", "Add upload"],
  start: ["开始上传", "Start upload"],
  localFile: ["本地文件路径", "Local file"],
  targetFolder: ["115 目标文件夹", "Folder on 115"],
  roots: ["可上传的目录：{list}", "May be uploaded from: {list}"],
  noRoots: ["本服务器未允许任何本地目录；启动时用 --root 指定", "No local folder is allowed; name one with --root when the server starts"],
  pause: ["暂停", "Pause"],
  resume: ["继续", "Resume"],
  cancel: ["取消", "Cancel"],
  retry: ["重试", "Retry"],
  delete: ["删除", "Delete"],
  allPause: ["全部暂停", "Pause all"],
  allResume: ["全部继续", "Resume all"],
  allRetry: ["重试失败", "Retry failed"],
  allCancel: ["全部取消", "Cancel all"],
  of: ["{action}：{name}", "{action}: {name}"],
  parts: ["分片 {done} / {total}", "Part {done} / {total}"],
  used: ["已用时 {time}", "Elapsed {time}"],
  left: ["剩余 {time}", "{time} left"],
  fileId: ["文件ID", "File ID"],
  copy: ["复制文件ID", "Copy file ID"],
  copied: ["已复制", "Copied"],
  hashed: ["哈希 {percent}", "hashed {percent}"],
  resumed: ["从 {bytes} 续传", "Resumed at {bytes}"],
  retries: ["重试 {n} 次", "{n} retries"],
  elsewhere: ["由另一个进程上传（{who}）", "Run by another process ({who})"],
  to: ["至 {folder}", "to {folder}"],
  more: ["再显示 {n} 个（还有 {left} 个）", "Show {n} more ({left} left)"],
  empty: ["没有上传任务", "No uploads yet"],
  emptyHint: ["在这里添加，或在笔记本中运行 client.submit(…)", "Add one here, or run client.submit(…) in a notebook"],
  nothingHere: ["没有符合条件的任务", "Nothing to show here"],
  all: ["全部", "All"],
  open: ["打开", "Open"],
  active: ["进行中", "Active"],
  done: ["已完成", "Done"],
  failedTab: ["失败", "Failed"],
  keep: ["返回", "Keep it"],
  sureCancel: ["取消“{name}”？已上传的部分将被删除。", "Cancel “{name}”? What has been uploaded of it is removed."],
  sureCancelAll: ["取消全部 {n} 个任务？已上传的部分将被删除。", "Cancel all {n} uploads? What has been uploaded of them is removed."],
  sureDelete: ["删除“{name}”的会话？之后需要从头上传。", "Delete the session of “{name}”? Its upload would begin anew."],
  sureYesCancel: ["取消上传", "Cancel upload"],
  sureYesDelete: ["删除会话", "Delete session"],
  locked: ["需要令牌", "A token is needed"],
  lockedWhy: ["请打开服务器启动时显示的链接，或在此输入其令牌。", "Open the link the server showed when it started, or enter its token here."],
  token: ["令牌", "Token"],
  theme: ["切换深浅色", "Light or dark"],
  language: ["English", "中文"],
  percentOf: ["{percent}，{done} / {total}", "{percent}, {done} of {total}"],
  failedCall: ["操作未成功：{why}", "That did not work: {why}"],
  noAnswer: ["服务器没有响应", "the server does not answer"],
  running: ["{n} 个进行中", "{n} active"],
  totalSpeed: ["总速度 {speed}", "{speed} in all"],
  status_pending: ["待上传", "Waiting"],
  status_hashing: ["计算哈希", "Hashing"],
  status_checking: ["检查秒传", "Checking"],
  status_quick_success: ["秒传成功", "Instant"],
  status_uploading: ["上传中", "Uploading"],
  status_paused: ["已暂停", "Paused"],
  status_success: ["上传成功", "Uploaded"],
  status_failed: ["上传失败", "Failed"],
  status_cancelled: ["已取消", "Cancelled"],
};

const stored = () => { try { return localStorage.getItem("pan115kit-lang"); } catch { return null; } };

let column = (stored() ?? document.documentElement.lang) === "zh" ? 0 : 1;

export const isChinese = () => column === 0;

export function switchLanguage() {
  column = 1 - column;
  try { localStorage.setItem("pan115kit-lang", isChinese() ? "zh" : "en"); } catch { /* not kept, then */ }
}

/** The words for `key`, with {holes} filled. */
export function say(key, holes = {}) {
  const text = WORDS[key]?.[column] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, hole) => String(holes[hole] ?? ""));
}

/** Fill in every element that names its words. */
export function translate(root = document) {
  document.documentElement.lang = isChinese() ? "zh" : "en";
  for (const element of root.querySelectorAll("[data-i18n]")) element.textContent = say(element.dataset.i18n);
}

const digits = (value) => {
  const text = value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
};

/** Bytes in decimal units: 456 MB, 1.07 GB. */
export function bytes(size) {
  if (size < 1000) return `${Math.round(size)} B`;
  let value = size;
  for (const unit of ["kB", "MB", "GB"]) {
    value /= 1000;
    if (value < 999.5) return `${digits(value)} ${unit}`;
  }
  return `${digits(value / 1000)} TB`;
}

export const speed = (mbps) => `${bytes(mbps * 1e6)}/s`;

/** 45.5 %; 100 only when it is all. */
export const percent = (value) => (value >= 100 ? "100%" : `${Math.min(99.9, Math.floor(value * 10) / 10).toFixed(1)}%`);

/** 3分12秒 / 3m 12s; a dash while unknown. */
export function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "—";
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const zh = isChinese();
  if (h) return zh ? `${h}小时${m}分` : `${h}h ${m}m`;
  if (m) return zh ? `${m}分${s}秒` : `${m}m ${s}s`;
  return zh ? `${s}秒` : `${s}s`;
}
