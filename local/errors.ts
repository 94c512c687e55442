/** Something about the local environment that its user can put right; the message says what, in one line. */
export class LocalError extends Error {}
