/** Mounts the Svelte page. */
import { mount } from "svelte";
import Plan from "./plan.svelte";

mount(Plan, { target: document.getElementById("page") as HTMLElement });
