// Words of a command line that somebody is to copy.

/** A word as a POSIX shell takes it, in quotes only where it needs them. */
export function word(text) {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
