import qrcode from 'qrcode-generator';

const QUIET = 4;

/** A QR code as one SVG path on a square of `size` modules, with the quiet zone around it. */
export function qrPath(text: string): { size: number; path: string } {
  const code = qrcode(0, 'M');
  code.addData(text, 'Byte');
  code.make();
  const count = code.getModuleCount();
  let path = '';
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1) {
      if (!code.isDark(row, column)) continue;
      let length = 1;
      while (column + length < count && code.isDark(row, column + length)) length += 1;
      path += `M${String(column + QUIET)} ${String(row + QUIET)}h${String(length)}v1h-${String(length)}z`;
      column += length;
    }
  }
  return { size: count + 2 * QUIET, path };
}
