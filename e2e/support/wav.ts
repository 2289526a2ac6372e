/** Sound that can be told from any other. */

/** A steady tone, as a WAV file of 8000 samples a second. */
export function tone(frequency: number, seconds: number): Buffer {
  const rate = 8000;
  const length = Math.round(rate * seconds);
  const samples = Buffer.alloc(length * 2);
  for (let at = 0; at < length; at += 1) {
    samples.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * frequency * at) / rate)), at * 2);
  }
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}
