/** Mounts the Svelte page. */
import { mount } from "svelte";
import Dashboard from "./dashboard.svelte";

mount(Dashboard, { target: document.getElementById("page") as HTMLElement });
