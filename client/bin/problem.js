// What ends a command: a sentence for the reader and an exit code, without a stack trace.

/** The exit code where a command was used wrongly; nothing was done. */
export const WRONG_USE = 2;

/** A reason to end. Its code is 1, for what could not be done, unless said. */
export class Problem extends Error {
  constructor(message, code = 1) {
    super(message);
    this.name = "Problem";
    this.code = code;
  }
}
