// Tells whether a changed source still compiles. The program is built once; for each change only one file is checked again.
import { join } from 'node:path';
import ts from 'typescript';

/**
 * @param {string} root The folder that holds `src` and `tsconfig.json`.
 * @returns {(mutant: import('./mutants.mjs').Mutant) => boolean}
 */
export function createTypeCheck(root) {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  // What is no longer used after a change, for instance a method without its only call, is still run.
  const unused = { noUnusedLocals: false, noUnusedParameters: false };
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    { ...config, include: ['src'] },
    ts.sys,
    root,
    unused,
  );
  const changed = { file: undefined, text: undefined, version: 0 };
  const service = ts.createLanguageService(createHost(root, options, fileNames, changed));
  return ({ path, text }) => {
    Object.assign(changed, { file: join(root, path), text, version: changed.version + 1 });
    return (
      service.getSyntacticDiagnostics(changed.file).length === 0 &&
      service.getSemanticDiagnostics(changed.file).length === 0
    );
  };
}

function createHost(root, options, fileNames, changed) {
  const read = (file) => (file === changed.file ? changed.text : ts.sys.readFile(file));
  return {
    ...ts.sys,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    readFile: read,
    getScriptFileNames: () => fileNames,
    getScriptVersion: (file) => (file === changed.file ? `changed ${changed.version}` : 'unchanged'),
    getScriptSnapshot: (file) => {
      const text = read(file);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => root,
    getCompilationSettings: () => options,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
  };
}
