/** Mounts the Svelte page. */
import { mount } from "svelte";
import SignUp from "./sign-up.svelte";

mount(SignUp, { target: document.getElementById("page") as HTMLElement });
