/** The script of the plain page: it makes the tags known and says where the server is. */
import { defineElements, type SenteClient } from "sente-sync/element";
import { showLine } from "../shared/line.ts";
import { nameOfWindow } from "../shared/names.ts";

const me = nameOfWindow();

// #region script
defineElements();
const element = document.querySelector("sente-client") as SenteClient;
element.setAttribute("url", `/presence/chsk?name=${encodeURIComponent(me)}`);
// #endregion
const { client } = element;
if (client) showLine(client); // the badge in the header
