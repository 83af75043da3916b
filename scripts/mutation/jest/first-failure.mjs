// Jest's reporter, for one process: prints the first test that fails and ends the process, in the middle of its file.
export default class FirstFailure {
  onTestCaseResult(test, { status, fullName }) {
    if (status === 'failed') end(test, fullName);
  }

  /** A file that cannot be loaded, or whose hooks fail, has no failed test. */
  onTestFileResult(test, { numFailingTests, testExecError }) {
    if (numFailingTests > 0 || testExecError) end(test, 'the whole file');
  }
}

function end({ path }, title) {
  process.stdout.write(`${JSON.stringify({ path, title })}\n`, () => process.exit(1));
}
