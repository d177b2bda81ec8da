// Renders /openapi.json: every operation with its parameters, its bodies as examples, and a curl command.
"use strict";

const METHODS = ["get", "post", "put", "delete"];

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// Text in which `this` is code.
function prose(text) {
  return (text || "").split("`").map((part, index) => (index % 2 ? element("code", { textContent: part }) : part));
}

function resolve(spec, schema) {
  while (schema && schema.$ref) {
    schema = schema.$ref.slice(2).split("/").reduce((node, key) => node[key], spec);
  }
  return schema || {};
}

function example(spec, schema, depth = 0) {
  if (schema.examples && schema.examples.length) return schema.examples[0]; // beside a $ref it is the closer one
  schema = resolve(spec, schema);
  if (schema.examples && schema.examples.length) return schema.examples[0];
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.enum) return schema.enum[0];
  const options = schema.anyOf || schema.oneOf;
  if (options) return example(spec, options[0], depth);
  if (depth > 4) return null;
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties || {}).map(([key, value]) => [key, example(spec, value, depth + 1)]));
    case "array": return [example(spec, schema.items, depth + 1)];
    case "integer": case "number": return 0;
    case "boolean": return true;
    case "string": return "text";
    default: return null;
  }
}

function bodyExample(spec, content) {
  for (const [type, media] of Object.entries(content || {})) {
    if (media.example !== undefined) return { type, value: media.example };
    if (type.includes("json")) return { type, value: example(spec, media.schema) };
    return { type, value: null };
  }
  return null;
}

function asText(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function curl(method, path, body, secured) {
  const verb = method === "get" ? "" : `-X ${method.toUpperCase()} `;
  const lines = [`curl ${verb}${shellQuoted(location.origin + path)}`];
  if (secured) lines.push('-H "Authorization: Bearer $ELIZA_API_TOKEN"');
  if (body) lines.push("-H 'Content-Type: application/json'", `-d ${shellQuoted(JSON.stringify(body.value))}`);
  return lines.join(" \\\n  ");
}

function typeName(spec, schema) {
  schema = resolve(spec, schema);
  const options = (schema.anyOf || schema.oneOf || []).filter((option) => option.type !== "null");
  if (options.length) return [...new Set(options.map((option) => typeName(spec, option)))].join(" or ");
  if (schema.enum) return schema.enum.join(", ");
  if (schema.type === "array") return `array of ${typeName(spec, schema.items || {})}`;
  return [].concat(schema.type || "any").join(" or ");
}

function table(titles, rows) {
  const head = element("tr", {}, ...titles.map((text) => element("th", { scope: "col", textContent: text })));
  const body = rows.map(([name, ...cells]) => element("tr", {},
    element("td", {}, element("code", { textContent: name })),
    ...cells.map((text) => element("td", {}, ...prose(text)))));
  return element("div", { className: "wide" }, element("table", {}, head, ...body));
}

function parameterTable(spec, parameters) {
  return table(["name", "in", "type", "meaning"], parameters.map((parameter) => [
    parameter.name, parameter.in, typeName(spec, parameter.schema),
    parameter.description || resolve(spec, parameter.schema).description || ""]));
}

// The keys of a body that is an object, or of the first object among the forms that it may take.
function bodyTable(spec, content) {
  for (const media of Object.values(content || {})) {
    const schema = resolve(spec, media.schema);
    const forms = [schema, ...(schema.anyOf || schema.oneOf || [])].map((form) => resolve(spec, form));
    const { properties, required = [] } = forms.find((form) => form.properties) || {};
    if (!properties) continue;
    return table(["key", "type", "meaning"], Object.entries(properties).map(([name, property]) => [
      name, typeName(spec, property) + (required.includes(name) ? ", required" : ""),
      property.description || resolve(spec, property).description || ""]));
  }
  return null;
}

function withExamples(spec, path, parameters) {
  return path.replace(/\{(\w+)\}/g, (placeholder, name) => {
    const parameter = (parameters || []).find((each) => each.in === "path" && each.name === name);
    return (parameter && resolve(spec, parameter.schema).examples || [placeholder])[0];
  });
}

function operationView(spec, path, method, operation) {
  const content = element("div");
  if (operation.description) content.append(element("p", {}, ...prose(operation.description)));
  if (operation.parameters && operation.parameters.length) {
    content.append(element("h3", { textContent: "Parameters" }), parameterTable(spec, operation.parameters));
  }
  const body = operation.requestBody ? bodyExample(spec, operation.requestBody.content) : null;
  const keys = operation.requestBody ? bodyTable(spec, operation.requestBody.content) : null;
  if (keys) content.append(element("h3", { textContent: "Body" }), keys);
  // An empty alternative means: no token needed.
  const secured = (operation.security || spec.security || []).some((scheme) => Object.keys(scheme).length)
    && !(operation.security || spec.security).some((scheme) => !Object.keys(scheme).length);
  content.append(element("h3", { textContent: "Try it" }),
    element("pre", { textContent: curl(method, withExamples(spec, path, operation.parameters), body, secured) }));
  for (const [status, response] of Object.entries(operation.responses)) {
    content.append(element("h3", { textContent: `${status} ${response.description}` }));
    const answer = bodyExample(spec, response.content);
    if (answer && answer.value !== null) content.append(element("pre", { textContent: asText(answer.value) }));
    else if (answer) content.append(element("p", { textContent: answer.type }));
  }
  const title = element("summary", {}, element("b", { textContent: method.toUpperCase() }),
    element("code", { textContent: path }), element("span", { textContent: operation.summary || "" }));
  const view = element("details", { id: operation.operationId }, title, content);
  view.dataset.words = `${method} ${path} ${operation.summary || ""} ${operation.description || ""}`.toLowerCase();
  view.addEventListener("toggle", () => { if (view.open) history.replaceState(null, "", `#${view.id}`); });
  return view;
}

function show(spec) {
  document.getElementById("version").textContent = spec.info.version;
  document.getElementById("description").replaceChildren(...prose(spec.info.description));
  const groups = new Map();
  for (const [path, methods] of Object.entries(spec.paths)) {
    for (const method of METHODS.filter((name) => methods[name])) {
      const tag = (methods[method].tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, element("section", {}, element("h2", { textContent: tag })));
      groups.get(tag).append(operationView(spec, path, method, methods[method]));
    }
  }
  document.getElementById("operations").replaceChildren(...groups.values());
  openLinked();
}

function openLinked() {
  const view = location.hash && document.getElementById(location.hash.slice(1));
  if (view instanceof HTMLDetailsElement) {
    view.open = true;
    view.scrollIntoView();
  }
}

function filter(words) {
  for (const view of document.querySelectorAll("details")) {
    view.hidden = !words.toLowerCase().split(/\s+/).every((word) => view.dataset.words.includes(word));
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = !section.querySelector("details:not([hidden])");
  }
}

document.getElementById("find").addEventListener("input", (event) => filter(event.target.value));
window.addEventListener("hashchange", openLinked);
fetch("/openapi.json")
  .then((response) => (response.ok ? response.json() : Promise.reject(new Error(`HTTP ${response.status}`))))
  .then(show)
  .catch((error) => {
    document.getElementById("operations").replaceChildren(
      element("p", { textContent: `The OpenAPI document could not be read: ${error.message}` }));
  });
