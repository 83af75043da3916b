// Jest's environment for Node, which forgets the contexts of a test file once the file is done.
//
// Jest runs every test in an AsyncLocalStorage that belongs to its file and is never given up, and Node up to 22 copies
// the value of each one in use into every promise that is made. So without this each file makes all later ones of the
// same process slower, those with many promises most, and keeps its own memory alive.
import { AsyncLocalStorage } from 'node:async_hooks';
import { TestEnvironment } from 'jest-environment-node';

const used = new Set();

for (const name of ['run', 'enterWith']) {
  const original = AsyncLocalStorage.prototype[name];
  AsyncLocalStorage.prototype[name] = function (...args) {
    used.add(this);
    return original.apply(this, args);
  };
}

export default class ForgettingEnvironment extends TestEnvironment {
  async teardown() {
    for (const storage of used) storage.disable();
    used.clear();
    await super.teardown();
  }
}
