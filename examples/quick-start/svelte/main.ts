/** Mounts the Svelte page. */
import { mount } from "svelte";
import Visitors from "./visitors.svelte";

mount(Visitors, { target: document.getElementById("page") as HTMLElement });
