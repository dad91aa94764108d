/** The whiteboard's server: it keeps the boards, judges what is written, and says who is here. */
import { SyncError } from "sente-sync";
import { createServer, presence, shared } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import * as v from "valibot";
import { readName } from "../shared/names.ts";
import { folderOfProcess, type Running } from "../shared/running.ts";
import { maxShapes, people, shapeSchema, whiteboard } from "./contract.ts";
import { firstDrawing } from "./first.ts";
import { isWhole } from "./shapes.ts";

/** Ids of the shapes that were written; undefined: all of them. */
function idsOf(changes: readonly { readonly path: readonly string[] }[]): Set<string> | undefined {
  const ids = new Set<string>();
  for (const { path } of changes) {
    if (path[0] !== "shapes" || path[1] === undefined) return undefined;
    ids.add(path[1]);
  }
  return ids;
}

export function start(path = folderOfProcess("whiteboard"), seed = firstDrawing): Running {
  // #region serve
  const sync = createServer({
    storage: folder(path), // the boards outlive their server
    authenticate({ url }) {
      const id = readName(url.searchParams.get("name"));
      return id === null ? null : { id };
    },
  });
  const boards = shared(sync, whiteboard, {
    seed,
    validate({ next, changes }) {
      const ids = idsOf(changes);
      if (!ids) throw new SyncError("forbidden", "Shapes are written one by one.");
      if (Object.keys(next.shapes).length > maxShapes) throw new SyncError("limit", `A board has at most ${maxShapes} shapes.`);
      for (const id of ids) {
        const shape = next.shapes[id];
        if (isWhole(shape) && !v.is(shapeSchema, shape)) throw new SyncError("invalid", "That is no shape.");
      }
    },
    // Moved here, deleted there: what is left of a shape is swept up.
    onChange({ params, changes, value }) {
      const left = [...(idsOf(changes) ?? [])].filter((id) => value.shapes[id] && !isWhole(value.shapes[id]));
      if (left.length) void boards.open(params).then((board) => left.forEach((id) => board.delete(["shapes", id])));
    },
  });
  presence(sync, people, {
    onUpdate: ({ data, user }) => ({ ...data, name: user.id ?? data.name }), // nobody goes by another's name
  });
  // #endregion
  return { sync, close: () => sync.close() };
}
