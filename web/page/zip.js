// A zip archive of files as they are: those of many scans are saved at one go, for a browser asks before each of several.

// Names are UTF-8.
const FLAGS = 0x0800;
const VERSION_NEEDED = 20;
// Larger archives, and those of more files, need another layout.
const MOST_BYTES = 2 ** 32 - 1;
const MOST_FILES = 2 ** 16 - 1;

const CRCS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

function checksum(bytes) {
  let crc = ~0;
  for (const byte of bytes) crc = CRCS[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// Numbers of two or four bytes, `[size, value]` each.
function packed(numbers) {
  const view = new DataView(new ArrayBuffer(numbers.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of numbers) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return view;
}

// Time and date as zip archives have them, by the local clock.
function stamp(when) {
  const time = (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1);
  const date = ((when.getFullYear() - 1980) << 9) | ((when.getMonth() + 1) << 5) | when.getDate();
  return [[2, time], [2, date]];
}

// The same files with names that differ even where capital letters are as small ones: later ones get a number.
export function distinct(files) {
  const taken = new Set();
  return files.map(([name, buffer]) => {
    let own = name;
    for (let number = 2; taken.has(own.toLowerCase()); number++) own = `${number}_${name}`;
    taken.add(own.toLowerCase());
    return [own, buffer];
  });
}

// The archive of `[name, bytes]`, `bytes` an ArrayBuffer.
export function zip(files, when = new Date()) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, buffer] of files) {
    const bytes = new Uint8Array(buffer);
    const path = new TextEncoder().encode(name);
    const common = [
      [2, VERSION_NEEDED], [2, FLAGS], [2, 0], ...stamp(when),
      [4, checksum(bytes)], [4, bytes.length], [4, bytes.length], [2, path.length], [2, 0],
    ];
    // No comment, first disk, no attributes.
    const more = [[2, 0], [2, 0], [2, 0], [4, 0], [4, offset]];
    parts.push(packed([[4, 0x04034b50], ...common]), path, bytes);
    directory.push(packed([[4, 0x02014b50], [2, VERSION_NEEDED], ...common, ...more]), path);
    offset += 30 + path.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.byteLength, 0);
  if (offset + size > MOST_BYTES || files.length > MOST_FILES) throw new Error("these files are too many or too large for one archive");
  const end = packed([[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
