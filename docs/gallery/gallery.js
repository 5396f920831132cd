// The gallery: the files of rendered projects, and the differences between two. projects.js has the data, see
// scripts/gallery.py.

const { projects, texts } = gallery;
const place = document.getElementById("projects");
const MOST_CELLS = 4e6; // of the table below: two files of 2,000 lines

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const linesOf = (text) => (text ? text.replace(/\n$/, "").split("\n") : []);

/** The lines of two texts with what became of each: " ", "-" or "+", by their longest common subsequence. */
function difference(before, after) {
  const [old, now] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < Math.min(old.length, now.length) && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  const [left, right] = [old.slice(start, old.length - end), now.slice(start, now.length - end)];
  const marked = (sign) => (line) => [sign, line];
  return [...old.slice(0, start).map(marked(" ")), ...changes(left, right), ...old.slice(old.length - end).map(marked(" "))];
}

function changes(left, right) {
  if (left.length * right.length > MOST_CELLS) return [...left.map((line) => ["-", line]), ...right.map((line) => ["+", line])];
  const common = left.concat("").map(() => new Uint32Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      common[i][j] = left[i] === right[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const found = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      found.push([" ", left[i]]);
      i += 1;
      j += 1;
    } else if (j === right.length || (i < left.length && common[i + 1][j] >= common[i][j + 1])) {
      found.push(["-", left[i]]);
      i += 1;
    } else {
      found.push(["+", right[j]]);
      j += 1;
    }
  }
  return found;
}

/** How the files of two projects differ: "-" only in the first, "+" only in the second, "~" changed, " " the same. */
function compared(first, second) {
  const names = [...new Set([...Object.keys(first), ...Object.keys(second)])].sort();
  const sign = (name) => (!(name in second) ? "-" : !(name in first) ? "+" : first[name] === second[name] ? " " : "~");
  return names.map((name) => [sign(name), name]);
}

const options = (chosen) =>
  Object.keys(projects).map((name) => element("option", { value: name, textContent: name, selected: name === chosen }));
const shown = element("select", { id: "shown" }, ...options("all defaults"));
const other = element("select", { id: "other" }, element("option", { value: "", textContent: "nothing" }), ...options());
const tree = element("ul", { className: "gallery-tree" });
const title = element("h3", { id: "file" });
const text = element("code");
const summary = element("p", { id: "summary", role: "status" });

function showTree() {
  const first = projects[shown.value];
  const rows = other.value ? compared(first, projects[other.value]).filter(([sign]) => sign !== " ") : compared(first, first);
  tree.replaceChildren(...rows.map(([sign, name]) => entry(sign, name)));
  const count = Object.keys(first).length;
  summary.textContent = other.value ? `${rows.length} files differ, of ${count}` : `${count} files`;
  const best = rows.find(([, name]) => name === title.textContent) ?? rows.find(([, name]) => name === "README.md") ?? rows[0];
  if (best) showFile(best[1]);
  else showLines("", []);
}

function entry(sign, name) {
  const button = element("button", { type: "button", textContent: `${sign} ${name}`.trim() });
  button.addEventListener("click", () => showFile(name));
  return element("li", {}, button);
}

function showFile(name) {
  const [before, after] = [shown.value, other.value || shown.value].map((project) => texts[projects[project][name]]);
  showLines(name, difference(before, after));
}

function showLines(name, lines) {
  title.textContent = name;
  const kinds = { "-": "gallery-removed", "+": "gallery-added", " ": "" };
  text.replaceChildren(
    ...lines.map(([sign, line]) =>
      element("span", { className: kinds[sign], textContent: `${other.value ? `${sign} ` : ""}${line}\n` }),
    ),
  );
}

for (const select of [shown, other]) select.addEventListener("input", showTree);
place.append(
  element("p", {}, element("label", {}, "Project ", shown), " ", element("label", {}, "compared with ", other)),
  summary,
  element("div", { className: "gallery-columns" }, tree, element("div", {}, title, element("pre", {}, text))),
);
showTree();
