// Jest's sequencer: test files run in the order in which they were given.
export default class GivenOrder {
  sort(tests) {
    return tests;
  }

  cacheResults() {}
}
