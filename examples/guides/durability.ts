/** A server that is stopped and started again, and what it still knows. Prints what each life saw. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineAtom, defineChannel, type } from "sente-sync";
import { channel as clientChannel, createClient } from "sente-sync/client";
import { atom, channel, createServer, type Server } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";

const place = await mkdtemp(join(tmpdir(), "durability-"));
const [path, copy] = [join(place, "data"), join(place, "copy")];

// #region contract
const orders = defineChannel("orders", { events: { placed: type<{ item: string }>() } });
const clicks = defineChannel("clicks", { events: { clicked: type<{ x: number; y: number }>() } });
const stock = defineAtom("stock", { initial: { left: 0 } });
// #endregion
const cartRef = defineChannel("cart/:user", { events: { added: type<string>() } });

let seeded = 0;
const countStock = async () => {
  seeded++;
  return { left: 100 };
};

async function start(data: string) {
  // #region server
  const sync = createServer({ storage: folder(data) }); // made if there is none; one process at a time has it
  const placed = channel(sync, orders); // strict, because there is a storage
  const clicked = channel(sync, clicks, { durability: "relaxed" });
  const left = atom(sync, stock, { durability: "strict", seed: countStock });
  await left.ready; // what was stored is here; before that, `update` throws `loading`
  // #endregion
  return { sync, placed, clicked, left };
}

const { sync, placed, clicked, left } = await start(path);

// #region published
const offset = await placed.publish("placed", { item: "tea" }).stored; // synced to disk; its place in the channel
left.update((draft) => void draft.left--);
// #endregion
clicked.publish("clicked", { x: 1, y: 2 });

// #region stop
const stop = () => void sync.close({ drain: true }); // what was read is answered, what was answered is stored
process.once("SIGTERM", stop);
// #endregion

const client = createClient(`ws://localhost:${await sync.listen(0)}/chsk`);

// #region receipt
const receipt = clientChannel(client, orders).publish("placed", { item: "milk" });
await receipt.stored; // on the server's disk
console.log(receipt.durability, receipt.offset); // "strict" 2
// #endregion

client.close();
process.off("SIGTERM", stop);
await sync.close({ drain: true });

// #region backup
await cp(path, copy, { recursive: true }); // while no server has it
// #endregion

async function fillCarts(sync: Server) {
  // #region many
  const carts = channel(sync, cartRef);
  await carts.use({ user: "ada" }, (cart) => cart.publish("added", "tea").stored); // loaded for this, and let go a minute later
  const cart = await carts.open({ user: "bob" }); // stays loaded …
  await cart.publish("added", "milk").stored;
  carts.release({ user: "bob" }); // … until here
  // #endregion
  return carts.list();
}

const kept: string[] = [];
const again = await start(copy);
const carts = await fillCarts(again.sync);
const port = await again.sync.listen(0);
const late = createClient(`ws://localhost:${port}/chsk`);
await new Promise<void>((resolve) => {
  // #region replay
  clientChannel(late, orders).subscribe(({ data }) => kept.push(data.item) === 2 && resolve(), { from: 1 });
  // #endregion
});
late.close();

export const seen = { offset, receipt: [receipt.durability, receipt.offset], kept, stock: again.left.get(), seeded, carts };
console.log(seen);
await again.sync.close();
await rm(place, { recursive: true });
