// Shapes of the charts, in the units of their view box.

/** A round number at or above `value`, for the top of an axis. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const magnitude = 10 ** Math.floor(Math.log10(value));
  const lead = value / magnitude;
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((candidate) => lead <= candidate) ?? 10;
  return step * magnitude;
}

export interface Frame {
  width: number;
  height: number;
}

/** A line through the values and the area below it, from the left edge to the right. */
export function area(values: number[], top: number, { width, height }: Frame): { line: string; fill: string; last: { x: number; y: number } } {
  const x = (at: number) => (values.length < 2 ? width : (at * width) / (values.length - 1));
  const y = (value: number) => height - (Math.min(value, top) / top) * height;
  const points = values.map((value, at) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
  if (values.length === 1) points.unshift(`0 ${y(values[0] ?? 0).toFixed(1)}`);
  const line = `M${points.join('L')}`;
  return {
    line,
    fill: `${line}L${String(width)} ${String(height)}L0 ${String(height)}Z`,
    last: { x: x(values.length - 1), y: y(values[values.length - 1] ?? 0) },
  };
}

export interface Bar {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Bars side by side; one that is there at all can be seen, one that tells of a failure well. */
export function bars(values: number[], top: number, { width, height }: Frame, least: (at: number) => number = () => 0): Bar[] {
  const slot = Math.min(width / Math.max(values.length, 1), 28);
  const start = width - slot * values.length;
  return values.map((value, at) => {
    const tall = Math.max((Math.min(value, top) / top) * height, least(at));
    return { x: start + at * slot + slot * 0.14, y: height - tall, width: slot * 0.72, height: tall };
  });
}
