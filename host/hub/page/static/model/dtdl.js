// What a DTDL model (version 2) says of commands and their payloads. Pure.

const kinds = (content) => [content["@type"]].flat();
const text = (words) => (typeof words === "object" && words !== null ? words.en ?? Object.values(words)[0] : words);

export const title = (content) => text(content.displayName) ?? content.name;

// Every command: {name, title, description, request, schemas}; those of a component as IoT Hub names them.
export function commands(model) {
  const found = [];
  const gather = (face, component) => {
    for (const content of face.contents ?? []) {
      if (!kinds(content).includes("Command")) continue;
      found.push({
        name: component ? `${component}*${content.name}` : content.name,
        title: component ? `${component}: ${title(content)}` : title(content),
        description: text(content.description),
        request: content.request ?? null,
        schemas: face.schemas ?? [],
      });
    }
  };
  gather(model.interface, null);
  for (const [name, face] of Object.entries(model.components)) gather(face, name);
  return found;
}

const PRIMITIVES = {
  boolean: { kind: "boolean" },
  integer: { kind: "number", step: 1 },
  long: { kind: "number", step: 1 },
  double: { kind: "number", step: "any" },
  float: { kind: "number", step: "any" },
  string: { kind: "text" },
  date: { kind: "text", type: "date" },
  dateTime: { kind: "text", hint: "2026-01-31T12:00:00Z" },
  time: { kind: "text", type: "time" },
  duration: { kind: "text", hint: "PT10S" },
};

// How a schema is asked for: {kind: "boolean" | "number" | "text" | "choice" | "object" | "json", …}.
export function field(schema, schemas = []) {
  if (typeof schema === "string") {
    if (PRIMITIVES[schema]) return PRIMITIVES[schema];
    const known = schemas.find((one) => one["@id"] === schema);
    return known ? field(known, schemas) : { kind: "json" };
  }
  const [kind] = [schema?.["@type"]].flat();
  if (kind === "Enum") return { kind: "choice", choices: (schema.enumValues ?? []).map((one) => ({ value: one.enumValue, title: title(one) })) };
  if (kind === "Object") return { kind: "object", fields: (schema.fields ?? []).map((one) => ({ name: one.name, title: title(one), field: field(one.schema, schemas) })) };
  return { kind: "json" };
}
