/**
 * The contract of connectors: what everything that opens a transport keeps.
 * Rules: docs/protocol/transports.md TRANSPORT8.
 */
import { type ContractTest, equal, suiteIn } from "./suite.ts";
import { type ConnectorWorld, record } from "./transport-world.ts";

/** Tests of a `Connector`. `refusedUrl`: where nobody listens, if the connector can be refused. */
export function connectorContractSuite(
  create: () => ConnectorWorld | Promise<ConnectorWorld>,
  refusedUrl?: string,
): readonly ContractTest[] {
  const connect = async (url?: string) => {
    const world = await create();
    const said: string[] = [];
    const opening = world.connector.open(url ?? world.url, {
      onOpen(transport) {
        said.push("open");
        record(transport);
      },
      onFail: () => said.push("fail"),
    });
    return {
      said,
      opening,
      closes: () => world.accepted.map(({ closes }) => closes),
      until: (done: () => boolean) => world.until(done),
      settle: () => world.settle(),
      dispose: () => world.dispose?.(),
    };
  };
  const opened = suiteIn(connect, {
    "TRANSPORT8 it says once that it opened, never at once": async ({ said, until, settle }) => {
      equal(said, []);
      await until(() => said.length > 0);
      await settle();
      equal(said, ["open"]);
    },

    "TRANSPORT8 a cancelled open says nothing and leaves nothing open": async ({ said, opening, closes, settle }) => {
      opening.cancel();
      opening.cancel();
      await settle();
      equal(said, []);
      equal(
        closes().filter(({ length }) => length !== 1),
        [],
        "connections that were not closed once",
      );
    },

    "TRANSPORT8 cancelling after it opened changes nothing": async ({ said, opening, closes, until, settle }) => {
      await until(() => said.length > 0);
      opening.cancel();
      await settle();
      equal([said, closes()], [["open"], [[]]]);
    },
  });
  const refused = suiteIn(() => connect(refusedUrl), {
    "TRANSPORT8 it says once that it was refused, never at once": async ({ said, until, settle }) => {
      equal(said, []);
      await until(() => said.length > 0);
      await settle();
      equal(said, ["fail"]);
    },
  });
  return refusedUrl === undefined ? opened : [...opened, ...refused];
}
