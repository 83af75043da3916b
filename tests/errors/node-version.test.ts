import { expect, test } from '@jest/globals';
import { nodeVersionProblem } from '../../src/errors/node-version.js';

test.each(['14.21.3', '18.20.8', '20.18.9'])(
  'Node.js %s is too old, and the message says what is needed',
  (version) => {
    expect(nodeVersionProblem(version)).toMatch(`needs Node.js 20.19 or newer; this is Node.js ${version}.`);
  },
);

test.each(['20.19.0', '22.0.0', '26.1.0'])('Node.js %s is supported', (version) => {
  expect(nodeVersionProblem(version)).toBeUndefined();
});
