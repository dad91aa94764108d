/** The packers that sessions were recorded with, by Sente's names: a whole frame to its value and back, seals included. */
import { edn } from "sente-sync/packers/edn";
import { gzip } from "sente-sync/packers/gzip";
import { msgpack } from "sente-sync/packers/msgpack";
import { transit } from "sente-sync/packers/transit";
import type { Packer } from "../../src/wire/packer.ts";

export interface Coding {
  readonly packer: Packer;
  read(packed: string | Uint8Array): unknown;
  write(value: unknown): string | Uint8Array;
}

const packers: Record<string, () => Packer> = {
  "edn": edn,
  "msgpack": msgpack,
  "transit": transit,
  "gzip-edn": () => gzip(edn()),
  "gzip-msgpack": () => gzip(msgpack()),
};

export function codingOf(name: string): Coding {
  const create = packers[name];
  if (!create) throw new Error(`No packer ${name}`);
  return coding(create());
}

export function coding(packer: Packer): Coding {
  const { seal } = packer;
  const bytesOf = (packed: string | Uint8Array): Uint8Array => (typeof packed === "string" ? Buffer.from(packed) : packed);
  return {
    packer,
    // In Node a seal takes no time.
    read: (packed) => packer.unpack(seal ? (seal.open(bytesOf(packed)) as Uint8Array) : packed),
    write: (value) => (seal ? (seal.close(bytesOf(packer.pack(value))) as Uint8Array) : packer.pack(value)),
  };
}
