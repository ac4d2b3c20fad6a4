// A form's controls for a schema of a DTDL model: {element, read()}. Reading may throw NotJson.

import { read } from "../model/json.js";
import { h } from "./dom.js";

let ids = 0;

export function schemaField(title, field) {
  const id = `field-${++ids}`;
  const labelled = (control) => h("label", { for: id }, title, control);
  if (field.kind === "boolean") {
    const control = h("input", { type: "checkbox", id });
    return { element: h("label", { for: id, class: "check" }, control, title), read: () => control.checked };
  }
  if (field.kind === "number") {
    const control = h("input", { type: "number", step: field.step, id, required: true });
    return { element: labelled(control), read: () => Number(control.value) };
  }
  if (field.kind === "text") {
    const control = h("input", { type: field.type ?? "text", placeholder: field.hint ?? "", id });
    return { element: labelled(control), read: () => control.value };
  }
  if (field.kind === "choice") {
    const control = h("select", { id }, field.choices.map((choice, at) => h("option", { value: at }, choice.title)));
    return { element: labelled(control), read: () => field.choices[control.value]?.value };
  }
  if (field.kind === "object") {
    const parts = field.fields.map((one) => [one.name, schemaField(one.title, one.field)]);
    return {
      element: h("fieldset", {}, h("legend", {}, title), parts.map(([, part]) => part.element)),
      read: () => Object.fromEntries(parts.map(([name, part]) => [name, part.read()])),
    };
  }
  const control = h("textarea", { id, rows: 3, spellcheck: false });
  return { element: h("label", { for: id }, `${title}, as JSON`, control), read: () => (control.value.trim() ? read(control.value) : null) };
}
