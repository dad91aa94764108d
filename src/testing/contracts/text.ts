/**
 * All that a reader of a value could see, as one line of text: what the contracts compare values by, and show when they differ.
 *
 * Always: two values have one text exactly when nothing that reads them tells them apart, but for the order of keys and members;
 * reading changes nothing.
 */

export function textOf(value: unknown, inside: readonly object[] = []): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  if (inside.includes(value)) return "[circular]";
  const within = [...inside, value];
  const part = (item: unknown): string => textOf(item, within);
  if (Array.isArray(value)) return `[${Array.from(value, (item, i) => (i in value ? part(item) : "hole")).join(", ")}]`;
  if (value instanceof Uint8Array) return `bytes(${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("")})`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Error) return `${value.name}(${value.message})`;
  if (value instanceof Set) return `Set {${Array.from(value, part).sort().join(", ")}}`;
  if (value instanceof Map)
    return `Map {${Array.from(value, ([key, item]) => `${part(key)} => ${part(item)}`)
      .sort()
      .join(", ")}}`;
  return `${className(value)}{${propertiesOf(value, part).sort().join(", ")}}`;
}

function propertiesOf(value: object, part: (item: unknown) => string): string[] {
  return Reflect.ownKeys(value)
    .filter((key) => Object.prototype.propertyIsEnumerable.call(value, key))
    .map((key) => `${typeof key === "string" ? JSON.stringify(key) : String(key)}: ${part((value as never)[key])}`);
}

function className(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
  return prototype === null || prototype === Object.prototype ? "" : `${prototype.constructor?.name ?? "?"} `;
}
