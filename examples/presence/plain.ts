/** The script of the plain page: it makes the tags known and says where the server is. */
import { defineElements, type SenteClient } from "sente-sync/element";
import { nameOfWindow } from "../chat/me.ts";
import { showLine } from "../shared/line.ts";

const me = nameOfWindow();

// #region script
defineElements();
const element = document.querySelector("sente-client") as SenteClient;
element.setAttribute("url", `/presence/chsk?name=${encodeURIComponent(me)}`);
// #endregion
const { client } = element;
if (client) showLine(client); // the badge in the header
