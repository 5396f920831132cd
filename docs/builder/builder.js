// The answers builder: shows the template's questions, holds the answers to the schema of answers files, and writes the
// file and the command. The page carries its data, see scripts/builder.py.

const { sections, schema, projectName } = JSON.parse(document.getElementById("questions").textContent);
const form = document.getElementById("builder");
const questions = sections.flatMap((section) => section.questions);
const answers = {}; // what the user gave, by question; settings are in answers.settings
const SETTINGS = "settings";

// --- the part of JSON Schema that the schema of answers uses

/** Whether a value is what a schema says. */
function holds(rule, value) {
  if (typeof rule === "boolean") return rule;
  return Object.entries(rule).every(([keyword, wanted]) => !KEYWORDS[keyword] || KEYWORDS[keyword](wanted, value, rule));
}

/** Whether a schema of a mapping says what a key of this name holds. */
const isNamed = (name, { properties = {}, patternProperties = {} }) =>
  name in properties || Object.keys(patternProperties).some((pattern) => new RegExp(pattern, "u").test(name));

const isText = (value) => typeof value === "string";
const isNumber = (value) => typeof value === "number";
const isMapping = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const TYPES = {
  string: isText,
  number: isNumber,
  integer: Number.isInteger,
  boolean: (value) => typeof value === "boolean",
  array: Array.isArray,
  object: isMapping,
};
const KEYWORDS = {
  const: (wanted, value) => value === wanted,
  enum: (wanted, value) => wanted.includes(value),
  type: (wanted, value) => [wanted].flat().some((name) => TYPES[name](value)),
  pattern: (wanted, value) => !isText(value) || new RegExp(wanted, "u").test(value),
  minimum: (wanted, value) => !isNumber(value) || value >= wanted,
  maximum: (wanted, value) => !isNumber(value) || value <= wanted,
  exclusiveMinimum: (wanted, value) => !isNumber(value) || value > wanted,
  minItems: (wanted, value) => !Array.isArray(value) || value.length >= wanted,
  items: (wanted, value) => !Array.isArray(value) || value.every((item) => holds(wanted, item)),
  required: (wanted, value) => !isMapping(value) || wanted.every((name) => name in value),
  properties: (wanted, value) =>
    !isMapping(value) || Object.entries(wanted).every(([name, rule]) => !(name in value) || holds(rule, value[name])),
  propertyNames: (wanted, value) => !isMapping(value) || Object.keys(value).every((name) => holds(wanted, name)),
  additionalProperties: (wanted, value, rule) =>
    !isMapping(value) || Object.keys(value).every((name) => isNamed(name, rule) || holds(wanted, value[name])),
  if: (wanted, value, rule) => !holds(wanted, value) || holds(rule.then, value),
  not: (wanted, value) => !holds(wanted, value),
  anyOf: (wanted, value) => wanted.some((rule) => holds(rule, value)),
  allOf: (wanted, value) => wanted.every((rule) => holds(rule, value)),
};

/** The schemas that an answer to this question has to keep to, with the other answers as they are. */
function rulesOf(name) {
  const conditional = schema.allOf.filter((rule) => name in rule.then.properties && holds(rule.if, answers));
  return [schema.properties[name], ...conditional.map((rule) => rule.then.properties[name])];
}

const isShown = (question) => !rulesOf(question.name).includes(false);
const isAccepted = (name, value) => rulesOf(name).every((rule) => holds(rule, value));

// --- the form

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** The choices of a question in the order of its labels; of a long list, those that the schema has. */
function choicesOf(question) {
  if (question.kind === "bool") return { true: "yes", false: "no" };
  const listed = schema.properties[question.name].enum ?? [];
  return Object.keys(question.choices).length ? question.choices : Object.fromEntries(listed.map((name) => [name, name]));
}

function inputOf(question) {
  const choices = choicesOf(question);
  if (question.kind === "list") return checkboxes(question, choices);
  const id = `answer-${question.name}`;
  if (!Object.keys(choices).length) return element("input", { id, name: question.name, type: "text", spellcheck: false });
  const options = Object.entries(choices).map(([value, text]) => element("option", { value, textContent: text }));
  return element("select", { id, name: question.name }, element("option", { value: "", textContent: "(default)" }), ...options);
}

function checkboxes(question, choices) {
  const boxes = Object.entries(choices).map(([value, text]) =>
    element("label", {}, element("input", { type: "checkbox", name: question.name, value }), ` ${text}`),
  );
  return element("div", { className: "builder-list", id: `answer-${question.name}` }, ...boxes);
}

function rowOf(question) {
  const label = element("label", { htmlFor: `answer-${question.name}`, textContent: question.asks });
  const row = element("div", { className: "builder-question", id: `row-${question.name}` }, label);
  if (question.why) row.append(element("small", { textContent: question.why }));
  row.append(inputOf(question), element("output", { className: "builder-problem", role: "status" }));
  return row;
}

/** A section's questions: those that Copier asks, and the others, which few need, behind a summary. */
function sectionOf({ title, questions: all }) {
  const shown = all.filter(({ kind }) => kind !== "yaml"); // mappings: only settings have fields here
  const asked = shown.filter(({ isAsked }) => isAsked).map(rowOf);
  const others = shown.filter(({ isAsked }) => !isAsked).map(rowOf);
  const fieldset = element("fieldset", {}, element("legend", { textContent: title }), ...asked);
  if (others.length) fieldset.append(element("details", {}, element("summary", { textContent: "More" }), ...others));
  return fieldset;
}

function settingsSection() {
  const rows = Object.entries(schema.properties[SETTINGS].properties).map(([name, { description }]) => {
    const input = element("input", { id: `answer-${name}`, name, type: "text", spellcheck: false });
    input.dataset.setting = name;
    const label = element("label", { htmlFor: input.id }, element("code", { textContent: name }));
    const problem = element("output", { className: "builder-problem", role: "status" });
    return element("div", { className: "builder-question", id: `row-${name}` }, label, element("small", { textContent: description }), input, problem);
  });
  const details = element("details", {}, element("summary", { textContent: "Initial settings of do/config.env" }), ...rows);
  return element("fieldset", {}, element("legend", { textContent: "Settings" }), details);
}

function resultSection() {
  const copy = element("button", { type: "button", className: "md-button", id: "copy", textContent: "Copy the command" });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById("command").textContent);
    copy.textContent = "Copied";
  });
  const download = element("a", { className: "md-button md-button--primary", id: "download", download: "answers.yml", textContent: "Download answers.yml" });
  const made = [
    element("h3", { textContent: "answers.yml" }),
    element("pre", {}, element("code", { id: "answers" })),
    element("h3", { textContent: "Command" }),
    element("pre", {}, element("code", { id: "command" })),
    element("p", {}, download, copy),
  ];
  return element(
    "aside",
    { className: "builder-result" },
    element("h2", { textContent: "Your project" }),
    element("p", { id: "verdict", role: "status" }),
    element("div", { id: "made" }, ...made),
  );
}

// --- from the form to the answers

function given(question) {
  const named = [...form.querySelectorAll(`[name="${question.name}"]`)];
  if (question.kind === "list") return named.filter((box) => box.checked).map((box) => box.value);
  return question.kind === "bool" && named[0].value ? named[0].value === "true" : named[0].value.trim();
}

const isEmpty = (value) => value === "" || value?.length === 0;

function keep(target, name, value) {
  if (isEmpty(value)) delete target[name];
  else target[name] = value;
}

function readSettings() {
  const settings = {};
  for (const input of form.querySelectorAll("[data-setting]")) keep(settings, input.name, input.value.trim());
  if (Object.keys(settings).length) answers[SETTINGS] = settings;
  else delete answers[SETTINGS];
}

/** Take the answers over question by question: each decides which of the following are asked, and their choices. */
function read() {
  for (const name of Object.keys(answers)) delete answers[name];
  for (const question of questions) {
    const row = document.getElementById(`row-${question.name}`);
    if (!row) continue;
    row.hidden = !isShown(question);
    if (row.hidden) continue;
    offer(question);
    keep(answers, question.name, given(question));
  }
  readSettings();
}

/** Offer only the choices that go with the answers so far; one that no longer does is taken back. */
function offer(question) {
  for (const option of form.querySelectorAll(`select[name="${question.name}"] option`)) {
    const value = question.kind === "bool" ? option.value === "true" : option.value;
    option.disabled = option.hidden = option.value !== "" && !isAccepted(question.name, value);
    if (option.disabled && option.selected) option.parentElement.value = "";
  }
}

function problems() {
  const found = {};
  for (const question of questions) {
    if (question.name in answers && question.name !== SETTINGS && !isAccepted(question.name, answers[question.name])) {
      found[question.name] = question.takes || "this does not go with the other answers";
    }
  }
  for (const [name, value] of Object.entries(answers[SETTINGS] ?? {})) {
    if (!holds(schema.properties[SETTINGS].properties[name], value)) found[name] = "this is not a value of the setting";
  }
  return found;
}

// --- the file and the command

const yamlOf = (value) => (isText(value) ? JSON.stringify(value) : Array.isArray(value) ? `[${value.map(yamlOf).join(", ")}]` : String(value));

function fileOf() {
  const lines = Object.entries(answers).flatMap(([name, value]) =>
    isMapping(value) ? [`${name}:`, ...Object.entries(value).map(([key, item]) => `  ${key}: ${yamlOf(item)}`)] : [`${name}: ${yamlOf(value)}`],
  );
  return lines.length ? `${lines.join("\n")}\n` : "{}\n";
}

const commandOf = () =>
  `uvx --with copier-template-extensions copier copy --trust --defaults --data-file answers.yml gh:org/mcc-template ./${answers.project_name ?? projectName}`;

function show() {
  read();
  const found = problems();
  for (const problem of form.querySelectorAll(".builder-problem")) {
    problem.textContent = found[problem.parentElement.id.replace("row-", "")] ?? "";
  }
  const count = Object.keys(found).length;
  const isRight = count === 0;
  document.getElementById("verdict").textContent = isRight
    ? "These answers go together."
    : `${count === 1 ? "One answer has" : `${count} answers have`} to change: ${Object.keys(found).join(", ")}`;
  const file = fileOf();
  document.getElementById("answers").textContent = isRight ? file : "";
  document.getElementById("command").textContent = isRight ? commandOf() : "";
  document.getElementById("made").hidden = !isRight;
  document.getElementById("download").href = isRight ? `data:application/yaml;charset=utf-8,${encodeURIComponent(file)}` : "";
  document.getElementById("copy").textContent = "Copy the command";
}

form.append(element("div", { className: "builder-form" }, ...sections.map(sectionOf), settingsSection()), resultSection());
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
show();
