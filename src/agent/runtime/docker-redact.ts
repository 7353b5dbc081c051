/** Names of variables whose values no log and no record may show. */
const SECRET_NAME = /PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|_KEY$|_AUTH$|_URL$|DSN/i;
/** Shorter values would hide common words instead. */
const MIN_SECRET_LENGTH = 4;
const HIDDEN = '[hidden]';

/**
 * Gives the function that takes secrets out of a text: the values of those variables of `env` that are named like
 * one, and whatever stands as a password in a URL. Pure.
 */
export function redactor(env: Readonly<Record<string, string>>): (text: string) => string {
  const secrets = Object.entries(env)
    .filter(([name, value]) => SECRET_NAME.test(name) && value.length >= MIN_SECRET_LENGTH)
    .map(([, value]) => value)
    .sort((a, b) => b.length - a.length);
  return (text) => {
    let plain = text;
    for (const secret of secrets) plain = plain.replaceAll(secret, HIDDEN);
    return plain.replace(/(:\/\/[^\s:@/]*:)[^\s@/]+@/g, `$1${HIDDEN}@`);
  };
}
