/**
 * The application's own types, told once and known everywhere:
 *
 *   declare module "sente-sync" { interface Register { user: { id: string; name: string }; events: typeof events } }
 */
import type { AnyEvents, Events } from "./events.ts";

// biome-ignore lint/suspicious/noEmptyInterface: users add to it by declaration merging
export interface Register {}

/** What `authenticate` returns; everybody else is anonymous. */
export interface DefaultUser {
  readonly id: string;
  readonly anonymous?: boolean;
  readonly name?: string;
}

export type User = Register extends { user: infer U } ? U : DefaultUser;

/** The events that hooks know without being told. */
export type RegisteredEvents = Register extends { events: infer E extends Events } ? E : AnyEvents;
