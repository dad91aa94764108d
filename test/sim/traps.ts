/** Takes the platform's clock, timers and randomness away while a simulation runs: whoever reaches past Env is found. */
function trap(owner: object, names: readonly string[]): () => void {
  const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(owner, name)] as const);
  const trapped = (name: string) => () => {
    throw new Error(`${name} in a simulation`);
  };
  for (const [name, descriptor] of before) {
    if (descriptor) Object.defineProperty(owner, name, { ...descriptor, value: trapped(name) });
  }
  return () => {
    for (const [name, descriptor] of before) if (descriptor) Object.defineProperty(owner, name, descriptor);
  };
}

export async function withoutWorld<T>(run: () => Promise<T>): Promise<T> {
  const undo = [
    trap(globalThis, ["setTimeout", "setInterval", "setImmediate"]),
    trap(Math, ["random"]),
    trap(Date, ["now"]),
    trap(Object.getPrototypeOf(crypto) as object, ["getRandomValues", "randomUUID"]),
    trap(Object.getPrototypeOf(performance) as object, ["now"]),
  ];
  try {
    return await run();
  } finally {
    for (const each of undo) each();
  }
}
