import { expect, it } from 'vitest';

import { area, bars, roundUp } from './chart';

it('rounds the axis up to a round number', () => {
  expect([0, 0.7, 7, 11, 1234, 9.99e9].map(roundUp)).toEqual([1, 0.8, 8, 15, 1500, 10e9]);
});

it('draws inside its frame', () => {
  const frame = { width: 100, height: 50 };
  expect(area([0, 5, 10], 10, frame).line).toBe('M0.0 50.0L50.0 25.0L100.0 0.0');
  expect(area([5], 10, frame).line).toBe('M0 25.0L100.0 25.0');
  for (const bar of bars([0, 3, 99], 10, frame, () => 2)) {
    expect(bar.x).toBeGreaterThanOrEqual(0);
    expect(bar.x + bar.width).toBeLessThanOrEqual(100);
    expect(bar.y).toBeGreaterThanOrEqual(0);
    expect(bar.height).toBeGreaterThanOrEqual(2);
  }
});
