/** Small helpers for building the DOM: nothing is written that is there already, so an unchanged row costs no layout. */

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  pause: "M9 6v12M15 6v12",
  resume: "M8 5.5v13l10.5-6.5z",
  cancel: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  retry: "M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4",
  discard: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 10.5v5M13.5 10.5v5",
  copy: "M9 9h10v10H9zM5 15V5h10",
  check: "M5.5 12.5l4 4 9-9.5",
  bolt: "M13 3L6 13.5h5L10.5 21 18 10.5h-5z",
  more: "M7 10l5 5 5-5",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20",
  upload: "M12 15V4.5M7.5 9L12 4.5 16.5 9M5 15v4h14v-4",
  video: "M3 6h12.5v12H3zM15.5 10.5L21 7.5v9l-5.5-3",
  audio: "M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM19 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  image: "M4 5h16v14H4zM4.5 17l5-4 3.5 3 3-2.5 3.5 3M9 8.5v3M7.5 10h3",
  archive: "M4 8.5h16V19H4zM4 8.5L6 5h12l2 3.5M10 12.5h4",
  file: "M7 3.5h7l4.5 4.5v12.5H7zM14 3.5V8h4.5",
};
const SOLID = new Set(["resume", "bolt"]);

const KINDS = {
  video: "mkv mp4 avi mov wmv flv webm m4v ts m2ts rmvb mpg mpeg 3gp",
  audio: "mp3 flac wav aac ogg m4a ape wma opus",
  image: "jpg jpeg png gif webp bmp tif tiff heic svg raw psd",
  archive: "zip rar 7z tar gz xz bz2 zst tgz iso img dmg",
};
const KIND_OF = new Map(Object.entries(KINDS).flatMap(([kind, list]) => list.split(" ").map((ext) => [ext, kind])));

/** video, audio, image, archive or file. */
export const kindOf = (name) => KIND_OF.get(name.slice(name.lastIndexOf(".") + 1).toLowerCase()) ?? "file";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  if (SOLID.has(name)) svg.setAttribute("class", "solid");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function svgElement(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function element(tag, className = "", ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function button(className, onClick, ...children) {
  const made = element("button", className, ...children);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

export function attribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** As many children as texts, each with its text. */
export function writeEach(parent, texts) {
  while (parent.childElementCount > texts.length) parent.lastElementChild.remove();
  texts.forEach((text, place) => write(parent.children[place] ?? parent.appendChild(element("span")), text));
}
