// Takes out of a WebAssembly file what only debuggers read: its custom sections, names of functions above all.

export function slim(bytes) {
  const kept = [bytes.subarray(0, 8)];
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const section = bytes[at++];
    const size = number();
    at += size;
    if (section !== 0) kept.push(bytes.subarray(start, at));
  }
  return Buffer.concat(kept);
}
