import { jest } from '@jest/globals';
import { LazyModule } from '../../src/lifecycle/lazy-module.js';

/** Has the module be as it is in a new process, and loaded when `open` is called; until the mocks are restored. */
export function holdBack(module: LazyModule<unknown>): { open: () => void; fail: (error: Error) => void } {
  let gate!: { open: () => void; fail: (error: Error) => void };
  const opened = new Promise<void>((resolve, reject) => {
    gate = { open: resolve, fail: reject };
  });
  let isOpen = false;
  const loaded = jest.spyOn(module, 'loaded', 'get').mockImplementation(() => undefined);
  jest.spyOn(module, 'load').mockImplementation(async () => {
    if (!isOpen) await opened;
    isOpen = true;
    loaded.mockRestore();
    return await LazyModule.prototype.load.call(module);
  });
  return gate;
}
