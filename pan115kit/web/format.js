/** Texts from the catalogue, and numbers, sizes and times as people read them.  As in `pan115kit/i18n.py`. */

/** The texts of one language: `{"view.pause": "Pause", …}`, with `{holes}` to be filled. */
export class Texts {
  constructor(catalogue = {}) {
    this.catalogue = catalogue;
  }

  /** The text of `key`; the key itself where the catalogue has none. */
  say(key, values = {}) {
    const text = this.catalogue[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (_, hole) => String(values[hole] ?? ""));
  }

  /** 3分12秒 / 3m 12s; a dash while unknown. */
  duration(seconds) {
    if (seconds === null || !Number.isFinite(seconds)) return "—";
    const whole = Math.max(0, Math.round(seconds));
    const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    if (hours) return this.say("duration.hours", { hours, minutes });
    if (minutes) return this.say("duration.minutes", { minutes, seconds: rest });
    return this.say("duration.seconds", { seconds: rest });
  }
}

function threeDigits(value) {
  const text = value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Bytes in decimal units: 456 MB, 1.07 GB. */
export function formatBytes(size) {
  if (size < 1000) return `${Math.round(size)} B`;
  let value = size;
  for (const unit of ["kB", "MB", "GB"]) {
    value /= 1000;
    if (value < 999.5) return `${threeDigits(value)} ${unit}`;
  }
  return `${threeDigits(value / 1000)} TB`;
}

/** Bytes per second. */
export const formatSpeed = (bytesPerSecond) => `${formatBytes(bytesPerSecond)}/s`;

/** 45.5%; 100% only when it is all. */
export function formatPercent(value) {
  return value >= 100 ? "100%" : `${Math.min(99.9, Math.floor(value * 10) / 10).toFixed(1)}%`;
}
