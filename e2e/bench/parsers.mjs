/**
 * The parsers that run under Node, for the benchmark `parse` of shared/sip: told in a line how often to
 * take which message with which parser, answers in a line the microseconds per time.
 *
 * Each reads a message, looks at what an agent needs and writes it. The libraries keep what a message
 * was read from and give that back when asked to write it; ours is written anew.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Parser as SipJs } from 'sip.js/lib/core/messages/parser.js';

const require = createRequire(import.meta.url);
const JsSip = require('jssip/lib/Parser.js');

const [messages, wasm] = process.argv.slice(2);
const { through } = require(path.join(wasm, 'parse_wasm.js'));
const read = (name) => readFileSync(path.join(messages, `${name}.sip`), 'utf8');
const silent = { log() {}, warn() {}, error() {}, debug() {} };

/** What both libraries offer alike. */
function looked(message, fromTag) {
  assert(message.via.branch);
  for (let hop = 1; hop < message.getHeaders('via').length; hop += 1) assert(message.parseHeader('via', hop).branch);
  assert(fromTag);
  assert(message.parseHeader('to'));
  assert(message.parseHeader('cseq').value > 0);
  assert(message.parseHeader('contact').uri);
  if (message.hasHeader('content-type')) assert(message.parseHeader('content-type'));
  for (let hop = 0; hop < message.getHeaders('record-route').length; hop += 1) assert(message.parseHeader('record-route', hop));
  assert(message.getHeader('allow').includes('BYE'));
  assert(message.getHeader('supported').includes('outbound'));
  return message.toString();
}

const parsers = {
  'sidetone in wasm': through,
  JsSIP: (text) => {
    const message = JsSip.parseMessage(text, {});
    return looked(message, message.from_tag);
  },
  'SIP.js': (text) => {
    const message = SipJs.parseMessage(text, silent);
    return looked(message, message.fromTag);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [, calls, name, parser] = /^(\d+) (\w+) (.+)$/.exec(line);
  const text = read(name);
  const parse = parsers[parser];
  let written = 0;
  const start = performance.now();
  for (let call = 0; call < Number(calls); call += 1) written += parse(text).length;
  const micros = ((performance.now() - start) * 1000) / Number(calls);
  assert(written >= text.length * 0.9 * Number(calls));
  console.log(micros);
}
