/** Mounts the Svelte page. */
import { mount } from "svelte";
import Board from "./whiteboard.svelte";

mount(Board, { target: document.getElementById("page") as HTMLElement });
