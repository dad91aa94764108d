/** The guide to testing: what is your own, held to its contract under node:test. */
// #region transport
import { test } from "node:test";
import { connectorContractSuite, type Recorder, realTime, record, transportContractSuite } from "sente-sync/testing";
import { memoryConnector, memoryPair } from "sente-sync/transports/memory"; // yours in its place

const transports = transportContractSuite(
  () => {
    const [client, server] = memoryPair(); // the two ends of an open connection
    return { client, server, ...realTime };
  },
  { pauses: ["client", "server"] },
);

const connectors = connectorContractSuite(() => {
  const accepted: Recorder[] = []; // what a server got
  const connector = memoryConnector((transport) => accepted.push(record(transport)));
  return { connector, url: "memory:", accepted, ...realTime };
});

for (const { name, run } of [...transports, ...connectors]) await test(name, run);
// #endregion
