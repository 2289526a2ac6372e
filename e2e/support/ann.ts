/** Somebody who signs in by name. */

import { ask } from './gateway.ts';

export const PASSWORD = 'the password of ann';

/** What a configuration says of her, apart from her accounts. */
export const ann = (): string => `
[[person]]
name = "ann"
password = "${ask(['hash-password'], PASSWORD)}"
`;

/** A PBX of its own where each of these extensions, number and name, is an account of hers. */
export const severalAccounts = (...extensions: [string, string][]): string => {
  const account = ([number, name]: [string, string]) => `
[[extension]]
number = "${number}"
name = "${name}"
secret = "secret of ${number}"

[[account]]
person = "ann"
user = "${number}"
`;
  return `
[switch]
domain = "own.example"
${ann()}${extensions.map(account).join('')}`;
};
