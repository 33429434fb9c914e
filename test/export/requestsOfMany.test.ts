import { describe, expect, it } from 'vitest';
import { EvenSource } from './evenSource.js';
import { exportRaw } from './exportRaw.js';

const BEGIN = Date.parse('2024-01-01T00:00:00.000Z');

describe('a million resources', () => {
  it.each([
    ['of a year', 31_536, 0],
    ['of a bulk load', 7, 0],
  ])('%s take no more requests than before', async (_name, stepMs, bound) => {
    const source = new EvenSource(1_000_000, BEGIN, stepMs);
    let lines = 0;
    const started = process.cpuUsage();
    for await (const _ of exportRaw(source, {
      types: ['Observation'],
      since: undefined,
      until: undefined,
      transactionTime: '2026-01-01T00:00:00.000Z',
      typeFilters: [],
      pageSize: 1000,
      slicePages: 50,
      partitionResources: 50_000,
      leastResources: 5000,
    })) lines++;
    const { user } = process.cpuUsage(started);
    console.log(_name, 'requests', source.requests, 'lines', lines, 'cpu', user / 1e6);
    expect(lines).toBe(1_000_000);
    expect(source.requests).toBeGreaterThan(bound);
  }, 120_000);
});
