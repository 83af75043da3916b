import { join } from 'node:path';
import ts from 'typescript';
import { REPOSITORY } from '../docs/markdown.js';

/** Compiles pieces of code together, each as a file of its own in this folder; gives what the compiler says of each. */
export function typeErrorsOf(pieces: Readonly<Record<string, string>>): Map<string, string> {
  const texts = new Map(
    Object.entries(pieces).map(([name, text]) => [join(REPOSITORY, 'tests/types', `${name}.ts`), text]),
  );
  const { config } = ts.readConfigFile(join(REPOSITORY, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, REPOSITORY);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.getSourceFile = (path, ...rest) => {
    const text = texts.get(path);
    return text === undefined
      ? getSourceFile(path, ...rest)
      : ts.createSourceFile(path, text, ts.ScriptTarget.ES2023);
  };
  const program = ts.createProgram([...texts.keys()], options, host);
  const errors = new Map<string, string>();
  for (const [name, path] of Object.keys(pieces).map(
    (each, index) => [each, [...texts.keys()][index] as string] as const,
  )) {
    const found = program.getSemanticDiagnostics(program.getSourceFile(path));
    errors.set(
      name,
      found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')).join('\n'),
    );
  }
  return errors;
}
