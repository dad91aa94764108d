/** Mounts the Svelte page. */
import { mount } from "svelte";
import Board from "./board.svelte";

mount(Board, { target: document.getElementById("page") as HTMLElement });
