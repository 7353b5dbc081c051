const SECRET_WORDS =
  /(?:^|[^a-z])(?:password|passwd|passphrase|secret|token|credentials?|private.?key|api.?key|auth)(?![a-z])/i;
/** `NAME=value` in a command line, an option or a query; what is taken from elsewhere is no value. */
const ASSIGNMENT = /([\w.-]+)=([^\s&"'$/][^\s&"']*)/g;
const USER_IN_URL = /\/\/[^/@\s"]*@/g;

/** Does a variable, label or path name something that nobody may read? Names of files with secrets do not. */
export function isSecretName(name: string): boolean {
  return SECRET_WORDS.test(name) && !/_FILE(?:$|[^A-Za-z])/i.test(name);
}

/** Does a text give a value to such a name? */
export function assignsSecret(text: string): boolean {
  return [...text.matchAll(ASSIGNMENT)].some(([, name = '']) => isSecretName(name));
}

/** The text without such values and without users and passwords in URLs. */
export function withoutSecrets(text: string): string {
  return text
    .replace(USER_IN_URL, '//…@')
    .replace(ASSIGNMENT, (all, name: string) => (isSecretName(name) ? `${name}=…` : all));
}
